"""einsum and its relatives under PyTorch's names: tensordot, inner, outer, kron, cross, trace."""

import math
from typing import Any

import numpy as np

from ..core.apply import apply, promoted, to_dtype
from ..core.complaints import broadcast_error
from ..core.overrides import overridable
from ..core.quiet import warn
from ..core.tensor import Tensor
from ..core.views import view
from ..core.watch import PLAIN
from ..ops import contraction as ops
from ..ops import shape as shapes
from ..ops.elementwise import count_true
from . import elementwise
from .arguments import check_scalar_type, one_dim
from .contraction import NO_PROMOTION, View, dot, mm, mv, put, tensors
from .factory import warn_once
from .nodes import node
from .reduction import sum as total
from .shortcut import made, shortcut, untracked
from .unseen import copied_if_written, is_one, of_hidden

__all__ = [
    "chain_matmul",
    "cross",
    "einsum",
    "ger",
    "inner",
    "kron",
    "outer",
    "tensordot",
    "trace",
]

Einsum = node("ViewBackward0", ops.einsum)
EinsumMul = node("MulBackward0", ops.einsum)
EinsumSum = node("SumBackward1", ops.einsum)
Permute = node("PermuteBackward0", ops.diagonals)
Cross = node("LinalgCrossBackward0", ops.cross)
Trace = node("TraceBackward0", ops.trace)
UnsafeView = node("UnsafeViewBackward0", shapes.reshape)
PermuteDims = node("PermuteBackward0", shapes.transpose)

#: stands for `...` among the labels of an operand
ELLIPSIS = -1
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


# --- einsum ---------------------------------------------------------------------------------------


def _read_labels(text: str, where: str) -> list[int]:
    """The labels of one operand or of the output: numbers of letters, ELLIPSIS for `...`."""
    labels = []
    i = 0
    while i < len(text):
        if text[i] == " ":
            i += 1
        elif text[i] == ".":
            if text[i : i + 3] != "..." or ELLIPSIS in labels:
                raise RuntimeError(
                    f"einsum(): found '.' {where} that is not part of any ellipsis\n"
                    "At most one '...' is allowed in each group of labels."
                )
            labels.append(ELLIPSIS)
            i += 3
        elif text[i] in _LETTERS:
            labels.append(_LETTERS.index(text[i]))
            i += 1
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {i} in the equation string, "
                f"subscripts must be in [a-zA-Z]\nFound '{text[i]}' {where}."
            )
    return labels


def _sublist(labels: Any) -> list[int]:
    found = []
    for label in labels:
        if label is Ellipsis:
            found.append(ELLIPSIS)
        elif isinstance(label, int) and 0 <= label < 52:
            found.append(label)
        else:
            raise ValueError(
                f"einsum(): labels in a sublist lie in [0, 52) or are ..., not {label!r}"
            )
    return found


def _parse(arguments: tuple) -> tuple[list[Tensor], list[list[int]], list[int] | None]:
    """The operands, their labels, and the output's labels where they are given."""
    if len(arguments) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if isinstance(arguments[0], str):
        equation, *operands = arguments
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = list(operands[0])
        left, arrow, right = equation.partition("->")
        groups = [_read_labels(text, f"for operand {i}") for i, text in enumerate(left.split(","))]
        output = _read_labels(right, "for the output") if arrow else None
    else:
        operands = list(arguments[0 : len(arguments) // 2 * 2 : 2])
        groups = [_sublist(labels) for labels in arguments[1::2]]
        output = _sublist(arguments[-1]) if len(arguments) % 2 else None
    if len(operands) != len(groups):
        word = "fewer" if len(operands) < len(groups) else "more"
        raise RuntimeError(
            f"einsum(): {word} operands were provided than specified in the equation\n"
            f"{len(operands)} operands, {len(groups)} groups of labels"
        )
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"einsum(): operand {i} must be Tensor, not {type(x).__name__}")
    return operands, groups, output


def _spread_ellipsis(operands: list[Tensor], groups: list[list[int]]) -> int:
    """Give each ellipsis labels of its own, aligned to the right; returns how many there are."""
    covered = 0
    for i, (x, labels) in enumerate(zip(operands, groups, strict=True)):
        named = len(labels) - (ELLIPSIS in labels)
        rank = x._a.ndim
        if named > rank or (named < rank and ELLIPSIS not in labels):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) "
                + ("is more than" if ELLIPSIS in labels else "does not match")
                + f" the number of dimensions ({rank}) for operand {i}"
                + ("" if ELLIPSIS in labels else " and no ellipsis was given")
            )
        if ELLIPSIS in labels:
            covered = max(covered, rank - named)
    for x, labels in zip(operands, groups, strict=True):
        if ELLIPSIS in labels:
            place, count = labels.index(ELLIPSIS), x._a.ndim - len(labels) + 1
            labels[place : place + 1] = range(52 + covered - count, 52 + covered)
    return covered


