"""Recurrent layers step by step, in calls that dispatch: what the layers' rules fall back on where
the operands are no ndarrays (derivatives of derivatives, forward mode, batches of examples).
Imports NumPy only.

A cell takes the parts of x and h in its gates and the states, and returns the new states and what
its derivative reads; the derivative returns the cotangents of both parts, and what reaches the
states besides. Values may have leading dimensions.
"""

from typing import Any, NamedTuple

import numpy as np

from ..contraction import swap
from ..joining import cat
from ..reduction import sum_over
from ..shape import narrow, reshape
from ..transcendental import sigmoid
from .activation import relu
from .recurrent_steps import Steps


class Weights(NamedTuple):
    """The weights of a layer: of x and h, their biases, and an LSTM's projection (None: none)."""

    w: Any
    u: Any
    b: Any
    d: Any
    r: Any = None


def _rows(a, start, length):
    """Rows of matrices; the matrices themselves where these are all."""
    axis = a.ndim - 2
    return a if a.shape[axis] == length else narrow(a, axis=axis, start=start, length=length)


def _columns(a, count):
    """`count` equal parts of the last dimension."""
    axis, n = a.ndim - 1, a.shape[-1] // count
    return [narrow(a, axis=axis, start=k * n, length=n) for k in range(count)]


def _joined(parts, axis):
    return parts[0] if len(parts) == 1 else cat(*parts, axis=parts[0].ndim + axis)


def _times(x, weight, bias):
    """weight x + bias for rows x."""
    result = np.matmul(x, swap(weight))
    if bias is None:
        return result
    return result + reshape(bias, shape=(*bias.shape[:-1], 1, bias.shape[-1]))


# --- cells ----------------------------------------------------------------------------------------


def lstm_cell(of_x, of_h, states, r):
    """New h and c."""
    i, f, g, o = _columns(of_x + of_h, 4)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    cell = f * states[1] + i * g
    top = np.tanh(cell)
    full = o * top
    kept = (i, f, g, o, top, full, states[1])
    return (full if r is None else np.matmul(full, swap(r)), cell), kept


def lstm_cell_back(gs, kept, r):
    """The derivative of `lstm_cell`."""
    i, f, g, o, top, _, before = kept
    gh, gc = gs
    full = gh if r is None else np.matmul(gh, r)
    gc = gc + full * (o * (1 - top * top))
    parts = [
        gc * (g * (i * (1 - i))),
        gc * (before * (f * (1 - f))),
        gc * (i * (1 - g * g)),
        full * (top * (o * (1 - o))),
    ]
    slope = _joined(parts, -1)
    return slope, slope, (None, gc * f)


def gru_cell(of_x, of_h, states, r):
    """New h."""
    (h,) = states
    a, b = _columns(of_x, 3), _columns(of_h, 3)
    reset, update, q = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1]), b[2]
    new = np.tanh(a[2] + reset * q)
    return (new + update * (h - new),), (reset, update, q, new, h)


def gru_cell_back(gs, kept, r):
    """The derivative of `gru_cell`."""
    (g,) = gs
    reset, update, q, new, h = kept
    of_new = g * ((1 - update) * (1 - new * new))
    of_update = g * ((h - new) * (update * (1 - update)))
    of_reset = of_new * (q * (reset * (1 - reset)))
    of_x = _joined([of_reset, of_update, of_new], -1)
    of_h = _joined([of_reset, of_update, of_new * reset], -1)
    return of_x, of_h, (g * update,)


def tanh_cell(of_x, of_h, states, r):
    """tanh of the sum of both parts."""
    out = np.tanh(of_x + of_h)
    return (out,), (out,)


def tanh_cell_back(gs, kept, r):
    """The derivative of `tanh_cell`."""
    slope = gs[0] * (1 - kept[0] * kept[0])
    return slope, slope, (None,)


def relu_cell(of_x, of_h, states, r):
    """relu of the sum of both parts."""
    out = relu(of_x + of_h)
    return (out,), (out,)


