"""vmap: a function of single examples, run once on a batch of them. Imports core and functions."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..core.batched import Batched, BatchLevel
from ..core.carrier import Level, new_level
from ..core.pytree import Spec, flatten, spread, unflatten
from ..core.tensor import Tensor, edge_of, wrap
from ..functions.expansion import expand
from ..functions.joining import cat
from ..functions.shape import movedim
from ..functions.splitting import split


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = flatten(args)
        dims = spread(in_dims if type(in_dims) is not list else tuple(in_dims), spec)
        sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None}
        (size,) = sizes
        with new_level(BatchLevel, size, randomness) as level:
            inputs = [entered(x, d, level) for x, d in zip(leaves, dims, strict=True)]
            out = func(*unflatten(inputs, spec), **kwargs)
            results, out_spec = flatten(out)
            places = spread(out_dims, out_spec)
            lowered = [below(r, level) for r in results]
        moved = [movedim(r, 0, d) if d else r for r, d in zip(lowered, places, strict=True)]
        return unflatten(moved, out_spec)

    return mapped


def entered(x: Any, dim: int | None, level: Level) -> Any:
    """An argument inside the vmap: a batch along `dim`."""
    if dim is None:
        return x
    moved = movedim(x, dim, 0) if dim else x
    return wrap(Batched(level, moved if edge_of(moved) is not None else moved._a))


def below(x: Tensor, level: Level) -> Tensor:
    """A result outside of the vmap, its batch dimension first."""
    held = x._a
    if type(held) is Batched and held.level is level:
        value = held.value if isinstance(held.value, Tensor) else wrap(held.value)
        if held.is_batched:
            return value
        x = value
    return expand(x, (level.size, *x.shape))
