"""torch.cuda where there is no CUDA: programs may ask for it, and are told no.

What PyTorch answers on a machine without a GPU is answered here too; what needs one is refused as
PyTorch refuses it. Imports nothing but, when it is asked for, `amp`.
"""

from importlib import import_module
from typing import Any, NoReturn

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_capability",
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
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """Whether a CUDA device can be used: no."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a CUDA device computes in bfloat16: no."""
    return False


def is_initialized() -> bool:
    """Whether CUDA was started: no."""
    return False


def device_count() -> int:
    """The number of CUDA devices: 0."""
    return 0


def memory_allocated(device: Any = None) -> int:
    """The bytes in use on a CUDA device: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def empty_cache() -> None:
    """Free the cached memory of CUDA devices, of which there is none."""


def manual_seed(seed: int) -> None:
    """Seed the generator of the CUDA device, if there is one; the CPU's is left as it is."""


manual_seed_all = manual_seed


def seed() -> None:
    """Seed the generator of the CUDA device at random, if there is one."""


seed_all = seed


def init(*args: Any, **kwargs: Any) -> NoReturn:
    """Refuse to use a CUDA device: AssertionError, as PyTorch built without CUDA."""
    raise AssertionError(
        "Torch not compiled with CUDA enabled\n"
        "dynagrad computes on the CPU: ask torch.cuda.is_available() first, or use device 'cpu'."
    )


current_device = get_device_capability = get_device_name = get_device_properties = init
get_rng_state = set_device = set_rng_state = synchronize = init


def __getattr__(name: str) -> Any:
    if name == "amp":
        return import_module(".amp", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
