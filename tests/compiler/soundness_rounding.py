"""What rounding may do to a program: every operation's results moved by a few units in the last
place.

Two ways of computing the same differ by rounding alone if a plain program whose results are moved
at random in each operation, forward and backward, differs as much in the same place. What is moved
is moved relative to itself, intermediate by intermediate, so that a sum of large terms that cancel
moves as those terms do. Numbers that are exact (0, 1, 0.5, whole ones) stay: no order of operations
gives other ones.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from soundness_state import Walk

from dynagrad.core.tape import Node
from dynagrad.core.tensor import Tensor
from dynagrad.core.watch import Watcher

#: how far an element is moved at most, in units of its dtype's precision
UNITS = 2.0
#: bits at the end of a number of so many bytes that are not all zero unless it is exact
_LAST = {4: (np.int32, 0x1F), 8: (np.int64, 0xFFF)}


class Noise(Watcher):
    """Moves what the operations of a thread give, while it watches them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def move(self, array: Any) -> None:
        """Move elements where they lie."""
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fc":
            return
        if not array.flags.writeable or 0 in array.strides:
            return
        part = array
        if array.dtype.kind == "c":
            if not array.flags.c_contiguous:
                return
            part = array.reshape(-1).view(array.real.dtype)
        if part.dtype.itemsize not in _LAST:
            return
        kind, last = _LAST[part.dtype.itemsize]
        moved = 1 + self.rng.uniform(-UNITS, UNITS, part.shape) * np.finfo(part.dtype).eps
        inexact = (np.ascontiguousarray(part).view(kind) & last) != 0
        with np.errstate(all="ignore"):
            np.multiply(part, moved, out=part, where=inexact.reshape(part.shape), casting="unsafe")

    def disturb(self, walk: Walk) -> None:
        """Move all that a module holds."""
        for path, array in walk.tensors:
            if not path.endswith(".grad"):
                self.move(array)

    def moved(self, found: Any, given: set[int]) -> Any:
        """What an operation gave, moved where it is memory of its own; NumPy gives single numbers
        without any.
        """
        if isinstance(found, list | tuple):
            return type(found)([self.moved(part, given) for part in found])
        if isinstance(found, np.generic):
            found = np.array(found)
        if isinstance(found, np.ndarray) and found.base is None and id(found) not in given:
            self.move(found)
        return found

    def computed(self, compute: Callable[[], Any], cls: type[Node], inputs: tuple, kw: dict) -> Any:
        """Move an operation's results."""
        given = {id(x._a) for x in inputs if isinstance(x, Tensor)} | set(map(id, inputs))
        return self.moved(compute(), given)

    def propagated(self, compute: Callable[[], Any], node: Node, g: Any, create: bool) -> Any:
        """Move the cotangents that an operation's rules give."""
        return self.moved(compute(), set())

    def wrote(self, t: Tensor, sources: tuple) -> None:
        """Move what was written."""
        self.move(t._a)
