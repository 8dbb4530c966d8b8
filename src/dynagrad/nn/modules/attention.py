"""Attention of several heads. Imports module, linear, init and functional."""

from typing import Any

from ...core.tensor import Tensor
from ...functions.neural.attention import canonical_mask, none_or_dtype
from .. import functional as F
from ..init import constant_, xavier_normal_, xavier_uniform_
from ..parameter import Parameter, uninitialized
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """num_heads attentions side by side, softmax(q k^T / sqrt(d)) v of projections of query, key
    and value, and a projection of the results. As torch.nn.MultiheadAttention.

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim); with batch_first N stands first,
    without a batch it is absent. key_padding_mask (N, S) excludes keys, attn_mask (L, S) or
    (N * num_heads, L, S) pairs, where they are true, or are added to the scores. Returns the output
    and, with need_weights, the weights (N, L, S), averaged over the heads unless
    average_attn_weights is false. A. Vaswani et al., "Attention is all you need" (2017).
    """

    __module__ = f"{__package__}.activation"

    __constants__ = ["batch_first"]

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        kw = {"device": device, "dtype": dtype}
        self._add_projections(kw)
        self.register_parameter(
            "in_proj_bias", Parameter(uninitialized(3 * embed_dim, **kw)) if bias else None
        )
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **kw)
        if add_bias_kv:
            self.bias_k = Parameter(uninitialized(1, 1, embed_dim, **kw))
            self.bias_v = Parameter(uninitialized(1, 1, embed_dim, **kw))
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _add_projections(self, kw: dict[str, Any]) -> None:
        """One matrix for query, key and value, or three where their widths differ."""
        width, same = self.embed_dim, self._qkv_same_embed_dim
        if not same:
            sizes = {"q": width, "k": self.kdim, "v": self.vdim}
            for name, size in sizes.items():
                weight = Parameter(uninitialized(width, size, **kw))
                self.register_parameter(f"{name}_proj_weight", weight)
        joined = Parameter(uninitialized(3 * width, width, **kw)) if same else None
        self.register_parameter("in_proj_weight", joined)
        if same:
            for name in "qkv":
                self.register_parameter(f"{name}_proj_weight", None)

    def _reset_parameters(self) -> None:
        if self._qkv_same_embed_dim:
            xavier_uniform_(self.in_proj_weight)
        else:
            for name in "qkv":
                xavier_uniform_(getattr(self, f"{name}_proj_weight"))
        if self.in_proj_bias is not None:
            constant_(self.in_proj_bias, 0.0)
            constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                xavier_normal_(bias)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("_qkv_same_embed_dim", True)
        super().__setstate__(state)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        other, target = none_or_dtype(attn_mask), query._a.dtype
        padding = canonical_mask(key_padding_mask, "key_padding_mask", other, "attn_mask", target)
        mask = canonical_mask(attn_mask, "attn_mask", None, "", target)
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = _turned(query, key, value)
        separate = {}
        if not self._qkv_same_embed_dim:
            separate = {
                f"{name}_proj_weight": getattr(self, f"{name}_proj_weight") for name in "qkv"
            }
            separate["use_separate_proj_weight"] = True
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=padding,
            need_weights=need_weights,
            attn_mask=mask,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
            **separate,
        )
        return (output.transpose(1, 0) if turned else output), weights

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks, as numbers to be added, as one (N, num_heads, L, L), with its kind: 1 is
        key_padding_mask alone, as it is, and 2 has attn_mask in it.
        """
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        n, length, _ = query.shape
        if attn_mask.dim() == 3:
            merged = attn_mask.view(n, -1, length, length)
        else:
            merged = attn_mask.view(1, 1, length, length).expand(n, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            padding = key_padding_mask.view(n, 1, 1, length).expand(-1, self.num_heads, -1, -1)
            merged = merged + padding
        return merged, 2


def _turned(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """All three with the batch as second dimension; the same tensor stays the same."""
    q = query.transpose(1, 0)
    k = q if key is query else key.transpose(1, 0)
    return q, k, k if value is key else value.transpose(1, 0)
