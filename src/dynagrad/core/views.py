"""Views and in-place operations: shared memory, shared versions, and the history that a write leaves behind.

An in-place operation computes what its out-of-place form would, writes the values into the tensor's memory, and gives the
tensor the history of that result. If the tensor is a view, its base gets a CopySlices node, which stands for "the base with
this window replaced", and every view of the base reads its edge anew (`tensor.sync`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..ops.rule import RULES
from ..ops.shape import as_strided, broadcast_cast, write_strided
from .apply import WARNED, apply, check_cast, note, quietly, recording
from .storage import address, geometry, owner, strides_of
from .tape import AccumulateGrad, Family, Meta, Node, Output, node_class, tick
from .tensor import Tensor, base_of, edge_of, family_of, record, wrap

new = object.__new__

CopySlices = node_class("CopySlices", RULES[write_strided])
CopyBackwards = node_class("CopyBackwards", RULES[broadcast_cast])

#: why a view must not be written in place (`Tensor._m`)
NO_GRAD_VIEW = "no_grad"
MULTI_VIEW = "multi"


# --- views ------------------------------------------------------------------------------------------------------------------


def view(cls: type[Node], x: Tensor, array: Any, kw: dict, *, number: int | None = None) -> Tensor:
    """`array`, which shows memory of `x`, as a differentiable view recorded by `cls` (whose rule saves metas only)."""
    edge = edge_of(x)
    family = x._v
    if family is None:
        family = family_of(x)
    family.has_views = True
    t = new(Tensor)
    t._a = array
    t._v = family
    base = base_of(x)
    t._b = x if base is None else base
    if family.rebased:
        t._n = family.rebased
    held = getattr(x, "_m", None)
    if held is not None:
        t._m = held
    if edge is None:
        t._e = None
    elif recording():
        t._e = node = new(cls)
        record(node, (edge,), tuple([Meta(x._a) for _ in cls.rule.saves]), kw=kw)
        node.family = family
    else:
        t._e = None
        t._m = NO_GRAD_VIEW
    return t


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
    made = []
    for number, array in enumerate(arrays):
        t = wrap(array)
        t._v = family
        t._b = x if base is None else base
        t._n = family.rebased
        t._m = MULTI_VIEW if node is not None else NO_GRAD_VIEW if edge is not None else None
        if node is not None:
            t._e = Output(node, number)
            t._e.family = family
        made.append(t)
    return tuple(made)


def shares_memory(x: Tensor, array: np.ndarray) -> bool:
    """Whether `array` shows memory of `x`, so that it must become a view."""
    return owner(array) is owner(x._a)


def detached(t: Tensor) -> Tensor:
    """The same memory and version without history: `detach()`."""
    d = wrap(t._a)
    d._v = Family(family_of(t).cell)
    return d


# --- in-place -----------------------------------------------------------------------------------------------------------------


def check_inplace(t: Tensor, name: str, others: tuple = ()) -> bool:
    """Whether a write to `t` must be recorded; raises PyTorch's errors where it must not happen."""
    array = t._a
    if 0 in array.strides and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
            f"clone() the tensor before performing the operation.\n{name} was given an expanded tensor of shape "
            f"{list(array.shape)}"
        )
    if not recording():
        return False
    edge = edge_of(t)
    if edge is None and not any(isinstance(o, Tensor) and edge_of(o) is not None for o in others):
        return False
    why = getattr(t, "_m", None)
    if why is not None:
        raise RuntimeError(errors.VIEW_INPLACE[why].format(op=name, node=_node_name(t, edge)))
    if type(edge) is AccumulateGrad:
        raise RuntimeError(errors.LEAF_INPLACE.format(view="", op=name))
    base = base_of(t)
    if base is not None and type(edge_of(base)) is AccumulateGrad:
        raise RuntimeError(errors.LEAF_INPLACE.format(view="view of a ", op=name))
    return True


def _node_name(t: Tensor, edge: Any) -> str:
    if type(edge) is Output:
        return f"Output {edge.number} of {type(edge.node).__name__}"
    return type(edge).__name__


