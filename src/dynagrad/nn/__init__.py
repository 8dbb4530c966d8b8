"""Layers, losses and what they are made of, as torch.nn."""

from . import functional, init, modules, parameter, utils
from .modules import *  # noqa: F403 - the list of all layers stands there
from .parameter import Buffer, Parameter

__all__ = ["Buffer", "Parameter", "functional", "init", "modules", "parameter", "utils"]
__all__ += modules.__all__
