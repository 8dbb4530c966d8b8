"""Sorting, selection by rank, quantiles, distinct values and counts under PyTorch's names."""

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.complaints import legacy_name
from ..core.dtype import BOOL, COMPLEX, FLOATING, INTEGER, category
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor, edge_of, wrap
from ..core.watch import PLAIN
from ..ops import elementwise, indexing, shape
from ..ops import sorting as ops
from .arguments import apart, bounds, no_kernel, numpy_names, one_dim, tensor, truth, whole
from .elementwise import add, mul, sub
from .extremes import check_ordered, check_some, put_pair
from .nodes import node
from .reduction import constant_of
from .return_types import return_type
from .shape import contiguous, view
from .shortcut import made, made_pair, shortcut, untracked

__all__ = [
    "argsort",
    "bincount",
    "bucketize",
    "histc",
    "kthvalue",
    "median",
    "mode",
    "msort",
    "nanmedian",
    "nanquantile",
    "quantile",
    "searchsorted",
    "sort",
    "topk",
    "unique",
    "unique_consecutive",
]

SortPlain = node("SortBackward0", ops.sort)
SortStable = node("SortBackward1", ops.sort)
Topk = node("TopkBackward0", ops.topk)
SORT, TOPK = SortPlain.rule.kernel, Topk.rule.kernel
Kthvalue = node("KthvalueBackward0", ops.kth)
MedianAll = node("MedianBackward0", ops.median_of)
MedianAlong = node("MedianBackward1", ops.median_along)
NanmedianAll = node("NanmedianBackward0", ops.nanmedian_of)
NanmedianAlong = node("NanmedianBackward1", ops.nanmedian_along)
Mode = node("ModeBackward0", ops.mode)
Unique = node("Unique2Backward0", ops.unique)
UniqueDim = node("UniqueDimBackward0", ops.unique)
UniqueConsecutive = node("UniqueConsecutiveBackward0", ops.unique_consecutive)

SortResult = return_type("sort", "values", "indices")
TopkResult = return_type("topk", "values", "indices")
KthvalueResult = return_type("kthvalue", "values", "indices")
MedianResult = return_type("median", "values", "indices")
NanmedianResult = return_type("nanmedian", "values", "indices")
ModeResult = return_type("mode", "values", "indices")


# --- sorting --------------------------------------------------------------------------------------


def _is_ordinary(a: Any, dim: Any, flag: Any) -> bool:
    """Whether an array of ordered numbers has the dimension, and the flag is one."""
    if type(dim) is not int or type(flag) is not bool or a.dtype.kind not in "fiu":
        return False
    return -a.ndim <= dim < a.ndim


def _short_sort(input, dim=-1, descending=False):
    a = input._a
    if not _is_ordinary(a, dim, descending):
        return None
    axis = dim % a.ndim
    if type(input) not in PLAIN:
        return None
    if untracked(input):
        return made_pair(SortResult, SORT(a, axis=axis, descending=descending))
    return SortResult(*apply(SortPlain, input, axis=axis, descending=descending))


@shortcut(_short_sort)
@overridable
@numpy_names
def sort(input, dim=-1, descending=False, stable=None, *, out=None):
    """The elements in order along `dim`, and where they stood: (values, indices).

    Equal elements keep their order, whether `stable` is asked for or not; nan is greatest.
    """
    x = tensor("sort", input)
    cls = SortPlain if stable is None else SortStable
    axis = one_dim(dim, x._a.ndim, "sort")
    if category(x._a.dtype) == COMPLEX:
        raise RuntimeError(
            " Sort does not support complex dtypes on CPU: complex numbers have no order. Sort "
            "x.abs() or x.real"
        )
    descending = truth("sort", descending, "descending", 3)
    return put_pair("sort", SortResult, apply(cls, x, axis=axis, descending=descending), out)


def _short_argsort(input, dim=-1, descending=False):
    a = input._a
    if type(input) not in PLAIN or type(a) is not np.ndarray or not a.flags.c_contiguous:
        return None
    if not _is_ordinary(a, dim, descending):
        return None
    if input._v is not None:
        edge_of(input)
    return made(ops.places_in_order(a, dim % a.ndim, descending))


@shortcut(_short_argsort)
@overridable
@numpy_names
def argsort(input, dim=-1, descending=False, *, stable=False):
    """The indices that sort along `dim`; equal elements keep their order."""
    edge_of(tensor("argsort", input))  # PyTorch sorts, which has a derivative
    return sort(wrap(input._a), dim, descending).indices


@overridable
def msort(input, *, out=None):
    """The elements in order along the first dimension."""
    values = sort(input, 0).values
    return values if out is None else write_out("msort", out, values)


