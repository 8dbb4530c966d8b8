"""DistributedDataParallel, which needs several processes. Imports modules."""

from typing import Any

from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module whose gradients are averaged over processes: refused, for there is one process.

    As torch.nn.parallel.DistributedDataParallel without a process group: ValueError.
    """

    def __init__(self, module: Module, *args: Any, **options: Any):
        super().__init__()
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group.\n"
            "dynagrad runs in one process: use the module itself."
        )
