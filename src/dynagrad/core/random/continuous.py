"""Draws from continuous distributions, and how all draws fill arrays."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dynagrad.core.random.bounds import Shape, check_uniform, float_kind, legacy_name, need_float
from dynagrad.core.random.box_muller import (
    F32,
    F64,
    blocks32,
    blocks64,
    combine32,
    fill32,
    fill64,
    fma64,
    libm,
    pairs64,
    polar32,
    scaled_log1p,
    unit32,
    unit64,
)
from dynagrad.core.random.mt19937 import BLOCK, WordStream

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_REAL = {np.dtype(np.complex64): F32, np.dtype(np.complex128): F64}

# Values are made in pieces that stay in the processor's cache; a multiple of 16, for normal ones.
_PIECE = 1 << 15


class ContinuousDraws(WordStream):
    """Draws from continuous distributions.

    Each method draws `shape` values of `dtype`, or fills the array given as `out` in place and
    returns it. PyTorch visits a permuted tensor in the order of its memory, and so is `out` filled.
    """

    # Uniform ---------------------------------------------------------------------------------

    def uniform(
        self,
        shape: Shape = (),
        dtype: "DTypeLike" = F32,
        low: float = 0.0,
        high: float = 1.0,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Uniform values in [low, high): float32 on a grid of 2**24 steps, float64 of 2**53.

        Complex dtypes have both parts uniform. One word a value, two for float64.
        """
        array = np.empty(shape, dtype) if out is None else out
        real = _real_view(array)
        kind = need_float(real.dtype, "check_uniform_bounds")
        if low == 0 and high == 1:
            fill = self._fill_narrow_units if kind.narrow else self._fill_units
            self._fill(real, fill)
        else:
            check_uniform(real.dtype, kind, low, high)
            self._fill(real, self._fill_uniform, low, high)
        return array

    def rand(self, shape: Shape = (), dtype: "DTypeLike" = F32) -> np.ndarray:
        """Uniform values in [0, 1)."""
        return self.uniform(shape, dtype)

    def _fill_units(self, flat: np.ndarray) -> None:
        if flat.dtype == F64:
            for a, b in pieces(flat.size):
                fill64(self._take(2 * (b - a)), flat[a:b])
        elif flat.size <= BLOCK:
            flat[...] = self._unit32(flat.size)
        else:
            for a, b in pieces(flat.size):
                fill32(self._take(b - a), flat[a:b])

    def _fill_narrow_units(self, flat: np.ndarray) -> None:
        for a, b in pieces(flat.size):
            flat[a:b] = self._unit32(b - a)
        flat[flat == 1] = 0  # rounded up to the excluded bound

    def _fill_uniform(self, flat: np.ndarray, low: float, high: float) -> None:
        single = np.float64 if flat.dtype == F64 else np.float32
        start, end = single(low), single(high)
        width = end - start
        for a, b in pieces(flat.size):
            if single is np.float64:
                flat[a:b] = fma64(unit64(self._take(2 * (b - a))), float(width), low)
            else:
                # The product of two float32 is exact in float64: this is a fused multiply-add.
                flat[a:b] = (self._unit32(b - a) * F64.type(width) + F64.type(start)).astype(F32)
        flat[flat == end.astype(flat.dtype)] = start

    def _unit32(self, count: int) -> np.ndarray:
        """`count` float32 uniforms; those of the current block are made at once and kept."""
        start = self._next
        end = start + count
        if end > self._block.size:
            return unit32(self._take(count))
        if self._units is None:
            self._units = unit32(self._block)
        self._next = end
        return self._units[start:end]

    # Normal ----------------------------------------------------------------------------------

    def normal(
        self,
        shape: Shape = (),
        dtype: "DTypeLike" = F32,
        mean: float | np.ndarray = 0.0,
        std: float | np.ndarray = 1.0,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Normal values. With an array as mean or std, as torch.normal: one value for each element,
        broadcast; shape and dtype are then the arrays' (the mean's dtype, if it is one).

        The parts of a complex value share its variance. From 16 values on, and if the array is
        contiguous, they are made in blocks of 16; else in pairs, in float64, and a second one that
        was not needed is kept for the next such call. RuntimeError unless std >= 0.
        """
        if isinstance(mean, np.ndarray) or isinstance(std, np.ndarray):
            return self._normal_of_arrays(mean, std, out)
        if not std >= 0:
            raise RuntimeError(
                f"normal expects std >= 0.0, but found std {std}\n"
                "Give a standard deviation that is not negative."
            )
        array = np.empty(shape, dtype) if out is None else out
        if not array.size:
            return array
        real = _real_view(array)
        need_float(real.dtype, "normal_kernel_cpu")
        if real is not array:
            std /= math.sqrt(2)
        blocks = real.size >= 16 and real.flags.c_contiguous
        fill = self._fill_blocks if blocks else self._fill_pairs
        if mean == 0 and std == 1:
            self._fill(real, fill, mean, std)
        else:
            with np.errstate(all="ignore"):
                self._fill(real, fill, mean, std)
        return array

    def randn(self, shape: Shape = (), dtype: "DTypeLike" = F32) -> np.ndarray:
        """Normal values of mean 0 and variance 1."""
        return self.normal(shape, dtype)

    def _normal_of_arrays(self, mean: Any, std: Any, out: np.ndarray | None) -> np.ndarray:
        like = mean if isinstance(mean, np.ndarray) else std
        shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
        array = np.empty(shape, like.dtype) if out is None else out
        if not isinstance(std, np.ndarray):
            self.normal(std=std, out=array)
        else:
            if std.dtype.kind == "c":
                raise RuntimeError(
                    "normal expects standard deviation to be non-complex\n"
                    f"It was {std.dtype.name}. Give the real array of its absolute values."
                )
            if std.size and not std.min() >= 0:
                raise RuntimeError(
                    "normal expects all elements of std >= 0.0\n"
                    f"The least was {std.min()}. Give deviations that are not negative."
                )
            self.normal(out=array)
            _in_place(np.multiply, array, std)
        _in_place(np.add, array, mean)
        return array

    def _fill_blocks(self, flat: np.ndarray, mean: float, std: float) -> None:
        rest = flat.size % 16
        for a, b in pieces(flat.size - rest):
            self._fill_whole_blocks(flat[a:b], mean, std)
        if rest:
            # The last 16 values are made anew. Where PyTorch computes in the dtype itself, it has
            # drawn uniforms for the incomplete block before.
            if flat.dtype == F64 or flat.dtype == F32:
                self._take(rest * (flat.itemsize // 4))
            self._fill_whole_blocks(flat[-16:], mean, std)

    def _fill_whole_blocks(self, flat: np.ndarray, mean: float, std: float) -> None:
        if flat.dtype == F64:
            blocks64(self._take(2 * flat.size), mean, std, flat)
        elif flat.dtype == F32:
            self._blocks32(mean, std, flat)
        else:
            single = np.empty(flat.size, F32)
            self._blocks32(mean, std, single)
            flat[...] = single

    def _blocks32(self, mean: float, std: float, out: np.ndarray) -> None:
        """Blocks from a few words are put together from those of the whole block of words, kept."""
        start = self._next
        end = start + out.size
        if end > self._block.size:
            blocks32(self._take(out.size), mean, std, out)
            return
        if self._polar is None:
            self._polar = polar32(self._block)
        self._next = end
        radius, sine, cosine = (part[start:end].reshape(-1, 2, 8) for part in self._polar)
        combine32(radius[:, 0], sine[:, 1], cosine[:, 1], mean, std, out)

    def _fill_pairs(self, flat: np.ndarray, mean: float, std: float) -> None:
        for a, b in pieces(flat.size):
            store(flat[a:b], fma64(self._standard_pairs(b - a), std, mean))

    def _standard_pairs(self, count: int) -> np.ndarray:
        """Float64 standard normal values made two by two, beginning with the one that was kept."""
        values = np.empty(count)
        start = 0
        if count and self._normal is not None:
            values[0], self._normal, start = self._normal, None, 1
        missing = count - start
        if missing:
            words = self._take(2 * (missing + missing % 2))
            made = _few_pairs(words) if missing < 32 else pairs64(unit64(words))
            values[start:] = made[:missing]
            if missing % 2:
                self._normal = float(made[-1])
        return values

    # Others ----------------------------------------------------------------------------------

    def exponential(
        self,
        shape: Shape = (),
        dtype: "DTypeLike" = F32,
        lambd: float = 1.0,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Exponential values of rate lambd > 0: -log(1 - u) / lambd. Two words a value."""
        if not lambd > 0:
            raise RuntimeError(
                f"exponential_ expects lambda > 0.0, but found lambda={lambd}\n"
                "The rate is meant, which is one over the mean."
            )
        array = np.empty(shape, dtype) if out is None else out
        if array.size:
            _need_continuous(array.dtype, "Exponential")
        scale = -1.0 / lambd
        return self._fill_doubles(array, lambda u: scaled_log1p(-u, scale, array.dtype))

    def cauchy(
        self,
        shape: Shape = (),
        dtype: "DTypeLike" = F32,
        median: float = 0.0,
        sigma: float = 1.0,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Cauchy values: median + sigma tan(pi (u - 1/2)), sigma > 0. Two words a value."""
        if not sigma > 0:
            raise RuntimeError(
                f"cauchy_ expects sigma > 0.0, but found sigma={sigma}\n"
                "The half width at half maximum is meant."
            )
        array = np.empty(shape, dtype) if out is None else out
        _need_continuous(array.dtype, "Cauchy")
        return self._fill_doubles(
            array, lambda u: fma64(libm(math.tan, math.pi * (u - 0.5)), sigma, median)
        )

    def log_normal(
        self,
        shape: Shape = (),
        dtype: "DTypeLike" = F32,
        mean: float = 1.0,
        std: float = 2.0,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Values whose logarithm is normal, with this mean and std > 0; drawn in pairs, as fewer
        than 16 normal values are."""
        if not std > 0:
            raise RuntimeError(
                f"log_normal_ expects std > 0.0, but found std={std}\n"
                "The standard deviation of the logarithm is meant."
            )
        array = np.empty(shape, dtype) if out is None else out
        if array.size:
            need_float(array.dtype, "log_normal_cpu")
        with np.errstate(all="ignore"):
            self._fill(array, self._fill_log_normal, mean, std)
        return array

    def _fill_log_normal(self, flat: np.ndarray, mean: float, std: float) -> None:
        for a, b in pieces(flat.size):
            logarithm = fma64(self._standard_pairs(b - a), std, mean)
            # math.exp raises where the C library returns infinity.
            values = libm(math.exp, np.minimum(logarithm, 709.0))
            store(flat[a:b], np.where(logarithm > 709.0, np.exp(logarithm), values))

    # Filling ---------------------------------------------------------------------------------

    def _fill(self, array: np.ndarray, fill: Callable[..., None], *arguments: Any) -> None:
        """Run fill(flat, *arguments) under the lock; flat is the array in order of its memory."""
        self._prepare(array.size)
        with self._lock:
            if array.flags.c_contiguous:
                fill(array.reshape(-1), *arguments)
            else:
                flat = np.empty(array.size, array.dtype)
                fill(flat, *arguments)
                in_memory = array.transpose(memory_order(array))
                in_memory[...] = flat.reshape(in_memory.shape)

    def _fill_doubles(
        self, array: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Fill an array with a function of float64 uniforms, two words a value, and return it."""

        def fill(flat: np.ndarray) -> None:
            for a, b in pieces(flat.size):
                store(flat[a:b], function(unit64(self._take(2 * (b - a)))))

        with np.errstate(all="ignore"):
            self._fill(array, fill)
        return array


def pieces(size: int) -> Iterator[tuple[int, int]]:
    """The bounds of successive pieces of a flat array."""
    for start in range(0, size, _PIECE):
        yield start, min(start + _PIECE, size)


def store(target: np.ndarray, values: np.ndarray) -> None:
    """Assign values of a wider dtype; PyTorch rounds to a 16-bit float by way of float32."""
    if target.itemsize == 2 and float_kind(target.dtype):
        values = values.astype(F32)
    target[...] = values


def memory_order(array: np.ndarray) -> list[int]:
    """The axes from the one with the longest stride to the one with the shortest."""
    return sorted(range(array.ndim), key=lambda axis: -array.strides[axis])


def _real_view(array: np.ndarray) -> np.ndarray:
    """A complex array with its parts along a new last axis; any other array as it is."""
    real = _REAL.get(array.dtype)
    return array if real is None else array[..., None].view(real)


def _in_place(ufunc: np.ufunc, array: np.ndarray, operand: Any) -> None:
    """array = ufunc(array, operand), computed in the wider dtype. A number, an array of integers or
    one without dimensions takes the array's dtype first; the last, float32 for a 16-bit float."""
    number = not isinstance(operand, np.ndarray)
    operand = np.asarray(operand)
    without = operand.ndim < array.ndim and not operand.ndim
    if number or without or operand.dtype.kind in "biu":
        narrow = array.itemsize == 2 and not number and without
        converted = np.empty(operand.shape, F32 if narrow else array.dtype)
        store(converted, operand)
        operand = converted
    with np.errstate(all="ignore"):
        store(array, ufunc(array, operand))


def _need_continuous(dtype: np.dtype, name: str) -> None:
    if float_kind(dtype) is None:
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {legacy_name(dtype)}\n"
            "Draw in float32 and convert the result."
        )


def _few_pairs(words: np.ndarray) -> list[float]:
    """As `pairs64`, for so few words that Python is the faster."""
    numbers = words.tolist()
    made = []
    for i in range(0, len(numbers), 4):
        first = ((numbers[i] & 0x1FFFFF) << 32 | numbers[i + 1]) * 2.0**-53
        second = ((numbers[i + 2] & 0x1FFFFF) << 32 | numbers[i + 3]) * 2.0**-53
        radius = math.sqrt(-2.0 * math.log1p(-second))
        theta = 2 * math.pi * first
        made += (radius * math.cos(theta), radius * math.sin(theta))
    return made
