"""A look below the transforms. Imports core."""

from ..core.carriers.batched import Batched
from ..core.carriers.carrier import Carrier
from ..core.tensor import Tensor, wrap


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """What a tensor inside of transforms stands for: under vmap all examples of the batch, under
    jvp the value without its tangent; with `recurse` below all levels.

    For a debugger or a print: what is computed with the result is no part of the transform.
    """
    a = tensor._a
    if not isinstance(a, Carrier):
        return tensor
    held = a.value if isinstance(a, Batched) else a.primal  # pyright: ignore - the other is a Dual
    found = held if isinstance(held, Tensor) else wrap(held)
    return debug_unwrap(found) if recurse else found
