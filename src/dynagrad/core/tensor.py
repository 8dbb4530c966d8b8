"""Tensor: an array (or a payload that stands for one) and its edge into the graph. Imports tape,
dtype and ops.

Only what the engine and the operations need is here; the methods under PyTorch's names are
installed, one literal line each, by `functions/methods.py`.
"""

import weakref
from typing import Any

import numpy as np

from .. import errors
from ..ops.complex import pairs, unpaired
from ..ops.rule import RULES
from ..ops.shape import as_strided
from .dtype import FLOATING, Size, category, from_numpy_dtype
from .storage import as_pairs, geometry
from .tape import (
    AccumulateGrad,
    Family,
    Meta,
    Node,
    Output,
    caller,
    extras,
    first_look,
    grad_mode,
    native_writers,
    node_and_number,
    node_class,
    settle_writes,
    tick,
)

new = object.__new__


class Tensor:
    """A multi-dimensional array that can record what is done to it.

    `_a` the array or payload; `_e` the edge (None, Node, Output, AccumulateGrad); `_v` the Family
    (None until a view, a detach, an in-place write or `_version` needs one); and, only where they
    mean something: `_b` the base of a view, `_n` the count of rebasings that a view has seen, `_m`
    why a view must not be written, `_g` the gradient, `_h` the hooks of a leaf that was frozen.
    """

    __slots__ = ("__dict__", "__weakref__", "_a", "_b", "_e", "_g", "_h", "_m", "_n", "_v")
    _a: Any
    _b: "Tensor | None"
    _e: Any
    _g: "Tensor | None"
    _h: Any
    _m: str | None
    _n: int
    _v: Family | None
    _is_number: bool
    __array_priority__ = 1000
    __hash__ = object.__hash__

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded; a view made under no_grad says what its
        base says, as in PyTorch.
        """
        if self._e is not None:
            return True
        base = base_of(self)
        return (base is not None and base._e is not None) or edge_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        set_requires_grad(self, value)

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user rather than by a recorded operation."""
        edge = edge_of(self)
        return edge is None or type(edge) is AccumulateGrad

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        while first_look:
            first_look.pop()()
        edge = edge_of(self)
        if edge is None or type(edge) is AccumulateGrad:
            return None
        return edge if isinstance(edge, Node) else edge.node

    @property
    def output_nr(self) -> int:
        """The number of this tensor among its node's results."""
        return getattr(edge_of(self), "number", 0)

    @property
    def _version(self) -> int:
        """How often this memory was written in place (shared with views and `detach()`)."""
        if native_writers:
            settle_writes()
        return family_of(self).cell.count

    @property
    def _base(self) -> "Tensor | None":
        """The tensor whose memory this view shows; None for a tensor that is no view."""
        return base_of(self)

    def _is_view(self) -> bool:
        """Whether this tensor shows another tensor's memory."""
        return base_of(self) is not None

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return Size(self._a.shape)

    @property
    def dtype(self):
        """The type of the elements."""
        return from_numpy_dtype(self._a.dtype)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._a.ndim


def wrap(array: Any) -> Tensor:
    """A Tensor without history of an array or payload; a NumPy scalar becomes a 0-d array."""
    t = new(Tensor)
    t._a = np.asarray(array) if isinstance(array, np.generic) else array
    t._e = None
    t._v = None
    return t


def with_edge(array: Any, edge: Any) -> Tensor:
    """A Tensor with a place in the graph (saved values under create_graph, inputs of hooks)."""
    t = wrap(array)
    t._e = edge
    t._v = getattr(edge, "family", None)
    return t


def base_of(t: Tensor) -> Tensor | None:
    """The base of a view, or None."""
    return getattr(t, "_b", None)


def family_of(t: Tensor) -> Family:
    """The tensor's Family, made at first use and then also known to its edge, so that saved values
    are checked.
    """
    family = t._v
    if family is None:
        edge = t._e
        # another tensor of this place in the graph, such as a hook was given, may have made it
        family = t._v = getattr(edge, "family", None) or Family()
        if edge is not None:
            tell(edge, family)
    return family


def tell(edge: Any, family: Family) -> None:
    """Let an edge, and a node that may have saved its result, know the family of the tensor which
    it made.
    """
    edge.family = family
    if type(edge) is Output:
        families = getattr(edge.node, "family", None)
        if families is None:
            families = edge.node.family = {}
        families[edge.number] = family


def note_cut(family: Family, edge: Any, how: str) -> None:
    """Note, where a history is left behind, how and at which line of the user's, for explanations;
    the history is held weakly.
    """
    if edge is not None:
        node = edge.node if type(edge) is Output else edge
        family.cut = (how, *caller(3), weakref.ref(node))


def edge_of(t: Tensor) -> Any:
    """The tensor's edge; a view whose base was rebased since gets a new one first."""
    family = t._v
    if family is not None and family.rebased:
        sync(t)
    return t._e


