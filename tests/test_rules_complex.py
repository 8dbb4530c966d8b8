"""Every derivative rule on complex numbers, unless PyTorch's function refuses them: first and
second derivatives, and forward mode, against differences in random complex directions.

The convention is PyTorch's: the gradient of a real L by z = x + iy is dL/dx + i dL/dy, so that the
change of L along dz is Re(conj(gradient) dz).
"""

from typing import Any

import numpy as np
import pytest
from rule_cases import (
    CASES,
    DERIVED,
    Case,
    derived_inputs,
    each,
    gradients,
    inner,
    is_real,
    like,
    moved,
    plain,
    record,
)
from rule_samples import BY_DEFINITION, key_of

from dynagrad.core.carriers.carrier import new_level
from dynagrad.core.carriers.dual import DualLevel, pack, tangent_part
from dynagrad.core.protocols import run_on_tensors
from dynagrad.core.tensor import Tensor, wrap

#: rules of functions that PyTorch refuses for complex numbers
REAL_ONLY = {
    "ordered or rounded numbers": """
        hypot floor ceil trunc round_even frac sign copysign copysign_number divide_rounding
        remainder remainder_number fmod fmod_number nextafter logaddexp2 deg2rad rad2deg arctan2
        maximum minimum fmax fmin clamp clamp_number clamp_low clamp_high round_decimals amax_over
        max_windows max_and_taps
        amin_over aminmax_over maximum_of minimum_of max_along min_along sort topk kth median_along
        nanmedian_along median_of nanmedian_of mode cummax cummin xlogy nansum_over
    """,
    "special functions of real numbers": """
        erf erfc erfinv lgamma digamma polygamma normal_cdf multigammaln i0 i0e i1 i1e erfcx ndtr
        log_ndtr ndtri entr xlog1py frexp
    """,
    "parts of complex numbers, of which there are two real ones": """
        complex_of_parts polar unpaired r2c
    """,
    "activations and losses": """
        relu leaky_relu hardtanh threshold hardsigmoid hardswish hardshrink softshrink prelu rrelu
        elu softplus log_sigmoid mish gelu gelu_tanh gelu_slope glu huber bce bce_logits soft_margin
        multi_margin multilabel_margin nll nll_back floor_through standardize rescale
        log_softmax_back gate safe_softmax attention weight_norm
    """,
    "distances, and places in images": """
        cdist euclidean_dist pdist grid_sample sample_weights bag_max
    """,
    "vectors with a phase of their own, on which the weights of these tests depend": """
        eig
    """,
    "complex numbers take another rule: logaddexp is a composite, sums are sum_over and mean_over, "
    "norms multiply by conj(x)": """
        logaddexp total average signed_power
    """,
}
EXCLUDED = {name: why for why, names in REAL_ONLY.items() for name in names.split()}
#: functions of the Hermitian part of a matrix: differences are taken within Hermitian matrices
HERMITIAN = {"eigh", "cholesky"}
COMPLEX_CASES = [
    case
    for case in CASES
    if key_of(case.rule) not in EXCLUDED
    and key_of(case.rule) not in BY_DEFINITION
    # the largest of complex numbers
    and case.call.metadata.get("reduce") not in ("amax", "amin")
]


def complexified(case: Case, rng: np.random.Generator) -> tuple[Case, list]:
    """The case with complex numbers wherever it has real ones."""
    if key_of(case.rule) in HERMITIAN:
        a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
        return case, [a @ a.conj().T + 3 * np.eye(3)]
    arrays = [
        a + 1j * rng.uniform(0.3, 0.9, a.shape) if is_real(a) else a for a in case.call.drawn(rng)
    ]
    metadata = dict(case.call.metadata)
    if metadata.get("dtype") == np.dtype("float32"):
        metadata["dtype"] = np.dtype("complex64")
    return case._replace(call=case.call._replace(metadata=metadata)), arrays


def takes_complex(case: Case) -> bool:
    _, arrays = complexified(case, np.random.default_rng(0))
    return any(isinstance(a, np.ndarray) and a.dtype.kind == "c" for a in arrays)


#: what does not depend on the phases of eigenvectors and singular vectors, which are arbitrary
def _projections(values: Any, vectors: Any) -> list:
    weights = np.arange(1.0, values._a.shape[-1] + 1)
    return [values, (vectors * wrap(weights)) @ vectors.mH]


def _product(u: Any, s: Any, vh: Any) -> list:
    weights = np.arange(1.0, s._a.shape[-1] + 1)
    return [s, (u * wrap(weights)) @ vh]


