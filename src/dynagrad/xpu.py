"""torch.xpu: Intel's graphics processors, which are not used. Questions are answered, the rest is
refused as PyTorch refuses it without them. Imports nothing.
"""

from typing import Any, NoReturn

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether Intel's graphics processor can be used: no."""
    return False


is_initialized = is_available


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether such a device computes in bfloat16: no."""
    return False


def device_count() -> int:
    """The number of such devices: 0."""
    return 0


def memory_allocated(device: Any = None) -> int:
    """The bytes in use on such a device: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def empty_cache() -> None:
    """Free the cached memory of such devices, of which there is none."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begin anew with the largest numbers, of which there are none."""


def manual_seed(seed: int) -> None:
    """Seed the device's generator, if there is one."""


manual_seed_all = manual_seed


def seed() -> None:
    """Seed the device's generator at random, if there is one."""


seed_all = seed


def init(*args: Any, **kwargs: Any) -> NoReturn:
    """Refuse to use such a device: AssertionError, as PyTorch built without it."""
    raise AssertionError(
        "Torch not compiled with XPU enabled\n"
        "dynagrad computes on the CPU: ask torch.xpu.is_available() first, or use device 'cpu'."
    )


current_device = get_device_name = get_device_properties = get_rng_state = init
set_device = synchronize = init
