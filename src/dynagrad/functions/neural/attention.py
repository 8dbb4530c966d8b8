"""Attention under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ...backends import cuda
from ...core.apply import apply, to_dtype
from ...core.carriers.carrier import Carrier
from ...core.complaints import legacy_name
from ...core.overrides import overridable
from ...core.quiet import warn
from ...core.tensor import Tensor, edge_of, wrap
from ...ops.elementwise import is_half
from ...ops.neural import attention as ops
from .. import elementwise, expansion, joining, shape
from .. import reduction as reductions
from ..arguments import c_name, tensor
from ..contraction import baddbmm, bmm, matmul
from ..nodes import node
from ..selection import where
from .dropout import check_probability, dropout
from .linear import linear
from .padding import pad
from .softmax import torch_softmax

Attention = node("ScaledDotProductFlashAttentionForCpuBackward0", ops.attention)
SafeSoftmax = node("SafeSoftmaxBackward0", ops.safe_softmax)
_INF = float("inf")
NO_KERNEL = (
    "No available kernel.  Aborting execution.\nOnly the kernel that keeps no weights is allowed, "
    "which takes 4-d tensors of one width without dropout: allow SDPBackend.MATH too."
)
NO_BACKEND = (
    "No viable backend for scaled_dot_product_attention was found. This is likely due to turning "
    "off both the math kernel and the fused kernels.\nAllow SDPBackend.MATH, which serves all."
)


# --- scaled dot-product attention -----------------------------------------------------------------


@overridable
def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
):
    """softmax(scale * query @ key^T + attn_mask) @ value, over the last two dimensions.

    query (..., L, E), key (..., S, E), value (..., S, F). attn_mask: True (or 0) where attention
    is allowed, False (or -inf) where not; is_causal: position i sees the positions up to i.
    scale: 1 / sqrt(E) by default. enable_gqa: key and value have fewer heads, each of which serves
    several of query's.
    """
    name = "scaled_dot_product_attention"
    q, k = tensor(name, query, 1, "query"), tensor(name, key, 2, "key")
    v = tensor(name, value, 3, "value")
    _check(q, k, v, attn_mask, dropout_p, is_causal)
    if enable_gqa:
        k, v = _more_heads(q, k, v)
    s = 1 / math.sqrt(q._a.shape[-1] or 1) if scale is None else float(scale)
    mask = _additive(q, k, attn_mask, is_causal)
    if cuda.flash_sdp_enabled() and _fits_kernel(q, k, v, mask, dropout_p):
        return apply(Attention, q, k, v, None if mask is None else mask._a, scale=s)
    if not cuda.math_sdp_enabled():
        raise RuntimeError(NO_KERNEL if cuda.flash_sdp_enabled() else NO_BACKEND)
    return _step_by_step(q, k, v, mask, dropout_p, s)


def _check(q: Tensor, k: Tensor, v: Tensor, mask: Any, p: float, causal: bool) -> None:
    a, b, c = q._a, k._a, v._a
    if not a.dtype == b.dtype == c.dtype:
        names = [c_name(x.dtype) for x in (a, b, c)]
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{names[0]} key.dtype: {names[1]} and value.dtype: {names[2]} instead."
        )
    if min(a.ndim, b.ndim, c.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{a.ndim} key.dim: {b.ndim} and value.dim: {c.ndim} instead."
        )
    if mask is not None:
        m = tensor("scaled_dot_product_attention", mask, 4, "attn_mask")._a
        half_query = is_half(a) and m.dtype == np.float32
        if m.dtype.kind != "b" and m.dtype != a.dtype and not half_query:
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                f"attn_mask.dtype: {c_name(m.dtype)} and  query.dtype: {c_name(a.dtype)} instead."
            )
        if causal:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
                "is_causal=True"
            )
    if a.dtype.kind in "biu":
        raise RuntimeError(
            f"expected scalar type Float but found {legacy_name(a.dtype)}\nConvert query, key and "
            "value first, as in x.float()."
        )
    check_probability(p, RuntimeError)


def _more_heads(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """key and value with each head repeated for the heads of query which it serves."""
    heads = q._a.shape[-3]
    if heads % k._a.shape[-3] or heads % v._a.shape[-3]:
        raise RuntimeError(
            "Number of heads in key and value must divide the number of heads in query\nGiven were "
            f"{k._a.shape[-3]} and {v._a.shape[-3]} heads for {heads}."
        )
    return _repeated(k, heads), _repeated(v, heads)


def _repeated(x: Tensor, heads: int) -> Tensor:
    *lead, own, n, width = x._a.shape
    if own == heads:
        return x
    x = expansion.expand(shape.unsqueeze(x, -3), (*lead, own, heads // own, n, width))
    return shape.reshape(x, (*lead, heads, n, width))


def _additive(q: Tensor, k: Tensor, mask: Any, causal: bool) -> Tensor | None:
    """The mask as numbers to be added to the scores: 0 or -inf where it was true or false."""
    dtype = np.dtype(np.float32) if is_half(q._a) else q._a.dtype
    if causal:
        allowed = np.tri(q._a.shape[-2], k._a.shape[-2], dtype=bool)
        return wrap(np.where(allowed, dtype.type(0), dtype.type(-_INF)))
    if mask is None:
        return None
    if mask._a.dtype.kind == "b":
        return where(mask, wrap(np.zeros((), dtype)), wrap(np.array(-_INF, dtype)))
    return to_dtype(mask, dtype) if mask._a.dtype != dtype else mask


def _fits_kernel(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float) -> bool:
    """Whether the one node serves that PyTorch has for the common case."""
    a, b, c = q._a.shape, k._a.shape, v._a.shape
    if p or not len(a) == len(b) == len(c) == 4 or a[:2] != b[:2] or b[:3] != c[:3]:
        return False
    if not a[3] == b[3] == c[3] or 0 in a or 0 in b:
        return False
    if mask is None:
        return True
    m = mask._a.shape
    if edge_of(mask) is not None or isinstance(mask._a, Carrier) or len(m) not in (2, 4):
        return False
    wanted = (*a[:3], b[2])[-len(m) :]
    return all(n in (1, w) for n, w in zip(m, wanted, strict=True))


def _step_by_step(q, k, v, mask, p, scale):
    given = q._a.dtype
    if is_half(q._a):
        q, k, v = [to_dtype(x, np.dtype(np.float32)) for x in (q, k, v)]
    root = math.sqrt(abs(scale))
    q = elementwise.mul(q, -root if scale < 0 else root)
    k = elementwise.mul(shape.transpose(k, -2, -1), root)
    scores = matmul(q, k)
    if mask is not None:
        scores = elementwise.add(scores, mask)
    weights = apply(SafeSoftmax, scores)
    if p > 0:
        weights = dropout(weights, p)
    result = matmul(weights, v)
    return to_dtype(result, given) if result._a.dtype != given else result


# --- several heads --------------------------------------------------------------------------------


def canonical_mask(mask: Any, name: str, other: Any, other_name: str, target: np.dtype) -> Any:
    """A mask as numbers to be added; a warning where two masks have different dtypes."""
    if mask is None:
        return None
    dtype = mask._a.dtype
    if dtype.kind != "b" and dtype.kind not in "fV":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other != dtype:
        warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both "
            "instead."
        )
    if dtype.kind != "b":
        return mask
    return where(mask, wrap(np.array(-_INF, target)), wrap(np.zeros((), target)))


def none_or_dtype(mask: Any) -> np.dtype | None:
    """The dtype of a mask, None for None."""
    return None if mask is None else mask._a.dtype


def _check_shapes(q: Tensor, k: Tensor, v: Tensor, padding: Any, mask: Any, heads: int) -> bool:
    """Whether the inputs have a batch dimension; AssertionError where shapes do not fit."""
    rank = q._a.ndim
    if rank not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor"
        )
    batched = "batched" if rank == 3 else "unbatched"
    if not k._a.ndim == v._a.ndim == rank:
        raise AssertionError(
            f"For {batched} (`query`) we expect `key` and `value` to be {rank}-D but found "
            f"{k._a.ndim}-D and {v._a.ndim}-D tensors respectively"
        )
    if padding is not None and padding._a.ndim != rank - 1:
        raise AssertionError(
            f"For {batched} (`query`) we expect `key_padding_mask` to be `None` or {rank - 1}-D "
            f"but found {padding._a.ndim}-D tensor instead"
        )
    if mask is not None:
        if mask._a.ndim not in (2, 3):
            raise AssertionError(
                f"For {batched} (`query`) we expect `attn_mask` to be `None`, 2-D or 3-D but found "
                f"{mask._a.ndim}-D tensor instead"
            )
        if rank == 2 and mask._a.ndim == 3:
            wanted = (heads, q._a.shape[0], k._a.shape[0])
            if mask._a.shape != wanted:
                raise AssertionError(
                    f"Expected `attn_mask` shape to be {wanted} but got {mask._a.shape}"
                )
    return rank == 3


def _projections(q, k, v, weights, bias, packed):
    """query, key and value, each by its own projection; `packed`: the weights are one matrix."""
    width = q._a.shape[-1]
    if packed:
        if k is v and q is k:
            joined = linear(q, weights, bias)
            parts = shape.unflatten(joined, -1, (3, width))
            parts = shape.squeeze(shape.transpose(shape.unsqueeze(parts, 0), 0, -2), -2)
            parts = shape.contiguous(parts)
            return parts[0], parts[1], parts[2]
        weights = [weights[i * width : (i + 1) * width] for i in range(3)]
    biases = [None] * 3
    if bias is not None:
        biases = [bias[i * width : (i + 1) * width] for i in range(3)]
    triples = zip((q, k, v), weights, biases, strict=True)
    return tuple([linear(x, w, b) for x, w, b in triples])


def _check_weights(weights: Any, separate: bool) -> None:
    if weights is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    for which, w in zip("qkv", weights if separate else (), strict=False):
        if w is None:
            raise AssertionError(
                f"use_separate_proj_weight is True but {which}_proj_weight is None"
            )


def _padded(mask: Any) -> Any:
    """A mask with one more place, which is allowed."""
    return None if mask is None else pad(mask, (0, 1))


@overridable
def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """Attention of num_heads parts of the width side by side; the result, and the weights.

    query (L, N, E), key and value (S, N, .), or without N. key_padding_mask (N, S) excludes keys,
    attn_mask (L, S) or (N * num_heads, L, S) pairs; bias_k, bias_v and add_zero_attn each add a
    key. The weights (N, L, S), averaged over the heads unless average_attn_weights is false, are
    None without need_weights. Source: Vaswani et al., "Attention is all you need" (2017).
    """
    name = "multi_head_attention_forward"
    q, k = tensor(name, query, 1, "query"), tensor(name, key, 2, "key")
    v = tensor(name, value, 3, "value")
    batched = _check_shapes(q, k, v, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same_kv, same_qk = v is k, k is q
        q = shape.unsqueeze(q, 1)
        k = q if same_qk else shape.unsqueeze(k, 1)
        v = k if same_kv else shape.unsqueeze(v, 1)
        if key_padding_mask is not None:
            key_padding_mask = shape.unsqueeze(key_padding_mask, 0)
    rows, size, width = q._a.shape
    padding, mask, is_causal = _masks(
        q, k, key_padding_mask, attn_mask, is_causal, need_weights, num_heads
    )
    _check_widths(q, k, v, embed_dim_to_check, num_heads, use_separate_proj_weight)
    weights = in_proj_weight
    if use_separate_proj_weight:
        weights = [q_proj_weight, k_proj_weight, v_proj_weight]
    _check_weights(weights, use_separate_proj_weight)
    q, k, v = _projections(q, k, v, weights, in_proj_bias, not use_separate_proj_weight)
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v must be given together")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key.")
        k = joining.cat([k, expansion.expand(bias_k, (1, size, width))])
        v = joining.cat([v, expansion.expand(bias_v, (1, size, width))])
        mask, padding = _padded(mask), _padded(padding)
    q, k, v = [_heads(x, size, num_heads, width // num_heads) for x in (q, k, v)]
    k, v = (static_k if static_k is not None else k), (static_v if static_v is not None else v)
    if add_zero_attn:
        zeros = wrap(np.zeros((size * num_heads, 1, width // num_heads), k._a.dtype))
        k, v = joining.cat([k, zeros], 1), joining.cat([v, zeros], 1)
        mask, padding = _padded(mask), _padded(padding)
    mask = _one_mask(mask, padding, size, num_heads, k._a.shape[1])
    p = dropout_p if training else 0.0
    kw = {"size": size, "heads": num_heads, "p": p}
    if not need_weights:
        joined = _without_weights(q, k, v, mask, is_causal, **kw)
        result = shape.view(linear(joined, out_proj_weight, out_proj_bias), (rows, size, -1))
        return (result if batched else shape.squeeze(result, 1)), None
    joined, shares = _with_weights(q, k, v, mask, **kw)
    result = shape.view(linear(joined, out_proj_weight, out_proj_bias), (rows, size, -1))
    if average_attn_weights:
        shares = reductions.mean(shares, dim=1)
    if batched:
        return result, shares
    return shape.squeeze(result, 1), shape.squeeze(shares, 0)


def _masks(q, k, padding, mask, causal, need_weights, heads):
    """Both masks as numbers to be added, and whether the causal mask is left to the kernel."""
    target = q._a.dtype
    padding = canonical_mask(padding, "key_padding_mask", none_or_dtype(mask), "attn_mask", target)
    if causal and mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if causal and padding is None and not need_weights:
        return padding, None, True
    mask = canonical_mask(mask, "attn_mask", None, "", target)
    if mask is not None:
        shape_ = (q._a.shape[0], k._a.shape[0])
        if mask._a.ndim == 2:
            if mask._a.shape != shape_:
                raise RuntimeError(
                    f"The shape of the 2D attn_mask is {mask.shape}, but should be {shape_}."
                )
            mask = shape.unsqueeze(mask, 0)
        else:
            wanted = (q._a.shape[1] * heads, *shape_)
            if mask._a.shape != wanted:
                raise RuntimeError(
                    f"The shape of the 3D attn_mask is {mask.shape}, but should be {wanted}."
                )
    return padding, mask, causal and padding is None


def _check_widths(q, k, v, width, heads, separate):
    if q._a.shape[-1] != width:
        raise AssertionError(
            f"was expecting embedding dimension of {width}, but got {q._a.shape[-1]}"
        )
    if width % heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    a, b = k._a.shape, v._a.shape
    if separate and a[:2] != b[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {k.shape[:2]} do not match value's {v.shape[:2]}"
        )
    if not separate and a != b:
        raise AssertionError(f"key shape {k.shape} does not match value shape {v.shape}")


def _heads(x: Tensor, size: int, heads: int, width: int) -> Tensor:
    """(S, N, heads * width) as (N * heads, S, width)."""
    return shape.transpose(shape.view(x, (x._a.shape[0], size * heads, width)), 0, 1)


def _one_mask(mask: Any, padding: Any, size: int, heads: int, length: int) -> Any:
    """Both masks as one, (N * heads or 1, L or 1, S)."""
    if padding is None:
        return mask
    if padding._a.shape != (size, length):
        raise AssertionError(
            f"expecting key_padding_mask shape of {(size, length)}, but got {padding.shape}"
        )
    every = expansion.expand(shape.view(padding, (size, 1, 1, length)), (-1, heads, -1, -1))
    every = shape.reshape(every, (size * heads, 1, length))
    return every if mask is None else elementwise.add(mask, every)


def _with_weights(q, k, v, mask, *, size, heads, p):
    """The heads' results side by side, (L * N, E), and the weights (N, heads, L, S)."""
    each, rows, width = q._a.shape
    length = k._a.shape[1]
    q = elementwise.mul(q, math.sqrt(1.0 / width))
    turned = shape.transpose(k, -2, -1)
    scores = bmm(q, turned) if mask is None else baddbmm(mask, q, turned)
    weights = torch_softmax(scores, -1)
    if p > 0:
        weights = dropout(weights, p)
    result = shape.contiguous(shape.transpose(bmm(weights, v), 0, 1))
    result = shape.view(result, (rows * size, heads * width))
    return result, shape.view(weights, (size, heads, rows, length))


def _without_weights(q, k, v, mask, causal, *, size, heads, p):
    _, rows, width = q._a.shape
    length = k._a.shape[1]
    if mask is not None:
        if mask._a.shape[0] == 1 and mask._a.ndim == 3:
            mask = shape.unsqueeze(mask, 0)
        else:
            mask = shape.view(mask, (size, heads, -1, length))
    q = shape.view(q, (size, heads, rows, width))
    k, v = [shape.view(x, (size, heads, length, width)) for x in (k, v)]
    result = scaled_dot_product_attention(q, k, v, mask, p, causal)
    result = shape.contiguous(shape.permute(result, (2, 0, 1, 3)))
    return shape.view(result, (size * rows, heads * width))
