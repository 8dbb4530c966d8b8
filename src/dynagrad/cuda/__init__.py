"""torch.cuda where there is no CUDA: programs may ask for it, and are told no.

What PyTorch answers on a machine without a GPU is answered here too; what needs one is refused as
PyTorch refuses it. Imports nothing but, when it is asked for, `amp`.
"""

from importlib import import_module
from typing import Any, NoReturn

from . import memory, nvtx, random, streams
from .memory import (
    OutOfMemoryError,
    empty_cache,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_stats,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
)
from .random import (
    get_rng_state,
    get_rng_state_all,
    init,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import Event, ExternalStream, Stream, StreamContext, stream

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "CudaError",
    "DoubleTensor",
    "Event",
    "ExternalStream",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "OutOfMemoryError",
    "ShortTensor",
    "Stream",
    "StreamContext",
    "can_device_access_peer",
    "cudart",
    "current_blas_handle",
    "current_device",
    "current_stream",
    "default_generators",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_gencode_flags",
    "get_rng_state",
    "get_rng_state_all",
    "get_sync_debug_mode",
    "has_half",
    "has_magma",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_current_stream_capturing",
    "is_initialized",
    "is_tf32_supported",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "nvtx",
    "random",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "set_sync_debug_mode",
    "stream",
    "streams",
    "synchronize",
]

default_generators: tuple = ()
has_half = True
has_magma = False


def is_available() -> bool:
    """Whether a CUDA device can be used: no."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a CUDA device computes in bfloat16: no."""
    return False


def is_tf32_supported() -> bool:
    """Whether a CUDA device computes in TF32: no."""
    return False


def is_initialized() -> bool:
    """Whether CUDA was started: no."""
    return False


def is_current_stream_capturing() -> bool:
    """Whether work is being recorded as a CUDA graph: no."""
    return False


def device_count() -> int:
    """The number of CUDA devices: 0."""
    return 0


def get_arch_list() -> list[str]:
    """The kinds of CUDA devices that the library was built for: none."""
    return []


def get_gencode_flags() -> str:
    """The flags of NVCC that the library was built with: none."""
    return ""


def set_stream(stream: Any) -> None:
    """Send work to a stream from now on; None changes nothing."""
    if stream is not None:
        init()


def set_device(device: Any) -> None:
    """Choose a CUDA device: refused, but for a negative number, which changes nothing."""
    if isinstance(device, str) and device.partition(":")[0] != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    if not isinstance(device, int) or device >= 0:
        init()


current_device = get_device_capability = get_device_name = get_device_properties = init
synchronize = mem_get_info = ipc_collect = current_stream = default_stream = init
can_device_access_peer = cudart = current_blas_handle = set_per_process_memory_fraction = init
get_sync_debug_mode = set_sync_debug_mode = init


class device:  # noqa: N801 - PyTorch's name
    """A region on a CUDA device: refused when it is entered, but for None and a negative number."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None and self.idx != -1:
            init()

    def __exit__(self, *error: Any) -> None:
        pass


class device_of(device):  # noqa: N801 - PyTorch's name
    """A region on the device of a tensor: an ordinary region, for it is the CPU's."""

    def __init__(self, obj: Any) -> None:
        super().__init__(None)


class CudaError(RuntimeError):
    """An error of a CUDA device: never raised."""


# --- tensors, as types to ask for -----------------------------------------------------------------


class _OfCuda(type):
    """A class without instances."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return False

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA enabled.\n"
            f"dynagrad computes on the CPU: use torch.{cls.__name__}."
        )


class FloatTensor(metaclass=_OfCuda):
    """Tensors of float32 on a CUDA device: there are none."""


class DoubleTensor(metaclass=_OfCuda):
    """Tensors of float64 on a CUDA device: there are none."""


class HalfTensor(metaclass=_OfCuda):
    """Tensors of float16 on a CUDA device: there are none."""


class BFloat16Tensor(metaclass=_OfCuda):
    """Tensors of bfloat16 on a CUDA device: there are none."""


class LongTensor(metaclass=_OfCuda):
    """Tensors of int64 on a CUDA device: there are none."""


class IntTensor(metaclass=_OfCuda):
    """Tensors of int32 on a CUDA device: there are none."""


class ShortTensor(metaclass=_OfCuda):
    """Tensors of int16 on a CUDA device: there are none."""


class CharTensor(metaclass=_OfCuda):
    """Tensors of int8 on a CUDA device: there are none."""


class ByteTensor(metaclass=_OfCuda):
    """Tensors of uint8 on a CUDA device: there are none."""


class BoolTensor(metaclass=_OfCuda):
    """Tensors of bool on a CUDA device: there are none."""


def __getattr__(name: str) -> Any:
    if name == "amp":
        return import_module(".amp", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
