"""torch.backends.opt_einsum: a package for the order of products in einsum, which is not used; its
settings are kept.
"""

from typing import Any

__all__ = ["enabled", "get_opt_einsum", "is_available", "strategy"]

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """Whether opt_einsum is used: no."""
    return False


def get_opt_einsum() -> Any:
    """The package: None."""