def _output_labels(groups: list[list[int]], output: list[int] | None, covered: int) -> list[int]:
    dots = list(range(52, 52 + covered))
    used = [label for labels in groups for label in labels]
    if output is None:
        return dots + sorted(label for label in set(used) if label < 52 and used.count(label) == 1)
    if ELLIPSIS in output:
        place = output.index(ELLIPSIS)
        output = [*output[:place], *dots, *output[place + 1 :]]
    for label in output:
        name = _LETTERS[label] if label < 52 else "..."
        if output.count(label) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {name} appears more than once in the output"
            )
        if label not in used:
            raise RuntimeError(
                f"einsum(): output subscript {name} does not appear in the equation for any input "
                "operand"
            )
    return output


def _label_sizes(operands: list[Tensor], groups: list[list[int]]) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for i, (x, labels) in enumerate(zip(operands, groups, strict=True)):
        own: dict[int, int] = {}
        for label, n in zip(labels, x._a.shape, strict=True):
            name = _LETTERS[label] if label < 52 else "..."
            if own.setdefault(label, n) != n:
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for operand {i} but the sizes don't "
                    f"match, {n} != {own[label]}"
                )
            held = sizes.get(label, 1)
            if n != held and 1 not in (n, held):
                raise RuntimeError(
                    f"einsum(): subscript {name} has size {n} for operand {i} which does not "
                    f"broadcast with previously seen size {held}"
                )
            sizes[label] = max(held, n) if 0 not in (held, n) else 0
    return sizes


def _simplified(x: Tensor, labels: list[int], sizes: dict[int, int]) -> tuple[Tensor, tuple]:
    """The operand with each label once (its diagonals), without sizes of 1 that broadcast."""
    kept = tuple(dict.fromkeys(labels))
    if len(kept) < len(labels):
        kw = {"labels": _small(labels, labels), "output": _small(labels, kept)}
        x = view(Permute, x, ops.diagonals(x._a, **kw), kw)
    shape = tuple(n for label, n in zip(kept, x._a.shape, strict=True) if n == sizes[label])
    if len(shape) < len(kept):
        kept = tuple(label for label, n in zip(kept, x._a.shape, strict=True) if n == sizes[label])
        x = view(View, x, shapes.reshape(x._a, shape=shape), {"shape": shape})
    return x, kept


def _small(universe: Any, labels: Any) -> tuple[int, ...]:
    """Labels renumbered from 0, for NumPy's limit of 52."""
    order = list(dict.fromkeys(universe))
    return tuple(order.index(label) for label in labels)