_NO_COMPLEX_TOPK = " topk does not support complex"  # PyTorch's words begin with a blank


def _short_topk(input, k, dim=-1, largest=True, sorted=True):
    a = input._a
    if not _is_ordinary(a, dim, largest) or type(k) is not int or not 0 <= k <= a.shape[dim]:
        return None
    axis = dim % a.ndim
    if type(input) not in PLAIN:
        return None
    if untracked(input):
        return made_pair(TopkResult, TOPK(a, k=k, axis=axis, largest=largest))
    return TopkResult(*apply(Topk, input, k=k, axis=axis, largest=largest))


@shortcut(_short_topk)
@overridable
@numpy_names
def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    """The k greatest (or least) elements along `dim` and where they stand; always in order."""
    x = tensor("topk", input)
    k = whole("topk", k, "k", 2)
    axis = one_dim(dim, x._a.ndim, "topk")
    n = x._a.shape[axis] if x._a.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: k is {k}, the dimension has size {n}")
    if category(x._a.dtype) in (BOOL, COMPLEX):
        kind = "topk does not support bool" if category(x._a.dtype) == BOOL else _NO_COMPLEX_TOPK
        raise RuntimeError(f"{kind} dtypes on CPU\nConvert the tensor first")
    pair = apply(Topk, x, k=k, axis=axis, largest=truth("topk", largest, "largest", 4))
    return put_pair("topk", TopkResult, pair, out)


# --- one element by its rank ----------------------------------------------------------------------


def _choice(name: str, cls: Any, kind: Any, x: Tensor, dim: Any, keepdim: Any, out: Any, **kw):
    """(values, indices) of one element along a dimension."""
    axis = one_dim(dim, x._a.ndim, name)
    check_some(name, x, axis)
    keepdim = truth(name, keepdim, "keepdim", 3)
    return put_pair(name, kind, apply(cls, x, axis=axis, keepdims=keepdim, **kw), out)


@overridable
@numpy_names
def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """The k-th least element along `dim`, counted from 1, and where it stands."""
    x = tensor("kthvalue", input)
    k = whole("kthvalue", k, "k", 2)
    axis = one_dim(dim, x._a.ndim, "kthvalue")
    check_some("kthvalue", x, axis)
    n = x._a.shape[axis] if x._a.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {axis}\nk is {k}; ranks are "
            f"1 to {n} there"
        )
    if x._a.ndim:
        check_ordered("kthvalue_cpu", x, refuse_bool=True)
    if isinstance(out, tuple | list) and len(out) == 2 and isinstance(out[0], Tensor):
        apart(out[0], x)
    return _choice("kthvalue", Kthvalue, KthvalueResult, x, axis, keepdim, out, k=k)


def _median(name: str, kinds: tuple, input: Any, dim: Any, keepdim: Any, out: Any) -> Any:
    of_all, along, result = kinds
    x = tensor(name, input)
    if dim is None:
        if x._a.size:
            check_ordered("median_cpu", x, refuse_bool=True)
        return apply(of_all, x)
    check_some(name, x, one_dim(dim, x._a.ndim, name))
    check_ordered("median_out", x, refuse_bool=True)
    return _choice(name, along, result, x, dim, keepdim, out)


@overridable
@numpy_names
def median(input, dim=None, keepdim=False, *, out=None):
    """The lower median of all elements, or (values, indices) along `dim`; nan if one is nan."""
    kinds = (MedianAll, MedianAlong, MedianResult)
    return _median("median", kinds, input, dim, keepdim, out)


