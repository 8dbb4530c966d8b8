"""A module run with other parameters, under the older name. Imports modules.

`swapped` is also what `torch.func.functional_call` stands on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...core.quiet import warn
from ...core.tensor import Tensor
from ..modules.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`torch.func.functional_call` under its older name, with a FutureWarning that says so."""
    warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with swapped(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _places(module: Module) -> dict[str, tuple[dict, str]]:
    """For each name of a parameter or buffer, shared ones under all their names, the dict that
    holds it and its key there.
    """
    found = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        lead = f"{prefix}." if prefix else ""
        for held in (part._parameters, part._buffers):
            for key, value in held.items():
                if value is not None:
                    found[lead + key] = (held, key)
    return found


@contextmanager
def swapped(
    module: Module, given: dict[str, Any], tie_weights: bool, strict: bool
) -> Iterator[None]:
    """Put other tensors in the place of parameters and buffers inside a `with` block; arguments as
    those of `torch.func.functional_call`.
    """
    places = _places(module)
    unexpected = [name for name in given if name not in places]
    values = dict(given)
    if tie_weights:
        values = _tied(module, places, given)
    missing = [name for name in places if name not in values]
    if strict and (unexpected or missing):
        lines = []
        if unexpected:
            lines.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
        if missing:
            lines.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
        raise RuntimeError(
            f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(lines)
        )
    if unexpected:
        raise AttributeError(
            f"{type(module).__name__} has no attribute `{unexpected[0].split('.')[0]}`\n"
            f"'{unexpected[0]}' names no parameter or buffer: there are "
            f"{', '.join(places) or 'none'}."
        )
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{value!r} is not an instance of torch.Tensor (given for '{name}')")
    held = [(*places[name], places[name][0][places[name][1]]) for name in values]
    try:
        for name, value in values.items():
            where, key = places[name]
            where[key] = value
        yield
    finally:
        for where, key, old in held:
            where[key] = old


def _tied(module: Module, places: dict, given: dict[str, Any]) -> dict[str, Any]:
    """The replacements under all names of the tensors that they replace."""
    names_of: dict[int, list[str]] = {}
    for name, (where, key) in places.items():
        names_of.setdefault(id(where[key]), []).append(name)
    values = {}
    for names in names_of.values():
        replacements = [given[name] for name in names if name in given]
        if any(r is not replacements[0] for r in replacements[1:]):
            shared = [name for name in names if name in given]
            raise ValueError(
                f"functional_call got multiple values for keys {shared}, which are tied. Consider "
                "using tie_weights=False"
            )
        if replacements:
            values.update(dict.fromkeys(names, replacements[0]))
    return values
