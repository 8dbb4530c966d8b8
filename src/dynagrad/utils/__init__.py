"""Tools around tensors and modules, as torch.utils: `checkpoint` trades time for memory, `data`
loads batches, `dlpack` exchanges memory with other libraries, `hooks` has the handles of hooks.
"""

from . import checkpoint, data, dlpack, hooks

__all__ = ["checkpoint", "data", "dlpack", "hooks"]
