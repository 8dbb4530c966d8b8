"""What PyTorch makes of memory that nobody else sees: results that are views of it or not, and
copies that products save.
"""

import weakref
from functools import partial
from typing import Any

from numpy import ndarray

from ..core.apply import recording
from ..core.carriers.memory import copied
from ..core.tape import OWN_COPY, Family, node_and_number
from ..core.tensor import Tensor, family_of, with_edge, wrap
from ..core.views import NO_GRAD_VIEW


def of_hidden(t: Tensor) -> Tensor:
    """A result that PyTorch makes as a view of a product that nobody sees: under no_grad it must
    not be written in place later with gradients.
    """
    if not recording() and type(t._a) is ndarray:
        t._b = base = wrap(t._a)
        t._v = base._v = family = Family()
        family.has_views = True
        t._m = NO_GRAD_VIEW
    return t


def alone(t: Tensor) -> Tensor:
    """A view of memory that nobody else sees, as PyTorch makes it: no view."""
    return with_edge(t._a, t._e) if type(t._a) is ndarray else t


def copied_if_written(t: Tensor, index: int, result: Tensor) -> None:
    """Let the node of `result` get a copy of its input `t`, number `index`, before `t`'s memory is
    written in place: what PyTorch's node saves is a copy from the start.
    """
    node, cell = node_and_number(result._e)[0], family_of(t).cell
    if not node.saved:  # packed, or nothing
        return
    if cell.apart is None:
        cell.apart = []
    count = len(cell.apart)
    if count > 16 and not count & (count - 1):
        cell.apart = [make for make in cell.apart if make.args[0]() is not None]
    cell.apart.append(partial(_make_copy, weakref.ref(node), index))


def _make_copy(reference: Any, number: int) -> None:
    node = reference()
    if node is None or not node.saved:
        return
    saved = list(node.saved)
    for place, (kind, index, _) in enumerate(node.rule.saves):
        if kind == "in" and node.rule.variadic:
            each = list(saved[place])
            each[number] = copied(each[number])
            saved[place] = tuple(each)
        elif kind == "in" and index == number and saved[place] is not None:
            saved[place] = copied(saved[place])
    node.saved = tuple(saved)
    cells: list[Family | None] = list(node.cells or (None,) * len(node.edges))
    cells[number] = OWN_COPY
    node.cells = tuple(cells)


def is_one(shape: Any, strides: Any) -> bool:
    """Whether a view may make one dimension of these, which are neighbours."""
    reach = None
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1:
            if reach not in (None, s):
                return False
            reach = s * n
    return True
