"""torch.nn.attention: which ways of computing scaled dot-product attention are allowed. Imports
backends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, IntEnum
from typing import Any

from ...backends import cuda

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """The ways of computing attention. MATH goes step by step; FLASH_ATTENTION is one kernel that
    keeps no weights. The others do not exist on the CPU.
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    __str__ = Enum.__str__


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[dict]:
    """Allow just these ways of computing attention, one or a list of them, inside a `with` block.

    `set_priority` is accepted: a call that the kernel serves is always given to it.
    """
    if not isinstance(backends, SDPBackend | list):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    allowed = {backends} if isinstance(backends, SDPBackend) else set(backends)
    with cuda.sdp_kernel(
        enable_flash=SDPBackend.FLASH_ATTENTION in allowed,
        enable_math=SDPBackend.MATH in allowed,
        enable_mem_efficient=SDPBackend.EFFICIENT_ATTENTION in allowed,
        enable_cudnn=SDPBackend.CUDNN_ATTENTION in allowed,
    ) as given:
        yield given
