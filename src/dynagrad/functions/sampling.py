"""Random draws inside transforms: what vmap's `randomness` makes of them.

"error" refuses them; "same" draws once for all examples; "different" draws once with the batch in
front, so that each example has values of its own.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.carriers.batched import Batched, BatchLevel
from ..core.carriers.carrier import Carrier, levels, payload
from ..core.carriers.dual import Dual
from ..core.carriers.memory import store
from ..core.tape import Node
from ..core.tensor import Tensor
from ..core.views import write
from ..core.watch import PLAIN, watched_draw
from ..ops.layout import empty_like
from .arguments import held_by


def each_its_own() -> list[BatchLevel]:
    """The open vmaps that want a sample for each example, the outermost first; RuntimeError if one
    of them allows no randomness.
    """
    opened = [level for level in levels.get() if isinstance(level, BatchLevel)]
    if any(level.randomness == "error" for level in opened):
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the "
            "'same' or 'different' randomness flags on vmap or perform the randomness operation "
            "out of vmap"
        )
    return [level for level in opened if level.randomness == "different"]


def drawn(draw: Callable[[tuple], ndarray], shape: tuple) -> Any:
    """`draw(shape)`, random values of that shape, as the open vmaps want them."""
    if PLAIN:
        return draw(shape)
    own = each_its_own()
    if not own:
        answer = watched_draw(partial(draw, shape))
        if answer is not NotImplemented:
            return answer
    return _batched(draw((*_sizes(own), *shape)), own)


def drawn_like(a: Any, fill: Callable[[ndarray], Any], dtype: Any, axes: Any = None) -> Any:
    """Random values in the shape and layout of an array or carrier: `fill` writes them."""
    if type(a) is ndarray and PLAIN:
        return fill(empty_like(a, dtype, axes))
    if (not isinstance(a, Carrier) or a.is_memory) and not each_its_own():
        like = empty_like(a.inner if isinstance(a, Carrier) else a, dtype, axes)
        answer = watched_draw(lambda: fill(np.empty_like(like)))
        return fill(like) if answer is NotImplemented else answer
    return drawn(lambda shape: fill(np.empty(shape, dtype)), a.shape)


def drawn_from(draw: Callable[..., ndarray], *given: Any) -> Any:
    """`draw(*arrays)`, random values whose distributions these arrays or carriers hold."""
    if PLAIN:
        return draw(*given)
    own = each_its_own()
    if not own:
        answer = watched_draw(draw, *given)
        if answer is not NotImplemented:
            return answer
    rank = max([a.ndim for a in given])
    arrays = []
    for a in given:
        array = _spread(a, own)
        lead = array.shape[: len(own)]
        arrays.append(array.reshape((*lead, *(1,) * (rank - a.ndim), *array.shape[len(own) :])))
    return _batched(draw(*arrays), own)


def fill_in_place(
    cls: type[Node], t: Tensor, fill: Callable[[ndarray], Any], name: str, inputs: tuple = ()
) -> Tensor:
    """Random values written over `t` by `fill`, recorded by `cls`."""

    def kernel():
        a = t._a
        if PLAIN or (type(a) is ndarray and not each_its_own()):
            fill(a)
            return
        if isinstance(a, Carrier) and a.is_memory and not each_its_own():
            like = np.empty_like(a.inner)
            store(t, watched_draw(lambda: _filled(fill, like)))
            return
        _check_own(a)
        store(t, drawn(lambda shape: fill(np.empty(shape, a.dtype)), a.shape))

    return write(cls, t, kernel, (t, *inputs), {}, name)


def permutations(draw: Callable[[], ndarray], shape: tuple) -> ndarray:
    """A permutation for each place of the leading dimensions of `shape`."""
    if len(shape) == 1:
        return draw()
    rows = [draw() for _ in range(math.prod(shape[:-1]))]
    return np.stack(rows).reshape(shape) if rows else np.empty(shape, np.int64)


def _filled(fill: Callable[[ndarray], Any], like: ndarray) -> ndarray:
    """New memory as `like`, filled."""
    array = np.empty_like(like)
    fill(array)
    return array


def _sizes(own: list[BatchLevel]) -> list[int]:
    return [level.size or 0 for level in own]


def _batched(array: ndarray, own: list[BatchLevel]) -> Any:
    held: Any = array
    for level in own:  # each takes the dimension in front
        held = Batched(level, held)
    return held


def _spread(a: Any, own: list[BatchLevel]) -> ndarray:
    """The plain array of a carrier, with a dimension in front for each of these vmaps."""
    if isinstance(a, Dual):
        return _spread(a.primal, own)
    if isinstance(a, Batched):
        held = payload(a.value)
        if not a.is_batched:
            return _spread(held, own)
        places = [place for place, level in enumerate(own) if level is a.level]
        if not places:
            raise RuntimeError(
                "Vmap does not currently support same randomness with a batched tensor input. "
                "Please file an issue with functorch\nUse randomness='different', or draw from a "
                "distribution that is the same for all examples."
            )
        others = [level for level in own if level is not a.level]
        return np.moveaxis(_spread(held, others), len(others), places[0])
    return np.broadcast_to(a, (*_sizes(own), *a.shape))


def _check_own(a: Any) -> None:
    """Raise where each example wants values of its own in memory that all of them share."""
    known: set[Any] = set()
    while isinstance(a, Carrier):
        if isinstance(a, Batched) and a.is_batched:
            known.add(a.level)
        a = held_by(a)
    if any(level not in known for level in each_its_own()):
        raise RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will "
            "appear like same randomness. If this is necessary for your usage, please file an "
            "issue with functorch.\nFill a tensor made from a vmapped one, as torch.empty_like(x)."
        )
