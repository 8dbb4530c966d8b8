"""Faults of files: writers that are killed, disks that are full, files that are damaged or hostile;
and runs that go on as if they had not stopped.
"""

import gzip
import io
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import zipfile

import pytest

import dynagrad as dg
from dynagrad import nn
from dynagrad.utils import data

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


def archive_of(text, entries=()):
    """A file with a pickle of one's own."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", text)
        for name, content in entries:
            archive.writestr(f"archive/{name}", content)
    stream.seek(0)
    return stream


# --- writers that do not finish --------------------------------------------------------------


@POSIX
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "model.pt"
    program = f"""
import dynagrad as dg
k = 0
while True:
    dg.save({{"k": k, "w": dg.full((200_000,), float(k))}}, {str(path)!r})
    if k == 0: print("ready", flush=True)
    k += 1
"""
    chance = random.Random(3)
    last = -1
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        found = dg.load(path)
        assert bool((found["w"] == found["k"]).all())
        last = max(last, found["k"])
    assert last > 0


@POSIX
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "model.pt"
    dg.save(dg.ones(3), path)
    program = f"""
import resource, signal
import dynagrad as dg
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    dg.save(dg.ones(100_000), {str(path)!r})
except OSError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "OSError\n", done.stderr
    assert dg.load(path).tolist() == [1, 1, 1]
    assert os.listdir(tmp_path) == ["model.pt"]


def test_what_cannot_be_pickled_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    dg.save(dg.ones(3), path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        dg.save([dg.ones(9), lambda: 0], path)
    assert dg.load(path).tolist() == [1, 1, 1]
    assert os.listdir(tmp_path) == ["model.pt"]


@POSIX
def test_a_path_keeps_its_mode_and_a_link_stays_one(tmp_path):
    path, link = tmp_path / "model.pt", tmp_path / "latest.pt"
    dg.save(1, path)
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    path.chmod(0o640)
    link.symlink_to(path)
    dg.save(2, link)
    assert link.is_symlink()
    assert dg.load(path) == 2
    assert path.stat().st_mode & 0o777 == 0o640
    dg.save(3, "/dev/null")


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# --- files that are damaged ------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole():
    model = nn.Linear(6, 5)
    stream = io.BytesIO()
    dg.save({"model": model.state_dict(), "step": 3, "rng": dg.get_rng_state()}, stream)
    return stream.getvalue()


def test_a_file_that_is_cut_off_anywhere_is_an_error(whole):
    for length in [*range(0, 200, 7), *range(200, len(whole), 211), len(whole) - 1]:
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)[0 if length else 2 :]):
            dg.load(io.BytesIO(whole[:length]))


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    ("mark", "at", "value"),
    [
        (b"PK\1\2", 7, 0xFE),  # the version of the format that is needed
        (b"PK\1\2", 45, 0x7F),  # where an entry begins: beyond the end
        (b"PK\5\6", 19, 0x7F),  # where the directory begins
        (b"PK\5\6", 15, 0x7F),  # how long it is
    ],
)
def test_a_damaged_directory_is_an_error_of_the_file(whole, mark, at, value, mapped, tmp_path):
    damaged = bytearray(whole)
    damaged[damaged.index(mark) + at - (mark == b"PK\1\2" and at == 7)] = value
    path = tmp_path / "damaged.pt"
    path.write_bytes(damaged)
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed"):
        dg.load(path, mmap=mapped)


def test_two_archives_in_one_file(tmp_path):
    path = tmp_path / "two.pt"
    with open(path, "wb") as file:
        dg.save(1, file)
        dg.save(2, file)
    with open(path, "rb") as file, pytest.raises(RuntimeError, match="holds one archive"):
        dg.load(file)


def test_a_stream_that_cannot_go_back(tmp_path):
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        dg.save([dg.ones(3), dg.arange(4)], file)
    with gzip.open(tmp_path / "a.gz", "rb") as file:
        assert [t.tolist() for t in dg.load(file)] == [[1, 1, 1], [0, 1, 2, 3]]


def test_what_is_no_path_is_neither_opened_nor_closed(tmp_path):
    with open(tmp_path / "log.txt", "w") as log:
        with pytest.raises(AttributeError, match="expected 'f' to be string, path"):
            dg.load(log.fileno())
        with pytest.raises(AttributeError, match="file-like object with a 'write' attribute"):
            dg.save(1, log.fileno())
        log.write("still open")


