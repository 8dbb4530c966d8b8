"""What each dtype can hold, and which numbers a range has in it (imports NumPy and `errors`).

PyTorch draws integers in 64 bits and converts them to the dtype asked for, so that a floating dtype
may round a value up to an excluded bound. The bounds are therefore moved to the nearest numbers
that survive the conversion, and what lies outside the dtype is refused.
"""

from typing import NamedTuple, NoReturn

import numpy as np

from dynagrad.errors import LEGACY_NAMES

from ..quiet import warn

Shape = int | tuple[int, ...]

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1


class FloatKind(NamedTuple):
    """A floating dtype: bits of precision, largest number, and whether float32 computes for it."""

    digits: int
    largest: float
    narrow: bool = False


_FLOATS = {
    np.dtype(np.float16): FloatKind(11, 65504.0, True),
    np.dtype(np.float32): FloatKind(24, float(np.finfo(np.float32).max)),
    np.dtype(np.float64): FloatKind(53, float(np.finfo(np.float64).max)),
}
_BFLOAT16 = FloatKind(8, float.fromhex("0x1.fep127"), True)
_INTEGERS = {np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)}
_BOOL = np.dtype(np.bool_)
# Kernels that PyTorch has for the signed integers and uint8, but not for the wider unsigned ones.
_COMMON_INTEGERS = {np.dtype(name) for name in ("i1", "i2", "i4", "i8", "u1")}


def float_kind(dtype: np.dtype) -> FloatKind | None:
    """The floating dtype's properties, or None for any other dtype."""
    kind = _FLOATS.get(dtype)
    if kind is None and dtype.kind == "V" and dtype.name == "bfloat16":
        return _BFLOAT16
    return kind


def need_float(dtype: np.dtype, kernel: str) -> FloatKind:
    """`float_kind`, or NotImplementedError in the name of PyTorch's kernel."""
    return float_kind(dtype) or unsupported(dtype, kernel)


def need_number(dtype: np.dtype, kernel: str, bool_too: bool) -> None:
    """NotImplementedError unless the dtype is floating, a common integer or, if told so, bool."""
    if not (dtype in _COMMON_INTEGERS or (bool_too and dtype == _BOOL)):
        need_float(dtype, kernel)


def unsupported(dtype: np.dtype, kernel: str) -> NoReturn:
    """Raise PyTorch's error for a kernel that has no form for this dtype."""
    raise NotImplementedError(
        f"\"{kernel}\" not implemented for '{legacy_name(dtype)}'\n"
        "Draw in another dtype, such as float32 or int64, and convert the result."
    )


def legacy_name(dtype: np.dtype) -> str:
    """The dtype as PyTorch's kernels call it, such as Long for int64."""
    return LEGACY_NAMES.get(dtype.name, dtype.name)


def check_uniform(dtype: np.dtype, kind: FloatKind, low: float, high: float) -> None:
    """RuntimeError unless [low, high) is a range of finite width within the dtype."""
    for name, bound in (("from", low), ("to", high)):
        if not -kind.largest <= bound <= kind.largest:
            _out_of_bounds(name, bound, dtype, -kind.largest, kind.largest)
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}\n"
            "Give the lower bound first."
        )
    if high - low > kind.largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{legacy_name(dtype)}>::max(), but "
            f"found to={high} and from={low} which result in to-from to exceed the limit\n"
            f"The width of the range must be a finite {dtype.name}: at most {kind.largest}."
        )


def unbounded(dtype: np.dtype) -> tuple[int, bool]:
    """Without bounds: how many integers, from 0 on, and whether 64 bits are drawn for each."""
    if dtype == _BOOL:
        return 2, False
    if dtype in _COMMON_INTEGERS:
        return np.iinfo(dtype).max + 1, dtype.itemsize == 8 and dtype.kind == "i"
    digits = need_float(dtype, "random_kernel_cpu").digits
    return (1 << digits) + 1, digits == 53


def bounded(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """For [low, high), or from low to the dtype's largest integer: the first integer and how many.

    RuntimeError for an empty range, or one that leaves the dtype; UserWarning where a floating
    dtype cannot hold every integer in it.
    """
    kind = float_kind(dtype)
    if kind is None and dtype not in _INTEGERS and dtype != _BOOL:
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types\n"
            f"The dtype was {dtype.name}. Draw integers and convert them."
        )
    if high is None:
        last = _largest_integer(dtype, kind)
        if kind is not None:
            low = _round_low(dtype, kind, low)
            if low >= last:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' "
                    f"casted to dtype, but got from={low} > to_inc={last}\n"
                    "Choose a lower 'from', or give 'to'."
                )
    else:
        if low >= high:
            raise RuntimeError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}\n"
                "The upper bound is excluded: the smallest range is (n, n + 1)."
            )
        if kind is not None:
            low, high = _round_low(dtype, kind, low), _round_high(dtype, kind, high)
            if low >= high:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                    f"but got from={low} >= to={high}\n{dtype.name} holds no integer between."
                )
        last = high - 1
    _check_inside(dtype, kind, low, last)
    return low, last - low + 1


def _largest_integer(dtype: np.dtype, kind: FloatKind | None) -> int:
    if kind is not None:
        return 1 << kind.digits
    return 1 if dtype == _BOOL else int(np.iinfo(dtype).max)


def _check_inside(dtype: np.dtype, kind: FloatKind | None, low: int, last: int) -> None:
    if kind is not None:
        smallest, largest = -kind.largest, kind.largest
    elif dtype == _BOOL:
        smallest, largest = 0, 1
    else:
        info = np.iinfo(dtype)
        smallest, largest = int(info.min), min(int(info.max), HIGHEST)
    for name, bound in (("from", low), ("to - 1", last)):
        if not smallest <= bound <= largest:
            _out_of_bounds(name, bound, dtype, smallest, largest)
        if kind is not None and not -(1 << kind.digits) <= bound <= 1 << kind.digits:
            warn(
                f"{name} is out of bounds [-(2^{kind.digits}), 2^{kind.digits}]. Beyond these, "
                f"{dtype.name} does not hold every integer, and the draws are no longer uniform."
            )


def _out_of_bounds(
    name: str, bound: float, dtype: np.dtype, smallest: float, largest: float
) -> NoReturn:
    raise RuntimeError(
        f"{name} is out of bounds for {dtype.name}\n"
        f"It was {bound}; {dtype.name} holds values from {smallest} to {largest}."
    )


def _through(dtype: np.dtype, value: int) -> int:
    """The integer that comes back when `value` is converted to the floating dtype and to int64."""
    with np.errstate(over="ignore"):
        there = float(
            np.array(value, np.float64 if dtype.itemsize == 8 else np.float32).astype(dtype)
        )
    return int(there) if LOWEST <= there < -LOWEST else LOWEST


def _round_low(dtype: np.dtype, kind: FloatKind, low: int) -> int:
    rounded = _through(dtype, low + 1)
    if rounded < low:
        low = rounded + (1 << (abs(low + 1).bit_length() - kind.digits))
    return low


def _round_high(dtype: np.dtype, kind: FloatKind, high: int) -> int:
    rounded = _through(dtype, high - 1)
    if rounded >= high:
        high = rounded - (1 << (abs(high - 1).bit_length() - kind.digits))
    return high
