"""The kernels of recurrent layers, forward and backward through time, on ndarrays. Imports NumPy
only.

What costs time are the calls of each step: they are few, and run over contiguous memory. Sigmoids
are computed as (1 + tanh(a / 2)) / 2: with their weights halved, one tanh serves all gates.
"""

from typing import Any

import numpy as np

from .recurrent_steps import (
    Steps,
    as_rows,
    begun,
    by_gates,
    cut,
    gradients,
    parts_of,
    project,
    sizes_of,
    total,
)


def shaped(rows: Any, shape: tuple[int, ...]) -> Any:
    """Rows under the leading dimensions of a shape; None stays."""
    return None if rows is None else rows.reshape(*shape[:-1], rows.shape[1])


def hidden_from_users(memory: Any) -> Any:
    """What only the backward pass reads, as integers: a result without a derivative."""
    return memory.view(f"i{min(memory.dtype.itemsize, 8)}")


# --- LSTM -----------------------------------------------------------------------------------------


def halves(dtype: Any, size: int, units: int) -> tuple[Any, Any]:
    """What the results of tanh are multiplied by, and what is added, for the gates i, f, g, o of
    `size` examples: 1/2 and 1/2 for a sigmoid, 1 and 0 for g. Of full size: an operand that has to
    be repeated along two dimensions costs three times as much.
    """
    scale, shift = np.full((2, 4, size, units), 0.5, dtype)
    scale[2], shift[2] = 1, 0
    return scale, shift


def lstm(x, w, u, b, d, h, c, r, sizes, reverse):
    """An LSTM layer: results, last states, and what its backward pass reads: `lstm_memory`.

    i, f, o = sigmoid, g = tanh of the parts (i, f, g, o) of w x + b + u h + d;
    c' = f c + i g; h' = o tanh(c'), which `r` projects where it is given.
    """
    shape, steps, x = x.shape, Steps(sizes_of(x, sizes), reverse), as_rows(x)
    n, hidden, dtype = steps.most, c.shape[1], x.dtype
    by_gate = np.array([0.5, 0.5, 1, 0.5], dtype).reshape(4, 1, 1)
    memory = np.empty(6 * steps.rows * hidden, dtype)
    gates, cells, tops = lstm_memory(memory, steps.rows, hidden)
    project(x, w, total(b, d), by_gate, steps, gates)
    y = np.empty((steps.rows, h.shape[1]), dtype)
    parts = parts_of(n, h.shape[1], hidden)
    weights = cut(by_gates(u, by_gate), parts)
    turned = None if r is None else np.ascontiguousarray(r.T)
    matmul, tanh, multiply, add = np.matmul, np.tanh, np.multiply, np.add
    held, cell, at_rest = h[:0], c[:0], not h.any()
    scale = shift = z = s = target = h
    size = -1  # of the arrays for one step
    every = (steps.each(gates, 4), steps.each(cells), steps.each(tops), steps.each(y))
    for a, new, top, out in zip(*every, strict=True):
        n = len(out)
        if n != size:
            size = n
            held, cell = begun(held, h, n), begun(cell, c, n)
            scale, shift = halves(dtype, n, hidden)
            z, s = np.empty_like(scale), np.empty((n, hidden), dtype)
            target = cut(z, parts)
        if not at_rest:
            matmul(held, weights, target)
            add(a, z, a)
        at_rest = False
        tanh(a, a)
        multiply(a, scale, a)
        add(a, shift, a)
        i, f, g, o = a
        multiply(f, cell, new)
        add(new, multiply(i, g, s), new)
        tanh(new, top)
        if turned is None:
            multiply(o, top, out)
        else:
            matmul(multiply(o, top, s), turned, out)
        held, cell = out, new
    return shaped(y, shape), steps.last(y), steps.last(cells), hidden_from_users(memory)


def lstm_memory(memory: Any, rows: int, hidden: int) -> tuple[Any, Any, Any]:
    """What an LSTM layer keeps: the gates by steps, the cells and their tanh."""
    gates, cells, tops = np.split(memory, [4 * rows * hidden, 5 * rows * hidden])
    shapes = (rows, 4 * hidden), (rows, hidden), (rows, hidden)
    return gates.reshape(shapes[0]), cells.reshape(shapes[1]), tops.reshape(shapes[2])


