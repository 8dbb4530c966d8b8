"""Parameters as one vector, and back. Imports core and functions."""

from collections.abc import Iterable

from ...core.tensor import Tensor
from ...functions.joining import cat
from ...functions.shape import reshape, view

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, one after the other; recorded."""
    return cat([reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give the parameters the values in a vector, whose memory they share from then on."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        n = p._a.size
        p.data = view(vec[start : start + n], p._a.shape).data  # pyright: ignore
        start += n
