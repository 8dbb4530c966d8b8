"""What the transforms have in common: choosing arguments, checking results, standard bases. Imports
core and functions.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core.pytree import Spec, flatten, tree_map
from ..core.tensor import Tensor, wrap


def name_of(func: Callable) -> str:
    """A function's name in error texts."""
    if isinstance(func, partial):
        return f"functools.partial({name_of(func.func)}, ...)"
    return getattr(func, "__name__", None) or repr(func)


def structure(spec: Spec) -> str:
    """A container's structure as error texts show it: leaves are *."""
    return repr(tree_map(lambda _: _Star(), _filled(spec)))


class _Star:
    def __repr__(self) -> str:
        return "*"


def _filled(spec: Spec) -> Any:
    if spec.kind is None:
        return _Star()
    parts = [_filled(part) for part in spec.parts]
    if hasattr(spec.context, "__iter__") and spec.kind not in (list, tuple):
        keys = spec.context[1] if type(spec.context) is tuple else spec.context
        return dict(zip(keys, parts, strict=True))
    return parts if spec.kind is list else tuple(parts)


def checked_argnums(argnums: Any, count: int) -> Any:
    """`argnums` as non-negative numbers of positional arguments: an int or a tuple of them."""
    if type(argnums) is int:
        return _argnum(argnums, count)
    if type(argnums) is not tuple:
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    if len(set(argnums)) != len(argnums):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return tuple(_argnum(n, count) for n in argnums)


def _argnum(number: Any, count: int) -> int:
    if not isinstance(number, int):
        raise RuntimeError(f"argnum must be int, got: {type(number)}")
    if not -count <= number < count:
        raise RuntimeError(f"Got argnum={number}, but only {count} positional inputs")
    return number % count


def chosen(args: tuple, argnums: Any) -> Any:
    """The arguments that `argnums` names."""
    return args[argnums] if type(argnums) is int else tuple([args[n] for n in argnums])


def replaced(args: tuple, argnums: Any, new: Any) -> tuple:
    """The arguments with those that `argnums` names replaced."""
    given = list(args)
    for n, value in [(argnums, new)] if type(argnums) is int else zip(argnums, new, strict=True):
        given[n] = value
    return tuple(given)


def tensor_leaves(tree: Any) -> tuple[list[Tensor], Spec]:
    """The leaves of a differentiated argument, all of them tensors."""
    leaves, spec = flatten(tree)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
    return leaves, spec


def without_aux(result: Any, has_aux: bool, call: str) -> tuple[Any, Any]:
    """A function's result and its auxiliary part (None without `has_aux`)."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{call}: output of function f should be a tuple: (output, aux) if has_aux is True\n"
            f"It returned {type(result).__name__}."
        )
    return result


def checked_outputs(leaves: list, api: str) -> None:
    """Raise unless a function's result holds tensors, one at least."""
    if not leaves:
        raise RuntimeError(
            f"{api}: Expected f to be a function that has non-empty output (got "
            "output = [])\nReturn at least one tensor."
        )
    for x in leaves:
        if not isinstance(x, Tensor):
            raise RuntimeError(
                f"{api}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(x)}"
            )


def real_only(func: str, leaves: list, is_input: bool) -> None:
    """Raise for complex tensors, of which a Jacobian has no single meaning."""
    for i, x in enumerate(leaves):
        if isinstance(x, Tensor) and x._a.dtype.kind == "c":
            which = "inputs" if is_input else "outputs"
            raise RuntimeError(
                f"{func}: Expected all {which} to be real but received complex tensor at flattened "
                f"input idx: {i}"
            )


def basis(tensors: list[Tensor], rows: range) -> list[Tensor]:
    """Some rows of the standard basis of all elements of the tensors together, split into a tensor
    of shape (rows, *shape) for each.
    """
    made, start = [], 0
    for t in tensors:
        size = t._a.size
        part = np.zeros((len(rows), size), t._a.dtype)
        first, last = max(rows.start, start), min(rows.stop, start + size)
        at = np.arange(first, max(last, first))
        part[at - rows.start, at - start] = 1
        made.append(wrap(part.reshape(len(rows), *t._a.shape)))
        start += size
    return made


def chunks(total: int, chunk_size: int | None) -> list[range]:
    """The rows of a Jacobian in groups that run together."""
    step = total if chunk_size is None else chunk_size
    return [range(i, min(i + step, total)) for i in range(0, total, max(step, 1))]
