"""Reductions of the elements for which a mask holds."""

import math
from typing import Any

import numpy as np

from ..core.apply import to_dtype
from ..core.dtype import COMPLEX, FLOATING, category, from_numpy_dtype
from ..core.tensor import Tensor, wrap
from ..functions import elementwise, extremes, powers, reduction, selection, shape
from ..functions import norms as _norms
from ..functions.arguments import tensor
from ..functions.complex import conj
from ..functions.sorting import nanmedian
from .masks import DEFAULT, dims_of, filled, full_mask, masked_input, result_dtype, summed_dtype


def sum(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The sum of the elements that the mask lets through; 0 where there is none."""
    x = masked_input("sum", input, mask)
    d = from_numpy_dtype(summed_dtype(dtype, x))
    return _sum(x, dims_of(dim, x._a.ndim), bool(keepdim), d)


def _sum(x: Tensor, dims: tuple, keepdim: bool, dtype: Any) -> Tensor:
    return reduction.sum(x, dims, keepdim, dtype=dtype)


def prod(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The product of the elements that the mask lets through; 1 where there is none."""
    x = masked_input("prod", input, mask)
    result = to_dtype(x, summed_dtype(dtype, x))
    for d in reversed(dims_of(dim, x._a.ndim)):
        result = reduction.prod(result, d, bool(keepdim))
    return result


def amax(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The largest of the elements that the mask lets through; the dtype's least value, -inf for
    floats, where there is none.
    """
    x = masked_input("amax", input, mask)
    result = extremes.amax(x, dims_of(dim, x._a.ndim), bool(keepdim))
    return to_dtype(result, result_dtype(dtype, x))


def amin(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The least of the elements that the mask lets through; the dtype's largest value, inf for
    floats, where there is none.
    """
    x = masked_input("amin", input, mask)
    result = extremes.amin(x, dims_of(dim, x._a.ndim), bool(keepdim))
    return to_dtype(result, result_dtype(dtype, x))


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place of the largest element that the mask lets through, as a number of the input's
    dtype, or of `dtype`.
    """
    x = masked_input("argmax", input, mask)
    return to_dtype(extremes.argmax(x, dim, bool(keepdim)), result_dtype(dtype, x))


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place of the least element that the mask lets through, as a number of the input's dtype,
    or of `dtype`.
    """
    x = masked_input("argmin", input, mask)
    return to_dtype(extremes.argmin(x, dim, bool(keepdim)), result_dtype(dtype, x))


def _counts(x: Tensor, dims: tuple, keepdim: bool, mask: Tensor | None) -> Tensor:
    """How many elements take part."""
    if mask is not None:
        return reduction.sum(full_mask(x, mask), dims, keepdim)
    have = x._a.shape
    left = tuple([1 if d in dims else n for d, n in enumerate(have) if keepdim or d not in dims])
    count = math.prod([have[d] for d in dims]) if have else 1
    return wrap(np.full(left, count, np.int64))


def mean(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean of the elements that the mask lets through; nan where there is none.

    ValueError for a dtype that is neither floating nor complex.
    """
    x = tensor("mean", input)
    d = result_dtype(dtype, x)
    if category(d) < FLOATING:
        raise ValueError(
            f"mean(): Could not infer output dtype. {'Input' if dtype is None else 'Optional'} "
            "dtype must be either a floating point or complex dtype. Got: "
            f"{from_numpy_dtype(d)!r}"
        )
    total = sum(x, dim, keepdim=keepdim, dtype=from_numpy_dtype(d), mask=mask)
    return elementwise.div(total, _counts(x, dims_of(dim, x._a.ndim), bool(keepdim), mask))


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The lower median of the elements that the mask lets through; nan where there is none.

    ValueError where an integer input has a row without elements.
    """
    x = tensor("median", input)
    d, axis = result_dtype(dtype, x), dims_of(dim, x._a.ndim)[0]
    floating = category(x._a.dtype) == FLOATING
    numbers = x if floating else to_dtype(x, DEFAULT)
    if mask is not None:
        numbers = filled(numbers, mask, math.nan)
    result = nanmedian(numbers, axis, keepdim).values
    if floating:
        return result
    if np.isnan(result._a).any():
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return to_dtype(result, d)


def logsumexp(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """log(sum(exp(x))) of the elements that the mask lets through; -inf where there is none."""
    x = masked_input("logsumexp", input, mask)
    result = reduction.logsumexp(x, dims_of(dim, x._a.ndim), keepdim=keepdim)
    return to_dtype(result, result_dtype(dtype, x))


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm of order `ord` of the elements that the mask lets through; 0 where there is none,
    inf for the order -inf.
    """
    if ord is None:
        raise TypeError(
            "linalg_vector_norm(): argument 'ord' (position 2) must be Number, not NoneType"
        )
    name = "least_norm" if ord == -math.inf else "norm"
    x = masked_input(name, input, mask)
    dims, d = dims_of(dim, x._a.ndim), from_numpy_dtype(result_dtype(dtype, x))
    return _norms.vector_norm(x, ord, dims, bool(keepdim), dtype=d)


def _spread(
    input: Tensor,
    dim: Any,
    unbiased: bool | None,
    correction: float | None,
    keepdim: bool | None,
    dtype: Any,
    mask: Tensor | None,
) -> Tensor:
    """sum |x - mean|^2 / max(count - correction, 0), of the elements that the mask lets through."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 0.0 if unbiased is False else 1.0
    x = tensor("var", input)
    d = result_dtype(dtype, x)
    if dtype is None and category(d) < FLOATING:
        d = DEFAULT
    inner = d if category(d) >= FLOATING else DEFAULT
    wanted, axes = from_numpy_dtype(inner), dims_of(dim, x._a.ndim)
    count = _counts(x, axes, True, mask)
    center = elementwise.div(sum(x, dim, keepdim=True, dtype=from_numpy_dtype(d), mask=mask), count)
    off = elementwise.sub(x, center)
    total = sum(elementwise.mul(off, conj(off)), dim, keepdim=keepdim, dtype=wanted, mask=mask)
    if not keepdim:
        count = shape.reshape(count, total._a.shape)
    if correction:
        real = inner if category(inner) != COMPLEX else np.empty(0, inner).real.dtype
        left = elementwise.sub(to_dtype(count, real), correction)
        count = selection.maximum(left, wrap(np.zeros((), real)))
    return to_dtype(elementwise.div(total, count), d)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of the elements that the mask lets through, divided by their number less
    `correction` (1 if not given); nan where there is none.
    """
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: int | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation of the elements that the mask lets through: the root of `var`."""
    return powers.sqrt(_spread(input, dim, unbiased, correction, keepdim, dtype, mask))
