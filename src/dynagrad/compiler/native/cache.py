"""The disk cache: machine code, and notes on the graphs that led to it, kept between processes.

A mapping from keys to bytes in a folder that only its user can write: what lies there is executed.
Imports the standard library only.

Environment: DYNAGRAD_CACHE=0 switches the cache off; DYNAGRAD_CACHE_DIR names the folder, else it
is `dynagrad` in $XDG_CACHE_HOME or where the system keeps such things; DYNAGRAD_CACHE_SIZE bounds
it (256M; K, M and G are understood).
"""

import contextlib
import functools
import hashlib
import logging
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Info", "clear", "folder", "info", "key", "load", "sources", "store"]

log = logging.getLogger(__name__)

_MAGIC = b"dynagrad cache 1\n"
_DIGEST = 32
#: Space on disk is counted in blocks of this many bytes.
_BLOCK = 4096
_SUFFIX = ".entry"
#: As many bytes as blocks were written since old entries were last looked for: a counter to which
#: several processes can add without a lock.
_WRITTEN = "written"
_SIZE = "256M"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

#: Folders that were looked at, with the reason why one cannot be used, or None.
_refused: dict[Path, str | None] = {}
#: Folders in which writing failed.
_failed: set[Path] = set()


def key(*parts: str) -> str:
    """The name of an entry that depends on these texts, in this order."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


@functools.cache
def sources() -> str:
    """What tells one state of the whole compiler's source from another, for keys of entries that
    its code decides about.
    """
    try:
        found = sorted(_sources(os.path.dirname(os.path.dirname(__file__))))
    except OSError:  # imported from an archive
        return "archive"
    return key(*found)


def _sources(place: str) -> Iterator[str]:
    with os.scandir(place) as files:
        for file in files:
            if file.name.endswith(".py"):
                about = file.stat()
                yield f"{file.path} {about.st_size} {about.st_mtime_ns}"
            elif file.name != "__pycache__" and file.is_dir():
                yield from _sources(file.path)


# --- The folder ----------------------------------------------------------------------------------


def folder() -> Path | None:
    """Where entries lie; None if the cache is off or no safe folder is to be had, which is logged
    once.
    """
    if os.environ.get("DYNAGRAD_CACHE") == "0":
        return None
    path = _place()
    if path not in _refused:
        _refused[path] = reason = _refusal(path)
        if reason is not None:
            log.warning("compiled code is not kept on disk: %s", reason)
    return path if _refused[path] is None else None


def _place() -> Path:
    if chosen := os.environ.get("DYNAGRAD_CACHE_DIR"):
        return Path(chosen)
    if common := os.environ.get("XDG_CACHE_HOME"):
        return Path(common, "dynagrad")
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local or home / "AppData" / "Local", "dynagrad", "Cache")
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "dynagrad"


def _refusal(path: Path) -> str | None:
    """Why a folder cannot be used; None if it can. It is made where it is missing."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        return f"{path} cannot be used: {error.strerror or error}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{path} is no folder"
    if sys.platform == "win32":  # which has neither owners nor modes in this form
        return None
    if found.st_uid != os.getuid():
        return f"{path} belongs to another user (uid {found.st_uid})"
    if found.st_mode & 0o022:
        return f"{path} can be written by others: chmod 700 it, or set DYNAGRAD_CACHE_DIR"
    return None


def limit() -> int:
    """The largest size of all entries together, in bytes."""
    return _bytes(os.environ.get("DYNAGRAD_CACHE_SIZE") or _SIZE)


