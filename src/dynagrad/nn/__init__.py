"""Layers, losses and what they are made of, as torch.nn."""

from typing import Any

from . import _reduction as _reduction  # a name that programs import
from . import attention, common_types, functional, grad, init, modules, parallel, parameter, utils
from .modules import *  # noqa: F403 - the list of all layers stands there
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "common_types",
    "factory_kwargs",
    "functional",
    "grad",
    "init",
    "modules",
    "parallel",
    "parameter",
    "utils",
]
__all__ += modules.__all__

# Two functions with the names of their modules: loaded here, so that a program which imports from
# the module first does not find the module in the function's place.
_LOADED = (utils.spectral_norm, utils.weight_norm)
_FACTORY = {"device", "dtype", "memory_format"}


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The arguments of a factory function (device, dtype, memory_format) among a module's: given
    by themselves, or together as `factory_kwargs`.
    """
    if kwargs is None:
        return {}
    others = kwargs.keys() - _FACTORY - {"factory_kwargs"}
    if others:
        raise TypeError(f"unexpected kwargs {others}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in _FACTORY & kwargs.keys():
        if name in found:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        found[name] = kwargs[name]
    return found