AsStrided = node_class("AsStridedBackward0", RULES[as_strided])
ViewAsReal = node_class("ViewAsRealBackward0", RULES[pairs])
ViewAsComplex = node_class("ViewAsComplexBackward0", RULES[unpaired])


def sync(t: Tensor, derived: bool = True) -> None:
    """Give a view the edge that its base's present history implies (PyTorch regenerates a view's
    grad_fn likewise).

    RuntimeError for a view whose history would be ambiguous: made under no_grad, or one of several
    made by one node; unless what reads it has no derivative (not `derived`).
    """
    base = base_of(t)
    family = t._v
    if base is None or family is None or getattr(t, "_n", 0) == family.rebased:
        return
    if type(base._a) is not np.ndarray:
        t._a = base._a.refreshed(t._a)
        t._a.level.keep(t)
    elif type(t._a) is not np.ndarray:  # a transform that wrote a tangent into the base has ended
        t._a = t._a.detached()
    edge = base._e
    why = getattr(t, "_m", None)
    if why is not None and edge is not None:
        if derived and grad_mode.get():
            raise RuntimeError(view_error(t, why, errors.BASE_WRITTEN, "the use of this view"))
        return
    t._n = family.rebased
    if edge is None:
        if type(t._e) is not AccumulateGrad:
            t._e = None
        return
    source, shown, kinds = base._a, t._a, base._a.dtype.kind + t._a.dtype.kind
    if kinds == "cf":  # a real view of complex memory
        edge, source = linked(ViewAsReal, edge), as_pairs(source)
    elif kinds == "fc":
        shown = as_pairs(shown)
    node = new(AsStrided)
    record(node, (edge,), (Meta(source),), kw=geometry(shown, source))
    if kinds == "fc":
        node = linked(ViewAsComplex, node)
    node.family = family
    move_retained(t, node, 0)
    t._e = node


def linked(cls: type[Node], edge: Any) -> Any:
    """A node of a view that needs nothing saved, above `edge`; None above None."""
    if edge is None:
        return None
    node = new(cls)
    record(node, (edge,), (), kw={})
    return node


def move_retained(t: Tensor, node: Any, number: int) -> None:
    """Let `retain_grad()` go on for the tensor that got a new history."""
    old, place = node_and_number(t._e)
    if node is not None and old is not None and old is not node and old.extra is not None:
        kept = old.extra.retained.pop(place, None)
        if kept is not None:
            extras(node).retained[number] = kept


def view_error(t: Tensor, why: str, happened: str, op: str) -> str:
    """The error for a view that must not be written, or not be used after its base was."""
    node, number = node_and_number(t._e)
    name = (
        f"Output {number} of {errors.short_name(node.name())}"
        if node is not None
        else "This tensor"
    )
    return errors.VIEW_INPLACE[why].format(node=name, happened=happened, op=op)


def record(
    node: Node, edges: tuple, saved: tuple, *, kw: dict | None = None, fix: tuple | None = None
) -> None:
    """Fill a node's slots; the user's line is the innermost frame outside this package."""
    node.edges = edges
    node.saved = saved
    node.fix = fix
    node.extra = None
    node.cells = None
    node.kw = kw
    node.code, node.lasti = caller(2)
    node.seq = tick()


def set_requires_grad(t: Tensor, value: bool, kinds: str = "floating point and complex") -> None:
    """Make a leaf record, or stop recording; the errors are PyTorch's (one says `kinds`)."""
    if value is not True and value is not False:
        raise RuntimeError(f"requires_grad must be a bool\nGiven was {value!r}.")
    edge = edge_of(t)
    if value == (edge is not None):
        return
    if not value:
        if type(edge) is not AccumulateGrad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        freeze(t)
        return
    if category(t._a.dtype) < FLOATING:
        raise RuntimeError(
            f"only Tensors of {kinds} dtype can require gradients\n"
            f"This tensor is {t.dtype!r}. Convert it first, as in x.float(), or create it with "
            "dtype=torch.float32."
        )
    t._e = leaf_edge(t)
    t._e.extra = getattr(t, "_h", None)


def freeze(t: Tensor) -> None:
    """Stop recording a leaf; what was recorded gives it a gradient only if it requires grad again
    by then.
    """
    edge = t._e
    if type(edge) is AccumulateGrad:
        reference = edge.leaf

        def thawed() -> Any:
            leaf = reference()
            return None if leaf is None or leaf._e is None else leaf

        edge.leaf = thawed
        t._h = edge.extra
    t._e = None


def leaf_edge(t: Tensor) -> AccumulateGrad:
    """The edge of a leaf, with a place for its gradient."""
    edge = new(AccumulateGrad)
    edge.leaf = weakref.ref(t)
    edge.edges = ()
    edge.saved = ()
    edge.fix = None
    edge.extra = None
    edge.seq = LEAVES_FIRST
    edge.code = None
    edge.lasti = 0
    if t._v is not None:
        edge.family = t._v
    if not hasattr(t, "_g"):
        t._g = None
    return edge


#: leaves sort behind every node: the engine delivers them by counting, not by order
LEAVES_FIRST = -1
