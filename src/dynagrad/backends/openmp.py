"""torch.backends.openmp: OpenMP, which is not used."""

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether OpenMP can be used: no."""
    return False