@overridable
@numpy_names
def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The lower median of what is not nan, of all elements or (values, indices) along `dim`."""
    kinds = (NanmedianAll, NanmedianAlong, NanmedianResult)
    return _median("nanmedian", kinds, input, dim, keepdim, out)


@overridable
@numpy_names
def mode(input, dim=-1, keepdim=False, *, out=None):
    """The most frequent element along `dim`, the least of several, and its last place."""
    x = tensor("mode", input)
    check_ordered("mode_cpu", x)
    return _choice("mode", Mode, ModeResult, x, dim, keepdim, out)


# --- quantiles ------------------------------------------------------------------------------------

Gather = node("GatherBackward0", indexing.gather)
Lerp = node("LerpBackward1", elementwise.lerp)
QuantileScale = node("QuantileScale", ops.quantile_scale)
View = node("ViewBackward0", shape.reshape)
Transpose = node("TransposeBackward0", shape.transpose)
MoveFront = node("TransposeBackward1", shape.transpose)
Squeeze = node("SqueezeBackward4", shape.reshape)

#: which place the rank of a quantile between two elements takes
_ROUNDING = {
    "linear": "floor",
    "midpoint": "floor",
    "lower": "floor",
    "higher": "ceil",
    "nearest": "nearest",
}


def _levels(name: str, x: Tensor, q: Any) -> Tensor:
    """The wanted quantiles in x's dtype, checked."""
    if isinstance(q, int | float) and not 0 <= q <= 1:
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
    if x._a.dtype.type not in (np.float32, np.float64):
        raise RuntimeError(
            f"{name}() input tensor must be either float or double dtype, not "
            f"{legacy_name(x._a.dtype)}; convert it first, as in x.float()"
        )
    if x._a.size == 0:
        raise RuntimeError(
            f"{name}() input tensor must be non-empty, its shape is {list(x._a.shape)}"
        )
    if isinstance(q, Tensor):
        if q._a.ndim > 1:
            raise RuntimeError(
                f"{name}() q must be a scalar or 1D tensor, not of {q._a.ndim} dimensions"
            )
        if q._a.dtype != x._a.dtype:
            raise RuntimeError(
                f"{name}() q tensor must be same dtype as the input tensor, "
                f"{legacy_name(x._a.dtype)}, not {legacy_name(q._a.dtype)}"
            )
        low, high = bounds(q._a)
        if low < 0 or high > 1 or low != low:
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
        return q
    if not isinstance(q, int | float) or isinstance(q, bool):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: q must be a float or a "
            f"Tensor, not {type(q).__name__}"
        )
    return wrap(np.array(q, x._a.dtype))


def _quantile(name: str, input, q, dim, keepdim, interpolation, ignore_nan: bool) -> Tensor:
    x = tensor(name, input)
    if interpolation not in _ROUNDING:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    levels = _levels("quantile", x, q)
    ndim = x._a.ndim
    axis = None if dim is None or ndim == 0 else one_dim(dim, ndim, name)
    if dim is not None:
        one_dim(dim, ndim, name)
    if axis is None:
        reduced = (1,) * ndim if keepdim else ()
        x = apply(View, x, shape=(x._a.size,))
    else:
        reduced = list(x._a.shape)
        reduced[axis : axis + 1] = [1] if keepdim else []
        if axis != ndim - 1:
            order = tuple(i for i in range(ndim) if i != axis)
            x = apply(Transpose, x, axes=(*order, axis))
    ordered, _ = apply(SortPlain, x, axis=x._a.ndim - 1, descending=False)
    scale, offset = apply(QuantileScale, wrap(x._a), ignore_nan=ignore_nan)
    ranks = add(mul(apply(View, levels, shape=(levels._a.size,)), scale), offset)
    places = constant_of(ops.quantile_places, ranks._a, how=_ROUNDING[interpolation])
    values = _at(ordered, places)
    if interpolation in ("linear", "midpoint"):
        above = constant_of(ops.quantile_places, ranks._a, how="ceil")
        weight = sub(ranks, places) if interpolation == "linear" else _halves(ranks)
        values = apply(Lerp, values, _at(ordered, above), weight)
    if levels._a.ndim:
        rank = values._a.ndim
        values = apply(MoveFront, values, axes=(rank - 1, *range(rank - 1)))
        reduced = (levels._a.size, *reduced)
    return apply(Squeeze, values, shape=tuple(reduced))


def _at(ordered: Tensor, places: Tensor) -> Tensor:
    """The elements of the last dimension at `places`."""
    return apply(Gather, ordered, places, axis=ordered._a.ndim - 1)


def _halves(ranks: Tensor) -> Tensor:
    """The weight of the midpoint, 1/2, wherever there is a rank."""
    return add(mul(wrap(ranks._a), 0.0), 0.5)


def _put_quantile(name: str, out: Tensor | None, result: Tensor) -> Tensor:
    return result if out is None else write_out(name, out, contiguous(result))


@overridable
@numpy_names
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The elements at q (n - 1) in order along `dim`, interpolated; nan where there is a nan.

    A vector q gives a new first dimension. interpolation: linear, lower, higher, midpoint, nearest.
    """
    result = _quantile("quantile", input, q, dim, keepdim, interpolation, False)
    return _put_quantile("quantile", out, result)


@overridable
@numpy_names
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The quantiles of the elements that are not nan."""
    result = _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
    return _put_quantile("nanquantile", out, result)


# --- places in sorted tensors ---------------------------------------------------------------------


def _insertion(name: str, x: Tensor, v: Any, out_int32: bool, right: bool, out: Any) -> Tensor:
    v = v._a if isinstance(v, Tensor) else np.array(v)
    if v.dtype.kind == "b" and x._a.dtype.kind == "b":
        raise no_kernel("searchsorted_out_cpu", v.dtype, "Convert both first, as in x.int()")
    found = constant_of(ops.searchsorted, x._a, v, right=right)
    result = wrap(found._a.astype(np.int32 if out_int32 else np.int64, copy=False))
    return result if out is None else write_out(name, out, result)