DETERMINED = {"eigh": _projections, "svd": _product}


def results(case: Case, arrays: list) -> tuple[list, list[Tensor]]:
    """The inputs as Tensors that require grad, and the results, as far as they are determined."""
    inputs, outs = record(case, arrays)
    if key_of(case.rule) in DETERMINED:
        outs = DETERMINED[key_of(case.rule)](*outs)
    return inputs, outs


def directions(case: Case, rng: np.random.Generator, arrays: list) -> list:
    """A random complex direction for every input with a derivative."""
    wanted = derived_inputs(case, arrays)
    ts = [like(rng, [a])[0] if i in wanted else None for i, a in enumerate(arrays)]
    return [t + t.conj().T for t in ts] if key_of(case.rule) in HERMITIAN else ts


def step_of(case: Case) -> float:
    """The difference quotient of a linear function is exact for any step."""
    return 0.5 if case.rule.kind == "linear" else 1e-6


def agree(analytic: float, numeric: float, scale: float, case: Case) -> None:
    loose = case.call.metadata.get("dtype") == np.dtype("complex64")
    tolerance = 1e-4 if loose else 2e-5
    assert analytic == pytest.approx(numeric, rel=tolerance, abs=tolerance * max(scale, 1.0))


@each([case for case in COMPLEX_CASES if takes_complex(case)])
def test_first_and_second_order(case: Case, rng: np.random.Generator) -> None:
    case, arrays = complexified(case, rng)
    inputs, outs = results(case, arrays)
    weights = like(rng, [o._a for o in outs])
    grads = gradients(inputs, outs, weights, create=True)
    for x, g in zip(inputs, grads, strict=True):
        assert g is None or (g._a.dtype, g._a.shape) == (x._a.dtype, x._a.shape)
    scale = sum(float(np.abs(w).sum()) for w in weights)
    for _ in range(2):
        ts, step = directions(case, rng, arrays), step_of(case)
        above, below = (plain(results(case, moved(arrays, ts, s))[1]) for s in (step, -step))
        numeric = (inner(weights, above) - inner(weights, below)) / (2 * step)
        agree(inner(plain(grads), [0 if t is None else t for t in ts]), numeric, scale, case)

    tangents = like(rng, [np.zeros(0) if g is None else g._a for g in grads])
    live = [
        (g, t) for g, t in zip(grads, tangents, strict=True) if g is not None and g.requires_grad
    ]
    second = [None] * len(inputs)
    if live:
        second = plain(gradients(inputs, *map(list, zip(*live, strict=True))))

    def slope(sign: int) -> float:
        at, found = results(case, moved(arrays, ts, sign * 1e-6))
        return inner(plain(gradients(at, found, weights)), tangents)

    numeric = (slope(1) - slope(-1)) / 2e-6
    scale = sum(float(np.abs(t).sum()) for t in tangents)
    agree(inner(second, [0 if t is None else t for t in ts]), numeric, scale, case)


@each([case for case in COMPLEX_CASES if takes_complex(case)])
def test_forward_mode(case: Case, rng: np.random.Generator) -> None:
    case, arrays = complexified(case, rng)
    ts, step = directions(case, rng, arrays), step_of(case)
    if case.rule.kind == "multilinear":
        step = 1e-6
    with new_level(DualLevel) as level:
        duals = [
            a
            if not isinstance(a, np.ndarray)
            else wrap(a)
            if t is None
            else pack(level, wrap(a), wrap(t))
            for a, t in zip(arrays, ts, strict=True)
        ]
        found = run_on_tensors(case.rule.fun, tuple(duals), case.call.metadata)
        found = [found] if isinstance(found, Tensor) else list(found)
        if key_of(case.rule) in DETERMINED:
            found = DETERMINED[key_of(case.rule)](*found)
        tangents = [tangent_part(f, level) for f in found if f._a.dtype.kind in "fc"]
    above, below = (plain(results(case, moved(arrays, ts, s))[1]) for s in (step, -step))
    for t, a, b in zip(tangents, above, below, strict=True):
        if t is None:
            t = wrap(np.zeros_like(a))
        weight = like(rng, [a])
        numeric = (inner(weight, [a]) - inner(weight, [b])) / (2 * step)
        agree(inner(weight, [t._a]), numeric, float(np.abs(weight[0]).sum()), case)


def test_the_list_of_real_functions_is_of_rules() -> None:
    assert sorted(set(EXCLUDED) - {key_of(rule) for rule in DERIVED}) == []
