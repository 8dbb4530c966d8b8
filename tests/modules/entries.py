"""The modules of PyTorch's list, and how one is made in both libraries from the same seed."""

from typing import Any, NamedTuple

import torch
from listed import Missing
from opdb.translate import is_tensor, ours, theirs
from torch.testing._internal.common_device_type import toleranceOverride
from torch.testing._internal.common_modules import module_db

import dynagrad

from . import others

LISTED = {info.name: info for info in module_db}
ENTRIES = LISTED | others.entries()


class Given(NamedTuple):
    """What one sample gives to a module: arguments of its constructor and of its call."""

    made_with: Any
    called_with: Any


def here(name: str) -> type:
    """This library's class of that name."""
    found: Any = dynagrad
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise Missing(f"dynagrad.{name}")
    return found


def translated(value: Any, known: dict[int, Any]) -> Any:
    """An argument for this library: what `ours` knows, and modules, options, packed sequences."""
    if isinstance(value, torch.nn.Module):
        return _layer(value)
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        made = dynagrad.nn.utils.rnn.PackedSequence
        return made(*(translated(v, known) for v in value))
    if hasattr(value, "__dataclass_fields__"):
        made = here(f"nn.modules.linear_cross_entropy_options.{type(value).__name__}")
        fields = {k: translated(getattr(value, k), known) for k in value.__dataclass_fields__}
        return made(**fields)
    if type(value) in (list, tuple):
        return type(value)(translated(v, known) for v in value)
    if isinstance(value, dict):
        return {k: translated(v, known) for k, v in value.items()}
    return ours(value, known)


def _layer(layer: torch.nn.Module) -> Any:
    """The twin of a layer that a sample gives to the constructor of an encoder."""
    assert isinstance(layer, torch.nn.TransformerEncoderLayer)
    made = here("nn.TransformerEncoderLayer")(
        d_model=layer.self_attn.embed_dim,
        nhead=layer.self_attn.num_heads,
        dim_feedforward=layer.linear1.out_features,
        dropout=layer.dropout.p,
        activation=ours(layer.activation),
        layer_norm_eps=layer.norm1.eps,
        batch_first=layer.self_attn.batch_first,
        norm_first=layer.norm_first,
        bias=layer.linear1.bias is not None,
    )
    align(made.to(ours(layer.linear1.weight.dtype)), layer)
    return made


def align(mine: Any, other: torch.nn.Module) -> None:
    """Write PyTorch's parameters and buffers into a module, whatever it was made with."""
    with dynagrad.no_grad():
        for kind in ("named_parameters", "named_buffers"):
            there = dict(getattr(other, kind)())
            for name, t in getattr(mine, kind)():
                if name in there:
                    t.copy_(ours(there[name].detach()))


def samples(info: Any, dtype: torch.dtype, training: bool, seed: int) -> list[Any]:
    """PyTorch's samples, drawn anew from the seed."""
    torch.manual_seed(seed)
    return list(
        info.module_inputs_func(
            info, device="cpu", dtype=dtype, requires_grad=True, training=training
        )
    )


def bad_samples(info: Any, dtype: torch.dtype, seed: int) -> list[Any]:
    """PyTorch's samples that must be refused."""
    torch.manual_seed(seed)
    return list(
        info.module_error_inputs_func(
            info, device="cpu", dtype=dtype, requires_grad=False, training=True
        )
    )


def sow(seed: int) -> None:
    """The same random stream in both libraries."""
    torch.manual_seed(seed)
    dynagrad.manual_seed(seed)


def arguments(given: Any, mine: bool) -> tuple[list, dict]:
    """Positional and keyword arguments of a sample for one of the libraries, in own memory."""
    if given is None:
        return [], {}
    move = (lambda v, known: translated(v, known)) if mine else theirs
    known: dict[int, Any] = {}
    args = move(list(given.args), known)
    return args, move(dict(given.kwargs), known)


def make(info: Any, sample: Any, seed: int, mine: bool, **extra: Any) -> Any:
    """A module from a sample's arguments, from the seed."""
    args, kwargs = arguments(sample.constructor_input, mine)
    kind = here(info.name) if mine else info.module_cls
    (dynagrad if mine else torch).manual_seed(seed)
    return kind(*args, **{**kwargs, **extra})


def floating(value: Any, kind: Any) -> Any:
    """Arguments with every floating tensor in another dtype."""
    if is_tensor(value):
        wanted = value.detach().to(kind) if value.dtype.is_floating_point else value.detach()
        return wanted.requires_grad_(value.requires_grad)
    if type(value).__name__ == "PackedSequence":
        return value.to(kind)
    if type(value) in (list, tuple):
        return type(value)(floating(v, kind) for v in value)
    return {k: floating(v, kind) for k, v in value.items()} if isinstance(value, dict) else value


def tolerance(info: Any, dtype: torch.dtype) -> dict[str, float]:
    """PyTorch's bounds: those of the dtype, or the module's own for its tests of values."""
    relative, absolute = {
        torch.float16: (1e-3, 1e-5),
        torch.bfloat16: (1.6e-2, 1e-5),
        torch.float32: (1.3e-6, 1e-5),
        torch.float64: (1e-7, 1e-7),
    }.get(dtype, (0.0, 0.0))
    for decorated in info.decorators:
        if getattr(decorated, "device_type", None) not in (None, "cpu"):
            continue
        if getattr(decorated, "test_name", None) not in (None, "test_forward", "test_grad"):
            continue
        for decorator in getattr(decorated, "decorators", (decorated,)):
            given = decorator.d.get(dtype) if isinstance(decorator, toleranceOverride) else None
            if given is not None:
                relative, absolute = max(relative, given.rtol), max(absolute, given.atol)
    return {"rtol": relative, "atol": absolute}