def test_attributes_of_parameters_are_saved(tmp_path):
    weight = nn.Parameter(dg.ones(2), requires_grad=False)
    weight.no_decay = True
    dg.save({"weight": weight, "other": nn.Parameter(dg.ones(1))}, tmp_path / "p.pt")
    for only in (True, False):
        found = dg.load(tmp_path / "p.pt", weights_only=only)
        assert found["weight"].no_decay is True
        assert not found["weight"].requires_grad
        assert found["other"].requires_grad


def test_a_changed_byte_is_an_error_or_changes_nothing(whole):
    chance = random.Random(0)
    right = dg.load(io.BytesIO(whole))
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        try:
            found = dg.load(io.BytesIO(damaged))
        except (RuntimeError, pickle.UnpicklingError):
            refused += 1
            continue
        assert found["step"] == 3
        assert dg.equal(found["model"]["weight"], right["model"]["weight"])
        assert dg.equal(found["rng"], right["rng"])
    assert refused > 200


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_a_pickle_whose_check_sum_is_right_may_still_be_wrong():
    """Random pickles of the right instructions: an error, or a plain value; never anything else."""
    stream = io.BytesIO()
    dg.save([dg.ones(2, 3), {"a": (1, 2.5)}, dg.float16], stream)
    with zipfile.ZipFile(stream) as archive:
        text, memory = archive.read("archive/data.pkl"), archive.read("archive/data/0")
    chance = random.Random(1)
    refused = 0
    for _ in range(400):
        damaged = bytearray(text)
        damaged[chance.randrange(2, len(text))] = chance.randrange(256)
        try:
            dg.load(archive_of(bytes(damaged), [("data/0", memory)]))
        except (RuntimeError, pickle.UnpicklingError):
            refused += 1
    assert refused > 200


def test_a_tensor_beyond_its_memory():
    stream = io.BytesIO()
    dg.save(dg.ones(2, 3), stream)
    with zipfile.ZipFile(stream) as archive:
        text = archive.read("archive/data.pkl")
    larger = text.replace(b"K\x02K\x03\x86", b"K\x02K\x63\x86")
    assert larger != text
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 24"):
        dg.load(archive_of(larger, [("data/0", b"\0" * 24)]))
    with pytest.raises(RuntimeError, match="20 bytes for 6 elements of float32"):
        dg.load(archive_of(text, [("data/0", b"\0" * 20)]))
    with pytest.raises(RuntimeError, match="failed locating file data/0"):
        dg.load(archive_of(text))


def test_memories_of_the_other_byte_order():
    stream = io.BytesIO()
    dg.save(dg.tensor([1.0, 2.0]), stream)
    with zipfile.ZipFile(stream) as archive:
        text, memory = archive.read("archive/data.pkl"), archive.read("archive/data/0")
    swapped = memory[3::-1] + memory[:3:-1]
    turned = archive_of(text, [("data/0", swapped), ("byteorder", b"big")])
    assert dg.load(turned).tolist() == [1, 2]


