"""Writing a result into the tensor given as `out=`. Imports complaints, quiet, tensor, watch."""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.array_utils import byte_bounds

from .. import errors
from .carriers.carrier import Carrier, in_memory
from .complaints import legacy_name, refuse_out
from .dtype import category
from .quiet import warn
from .tape import grad_mode
from .tensor import Tensor, edge_of, family_of
from .watch import PLAIN, Watcher, notify

recording = grad_mode.get


def check_cast(name: str, given: np.dtype, wanted: np.dtype) -> None:
    """Raise where a result cannot be written into a tensor of a lower category (float into int, int
    into bool).
    """
    if category(given) > category(wanted):
        raise RuntimeError(
            errors.NO_CAST.format(name=name, given=legacy_name(given), wanted=legacy_name(wanted))
        )


def refuse_overlap(array: Any, name: str) -> None:
    """Raise for memory to be written in which several elements have one place."""
    if (
        0 in array.strides
        and array.size
        and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))
    ):
        raise RuntimeError(errors.OVERLAP.format(name=name, shape=list(array.shape)))


def refuse_partial(t: Tensor, others: Any, name: str) -> None:
    """Raise where an operand lies in a part of the memory to be written, or there in another
    order. Only tensors that share a version cell are looked at.
    """
    family, a = t._v, in_memory(t._a)
    if family is None or type(a) is not ndarray or not a.size:
        return
    for x in others:
        if isinstance(x, Tensor) and x is not t and x._v is not None and x._v.cell is family.cell:
            b = in_memory(x._a)
            if type(b) is not ndarray or not b.size:
                continue
            (start, end), (first, last) = byte_bounds(a), byte_bounds(b)
            if end - start != a.nbytes or last - first != b.nbytes:
                continue  # with gaps in between: PyTorch does not look closer either
            same = (start, end, _steps(a)) == (first, last, _steps(b))
            if not same and start < last and first < end:
                raise RuntimeError(errors.PARTIAL_OVERLAP + f"\n{name} would read what it writes")


def _steps(a: ndarray) -> list:
    """The strides, where a dimension has more than one place."""
    return [s if n > 1 else None for s, n in zip(a.strides, a.shape, strict=True)]


def resize_out(out: Tensor, result: Any) -> None:
    """Give a tensor passed as `out=` the result's shape, with a warning if it had elements."""
    given = out._a
    if given.shape == result.shape:
        return
    if given.size:
        warn(errors.RESIZED.format(given=list(given.shape), wanted=list(result.shape)))
    out._a = np.empty_like(result, given.dtype)


def write_out(name: str, out: Tensor, result: Tensor, inputs: Any = ()) -> Tensor:
    """Put a result into the tensor given as `out=`: resized if its shape differs, converted if its
    dtype does, unless the function of this `name` converts none (see `refuse_out`). `inputs`: those
    that PyTorch would read while it writes.
    """
    plain = name.partition(".")[0]
    if not isinstance(out, Tensor):
        raise TypeError(f"{plain}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if recording() and (edge_of(result) is not None or edge_of(out) is not None):
        raise RuntimeError(errors.OUT_GRAD.format(name=plain))
    refuse_out(name, result._a.dtype, out._a.dtype)
    check_cast(plain, result._a.dtype, out._a.dtype)
    if not PLAIN:
        if any(isinstance(a, Carrier) and not a.is_memory for a in (result._a, out._a)):
            raise RuntimeError(errors.OUT_BATCHED.format(name=plain))
        notify(Watcher.writing, out)
    refuse_overlap(out._a, plain)
    refuse_partial(out, inputs, plain)
    resize_out(out, result._a)
    np.copyto(out._a, result._a, casting="unsafe")
    family_of(out).cell.bump()
    return out
