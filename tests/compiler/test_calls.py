"""Every public function that the parity tests call, compiled: values and gradients as without the
compiler, for the values of the recording and for others. By NumPy from the graph, and natively.
"""

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dynagrad
from dynagrad import func
from dynagrad.core.tensor import Tensor, wrap

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).parents[1]))

from carried_calls import Case, batch_of, cases, differentiable, flat  # noqa: E402

from dynagrad.compiler.compiled import Compiled  # noqa: E402

#: how far results may be apart, in units of the largest element, by the bytes of a real number
BOUNDS = {2: 1e-2, 4: 2e-5, 8: 1e-9}
#: of those that are run in each part of the test
PARTS, SHARE = 16, 0.85


def function_of(case: Case) -> Callable:
    """The case as a function of its tensors, which gives a tuple of tensors."""
    *statements, last = [part.strip() for part in case.text.split(";")]
    lines = [f"def f({', '.join(case.arrays)}):", *(f"    {line}" for line in statements)]
    scope = dict(case.scope)
    exec("\n".join([*lines, f"    return {last}"]), scope)  # noqa: S102 - our own text
    f = scope["f"]
    return lambda *tensors: tuple(flat(f(*tensors)))


def gradient_of(case: Case) -> Callable | None:
    """The gradients of the sum of a case's results."""
    f, which = function_of(case), tuple(differentiable(case))
    if not which:
        return None

    def scalar(*tensors: Tensor) -> Any:
        parts = [t for t in f(*tensors) if t.is_floating_point() or t.is_complex()]
        total = sum((t.abs() if t.is_complex() else t).double().sum() for t in parts)
        return total + sum(tensors[i].sum() * 0.0 for i in which)

    return func.grad(scalar, argnums=which)


@functools.cache
def all_cases() -> list[Case]:
    """The sample calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cases()


def apart(ours: Tensor, expected: Tensor) -> str:
    """How two results differ, "" if they do not."""
    a, b = ours.detach().resolve_conj()._a, expected.detach().resolve_conj()._a
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{a.dtype}{list(a.shape)}, expected {b.dtype}{list(b.shape)}"
    if a.dtype.kind not in "fcV":
        return "" if np.array_equal(a, b) else f"{a}, expected {b}"
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    bound = BOUNDS[a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1)]
    x, y = a.astype(wide), b.astype(wide)
    finite = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return f"{x}, expected {y}"
    scale = np.abs(y[finite]).max(initial=1e-3)
    far = np.abs(x[finite] - y[finite]).max(initial=0.0) / scale
    return "" if far <= bound else f"{far:.2g} from {y}"


def outcome(f: Callable, case: Case, values: list) -> tuple[list, list]:
    """The results, or the error's class, and the arguments afterwards."""
    tensors = [wrap(np.array(a, copy=True, order="K")) for a in values]
    dynagrad.manual_seed(0)
    try:
        found = f(*tensors)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        return [type(error)], tensors
    return flat(found), tensors


def check(case: Case, f: Callable, reference: bool) -> tuple[list[str], bool]:
    """What differs, and whether the calls after the first ran compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = Compiled(f, reference=reference)
        faults = []
        for i in (0, 0, 1, 2):
            values = [batch_of(case, name)[i] for name in case.arrays]
            ours, after = outcome(compiled, case, values)
            expected, plain = outcome(f, case, values)
            if len(ours) != len(expected) or any(
                isinstance(x, type) and x is not y for x, y in zip(ours, expected, strict=False)
            ):
                faults.append(f"{ours}, expected {expected}")
                break
            pairs = zip([*ours, *after], [*expected, *plain], strict=True)
            found = [apart(x, y) for x, y in pairs if not isinstance(x, type)]
            faults += [f"{text} (values {i})" for text in found if text]
        return faults, bool(compiled.variants)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["value", "gradient"])
@pytest.mark.parametrize("how", ["numpy", "native"])
def test_calls_give_compiled_what_they_give_eagerly(how: str, kind: str, part: int) -> None:
    assert_calls(all_cases()[part::PARTS], how, kind)


@pytest.mark.parametrize("kind", ["value", "gradient"])
def test_a_sample_of_calls(kind: str) -> None:
    assert_calls(all_cases()[7::200], "native", kind)


def assert_calls(chosen: list[Case], how: str, kind: str) -> None:
    """No call differs, and most run compiled."""
    faults, compiled, tried = [], 0, 0
    for case in chosen:
        f = function_of(case) if kind == "value" else gradient_of(case)
        if f is not None:
            found, ran = check(case, f, how == "numpy")
            faults += [f"{kind} of {case.text}: {text}" for text in found[:2]]
            tried, compiled = tried + 1, compiled + ran
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:40]])
    assert compiled >= SHARE * tried, f"{compiled} of {tried} ran compiled"
