"""Tools around tensors and modules, as torch.utils: `data` loads batches, `dlpack` exchanges memory
with other libraries, `hooks` has the handles of hooks.
"""

from . import data, dlpack, hooks

__all__ = ["data", "dlpack", "hooks"]
