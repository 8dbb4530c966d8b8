"""The table of lowerings and what enters them. Imports graph.

A lowering is `f(g, *inputs, **metadata)`: it takes the operands of a primitive's call as values of
the graph `g` (None for an absent one) and its metadata, and returns the result's value, or a tuple
of them: of the shape and dtype, and with the numbers, that the primitive's kernel has for such
arrays. It returns NotImplemented for a call that it does not cover.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..ir.graph import Graph, Value

#: the lowering of each primitive that has one
LOWERINGS: dict[Callable, Callable] = {}


HALF, SINGLE = np.dtype("float16"), np.dtype("float32")


class Unlowered(Exception):
    """Raised within a lowering: this call is not covered."""


def is_plain(x: Any) -> bool:
    """Whether a value has one of the dtypes that arithmetic is lowered for: no complex numbers, no
    16-bit floats.
    """
    return x.dtype.kind in "biu" or x.dtype.kind == "f" and x.dtype.itemsize >= 4


def is_movable(x: Any) -> bool:
    """Whether a value has one of the dtypes that may be moved and cast: those, and float16."""
    return x.dtype.kind in "biuf"


def lowering(
    *funs: Callable,
    moves: bool = False,
    in_single: bool = False,
    floats: bool = False,
    numbers: Any = (),
) -> Callable[[Callable], Callable]:
    """Decorator: the lowering of some primitives.

    One that `moves` elements only takes float16 too; with `in_single` these are computed in float32
    and rounded once, as `ops.elementwise.in_single` does. One of `floats` covers calls whose first
    operand has floating numbers. The keywords `numbers` may be values (of shape () and float64) in
    the place of Python numbers. The decorated function may raise Unlowered.
    """
    fits = is_movable if moves or in_single else is_plain

    def enter(lower: Callable) -> Callable:
        @wraps(lower)
        def checked(g: Graph, *inputs: Any, **metadata: Any) -> Any:
            for x in inputs:
                if x is not None and not fits(x):
                    return NotImplemented
            if floats and inputs[0].dtype.kind != "f":
                return NotImplemented
            for name, v in metadata.items():
                if type(v) is Value and name not in numbers:
                    return NotImplemented
            try:
                if in_single and inputs[0].dtype == HALF:
                    return _in_single(lower, g, inputs, metadata)
                return lower(g, *inputs, **metadata)
            except Unlowered:
                return NotImplemented

        for fun in funs:
            LOWERINGS[fun] = checked
        return lower

    return enter


def _in_single(lower: Callable, g: Graph, inputs: tuple, metadata: dict) -> Any:
    """A lowering of float16 in float32, its result rounded once."""
    wide = [g.cast(x, SINGLE) if x is not None and x.dtype == HALF else x for x in inputs]
    r = lower(g, *wide, **metadata)
    if r is NotImplemented:
        return r
    results = [
        g.cast(v, HALF) if v.dtype == SINGLE else v for v in (r if type(r) is tuple else (r,))
    ]
    return tuple(results) if type(r) is tuple else results[0]


def constant_of(g: Graph, number: Any, dtype: np.dtype) -> Value:
    """A number, or a value that stands for one, as a 0-d value of a dtype."""
    if type(number) is Value:
        return g.cast(number, dtype)
    try:
        return g.constant(np.array(number, dtype))
    except (OverflowError, ValueError) as error:
        raise Unlowered from error