def inplace(op: Callable, t: Tensor, *args: Any, **kw: Any) -> Tensor:
    """Run `op(t, *args)` and write its result into `t`: the in-place form of any out-of-place operation."""
    name = kw.pop("name", None) or f"{op.__name__}_"
    needs = check_inplace(t, name, args)
    result = op(t, *args, **kw)
    check_result(t, result._a, name)
    edge = edge_of(result) if needs else None
    np.copyto(t._a, result._a, casting="unsafe")
    if needs and edge is not None and result._a.dtype != t._a.dtype:
        edge = apply(CopyBackwards, result, shape=t._a.shape, dtype=t._a.dtype)._e
    written(t, edge, needs)
    return t


def check_result(t: Tensor, array: Any, name: str) -> None:
    """Raise if an in-place result does not fit `t`: another shape, or a dtype of a higher category."""
    if array.shape != t._a.shape:
        raise RuntimeError(
            f"output with shape {list(t._a.shape)} doesn't match the broadcast shape {list(array.shape)}\n{name} writes into "
            "the tensor's own memory; use the out-of-place form for a result of another shape"
        )
    check_cast(name, array.dtype, t._a.dtype)


def write(cls: type[Node], t: Tensor, kernel: Callable[[], None], inputs: tuple, kw: dict, name: str) -> Tensor:
    """An in-place operation with its own kernel: `kernel()` writes `t`'s memory, `cls` records it with these inputs.

    A kernel that updates (reads what it overwrites) must be safe to be called again after a floating-point warning turned
    exception: it computes first and writes last, or guards itself by `quietly`.
    """
    needs = check_inplace(t, name, inputs)
    node = None
    if needs:
        edges = tuple([edge_of(x) if isinstance(x, Tensor) else None for x in inputs])
        arrays = [x._a if isinstance(x, Tensor) else x for x in inputs]
        node = note(cls, edges, inputs, arrays, (t._a,), kw)
        if not any(e is not None for e in edges):
            node.edges = ()  # a constant was written: the gradient ends here
    try:
        kernel()
    except WARNED:
        quietly(kernel)
    written(t, node, needs)
    return t


def written(t: Tensor, edge: Any, needs: bool) -> None:
    """Count a write to `t`'s memory and, if it is recorded, make `edge` the history of the new values."""
    family = family_of(t)
    family.cell.bump()
    if not needs:
        return
    node = edge.node if type(edge) is Output else edge
    if node is not None and not _reads(node, t._a):
        node.seq = tick()  # so that the result, if it is saved, counts as newer than this write
    base = base_of(t)
    if base is None:
        t._e = edge
        if edge is not None:
            edge.family = family
        if family.has_views:
            family.rebased += 1
        return
    if node is not None and not node.edges:
        edge = None
    slices = new(CopySlices)
    record(slices, (edge_of(base), edge), (), kw=geometry(t._a, base._a))
    slices.family = family
    base._e = slices
    family.rebased += 1


def _reads(node: Node, array: Any) -> bool:
    """Whether the node saved the input that has just been overwritten."""
    return node.saved is not None and any(
        save.kind == "in" and value is array for save, value in zip(node.rule.saves, node.saved, strict=False)
    )


def copy_(t: Tensor, source: Tensor, name: str = "copy_") -> Tensor:
    """Write `source`, broadcast and converted, into `t`."""
    a, b = t._a, source._a
    if b.shape != a.shape:
        try:
            np.broadcast_to(b, a.shape)
        except ValueError:
            raise RuntimeError(
                f"The expanded size of the tensor ({list(a.shape)}) must match the existing size ({list(b.shape)}): {name} "
                f"cannot write a tensor of shape {list(b.shape)} into one of shape {list(a.shape)}"
            ) from None
    if b.dtype.kind == "c" and a.dtype.kind != "c":
        b = b.real

    def kernel():
        np.copyto(a, b, casting="unsafe")

    return write(CopyBackwards, t, kernel, (source,), {"shape": a.shape, "dtype": a.dtype}, name)


def as_strided_view(x: Tensor, size: tuple, stride: tuple, offset: int) -> Tensor:
    """A view of x's memory by size, stride and offset (elements from the start of its storage)."""
    start = (address(x._a) - address(owner(x._a))) // x._a.itemsize
    kw = {"size": size, "stride": stride, "offset": offset - start, "base_stride": strides_of(x._a)}
    return view(_AsStrided, x, as_strided(x._a, **kw), kw)


_AsStrided = node_class("AsStridedBackward0", RULES[as_strided])
