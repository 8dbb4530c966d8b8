"""Matrix products and linear maps under PyTorch's names."""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply, float32, float64, new, promoted, recording
from ..core.complaints import legacy_name, not_a_tensor
from ..core.out import write_out
from ..core.overrides import ask_overrides, overridable
from ..core.quiet import WARNED, quietly
from ..core.tape import Node, caller, tick
from ..core.tensor import Tensor, edge_of, family_of, wrap
from ..core.views import inplace, view
from ..core.watch import PLAIN, overriding
from ..ops import contraction as ops
from ..ops import shape as shapes
from ..ops.elementwise import is_half
from .arguments import c_name, check_expands, check_scalar_type, no_kernel, no_such_dim
from .nodes import node
from .shortcut import direct_of, shortcut
from .unseen import copied_if_written, is_one

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addmv_",
    "addr",
    "baddbmm",
    "bmm",
    "dot",
    "matmul",
    "mm",
    "mv",
    "vdot",
]

Dot = node("DotBackward0", np.matmul)
Mv = node("MvBackward0", np.matmul)
Bmm = node("BmmBackward0", np.matmul)
Squeeze = node("SqueezeBackward4", np.matmul)
Batched = node("UnsafeViewBackward0", np.matmul)
Folded = node("CloneBackward0", np.matmul)
#: the same nodes for floats of 16 bits, of which NumPy makes no products as PyTorch does
IN_SINGLE = {
    cls: node(cls.__name__, ops.matmul_in_single)
    for cls in (Dot, Mv, Bmm, Squeeze, Batched, Folded)
}
Vdot = node("VdotBackward0", ops.vdot)
Mm = node("MmBackward0", ops.mm)
Addmm = node("AddmmBackward0", ops.addmm)
Baddbmm = node("BaddbmmBackward0", ops.addmm)
Addmv = node("AddmvBackward0", ops.addmv)
Addbmm = node("AddbmmBackward0", ops.addbmm)
Addr = node("AddrBackward0", ops.addr)
View = node("ViewBackward0", shapes.reshape)
UnsafeView = node("UnsafeViewBackward0", shapes.reshape)
NO_FLIP = (False, False)
NO_PROMOTION = "Products do not promote: convert one operand, as in x.to(y.dtype)."


# --- checks ---------------------------------------------------------------------------------------


def tensors(name: str, *named: tuple[str, object]) -> None:
    """Raise TypeError unless every (argument name, value) holds a Tensor."""
    for position, (argument, value) in enumerate(named, 1):
        if not isinstance(value, Tensor):
            raise not_a_tensor(name, position, argument, value)


def no_bool(name: str, x: Tensor) -> None:
    """Raise for bool tensors, for which PyTorch has no products."""
    if x._a.dtype.kind == "b":
        raise no_kernel(name, x._a.dtype, "Convert the tensors first, as in x.int().")


def same_dtype(x: Tensor, y: Tensor) -> None:
    """Raise unless two matrices have one dtype."""
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {c_name(x._a.dtype)} != "
            f"{c_name(y._a.dtype)}\n{NO_PROMOTION}"
        )


def cannot_multiply(rows: int, inner: int, other: tuple[int, ...]) -> RuntimeError:
    """PyTorch's error for matrices whose inner sizes differ."""
    return RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{inner} and {other[0]}x{other[1]})\n"
        f"The columns of the first, {inner}, must equal the rows of the second, {other[0]}."
    )


def flips(x: Tensor, y: Tensor) -> tuple[bool, bool]:
    """Which of two matrices lie in column-major order (see ops.mm)."""
    f, h = x._a.flags, y._a.flags
    return (f.f_contiguous and not f.c_contiguous, h.f_contiguous and not h.c_contiguous)


def put(name: str, out: Tensor | None, result: Tensor) -> Tensor:
    """The result, or `out` after it was written there."""
    return result if out is None else write_out(name, out, result)


# --- products of vectors and matrices -------------------------------------------------------------


