"""torch.backends.mps: Apple's graphics processors, which are not used."""

__all__ = ["is_available", "is_built"]


def is_available() -> bool:
    """Whether Apple's graphics processors can be used: no."""
    return False


def is_built() -> bool:
    """Whether the library was built for Apple's graphics processors: no."""
    return False