def lstm_back(gy, gh, gc, x, w, u, h, c, r, y, memory, sizes, reverse, needs):
    """The gradients of `lstm` for (x, w, u, b, d, h, c, r); those not needed are None."""
    shape, steps = x.shape, Steps(sizes_of(x, sizes), reverse)
    gy, x, y = as_rows(gy), as_rows(x), as_rows(y)
    hidden = c.shape[1]
    gates, cells, tops = lstm_memory(memory.view(x.dtype), len(x), hidden)
    gh, gc = np.array(gh), np.array(gc)
    dz, one = np.empty_like(gates), np.ones((), x.dtype)
    # where c is projected: what reached the projection, and what was projected
    full, scaled = (gy, cells) if r is None else (np.empty_like(gy), np.empty_like(cells))
    parts = parts_of(steps.most, len(u), u.shape[1])
    weights, target = cut(u, parts), cut(gh, parts)
    every = [
        steps.each(gates, 4),
        steps.each_before(cells, c),
        *[steps.each(each) for each in (tops, gy, dz, full, scaled)],
    ]
    size, left = -1, len(every[0])
    square = shift = q = p = dh = dc = of_h = into = of_i = of_f = of_g = of_o = x
    matmul, multiply, add, subtract = np.matmul, np.multiply, np.add, np.subtract
    for a, cell, top, g_out, flat, above, output in zip(*[v[::-1] for v in every], strict=True):
        n = len(top)
        if n != size:
            size = n
            scale, shift = halves(x.dtype, n, hidden)
            square, q, p = scale * scale, np.empty_like(scale), np.empty_like(scale)
            of_i, of_f, of_g, of_o = p
            dh, dc, of_h, into = np.empty_like(gh[:n]), gc[:n], gh[:n], target[..., :n, :]
        i, f, g, o = a
        if r is None:
            add(g_out, of_h, dh)
        else:
            dh = add(g_out, of_h, above) @ r
            multiply(o, top, output)
        multiply(top, top, of_o)
        subtract(one, of_o, of_o)
        multiply(of_o, o, of_o)
        add(dc, multiply(of_o, dh, of_o), dc)
        multiply(g, dc, of_i)
        multiply(cell, dc, of_f)
        multiply(i, dc, of_g)
        multiply(top, dh, of_o)
        subtract(a, shift, q)
        multiply(q, q, q)
        subtract(square, q, q)  # the slopes of the gates
        multiply(p, q, flat.reshape(n, 4, hidden).transpose(1, 0, 2))
        multiply(dc, f, dc)
        left -= 1
        if left or needs[5]:
            matmul(flat, weights, into)
    gr = full.T @ scaled if needs[7] else None
    gu = steps.by_before(dz, y, h) if needs[2] else None
    gx, gw, gb, gd = gradients(dz, dz, x, w, needs)
    return shaped(gx, shape), gw, gu, gb, gd, gh if needs[5] else None, gc, gr


# --- GRU ------------------------------------------------------------------------------------------


def gru(x, w, u, b, d, h, sizes, reverse):
    """A GRU layer: results, last states, and what its backward pass reads: `gru_memory`.

    r, z = sigmoid of the parts (r, z) of w x + b + u h + d; q = the part n of u h + d;
    n = tanh(w x + b + r q); h' = n + z (h - n).
    """
    shape, steps, x = x.shape, Steps(sizes_of(x, sizes), reverse), as_rows(x)
    n, hidden, dtype = steps.most, h.shape[1], x.dtype
    scale = np.array([0.5, 0.5, 1], dtype).reshape(3, 1, 1)
    memory = np.empty(4 * steps.rows * hidden, dtype)
    gates, hidden_parts = gru_memory(memory, steps.rows, hidden)
    if b is not None:
        b = np.array(b)
        b[: 2 * hidden] += d[: 2 * hidden]
    project(x, w, b, scale, steps, gates)
    y = np.empty((steps.rows, hidden), dtype)
    parts = parts_of(n, hidden, hidden)
    weights = cut(by_gates(u, scale), parts)
    half, last = np.array(0.5, dtype), None if d is None else d[2 * hidden :]
    matmul, tanh, multiply, add = np.matmul, np.tanh, np.multiply, np.add
    held = h[:0]
    v = target = s = h
    size = -1
    every = (steps.each(gates, 3), steps.each(hidden_parts), steps.each(y))
    for a, q, out in zip(*every, strict=True):
        n = len(out)
        held = begun(held, h, n)
        if n != size:
            size = n
            v, s = np.empty((3, n, hidden), dtype), np.empty((n, hidden), dtype)
            target = cut(v, parts)
        matmul(held, weights, target)
        both, new = a[:2], a[2]
        add(both, v[:2], both)
        tanh(both, both)
        multiply(both, half, both)
        add(both, half, both)
        if last is None:
            q[...] = v[2]
        else:
            add(v[2], last, q)
        add(new, multiply(a[0], q, s), new)
        tanh(new, new)
        np.subtract(held, new, out)
        multiply(out, a[1], out)
        add(out, new, out)
        held = out
    return shaped(y, shape), steps.last(y), hidden_from_users(memory)


def gru_memory(memory: Any, rows: int, hidden: int) -> tuple[Any, Any]:
    """What a GRU layer keeps: the gates by steps, and the part of n that comes from h."""
    gates, q = np.split(memory, [3 * rows * hidden])
    return gates.reshape(rows, 3 * hidden), q.reshape(rows, hidden)


