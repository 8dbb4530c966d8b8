"""torch.accelerator: the device beside the CPU that computes, of which there is none here.

Imports nothing.
"""

__all__ = ["current_accelerator", "device_count", "is_available"]


def is_available() -> bool:
    """Whether there is an accelerator: no."""
    return False


def device_count() -> int:
    """The number of accelerators: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The accelerator's device: None."""
