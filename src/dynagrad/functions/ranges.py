"""Ranges of numbers, with PyTorch's values to the last bit: arange, range, linspace, logspace.

PyTorch computes them in vectors of 32 bytes with fused multiply-adds (on x86-64, in one thread),
so that a value depends on its place in the vector; the formulas below follow that.
"""

import math
from typing import Any

import numpy as np

from ..core.carriers.carrier import Carrier
from ..core.dtype import COMPLEX, FLOATING, category, complex_of
from ..core.out import write_out
from ..core.overrides import explained
from ..core.quiet import warn
from ..core.random.box_muller import _fma64
from ..core.tensor import Tensor
from .arguments import no_kernel, settled
from .factory import INT64, check_options, default_float, fitting, into, made, number, type_of
from .later import loaded

__all__ = [
    "arange",
    "linspace",
    "logspace",
    "range",
]

OTHER_DTYPE = "Make the range in another dtype and convert it."
F32, F64 = np.dtype("float32"), np.dtype("float64")

# --- arithmetic ------------------------------------------------------------------------------


def _fma(x: np.ndarray, scale: Any, shift: Any, d: np.dtype) -> np.ndarray:
    """x * scale + shift, rounded once to float32 or float64."""
    with np.errstate(all="ignore"):
        if d == F64:
            return _fma64(x.astype(F64), scale, shift)
        # The product of two float32 is exact in float64.
        wide = x.astype(F32).astype(F64) * float(F32.type(scale))
        return (wide + np.asarray(shift, F32).astype(F64)).astype(F32)


def _arange_values(start: float, step: float, n: int, d: np.dtype) -> np.ndarray:
    """start + step * i in dtype `d`."""
    i = np.arange(n)
    if category(d) < FLOATING:
        first, by = fitting(start, d), fitting(step, d)
        return (int(first) + int(by) * i).astype(d)
    with np.errstate(all="ignore"):
        width = 32 // d.itemsize
        in_vectors = n - n % (2 * width)
        place = i[:in_vectors] % width
        if d == F32:
            values = (start + step * i).astype(F32)
            base = (
                values[:in_vectors]
                if not in_vectors
                else np.repeat(values[:in_vectors:width], width)
            )
            values[:in_vectors] = base.astype(F64) + place * step
        elif d == F64:
            values = _fma(i, step, start, F64)
            base = np.repeat(values[:in_vectors:width], width)
            values[:in_vectors] = _fma(place, step, base, F64)
        else:
            values = _fma(i, step, start, F32).astype(d)
            base = np.repeat(values[:in_vectors:width], width)
            values[:in_vectors] = _fma(place, step, base, F32).astype(d)
    return values


def _linspace_values(start: Any, end: Any, n: int, d: np.dtype) -> np.ndarray:
    """n values from start to end, counted from the nearer end."""
    if n < 2:
        return np.full(n, fitting(start, d), d)
    i = np.arange(n)
    first, back = i < n // 2, n - 1 - i
    with np.errstate(all="ignore"):
        if category(d) == COMPLEX:
            real = F32 if d.itemsize == 8 else F64
            result = np.empty(n, d)
            result.real = _linspace_values(complex(start).real, complex(end).real, n, real)
            result.imag = _linspace_values(complex(start).imag, complex(end).imag, n, real)
            return result
        if d.itemsize == 2 and category(d) == FLOATING:
            a, b = d.type(start), d.type(end)
            step = (b - a) / d.type(n - 1)
            up, down = (step * i.astype(d)).astype(d), (step * back.astype(d)).astype(d)
            return np.where(first, a + up, b - down).astype(d)
        real = d if category(d) == FLOATING else F64
        a, b = real.type(fitting(start, d)), real.type(fitting(end, d))
        step = (b - a) / real.type(n - 1)
        values = np.where(first, _fma(i, step, a, real), _fma(back, -step, b, real))
        return values.astype(d)


def _logspace_values(start: Any, end: Any, n: int, base: float, d: np.dtype) -> np.ndarray:
    """base to the powers of n exponents from start to end."""
    if category(d) == COMPLEX:
        with np.errstate(all="ignore"):
            return np.power(base, _linspace_values(start, end, n, d).astype(np.complex128)).astype(
                d
            )
    if n < 2:
        return np.array([_power(base, float(fitting(start, d)))] * n, F64).astype(d)
    a, b = np.array(fitting(start, d), d), np.array(fitting(end, d), d)
    with np.errstate(all="ignore"):
        first, last = float(a), float(b)
        step = (last - first if d.kind in "iu" else float((b - a).astype(d))) / (n - 1)
        i = np.arange(n)
        exponents = np.where(i < n // 2, first + step * i, last - step * (n - 1 - i))
        values = np.array([_power(base, exponent) for exponent in exponents.tolist()], F64)
        return values.astype(d)


def _power(base: float, exponent: float) -> float:
    """C's pow, whose last bit differs from NumPy's."""
    try:
        return math.pow(base, exponent)
    except (OverflowError, ValueError):
        return float(np.power(base, exponent))


# --- arguments -------------------------------------------------------------------------------


def _range_bounds(name: str, bounds: tuple, start: Any, end: Any, step: Any) -> tuple:
    """start, end, step from arange(end), arange(start, end) and arange(start, end, step)."""
    if len(bounds) == 1 and end is None:
        end = bounds[0]
    elif bounds:
        given = [*bounds, None, None][:3]
        start = given[0] if start is None else start
        end = given[1] if end is None else end
        step = given[2] if step is None else step
    if end is None or len(bounds) > 3:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: {len(bounds)} of them without "
            f"a name.\nUse {name}(end), {name}(start, end) or {name}(start, end, step)."
        )
    only_end = len(bounds) < 2
    start = 0 if start is None else number(name, start, 1, "start")
    end = number(name, end, 1 if only_end else 2, "end")
    step = 1 if step is None else number(name, step, 3, "step")
    return start, end, step


