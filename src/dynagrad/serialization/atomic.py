"""Writing a file so that its path never holds half of it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import IO, Any

__all__ = ["checked_path", "replacing"]


def checked_path(f: Any, method: str) -> Any:
    """`f`; AttributeError if it is no path: a number would be an open file, which is closed."""
    if not isinstance(f, str | bytes | os.PathLike):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a '{method}' attribute\n"
            f"Got {type(f).__name__}."
        )
    return f


@contextmanager
def replacing(path: Any) -> Iterator[IO[bytes]]:
    """A file beside `path` to write to; it takes the path's place when the block is left.

    The content is on the disk before the name is, so that a crash leaves the old file or the new
    one. If the block raises, the path is as it was. A process that is killed may leave a file
    behind whose name begins with a dot and ends with ".part". A path that is no regular file (a
    pipe, a device) is written directly; a link stays one.
    """
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as direct:
            yield direct
        return
    folder, name = os.path.split(target)
    part = os.path.join(folder, f".{os.fsdecode(name)[:100]}.{token_hex(4)}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(part, stat.S_IMODE(mode))
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    _settle(folder)


def _settle(folder: str) -> None:
    """Have the new name on the disk too, where folders can be opened."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
