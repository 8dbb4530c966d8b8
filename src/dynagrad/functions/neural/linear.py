"""linear and bilinear: the maps of fully connected layers."""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ...core.apply import apply, float32, float64, getframe, new, recording
from ...core.complaints import legacy_name
from ...core.out import write_out
from ...core.overrides import ask_overrides, overridable
from ...core.quiet import WARNED
from ...core.tape import LIBRARY, Meta, caller, tick
from ...core.tensor import Tensor, family_of, sync
from ...core.views import view
from ...core.watch import PLAIN, overriding
from ...ops import contraction as ops
from .. import elementwise
from ..arguments import c_name, check_expands
from ..contraction import (
    Batched,
    Mm,
    Squeeze,
    UnsafeView,
    View,
    as_rows,
    cannot_multiply,
    dot,
    matrix_product,
    mv,
    no_bool,
    tensors,
)
from ..nodes import node
from ..products import einsum
from ..shortcut import made, untracked

#: the transposition of a weight; its cotangent comes from a product, so it is new memory
T = node("TBackward0", ops.swap)
T.fresh = True
Turn = node("TBackward0", ops.swap)

Affine = node("AddmmBackward0", ops.affine)

MM = {"flip": (False, True)}


def linear(input, weight, bias: Any = None, *, out: Any = None):
    """input @ weight.T + bias: (*, in), (out, in) and (out) give (*, out).

    The node is PyTorch's: Addmm (Mm without bias) over the transposition of the weight.
    """
    if out is not None:
        return _into(out, linear(input, weight, bias))
    if type(input) not in PLAIN or type(weight) not in PLAIN or type(bias) not in PLAIN:
        result = _short_product(input, weight) if bias is None else None
        return _general(input, weight, bias) if result is None else result
    x, w, b = input._a, weight._a, bias._a
    dtype = x.dtype
    if (
        x.ndim != 2
        or w.ndim != 2
        or b.ndim != 1
        or w.dtype is not dtype
        or b.dtype is not dtype
        or (dtype is not float32 and dtype is not float64)
        or type(x) is not ndarray
        or x.shape[1] != w.shape[1]
        or b.shape[0] != w.shape[0]
    ):
        return _general(input, weight, bias)
    y = w.T
    try:
        r = _product(x, w)
        r += b
    except WARNED:
        with np.errstate(all="ignore"):
            r = _product(x, w) + b
    for t in (input, weight, bias):
        if t._v is not None and t._v.rebased:
            sync(t)
    result = new(Tensor)
    result._a = r
    result._v = None
    ex, ew, eb = input._e, weight._e, bias._e
    if (ex is None and ew is None and eb is None) or not recording():
        result._e = None
        return result
    result._e = _note(getframe(1), (eb, ex, ew), (input, weight), (b, x, y))
    return result


def _short_product(input: Any, weight: Any) -> Tensor | None:
    """linear without bias of two plain matrices, of which nothing is recorded; or None."""
    if type(input) not in PLAIN or type(weight) not in PLAIN:
        return None
    if not untracked(input) or not untracked(weight):
        return None
    x, w = input._a, weight._a
    dtype = x.dtype
    if x.ndim != 2 or w.ndim != 2 or w.dtype is not dtype:
        return None
    if dtype is not float32 and dtype is not float64:
        return None
    try:
        return made(_product(x, w))
    except ValueError:  # the sizes differ
        return None


def _into(out: Any, result: Tensor) -> Tensor:
    if isinstance(out, Tensor) and out._a.dtype != result._a.dtype:
        wanted, given = [c_name(t._a.dtype) for t in (result, out)]
        raise RuntimeError(f"Expected out tensor to have dtype {wanted}, but got {given} instead")
    return write_out("linear", out, result)


def _product(x: ndarray, w: ndarray) -> ndarray:
    """x @ w.T. For few long rows the turned product w @ x.T, turned back, takes OpenBLAS a tenth to
    a quarter less where it uses AVX-512, and about the same where it uses AVX2.
    """
    if 2 * x.shape[0] <= w.shape[0] and x.size >= 32768:
        return np.ascontiguousarray(w.dot(x.T).T)
    return x.dot(w.T)


