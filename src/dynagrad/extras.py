"""Optional third-party packages: imported at their first use, with a sentence where they are
missing.
"""

from importlib import import_module
from typing import Any


def optional(package: str, extra: str, purpose: str) -> Any:
    """Import an optional third-party package at its first use; ImportError says what it is needed
    for.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs the package {package.partition('.')[0]}, which is not installed. "
            f"Install it with: pip install 'dynagrad[{extra}]'"
        ) from error
