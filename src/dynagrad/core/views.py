"""Views and in-place operations: shared memory, shared versions, and the history that a write
leaves behind.

An in-place operation computes what its out-of-place form would, writes the values into the tensor's
memory, and gives the tensor the history of that result. If the tensor is a view, its base gets a
CopySlices node, which stands for "the base with this window replaced", and every view of the base
reads its edge anew (`tensor.sync`).
"""

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from ..ops.complex import real_part
from ..ops.conversion import fill
from ..ops.rule import RULES
from ..ops.shape import as_strided, write_strided
from .apply import note, recording, to_dtype
from .carriers.carrier import detached_array, joined, lift
from .carriers.memory import copied, store
from .complaints import broadcast_error, not_a_tensor
from .out import check_cast, refuse_overlap, refuse_partial
from .quiet import WARNED, compute, quietly
from .storage import as_pairs, geometry, offset_of, strides_of
from .tape import (
    LIBRARY,
    OWN_COPY,
    AccumulateGrad,
    Family,
    Meta,
    Node,
    Output,
    class_name,
    family_saved,
    nobody,
    node_and_number,
    node_class,
    tick,
)
from .tensor import (
    AsStrided,
    Tensor,
    ViewAsComplex,
    ViewAsReal,
    base_of,
    edge_of,
    family_of,
    leaf_edge,
    linked,
    move_retained,
    note_cut,
    record,
    sync,
    tell,
    view_error,
    with_edge,
    wrap,
)
from .watch import PLAIN, Watcher, notify

new = object.__new__
getframe = sys._getframe

CopyBackwards = node_class("CopyBackwards", RULES[fill])


class CopySlices(node_class("CopySlices", RULES[write_strided])):
    """The base with a window replaced: its edges are the base's and that of what was written into
    the window.
    """

    __slots__ = ()
    holds = True  # PyTorch's frees what it wraps, so that it may run once only

    @property
    def next_functions(self) -> tuple:
        """As PyTorch shows it: the written operation with the base in the place of the window."""
        base, written = self.edges
        others = ((None, 0),) if written is None else node_and_number(written)[0].next_functions[1:]
        return (node_and_number(base), *others)


#: why a view must not be written in place (`Tensor._m`)
NO_GRAD_VIEW = "no_grad"
MULTI_VIEW = "multi"
MULTI_NO_GRAD_VIEW = "multi_no_grad"
FUNCTION_VIEW = "function"
#: the kinds of dtypes that have gradients
DIFFERENTIABLE = "fcV"


# --- views ----------------------------------------------------------------------------------------


def view(cls: type[Node], x: Tensor, array: Any, kw: dict) -> Tensor:
    """`array`, which shows memory of `x`, as a differentiable view recorded by `cls` (whose rule
    saves metas only).
    """
    family = x._v
    if family is None:
        family = family_of(x)
    elif family.rebased:
        before = x._a
        sync(x)
        if x._a is not before:
            return _late_view(cls, x, kw)
    t = new(Tensor)
    t._a = array
    t._v = family
    base = getattr(x, "_b", None) if family.has_views else None
    if base is None:
        family.has_views = True
        x._b = None  # asking for what was never set costs four times as much
        t._b = x
    else:
        t._b = base
        held = getattr(x, "_m", None)
        if held is not None:
            t._m = held
    if family.rebased:
        t._n = family.rebased
    if type(array) is not ndarray:
        array.level.keep(t)
    edge = x._e
    if not recording():
        t._e = None if edge is None else _dead_end(t)
        t._m = NO_GRAD_VIEW
    elif edge is None:
        t._e = None
    else:
        t._e = n = new(cls)
        saves = cls.rule.saves
        n.edges = (edge,)
        if saves:
            meta = new(Meta)
            meta.shape, meta.dtype = x._a.shape, x._a.dtype
            n.saved = (meta,) * len(saves)
        else:
            n.saved = ()
        n.fix = n.extra = n.cells = None
        n.kw = kw
        frame = getframe(2)
        while frame is not None and LIBRARY[frame.f_code.co_filename]:
            frame = frame.f_back
        n.code, n.lasti = (None, 0) if frame is None else (frame.f_code, frame.f_lasti)
        n.seq = tick()
        n.family = family
    return t