def _note(frame: Any, edges: tuple, tensors: tuple, arrays: tuple) -> Any:
    """The node of linear over that of the transposition, by hand: `apply` costs twice as much."""
    eb, ex, ew = edges
    b, x, y = arrays
    code, lasti = frame.f_code, frame.f_lasti
    if LIBRARY[code.co_filename]:
        code, lasti = caller(3)
    turned = None
    if ew is not None:
        turned = new(T)
        turned.edges = (ew,)
        turned.saved = ()
        turned.fix = turned.extra = turned.cells = turned.kw = None
        turned.family = family_of(tensors[1])
        turned.code, turned.lasti = code, lasti
        turned.seq = tick()
    n = new(Affine)
    n.edges = (eb, ex, turned)
    n.saved = (Meta(b), None if ex is None else y, None if turned is None else x)
    n.fix = n.extra = n.kw = n.cells = None
    if ex is None or turned is None:
        first = family_of(tensors[0]) if ex is None else None
        n.cells = (None, first, family_of(tensors[1]) if turned is None else None)
    n.code, n.lasti = code, lasti
    n.seq = tick()
    return n


def _check(x: Tensor, w: Tensor, b: Tensor | None) -> None:
    a, c = x._a, w._a
    if c.ndim != 2:
        raise RuntimeError(
            f"mat2 must be a matrix, got {c.ndim}-D tensor\nlinear's weight has shape (out, in)"
        )
    rows = math.prod(a.shape[:-1])
    if a.ndim == 0:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, but they are 0D and 2D"
        )
    if a.shape[-1] != c.shape[1]:
        raise cannot_multiply(rows, a.shape[-1], c.shape[::-1])
    first, what = (b, "self") if b is not None and b._a.dtype != c.dtype else (x, "mat1")
    if first._a.dtype != c.dtype:
        if b is None:
            names = c_name(x._a.dtype), c_name(c.dtype)
            text = f"expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]}"
        else:
            names = legacy_name(first._a.dtype), legacy_name(c.dtype)
            text = f"{what} and mat2 must have the same dtype, but got {names[0]} and {names[1]}"
        raise RuntimeError(
            f"{text}\nlinear does not promote: convert the input, as in x.to(weight.dtype)."
        )
    no_bool("addmm_impl_cpu_", x)
    if b is not None:
        check_expands(b._a.shape, (rows, c.shape[0]))


def _general(input, weight, bias):
    if overriding or type(input) not in PLAIN or type(weight) not in PLAIN:
        answer = ask_overrides(linear, (input, weight), {} if bias is None else {"bias": bias})
        if answer is not NotImplemented:
            return answer
    tensors("linear", ("input", input), ("weight", weight))
    if bias is not None:
        tensors("linear", ("input", input), ("weight", weight), ("bias", bias))
    if weight._a.ndim == 1 and bias is None:
        if input._a.ndim == 1:
            return dot(input, view(Turn, weight, weight._a.T, {}))
        if input._a.ndim == 2:
            return mv(input, view(Turn, weight, weight._a.T, {}))
        same = input._a.dtype == weight._a.dtype
        if input._a.ndim > 2 and same and input._a.shape[-1] == weight._a.shape[0]:
            return matrix_product(Batched, input, weight)
    _check(input, weight, bias)
    n = input._a.ndim
    turned = view(Turn if n == 1 else T, weight, weight._a.T, {})
    if n == 1 and bias is None:
        return matrix_product(Squeeze, input, turned)
    flat = input if n == 2 else as_rows(input)
    if bias is None:
        product = apply(Mm, flat, turned, **MM)
    else:
        product = apply(Affine, bias, flat, turned)
    if n == 2:
        return product
    cls = UnsafeView if bias is None else View
    return apply(cls, product, shape=(*input._a.shape[:-1], weight._a.shape[0]))


@overridable
def bilinear(input1, input2, weight, bias=None):
    """y_o = sum_ij input1_i weight_oij input2_j + bias_o, over the last dimensions."""
    tensors("bilinear", ("input1", input1), ("input2", input2), ("weight", weight))
    a, b, w = input1._a, input2._a, weight._a
    if a.shape[:-1] != b.shape[:-1]:
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: got {list(a.shape)} and "
            f"{list(b.shape)}"
        )
    if w.ndim != 3 or a.shape[-1] != w.shape[1] or b.shape[-1] != w.shape[2]:
        raise RuntimeError(
            f"bilinear(): input1 and input2 sizes do not match weight size: got {a.shape[-1]} and "
            f"{b.shape[-1]} but expected {list(w.shape[1:])}"
        )
    result = einsum("...i,oij,...j->...o", input1, weight, input2)
    return result if bias is None else elementwise.add(result, bias)