@functools.cache
def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+) *([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        log.warning("DYNAGRAD_CACHE_SIZE=%s is no size such as 64M or 1G: it is %s", text, _SIZE)
        return _bytes(_SIZE)
    return int(match[1]) * _UNITS[match[2].upper()]


# --- Entries -------------------------------------------------------------------------------------


def load(key: str) -> bytes | None:
    """What was stored under a key, None if nothing is there. A damaged entry is deleted."""
    place = folder()
    if place is None:
        return None
    path = place / f"{key}{_SUFFIX}"
    try:
        with open(path, "rb") as file:
            data = file.read()
        os.utime(path)  # used just now: the last to be deleted
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST
    blob = data[start:]
    if data[:start] != _MAGIC + hashlib.sha256(blob).digest():
        log.warning("a damaged entry of the cache is deleted: %s", path)
        _delete(path)
        return None
    return blob


def store(key: str, blob: bytes) -> None:
    """Keep bytes under a key. Where that fails, it is logged once, and nothing is kept.

    Readers see the old entry or the new one, never a part. An entry larger than an eighth of the
    cache is not kept.
    """
    place = folder()
    most = limit()
    if place is None or _blocks(len(blob)) * _BLOCK > most // 8:
        return
    path = place / f"{key}{_SUFFIX}"
    temporary = place / f"{os.urandom(8).hex()}.temporary"
    try:
        with open(temporary, "xb") as file:
            file.write(_MAGIC + hashlib.sha256(blob).digest())
            file.write(blob)
        os.replace(temporary, path)
        with open(place / _WRITTEN, "ab") as counter:
            counter.write(b"." * _blocks(len(blob)))
            written = counter.tell() * _BLOCK
    except OSError as error:
        _delete(temporary)
        # Windows refuses to replace a file that a reader has open; then it is there already.
        if place not in _failed and not (isinstance(error, PermissionError) and path.exists()):
            _failed.add(place)
            log.warning("compiled code could not be kept in %s: %s", place, error)
        return
    if written > most // 8:
        _make_room(place, most * 7 // 8)


def _blocks(size: int) -> int:
    return -(-(size + len(_MAGIC) + _DIGEST) // _BLOCK)


def _delete(path: Path) -> None:
    # Another process may have been first, or, on Windows, may have it open.
    with contextlib.suppress(OSError):
        path.unlink()


def _entries(place: Path) -> Iterator[tuple[os.DirEntry, os.stat_result]]:
    """The files of the cache and what is known of each."""
    try:
        with os.scandir(place) as files:
            for file in files:
                if file.name.endswith((_SUFFIX, ".temporary")):
                    with contextlib.suppress(OSError):
                        yield file, file.stat()
    except OSError:
        return


def _make_room(place: Path, most: int) -> None:
    """Delete the entries that were not used for longest, until the rest fits; and what writers
    that died left behind.
    """
    with contextlib.suppress(OSError):
        os.truncate(place / _WRITTEN, 0)
    found = sorted(_entries(place), key=lambda pair: pair[1].st_mtime_ns, reverse=True)
    size = 0
    for file, about in found:
        size += -(-about.st_size // _BLOCK) * _BLOCK
        is_dead = not file.name.endswith(_SUFFIX) and about.st_mtime < time.time() - 3600
        if size > most or is_dead:
            _delete(Path(file.path))


# --- For people ----------------------------------------------------------------------------------


class Info(NamedTuple):
    """What the cache holds: its folder, None if it is off or refused; the number of entries; their
    size and its bound, in bytes; and why nothing is kept, empty if it is.
    """

    folder: Path | None
    entries: int
    size: int
    limit: int
    reason: str


def info() -> Info:
    """What the cache holds at the moment."""
    place = folder()
    if place is None:
        is_off = os.environ.get("DYNAGRAD_CACHE") == "0"
        return Info(None, 0, 0, limit(), "DYNAGRAD_CACHE=0" if is_off else str(_refused[_place()]))
    sizes = [about.st_size for file, about in _entries(place) if file.name.endswith(_SUFFIX)]
    return Info(place, len(sizes), sum(sizes), limit(), "")


def clear() -> int:
    """Delete all entries; how many there were."""
    place = folder()
    if place is None:
        return 0
    found = [Path(file.path) for file, _ in _entries(place)]
    for path in [*found, place / _WRITTEN]:
        _delete(path)
    return sum(path.suffix == _SUFFIX for path in found)
