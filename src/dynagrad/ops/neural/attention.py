"""Scaled dot-product attention, and the softmax that it needs. Imports NumPy only.

Source: Vaswani et al., "Attention is all you need" (2017). The probabilities are not kept for the
derivative but computed again, as in Dao et al., "FlashAttention" (2022).
"""

import numpy as np

from ..contraction import swap
from ..elementwise import in_single, is_half
from ..layout import empty_like
from ..reduction import sum_over
from ..rule import ALIGNED, LEADING, general, primitive
from ..shape import cast
from ..sums import FLOAT32
from .softmax import softmax


@primitive
def safe_softmax(x):
    """softmax along the last dimension; zeros where all of x is -inf."""
    if not x.size:
        return np.array(x)
    result = softmax.__wrapped__(x, axis=x.ndim - 1)
    if not result.item(result.argmax()) <= 1:  # a nan: of nothing but -inf, perhaps
        top = np.maximum.reduce(x, -1, keepdims=True)
        result[np.broadcast_to(top == -np.inf, x.shape)] = 0
    return result


def _of_softmax(g, out):
    """The derivative of the softmax whose value is `out`, applied to g; it is symmetric. Either of
    the two may lack leading dimensions: a mask's tangent, a batch of one of them.
    """
    t = g * out
    return t - out * sum_over(t, axes=(t.ndim - 1,), keepdims=True)


general(safe_softmax, _of_softmax, jvp=_of_softmax, batch=LEADING)


@primitive
def attention(q, k, v, mask, *, scale):
    """softmax(scale * q @ k^T + mask) @ v, laid out in memory as q."""
    if is_half(q):
        return in_single(attention, q, k, v, mask, scale=scale)
    result = np.matmul(_probabilities(q, k, mask, scale), v)
    if q.flags.c_contiguous or result.shape != q.shape:
        return result
    r = empty_like(q, result.dtype)
    r[...] = result
    return r


def _probabilities(q, k, mask, scale):
    scores = np.matmul(q * scale, swap(k))
    if type(scores) is np.ndarray is type(mask) and mask.dtype == scores.dtype:
        if np.broadcast_shapes(scores.shape, mask.shape) == scores.shape:
            return safe_softmax(np.add(scores, mask, scores))
    return safe_softmax(scores if mask is None else scores + mask)


def _scores_vjp(g, v, p):
    """The cotangent of what the softmax takes."""
    t = np.matmul(g, swap(v))
    if type(t) is np.ndarray is type(p) and t.shape == p.shape:
        t -= np.vecdot(t, p)[..., None]
        t *= p
        return t
    return _of_softmax(t, p)


def _attention_vjp(g, q, q_meta, k, v, mask, *, scale, needs):
    dtype = q_meta.dtype
    if is_half(q_meta):
        g, q, k, v = [cast(x, dtype=FLOAT32) for x in (g, q, k, v)]
    p = _probabilities(q, k, mask, scale)
    gq = gk = gv = gm = None
    if needs[0] or needs[1] or needs[3]:
        gm = _scores_vjp(g, v, p)
        h = gm * scale
        gq = np.matmul(h, k) if needs[0] else None
        gk = np.matmul(swap(h), q) if needs[1] else None
    if needs[2]:
        gv = np.matmul(swap(p), g)
    found = (gq, gk, gv)
    if is_half(q_meta):
        found = tuple([None if x is None else cast(x, dtype=dtype) for x in found])
    return (*found, gm if needs[3] else None)


def _pushed_q(t, q, k, v, mask, *, scale):
    p = _probabilities(q, k, mask, scale)
    return np.matmul(_of_softmax(np.matmul(t * scale, swap(k)), p), v)


def _pushed_k(t, q, k, v, mask, *, scale):
    p = _probabilities(q, k, mask, scale)
    return np.matmul(_of_softmax(np.matmul(q * scale, swap(t)), p), v)


def _pushed_v(t, q, k, mask, *, scale):
    return np.matmul(_probabilities(q, k, mask, scale), t)


def _pushed_mask(t, q, k, v, mask, *, scale):
    return np.matmul(_of_softmax(t, _probabilities(q, k, mask, scale)), v)


general(
    attention,
    _attention_vjp,
    joint=True,
    jvp=(_pushed_q, _pushed_k, _pushed_v, _pushed_mask),
    batch=ALIGNED,
)
