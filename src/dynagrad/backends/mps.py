"""torch.backends.mps: Apple's graphics processors, which are not used."""

__all__ = ["is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_available() -> bool:
    """Whether Apple's graphics processors can be used: no."""
    return False


def is_built() -> bool:
    """Whether the library was built for Apple's graphics processors: no."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether this is macOS of that version or a newer one, on a processor that is used: no."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Whether this is macOS 13 or a newer one, on a processor that is used: no."""
    return False
