"""torch.backends.mkldnn: oneDNN, which is not used."""

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether oneDNN can be used: no."""
    return False
