"""Signal processing at torch.signal's path."""

from . import windows

__all__ = ["windows"]
