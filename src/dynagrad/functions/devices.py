"""The module of a device's own functions. Imports cpu, cuda, mps and xpu."""

from types import ModuleType
from typing import Any

from .. import cpu, cuda, mps, xpu
from ..core.dtype import device as Device

__all__ = ["get_device_module"]

_MODULES = {"cpu": cpu, "cuda": cuda, "mps": mps, "xpu": xpu}


def get_device_module(device: Any = None) -> ModuleType:
    """torch.cuda for "cuda", torch.cpu for "cpu" and None, and so on. RuntimeError for others."""
    name = "cpu" if device is None else Device(device).type
    if name not in _MODULES:
        raise RuntimeError(
            f"Device '{name}' does not have a corresponding module registered as 'torch.{name}'."
        )
    return _MODULES[name]