@overridable
def einsum(*arguments):
    """The sum of products that an equation such as "ij,jk->ik" names (Einstein's convention).

    einsum(equation, *operands) or einsum(operand, labels, operand, labels, ..., [output labels]),
    with labels in [0, 52). A label repeated in one operand takes its diagonal, `...` stands for
    dimensions that broadcast; without output, labels that occur once remain, in order.
    """
    operands, groups, output = _parse(arguments)
    covered = _spread_ellipsis(operands, groups)
    output = _output_labels(groups, output, covered)
    sizes = _label_sizes(operands, groups)
    for k, x in enumerate(operands):
        if any(_is_contracted(operands, groups, output, label, k) for label in groups[k]):
            check_scalar_type(operands[0]._a.dtype, x._a.dtype, NO_PROMOTION)
    if len({x._a.dtype for x in operands}) > 1:
        operands = promoted(operands)
    if len(operands) == 1 and set(groups[0]) == set(output):
        kw = {"labels": _small(groups[0], groups[0]), "output": _small(groups[0], output)}
        return view(Permute, operands[0], ops.diagonals(operands[0]._a, **kw), kw)
    pairs = [_simplified(x, g, sizes) for x, g in zip(operands, groups, strict=True)]
    every = [label for _, labels in pairs for label in labels]
    if len(pairs) == 1:
        cls = EinsumSum
        if operands[0]._a.dtype.kind in "biu":
            pairs = [(to_dtype(x, np.dtype(np.int64)), labels) for x, labels in pairs]
    else:
        cls = EinsumMul if set(every) <= set(output) else Einsum
    inputs = tuple(_small(every, labels) for _, labels in pairs)
    result = apply(cls, *[x for x, _ in pairs], inputs=inputs, output=_small(every, output))
    if cls is Einsum and len(pairs) == 2 and result._e is not None:
        _note_einsum_copies(pairs, output, result)
    return of_hidden(result) if cls is Einsum else result


def _note_einsum_copies(pairs: list, output: list[int], result: Tensor) -> None:
    """PyTorch saves batches of matrices, of which views or else copies make one dimension each of
    what stands in both operands and the output, in one of them, and in no output; what stands in
    one operand only is summed first.
    """
    (_, first), (_, second) = pairs
    summed = sorted({*first, *second} - {*output})
    for number, (x, labels) in enumerate(pairs):
        other = second if number == 0 else first
        mine = [label for label in output if label in labels]
        groups = (
            [label for label in mine if label in other],
            [label for label in mine if label not in other],
            [label for label in summed if label in labels],
        )
        parts = [[labels.index(label) for label in group] for group in groups]
        is_summed_first = any(label not in other for label in groups[2])
        if is_summed_first or not all(_are_one(x._a, dims) for dims in parts):
            copied_if_written(x, number, result)


def _is_contracted(operands: list, groups: list, output: list, label: int, k: int) -> bool:
    """Whether operand k meets those before it in a matrix product over `label`; elsewhere they are
    multiplied by elements, which converts them.
    """
    if label in output or any(label in group for group in groups[k + 1 :]):
        return False
    if any(0 in x._a.shape for x in operands):
        return False  # nothing is multiplied
    every = zip(operands, groups, strict=True)
    sizes = [x._a.shape[g.index(label)] for x, g in every if label in g]
    return len(sizes) > 1 and sizes[-1] > 1 and max(sizes[:-1]) > 1


@overridable
def tensordot(a, b, dims: Any = 2, out=None):
    """Products summed over pairs of dimensions: `dims` last of a with first of b, or two lists."""
    tensors("tensordot", ("a", a), ("b", b))
    n, m = a._a.ndim, b._a.ndim
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims._a.ndim else int(dims._a)
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(n, m):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}\nThe tensors have "
                f"{n} and {m} dimensions."
            )
        first, second = list(range(-dims, 0)), list(range(dims))
    else:
        first, second = (list(d) if isinstance(d, list | tuple) else [d] for d in dims)
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(first, second, strict=True):
        p, q = a._a.shape[one_dim(i, n)], b._a.shape[one_dim(j, m)]
        if p == 1 != q:
            b = total(b, dim=j, keepdim=True, dtype=b.dtype)
        elif q == 1 != p:
            a = total(a, dim=i, keepdim=True, dtype=a.dtype)
        elif p != q:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {p} in dim {i} and "
                f"second has size {q} in dim {j}"
            )
    first, second = [one_dim(i, n) for i in first], [one_dim(j, m) for j in second]
    if a._a.dtype != b._a.dtype:
        raise RuntimeError(f"both inputs should have same dtype\n{NO_PROMOTION}")
    labels = [n + j for j in range(m)]
    for i, j in zip(first, second, strict=True):
        labels[j] = i
    kept = [i for i in range(n) if i not in first] + [n + j for j in range(m) if j not in second]
    inputs = (tuple(range(n)), tuple(labels))
    product = of_hidden(apply(Einsum, a, b, inputs=inputs, output=tuple(kept)))
    if product._e is not None:  # PyTorch saves matrices, made by a view or else a copy
        for number, (x, summed) in enumerate(((a, first), (b, second))):
            others = [i for i in range(x._a.ndim) if i not in summed]
            if not (_are_one(x._a, summed) and _are_one(x._a, others)):
                copied_if_written(x, number, product)
    return put("tensordot", out, product)


