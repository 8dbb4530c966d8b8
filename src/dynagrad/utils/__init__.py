"""Tools around tensors and modules, as torch.utils: `data` loads batches, `hooks` has the handles
of hooks.
"""

from . import data, hooks

__all__ = ["data", "hooks"]
