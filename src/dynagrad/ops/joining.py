"""Joining, splitting, repeating and reordering. Imports NumPy only."""

import numpy as np

from .batching import leading, merged, of_rank
from .creation import zeros
from .layout import contiguous, dense
from .rule import ANY, LEADING, linear, primitive
from .shape import diagonal, narrow, reshape, select, sum_to, undiagonal, widen

# --- joining and splitting --------------------------------------------------------------------


@primitive
def cat(*xs, axis):
    """The arrays one after the other along an existing dimension; those of shape (0,) fit
    anywhere.
    """
    try:
        return contiguous(np.concatenate(xs, axis))
    except ValueError:
        return contiguous(np.concatenate([x for x in xs if x.shape != (0,)], axis))


@primitive
def stack(*xs, axis):
    """The arrays side by side along a new dimension."""
    if axis == 0 and xs[0].ndim and xs[0].flags.c_contiguous:
        shape = xs[0].shape
        result = np.empty((len(xs), *shape), xs[0].dtype)
        for place, x in enumerate(xs):
            if x.shape != shape or x.dtype != result.dtype:
                break
            result[place] = x
        else:
            return result
    return contiguous(np.stack(xs, axis))


def _parts(g, metas, axis):
    parts, start = [], 0
    for meta in metas:
        if meta.shape == (0,):
            parts.append(zeros(shape=(0,), dtype=meta.dtype, like=g))
            continue
        parts.append(narrow(g, axis=axis, start=start, length=meta.shape[axis]))
        start += meta.shape[axis]
    return parts


@primitive
def split(x, *, axis, sizes):
    """Consecutive parts of these sizes along a dimension, views."""
    parts, start, lead = [], 0, (slice(None),) * axis
    for size in sizes:
        parts.append(x[(*lead, slice(start, start + size))])
        start += size
    return tuple(parts)


@primitive
def unbind(x, *, axis):
    """All slices along a dimension, without it: views, the transpose of stack."""
    lead = (slice(None),) * axis
    return tuple([x[(*lead, i, ...)] for i in range(x.shape[axis])])


def _cat_batch(fun, values, flags, kw):
    values = leading(values, flags)
    fitting = [v for v in values if v.ndim > 2 or v.shape[1] != 0] or values[:1]
    return fun(*fitting, axis=kw["axis"] + 1)


linear(cat, lambda g, xs_meta, *, axis: _parts(g, xs_meta, axis), batch=_cat_batch)
linear(
    stack,
    lambda g, xs_meta, *, axis: [select(g, axis=axis, index=i) for i in range(len(xs_meta))],
    batch=LEADING,
)
linear(split, lambda gs, *, axis: cat(*gs, axis=axis), results=ANY, fresh=True, batch=LEADING)
linear(unbind, lambda gs, *, axis: stack(*gs, axis=axis), results=ANY, fresh=True, batch=LEADING)


