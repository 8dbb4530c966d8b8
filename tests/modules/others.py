"""Samples of modules that PyTorch's list leaves out, and more samples of some that it has."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.testing import make_tensor
from torch.testing._internal.common_modules import FunctionInput, ModuleInfo, ModuleInput


class Maker:
    """Draws arguments."""

    def __init__(self, dtype: torch.dtype, requires_grad: bool):
        self.given = {"device": "cpu", "dtype": dtype, "requires_grad": requires_grad}

    def __call__(self, *shape: int, low: float | None = None, high: float | None = None) -> Any:
        return make_tensor(shape, low=low, high=high, **self.given)

    def ints(self, top: int, *shape: int) -> torch.Tensor:
        """Whole numbers from 0 to top - 1."""
        return torch.randint(0, top, shape)


def made(*args: Any, **kwargs: Any) -> FunctionInput:
    """Arguments of a constructor."""
    return FunctionInput(*args, **kwargs)


def sample(constructor: FunctionInput, *args: Any, **kwargs: Any) -> ModuleInput:
    """A sample: arguments of the constructor, then those of the call."""
    return ModuleInput(constructor_input=constructor, forward_input=FunctionInput(*args, **kwargs))


Samples = Callable[[Maker], list[ModuleInput]]


def _dropout(*shapes: tuple[int, ...]) -> Samples:
    return lambda t: [
        sample(made(*args, **kwargs), t(*shape))
        for args, kwargs in (((), {}), ((0.2,), {}), ((), {"p": 0.0}), ((1.0,), {}))
        for shape in shapes
    ]


def _lazy_norm(*sizes: int, **options: Any) -> Samples:
    return lambda t: [
        sample(made(), t(4, 3, *sizes)),
        sample(made(affine=False), t(4, 3, *sizes)),
        sample(made(track_running_stats=True, **options), t(4, 3, *sizes)),
    ]


def _log_softmax(t: Maker) -> list[ModuleInput]:
    return [
        sample(made(8, 10, [2, 5]), t(6, 8), t.ints(10, 6)),
        sample(made(8, 10, [3], div_value=2.0, head_bias=True), t(6, 8), t.ints(10, 6)),
        sample(made(8, 10, cutoffs=[4, 8]), t(8), t.ints(10)),
    ]


def _bag(t: Maker) -> list[ModuleInput]:
    flat, offsets = t.ints(7, 9), torch.tensor([0, 4, 4])
    square = t.ints(7, 3, 4)
    weights = t(9)
    found = [
        sample(made(7, 3, mode=mode, **extra), *given)
        for mode in ("sum", "mean", "max")
        for extra in ({}, {"padding_idx": 2})
        for given in ((square,), (flat, offsets))
    ]
    found.append(sample(made(7, 3, mode="sum"), flat, offsets, weights))
    found.append(
        sample(made(7, 3, mode="sum", include_last_offset=True), flat, torch.tensor([0, 4, 9]))
    )
    found.append(sample(made(7, 3, max_norm=1.0, norm_type=1.0), square))
    return found


def _unpool(rank: int) -> Samples:
    pool = getattr(nn, f"MaxPool{rank}d")
    sizes = (4,) * rank

    def samples(t: Maker) -> list[ModuleInput]:
        found = []
        for options in ({}, {"stride": 2}):
            x = t(2, 3, *sizes).detach()
            values, places = pool(2, return_indices=True, **options)(x)
            values = values.requires_grad_(t.given["requires_grad"])
            found.append(sample(made(2, **options), values, places))
            found.append(sample(made(2, **options), values, places, output_size=list(sizes)))
        return found

    return samples


def _triplets(*kinds: dict[str, Any]) -> Samples:
    return lambda t: [sample(made(**kind), t(5, 4), t(5, 4), t(5, 4)) for kind in kinds]


REDUCED = ({}, {"reduction": "sum"}, {"reduction": "none"})

#: modules that the list leaves out
SAMPLES: dict[str, Samples] = {
    "AdaptiveLogSoftmaxWithLoss": _log_softmax,
    "AlphaDropout": _dropout((4, 5), (3,)),
    "ChannelShuffle": lambda t: [sample(made(2), t(2, 4, 3, 3)), sample(made(3), t(1, 6, 2))],
    "CosineSimilarity": lambda t: [
        sample(made(), t(4, 5), t(4, 5)),
        sample(made(dim=0, eps=1e-4), t(4, 5), t(4, 1)),
        sample(made(2), t(2, 3, 4), t(3, 4)),
    ],
    "CrossMapLRN2d": lambda t: [
        sample(made(3), t(2, 5, 3, 3)),
        sample(made(2, 1e-3, 0.5, 2), t(2, 5, 3, 3)),
    ],
    "Dropout": _dropout((4, 5), (2, 3, 4)),
    "Dropout1d": _dropout((4, 5, 3), (4, 5)),
    "Dropout2d": _dropout((2, 5, 3, 3), (5, 3, 3)),
    "Dropout3d": _dropout((2, 5, 2, 2, 2), (5, 2, 2, 2)),
    "FeatureAlphaDropout": _dropout((2, 5, 3), (4, 3, 2, 2)),
    "EmbeddingBag": _bag,
    "Flatten": lambda t: [sample(made(), t(2, 3, 4)), sample(made(0, -2), t(2, 3, 4))],
    "Fold": lambda t: [
        sample(made((4, 5), (2, 2)), t(2, 12, 12)),
        sample(made((5, 5), 3, stride=2, padding=1), t(9, 9)),
        sample(made((5, 6), (2, 3), dilation=(2, 1), padding=(1, 0)), t(1, 6, 20)),
    ],
    "Hardsigmoid": lambda t: [sample(made(), t(4, 5)), sample(made(), t())],
    "Identity": lambda t: [sample(made(), t(4, 5)), sample(made(3, unused=True), t(2))],
    "LazyBatchNorm1d": _lazy_norm(5, momentum=None),
    "LazyBatchNorm2d": _lazy_norm(5, 2, momentum=0.3),
    "LazyBatchNorm3d": _lazy_norm(2, 2, 3, eps=1e-3),
    "LazyInstanceNorm1d": _lazy_norm(5, affine=True),
    "LazyInstanceNorm2d": _lazy_norm(5, 2, momentum=0.3),
    "LazyInstanceNorm3d": _lazy_norm(2, 2, 3, eps=1e-3),
    "LazyLinear": lambda t: [sample(made(5), t(4, 3)), sample(made(5, bias=False), t(3))],
    "MaxUnpool1d": _unpool(1),
    "MaxUnpool2d": _unpool(2),
    "MaxUnpool3d": _unpool(3),
    "PairwiseDistance": lambda t: [
        sample(made(), t(4, 5), t(4, 5)),
        sample(made(p=1, keepdim=True), t(4, 5), t(5)),
        sample(made(3.0, 1e-3), t(4, 5), t(4, 5)),
    ],
    "PixelShuffle": lambda t: [sample(made(2), t(2, 8, 3, 4)), sample(made(3), t(9, 2, 2))],
    "PixelUnshuffle": lambda t: [sample(made(2), t(2, 2, 4, 6)), sample(made(3), t(1, 3, 6))],
    "RReLU": lambda t: [
        sample(made(), t(4, 5)),
        sample(made(0.1, 0.4), t(3)),
        sample(made(0.2, 0.2), t(2, 3)),
    ],
    "TripletMarginLoss": _triplets(*REDUCED, {"margin": 0.5, "p": 1}, {"swap": True}),
    "TripletMarginWithDistanceLoss": _triplets(
        *REDUCED, {"margin": 0.5}, {"swap": True}, {"distance_function": nn.functional.l1_loss}
    ),
    "Unflatten": lambda t: [
        sample(made(1, (2, 3)), t(4, 6)),
        sample(made(-1, (2, -1, 2)), t(3, 8)),
        sample(made(0, torch.Size([2, 2])), t(4)),
    ],
    "Unfold": lambda t: [
        sample(made((2, 3)), t(2, 3, 4, 5)),
        sample(made(2, dilation=2, padding=1, stride=2), t(3, 6, 6)),
    ],
    "Upsample": lambda t: [
        sample(made(scale_factor=2), t(2, 3, 4)),
        sample(made(size=(5, 3)), t(1, 2, 3, 4)),
        sample(made(scale_factor=(1.5, 2), mode="bilinear"), t(1, 2, 4, 3)),
        sample(made(size=7, mode="linear", align_corners=True), t(2, 3, 4)),
        sample(made(scale_factor=2.0, mode="bicubic", align_corners=False), t(1, 2, 4, 3)),
        sample(made(scale_factor=2.0, mode="trilinear"), t(1, 2, 2, 3, 2)),
        sample(made(scale_factor=1.5, mode="nearest-exact"), t(1, 2, 4)),
        sample(made(scale_factor=1.7, recompute_scale_factor=True), t(1, 2, 4)),
    ],
    "UpsamplingBilinear2d": lambda t: [
        sample(made(scale_factor=2), t(1, 2, 3, 4)),
        sample(made((5, 6)), t(1, 2, 3, 4)),
    ],
    "UpsamplingNearest2d": lambda t: [
        sample(made(scale_factor=2), t(1, 2, 3, 4)),
        sample(made(size=5), t(1, 2, 3, 4)),
    ],
    "SyncBatchNorm": lambda t: [sample(made(3), t(4, 3, 5))],
    "NLLLoss2d": lambda t: [sample(made(), t(2, 3, 2, 2), t.ints(3, 2, 2, 2))],
}


def _convolution(rank: int, transposed: bool = False) -> Samples:
    size = (7, 6, 5)[:rank]
    choices: list[tuple[int, int, dict[str, Any]]] = [
        (4, 6, {"stride": 2, "padding": 1}),
        (4, 6, {"dilation": 2, "bias": False}),
        (4, 8, {"groups": 4}),
        (4, 2, {"groups": 2, "padding": 1}),
    ]
    if transposed:
        choices.append((4, 2, {"stride": 2, "padding": 1, "output_padding": 1}))
    else:
        choices += [
            (4, 2, {"padding": 1, "padding_mode": mode})
            for mode in ("reflect", "replicate", "circular")
        ]
        choices.append((4, 2, {"padding": "valid"}))
    return lambda t: [
        sample(made(inside, out, 3, **options), t(2, inside, *size))
        for inside, out, options in choices
    ]


def _recurrent(name: str) -> Samples:
    kinds: list[dict[str, Any]] = [
        {},
        {"num_layers": 2, "dropout": 0.4},
        {"bidirectional": True, "batch_first": True},
        {"num_layers": 2, "bidirectional": True, "bias": False, "dropout": 0.2},
    ]
    if name == "LSTM":
        kinds += [{"proj_size": 2}, {"proj_size": 2, "num_layers": 2, "bidirectional": True}]
    if name == "RNN":
        kinds.append({"nonlinearity": "relu", "num_layers": 2})

    def samples(t: Maker) -> list[ModuleInput]:
        found = [sample(made(3, 4, **kind), t(5, 6, 3, low=-1, high=1)) for kind in kinds]
        for kind in kinds[:3]:
            lengths = torch.tensor([4, 2, 1, 5, 3])
            padded = t(5, 6, 3, low=-1, high=1).detach()
            packed = nn.utils.rnn.pack_padded_sequence(
                padded, lengths, batch_first=True, enforce_sorted=False
            )
            found.append(sample(made(3, 4, **kind), packed))
        return found

    return samples


def _heads(t: Maker) -> list[ModuleInput]:
    def x(*shape: int) -> Any:
        return t(*shape, low=-1, high=1)

    late = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    padding = torch.tensor([[False] * 5, [False, False, True, True, True]])
    first = {"batch_first": True}
    return [
        sample(made(4, 2), x(5, 2, 4), x(5, 2, 4), x(5, 2, 4), attn_mask=late),
        sample(made(4, 2, **first), *[x(2, 5, 4)] * 3, key_padding_mask=padding),
        sample(made(4, 2, dropout=0.3, **first), *[x(2, 5, 4)] * 3, need_weights=False),
        sample(made(4, 2, dropout=0.3, **first), *[x(2, 5, 4)] * 3, average_attn_weights=False),
        sample(made(4, 2, kdim=3, vdim=6, **first), x(2, 5, 4), x(2, 7, 3), x(2, 7, 6)),
        sample(
            made(4, 2, add_bias_kv=True, add_zero_attn=True), x(5, 2, 4), x(3, 2, 4), x(3, 2, 4)
        ),
        sample(made(4, 2, **first), *[x(2, 5, 4)] * 3, attn_mask=late, is_causal=True),
    ]


def _layers(t: Maker) -> list[ModuleInput]:
    def x(*shape: int) -> Any:
        return t(*shape, low=-1, high=1)

    late = nn.Transformer.generate_square_subsequent_mask(5, dtype=t.given["dtype"])
    padding = torch.tensor([[False] * 5, [False, False, True, True, True]])
    return [
        sample(made(4, 2, 8, **options), x(2, 5, 4), **given)
        for options in (
            {"batch_first": True},
            {"batch_first": True, "dropout": 0.3, "norm_first": True, "activation": "gelu"},
        )
        for given in ({}, {"src_mask": late}, {"src_key_padding_mask": padding})
    ]


#: more samples of modules that are on the list
MORE: dict[str, Samples] = {
    "BatchNorm1d": lambda t: [
        sample(made(3, momentum=None), t(4, 3, 5)),
        sample(made(3, bias=False), t(4, 3, 5)),
        sample(made(3, momentum=0.0), t(4, 3)),
    ],
    "Conv1d": _convolution(1),
    "Conv2d": _convolution(2),
    "Conv3d": _convolution(3),
    "ConvTranspose1d": _convolution(1, True),
    "ConvTranspose2d": _convolution(2, True),
    "ConvTranspose3d": _convolution(3, True),
    "Embedding": lambda t: [
        sample(made(6, 3, padding_idx=1), t.ints(6, 4, 2)),
        sample(made(6, 3, padding_idx=-1, scale_grad_by_freq=True), t.ints(6, 4, 2)),
        sample(made(6, 3, max_norm=0.5), t.ints(6, 4)),
    ],
    "GRU": _recurrent("GRU"),
    "LSTM": _recurrent("LSTM"),
    "MultiheadAttention": _heads,
    "RNN": _recurrent("RNN"),
    "TransformerEncoderLayer": _layers,
}

BY_MODE = ("Dropout", "Norm", "RReLU", "LSTM", "GRU", "RNN", "Attention", "Transformer")


def _info(name: str, samples: Samples) -> ModuleInfo:
    def inputs(info: Any, device: str, dtype: Any, requires_grad: bool, training: bool) -> list:
        return samples(Maker(dtype, requires_grad))

    differs = any(word in name for word in BY_MODE)
    return ModuleInfo(getattr(nn, name), module_inputs_func=inputs, train_and_eval_differ=differs)


def entries() -> dict[str, ModuleInfo]:
    """All of them, by name; `+` marks more samples of a module of the list."""
    found = {f"nn.{name}": _info(name, samples) for name, samples in SAMPLES.items()}
    return found | {f"nn.{name}+": _info(name, samples) for name, samples in MORE.items()}