def _check_vectors(name: str, x: Tensor, y: Tensor) -> None:
    a, b = x._a, y._a
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors\n{name} takes two "
            "vectors; use @ for matrices, or flatten() first."
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {legacy_name(a.dtype)} and "
            f"{legacy_name(b.dtype)}\nConvert one of them, as in x.to(y.dtype)."
        )
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the "
            f"same number of elements, but got {a.size} and {b.size} elements respectively"
        )
    no_bool("dot", x)


@overridable
def dot(input, tensor, *, out=None):
    """The sum of input * tensor for two vectors: sum_i input_i tensor_i."""
    tensors("dot", ("input", input), ("tensor", tensor))
    _check_vectors("dot", input, tensor)
    return put("dot", out, matrix_product(Dot, input, tensor))


@overridable
def vdot(input, other, *, out=None):
    """The sum of conj(input) * other for two vectors."""
    tensors("vdot", ("input", input), ("other", other))
    _check_vectors("vdot", input, other)
    return put("vdot", out, apply(Vdot, input, other))


@overridable
def mv(input, vec, *, out=None):
    """The product of a matrix (n, m) and a vector (m)."""
    tensors("mv", ("input", input), ("vec", vec))
    a, b = input._a, vec._a
    if a.ndim == 0:
        raise no_such_dim(0, 0)
    if a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got 1, {a.ndim}, {b.ndim}\n"
            f"mv takes a matrix and a vector; given were shapes {list(a.shape)} and {list(b.shape)}"
        )
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), "
            f"vec ({b.shape[0]})\nThe vector's size must equal the matrix's columns."
        )
    if a.dtype != b.dtype:
        double = legacy_name(b.dtype)
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {double}, "
            f"{legacy_name(a.dtype)}, and {double}"
        )
    no_bool("addmv_impl_cpu", input)
    return put("mv", out, matrix_product(Mv, input, vec))


@overridable
def mm(input, mat2, *, out=None):
    """The product of two matrices: (n, k) and (k, m) give (n, m)."""
    tensors("mm", ("input", input), ("mat2", mat2))
    a, b = input._a, mat2._a
    if a.ndim != 2 or b.ndim != 2:
        raise RuntimeError(
            f"{'self' if a.ndim != 2 else 'mat2'} must be a matrix\nmm takes two matrices; given "
            f"were shapes {list(a.shape)} and {list(b.shape)}. matmul (@) takes other ranks."
        )
    if a.shape[1] != b.shape[0]:
        raise cannot_multiply(a.shape[0], a.shape[1], b.shape)
    same_dtype(input, mat2)
    no_bool("addmm_impl_cpu_", input)
    return put("mm", out, apply(Mm, input, mat2, flip=flips(input, mat2)))


def _check_batches(x: Tensor, y: Tensor, names: tuple[str, str] = ("batch1", "batch2")) -> None:
    a, b = x._a, y._a
    for name, array in zip(names, (a, b), strict=True):
        if array.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor\nGiven was shape {list(array.shape)}.")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}]."
        )
    check_scalar_type(x._a.dtype, y._a.dtype, NO_PROMOTION)
    no_bool("bmm", x)


def matrix_product(cls: Any, x: Tensor, y: Tensor) -> Tensor:
    """A matrix product recorded by `cls`."""
    return apply(IN_SINGLE[cls] if is_half(x._a) else cls, x, y)


def _short_bmm(input: Tensor, mat2: Tensor) -> Tensor | None:
    a, b = input._a, mat2._a
    if a.ndim != 3 or b.ndim != 3 or a.dtype is not b.dtype or a.dtype.kind != "f" or is_half(a):
        return None
    n, _, m = a.shape
    return direct_of(Bmm, (input, mat2), {}) if b.shape[0] == n and b.shape[1] == m else None


@shortcut(_short_bmm)
@overridable
def bmm(input, mat2, *, out=None):
    """Products of the matrices of two batches: (b, n, k) and (b, k, m) give (b, n, m)."""
    tensors("bmm", ("input", input), ("mat2", mat2))
    _check_batches(input, mat2)
    return put("bmm", out, matrix_product(Bmm, input, mat2))


