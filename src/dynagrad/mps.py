"""torch.mps: Apple's graphics processors, which are not used. Questions are answered, the rest is
refused as PyTorch refuses it without them. Imports nothing.
"""

from typing import Any, NoReturn

__all__ = [
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "recommended_max_memory",
    "seed",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """Whether Apple's graphics processor can be used: no."""
    return False


def device_count() -> int:
    """The number of such devices: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the device's generator, if there is one."""


def _refused(name: str) -> NoReturn:
    raise RuntimeError(
        f"Cannot execute {name}() without MPS backend.\n"
        "dynagrad computes on the CPU: ask torch.mps.is_available() first."
    )


def synchronize() -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("deviceSynchronize")


def empty_cache() -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("emptyCache")


def seed() -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("getDefaultGenerator")


def get_rng_state() -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("getDefaultGenerator")


def set_rng_state(new_state: Any) -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("getDefaultGenerator")


def current_allocated_memory() -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("getCurrentAllocatedMemory")


def driver_allocated_memory() -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("getDriverAllocatedMemory")


def recommended_max_memory() -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("getRecommendedMaxMemory")


def set_per_process_memory_fraction(fraction: float) -> NoReturn:
    """Refused: RuntimeError, for there is no such device."""
    _refused("setMemoryFraction")
