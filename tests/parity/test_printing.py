"""Tensor printing against PyTorch's, on random values, shapes, dtypes, options and suffixes."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dynagrad.functions import printing

torch = pytest.importorskip("torch")

NUMPY_DTYPES = [
    "float32",
    "float64",
    "float16",
    "complex64",
    "complex128",
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
]
NARROW_DTYPES = ["bfloat16", "float8_e4m3fn", "float8_e5m2"]


@pytest.fixture(autouse=True)
def _default_options():
    yield
    printing.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)


def dtype_name(tensor):
    return str(tensor.dtype).removeprefix("torch.")


def to_array(tensor):
    """The tensor's values as an array; narrow dtypes as ml_dtypes' arrays of the same bits."""
    tensor = tensor.detach()
    if dtype_name(tensor) not in NARROW_DTYPES:
        return tensor.resolve_neg().resolve_conj().numpy()
    ml_dtypes = pytest.importorskip("ml_dtypes")
    bits = tensor.view(torch.int16 if tensor.itemsize == 2 else torch.int8)
    return bits.numpy().view(getattr(ml_dtypes, dtype_name(tensor)))


def ours(tensor, prefix="tensor("):
    suffixes = printing.suffixes_for(
        dtype_name(tensor),
        str(torch.get_default_dtype()).removeprefix("torch."),
        tensor.shape,
        requires_grad=tensor.requires_grad,
        grad_fn_name=type(tensor.grad_fn).__name__ if tensor.grad_fn else None,
    )
    return printing.format_tensor(to_array(tensor), suffixes=suffixes, prefix=prefix)


@contextlib.contextmanager
def options(**given):
    torch.set_printoptions(**given)
    printing.set_printoptions(**given)
    yield
    torch.set_printoptions(profile="default")
    printing.set_printoptions(profile="default")


def random_values(rng, shape, dtype):
    """Values that bring out every notation: some whole, some huge, some tiny, some special."""
    size = math.prod(shape)
    if dtype == "bool":
        return torch.from_numpy(np.asarray(rng.random(shape) < 0.5))
    if "int" in dtype:
        info = torch.iinfo(getattr(torch, dtype))
        top = info.max if rng.random() < 0.3 else min(info.max, 10 ** int(rng.integers(1, 6)))
        low = 0 if info.min == 0 or rng.random() < 0.3 else max(info.min, -top)
        values = rng.integers(low, top, shape, dtype=dtype, endpoint=True)
        return torch.from_numpy(np.asarray(values))
    if dtype.startswith("complex"):
        real = random_values(rng, shape, "float64")
        return torch.complex(real, random_values(rng, shape, "float64")).to(getattr(torch, dtype))
    values = rng.standard_normal(size) * 10.0 ** rng.integers(-6, 10)
    notation = rng.integers(4)
    if notation == 0:
        values = np.round(values)
    elif notation == 1:
        values *= 10.0 ** rng.uniform(-3, 3, size)
    elif notation == 2:
        values = rng.uniform(-1, 1, size) * rng.choice([1, 10, 500])
    special = rng.random(size) < rng.choice([0, 0, 0.1, 1])
    values[special] = rng.choice([0, -0.0, np.inf, -np.inf, np.nan, 1], special.sum())
    return torch.from_numpy(values.reshape(shape)).to(getattr(torch, dtype))


def random_shape(rng):
    ndim = rng.choice([0, 1, 1, 2, 2, 3, 4, 5])
    return tuple(rng.choice([0, 1, 2, 3, 5, 6, 7, 20], ndim, p=[0.02, *[0.14] * 7]).tolist())


@pytest.mark.parametrize("dtype", NUMPY_DTYPES + NARROW_DTYPES)
def test_random_arrays(dtype):
    rng = np.random.default_rng([20, len(dtype), *dtype.encode()])
    for _ in range(60):
        tensor = random_values(rng, random_shape(rng), dtype)
        assert ours(tensor) == repr(tensor)


@pytest.mark.parametrize("seed", range(4))
def test_random_arrays_under_random_options(seed):
    rng = np.random.default_rng([21, seed])
    for _ in range(150):
        dtype = rng.choice(NUMPY_DTYPES)
        tensor = random_values(rng, random_shape(rng), str(dtype))
        chosen = {
            "precision": int(rng.choice([0, 1, 2, 4, 8, 17])),
            "threshold": float(rng.choice([0, 10, 100, 1000])),
            "edgeitems": int(rng.choice([0, 1, 2, 3, 5])),
            "linewidth": int(rng.choice([0, 20, 40, 79, 80, 81, 200])),
            "sci_mode": [None, True, False][rng.integers(3)],
        }
        with options(**chosen):
            assert ours(tensor) == repr(tensor), chosen


@pytest.mark.parametrize("shape", [(1001,), (7, 1000), (2, 2, 2000), (1, 1, 30, 40), (9, 8, 7, 6)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "complex64", "bool"])
def test_summaries(shape, dtype):
    rng = np.random.default_rng(22)
    tensor = random_values(rng, shape, dtype)
    assert ours(tensor) == repr(tensor)
    assert ours(tensor.mT if tensor.ndim > 1 else tensor) == repr(
        tensor.mT if tensor.ndim > 1 else tensor
    )


@pytest.mark.parametrize("default", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("dtype", NUMPY_DTYPES + NARROW_DTYPES)
def test_when_the_dtype_is_named(default, dtype):
    torch.set_default_dtype(getattr(torch, default))
    for shape in [(), (2,), (0,), (0, 3), (2, 0)]:
        tensor = torch.ones(shape).to(getattr(torch, dtype))
        assert ours(tensor) == repr(tensor)
        if tensor.is_floating_point() and dtype not in NARROW_DTYPES[1:]:
            tensor.requires_grad_()
            assert ours(tensor) == repr(tensor)
            assert ours(tensor * 2) == repr(tensor * 2)


@pytest.mark.parametrize("ndim", [0, 1, 2])
def test_suffixes_break_at_the_same_column(ndim):
    class Identity(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return g

    named = [type("F" * length, (Identity,), {}) for length in range(1, 70)]
    leaf = torch.full((2,) * ndim, 0.5, dtype=torch.float64, requires_grad=True)
    # So long a size breaks the line, and two suffixes follow on the new one.
    empty = torch.ones((0, *[1] * (18 + ndim)), dtype=torch.float64, requires_grad=True)
    for function in named:
        for tensor in (function.apply(leaf), function.apply(empty)):
            assert ours(tensor) == repr(tensor)
    for count in range(1, 40):
        leaf = torch.arange(count) / 3
        leaf = leaf.reshape(*[1] * ndim, count).requires_grad_()
        assert ours(leaf) == repr(leaf)
        assert ours(leaf.double()) == repr(leaf.double())


def test_a_subclass_indents_by_its_name():
    class My(torch.Tensor):
        pass

    for shape in [(30,), (3, 4), (2, 0), ()]:
        tensor = torch.ones(shape, dtype=torch.float64).as_subclass(My)
        assert ours(tensor, prefix="My(") == repr(tensor)
        parameter = torch.nn.Parameter(tensor)
        assert f"Parameter({ours(parameter, prefix='My(')})" == repr(parameter)


def test_dual_tensors_print_their_tangent():
    forward_ad = torch.autograd.forward_ad
    for shape in [(2,), (20,), (3, 40)]:
        primal, tangent = torch.ones(shape), torch.full(shape, 0.3)
        with forward_ad.dual_level():
            expected = repr(forward_ad.make_dual(primal, tangent))
        suffixes = printing.suffixes_for("float32", "float32", shape, tangent=ours(tangent))
        assert printing.format_tensor(primal.numpy(), suffixes=suffixes) == expected


def test_meta_tensors():
    for shape, dtype in [((2, 3), "float32"), ((0,), "float64"), ((), "int64")]:
        tensor = torch.ones(shape, device="meta", dtype=getattr(torch, dtype))
        suffixes = printing.suffixes_for(dtype, "float32", shape, device="meta")
        text = printing.format_tensor(np.empty(shape), contents="...", suffixes=suffixes)
        assert text == repr(tensor)


def test_tensors_inside_transforms():
    seen = []
    x = torch.arange(6.0).reshape(2, 3)
    torch.vmap(torch.func.grad(lambda row: (seen.append(repr(row)), row.sum())[1]))(x)
    batched = printing.format_wrapped("BatchedTensor", 1, ours(x), bdim=0)
    assert seen == [printing.format_wrapped("GradTrackingTensor", 2, batched)]


def test_format():
    specs = ["", ".3f", "10.2e", "d", ">8", "g", "%", "+", "x", "q"]
    values = [0.1, 3, True, 1 + 2j, math.nan]
    for tensor in [torch.tensor(v) for v in values] + [torch.tensor(0.1, dtype=torch.bfloat16)]:
        for spec in specs:
            try:
                expected = format(tensor, spec)
            except ValueError as error:
                with pytest.raises(ValueError) as caught:
                    printing.format_spec(to_array(tensor), spec, lambda: "")
                assert str(caught.value) == str(error)
            else:
                assert printing.format_spec(to_array(tensor), spec, lambda: "") == expected
    with pytest.raises(TypeError) as theirs:
        format(torch.ones(1), ".2f")
    with pytest.raises(TypeError) as caught:
        printing.format_spec(np.ones(1), ".2f", lambda: "")
    assert str(caught.value).startswith(str(theirs.value))


OPTION_VALUES = {
    "precision": [None, 0, 7],
    "threshold": [None, 5, math.inf],
    "edgeitems": [None, 1],
    "linewidth": [None, 33, 120],
    "profile": [None, "default", "short", "full", "unknown"],
    "sci_mode": [None, True, False],
}
some_options = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in OPTION_VALUES.items()}
)


@given(st.lists(some_options, min_size=1, max_size=4))
@settings(deadline=None, derandomize=True)
def test_options_follow_the_same_calls(calls):
    printing.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")
    for call in calls:
        torch.set_printoptions(**call)
        printing.set_printoptions(**call)
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()


arrays = st.sampled_from(NUMPY_DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    )
)


@given(arrays, st.integers(0, 10), st.integers(10, 90), st.sampled_from([None, True, False]))
@settings(deadline=None, derandomize=True, max_examples=400)
def test_any_array_under_any_option(array, precision, linewidth, sci_mode):
    tensor = torch.from_numpy(array.copy())
    with options(precision=precision, linewidth=linewidth, sci_mode=sci_mode):
        assert ours(tensor) == repr(tensor)
