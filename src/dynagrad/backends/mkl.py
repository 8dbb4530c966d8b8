"""torch.backends.mkl: Intel's MKL, which is not used."""

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether Intel's MKL can be used: no."""
    return False