@overridable
def searchsorted(
    sorted_sequence, input, *, out_int32=False, right=False, side=None, out=None, sorter=None
):
    """The places at which `input` would be inserted to keep `sorted_sequence` in order.

    The sequence is a vector, or rows that match the input's; `right` (or side="right"): behind
    equal elements; `sorter`: the indices that sort an unsorted sequence.
    """
    x = tensor("searchsorted", sorted_sequence, 1, "sorted_sequence")
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    if sorter is not None:
        order = tensor("searchsorted", sorter, 7, "sorter")._a
        if order.shape != x._a.shape or order.dtype != np.int64:
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, and sorter "
                f"dtype int64, but got boundary tensor {list(x._a.shape)} and got sorter tensor "
                f"{list(order.shape)} of {order.dtype.name}"
            )
        x = wrap(np.take_along_axis(x._a, order, -1))
    rows = x._a.ndim > 1
    if rows and (not isinstance(input, Tensor) or input._a.shape[:-1] != x._a.shape[:-1]):
        given = list(input._a.shape) if isinstance(input, Tensor) else "a number"
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(x._a.shape)} and input value tensor {given}"
        )
    return _insertion("searchsorted", x, input, out_int32, right or side == "right", out)


@overridable
def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The number of the interval between `boundaries` (a sorted vector) that holds each element."""
    x = tensor("bucketize", boundaries, 2, "boundaries")
    if x._a.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({x._a.ndim})")
    return _insertion("bucketize", x, input, out_int32, right, out)


# --- distinct values and counts -------------------------------------------------------------------


def _distinct(name: str, cls: Any, input, dim, return_inverse, return_counts) -> Any:
    x = tensor(name, input)
    axis = None if dim is None else one_dim(dim, x._a.ndim, name)
    check_ordered("unique" if axis is None else "unique_dim", x)
    if x._a.ndim == 0 and axis is not None:
        x, axis = view(x, (1,)), None
    results = apply(cls, x, axis=axis)
    wanted = [True, return_inverse, return_counts]
    chosen = [r for r, is_wanted in zip(results, wanted, strict=True) if is_wanted]
    return tuple(chosen) if len(chosen) > 1 else chosen[0]


@overridable
@numpy_names
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements, or slices along `dim`, in order; on request where each element's value
    is among them, and how often it occurs."""
    cls = Unique if dim is None else UniqueDim
    return _distinct("unique", cls, input, dim, return_inverse, return_counts)


@overridable
@numpy_names
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """One of each run of equal elements, or slices along `dim`; on request each one's run, and the
    lengths of the runs."""
    cls = UniqueConsecutive
    return _distinct("unique_consecutive", cls, input, dim, return_inverse, return_counts)


@overridable
def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, 2, ... occurs in a vector, or the sum of its elements' weights."""
    x = tensor("bincount", input)
    if category(x._a.dtype) != INTEGER:
        advice = "bincount counts integers; convert first, as in x.long()"
        raise no_kernel("bincount_cpu", x._a.dtype, advice)
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    least = bounds(x._a)[0]
    if x._a.ndim != 1 or least < 0:
        raise RuntimeError(
            "bincount only supports 1-d non-negative integral inputs.\nIt was given the shape "
            f"{list(x._a.shape)}" + (f" and the value {least}" if x._a.size else "")
        )
    if weights is None:
        return constant_of(ops.bincount, x._a, length=minlength)
    w = tensor("bincount", weights, 2, "weights")._a
    if w.shape != x._a.shape:
        raise RuntimeError(
            "weights should be 1-d and have the same length as input: they have the shapes "
            f"{list(w.shape)} and {list(x._a.shape)}"
        )
    counts = constant_of(ops.bincount, x._a, w.astype(np.float64), length=minlength)
    return wrap(counts._a.astype(np.float32)) if w.dtype == np.float32 else counts


@overridable
def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements lie in each of `bins` equal parts of [min, max]; both 0: of their range."""
    x = tensor("histc", input)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins}")
    low, high = float(min), float(max)
    if low != high and not np.isfinite([low, high]).all():
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.histc: max must be larger than min, but got [{low:g}, {high:g}]")
    if category(x._a.dtype) != FLOATING:
        advice = "histc needs floating elements; convert first, as in x.float()"
        raise no_kernel("histogram_cpu", x._a.dtype, advice)
    limits = {"low": None, "high": None} if low == high else {"low": low, "high": high}
    result = constant_of(ops.histogram, x._a, bins=bins, **limits)
    return result if out is None else write_out("histc", out, result)
