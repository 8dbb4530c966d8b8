"""Checks and normal forms of the arguments that PyTorch's functions share: dimensions, shapes,
tensors.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from .. import errors
from ..core.carriers.batched import Batched
from ..core.carriers.carrier import Carrier, payload
from ..core.complaints import legacy_name, not_a_tensor, refuse_out, type_name
from ..core.out import write_out
from ..core.tape import grad_mode
from ..core.tensor import Tensor

#: what a Tensor may hold
ARRAYS = (ndarray, Carrier)
_least, _largest = np.minimum.reduce, np.maximum.reduce  # half the cost of the methods
_FEW = 4096  # up to this number of elements argmin and argmax cost less


def tensor(name: str, value: Any, position: int = 1, argument: str = "input") -> Tensor:
    """`value`, which must be a Tensor; TypeError otherwise."""
    if not isinstance(value, Tensor):
        raise not_a_tensor(name, position, argument, value)
    return value


def no_derivative(name: str, **given: Tensor | None) -> None:
    """Raise PyTorch's error if an argument requires grad for which `name` has no derivative."""
    for argument, t in given.items():
        if t is not None and t.requires_grad and grad_mode.get():
            raise RuntimeError(
                f"The function '{name}' is not differentiable with respect to argument "
                f"'{argument}'. This input cannot have requires_grad True.\nPass its values alone: "
                f"{argument}.detach()"
            )


def one_dim(dim: Any, ndim: int, name: str = "", *, extra: int = 0) -> int:
    """A dimension counted from the front; IndexError if out of range. `extra`: 1 where a new
    dimension is named.
    """
    if type(dim) is int and -ndim <= dim < ndim and not extra:
        return dim if dim >= 0 else dim + ndim
    if isinstance(dim, Tensor):
        dim = int(dim._a)
    if not isinstance(dim, int | np.integer) or isinstance(dim, bool):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    n = max(ndim + extra, 1)
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return int(dim) % n


def no_such_dim(dim: int, ndim: int) -> IndexError:
    """PyTorch's error where one of its formulas asks a tensor for the size of a dimension."""
    if ndim == 0:
        return IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return IndexError(
        f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
    )


