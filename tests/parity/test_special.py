"""torch.special: names, names of nodes, and extreme values, which PyTorch's list does not reach."""

import itertools

import numpy as np
import pytest

import dynagrad

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

WITHOUT_HALVES = "erfcx log_ndtr ndtri".split()
PAIRS = "gammainc gammaincc xlogy xlog1py zeta".split()
SINGLE = (
    "digamma entr erf erfc erfinv exp2 expit expm1 gammaln i0 i0e i1 i1e log1p logit ndtr psi "
    "sinc modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 "
    "scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0"
).split() + WITHOUT_HALVES
POLYNOMIALS = [name for name in dir(dynagrad.special) if "polynomial" in name]

ENDS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 30.0, -30.0, 800.0]
ENDS += [float("inf"), float("-inf"), float("nan")]


def called(library, name, dtype, *values):
    tensors = [library.tensor(v, dtype=getattr(library, dtype)) for v in values]
    return getattr(library.special, name)(*tensors).double().numpy()


def test_every_name_is_there():
    foreign = {"Tensor", "torch", "common_args", "multi_dim_common"}
    names = {name for name in dir(torch.special) if not name.startswith("_")} - foreign
    assert names == set(dynagrad.special.__all__)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SINGLE)
def test_ends(name, dtype):
    mine, other = (called(library, name, dtype, ENDS) for library in (dynagrad, torch))
    # PyTorch's ndtr is 0 far below 0, where this library's has all its digits
    allowed = 1e-16 if name == "ndtr" else 0
    np.testing.assert_allclose(
        mine, other, rtol=2e-6 if dtype == "float32" else 1e-12, atol=allowed
    )


@pytest.mark.parametrize("name", PAIRS)
def test_ends_of_pairs(name):
    first, second = zip(*itertools.product(ENDS, ENDS), strict=True)
    if name == "zeta":  # PyTorch's sum with an infinite argument is nan, not 0
        kept = [pair for pair in zip(first, second, strict=True) if np.inf not in pair]
        first, second = zip(*kept, strict=True)
    mine, other = (called(lib, name, "float64", first, second) for lib in (dynagrad, torch))
    # PyTorch's incomplete gamma functions miss by 1e-9 where both arguments are equal
    np.testing.assert_allclose(mine, other, rtol=1e-8 if "gammainc" in name else 1e-12, atol=1e-300)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_degrees(name):
    x, n = zip(*itertools.product([*ENDS[:8], 0.3, 0.9, -0.7], range(-2, 13)), strict=True)
    degrees = [float(k) + 0.5 * (k > 3) for k in n]
    mine, other = (called(lib, name, "float64", x, degrees) for lib in (dynagrad, torch))
    np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-11)


def node_of(library, name):
    x = library.tensor([0.3, 0.6], requires_grad=True)
    function = getattr(library.special, name)
    result = function(x, x.detach() + 1) if name in PAIRS else function(x)
    return result.grad_fn and result.grad_fn.name()


@pytest.mark.parametrize("name", [*SINGLE, *PAIRS])
def test_names_of_nodes(name):
    assert node_of(dynagrad, name) == node_of(torch, name)


@pytest.mark.parametrize("name", ["xlog1py", "zeta"])
def test_names_of_nodes_with_numbers(name):
    for numbers in ((True, False), (False, True)):
        names = []
        for library in (dynagrad, torch):
            x = library.tensor([1.5, 2.0], requires_grad=True)
            args = [1.25 if number else x for number in numbers]
            names.append(getattr(library.special, name)(*args).grad_fn.name())
        assert names[0] == names[1]


@pytest.mark.parametrize("name", [*WITHOUT_HALVES, *POLYNOMIALS, "bessel_j0", "zeta"])
def test_halves_are_refused(name):
    two = name in PAIRS or name in POLYNOMIALS
    for library in (dynagrad, torch):
        x = library.ones(2, dtype=library.float16)
        with pytest.raises(NotImplementedError, match=f"\"{name}_cpu\" not implemented for 'Half'"):
            getattr(library.special, name)(*(x, x)[: 1 + two])