def _check_range(start: Any, end: Any, step: Any) -> None:
    if not (step > 0 or step < 0):
        raise RuntimeError(f"step must be nonzero\nIt was {step}.")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}\nThe bounds must be finite.")
    if (step > 0 and end < start) or (step < 0 and end > start):
        raise RuntimeError(
            f"upper bound and lower bound inconsistent with step sign\nThe range {start} -> {end} "
            f"cannot be walked in steps of {step}."
        )


@explained
def arange(
    *bounds,
    start=None,
    end=None,
    step=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """start + step * i for i = 0, 1, ... below `end`: arange(end), arange(start, end[, step]).

    int64 if all three are integers, else the default floating dtype. RuntimeError if the step is 0
    or leads away from the end.
    """
    check_options("arange", device, layout, pin_memory)
    start, end, step = _range_bounds("arange", bounds, start, end, step)
    integers = all(isinstance(v, int) for v in (start, end, step))
    d = type_of("arange", dtype, INT64 if integers else default_float())
    if out is not None and isinstance(out, Tensor):
        d = out._a.dtype
    if category(d) == COMPLEX or d == np.bool_:
        raise no_kernel("arange_cpu", d, OTHER_DTYPE)
    if d == INT64:
        start, end, step = (int(v) if math.isfinite(v) else v for v in (start, end, step))
        if not step and not integers:
            raise ValueError("step must be nonzero\nAs an integer it is 0.")
    _check_range(start, end, step)
    if d == INT64 and isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        n = max(-((start - end) // step), 0)
        values = np.arange(start, start + n * step, step)
    else:
        n = math.ceil((end - start) / step)
        values = _arange_values(start, step, n, d)
    if out is not None:
        return into("arange", out, _in_shape_of(out, values), dtype, requires_grad)
    return made(values, requires_grad)


@explained
def range(  # noqa: A001 - PyTorch's name
    *bounds,
    start=None,
    end=None,
    step=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """start + step * i up to `end` inclusive, in the default floating dtype (deprecated)."""
    check_options("range", device, layout, pin_memory)
    warn(
        "torch.range is deprecated and will be removed in a future release because its behavior "
        "is inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end)."
    )
    bounds = (0, *bounds) if len(bounds) == 1 and start is None and end is None else bounds
    start, end, step = _range_bounds("range", bounds, start, end, step)
    d = type_of("range", dtype, default_float() if out is None else out._a.dtype)
    _check_range(start, end, step)
    if category(d) == COMPLEX or d == np.bool_:
        raise no_kernel("range_cpu", d, OTHER_DTYPE)
    n = math.floor((end - start) / step) + 1
    if category(d) == FLOATING:
        values = (start + step * np.arange(n)).astype(d)
    else:
        values = _arange_values(start, step, n, d)
    if out is not None:
        return into("range", out, values, dtype, requires_grad)
    return made(values, requires_grad)


def _spacing(name: str, start: Any, end: Any, steps: Any, dtype: Any, out: Any) -> tuple:
    """Checked bounds and number of steps, and the dtype of linspace and logspace."""
    bounds = []
    for position, (argument, value) in enumerate((("start", start), ("end", end)), start=1):
        if isinstance(value, Tensor) and value._a.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {argument} "
                f"with {value._a.ndim} dimension(s).\nIndex one element of it first."
            )
        if isinstance(value, Tensor) and value.requires_grad:
            value = value.detach()
        if name == "linspace" and _differs(value):
            bounds.append(value)
            continue
        bounds.append(number(name, value, position, argument))
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer):
        kind = type(steps).__name__
        raise TypeError(f"{name}(): argument 'steps' (position 3) must be int, not {kind}")
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative\nIt was {steps}.")
    default = default_float()
    if any(v.is_complex() if isinstance(v, Tensor) else isinstance(v, complex) for v in bounds):
        default = complex_of(default)
    d = type_of(name, dtype, default) if out is None else out._a.dtype
    if d == np.bool_:
        raise no_kernel(f"{name}_cpu", d, OTHER_DTYPE)
    return (*bounds, int(steps), d)


def _differs(value: Any) -> bool:
    """Whether a bound differs from one example of a batch to the next."""
    return isinstance(value, Tensor) and isinstance(settled(value._a), Carrier)


def _in_shape_of(out: Tensor, values: np.ndarray) -> np.ndarray:
    """The values in the shape of a tensor that holds as many."""
    return values.reshape(out._a.shape) if out._a.size == values.size else values


@explained
def linspace(
    start,
    end,
    steps,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """`steps` evenly spaced values from `start` to `end`, both included."""
    check_options("linspace", device, layout, pin_memory)
    start, end, n, d = _spacing("linspace", start, end, steps, dtype, out)
    if _differs(start) or _differs(end):
        result = loaded("spacing", "spaced")(start, end, n, d)
        return result if out is None else write_out("linspace", out, result)
    values = _linspace_values(start, end, n, d)
    if out is not None:
        return into("linspace", out, _in_shape_of(out, values), dtype, requires_grad)
    return made(values, requires_grad)


@explained
def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """base ** e for `steps` evenly spaced exponents e from `start` to `end`, both included."""
    check_options("logspace", device, layout, pin_memory)
    start, end, n, d = _spacing("logspace", start, end, steps, dtype, out)
    values = _logspace_values(start, end, n, base, d)
    if out is not None:
        return into("logspace", out, _in_shape_of(out, values), dtype, requires_grad)
    return made(values, requires_grad)
