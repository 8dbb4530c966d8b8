"""What distributions share: broadcasting of parameters, probabilities and logits, lazy properties,
triangles as vectors; as torch.distributions.utils.
"""

from collections.abc import Callable
from functools import update_wrapper
from math import prod
from numbers import Number
from typing import Any

from ..autograd.grad_mode import enable_grad
from ..core.dtype import Size, finfo
from ..core.tensor import Tensor
from ..functions.creation import zeros
from ..functions.expansion import broadcast_tensors
from ..functions.from_data import tensor
from ..functions.neural.softmax import torch_softmax
from ..functions.reordering import tril_indices
from ..functions.transcendental import sigmoid

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "euler_constant",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

#: the shape of a single value
EMPTY = Size()
euler_constant = 0.57721566490153286060


def is_tensor_like(value: Any) -> bool:
    """Whether a value is a Tensor or answers for functions itself."""
    return isinstance(value, Tensor) or hasattr(type(value), "__torch_function__")


def broadcast_all(*values: Any) -> Any:
    """Numbers and tensors as tensors of their common shape.

    Numbers take the dtype of the first tensor, the default one where there are only numbers.
    ValueError for anything else.
    """
    if not all(is_tensor_like(v) or isinstance(v, Number) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            f"__torch_function__.\nThey are of types {[type(v).__name__ for v in values]}."
        )
    if all(is_tensor_like(v) for v in values):
        return broadcast_tensors(*values)
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), None)
    if dtype is None:
        dtype = zeros(()).dtype
    return broadcast_tensors(*[v if is_tensor_like(v) else tensor(v, dtype=dtype) for v in values])


def plain_shape(shape: Any) -> Size:
    """A shape given as Size, list or tuple."""
    return shape if isinstance(shape, Size) else Size(shape)


def standard_normal(shape: Any, dtype: Any) -> Tensor:
    """Normal values of mean 0 and variance 1, drawn as PyTorch's distributions draw them."""
    return zeros(shape, dtype=dtype).normal_()


def uniform_like(shape: Any, like: Tensor) -> Tensor:
    """Uniform values in [0, 1) of the dtype of `like`."""
    return zeros(shape, dtype=like.dtype).uniform_()


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities from log odds (`is_binary`), or from logarithms of weights along the last
    dimension.
    """
    return sigmoid(logits) if is_binary else torch_softmax(logits, dim=-1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities kept one rounding away from 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Log odds (`is_binary`) or logarithms of probabilities, which are clamped."""
    clamped = clamp_probs(probs)
    if is_binary:
        return clamped.log() - (-clamped).log1p()
    return clamped.log()


class lazy_property:
    """A property that is computed at its first use, with gradients, and kept in its place."""

    def __init__(self, wrapped: Callable[[Any], Any]):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # pyright: ignore[reportArgumentType]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return _OfClass(self.wrapped)
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _OfClass(lazy_property, property):
    """What a class shows of a lazy property: tools that look for properties find one."""

    def __init__(self, wrapped: Callable[[Any], Any]):
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The elements on and below a diagonal of square matrices (..., n, n), row by row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """Square matrices with these elements on and below a diagonal, zeros elsewhere; the inverse of
    tril_matrix_to_vec. ValueError for a length that no triangle has.
    """
    length = vec.shape[-1]
    n = (
        -(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * length + 4 * abs(diag) * (diag + 1)) ** 0.5
    ) / 2
    if round(n) - n > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {length} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    n = round(n)
    matrix = zeros((*tuple(vec.shape)[:-1], n, n), dtype=vec.dtype)
    rows, columns = tril_indices(n, n, diag)
    matrix[..., rows, columns] = vec
    return matrix


def sum_rightmost(value: Any, count: int) -> Any:
    """The sum over the rightmost `count` dimensions."""
    if count == 0:
        return value
    return value.reshape((*tuple(value.shape)[: value.dim() - count], -1)).sum(-1)


def size_of(shape: Any) -> int:
    """The number of elements of a shape."""
    return prod(shape)
