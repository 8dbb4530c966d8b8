"""torch.hub for programs that import it and may never call it: dynagrad downloads nothing.

What would run code from elsewhere, or fetch a file, is refused in words. Imports nothing.
"""

import os
from typing import Any, NoReturn

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

_folder: str | None = None


def get_dir() -> str:
    """The folder in which PyTorch keeps what it downloaded: $TORCH_HOME/hub, or the folder set."""
    if _folder is not None:
        return _folder
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Set the folder that `get_dir` returns."""
    global _folder
    _folder = os.path.expanduser(os.fspath(d))


def _no_downloads(what: str, given: Any, instead: str) -> NoReturn:
    raise RuntimeError(
        f"torch.hub.{what}({given!r}): dynagrad downloads nothing, and runs no code from "
        f"elsewhere. {instead}"
    )


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> NoReturn:
    """Refused: RuntimeError says what to do instead."""
    _no_downloads(
        "load_state_dict_from_url", url, "Download the file, then torch.load(path) reads it."
    )


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> NoReturn:
    """Refused: RuntimeError says what to do instead."""
    _no_downloads("download_url_to_file", url, "Download the file by other means.")


def load(
    repo_or_dir: Any,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = None,
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> NoReturn:
    """Refused: RuntimeError says what to do instead."""
    _no_downloads(
        "load",
        repo_or_dir,
        "Define the model in the program, and load its weights: "
        "model.load_state_dict(torch.load(path)).",
    )


def list(github: Any, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: A001 - PyTorch's name
    """Refused: RuntimeError says what to do instead."""
    _no_downloads("list", github, "The repository's hubconf.py lists its models.")


def help(github: Any, model: str, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: A001
    """Refused: RuntimeError says what to do instead."""
    _no_downloads("help", github, "The repository's hubconf.py describes its models.")
