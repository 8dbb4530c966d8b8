"""Transformers: layers of attention and of two linear maps. Imports module, attention, container,
dropout, linear, normalization and functional.

Source: A. Vaswani et al., "Attention is all you need" (2017); with norm_first, R. Xiong et al.,
"On layer normalization in the transformer architecture" (2020).
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backends import mha
from ...core.quiet import warn
from ...core.tape import grad_mode
from ...core.tensor import Tensor, wrap
from ...functions.creation import full
from ...functions.neural.attention import canonical_mask, none_or_dtype
from ...functions.reordering import triu
from ...functions.selection import where
from .. import functional as F
from ..init import xavier_uniform_
from .activation import GELU, ReLU
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = str | Callable[[Tensor], Tensor]


def _generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
    """A mask (sz, sz) by which each place sees itself and those before: 0 there, -inf elsewhere."""
    return triu(full((sz, sz), -math.inf, dtype=dtype, device=device), 1)


def _length(x: Tensor, batch_first: bool) -> int:
    """The length of a sequence (L, N, E), (N, L, E) with batch_first, or (L, E)."""
    shape = x._a.shape
    return shape[1 if batch_first and len(shape) == 3 else 0]


def _detect_is_causal_mask(mask: Any, is_causal: bool | None = None, size: Any = None) -> bool:
    """What was said of a mask; where nothing was said, whether it is the causal one."""
    if is_causal is not None or mask is None:
        return is_causal is True
    n = mask.shape[-2] if size is None else size
    causal = _generate_square_subsequent_mask(n, mask.device, mask.dtype)
    return mask.shape == causal.shape and bool((mask == causal).all())


def _activation(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return F.relu if given == "relu" else F.gelu


def _clones(module: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


class _Layer(Module):
    """What layers of encoders and decoders share: the two linear maps and what stands around."""

    __constants__ = ["norm_first"]
    #: how many attentions the layer has
    attentions = ("self_attn",)

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        kw = {"bias": bias, "device": device, "dtype": dtype}
        for name in self.attentions:
            made = MultiheadAttention(
                d_model, nhead, dropout=dropout, batch_first=batch_first, **kw
            )
            self.add_module(name, made)
        self.linear1 = Linear(d_model, dim_feedforward, **kw)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **kw)
        self.norm_first = norm_first
        blocks = range(1, len(self.attentions) + 2)
        for number in blocks:
            self.add_module(f"norm{number}", LayerNorm(d_model, eps=layer_norm_eps, **kw))
        for number in blocks:
            self.add_module(f"dropout{number}", Dropout(dropout))
        self.activation = _activation(activation)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "activation" not in self.__dict__ and "activation" not in self._modules:
            self.activation = F.relu

    def _block(self, number: int, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
        """x + f(norm(x)) with norm_first, else norm(x + f(x))."""
        norm = getattr(self, f"norm{number}")
        return x + f(norm(x)) if self.norm_first else norm(x + f(x))

    def _sa_block(
        self, x: Tensor, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False
    ) -> Tensor:
        kw = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask}
        result, _ = self.self_attn(x, x, x, need_weights=False, is_causal=is_causal, **kw)
        return self.dropout1(result)

    def _ff_block(self, x: Tensor) -> Tensor:
        x = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return getattr(self, f"dropout{len(self.attentions) + 1}")(x)


class TransformerEncoderLayer(_Layer):
    """Attention of a sequence to itself, then linear, activation, linear; each added to its input
    and normalised. As torch.nn.TransformerEncoderLayer.

    src (L, N, d_model), with batch_first (N, L, d_model); src_mask and src_key_padding_mask are
    MultiheadAttention's attn_mask and key_padding_mask.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        settings = (layer_norm_eps, batch_first, norm_first, bias, device, dtype)
        super().__init__(d_model, nhead, dim_feedforward, dropout, activation, *settings)
        f = self.activation
        kinds = ((F.relu, ReLU, 1), (F.gelu, GELU, 2))
        self.activation_relu_or_gelu = next(
            (number for g, kind, number in kinds if f is g or isinstance(f, kind)), 0
        )

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        other, target = none_or_dtype(src_mask), src._a.dtype
        padding = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", other, "src_mask", target
        )
        mask = canonical_mask(src_mask, "src_mask", None, "", target)
        x = self._block(1, src, lambda y: self._sa_block(y, mask, padding, is_causal))
        return self._block(2, x, self._ff_block)