def _are_one(a: Any, dims: list[int]) -> bool:
    """Whether a view may make one of these dimensions, in this order."""
    return is_one([a.shape[d] for d in dims], [a.strides[d] for d in dims])


# --- products of two tensors ----------------------------------------------------------------------


@overridable
def inner(input, other, *, out=None):
    """Products summed over the last dimension of both: input_...k other_...k."""
    tensors("inner", ("input", input), ("other", other))
    a, b = input._a, other._a
    if a.ndim == 0 or b.ndim == 0:
        return elementwise.mul(input, other, out=out)
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    return put("inner", out, tensordot(input, other, ([-1], [-1])))


def _short_outer(input: Tensor, vec2: Tensor) -> Tensor | None:
    if type(input) not in PLAIN or type(vec2) not in PLAIN:
        return None
    a, b = input._a, vec2._a
    if a.ndim != 1 or b.ndim != 1 or a.dtype is not b.dtype or a.dtype.kind != "f":
        return None
    if not untracked(input) or not untracked(vec2):
        return None
    # BLAS is quicker, but has no -0.0
    if a.itemsize > 2 and count_true(a) == a.size and count_true(b) == b.size:
        return made(a.reshape(-1, 1).dot(b.reshape(1, -1)))
    return made(a[:, None] * b)


@shortcut(_short_outer)
@overridable
def outer(input, vec2, *, out=None):
    """All products of the elements of two vectors: input_i vec2_j."""
    tensors("outer", ("input", input), ("vec2", vec2))
    for name, x in (("self", input), ("vec2", vec2)):
        if x._a.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x._a.ndim}-D")
    column = view(View, input, input._a[:, None], {"shape": (input._a.size, 1)})
    return put("outer", out, elementwise.mul(column, vec2))


ger = outer


@overridable
def kron(input, other, *, out=None):
    """The Kronecker product: blocks input_i * other."""
    tensors("kron", ("input", input), ("other", other))
    a, b = input._a, other._a
    rank = max(a.ndim, b.ndim)
    first = (1,) * (rank - a.ndim) + a.shape
    second = (1,) * (rank - b.ndim) + b.shape
    wide = tuple(size for n in first for size in (n, 1))
    tall = tuple(size for n in second for size in (1, n))
    x = view(UnsafeView, input, a.reshape(wide), {"shape": wide})
    y = view(UnsafeView, other, b.reshape(tall), {"shape": tall})
    shape = tuple(n * m for n, m in zip(first, second, strict=True))
    return put("kron", out, apply(UnsafeView, elementwise.mul(x, y), shape=shape))


def _cross(input, other, dim, out):
    a, b = input._a, other._a
    rank = max(a.ndim, b.ndim)
    axis = one_dim(dim, rank) - rank
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. "
            f"Got {a.shape[axis]} and {b.shape[axis]}"
        )
    error = broadcast_error("cross", [a.shape, b.shape])
    if error is not None:
        raise error
    check_scalar_type(a.dtype, b.dtype, NO_PROMOTION)
    return put("cross", out, apply(Cross, input, other, axis=axis))