def gru_back(gy, gh, x, w, u, h, y, memory, sizes, reverse, needs):
    """The gradients of `gru` for (x, w, u, b, d, h); those not needed are None."""
    shape, steps = x.shape, Steps(sizes_of(x, sizes), reverse)
    gy, x, y = as_rows(gy), as_rows(x), as_rows(y)
    hidden = h.shape[1]
    gates, q = gru_memory(memory.view(x.dtype), len(x), hidden)
    before = steps.before(y, h)
    gh = np.array(gh)
    # the gradients of the parts (n, r, z, q): the first three are those of x, the last those of h
    slopes = np.empty((len(x), 4 * hidden), x.dtype)
    weights, target = (cut(a, parts_of(steps.most, len(u), hidden)) for a in (u, gh))
    multiply, add, subtract = np.multiply, np.add, np.subtract
    every = [steps.each(gates, 3), *[steps.each(v) for v in (q, before, gy, slopes)]]
    p = s = h
    size = -1
    for a, of_n, held, g_out, flat in zip(*[v[::-1] for v in every], strict=True):
        n = len(held)
        if n != size:
            size = n
            p, s = np.empty((2, 2, n, hidden), x.dtype)
        dn, dh = np.empty((2, n, hidden), x.dtype)
        both, new = a[:2], a[2]
        add(g_out, gh[:n], dh)
        subtract(1, a[1], dn)
        multiply(dn, dh, dn)
        multiply(new, new, p[0])
        subtract(1, p[0], p[0])
        multiply(dn, p[0], dn)
        multiply(dn, of_n, p[0])
        subtract(held, new, p[1])
        multiply(p[1], dh, p[1])
        multiply(both, both, s)
        subtract(both, s, s)  # the slopes of the sigmoids
        deep = flat.reshape(n, 4, hidden)
        multiply(p, s, deep[:, 1:3].transpose(1, 0, 2))
        deep[:, 0] = dn
        multiply(dn, a[0], deep[:, 3])
        multiply(dh, a[1], dh)
        np.matmul(flat[:, hidden:], weights, target[..., :n, :])
        add(gh[:n], dh, gh[:n])
    ahead = np.concatenate([w[2 * hidden :], w[: 2 * hidden]])
    of_x, of_h = slopes[:, : 3 * hidden], slopes[:, hidden:]
    gu = of_h.T @ before if needs[2] else None
    gx, gw, gb, gd = gradients(of_x, of_h, x, ahead, needs)
    gw, gb = [None if g is None else np.concatenate([g[hidden:], g[:hidden]]) for g in (gw, gb)]
    return shaped(gx, shape), gw, gu, gb, gd, gh


# --- simple recurrence ----------------------------------------------------------------------------


def rnn(x, w, u, b, d, h, kind, sizes, reverse):
    """A layer h' = kind(w x + b + u h + d), kind tanh or relu: results and last states."""
    shape, steps, x = x.shape, Steps(sizes_of(x, sizes), reverse), as_rows(x)
    one = np.ones((1, 1, 1), x.dtype)
    y = np.empty((steps.rows, h.shape[1]), x.dtype)
    project(x, w, total(b, d), one, steps, y)
    parts = parts_of(steps.most, *u.shape)
    weights = cut(np.ascontiguousarray(u.T), parts)
    held, z = h[:0], np.empty((steps.most, h.shape[1]), x.dtype)
    target, zero = cut(z, parts), np.zeros((), x.dtype)
    for out in steps.each(y):
        n = len(out)
        held = begun(held, h, n)
        np.matmul(held, weights, target[..., :n, :])
        np.add(out, z[:n], out)
        held = np.maximum(out, zero, out=out) if kind == "relu" else np.tanh(out, out)
    return shaped(y, shape), steps.last(y)


def rnn_back(gy, gh, x, w, u, h, y, kind, sizes, reverse, needs):
    """The gradients of `rnn` for (x, w, u, b, d, h); those not needed are None."""
    shape, steps = x.shape, Steps(sizes_of(x, sizes), reverse)
    gy, x, y = as_rows(gy), as_rows(x), as_rows(y)
    if kind == "relu":
        slopes = np.greater(y, 0).astype(y.dtype)
    else:
        slopes = y * y
        np.subtract(1, slopes, slopes)
    gh = np.array(gh)
    weights, target = (cut(a, parts_of(steps.most, *u.shape)) for a in (u, gh))
    s = np.empty_like(gh)
    for slope, g_out in zip(steps.each(slopes)[::-1], steps.each(gy)[::-1], strict=True):
        n = len(slope)
        np.multiply(slope, np.add(g_out, gh[:n], s[:n]), slope)
        np.matmul(slope, weights, target[..., :n, :])
    gu = steps.by_before(slopes, y, h) if needs[2] else None
    gx, gw, gb, gd = gradients(slopes, slopes, x, w, needs)
    return shaped(gx, shape), gw, gu, gb, gd, gh
