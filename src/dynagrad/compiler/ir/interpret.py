"""What a graph means: it is computed value by value with NumPy. Imports graph.

This is the reference that native code is compared with, and what runs where no back end is.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from ...ops.elementwise import rsqrt
from ...ops.neural.activation import softplus
from ...ops.neural.convolution import convolve, convolve_back, convolve_taps
from ...ops.special import erf, erfc
from ...ops.transcendental import sigmoid
from .graph import Graph, Value, live


class CheckFailed(Exception):
    """A check does not hold; the argument is its number. Nothing was written."""


def _softplus(x: ndarray) -> ndarray:
    return softplus(x, beta=1, threshold=20)


def _copy(x: ndarray) -> ndarray:
    return x


#: operations whose NumPy function has another name, or that NumPy has not
FUNCTIONS: dict[str, Callable] = {
    **{name: getattr(np, f"arc{name[1:]}") for name in ("asin", "acos", "atan", "asinh")},
    **{name: getattr(np, f"arc{name[1:]}") for name in ("acosh", "atanh", "atan2")},
    **{"sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative},
    **{"abs": np.absolute, "pow": np.power, "floordiv": np.floor_divide, "round": np.rint},
    **{"bitand": np.bitwise_and, "bitor": np.bitwise_or, "bitxor": np.bitwise_xor},
    **{"bitnot": np.invert, "shl": np.left_shift, "shr": np.right_shift},
    **{"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal},
    **{"eq": np.equal, "ne": np.not_equal, "rsqrt": rsqrt, "sigmoid": sigmoid, "erf": erf},
    **{"erfc": erfc, "softplus": _softplus, "copy": _copy},
}
_PRODUCTS = {
    "convolve": convolve,
    "convolve_back": convolve_back,
    "convolve_taps": convolve_taps,
}


def evaluate(graph: Graph, arrays: Sequence[ndarray]) -> None:
    """Run a graph on the arrays of its slots, and write what it writes.

    Raises CheckFailed before anything is written.
    """
    held: dict[Value, Any] = {}
    with np.errstate(all="ignore"):
        for v in live(graph):
            held[v] = np.array(arrays[v.attrs[0]]) if v.op == "source" else compute(v, held)
    for i, check in enumerate(graph.checks):
        if not held[check.value]:
            raise CheckFailed(i)
    for slot, value in graph.writes.items():
        arrays[slot][...] = held[value]


def compute(v: Value, held: dict[Value, Any]) -> Any:
    """One value from those of its operands."""
    if v.op == "constant":
        return v.data
    if v.op == "call":
        found = v.data.fun(*[held[x] for x in v.inputs], **v.data.kw)
        found = found if isinstance(found, tuple) else (found,)
        if tuple([(np.shape(a), np.asarray(a).dtype) for a in found]) != v.data.results:
            raise CheckFailed(-1)
        return found
    if v.op == "item":
        return np.asarray(held[v.inputs[0]][v.attrs[0]])
    special = SPECIAL.get(v.op)
    operands = [held[x] for x in v.inputs]
    if special is not None:
        return np.asarray(special(v, *operands))
    function = FUNCTIONS.get(v.op) or getattr(np, v.op)
    return np.asarray(function(*operands), v.dtype)


def _iota(v: Value) -> Any:
    (axis,) = v.attrs
    shape = [n if a == axis else 1 for a, n in enumerate(v.shape)]
    return np.broadcast_to(np.arange(v.shape[axis]).reshape(shape), v.shape)


def _places(parts: tuple) -> tuple:
    """Index arrays of the places of a slice."""
    return np.ix_(*[start + step * np.arange(count) for start, count, step in parts])


def _slice(v: Value, x: ndarray) -> Any:
    return x[_places(v.attrs[0])] if x.ndim else x


def _strided(v: Value, x: ndarray) -> Any:
    strides, offset = v.attrs
    return _window(np.ascontiguousarray(x), v.shape, strides, offset)


def _window(x: ndarray, shape: tuple, strides: tuple, offset: int) -> ndarray:
    if 0 in shape:
        return np.empty(shape, x.dtype)
    start = x.reshape(-1)[offset:]
    return as_strided(start, shape, [s * x.itemsize for s in strides])


def _pad(v: Value, x: ndarray, fill: ndarray) -> Any:
    before, _ = v.attrs
    made = np.full(v.shape, fill, v.dtype)
    made[tuple(slice(b, b + n) for b, n in zip(before, x.shape, strict=True))] = x
    return made


def _write_slice(v: Value, x: ndarray, part: ndarray) -> Any:
    made = x.copy()
    made[_places(v.attrs[0]) if x.ndim else ...] = part
    return made


def _write_strided(v: Value, x: ndarray, part: ndarray) -> Any:
    strides, offset = v.attrs
    made = np.array(x, order="C")
    _window(made, part.shape, strides, offset)[...] = part
    return made


def _add_at(v: Value, x: ndarray, index: ndarray, part: ndarray) -> Any:
    made = x.copy()
    np.add.at(made, (*[slice(None)] * v.attrs[0], index), part)
    return made


def _put_at(v: Value, x: ndarray, index: ndarray, part: ndarray) -> Any:
    made = np.moveaxis(x, v.attrs[0], 0).copy()
    rows = part.reshape(*x.shape[: v.attrs[0]], index.size, *x.shape[v.attrs[0] + 1 :])
    for place, row in zip(index.reshape(-1), np.moveaxis(rows, v.attrs[0], 0), strict=True):
        made[place] = row
    return np.moveaxis(made, 0, v.attrs[0])


def _along(v: Value, index: ndarray) -> tuple[ndarray, ...]:
    """The places of the elements that an index names along an axis."""
    places = list(np.indices(index.shape, sparse=True))
    places[v.attrs[0]] = index
    return tuple(np.broadcast_arrays(*places))


def _add_along(v: Value, x: ndarray, index: ndarray, part: ndarray) -> Any:
    made = x.copy()
    np.add.at(made, _along(v, index), part)
    return made


def _put_along(v: Value, x: ndarray, index: ndarray, part: ndarray) -> Any:
    made = x.copy()
    for place in zip(*[p.reshape(-1) for p in (*_along(v, index), part)], strict=True):
        made[place[:-1]] = place[-1]
    return made


def _product(v: Value, x: ndarray, w: ndarray) -> Any:
    names = ("stride", "padding", "dilation", "groups", "size")
    kw = dict(zip(names, v.attrs, strict=True))
    if v.op == "convolve_taps":
        return convolve_taps(x, w, **kw)
    return _PRODUCTS[v.op](x, w, None, **kw)


def _reduction(fun: Callable) -> Callable:
    def reduce(v: Value, x: ndarray) -> Any:
        return fun(x, axis=v.attrs[0])

    return reduce


def _sum(v: Value, x: ndarray) -> Any:
    return np.add.reduce(x, axis=v.attrs[0], dtype=v.dtype)


def _prod(v: Value, x: ndarray) -> Any:
    return np.multiply.reduce(x, axis=v.attrs[0], dtype=v.dtype)


def _argmax(v: Value, x: ndarray) -> Any:
    return np.argmax(x, axis=v.attrs[0][0])


def _argmin(v: Value, x: ndarray) -> Any:
    return np.argmin(x, axis=v.attrs[0][0])


SPECIAL: dict[str, Callable] = {
    "iota": _iota,
    "reshape": lambda v, x: np.ascontiguousarray(x).reshape(v.shape),
    "transpose": lambda v, x: x.transpose(v.attrs[0]),
    "broadcast": lambda v, x: np.broadcast_to(x, v.shape),
    "slice": _slice,
    "strided": _strided,
    "pad": _pad,
    "concatenate": lambda v, *parts: np.concatenate(parts, axis=v.attrs[0]),
    "write_slice": _write_slice,
    "write_strided": _write_strided,
    "take": lambda v, x, index: np.take(x, index, axis=v.attrs[0]),
    "take_along": lambda v, x, index: np.take_along_axis(x, index, axis=v.attrs[0]),
    "add_at": _add_at,
    "add_along": _add_along,
    "put_at": _put_at,
    "put_along": _put_along,
    "cast": lambda v, x: x.astype(v.dtype),
    "bitcast": lambda v, x: np.array(x, order="C").view(v.dtype),
    "where": lambda v, c, x, y: np.where(c, x, y),
    "sum": _sum,
    "prod": _prod,
    "max": _reduction(np.max),
    "min": _reduction(np.min),
    "any": _reduction(np.any),
    "all": _reduction(np.all),
    "argmax": _argmax,
    "argmin": _argmin,
    "matmul": lambda v, x, y: np.matmul(x, y),
    **dict.fromkeys(_PRODUCTS, _product),
}
