"""DataParallel on one device. Imports modules."""

from typing import Any

from ...core.dtype import check_device
from ..modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Runs a module: where there is no other device, batches are not divided. As
    torch.nn.DataParallel without GPUs.

    The module is the attribute `module`, so the keys of the state_dict begin with "module.".
    `device_ids`, `output_device` and `dim` are accepted and ignored, as in PyTorch without GPUs.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ):
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """`module(*inputs, **module_kwargs)`; RuntimeError if other devices than the CPU are named."""
    for device in device_ids or ():
        check_device(device)
    if inputs is None:
        inputs = ()
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
