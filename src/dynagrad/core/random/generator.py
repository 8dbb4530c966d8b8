"""The random generator: integers, permutations, events, samples of categories.

After `manual_seed`, every method gives the numbers that PyTorch's x86-64 build gives, bit for bit,
takes as many words from the stream and leaves it in the same state. Two reservations are named
where they occur: `multinomial` has its own order of equal ratios, `poisson` uses Python's lgamma.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from dynagrad.core.random.bounds import (
    LOWEST,
    Shape,
    bounded,
    float_kind,
    legacy_name,
    need_float,
    need_number,
    unbounded,
)
from dynagrad.core.random.box_muller import F32, F64, events64, unit64
from dynagrad.core.random.continuous import ContinuousDraws, memory_order, pieces, store
from dynagrad.core.random.counts import binomial, poisson
from dynagrad.core.random.gammas import gammas
from dynagrad.core.random.shuffle import inside_out_shuffle, swap_shuffle

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

I64 = np.dtype(np.int64)

# From this many elements on, a permutation takes 64 random bits for each.
_LARGE_PERMUTATION = ((1 << 32) - 1) // 20


class Generator(ContinuousDraws):
    """A source of random numbers, seeded by an integer.

    As torch.Generator on the CPU, except that it deals in NumPy arrays.
    """

    # Integers --------------------------------------------------------------------------------

    def random(
        self,
        shape: Shape = (),
        dtype: "DTypeLike" = I64,
        low: int | None = None,
        high: int | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Integers, in any real dtype, as Tensor.random_ draws them.

        Without bounds: 0 to the dtype's largest value (for floating dtypes, the largest up to which
        they hold every integer). With `low` alone: from there to that value. With both: at least
        `low`, below `high`. One word a value, two from 2**28 possible values on. RuntimeError for
        an empty range or one that the dtype cannot hold.
        """
        array = np.empty(shape, dtype) if out is None else out
        if low is None and high is None:
            if array.size:
                count, wide = unbounded(array.dtype)
                self._fill(array, self._fill_integers, 0, count, wide)
        elif low == LOWEST and high is None:
            _need_full_range(array.dtype)
            self._fill(array, self._fill_integers, 0, 1 << 64, True)
        else:
            first, count = bounded(array.dtype, 0 if low is None else low, high)
            self._fill(array, self._fill_integers, first, count, count >= 1 << 28)
        return array

    def randint(
        self,
        low: int,
        high: int,
        shape: Shape = (),
        dtype: "DTypeLike" = I64,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Integers low <= value < high; as `random` with both bounds."""
        return self.random(shape, dtype, low, high, out=out)

    def _fill_integers(self, flat: np.ndarray, first: int, count: int, wide: bool) -> None:
        for a, b in pieces(flat.size):
            if wide:
                values = _words64(self._take(2 * (b - a)))
                if count < 1 << 64:
                    values %= np.uint64(count)
                values += np.uint64(first & 0xFFFFFFFFFFFFFFFF)
                values = values.view(np.int64)
            else:
                values = (self._take(b - a) % count).astype(np.int64)
                values += first
            store(flat[a:b], values)

    def randperm(self, n: int, dtype: "DTypeLike" = I64) -> np.ndarray:
        """The integers 0 to n - 1 in random order. RuntimeError if the dtype cannot hold them."""
        dtype = np.dtype(dtype)
        _check_permutation(n, dtype)
        self._prepare(n)
        with self._lock:
            if n < _LARGE_PERMUTATION:
                order = swap_shuffle(self._take(max(n - 1, 0)), n)
            else:
                places = np.arange(1, n + 1, dtype=np.uint64)
                order = inside_out_shuffle((_words64(self._take(2 * n)) % places).view(np.int64))
        return order.astype(dtype, copy=False)

    # Events ----------------------------------------------------------------------------------

    def bernoulli(
        self,
        p: float | np.ndarray,
        shape: Shape | None = None,
        dtype: "DTypeLike | None" = None,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """1 with probability p, else 0.

        A number p takes two words a value. An array p gives each element its own probability,
        broadcast to the shape (by default its own shape and dtype), at two words a value if it is
        float64, else one. RuntimeError unless 0 <= p <= 1. PyTorch's dropout of probability q keeps
        an element where bernoulli(1 - q), with `out` laid out as the input, is 1.
        """
        if not isinstance(p, np.ndarray):
            if not 0 <= p <= 1:
                raise RuntimeError(
                    f"bernoulli_ expects p to be in [0, 1], but got p={p}\nA probability is meant."
                )
            array = np.empty(() if shape is None else shape, dtype or F32) if out is None else out
            need_number(array.dtype, "bernoulli_scalar_cpu_", bool_too=True)
            self._fill(array, self._fill_chances, float(p))
            return array
        if out is None:
            array = np.empty(p.shape if shape is None else shape, dtype or p.dtype)
        else:
            array = out
        need_number(array.dtype, "bernoulli_tensor_cpu_self_", bool_too=True)
        need_float(p.dtype, "bernoulli_tensor_cpu_p_")
        if not np.logical_and(p >= 0, p <= 1).all():
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.\n"
                f"Probabilities lie in [0, 1]; here they span {p.min()} to {p.max()}."
            )
        limits = np.broadcast_to(p, array.shape).transpose(memory_order(array)).reshape(-1)
        self._fill(array, self._fill_events, limits)
        return array

    def _fill_chances(self, flat: np.ndarray, p: float) -> None:
        for a, b in pieces(flat.size):
            events64(self._take(2 * (b - a)), p, flat[a:b])

    def _fill_events(self, flat: np.ndarray, limits: np.ndarray) -> None:
        if limits.dtype != F64:
            limits = limits.astype(F32, copy=False)
        for a, b in pieces(flat.size):
            units = unit64(self._take(2 * (b - a))) if limits.dtype == F64 else self._unit32(b - a)
            flat[a:b] = units < limits[a:b]

    def geometric(
        self,
        p: float,
        shape: Shape = (),
        dtype: "DTypeLike" = F32,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """How many trials until the first success, of probability 0 < p < 1. Two words a value."""
        if not 0 < p < 1:
            raise RuntimeError(
                f"geometric_ expects p to be in (0, 1), but got p={p}\nBoth bounds are excluded."
            )
        array = np.empty(shape, dtype) if out is None else out
        if array.size:
            need_number(array.dtype, "geometric_cpu", bool_too=False)
        scale = math.log1p(-p)
        return self._fill_doubles(array, lambda u: np.ceil(np.log(u) / scale))

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        """A Poisson count for each rate, in the rates' dtype. Two words a uniform value used.

        Below a rate of 10: products of uniform values (D. E. Knuth, "The Art of Computer
        Programming", vol. 2, 3.4.1); above: W. Hoermann, "The transformed rejection method for
        generating Poisson random variables" (1993). How many are used depends on their values, so
        this is a loop, of about a microsecond a count. RuntimeError for a negative rate.
        """
        need_float(rates.dtype, "poisson_cpu")
        if not (rates >= 0).all():
            raise RuntimeError(
                "invalid Poisson rate, expected rate to be non-negative\n"
                f"The least rate was {rates.min()}."
            )
        with self._lock:
            uniform = self._doubles().__next__
            counts = [poisson(rate, uniform) for rate in rates.astype(F64).reshape(-1).tolist()]
        array = np.empty(rates.shape, rates.dtype)
        store(array.reshape(-1), np.array(counts, np.int64))
        return array

    def binomial(self, trials: np.ndarray, chances: np.ndarray) -> np.ndarray:
        """How many of a number of trials succeed, each with its chance; broadcast, in the trials'
        dtype. Two words a uniform value used.

        Below 10 expected successes: waiting times; above: W. Hoermann, "The generation of binomial
        random variates" (1993). How many are used depends on their values: this is a loop too.
        """
        trials, chances = np.broadcast_arrays(trials, chances)
        given = [a.astype(F64).reshape(-1).tolist() for a in (trials, chances)]
        with self._lock:
            uniform = self._doubles().__next__
            counts = [binomial(n, p, uniform) for n, p in zip(*given, strict=True)]
        array = np.empty(trials.shape, trials.dtype)
        store(array.reshape(-1), np.array(counts, F64))
        return array

    def gamma(self, shapes: np.ndarray) -> np.ndarray:
        """A gamma value of scale 1 for each shape parameter, in their dtype, float32 or float64.

        Two words for each uniform or pair of normal values used: how many depends on the values, so
        this is a loop, of a few microseconds a value.
        """
        with self._lock:
            uniform = self._doubles().__next__
            values, self._normal = gammas(shapes, uniform, self._normal)
        array = np.array(values, shapes.dtype).reshape(shapes.shape)
        return np.maximum(array, np.finfo(shapes.dtype).tiny)

    def multinomial(
        self, weights: np.ndarray, num_samples: int, replacement: bool = False
    ) -> np.ndarray:
        """Indices along the last axis, drawn in proportion to the weights; int64, row by row.

        With replacement: inversion of the running sum, two words a sample. Without, or for a single
        sample: the largest ratios weight / exponential, two words a weight. Of equal ratios
        (weights of zero, 16-bit dtypes) the first comes first; PyTorch's order depends on its sort.
        """
        _check_weights(weights, num_samples, replacement)
        if num_samples > 1 and replacement:
            return self._multinomial_by_inversion(weights, num_samples)
        if weights.size == 0:
            return np.empty((*weights.shape[:-1], num_samples), np.int64)
        if not (weights.min() >= 0 and weights.max() < math.inf):
            raise RuntimeError(
                "probability tensor contains either `inf`, `nan` or element < 0\n"
                f"These weights span {weights.min()} to {weights.max()}."
            )
        _check_sums(weights.sum(-1))
        ratios = self.exponential(out=np.empty_like(weights))
        with np.errstate(all="ignore"):
            np.divide(weights, ratios, out=ratios)
        if num_samples == 1:
            return np.argmax(ratios, -1, keepdims=True)
        return np.argsort(-ratios, -1, kind="stable")[..., :num_samples]

    def _multinomial_by_inversion(self, weights: np.ndarray, num_samples: int) -> np.ndarray:
        precision = F64 if weights.dtype == F64 else F32
        samples = np.empty((*weights.shape[:-1], num_samples), np.int64)
        self._prepare(num_samples)
        rows = samples.reshape(-1, num_samples)
        with self._lock:
            for row, target in zip(weights.reshape(-1, weights.shape[-1]), rows, strict=True):
                if not row.min() >= 0:
                    raise RuntimeError(
                        "invalid multinomial distribution (encountering probability entry < 0)\n"
                        f"The least weight was {row.min()}."
                    )
                if not row.max() < math.inf:
                    raise RuntimeError(
                        "invalid multinomial distribution (encountering probability entry = "
                        "infinity or NaN)\nWeights are finite."
                    )
                running = np.cumsum(row, dtype=precision)
                _check_sums(running[-1:])
                running /= running[-1]
                target[...] = np.searchsorted(
                    running.astype(F64), unit64(self._take(2 * num_samples))
                )
        return samples


def _words64(words: np.ndarray) -> np.ndarray:
    """Pairs of words as 64-bit numbers, high word first."""
    numbers = words[0::2].astype(np.uint64)
    numbers <<= np.uint64(32)
    numbers |= words[1::2]
    return numbers


def _need_full_range(dtype: np.dtype) -> None:
    kind = float_kind(dtype)
    if dtype != I64 and (kind is None or kind.digits == 11):
        raise RuntimeError(
            "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16\n"
            f"The dtype was {legacy_name(dtype)}. Give bounds that it can hold."
        )


def _check_permutation(n: int, dtype: np.dtype) -> None:
    if n < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {n}: [{n}]\n"
            "A permutation has n >= 0 elements."
        )
    need_number(dtype, "randperm", bool_too=False)
    kind = float_kind(dtype)
    if kind is None:
        if n > np.iinfo(dtype).max + 1:
            raise RuntimeError(
                f"value cannot be converted to type {dtype.name}_t without overflow\n"
                f"{dtype.name} cannot hold {n - 1}, the largest element of the permutation."
            )
    elif n > (1 << kind.digits) + 1 and kind.digits != 8:  # PyTorch lets bfloat16 pass
        largest = "2049" if kind.digits == 11 else f"2^{kind.digits}+1"
        raise RuntimeError(
            f"n cannot be greater than {largest} for {legacy_name(dtype)} type.\n"
            f"n was {n}. Draw the permutation in int64."
        )


def _check_weights(weights: np.ndarray, num_samples: int, replacement: bool) -> None:
    categories = weights.shape[-1] if weights.ndim else 0
    if not 1 <= weights.ndim <= 2:
        problem = f"prob_dist must be 1 or 2 dim\nIt had {weights.ndim}."
    elif float_kind(weights.dtype) is None:
        problem = (
            "multinomial only supports floating-point dtypes for input, got: "
            f"{legacy_name(weights.dtype)}\nConvert the weights first: weights.float()."
        )
    elif num_samples <= 0:
        problem = f"cannot sample n_sample <= 0 samples\nThe number asked for was {num_samples}."
    elif not replacement and num_samples > categories:
        problem = (
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement\n"
            f"{num_samples} samples were asked for, of {categories} categories."
        )
    elif categories > 1 << 24:
        problem = f"number of categories cannot exceed 2^24\nThere were {categories}."
    else:
        return
    raise RuntimeError(problem)


def _check_sums(sums: np.ndarray) -> None:
    if not (sums > 0).all():
        raise RuntimeError(
            "invalid multinomial distribution (sum of probabilities <= 0)\n"
            "Every row needs at least one positive weight."
        )


default_generator = Generator()
default_generator.seed()
