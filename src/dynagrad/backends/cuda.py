"""torch.backends.cuda: settings of products on CUDA devices, kept for programs that set them; and
which ways of computing attention are allowed, which holds on the CPU too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace

__all__ = [
    "allow_fp16_bf16_reduction_math_sdp",
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "sdp_kernel",
]

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    fp32_precision="none",
)

_flash: ContextVar[bool] = ContextVar("flash_sdp", default=True)
_efficient: ContextVar[bool] = ContextVar("mem_efficient_sdp", default=True)
_math: ContextVar[bool] = ContextVar("math_sdp", default=True)
_cudnn: ContextVar[bool] = ContextVar("cudnn_sdp", default=True)
_reduced: ContextVar[bool] = ContextVar("reduction_math_sdp", default=False)


def is_built() -> bool:
    """Whether the library was built with CUDA: no."""
    return False


# --- ways of computing attention ------------------------------------------------------------------


def is_flash_attention_available() -> bool:
    """Whether flash attention on CUDA devices was built: no."""
    return False


#: whether attention may be computed by one kernel that keeps no weights
flash_sdp_enabled = _flash.get
#: whether the memory-efficient kernel is allowed, which the CPU lacks
mem_efficient_sdp_enabled = _efficient.get
#: whether attention may be computed step by step
math_sdp_enabled = _math.get
#: whether cuDNN's kernel is allowed, which the CPU lacks
cudnn_sdp_enabled = _cudnn.get
#: whether steps in 16 bits may be summed in 16 bits: kept, and without effect
fp16_bf16_reduction_math_sdp_allowed = _reduced.get


def enable_flash_sdp(enabled: bool) -> None:
    """Allow, or forbid, the kernel that keeps no weights."""
    _flash.set(bool(enabled))


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allow, or forbid, the memory-efficient kernel, which the CPU lacks."""
    _efficient.set(bool(enabled))


def enable_math_sdp(enabled: bool) -> None:
    """Allow, or forbid, to compute attention step by step."""
    _math.set(bool(enabled))


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allow, or forbid, cuDNN's kernel, which the CPU lacks."""
    _cudnn.set(bool(enabled))


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Keep whether steps in 16 bits may be summed in 16 bits, which has no effect."""
    _reduced.set(bool(enabled))


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[dict]:
    """Allow just these ways of computing attention inside a `with` block."""
    wanted = (enable_flash, enable_math, enable_mem_efficient, enable_cudnn)
    pairs = list(zip((_flash, _math, _efficient, _cudnn), wanted, strict=True))
    tokens = [(switch, switch.set(bool(value))) for switch, value in pairs]
    try:
        yield {}
    finally:
        for switch, token in tokens:
            switch.reset(token)