@primitive
def block_diag(*xs):
    """Matrices along the diagonal of a matrix of zeros; vectors are rows, numbers 1 x 1."""
    blocks = [x.reshape(_matrix(x.shape)) for x in xs]
    rows, columns = (sum(b.shape[axis] for b in blocks) for axis in (0, 1))
    result = np.zeros((rows, columns), blocks[0].dtype)
    row = column = 0
    for b in blocks:
        result[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return result


def _matrix(shape):
    return (1,) * (2 - len(shape)) + tuple(shape)


def _blocks(g, metas):
    parts, row, column = [], 0, 0
    for meta in metas:
        height, width = _matrix(meta.shape)
        part = narrow(g, axis=0, start=row, length=height)
        part = narrow(part, axis=1, start=column, length=width)
        parts.append(reshape(part, shape=meta.shape))
        row, column = row + height, column + width
    return parts


def _block_batch(fun, values, flags, kw):
    blocks = [of_rank(v, 2) for v in leading(values, flags)]
    columns, start, rows = sum(b.shape[2] for b in blocks), 0, []
    for b in blocks:
        rows.append(widen(b, axis=2, start=start, total=columns))
        start += b.shape[2]
    return cat(*rows, axis=1)


linear(block_diag, lambda g, xs_meta: _blocks(g, xs_meta), batch=_block_batch)


# --- repeating and reordering -----------------------------------------------------------------


@primitive
def repeat(x, *, repeats):
    """`x` repeated along each dimension, as blocks; leading repeats add dimensions."""
    return contiguous(np.tile(x, repeats))


def _unrepeat(g, meta, repeats):
    shape = meta.shape
    if 0 in repeats:
        return zeros(shape=shape, dtype=meta.dtype, like=g)
    sizes = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    pairs = tuple(n for pair in zip(repeats, sizes, strict=True) for n in pair)
    once = tuple(n for size in sizes for n in (1, size))
    return reshape(sum_to(reshape(g, shape=pairs), shape=once), shape=shape)


@primitive
def flip(x, *, axes):
    """The order of elements reversed along some dimensions, in new memory."""
    return dense(np.flip(x, axes))


@primitive
def roll(x, *, shifts, axes):
    """Elements moved along dimensions, those that fall off re-entering; axes=None rolls the
    flat order.
    """
    return contiguous(np.roll(x, shifts, axes))


@primitive
def rot90(x, *, k, axes):
    """`x` turned by k quarters from the first towards the second of two dimensions, in new
    memory.
    """
    first, second = axes
    if k % 4 == 0:
        return dense(x)
    if k % 4 == 2:
        return dense(np.flip(x, axes))
    return dense(np.flip(x, second if k % 4 == 1 else first)).swapaxes(first, second)


@primitive
def diag_embed(x, *, offset, axis1, axis2):
    """Matrices of zeros with the last dimension of `x` on a diagonal, in dimensions axis1 and
    axis2.
    """
    size = x.shape[-1] + abs(offset)
    shape = list(x.shape[:-1])
    for axis in sorted((axis1, axis2)):
        shape.insert(axis, size)
    return undiagonal.__wrapped__(x, offset=offset, axis1=axis1, axis2=axis2, shape=tuple(shape))


@primitive
def tril(x, *, k):
    """The lower triangle of each matrix, up to diagonal k; zeros above."""
    is_kept = np.tri(x.shape[-2], x.shape[-1], k, dtype=bool)
    return contiguous(np.where(is_kept, x, x.dtype.type(0)))


@primitive
def triu(x, *, k):
    """The upper triangle of each matrix, from diagonal k on; zeros below."""
    is_dropped = np.tri(x.shape[-2], x.shape[-1], k - 1, dtype=bool)
    return contiguous(np.where(is_dropped, x.dtype.type(0), x))


def _back(shifts):
    return tuple(-s for s in shifts) if isinstance(shifts, tuple) else -shifts


def _repeat_batch(fun, values, flags, kw):
    repeats = kw["repeats"]
    return fun(of_rank(values[0], len(repeats)), repeats=(1, *repeats))


def _roll_batch(fun, values, flags, kw):
    (x,), axes, shifts = values, kw["axes"], kw["shifts"]
    if axes is None:
        return reshape(fun(merged(x), shifts=shifts, axes=1), shape=x.shape)
    return fun(x, shifts=shifts, axes=tuple([a + 1 for a in axes]))


linear(
    repeat,
    lambda g, x_meta, *, repeats: _unrepeat(g, x_meta, repeats),
    batch=_repeat_batch,
)
linear(flip, lambda g, *, axes: flip(g, axes=axes), fresh=True, batch=LEADING)
linear(
    roll,
    lambda g, *, shifts, axes: roll(g, shifts=_back(shifts), axes=axes),
    fresh=True,
    batch=_roll_batch,
)
linear(rot90, lambda g, *, k, axes: rot90(g, k=-k, axes=axes), fresh=True, batch=LEADING)
linear(
    diag_embed,
    lambda g, *, offset, axis1, axis2: diagonal(g, offset=offset, axis1=axis1, axis2=axis2),
    batch=LEADING,
)
linear(tril, lambda g, *, k: tril(g, k=k), fresh=True, batch=LEADING)
linear(triu, lambda g, *, k: triu(g, k=k), fresh=True, batch=LEADING)