def _dead_end(t: Tensor) -> AccumulateGrad:
    """The edge of a view made under no_grad of what requires grad."""
    edge = leaf_edge(t)
    edge.leaf = nobody
    return edge


def is_dead_end(t: Tensor) -> bool:
    """Whether a tensor is a view made under no_grad, whose cotangents are dropped."""
    return getattr(t._e, "leaf", None) is nobody


def _late_view(cls: type[Node], x: Tensor, kw: dict) -> Tensor:
    """A view of a view that has just learnt what a write to its base has left in it."""
    return view(cls, x, compute(cls.rule, [x._a], kw), kw)


def views(cls: type[Node], x: Tensor, arrays: list, kw: dict) -> tuple[Tensor, ...]:
    """Several views made by one node (split, unbind): PyTorch forbids to write them in place."""
    edge = edge_of(x)
    node = None
    if edge is not None and recording():
        node = new(cls)
        record(node, (edge,), tuple([Meta(x._a) for _ in cls.rule.saves]), kw=kw)
        node.metas = tuple([Meta(a) for a in arrays])
        node.results = len(arrays)
    family = family_of(x)
    family.has_views = True
    base = base_of(x)
    why = NO_GRAD_VIEW if edge is not None else MULTI_NO_GRAD_VIEW
    why = why if node is None else MULTI_VIEW
    made = []
    for number, array in enumerate(arrays):
        t = wrap(array)
        t._v = family
        t._b = x if base is None else base
        t._n = family.rebased
        t._m = why
        if node is not None:
            t._e = Output(node, number)
            t._e.family = family
        elif edge is not None:
            t._e = _dead_end(t)
        if type(array) is not ndarray:
            array.level.keep(t)
        made.append(t)
    return tuple(made)


def detached(t: Tensor) -> Tensor:
    """The same memory and version without history: `detach()`."""
    d = wrap(t._a if PLAIN else detached_array(t._a))
    d._v = family = Family(family_of(t).cell)
    note_cut(family, t._e, "detach")
    return d


# --- in-place -------------------------------------------------------------------------------------


def check_inplace(t: Tensor, name: str, others: tuple = ()) -> bool:
    """Whether a write to `t` must be recorded; raises PyTorch's errors where it must not happen."""
    if not isinstance(t, Tensor):
        raise not_a_tensor(name, 1, "input", t)
    if not PLAIN:
        notify(Watcher.writing, t)
    part(t)
    needs = False
    if recording() and t._a.dtype.kind in DIFFERENTIABLE:
        edge = edge_of(t)
        needs = t.requires_grad or any(
            isinstance(o, Tensor) and edge_of(o) is not None for o in others
        )
    if needs:
        why = getattr(t, "_m", None)
        if why is not None:
            raise RuntimeError(view_error(t, why, errors.VIEW_WRITTEN, name))
        base = base_of(t) if edge is not None else None
        if base is not None and type(edge_of(base)) in (AccumulateGrad, type(None)):
            raise RuntimeError(errors.LEAF_INPLACE.format(view="view of a ", op=name))
        if type(edge) is AccumulateGrad:
            raise RuntimeError(errors.LEAF_INPLACE.format(view="", op=name))
    array = t._a
    if name in ("fill_", "zero_") and not needs:
        return False  # one value may be written to one place many times
    refuse_overlap(array, name)
    if name != "fill_":  # it reads its number first
        refuse_partial(t, others, name)
    return needs


