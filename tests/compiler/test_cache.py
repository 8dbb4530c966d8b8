"""The cache on disk: safe against other users, other writers and damage; bounded in size."""

import logging
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dynagrad.compiler.native import cache

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A fresh folder for the cache."""
    monkeypatch.setenv("DYNAGRAD_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.delenv("DYNAGRAD_CACHE", raising=False)
    monkeypatch.delenv("DYNAGRAD_CACHE_SIZE", raising=False)
    return tmp_path / "kept"


def test_keeps_bytes_under_keys(place):
    one, other = cache.key("a", "b"), cache.key("ab", "")
    assert one != other
    assert cache.load(one) is None
    for blob in (b"", b"x", bytes(range(256)) * 300):
        cache.store(one, blob)
        assert cache.load(one) == blob
        assert cache.load(other) is None


@posix
def test_the_folder_is_private(place):
    cache.store(cache.key("x"), b"1")
    assert place.stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_is_refused(place, caplog, mode):
    place.mkdir()
    place.chmod(mode)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            cache.store(cache.key("x"), b"1")
            assert cache.load(cache.key("x")) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(place) in caplog.text
    assert "written by others" in caplog.text
    assert not list(place.iterdir())


@posix
def test_a_folder_of_another_user_is_refused(place, monkeypatch, caplog):
    monkeypatch.setattr("os.getuid", lambda: 54321)
    assert cache.folder() is None
    assert "belongs to another user" in caplog.text


def test_a_file_in_the_way_is_refused(place, caplog):
    place.write_text("no folder")
    assert cache.folder() is None
    cache.store(cache.key("x"), b"1")
    assert cache.load(cache.key("x")) is None
    assert len(caplog.records) == 1


def test_can_be_switched_off(place, monkeypatch):
    monkeypatch.setenv("DYNAGRAD_CACHE", "0")
    cache.store(cache.key("x"), b"1")
    assert cache.load(cache.key("x")) is None
    assert not place.exists()
    assert cache.info().reason == "DYNAGRAD_CACHE=0"


def damaged(data: bytes) -> list[bytes]:
    """Ways in which a file can be wrong."""
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    return [b"", data[:10], data[:-1], data + b"x", flipped, b"y" + data[1:]]


def test_a_damaged_entry_is_deleted(place, caplog):
    name = cache.key("x")
    cache.store(name, b"contents" * 100)
    (file,) = place.glob("*.entry")
    whole = file.read_bytes()
    for data in damaged(whole):
        file.write_bytes(data)
        caplog.clear()
        assert cache.load(name) is None
        assert str(file) in caplog.text
        assert not file.exists()
    cache.store(name, b"again")
    assert cache.load(name) == b"again"


def test_a_disk_that_is_full_is_said_once(place, monkeypatch, caplog):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    for _ in range(3):
        cache.store(cache.key("x"), b"1")
    assert caplog.text.count("No space left") == 1
    assert cache.load(cache.key("x")) is None
    assert not list(place.glob("*.temporary"))


def size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.iterdir())


def test_the_size_is_bounded(place, monkeypatch):
    monkeypatch.setenv("DYNAGRAD_CACHE_SIZE", "400K")
    for number in range(200):
        cache.store(cache.key(str(number)), bytes(7000))
        assert size(place) <= 400 << 10
    kept = [number for number in range(200) if cache.load(cache.key(str(number))) is not None]
    assert len(kept) > 30
    assert kept == list(range(200 - len(kept), 200))


def test_what_is_used_stays(place, monkeypatch):
    monkeypatch.setenv("DYNAGRAD_CACHE_SIZE", "400K")
    for number in range(100):
        cache.store(cache.key(str(number)), bytes(7000))
        time.sleep(0.0005)
        assert cache.load(cache.key("0")) is not None
    assert cache.load(cache.key("1")) is None


def test_an_entry_that_would_push_out_all_others_is_not_kept(place, monkeypatch):
    monkeypatch.setenv("DYNAGRAD_CACHE_SIZE", "400K")
    cache.store(cache.key("x"), bytes(60 << 10))
    assert cache.load(cache.key("x")) is None


def test_what_dead_writers_left_is_deleted(place, monkeypatch):
    monkeypatch.setenv("DYNAGRAD_CACHE_SIZE", "400K")
    cache.store(cache.key("x"), b"1")
    dead, alive = place / "0.temporary", place / "1.temporary"
    for path in (dead, alive):
        path.write_bytes(b"part")
    os.utime(dead, (time.time() - 7200,) * 2)
    for number in range(20):
        cache.store(cache.key(str(number)), bytes(7000))
    assert alive.exists()
    assert not dead.exists()


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("2K", 2048), ("3 MB", 3 << 20), ("1GiB", 1 << 30), ("", 256 << 20)],
)
def test_sizes(monkeypatch, text, size):
    monkeypatch.setenv("DYNAGRAD_CACHE_SIZE", text)
    assert cache.limit() == size


def test_a_size_that_is_none(monkeypatch, caplog):
    monkeypatch.setenv("DYNAGRAD_CACHE_SIZE", "much")
    assert cache.limit() == cache.limit() == 256 << 20
    assert caplog.text.count("much is no size") == 1


@posix
@pytest.mark.parametrize(
    ("set_", "path"),
    [
        ({"XDG_CACHE_HOME": "common"}, "common/dynagrad"),
        ({"HOME": "me"}, "me/Library/Caches/dynagrad"),
        ({"HOME": "me"}, "me/.cache/dynagrad"),
    ],
)
def test_the_usual_place(tmp_path, monkeypatch, set_, path):
    for name in ("DYNAGRAD_CACHE_DIR", "XDG_CACHE_HOME", "DYNAGRAD_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setattr("sys.platform", "darwin" if "Library" in path else "linux")
    cache.store(cache.key("x"), b"1")
    assert len(list((tmp_path / path).glob("*.entry"))) == 1


def write_and_read(place: str, start: int) -> int:
    """Another process: writes and reads what all the others write; how often it read nonsense."""
    os.environ.update(DYNAGRAD_CACHE_DIR=place, DYNAGRAD_CACHE_SIZE="100K")
    wrong = 0
    for turn in range(150):
        number = (start + turn) % 11
        cache.store(cache.key(str(number)), bytes([number]) * 9000)
        blob = cache.load(cache.key(str((start * 7 + turn) % 11)))
        wrong += blob is not None and (len(blob) != 9000 or len(set(blob)) != 1)
    return wrong


def test_several_processes_at_once(place, caplog):
    with multiprocessing.get_context("spawn").Pool(3) as workers:
        wrong = workers.starmap(write_and_read, [(str(place), start) for start in range(3)])
    assert wrong == [0, 0, 0]
    # Each of them may have added one while another looked.
    assert size(place) <= (100 << 10) + 3 * 12288
    assert list(place.glob("*.entry"))
    assert not list(place.glob("*.temporary"))
    assert not caplog.records


def command(*arguments: str) -> str:
    run = [sys.executable, "-m", "dynagrad", "cache", *arguments]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout


def test_commands(place):
    for number in range(3):
        cache.store(cache.key(str(number)), bytes(1 << 20))
    assert command("info") == f"{place}: 3 entries, 3.0 of 256 MiB\n"
    assert command("clear") == f"3 entries deleted from {place}\n"
    assert not list(place.iterdir())
    assert cache.info().entries == 0


def test_sources_are_told_apart(tmp_path, monkeypatch):
    file = tmp_path / "codegen" / "a.py"
    file.parent.mkdir()
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "native" / "cache.py"))
    seen = []
    for text in ("1", "22", "33"):
        file.write_text(text)
        os.utime(file, ns=(0, int(text)))
        cache.sources.cache_clear()
        seen += [cache.sources(), cache.sources()]
    cache.sources.cache_clear()
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) == 3