@overridable
def cross(input, other, dim=None, *, out=None):
    """The cross product of vectors of 3 along `dim`; by default the first dimension of size 3."""
    tensors("cross", ("input", input), ("other", other))
    if dim is None:
        warn(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass "
            "the dim explicitly or simply use torch.linalg.cross.\nThe default value of dim will "
            "change to agree with that of linalg.cross in a future release."
        )
        shape = np.broadcast_shapes(input._a.shape, other._a.shape)
        if 3 not in shape:
            raise RuntimeError("no dimension of size 3 in input\ncross takes vectors of 3 elements")
        dim = shape.index(3)
    return _cross(input, other, dim, out)


@overridable
def linalg_cross(input, other, *, dim=-1, out=None):
    """The cross product of vectors of 3 along `dim`."""
    tensors("linalg.cross", ("input", input), ("other", other))
    if input._a.ndim != other._a.ndim:
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions.\n"
            f"Got {input._a.ndim} and {other._a.ndim}."
        )
    return _cross(input, other, dim, out)


@overridable
def trace(input):
    """The sum of a matrix's diagonal."""
    tensors("trace", ("input", input))
    if input._a.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._a.ndim}")
    return apply(Trace, input)


# --- chains ---------------------------------------------------------------------------------------


@overridable
def multi_dot(tensors, *, out=None):
    """The product of two or more matrices in the cheapest order; the ends may be vectors."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    last = len(tensors) - 1
    for i, x in enumerate(tensors):
        if x._a.ndim != 2 and not (x._a.ndim == 1 and i in (0, last)):
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {x._a.ndim}D")
    rows = tensors[0]._a.ndim == 2
    columns = tensors[-1]._a.ndim == 2
    sizes = ([tensors[0]._a.shape[0]] if rows else [1]) + [x._a.shape[-1] for x in tensors[:-1]]
    sizes += [tensors[-1]._a.shape[-1]] if columns else [tensors[-1]._a.shape[0], 1]
    for i in range(last):
        p, q = tensors[i]._a.shape, tensors[i + 1]._a.shape
        if p[-1] != q[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(p)} and {list(q)} cannot "
                "be multiplied"
            )
    if not columns:
        sizes = [*sizes[: last + 1], tensors[-1]._a.shape[0], 1]
    result = _chain(tensors, sizes, 0, last, _cheapest(sizes))
    return put("multi_dot", out, of_hidden(apply(View, result, shape=result._a.shape)))


def chain_matmul(*matrices, out=None):
    """The product of matrices in the cheapest order (an older name of linalg.multi_dot)."""
    warn_once(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use "
        "torch.linalg.multi_dot instead, which accepts a list of two or more tensors rather than "
        "multiple parameters."
    )
    return matrices[0] if len(matrices) == 1 else multi_dot(list(matrices), out=out)


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each part of a chain, matrix i being (sizes[i], sizes[i + 1]).

    Dynamic programming: T. Cormen et al., "Introduction to Algorithms", section 15.2.
    """
    n = len(sizes) - 1
    cost: dict[tuple[int, int], float] = {(i, i): 0 for i in range(n)}
    split = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j] = math.inf
            for k in range(i, j):
                c = cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if c < cost[i, j]:
                    cost[i, j], split[i, j] = c, k
    return split


def _chain(tensors: list[Tensor], sizes: list[int], i: int, j: int, split: dict) -> Tensor:
    if i == j:
        return tensors[i]
    k = split[i, j]
    x, y = _chain(tensors, sizes, i, k, split), _chain(tensors, sizes, k + 1, j, split)
    if x._a.ndim == 2 and y._a.ndim == 2:
        return mm(x, y)
    if x._a.ndim == 2:
        return mv(x, y)
    return dot(x, y) if y._a.ndim == 1 else mv(_turned(y), x)


def _turned(x: Tensor) -> Tensor:
    return view(PermuteDims, x, x._a.T, {"axes": (1, 0)})
