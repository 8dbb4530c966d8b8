"""The zip file of torch.save: a pickle, and one entry for each memory that its tensors show.

Entries are stored as they are, each at a multiple of 64 bytes, so that a file can be mapped.
"""

import errno
import io
import mmap
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["Archive", "write_archive"]

ALIGNMENT = 64
#: the tag of the extra field that fills up a header
_PADDING_TAG = 0x4246
_CHUNK = 1 << 20
#: what Python's reader of zip files raises when they are damaged
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(ValueError, OverflowError, NotImplementedError),
)
#: streams in which one can go back and write
_SEEKABLE = (io.BytesIO, io.BufferedWriter, io.BufferedRandom, io.FileIO)
_DAMAGED = "The file is cut off or damaged; nothing was loaded from it."


def write_archive(target: Any, name: str, text: bytes, memories: list[np.ndarray]) -> None:
    """Write the pickle `text` and the memories to a binary stream, below the folder `name`."""
    if not isinstance(target, _SEEKABLE):
        target = _Onward(target)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        _write(archive, f"{name}/data.pkl", text)
        _write(archive, f"{name}/byteorder", b"little")
        for number, memory in enumerate(memories):
            little = memory.astype(memory.dtype.newbyteorder("<"), copy=False)
            _write(archive, f"{name}/data/{number}", little.ravel(order="A").view(np.uint8).data)
        _write(archive, f"{name}/version", b"3\n")


class _Onward:
    """A stream that is only written on: one of gzip, for example, says it can seek, and cannot."""

    def __init__(self, stream: Any):
        self.write = stream.write
        self.flush = getattr(stream, "flush", lambda: None)


def _write(archive: zipfile.ZipFile, name: str, content: Any) -> None:
    entry = zipfile.ZipInfo(name)
    entry.file_size = size = len(content)
    # a header has 30 bytes, the name, and the extra fields; Python adds one of 20 for a large entry
    large = size * 1.05 > zipfile.ZIP64_LIMIT
    header = 30 + len(name.encode()) + 20 * large + 4
    position = getattr(archive, "start_dir", 0)
    filled = -(position + header) % ALIGNMENT
    entry.extra = struct.pack("<HH", _PADDING_TAG, filled) + b"Z" * filled
    with archive.open(entry, "w", force_zip64=large) as stream:
        for begin in range(0, size, _CHUNK):
            stream.write(content[begin : begin + _CHUNK])


class Archive:
    """A file that torch.save has written, open for reading."""

    def __init__(self, stream: Any, mapped: str | None = None):
        place, start = _beginning(stream)
        if not start:
            raise EOFError("Ran out of input: the file is empty, or was read to its end before")
        zipped = start.startswith(b"PK")
        try:
            with _seeking():
                self.zip = zipfile.ZipFile(stream)
            names = self.zip.namelist()
        except _UNREADABLE as error:
            if zipped:
                raise RuntimeError(
                    "PytorchStreamReader failed reading zip archive: failed finding central "
                    f"directory\n{_DAMAGED}"
                ) from error
            raise pickle.UnpicklingError(
                "Invalid magic number; corrupt file?\nThe file is no zip, so it was not written by "
                "torch.save since release 1.6. Load an older file with PyTorch and save it anew."
            ) from None
        first = min((entry.header_offset for entry in self.zip.infolist()), default=place)
        if zipped and first != place:
            raise RuntimeError(
                "PytorchStreamReader failed reading zip archive: invalid header or archive is "
                f"corrupted\nThe archive that ends the file begins at byte {first}, reading began "
                f"at byte {place}. A file holds one archive: save each object to a file of its own."
            )
        entry = next((n for n in names if n.rpartition("/")[2] == "data.pkl"), None)
        if entry is None:
            raise RuntimeError(
                "PytorchStreamReader failed locating file data.pkl: file not found\n"
                "The zip was not written by torch.save, or not completely."
            )
        self.folder = entry[: -len("data.pkl")]
        order = f"{self.folder}byteorder"
        self.swapped = order in names and self._content(order).tobytes() == b"big"
        self.map = None if mapped is None else _Map(mapped)

    def text(self) -> bytes:
        """The pickle."""
        return self._content(f"{self.folder}data.pkl").tobytes()

    def memory(self, number: str, item: np.dtype, elements: int) -> np.ndarray:
        """The memory of a number: so many elements of a dtype. RuntimeError if it is another."""
        name = f"{self.folder}data/{number}"
        try:
            entry = self.zip.getinfo(name)
        except KeyError:
            raise RuntimeError(
                f"PytorchStreamReader failed locating file data/{number}: file not found\n"
                f"{_DAMAGED}"
            ) from None
        if entry.file_size != elements * item.itemsize:
            raise RuntimeError(
                f"the file has {entry.file_size} bytes for {elements} elements of {item}, which "
                f"are {elements * item.itemsize} bytes\n{_DAMAGED}"
            )
        stored = entry.compress_type == zipfile.ZIP_STORED
        if self.map is not None and stored and not self.swapped:
            content = self.map.content(entry)
        else:
            content = self._content(name)
        memory = content.view(item)
        return memory.byteswap(inplace=True) if self.swapped else memory

    def _content(self, name: str) -> np.ndarray:
        """The bytes of an entry, whose check sum is right."""
        entry = self.zip.getinfo(name)
        content = np.empty(entry.file_size, np.uint8)
        filled = 0
        try:
            with _seeking(), self.zip.open(entry) as stream:
                while part := stream.read(_CHUNK):
                    content[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
                    filled += len(part)
        except _UNREADABLE as error:
            raise _unreadable(name) from error
        if filled != entry.file_size:
            raise _unreadable(name)
        return content


class _Map:
    """A file in memory, read when it is looked at; what is written to it stays in this process."""

    def __init__(self, path: str):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def content(self, entry: zipfile.ZipInfo) -> np.ndarray:
        """The bytes of a stored entry."""
        start = entry.header_offset
        header = self.bytes[start : start + 30]
        if len(header) < 30 or not header.startswith(b"PK\3\4"):
            raise _unreadable(entry.filename)
        start += 30 + sum(struct.unpack("<HH", header[26:]))
        if start + entry.file_size > len(self.bytes):
            raise _unreadable(entry.filename)
        return np.frombuffer(self.bytes, np.uint8, entry.file_size, start)


def _unreadable(name: str) -> RuntimeError:
    return RuntimeError(
        f"PytorchStreamReader failed reading file {name.partition('/')[2]}: file read failed\n"
        f"{_DAMAGED}"
    )


@contextmanager
def _seeking() -> Iterator[None]:
    """Going to a place before the beginning, which a damaged file may name, is ValueError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise ValueError("the file names a place that is not in it") from error
        raise


def _beginning(stream: Any) -> tuple[int, bytes]:
    """Where a stream is, and its next four bytes, which stay to be read."""
    place = stream.tell()
    start = stream.read(4)
    stream.seek(place, io.SEEK_SET)
    return place, start
