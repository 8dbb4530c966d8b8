"""torch.distributed for programs that run in one process: they import it, and ask before they use
it.

There is no way to reach other processes here: `is_available()` is False, there is no process group,
and what needs one is refused as PyTorch refuses it without one. Imports nothing.
"""

from enum import Enum
from typing import Any, NoReturn

__all__ = [
    "ReduceOp",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "new_group",
    "recv",
    "reduce",
    "scatter",
    "send",
]

_NO_GROUP = """\
Default process group has not been initialized, please make sure to call init_process_group.
dynagrad runs in one process and has no process groups: leave this call out where
torch.distributed.is_initialized() is False."""


class ReduceOp(Enum):
    """How the values of several processes become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7


def is_available() -> bool:
    """Whether processes can be joined here: no."""
    return False


def is_initialized() -> bool:
    """Whether there is a process group: no."""
    return False


def is_gloo_available() -> bool:
    """Whether this library is here to join processes: no."""
    return False


is_mpi_available = is_nccl_available = is_torchelastic_launched = is_gloo_available


def init_process_group(backend: str | None = None, *args: Any, **options: Any) -> NoReturn:
    """Refused with RuntimeError: there is one process."""
    raise RuntimeError(
        f"Distributed package doesn't have {str(backend or 'gloo').upper()} built in\n"
        "dynagrad runs in one process: start the program without its distributed option."
    )


def _needs_a_group(*args: Any, **options: Any) -> NoReturn:
    """Refused with ValueError, as without a process group."""
    raise ValueError(_NO_GROUP)


get_rank = get_world_size = get_backend = destroy_process_group = barrier = new_group = (
    _needs_a_group
)
all_reduce = reduce = broadcast = all_gather = gather = scatter = send = recv = _needs_a_group
all_gather_object = broadcast_object_list = _needs_a_group