def noted(
    cls: type[Node], array: Any, edges: tuple, saved: tuple, kw: dict | None, cells: tuple | None
) -> Tensor:
    """A result with its node, for operations that are too hot for `apply`."""
    t = new(Tensor)
    t._a = array
    t._v = None
    t._e = node = new(cls)
    node.edges = edges
    node.saved = saved
    node.kw = kw
    node.cells = cells
    node.fix = node.extra = None
    node.code, node.lasti = caller(2)
    node.seq = tick()
    return t


def matmul(input, other, *, out=None):
    """input @ other: dot for vectors, matrix products otherwise; leading dimensions broadcast."""
    if type(input) not in PLAIN or type(other) not in PLAIN or out is not None:
        return _matmul(input, other, out)
    a, b = input._a, other._a
    if (
        type(a) is not ndarray
        or type(b) is not ndarray
        or a.ndim != 2
        or b.ndim != 2
        or a.dtype is not b.dtype
        or (a.dtype is not float32 and a.dtype is not float64)
    ):
        return _matmul(input, other, None)
    try:
        r = a.dot(b)
    except ValueError:
        return _matmul(input, other, None)
    except WARNED:
        r = quietly(a.dot, b)
    ea = input._e if input._v is None else edge_of(input)
    eb = other._e if other._v is None else edge_of(other)
    if (ea is None and eb is None) or not recording():
        return wrap(r)
    saved = (None if ea is None else b, None if eb is None else a)
    cells = None
    if ea is None:
        cells = (family_of(input), None)
    elif eb is None:
        cells = (None, family_of(other))
    return noted(Mm, r, (ea, eb), saved, {"flip": flips(input, other)}, cells)


def _matmul(input, other, out):
    if overriding:
        answer = ask_overrides(matmul, (input, other), {} if out is None else {"out": out})
        if answer is not NotImplemented:
            return answer
    tensors("matmul", ("input", input), ("other", other))
    a, b = input._a, other._a
    n, m = a.ndim, b.ndim
    if n == 2 and m == 2:
        return mm(input, other, out=out)
    if n == 0 or m == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D\n"
            "Multiply by a number with *."
        )
    if n == 1 and m == 1:
        return dot(input, other, out=out)
    if n == 2 and m == 1:
        return mv(input, other, out=out)
    if m == 1 or m == 2:
        result = _few_columns(input, other)
    else:
        result = _many(input, other)
    return put("matmul", out, result)


def _few_columns(x: Tensor, y: Tensor) -> Tensor:
    """A vector or a batch of matrices times one matrix or vector."""
    a, b = x._a, y._a
    rows = math.prod(a.shape[:-1])
    if a.shape[-1] != b.shape[0]:
        if b.ndim == 1:
            raise RuntimeError(
                f"size mismatch, got input ({rows}), mat ({rows}x{a.shape[-1]}), "
                f"vec ({b.shape[0]})\nThe vector's size must equal the last size of the first."
            )
        raise cannot_multiply(rows, a.shape[-1], b.shape)
    same_dtype(x, y)
    no_bool("addmm_impl_cpu_", x)
    if a.ndim == 1:
        return matrix_product(Squeeze, x, y)
    if b.ndim == 1:
        return _noting_copies(matrix_product(Batched, x, y), x, y)
    flat = as_rows(x)
    product = apply(Mm, flat, y, flip=flips(flat, y))
    return apply(UnsafeView, product, shape=(*a.shape[:-1], b.shape[1]))


