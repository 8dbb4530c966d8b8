"""torch.backends.cudnn: settings of a library of CUDA, kept for the programs that set them."""

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available", "version"]

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether cuDNN can be used: no."""
    return False


def version() -> None:
    """cuDNN's version: None."""
