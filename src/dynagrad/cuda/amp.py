"""The older names of mixed precision on CUDA: torch.cuda.amp. Imports amp."""

import warnings
from collections.abc import Callable
from typing import Any

from .. import amp

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):  # noqa: N801 - PyTorch's name
    """`torch.amp.autocast("cuda", ...)`, with a FutureWarning that says so."""

    def __init__(
        self,
        enabled: bool = True,
        dtype: Any = None,
        cache_enabled: bool = True,
    ):
        warnings.warn(
            "`torch.cuda.amp.autocast(args...)` is deprecated. Please use "
            "`torch.amp.autocast('cuda', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`torch.amp.GradScaler("cuda", ...)`, with a FutureWarning that says so."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        warnings.warn(
            "`torch.cuda.amp.GradScaler(args...)` is deprecated. Please use "
            "`torch.amp.GradScaler('cuda', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )


def amp_definitely_not_available() -> bool:
    """Whether there is certainly no CUDA: yes."""
    return True


def custom_fwd(fwd: Callable | None = None, *, cast_inputs: Any = None) -> Callable:
    """`torch.amp.custom_fwd(..., device_type="cuda")`, with a FutureWarning that says so."""
    _warn("custom_fwd")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable) -> Callable:
    """`torch.amp.custom_bwd(..., device_type="cuda")`, with a FutureWarning that says so."""
    _warn("custom_bwd")
    return amp.custom_bwd(bwd, device_type="cuda")


def _warn(name: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use "
        f"`torch.amp.{name}(args..., device_type='cuda')` instead.",
        FutureWarning,
        stacklevel=3,
    )
