"""Convolution in any number of dimensions and its transpose. Imports NumPy only.

Of an input x (N, C, *S), a kernel w (O, C / groups, *K) and an output y (N, O, *L), two multiply to
the third: y from x and w (`convolve`), x from y and w (`convolve_back`), w from x and y
(`convolve_taps`). All three come from one form that is linear in each, so that each is the
derivative of the others. `size` is what the sizes do not say by themselves: the last dimensions of
the result.

The work is done by matrix products over the windows of x, laid out as columns for as many examples
(or rows of an example) at a time as stay near the processor: Chellapilla, Puri and Simard, "High
performance convolutional neural networks for document processing" (2006).
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

from ..batching import batch_size, moved
from ..compiled import KERNELS
from ..elementwise import in_single, is_half
from ..layout import channels_last
from ..reduction import sum_over
from ..rule import general, multilinear, primitive
from ..shape import reshape
from .unfolding import add_at_taps, extent, framed, windows

#: elements of a block of columns, and the least number of its columns
BLOCK, LEAST = 1 << 19, 1024
#: rows of an image shorter than this, for columns lower than that, are copied for many examples
#: together: copies of few elements each would take longer than the product
SHORT, LOW = 16, 256
#: more columns than this are multiplied in the order that BLAS likes, and the result turned
MANY = 1024
#: convolutions of so many products of two numbers go to compiled kernels
LARGE = 1 << 20


# --- blocks of columns ----------------------------------------------------------------------------


class _Blocks:
    """How places are taken together as the columns of one matrix: of several examples, or of some
    rows of one.
    """

    def __init__(self, count: int, size: tuple, height: int):
        last = size[-1] < SHORT and height <= LOW and count >= 8
        columns = max((2 * BLOCK if last else BLOCK) // max(height, 1), LEAST)
        place = math.prod(size)
        self.count, self.rows = count, size[0]
        self.whole = 2 * place <= columns or size[0] < 2
        self.step = max(columns // max(place, 1), 1)
        self.row_step = -(-size[0] // max(-(-place // columns), 1))
        #: whether columns of several examples have the examples last: long runs to copy
        self.last = self.whole and last

        self.parts = tuple(self._all_parts())

    def _all_parts(self) -> Iterator[tuple[slice, slice]]:
        if self.whole:
            for n in range(0, self.count, self.step):
                yield slice(n, min(n + self.step, self.count)), slice(0, self.rows)
            return
        for n in range(self.count):
            for row in range(0, self.rows, self.row_step):
                yield slice(n, n + 1), slice(row, min(row + self.row_step, self.rows))

    def columns(self, met: ndarray, part: tuple[slice, slice], groups: int) -> ndarray:
        """A part of the windows as the matrices (groups, height, columns)."""
        rank = (met.ndim - 2) // 2
        chosen = met[(slice(None),) * (1 + rank) + part]
        if self.last:
            axes = range(chosen.ndim)
            chosen = chosen.transpose(*axes[: 1 + rank], *axes[2 + rank :], 1 + rank)
        height = math.prod(met.shape[: 1 + rank]) // groups
        return chosen.reshape(groups, height, math.prod(chosen.shape[1 + rank :]))

    def turned(self, y: ndarray, part: tuple[slice, slice]) -> ndarray:
        """A part of y (N, O, *L) with its channels in front, its places in the columns' order."""
        chosen = y[part[0], :, part[1]]
        if self.last:
            return chosen.transpose(*range(1, chosen.ndim), 0)
        return chosen.swapaxes(0, 1)

    def matrices(self, y: ndarray, part: tuple[slice, slice], groups: int) -> ndarray:
        """A part of y (N, O, *L) as the matrices (groups, O / groups, columns)."""
        chosen = self.turned(y, part)
        o, *places = chosen.shape
        return chosen.reshape(groups, o // groups, math.prod(places))


_blocks = lru_cache(maxsize=256)(_Blocks)  # a layer asks for the same at each step


# --- the three products ---------------------------------------------------------------------------


def _is_pointwise(kernel: tuple, size: tuple, stride: tuple, padding: tuple, shape: tuple) -> bool:
    """Whether each place meets just its own element of the input."""
    ones = set(kernel) <= {1} and set(stride) <= {1}
    return ones and not any(padding) and size == shape[2:]


def _matrices(w: ndarray, groups: int) -> ndarray:
    """A kernel as (groups, O / groups, elements)."""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def _forward(x, w, bias, stride, padding, dilation, groups, size) -> ndarray:
    n, o, kernel = x.shape[0], w.shape[0], w.shape[2:]
    if x.ndim == 4 and n * math.prod(size) * w.size >= LARGE:
        fast = KERNELS["convolve"]
        if fast is not None:
            found = fast(x, w, bias, (stride, padding, dilation, groups), size)
            if found is not None:
                return found
    rows = _matrices(w, groups)
    if _is_pointwise(kernel, size, stride, padding, x.shape):
        points = x.reshape(n, groups, x.shape[1] // groups, math.prod(size))
        y = np.matmul(rows, points).reshape(n, o, *size)
        if bias is not None:
            y += bias.reshape(o, *[1] * len(size))
        return y
    y = np.empty((n, o, *size), x.dtype)
    column = None if bias is None else bias.reshape(groups, o // groups, 1)
    blocks = _blocks(n, size, math.prod(w.shape[1:]) * groups)
    met = windows(x, kernel, size, stride, padding, dilation, blocks.last)
    for part in blocks.parts:
        columns = blocks.columns(met, part, groups)
        target = blocks.turned(y, part)
        if target.shape[1] == 1 and not blocks.last:  # one example: its part of y is matrices
            out = np.matmul(rows, columns, out=target.reshape(groups, o // groups, -1))
            if column is not None:
                out += column
        else:
            out = np.matmul(rows, columns)
            if column is not None:
                out += column
            target[...] = out.reshape(target.shape)
    return y


def _back(y, w, bias, stride, padding, dilation, groups, size) -> ndarray:
    n, o, c, kernel = y.shape[0], w.shape[0], w.shape[1] * groups, w.shape[2:]
    if y.ndim == 4 and n * math.prod(y.shape[2:]) * w.size >= LARGE:
        fast = KERNELS["convolve_back"]
        if fast is not None:
            found = fast(y, w, (stride, padding, dilation, groups), size)
            if found is not None:
                if bias is not None:
                    found += bias.reshape(c, *[1] * len(size))
                return found
    # as a convolution where copies cost less than sums at the windows; for volumes, the sums: in
    # PyTorch's order, they are rounded as there
    if len(stride) < 3 and set(stride) <= {1} and o <= 2 * c:
        reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        around = tuple([r - p for r, p in zip(reach, padding, strict=True)])
        return _forward(y, _reversed(w, groups), bias, stride, around, dilation, groups, size)
    x = np.zeros((n, c, *extent(kernel, y.shape[2:], stride, dilation)), y.dtype)
    rows = _matrices(w, groups).swapaxes(1, 2)
    blocks = _blocks(n, y.shape[2:], math.prod(w.shape[1:]) * groups)
    if blocks.last:
        x = framed(x, (0,) * len(kernel), x.shape[2:], True)
    for part in blocks.parts:
        products = np.matmul(rows, blocks.matrices(y, part, groups))
        places = blocks.turned(y, part).shape[1:]
        products = products.reshape(c, *kernel, *places)
        begin = part[1].start * stride[0]
        target = blocks.turned(x, (part[0], slice(begin, None)))
        add_at_taps(target, products, stride, dilation, 1 if blocks.last else 2)
    x = framed(x, tuple([-p for p in padding]), size)
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    if bias is not None:
        x += bias.reshape(c, *[1] * len(size))
    return x


def _reversed(w: ndarray, groups: int) -> ndarray:
    """The kernel that convolves back: inputs and outputs exchanged, last dimensions reversed."""
    o, c, *kernel = w.shape
    parts = w.reshape(groups, o // groups, c, *kernel).swapaxes(1, 2)
    parts = parts[(..., *[slice(None, None, -1)] * len(kernel))]
    return np.ascontiguousarray(parts).reshape(groups * c, o // groups, *kernel)


def _taps(x, y, stride, padding, dilation, groups, size) -> ndarray:
    n, o, c = x.shape[0], y.shape[1], x.shape[1] // groups
    if x.ndim == 4 and y.size * c * math.prod(size) >= LARGE:
        fast = KERNELS["convolve_taps"]
        if fast is not None:
            found = fast(x, y, (stride, padding, dilation, groups), size)
            if found is not None:
                return found
    blocks = _blocks(n, y.shape[2:], c * math.prod(size) * groups)
    met = windows(x, size, y.shape[2:], stride, padding, dilation, blocks.last)
    turn = n * math.prod(y.shape[2:]) > MANY
    total = None
    for part in blocks.parts:
        columns = blocks.columns(met, part, groups)
        g = blocks.matrices(y, part, groups)
        if turn:
            product = np.matmul(columns, g.swapaxes(1, 2))
        else:
            product = np.matmul(g, columns.swapaxes(1, 2))
        if total is None:
            total = product
        else:
            total += product
    if total is None:
        return np.zeros((o, c, *size), x.dtype)
    return np.ascontiguousarray(total.swapaxes(1, 2) if turn else total).reshape(o, c, *size)


# --- batches --------------------------------------------------------------------------------------

#: the dimensions in front of x, w and y, with those of channels split into groups
FORMS = {"x": "ngc", "w": "goc", "y": "ngo"}


def _split(v: Any, form: str, groups: int, at: int) -> Any:
    """The two dimensions of channels, from number `at`, as the three of its form."""
    a, b = v.shape[at], v.shape[at + 1]
    three = (groups, a // groups, b) if form[0] == "g" else (a, groups, b // groups)
    return reshape(v, shape=(*v.shape[:at], *three, *v.shape[at + 2 :]))


def _merged(v: Any, form: str, at: int) -> Any:
    """The three dimensions of a form as two again."""
    a, b, c = v.shape[at : at + 3]
    two = (a * b, c) if form[0] == "g" else (a, b * c)
    return reshape(v, shape=(*v.shape[:at], *two, *v.shape[at + 3 :]))


def _folded(v: Any, form: str, groups: int, letter: str) -> Any:
    """A batch as one example: with the batch in front of one of its form's dimensions."""
    place = form.index(letter)
    v = moved(_split(v, form, groups, 1), 0, place)
    at = v.shape[place] * v.shape[place + 1]
    return _merged(reshape(v, shape=(*v.shape[:place], at, *v.shape[place + 2 :])), form, 0)


def _unfolded(v: Any, form: str, groups: int, letter: str, size: int) -> Any:
    """The batch that `_folded` put into one example."""
    place = form.index(letter)
    v = _split(v, form, groups, 0)
    shape = (*v.shape[:place], size, v.shape[place] // size, *v.shape[place + 1 :])
    return _merged(moved(reshape(v, shape=shape), place, 0), form, 1)


def _batched(first: str, second: str, result: str, front: Callable) -> Callable:
    """`batch=` of the product of two that gives the third: one call, with the batch as further
    groups where both have it, else in the dimension that the one without it does not know.

    `front` tells the result's first two dimensions from the shapes of the two and the groups.
    """
    forms = [FORMS[first], FORMS[second]]
    target = FORMS[result]

    def batch(fun, values, flags, kw):
        pair, flags = list(values[:2]), tuple(flags)
        size, groups = batch_size(values, flags), kw["groups"]
        if not size:
            empty = next(v for v, flag in zip(values, flags, strict=True) if flag)
            a, b = (v.shape[flag:] for v, flag in zip(pair, flags, strict=False))
            return reshape(empty, shape=(0, *front(a, b, groups), *kw["size"]))
        bias, kw = (values[2] if len(values) > 2 else None), dict(kw)
        kw.pop("last", None)
        if flags[0] and flags[1]:
            letter, kw["groups"] = "g", size * groups
        elif flags[0] or flags[1]:
            other = forms[flags[0]]
            letter = next(name for name in target if name not in other)
        else:
            y = fun(*pair, None, **kw)
            return y + reshape(bias, shape=(size, 1, y.shape[1], *[1] * (y.ndim - 2)))
        for i in (0, 1):
            if flags[i]:
                pair[i] = _folded(pair[i], forms[i], groups, letter)
        y = fun(*pair, *[None] * (len(values) - 2), **kw)
        y = _unfolded(y, target, kw["groups"], letter, size)
        if bias is None:
            return y
        lead = (size, 1) if flags[2] else ()
        return y + reshape(bias, shape=(*lead, y.shape[2], *[1] * (y.ndim - 3)))

    return batch


# --- the primitives -------------------------------------------------------------------------------


@primitive
def convolve(x, w, bias, *, stride, padding, dilation, groups, size, last=False):
    """y (N, O, *size): the sum over a window of x times w, at places `stride` apart, plus bias (O)
    if there is one; `last`: with the channels last in memory.
    """
    settings = (stride, padding, dilation, groups, size)
    if is_half(x):
        return in_single(convolve, x, w, bias, **_named(settings), last=last)
    y = _forward(x, w, bias, *settings)
    return channels_last(y) if last else y


@primitive
def convolve_back(y, w, bias, *, stride, padding, dilation, groups, size, last=False):
    """x (N, C, *size): y times w, added up at the windows, plus bias (C) if there is one; `last`:
    with the channels last in memory.
    """
    settings = (stride, padding, dilation, groups, size)
    if is_half(y):
        return in_single(convolve_back, y, w, bias, **_named(settings), last=last)
    x = _back(y, w, bias, *settings)
    return channels_last(x) if last else x


@primitive
def convolve_taps(x, y, *, stride, padding, dilation, groups, size):
    """w (O, C / groups, *size): the sum over examples and places of a window of x times y."""
    settings = (stride, padding, dilation, groups, size)
    if is_half(x):
        return in_single(convolve_taps, x, y, **_named(settings))
    return _taps(x, y, *settings)


def _named(settings):
    return dict(zip(("stride", "padding", "dilation", "groups", "size"), settings, strict=True))


def _settings(stride, padding, dilation, groups, meta):
    return _named((stride, padding, dilation, groups, meta.shape[2:]))


def _of_bias(g):
    return sum_over(g, axes=(0, *range(2, g.ndim)), keepdims=False)


def _bias_moved(t, *, size):
    return reshape(t, shape=(*t.shape, *[1] * len(size)))


general(
    convolve,
    lambda g, x_meta, w, *, stride, padding, dilation, groups: convolve_back(
        g, w, None, **_settings(stride, padding, dilation, groups, x_meta)
    ),
    lambda g, x, w_meta, *, stride, padding, dilation, groups: convolve_taps(
        x, g, **_settings(stride, padding, dilation, groups, w_meta)
    ),
    _of_bias,
    jvp=(
        lambda t, w, out, *, stride, padding, dilation, groups: convolve(
            t, w, None, **_settings(stride, padding, dilation, groups, out)
        ),
        lambda t, x, out, *, stride, padding, dilation, groups: convolve(
            x, t, None, **_settings(stride, padding, dilation, groups, out)
        ),
        _bias_moved,
    ),
    batch=_batched("x", "w", "y", lambda x, w, groups: (x[0], w[0])),
)
general(
    convolve_back,
    lambda g, y_meta, w, *, stride, padding, dilation, groups: convolve(
        g, w, None, **_settings(stride, padding, dilation, groups, y_meta)
    ),
    lambda g, y, w_meta, *, stride, padding, dilation, groups: convolve_taps(
        g, y, **_settings(stride, padding, dilation, groups, w_meta)
    ),
    _of_bias,
    jvp=(
        lambda t, w, out, *, stride, padding, dilation, groups: convolve_back(
            t, w, None, **_settings(stride, padding, dilation, groups, out)
        ),
        lambda t, y, out, *, stride, padding, dilation, groups: convolve_back(
            y, t, None, **_settings(stride, padding, dilation, groups, out)
        ),
        _bias_moved,
    ),
    batch=_batched("y", "w", "x", lambda y, w, groups: (y[0], w[1] * groups)),
)
multilinear(
    convolve_taps,
    lambda g, x_meta, y, *, stride, padding, dilation, groups: convolve_back(
        y, g, None, **_settings(stride, padding, dilation, groups, x_meta)
    ),
    lambda g, x, y_meta, *, stride, padding, dilation, groups: convolve(
        x, g, None, **_settings(stride, padding, dilation, groups, y_meta)
    ),
    batch=_batched("x", "y", "w", lambda x, y, groups: (y[1], x[1] // groups)),
)