def many_dims(dim: Any, ndim: int, name: str = "") -> tuple[int, ...]:
    """Dimensions counted from the front, without repetition; an int, a tuple, or None and () for
    all of them.
    """
    if dim is None or (isinstance(dim, list | tuple) and len(dim) == 0):
        return tuple(range(ndim))
    if not isinstance(dim, list | tuple):
        dim = (dim,)
    found = tuple(one_dim(d, ndim, name) for d in dim)
    if len(set(found)) < len(found):
        twice = next(d for d in found if found.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return found if ndim else ()


def sizes(shape: tuple, name: str = "", argument: str = "size") -> tuple[int, ...]:
    """Sizes given as separate ints, one tuple, list or Size: f(2, 3) and f((2, 3))."""
    if len(shape) == 1 and isinstance(shape[0], list | tuple):
        shape = tuple(shape[0])
    found = []
    for i, n in enumerate(shape):
        if isinstance(n, Tensor) and n._a.ndim == 0 and n._a.dtype.kind in "iu":
            n = int(n._a)
        if not isinstance(n, int | np.integer) or isinstance(n, bool):
            raise TypeError(
                f"{name}(): argument '{argument}' must be tuple of ints, but found element of "
                f"type {type(n).__name__} at pos {i}"
            )
        found.append(int(n))
    return tuple(found)


def one_size(value: Any) -> int | None:
    """A size given as an int, a NumPy integer or a tensor with one integer; None if it is none."""
    kind = type(value)
    if kind is int:
        return value
    if isinstance(value, Tensor):
        a = value._a
        return int(a.item()) if a.size == 1 and a.dtype.kind in "iu" else None
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return None
    return int(value)


def whole(name: str, value: Any, argument: str, position: int = 0) -> int:
    """`value`, which must be an int, or a tensor with one; TypeError otherwise."""
    n = one_size(value)
    if n is None:
        place = f" (position {position})" if position else ""
        raise TypeError(
            f"{name}(): argument '{argument}'{place} must be int, not {type_name(value)}"
        )
    return n


def check_expands(have: tuple, want: tuple) -> None:
    """Raise PyTorch's error unless shape `have` can be expanded to `want`."""
    if len(have) > len(want):
        raise RuntimeError(
            f"The number of sizes provided ({len(want)}) must be greater or equal to the number of "
            f"dimensions in the tensor ({len(have)}): shape {list(have)} does not fit {list(want)}"
        )
    for k in range(1, len(have) + 1):
        if have[-k] not in (1, want[-k]):
            raise RuntimeError(
                f"The expanded size of the tensor ({want[-k]}) must match the existing size "
                f"({have[-k]}) at non-singleton dimension {len(want) - k}.  Target sizes: "
                f"{list(want)}.  Tensor sizes: {list(have)}"
            )


F = TypeVar("F", bound=Callable[..., Any])
#: NumPy's names of parameters, which PyTorch takes as well
SPELLINGS = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(f: F) -> F:
    """Let `f` take `axis` for `dim` and `keepdims` for `keepdim`."""

    @wraps(f)
    def spelled(*args, **kwargs):
        if kwargs and not SPELLINGS.keys().isdisjoint(kwargs):
            kwargs = {SPELLINGS.get(name, name): value for name, value in kwargs.items()}
        return f(*args, **kwargs)

    return spelled  # pyright: ignore[reportReturnType]


def truth(name: str, value: Any, argument: str, position: int) -> bool:
    """`value`, which must be a bool; TypeError otherwise (a number is easily a misplaced dim)."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be bool, "
            f"not {type(value).__name__}"
        )
    return bool(value)


def c_name(d: np.dtype) -> str:
    """A dtype as C++ calls it, which some of PyTorch's messages quote."""
    return errors.C_NAMES.get(d.name, d.name)


def c_type(d: np.dtype) -> str:
    """A dtype as messages about numbers that do not fit call it."""
    return f"{d.name}_t" if d.kind in "iu" and d.name != "int32" else c_name(d)


# --- dtypes that are refused ----------------------------------------------------------------------


def no_kernel(
    kernel: str, d: np.dtype, advice: str = "Convert it first, as in x.float()."
) -> NotImplementedError:
    """PyTorch's error for a routine, which it calls `kernel`, that does not serve a dtype."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{legacy_name(d)}'\n{advice}")


def check_scalar_type(wanted: np.dtype, given: np.dtype, advice: str) -> None:
    """Raise PyTorch's error unless two operands, which are not promoted, have one dtype."""
    if wanted != given:
        raise RuntimeError(
            f"expected scalar type {legacy_name(wanted)} but found {legacy_name(given)}\n{advice}"
        )


def kept(array: Any, *sources: Any) -> Any:
    """An index as an input of `apply`: as the tensor that it was taken from, if it still is that
    tensor's own memory, so that a node which saved it notices when it is overwritten.
    """
    for t in sources:
        if isinstance(t, Tensor) and t._a is array:
            return t
    return array


def write_same(name: str, out: Any, result: Tensor, *inputs: Any) -> Tensor:
    """Put a result into `out=`, which must have its dtype and no memory of the inputs."""
    given = tensor(name, out, argument="out")._a
    refuse_out(name, result._a.dtype, given.dtype, errors.OUT_EXACT)
    apart(out, *inputs)
    return write_out(name, out, result)


def apart(out: Tensor, *inputs: Any) -> None:
    """Raise where the memory of `out=` is partly or wholly that of an input."""
    for x in inputs:
        if x is out or (isinstance(x, Tensor) and np.may_share_memory(x._a, out._a)):
            raise RuntimeError(errors.PARTIAL_OVERLAP)


# --- values inside of transforms ------------------------------------------------------------------


def held_by(carrier: Any) -> Any:
    """What a carrier holds: an array, or the carrier of the next level."""
    return payload(carrier.value if isinstance(carrier, Batched) else carrier.primal)


def innermost(array: Any) -> Any:
    """The array below all carriers: of a batch, all examples."""
    while isinstance(array, Carrier):
        array = held_by(array)
    return array


def bounds(array: Any, low: Any = None, high: Any = None) -> tuple[Any, Any]:
    """The least and the greatest element, of all examples of a batch; (0, -1) if there is none.

    A recorded step takes no notice of them, but checks whether an element is below `low` or above
    `high`: give the ends that decide where no later operation looks at the elements itself.
    """
    if isinstance(array, Carrier) and array.is_memory:
        if low is not None:
            holds(array < low, False)
        if high is not None:
            holds(array > high, False)
        array = array.inner
    else:
        array = innermost(array)
    if not array.size:
        return 0, -1
    if array.size <= _FEW:
        return array.item(array.argmin()), array.item(array.argmax())
    return _least(array, None), _largest(array, None)


def out_of_nothing(i: int, n: int) -> RuntimeError:
    """The error for an index i into a dimension of size n of a tensor without elements."""
    if not n:
        return RuntimeError("index_select(): self indexing axis dim should be positive")
    return RuntimeError(f"INDICES element is out of DATA bounds, id={i} axis_dim={n}")


def holds(array: Any, everywhere: bool) -> bool:
    """Whether a comparison's result is true everywhere, or anywhere; a batch refuses to say."""
    if isinstance(array, Carrier) and not array.is_memory:
        return bool(array)
    return bool(array.all() if everywhere else array.any())  # pyright: ignore


def settled(array: Any) -> Any:
    """The plain array of values that are the same for all examples of a batch; else the carrier
    itself.
    """
    held = array
    while isinstance(held, Carrier):
        if isinstance(held, Batched) and held.is_batched:
            return array
        held = held_by(held)
    return held


def fixed(array: Any, refusal: str) -> ndarray:
    """The plain array of what decides a result's shape; RuntimeError where it differs from one
    example of a batch to the next.
    """
    held = settled(array)
    if isinstance(held, Carrier):
        raise RuntimeError(
            f"vmap: {refusal}\nThe result would have another size for each example of the batch. "
            "Use torch.where(mask, x, other), or call this outside of vmap"
        )
    return held
