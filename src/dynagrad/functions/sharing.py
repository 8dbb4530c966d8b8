"""Memory that several processes write: Tensor.share_memory_. Imports core.

The memory is a file without a name, mapped by each process. Children made by fork have it already;
to others, and through queues and pipes of `multiprocessing`, its descriptor is sent along.
"""

import mmap
import os
import sys
import tempfile
import warnings
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from ..core.storage import owner
from ..core.tensor import Tensor, new

if sys.platform != "win32":
    from multiprocessing.reduction import DupFd

__all__ = ["is_shared", "share_memory_"]

#: where files lie in memory, on Linux
_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None


class _Shared(mmap.mmap):
    """The mapping, with the descriptor of its file."""

    descriptor: int

    def __del__(self) -> None:
        os.close(self.descriptor)


def _mapped(descriptor: int, size: int) -> _Shared:
    shared = _Shared(descriptor, max(size, 1))
    shared.descriptor = descriptor
    return shared


def _array(shared: _Shared, kind: np.dtype, shape: tuple, strides: tuple) -> np.ndarray:
    return np.ndarray(shape, kind, shared, 0, strides)


def _mapping_of(t: Tensor) -> _Shared | None:
    base = owner(t._a).base if isinstance(t._a, np.ndarray) else None
    return base if isinstance(base, _Shared) else None


def is_shared(self) -> bool:
    """Whether share_memory_ has moved this tensor, or what it is a view of."""
    return _mapping_of(self) is not None


def share_memory_(self):
    """Move the values to memory that other processes share: what one writes, all see. Returns the
    tensor itself.

    Views that were taken before keep the old memory: share a tensor before looking at parts of it.
    RuntimeError for a view, whose base is to be shared instead. On Windows it warns, and the memory
    stays this process's own.
    """
    if is_shared(self):
        return self
    if self._base is not None:
        raise RuntimeError(
            "share_memory_() was called on a view: call it on the tensor that it is a view of, "
            "before taking views"
        )
    if sys.platform == "win32":
        warnings.warn(
            "share_memory_(): memory is not shared between processes on Windows", stacklevel=2
        )
        return self
    a = self._a
    like = np.empty_like(a)
    with tempfile.TemporaryFile(dir=_FOLDER) as file:
        file.truncate(max(like.nbytes, 1))
        shared = _mapped(os.dup(file.fileno()), like.nbytes)
    for kind in {type(self), Tensor}:  # what is detached from it is a Tensor
        ForkingPickler.register(kind, _reduced)
    self._a = _array(shared, a.dtype, a.shape, like.strides)
    self._a[...] = a
    return self


def _reduced(t: Any) -> Any:
    """How a tensor goes to another process: by its descriptor if it is shared, else by value."""
    shared = _mapping_of(t)
    a = t._a
    if shared is None or sys.platform == "win32" or a.ctypes.data != _start(shared):
        return t.__reduce_ex__(2)
    place = (a.dtype, a.shape, a.strides)
    return _rebuilt, (type(t), DupFd(shared.descriptor), len(shared), place, t.requires_grad)


def _start(shared: _Shared) -> int:
    return np.frombuffer(shared, np.uint8, 1).ctypes.data


def _rebuilt(kind: type, descriptor: Any, size: int, place: tuple, requires_grad: bool) -> Any:
    t = new(kind)
    t._a = _array(_mapped(descriptor.detach(), size), *place)
    t._e = t._v = None
    ForkingPickler.register(kind, _reduced)  # it may be sent on
    return t.requires_grad_(requires_grad)
