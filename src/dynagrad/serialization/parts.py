"""Tensors made again from the parts that a file holds. Imports core, functions and nn.parameter."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtype import dtype, layout, sparse_coo, sparse_csc, sparse_csr, strided
from ..core.tensor import Tensor, wrap
from ..functions.later import loaded
from ..functions.tensor_methods import as_subclass
from ..nn.parameter import Parameter

__all__ = ["REBUILDERS", "layout_of"]

LAYOUTS = {repr(kind): kind for kind in (strided, sparse_coo, sparse_csr, sparse_csc)}


def _tensor(
    memory: np.ndarray,
    offset: int,
    size: tuple,
    stride: tuple,
    requires_grad: bool = False,
    hooks: Any = None,
    *more: Any,
) -> Tensor:
    kind = next((m for m in more if isinstance(m, dtype)), None)
    item = memory.dtype if kind is None else kind.numpy
    _check_place(memory, offset, size, stride, item.itemsize)
    t = wrap(
        np.ndarray(
            tuple(size),
            item,
            memory.view(np.uint8),
            offset * item.itemsize,
            tuple(s * item.itemsize for s in stride),
        )
    )
    for flags in more:
        if isinstance(flags, dict):  # views that PyTorch computes when they are looked at
            if flags.get("conj"):
                t = wrap(np.conj(t._a))
            if flags.get("neg"):
                t = wrap(np.negative(t._a))
    if requires_grad:
        t.requires_grad = True
    return t


def _check_place(memory: np.ndarray, offset: int, size: Any, stride: Any, width: int) -> None:
    """RuntimeError unless every element lies in the memory."""
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(n) is int and n >= 0 for n in numbers):
        raise RuntimeError(
            f"a tensor's place must be counts: got sizes {list(size)}, strides {list(stride)}, "
            f"storage offset {offset!r}\nThe file is damaged."
        )
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) + 1
    needed = 0 if 0 in size else last * width
    if needed > memory.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {width} requiring a storage size of {needed} are out of bounds for storage "
            f"of size {memory.nbytes}\nThe file is damaged."
        )


def _parameter(data: Tensor, requires_grad: bool, hooks: Any, state: Any = None) -> Any:
    made = Parameter(data, requires_grad)
    if state:
        vars(made).update(state)
    return made


def _subclass(rebuild: Callable, kind: type, args: tuple, state: Any) -> Any:
    if rebuild not in REBUILDERS.values():
        raise TypeError(f"{rebuild!r} makes no tensor")
    made = rebuild(*args)
    if type(made) is not kind:
        made = as_subclass(made, kind)
    if state:
        vars(made).update(state)
    return made


def layout_of(name: str) -> layout:
    """A layout by its name, "torch.sparse_coo"."""
    if name not in LAYOUTS:
        raise NotImplementedError(
            f"the file has a tensor of layout {name}, which is not supported; there are "
            f"{', '.join(sorted(LAYOUTS))}"
        )
    return LAYOUTS[name]


def _sparse(kind: layout, data: tuple) -> Tensor:
    """A sparse tensor from its indices and values, which are checked."""
    if kind is sparse_coo:
        indices, values, size, *rest = data
        make = loaded("sparse.construction", "sparse_coo_tensor")
        is_sorted = rest[0] if rest else None
        return make(indices, values, size, is_coalesced=is_sorted, check_invariants=True)
    make = loaded("sparse.construction", "sparse_compressed_tensor")
    return make(*data, layout=kind)


#: by PyTorch's names, which the files hold
REBUILDERS: dict[str, Callable[..., Any]] = {
    "_rebuild_tensor_v2": _tensor,
    "_rebuild_tensor_v3": _tensor,
    "_rebuild_sparse_tensor": _sparse,
    "_rebuild_parameter": _parameter,
    "_rebuild_parameter_with_state": _parameter,
    "_rebuild_from_type_v2": _subclass,
}
