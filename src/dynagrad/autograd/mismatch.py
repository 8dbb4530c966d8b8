"""What gradcheck says where derivatives differ: PyTorch's words, then the places. Imports core."""

import math
from typing import Any

import numpy as np

from ..core.tensor import wrap

#: how many places a message lists
LISTED = 8

NOT_REENTRANT = """\
Backward is not reentrant, i.e., running backward with same input and grad_output multiple times \
gives different values, although analytical gradient matches numerical gradient.\
The tolerance for nondeterminism was {tolerance}.

The two passes differ by up to {difference:.3g}. If that is meant (sums in a changing order), allow
for it with nondet_tol={suggested:g}; random numbers that a backward needs are drawn in forward and
saved.
"""

FAST_MODE = """
The above quantities relating the numerical and analytical jacobians are computed \n\
in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more background \n\
about fast mode. Below, we recompute numerical and analytical jacobians in slow mode:

Numerical:
 {numerical}
Analytical:
{analytical}

The max per-element difference (slow mode) is: {largest}.
"""

FAST_FAILS_SLOW_PASSES = """\
Fast gradcheck failed but element-wise differences are small. This means that the
test might've passed in slow_mode!

Repeat the check with fast_mode=False: fast mode weighs all entries at once, and a backward that is
not linear in its grad_output fails it.
"""

BATCHED = """\
gradcheck or gradgradcheck failed while testing batched gradient computation.
A batched pass runs the backward once under vmap, for many grad_outputs at a time. It fails where
the backward looks at values (.item(), bool(), if), changes a tensor in place that has no batch
dimension, or a Function has a wrong vmap of its own. Leave it out with check_batched_grad=False.
"""

BATCHED_FORWARD = """\
gradcheck failed while testing batched computation of forward mode derivatives.
A batched pass runs the function once under vmap, for many tangents at a time. It fails where the
function's jvp looks at values, or a Function has a wrong vmap of its own. Leave it out with
check_batched_forward_grad=False.
"""


def mismatch(
    analytical: Any,
    numerical: Any,
    output: int,
    input: int,  # noqa: A002 - the word of the message
    *,
    part: str | None = None,
    forward: bool = False,
) -> str:
    """The beginning of every message: which pair, and both values (matrices, or numbers in fast
    mode).

    part: "real" or "imaginary", if only that part of the complex outputs (forward: inputs) counts.
    """
    of = "inputs" if forward else "outputs"
    only = f"While considering the {part} part of complex {of} only, " if part else ""
    mode = "computed with forward mode " if forward else ""
    return (
        f"{only}Jacobian {mode}mismatch for output {output} with respect to input {input},\n"
        f"numerical:{_shown(numerical)}\nanalytical:{_shown(analytical)}\n"
    )


def _shown(value: Any) -> str:
    return repr(wrap(value)) if isinstance(value, np.ndarray) else str(value)


def slow_mode(analytical: np.ndarray, numerical: np.ndarray, rtol: float, atol: float) -> str:
    """What follows the numbers of fast mode: the whole matrices, and whether slow mode passes."""
    text = FAST_MODE.format(
        numerical=_shown(numerical),
        analytical=_shown(analytical),
        largest=float(np.max(np.abs(analytical - numerical), initial=0)),
    )
    passes = not _different(analytical, numerical, rtol, atol).any()
    return text + (FAST_FAILS_SLOW_PASSES if passes else "")


def _different(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    return ~np.isclose(a, b, rtol, atol)


def places(
    analytical: np.ndarray,
    numerical: np.ndarray,
    input_shape: tuple,
    output_shape: tuple,
    *,
    rtol: float,
    atol: float,
) -> str:
    """Where the matrices differ, the largest differences first, and what that looks like."""
    wrong = _different(analytical, numerical, rtol, atol)
    count = int(wrong.sum())
    if not count:
        return ""
    size = np.where(wrong, np.abs(analytical - numerical), -1)
    size = np.where(np.isnan(size), math.inf, size)  # nan is the worst difference
    order = np.argsort(-size, axis=None, kind="stable")[: min(count, LISTED)]
    rows = [("input", "output", "numerical", "analytical", "difference")]
    for place in order:
        i, o = np.unravel_index(place, wrong.shape)
        n, a = numerical[i, o], analytical[i, o]
        difference = np.abs(a - n)
        rows.append(
            (
                _index(i, input_shape),
                _index(o, output_shape),
                f"{n:.6g}",
                f"{a:.6g}",
                f"{difference:.3g}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = "\n".join(
        "  " + "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    )
    rest = f"\n  ... and {count - LISTED} more" if count > LISTED else ""
    return (
        f"\n{count} of {wrong.size} entries differ (input of shape {tuple(input_shape)}, output of "
        f"shape {tuple(output_shape)}); the largest differences first:\n{table}{rest}\n"
        + _likeness(analytical, numerical, rtol, atol)
    )


def _index(flat: Any, shape: tuple) -> str:
    return (
        f"[{', '.join(str(int(i)) for i in np.unravel_index(int(flat), shape))}]" if shape else "[]"
    )


def _likeness(a: np.ndarray, n: np.ndarray, rtol: float, atol: float) -> str:
    """A simple relation of the two matrices, as a hint at the mistake; empty if there is none."""

    def alike(x: np.ndarray) -> bool:
        return x.shape == n.shape and not _different(x, n, rtol, atol).any()

    if not (np.isfinite(a).all() and np.isfinite(n).all()):
        return "There are values that are no finite numbers: a difference needs a smooth place.\n"
    if not a.any():
        return "No gradient arrives: backward returns None or zeros for this input.\n"
    if a.dtype.kind == "c" and (alike(np.conj(a)) or alike(-np.conj(a))):
        return (
            "The analytical values are the numerical ones conjugated (and maybe negated). A "
            "gradient is grad_output times the conjugate of the derivative.\n"
        )
    if alike(a.T):
        return "The analytical matrix is the transpose of the numerical one.\n"
    weight = float(np.vdot(a, a).real)
    factor = np.vdot(a, n) / weight
    if abs(factor) > 1e-3 and alike(a * factor):
        ratio = 1 / factor
        shown = f"{ratio.real:.4g}" if abs(ratio.imag) < 1e-6 * abs(ratio) else f"{ratio:.4g}"
        return f"Every analytical value is {shown} times the numerical one.\n"
    return ""