def inplace(op: Callable, t: Tensor, *args: Any, **kw: Any) -> Tensor:
    """Run `op(t, *args)` and write its result into `t`: the in-place form of any out-of-place
    operation.
    """
    name = kw.pop("name", None) or f"{op.__name__}_"
    needs = check_inplace(t, name, (*args, *kw.values()))
    given = t
    if not PLAIN and (needs or type(t._a) is not ndarray):
        # what is packed now, or recorded below a batch, must not be overwritten below
        given = with_edge(copied(t._a), edge_of(t))
        given._v = Family()  # memory of its own: no write reaches it
    try:
        result = op(given, *args, **kw)
    except TypeError as error:
        raise TypeError(str(error).replace(f"{op.__name__}()", f"{name}()", 1)) from None
    check_result(t, result._a, name)
    edge = edge_of(result) if needs else None
    if edge is not None:
        keep_own_copies(edge, given._a, t._a, result._a)
    store(t, result._a)
    if needs and edge is not None and result._a.dtype != t._a.dtype:
        edge = to_dtype(result, t._a.dtype)._e
    written(t, edge, needs)
    if not PLAIN:
        notify(Watcher.wrote, t, (result,))
    return t


def check_result(t: Tensor, array: Any, name: str) -> None:
    """Raise if an in-place result does not fit `t`: another shape, a dtype of a higher category."""
    check_shape(t, array.shape, name)
    check_cast(name, array.dtype, t._a.dtype)


def check_shape(t: Tensor, shape: tuple, name: str) -> None:
    """Raise if an in-place result has another shape than `t`."""
    if shape != t._a.shape:
        raise RuntimeError(
            f"output with shape {list(t._a.shape)} doesn't match the broadcast shape "
            f"{list(shape)}\n"
            f"{name} writes into the tensor's own memory; use the out-of-place form for a result "
            "of another shape"
        )


def write(
    cls: type[Node], t: Tensor, kernel: Callable[[], Any], inputs: tuple, kw: dict, name: str
) -> Tensor:
    """An in-place operation with its own kernel: `kernel()` writes `t`'s memory, `cls` records it
    with these inputs.

    A kernel that updates (reads what it overwrites) must be safe to be called again after a
    floating-point warning turned exception: it computes first and writes last, or guards itself by
    `quietly`.
    """
    needs = check_inplace(t, name, inputs)
    node = None
    if needs:
        edges = tuple([edge_of(x) if isinstance(x, Tensor) else None for x in inputs])
        arrays = [x._a if isinstance(x, Tensor) else x for x in inputs]
        if not PLAIN:
            edges = list(edges)
            lift(inputs, arrays, edges)
            edges = tuple(edges)
        node = note(cls, edges, inputs, arrays, (t._a,), kw, tell=False)
        if not any(e is not None for e in edges):
            node.edges = ()  # a constant was written: the gradient ends here
        keep_own_copies(node, t._a, t._a, None)
    try:
        kernel()
    except WARNED:
        quietly(kernel)
    if node is not None and not PLAIN:
        notify(Watcher.noted, node, inputs)
    written(t, node, needs)
    if not PLAIN:
        notify(Watcher.wrote, t, inputs)
    return t


def written(t: Tensor, edge: Any, needs: bool) -> None:
    """Count a write to `t`'s memory and, if it is recorded, make `edge` the history of the new
    values.
    """
    family = family_of(t)
    family.cell.bump()
    if not needs and not family.has_views:
        return
    base = base_of(t)
    root = t if base is None else base
    if not needs:
        if root._e is not None and type(root._e) is not AccumulateGrad:
            _remember(
                family, root
            )  # as in PyTorch, views of recorded tensors get a new history even so
            family.rebased += 1
        return
    node, number = node_and_number(edge)
    if node is not None and not _reads(node, family.cell):
        node.seq = tick()  # so that the result, if it is saved, counts as newer than this write
    if edge is not None:
        tell(edge, family)
    if base is None:
        move_retained(t, node, number)
        t._e = edge
        _remember(family, t)
        if family.has_views:
            family.rebased += 1
        return
    if node is not None and not node.edges:
        edge = None
    base._e = slices = _replaced(base, t, edge)
    slices.family = family
    _remember(family, base)
    family.rebased += 1