def test_entries_are_aligned_and_a_mapped_file_is_private(tmp_path):
    path = tmp_path / "a.pt"
    dg.save([dg.ones(5, dtype=dg.float16), dg.ones(3), dg.ones(100)], path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            start = entry.header_offset
            begin = start + 30 + content[start + 26] + 256 * content[start + 27]
            begin += content[start + 28] + 256 * content[start + 29]
            assert begin % 64 == 0
    mapped = dg.load(path, mmap=True)
    mapped[1].add_(4)
    assert mapped[1].tolist() == [5, 5, 5]
    assert dg.load(path)[1].tolist() == [1, 1, 1]


# --- files that are hostile ------------------------------------------------------------------


class Runs:
    """What pickles as a call of anything."""

    def __init__(self, function, *args):
        self.how = function, args

    def __reduce__(self):
        return self.how


def ran(path):
    open(path, "w").close()


HOSTILE = {
    "system": (os.system, "touch {}"),
    "exec": (exec, "open({!r}, 'w')"),
    "own": (ran, "{}"),
    "import": (__import__, "os"),
    "attribute": (getattr, os, "system"),
}


@pytest.mark.parametrize("name", ["system", "exec", "own", "import"])
def test_what_a_hostile_file_would_have_run_is_listed_and_not_run(name, tmp_path):
    function, argument = HOSTILE[name]
    argument = argument.format(str(tmp_path / "was run"))
    text = pickle.dumps({"weights": [1, 2], "x": Runs(function, argument)}, 2)
    with pytest.raises(pickle.UnpicklingError) as error:
        dg.load(archive_of(text))
    told = str(error.value)
    assert "Unsupported global: GLOBAL" in told
    assert f"{function.__name__}({argument!r})" in told
    assert os.listdir(tmp_path) == []


def test_calls_of_results_and_states_are_listed():
    inner = Runs(__import__, "os")
    text = pickle.dumps(Runs(getattr, inner, "system"), 2)
    with pytest.raises(
        pickle.UnpicklingError, match=r"getattr\(__builtin__.__import__\('os'\), 's"
    ):
        dg.load(archive_of(text))


@pytest.mark.parametrize(
    "text",
    [
        b"ctorch\nTensor\n}X\x01\x00\x00\x00aK\x01sb.",  # an attribute of the class Tensor
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb.",
        b"\x80\x02K\x05K\x01\x85R.",  # a number is called
        b"(lp0\n.",  # instructions of the first protocol
        b"\x80\x02]q\x00h\x07.",
        b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",  # memory without end
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.",
        b"\x80\x02N",
        b"",
    ],
)
def test_programs_that_harmless_names_would_allow(text):
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        dg.load(archive_of(text))


@pytest.mark.parametrize(
    "text",
    [
        b")" + b"\x85" * 200_000,
        b"N" + b"K\x01\x86" * 200_000,
        b"ctorch\nSize\n" * 200_000 + b"N\x85" + b"\x85\x85R" * 200_000,
        b"cbuiltins\nslice\n" * 200_000 + b"N" + b"\x85R" * 200_000,
    ],
    ids=["tuples", "pairs", "sizes", "slices"],
)
def test_tuples_too_deep_to_be_hashed(text):
    with pytest.raises(pickle.UnpicklingError, match="more than 1000 tuples"):
        dg.load(archive_of(b"\x80\x02}" + text + b"Ns."))


def test_trusted_classes_are_built_with_their_state():
    point = Point(1)
    point.more = dg.ones(2)
    stream = io.BytesIO()
    dg.save(point, stream)
    stream.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="Point"):
        dg.load(stream)
    stream.seek(0)
    with dg.serialization.safe_globals([Point]):
        back = dg.load(stream)
    assert (back.x, back.more.tolist()) == (1, [1, 1])


class Point:
    def __init__(self, x):
        self.x = x


# --- runs that go on -------------------------------------------------------------------------


class Run:
    """A model in training, everything random in it."""

    def __init__(self, workers, seed):
        dg.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        self.optimiser = dg.optim.Adam(self.model.parameters(), lr=0.05)
        self.schedule = dg.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, 7)
        x = dg.arange(80.0).view(20, 4) / 80
        points = data.TensorDataset(x, x.sum(1, keepdim=True))
        self.loader = data.DataLoader(points, 3, shuffle=True, num_workers=workers)

    def steps(self, count):
        losses = []
        while True:
            for x, y in self.loader:
                if len(losses) == count:
                    return losses
                self.optimiser.zero_grad()
                loss = (self.model(x + 0.01 * dg.randn(x.shape)) - y).square().mean()
                loss.backward()
                self.optimiser.step()
                losses.append(loss.item())
                if len(losses) == count:
                    self.kept = self.state()
                    return losses
            self.schedule.step()

    def state(self):
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "loader": self.loader.get_state(),
            "stream": dg.get_rng_state(),
        }

    def resume(self, state):
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.loader.set_state(state["loader"])
        dg.set_rng_state(state["stream"])


@pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")  # resumed after a pass
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [3, 7, 11])
def test_a_saved_run_goes_on_to_the_same_bits(stop, workers, tmp_path):
    expected = Run(workers, 5).steps(20)
    first = Run(workers, 5)
    before = first.steps(stop)
    dg.save(first.kept, tmp_path / "run.pt")
    second = Run(workers, 99)
    second.resume(dg.load(tmp_path / "run.pt"))
    assert before + second.steps(20 - stop) == expected
