"""Operations that keep the input's shape: cumulative ones, softmax and its kin, division by a
norm.
"""

from typing import Any

from ..core.apply import to_dtype
from ..core.dtype import from_numpy_dtype
from ..core.tensor import Tensor
from ..functions import cumulative, elementwise, selection, transcendental
from ..functions.creation import new_full
from ..functions.neural import softmax as _softmax
from .masks import dims_of, masked_input, result_dtype
from .reducing import norm


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Partial sums along a dimension; what the mask leaves out adds nothing."""
    x = masked_input("sum", input, mask)
    d = from_numpy_dtype(result_dtype(dtype, x))
    return cumulative.cumsum(x, dims_of(dim, x._a.ndim)[0], dtype=d)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Partial products along a dimension; what the mask leaves out changes nothing."""
    x = masked_input("prod", input, mask)
    d = from_numpy_dtype(result_dtype(dtype, x))
    return cumulative.cumprod(x, dims_of(dim, x._a.ndim)[0], dtype=d)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) of the elements that the mask lets through, 0 elsewhere; nan where a row
    has none.
    """
    x = masked_input("amax", input, mask)
    d = from_numpy_dtype(result_dtype(dtype, x))
    return _softmax.softmax(x, dims_of(dim, x._a.ndim)[0], dtype=d)


def log_softmax(
    input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """log(softmax(x)) of the elements that the mask lets through, -inf elsewhere."""
    x = masked_input("amax", input, mask)
    d = from_numpy_dtype(result_dtype(dtype, x))
    return _softmax.log_softmax(x, dims_of(dim, x._a.ndim)[0], dtype=d)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """softmax(-x) of the elements that the mask lets through, 0 elsewhere."""
    x = masked_input("amin", input, mask)
    d = from_numpy_dtype(result_dtype(dtype, x))
    return _softmax.softmin(x, dims_of(dim, x._a.ndim)[0], dtype=d)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """x / max(norm(x), eps), with the norm of the elements that the mask lets through; 0
    elsewhere.
    """
    x = masked_input("sum", input, mask)
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return elementwise.div(x, selection.maximum(size, new_full(size, (), eps)))


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(x) + exp(y)); an element that its mask leaves out counts as -inf."""
    x = masked_input("logaddexp", input, input_mask)
    y = masked_input("logaddexp", other, other_mask)
    return to_dtype(transcendental.logaddexp(x, y), result_dtype(dtype, x))