def relu_cell_back(gs, kept, r):
    """The derivative of `relu_cell`."""
    slope = gs[0] * np.greater(kept[0], 0)
    return slope, slope, (None,)


CELLS = {
    "lstm": (lstm_cell, lstm_cell_back),
    "gru": (gru_cell, gru_cell_back),
    "tanh": (tanh_cell, tanh_cell_back),
    "relu": (relu_cell, relu_cell_back),
}


# --- layers ---------------------------------------------------------------------------------------


def walk(kind, x, first, weights, steps):
    """For each step, in the order of reading, the new states and what the cell keeps, with the
    state h that it began with; x are rows.
    """
    cell, found, held = CELLS[kind][0], [], None
    of_x = _times(x, weights.w, weights.b)
    for start, end in steps.bounds:
        n = end - start
        if held is None:
            held = [_rows(v, 0, n) for v in first]
        else:
            have = held[0].shape[-2]
            held = [
                _rows(v, 0, n) if have >= n else _joined([v, _rows(i, have, n - have)], -2)
                for v, i in zip(held, first, strict=True)
            ]
        of_h = _times(held[0], weights.u, weights.d)
        states, kept = cell(_rows(of_x, start, n), of_h, held, weights.r)
        found.append((states, kept, held[0]))
        held = states
    return found


def in_rows(parts, steps):
    """Parts of each step, in the order of reading, as rows."""
    return _joined(parts[::-1] if steps.reverse else parts, -2)


def last(parts, steps):
    """The state of each example after its last step, from the states after each step."""
    if steps.reverse or steps.even:
        return parts[-1]
    pieces, done = [], 0
    for part in reversed(parts):
        n = part.shape[-2]
        if n > done:
            pieces.append(_rows(part, done, n - done))
            done = n
    return _joined(pieces, -2)


def layer(kind, x, first, weights, sizes, reverse):
    """The results in rows, and the last states."""
    steps = Steps(sizes, reverse)
    found = walk(kind, x, first, weights, steps)
    by_state = list(zip(*[states for states, _, _ in found], strict=True))
    return (in_rows(by_state[0], steps), *[last(parts, steps) for parts in by_state])


def layer_back(kind, gs, x, first, weights, sizes, reverse):
    """The cotangents of (x, w, u, b, d, *first, r) from those of the results and last states."""
    steps = Steps(sizes, reverse)
    found = walk(kind, x, first, weights, steps)
    g_out, *gs = gs
    back, parts = CELLS[kind][1], []
    for (start, end), (_, kept, held) in reversed(list(zip(steps.bounds, found, strict=True))):
        n = end - start
        tops = [_rows(g, 0, n) for g in gs]
        tops[0] = tops[0] + _rows(g_out, start, n)
        of_x, of_h, direct = back(tops, kept, weights.r)
        through = np.matmul(of_h, weights.u)
        news = [through if direct[0] is None else through + direct[0], *direct[1:]]
        gs = [_with_rest(new, g) for new, g in zip(news, gs, strict=True)]
        full = kept[5] if kind == "lstm" else None
        parts.append((of_x, of_h, held, full, tops[0]))
    each: Any = [part[::-1] for part in zip(*parts, strict=True)]
    of_x, of_h, held = [in_rows(part, steps) for part in each[:3]]
    gx, gw, gu = np.matmul(of_x, weights.w), np.matmul(swap(of_x), x), np.matmul(swap(of_h), held)
    gb = gd = gr = None
    if weights.b is not None:
        gb = sum_over(of_x, axes=(0,), keepdims=False)
        gd = sum_over(of_h, axes=(0,), keepdims=False)
    if weights.r is not None:
        full, tops = [in_rows(part, steps) for part in each[3:]]
        gr = np.matmul(swap(tops), full)
    return (gx, gw, gu, gb, gd, *gs, gr)


def _with_rest(new, g):
    """The cotangents of the first examples, `new`, and those of the others as they were."""
    n, rest = new.shape[-2], g.shape[-2] - new.shape[-2]
    return new if not rest else _joined([new, _rows(g, n, rest)], -2)