def _replaced(base: Tensor, t: Tensor, edge: Any) -> Node:
    """The new history of a base whose window `t` was written with values that have this edge."""
    old, whole, window = edge_of(base), base._a, t._a
    kinds = whole.dtype.kind + window.dtype.kind
    if kinds == "cf":  # a real view of complex memory
        old, whole = linked(ViewAsReal, old), as_pairs(whole)
    elif kinds == "fc":
        edge, window = linked(ViewAsReal, edge), as_pairs(window)
    slices = new(CopySlices)
    record(slices, (old, edge), (Meta(whole),), kw=geometry(window, whole))
    if kinds == "cf":
        slices = linked(ViewAsComplex, slices)
    move_retained(base, slices, 0)
    return slices


def _remember(family: Family, base: Tensor) -> None:
    """Note the base's memory and history, for error texts."""
    node, number = node_and_number(base._e)
    family.base = weakref.ref(base._a)
    family.history = None if node is None else (class_name(type(node)), number)


def keep_own_copies(edge: Any, given: Any, array: Any, result: Any) -> None:
    """Let a node whose first input `array` is about to be overwritten keep a copy of it (`given`,
    where that is one already); a result it saved is what gets written.
    """
    node, _ = node_and_number(edge)
    if node.saved is None:  # packed
        return
    saved = list(node.saved)
    for place, (kind, index, _) in enumerate(node.rule.saves):
        if kind == "in" and index == 0 and saved[place] is given:
            saved[place] = copied(array) if given is array else given
            cells: list[Family | None] = list(node.cells or (None,) * len(node.edges))
            cells[0] = OWN_COPY
            node.cells = tuple(cells)
        elif kind == "out" and saved[place] is result and result.dtype == array.dtype:
            saved[place] = array
    node.saved = tuple(saved)


def part(t: Tensor) -> None:
    """Make the copies that nodes are to have before `t`'s memory is written."""
    if t._v is not None and t._v.cell.apart:
        for make_copy in t._v.cell.apart:
            make_copy()
        t._v.cell.apart = None


def _reads(node: Node, cell: Any) -> bool:
    """Whether the node saved, besides its own copies, a value in memory that has just been
    overwritten.
    """
    if not node.holds or node.saved is None:
        return False
    for (kind, index, _), value in zip(node.rule.saves, node.saved, strict=False):
        if (
            kind == "in"
            and value is not None
            and not node.rule.variadic
            and index < len(node.edges)
        ):
            family = family_saved(node, index)
            if family is not None and family.cell is cell:
                return True
    return False


def copy_(
    t: Tensor,
    source: Tensor,
    name: str = "copy_",
    cls: type[Node] = CopyBackwards,
    others: tuple | None = None,
) -> Tensor:
    """Write `source`, broadcast and converted, into `t`; `cls` records it as made from t's old
    values and from `others` (None: from `source`).
    """
    if not PLAIN:
        source = joined(source, t)
    a, b = t._a, source._a
    if b.shape != a.shape:
        error = broadcast_error(name, [a.shape, b.shape])
        if error is not None:
            raise error
        check_shape(t, np.broadcast_shapes(a.shape, b.shape), name)
    if b.dtype.kind == "c" and a.dtype.kind not in "cb":
        b = real_part(b)

    def kernel():
        store(t, b)

    # A view's old values are cut out of its base's gradient by CopySlices.
    old = t if base_of(t) is None else a
    return write(cls, t, kernel, (old, *((source,) if others is None else others)), {}, name)


def as_strided_view(x: Tensor, size: tuple, stride: tuple, offset: int) -> Tensor:
    """A view of x's memory by size, stride and offset (elements from the start of its storage)."""
    a = x._a
    kw = {"size": size, "stride": stride, "offset": offset - offset_of(a)}
    kw["base_stride"] = strides_of(a)
    return view(AsStrided, x, as_strided(a, **kw), kw)