class TransformerDecoderLayer(_Layer):
    """Attention of a sequence to itself, then to the encoder's results, then linear, activation,
    linear; each added to its input and normalised. As torch.nn.TransformerDecoderLayer.

    tgt (L, N, d_model) and memory (S, N, d_model), with batch_first N first; masks as those of
    MultiheadAttention.
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        across = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = self._block(1, tgt, lambda y: self._sa_block(y, *own))
        x = self._block(2, x, lambda y: self._mha_block(y, memory, *across))
        return self._block(3, x, self._ff_block)

    def _mha_block(
        self, x: Tensor, mem: Tensor, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False
    ) -> Tensor:
        kw = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask}
        result, _ = self.multihead_attn(x, mem, mem, need_weights=False, is_causal=is_causal, **kw)
        return self.dropout2(result)


class TransformerEncoder(Module):
    """num_layers copies of an encoder layer, one after the other, and `norm` at the end. As
    torch.nn.TransformerEncoder.

    There are no nested tensors here; but where PyTorch would use them (in evaluation, without
    gradients, with a key padding mask), padded places of the result are 0 as with them.
    """

    __constants__ = ["norm"]

    def __init__(
        self,
        encoder_layer: Any,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        why = _why_not_nested(encoder_layer)
        if enable_nested_tensor and why:
            warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because "
                f"encoder_layer{why}"
            )
            self.use_nested_tensor = False

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        other, target = none_or_dtype(mask), src._a.dtype
        padding = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", other, "mask", target
        )
        mask = canonical_mask(mask, "mask", None, "", target)
        first: Any = self.layers[0]
        cleared = mask is None and padding is not None and self._clears(src, padding)
        causal = _detect_is_causal_mask(mask, is_causal, _length(src, first.self_attn.batch_first))
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if cleared:
            kept = (padding == 0).unsqueeze(-1)
            output = where(kept, output, wrap(np.zeros((), target)))
        return output if self.norm is None else self.norm(output)

    def _clears(self, src: Tensor, padding: Any) -> bool:
        """Whether padded places of the result are set to 0, as PyTorch's nested tensors do."""
        if not self.use_nested_tensor or not mha.get_fastpath_enabled():
            return False
        if self.layers[0].training or src.dim() != 3:
            return False
        if grad_mode.get() and (
            src.requires_grad or any(p.requires_grad for p in self.layers[0].parameters())
        ):
            return False
        kept = (padding == 0).numpy()
        return not self.mask_check or bool((kept[:, 1:] <= kept[:, :-1]).all())


def _why_not_nested(layer: Any) -> str:
    """Why PyTorch does not use nested tensors for layers like this one; "" where it does."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    attention = layer.self_attn
    if layer.norm_first:
        return ".norm_first was True"
    if not attention.batch_first:
        return (
            ".self_attn.batch_first was not True(use batch_first for better inference performance)"
        )
    if not attention._qkv_same_embed_dim:
        return ".self_attn._qkv_same_embed_dim was not True"
    if attention.in_proj_bias is None:
        return ".self_attn was passed bias=False"
    if not layer.activation_relu_or_gelu:
        return ".activation_relu_or_gelu was not True"
    if layer.norm1.eps != layer.norm2.eps:
        return ".norm1.eps was not equal to encoder_layer.norm2.eps"
    return ".self_attn.num_heads is odd" if attention.num_heads % 2 else ""


class TransformerDecoder(Module):
    """num_layers copies of a decoder layer, one after the other, and `norm` at the end. As
    torch.nn.TransformerDecoder.
    """

    __constants__ = ["norm"]

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        first: Any = self.layers[0]
        length = _length(tgt, first.self_attn.batch_first)
        causal = _detect_is_causal_mask(tgt_mask, tgt_is_causal, length)
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder of src, and a decoder of tgt that looks at its results. As torch.nn.Transformer.

    src (S, N, d_model) and tgt (T, N, d_model), with batch_first N first; the result has tgt's
    shape.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        kw = {"bias": bias, "device": device, "dtype": dtype}
        sizes = (d_model, nhead, dim_feedforward, dropout, activation)
        settings = (*sizes, layer_norm_eps, batch_first, norm_first)
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*settings, **kw)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **kw)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*settings, **kw)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **kw)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        a, b, batch = src.shape, tgt.shape, 0 if self.batch_first else 1
        if len(a) == 3 and a[batch] != b[batch]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if a[-1] != self.d_model or b[-1] != self.d_model:
            raise RuntimeError(
                "the feature number of src and tgt must be equal to d_model\n"
                f"d_model is {self.d_model}; src has the shape {list(a)}, tgt {list(b)}."
            )
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """A mask (sz, sz) by which each place sees itself and those before: 0 there, -inf
        elsewhere.
        """
        return _generate_square_subsequent_mask(sz, device, dtype)

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.dim() > 1:
                xavier_uniform_(p)