def _noting_copies(result: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The product of batches: PyTorch makes all dimensions but two, or all but one, of each factor
    one first, by a view or else a copy, which is then what the product saves.
    """
    a, b = x._a, y._a
    if result._e is None or type(result._a) is not ndarray:
        return result
    both = a.ndim == b.ndim == 3
    if a.ndim < 3 or (both and len(a) == 1 != len(b)):  # one matrix times all columns
        of_x, columns = False, ops.swap(b)
        of_y = not is_one(columns.shape[:-1], columns.strides[:-1])
    elif b.ndim < 3 or (both and len(b) == 1 != len(a)):  # all rows times one matrix
        of_x, of_y = not is_one(a.shape[:-1], a.strides[:-1]), False
    elif both:
        return result
    else:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        of_x, of_y = (
            not is_one(lead, np.broadcast_to(c, (*lead, *c.shape[-2:])).strides[:-2])
            for c in (a, b)
        )
    for number, (t, wanted) in enumerate(((x, of_x), (y, of_y))):
        if wanted:
            copied_if_written(t, number, result)
    return result


def as_rows(x: Tensor) -> Tensor:
    """`x` with all dimensions but the last made one: a view where strides allow it."""
    a = x._a
    shape = (math.prod(a.shape[:-1]), a.shape[-1])
    if type(a) is ndarray:
        flat = a.reshape(shape)
        if np.may_share_memory(flat, a):
            return view(View, x, flat, {"shape": shape})
    return apply(UnsafeView, x, shape=shape)


def _many(x: Tensor, y: Tensor) -> Tensor:
    """Batches of matrices, broadcast."""
    a, b = x._a, y._a
    lead = a.shape[:-2]
    try:
        np.broadcast_shapes(lead, b.shape[:-2])
    except ValueError:
        both = zip(reversed(lead), reversed(b.shape[:-2]), strict=False)
        i, p, q = next((i, p, q) for i, (p, q) in enumerate(both) if p != q and 1 not in (p, q))
        dim = max(len(lead), b.ndim - 2) - 1 - i
        raise RuntimeError(
            f"The size of tensor a ({p}) must match the size of tensor b ({q}) at non-singleton "
            f"dimension {dim}\nThe batches {list(a.shape)} and {list(b.shape)} do not broadcast."
        ) from None
    if a.shape[-1] != b.shape[-2]:
        if a.ndim <= 2:
            raise cannot_multiply(math.prod(a.shape[:-1]), a.shape[-1], b.shape[-2:])
        n = math.prod(b.shape[:-2])
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{n}, {a.shape[-1]}] but got: [{n}, {b.shape[-2]}]."
        )
    check_scalar_type(x._a.dtype, y._a.dtype, NO_PROMOTION)
    no_bool("bmm", x)
    return _noting_copies(matrix_product(Folded if a.ndim == 2 else Batched, x, y), x, y)


# --- with an added term ---------------------------------------------------------------------------


def _check_addend(name: str, bias: Tensor, x: Tensor, y: Tensor, shape: tuple) -> None:
    for first, second in ((bias, y), (x, y)):
        if first._a.dtype != second._a.dtype:
            what = "self" if first is bias or x._a.dtype == bias._a.dtype else "mat1"
            raise RuntimeError(
                f"{what} and mat2 must have the same dtype, but got "
                f"{legacy_name(first._a.dtype)} and {legacy_name(second._a.dtype)}\n"
                f"{name} does not promote: convert one of them, as in x.to(y.dtype)."
            )
    no_bool(f"{name}_impl_cpu_", x)
    check_expands(bias._a.shape, shape)


def _numbers(bias: Tensor, beta: float, alpha: float) -> dict:
    """The factors; for integers their whole parts."""
    if bias._a.dtype.kind in "iu":
        beta, alpha = int(beta), int(alpha)
    return {"beta": beta, "alpha": alpha}


@overridable
def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (mat1 @ mat2) for matrices; input broadcasts to the product."""
    tensors("addmm", ("input", input), ("mat1", mat1), ("mat2", mat2))
    for name, x in (("mat1", mat1), ("mat2", mat2)):
        if x._a.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {x._a.ndim}-D tensor")
    a, b = mat1._a, mat2._a
    if a.shape[1] != b.shape[0]:
        raise cannot_multiply(a.shape[0], a.shape[1], b.shape)
    _check_addend("addmm", input, mat1, mat2, (a.shape[0], b.shape[1]))
    kw = _numbers(input, beta, alpha)
    return put("addmm", out, apply(Addmm, input, mat1, mat2, **kw, flip=flips(mat1, mat2)))


@overridable
def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (mat @ vec) for a matrix and a vector."""
    tensors("addmv", ("input", input), ("mat", mat), ("vec", vec))
    a, b = mat._a, vec._a
    if a.ndim != 2 or b.ndim != 1 or input._a.ndim > 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {input._a.ndim}, {a.ndim}, {b.ndim}"
        )
    if a.shape[1] != b.shape[0]:
        if input._a.ndim == 0:
            raise no_such_dim(0, 0)
        raise RuntimeError(
            f"size mismatch, got input ({input._a.size}), mat ({a.shape[0]}x{a.shape[1]}), "
            f"vec ({b.shape[0]})\nThe vector's size must equal the matrix's columns."
        )
    _check_addend("addmv", input, mat, vec, (a.shape[0],))
    kw = _numbers(input, beta, alpha)
    return put("addmv", out, apply(Addmv, input, mat, vec, **kw))


@overridable
def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * the sum over i of batch1[i] @ batch2[i]."""
    tensors("addbmm", ("input", input), ("batch1", batch1), ("batch2", batch2))
    a, b = batch1._a, batch2._a
    if a.ndim == b.ndim == 3 and a.shape[2] != b.shape[1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for bmm ({a.shape[1]}x{a.shape[2]} and "
            f"{b.shape[1]}x{b.shape[2]})"
        )
    _check_batches(batch1, batch2)
    _check_addend("addbmm", input, batch1, batch2, (a.shape[1], b.shape[2]))
    kw = _numbers(input, beta, alpha)
    return put("addbmm", out, apply(Addbmm, input, batch1, batch2, **kw))


@overridable
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (batch1 @ batch2) for batches of matrices."""
    tensors("baddbmm", ("input", input), ("batch1", batch1), ("batch2", batch2))
    a, b = batch1._a, batch2._a
    for array, dim in ((a, 0), (a, 1), (b, 2)):
        if array.ndim <= dim:
            raise no_such_dim(dim, array.ndim)
    check_expands(input._a.shape, (*a.shape[:2], b.shape[2]))
    _check_batches(batch1, batch2)
    _check_addend("baddbmm", input, batch1, batch2, (*a.shape[:2], b.shape[2]))
    kw = _numbers(input, beta, alpha)
    return put("baddbmm", out, apply(Baddbmm, input, batch1, batch2, **kw, flip=NO_FLIP))


@overridable
def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * the outer product of vec1 and vec2."""
    tensors("addr", ("input", input), ("vec1", vec1), ("vec2", vec2))
    for name, x in (("vec1", vec1), ("vec2", vec2)):
        if x._a.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {x._a.ndim}-D")
    input, vec1, vec2 = promoted((input, vec1, vec2))
    check_expands(input._a.shape, (vec1._a.size, vec2._a.size))
    if input._a.dtype.kind in "biu":
        for name, value in (("beta", beta), ("alpha", alpha)):
            if isinstance(value, float):
                raise RuntimeError(
                    f"For integral input tensors, argument {name} must not be a floating point "
                    "number."
                )
    if input._a.dtype.kind == "b":
        beta, alpha = bool(beta), bool(alpha)
    kw = _numbers(input, beta, alpha)
    return put("addr", out, apply(Addr, input, vec1, vec2, **kw))


def addmm_(input, mat1, mat2, *, beta=1, alpha=1):
    """addmm in place."""
    return inplace(addmm, input, mat1, mat2, beta=beta, alpha=alpha, name="addmm_")


def addmv_(input, mat, vec, *, beta=1, alpha=1):
    """addmv in place."""
    return inplace(addmv, input, mat, vec, beta=beta, alpha=alpha, name="addmv_")


def addbmm_(input, batch1, batch2, *, beta=1, alpha=1):
    """addbmm in place."""
    return inplace(addbmm, input, batch1, batch2, beta=beta, alpha=alpha, name="addbmm_")


def baddbmm_(input, batch1, batch2, *, beta=1, alpha=1):
    """baddbmm in place."""
    return inplace(baddbmm, input, batch1, batch2, beta=beta, alpha=alpha, name="baddbmm_")


def addr_(input, vec1, vec2, *, beta=1, alpha=1):
    """addr in place."""
    return inplace(addr, input, vec1, vec2, beta=beta, alpha=alpha, name="addr_")


def rmatmul(self, other):
    """other @ self."""
    return matmul(other, self)
