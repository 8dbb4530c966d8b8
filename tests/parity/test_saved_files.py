"""Files go both ways: what torch.save writes here loads in PyTorch, and the other way round."""

import io
import os
import pickle
from collections import Counter, OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

LIBRARIES = (dynagrad, torch)
DTYPES = [
    *("float32", "float64", "float16", "bfloat16", "complex64", "complex128", "bool"),
    *("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
]


def carried(content, giver, taker, path, **options):
    """What one library loads of what the other has saved."""
    giver.save(content(giver), path)
    return taker.load(path, **options)


def plain(value):
    """Containers and tensors as lists that can be compared."""
    if hasattr(value, "tolist"):
        return (str(value.dtype).rpartition(".")[2], tuple(value.shape), value.tolist())
    if isinstance(value, dict):
        return type(value).__name__, [(plain(k), plain(v)) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(v) for v in value]
    return str(value).replace("dynagrad.", "torch.")


CONTENTS = {
    "containers": lambda t: {
        "none": None,
        "numbers": [1, -5, 2**40, 10**30, 1.5, float("inf"), True, 3 + 4j],
        "texts": ("", "ä€", "x" * 300, b"bytes", b"y" * 300, bytearray(b"z")),
        "sets": {1},
        "ordered": OrderedDict(b=1, a=2),
        "counted": Counter("aab"),
        "kinds": [t.float32, t.Size([2, 3]), t.device("cpu")],
        5: [(), [], {}],
    },
    "views": lambda t: (lambda base: [base, base.t(), base[1:, ::2], base.view(-1)[3:5], base[:0]])(
        t.arange(12.0).view(3, 4)
    ),
    "channels last": lambda t: (
        lambda base: [base, t.zeros_like(base) + base, (base * 2)[:, 1:], base.clone()[1].mT]
    )(t.arange(48.0).view(2, 3, 2, 4).contiguous(memory_format=t.channels_last)),
    "gradients": lambda t: [t.ones(2, requires_grad=True), t.nn.Parameter(t.zeros(3))],
    "models": lambda t: (
        t.manual_seed(0),
        t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.LayerNorm(4)).state_dict(),
    )[1],
    "expanded": lambda t: t.ones(1).expand(5),
    "conjugated": lambda t: t.tensor([1 + 2j]).conj(),
    "a million": lambda t: t.arange(1_000_003, dtype=t.float32),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_contents_go_both_ways(name, tmp_path):
    path = tmp_path / "a.pt"
    expected = plain(CONTENTS[name](torch))
    assert plain(carried(CONTENTS[name], dynagrad, torch, path, weights_only=True)) == expected
    assert plain(carried(CONTENTS[name], torch, dynagrad, path)) == expected
    assert plain(carried(CONTENTS[name], dynagrad, dynagrad, path)) == expected
    assert plain(dynagrad.load(path, weights_only=False)) == expected
    assert plain(dynagrad.load(path, mmap=True)) == expected
    assert plain(torch.load(path, mmap=True)) == expected


@pytest.mark.parametrize("kind", DTYPES)
def test_dtypes_go_both_ways(kind, tmp_path):
    def content(t):
        whole = t.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(t, kind))
        return [whole, whole[1, 2], whole[:, :0]]

    for giver, taker in (LIBRARIES, LIBRARIES[::-1]):
        found = carried(content, giver, taker, tmp_path / "a.pt", weights_only=True)
        assert plain(found) == plain(content(torch))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(protocol):
    content = {"a": dynagrad.arange(3), "b": ("x", {1.5}, b"\x00", frozenset({1}))}
    stream = io.BytesIO()
    dynagrad.save(content, stream, pickle_protocol=protocol)
    stream.seek(0)
    assert plain(dynagrad.load(stream)) == plain(content)


def optimiser_states(t, kind, **options):
    t.manual_seed(0)
    model = t.nn.Linear(3, 2)
    optimiser = getattr(t.optim, kind)(model.parameters(), lr=0.1, **options)
    for _ in range(3):
        optimiser.zero_grad()
        model(t.ones(4, 3)).square().sum().backward()
        optimiser.step()
    return {"model": model.state_dict(), "optimiser": optimiser.state_dict()}


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_run_goes_on_in_the_other_library(kind, tmp_path):
    options = {"momentum": 0.9} if kind in ("SGD", "RMSprop") else {}
    weights = []
    for giver in LIBRARIES:
        for taker in LIBRARIES:
            giver.save(optimiser_states(giver, kind, **options), tmp_path / "run.pt")
            state = taker.load(tmp_path / "run.pt", weights_only=True)
            model = taker.nn.Linear(3, 2)
            optimiser = getattr(taker.optim, kind)(model.parameters(), lr=0.5, **options)
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            optimiser.zero_grad()
            model(taker.ones(4, 3)).square().sum().backward()
            optimiser.step()
            weights.append(model.weight.detach().numpy())
    for found in weights[1:]:
        np.testing.assert_allclose(found, weights[0], rtol=1e-6)


def test_names_that_are_no_weights_are_told_in_both(tmp_path):
    class_of = {"path": os.getcwd, "tensor": 1}
    torch.save(class_of, tmp_path / "a.pt")
    for t in LIBRARIES:
        with pytest.raises(pickle.UnpicklingError, match=r"^Weights only load failed"):
            t.load(tmp_path / "a.pt")
    found = dynagrad.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "a.pt")
    assert found == torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "a.pt")


MAPS = {
    "nothing": None,
    "text": "cpu",
    "device": lambda t: t.device("cpu"),
    "dict": {"cuda:0": "cpu"},
    "function": lambda t: lambda storage, location: storage,
}


@pytest.mark.parametrize("name", MAPS)
def test_map_location(name, tmp_path):
    torch.save(torch.ones(2), tmp_path / "a.pt")
    for t in LIBRARIES:
        wanted = MAPS[name](t) if callable(MAPS[name]) else MAPS[name]
        assert t.load(tmp_path / "a.pt", map_location=wanted).tolist() == [1, 1]


def test_devices_that_are_not_here(tmp_path):
    torch.save(torch.ones(2), tmp_path / "a.pt")
    for t in LIBRARIES:
        with pytest.raises(RuntimeError, match="deserialize object on a CUDA device"):
            t.load(tmp_path / "a.pt", map_location="cuda")
        with pytest.raises(ValueError, match="f must be a file path in order to use the mmap"):
            t.load(io.BytesIO((tmp_path / "a.pt").read_bytes()), mmap=True)


def test_numpy_archives_hold_tensors(tmp_path):
    found = []
    for t in LIBRARIES:
        content = {"a": t.arange(3), "b": t.ones(2, 2, dtype=t.float64)}
        np.savez(tmp_path / "a.npz", **content)
        with np.load(tmp_path / "a.npz") as archive:
            found.append({n: plain(t.from_numpy(archive[n])) for n in archive.files})
    assert found[0] == found[1]


def test_safetensors_go_both_ways(tmp_path):
    pytest.importorskip("safetensors")
    from safetensors.torch import load_file, save_file

    from dynagrad.serialization import safetensors

    def content(t):
        kinds = [k for k in DTYPES if k != "complex128"]
        return {k: t.tensor([[0, 1, 1]]).to(getattr(t, k)) for k in kinds}

    safetensors.save_file(content(dynagrad), tmp_path / "a.safetensors", {"by": "us"})
    assert plain(dict(sorted(load_file(tmp_path / "a.safetensors").items()))) == plain(
        dict(sorted(content(torch).items()))
    )
    save_file(content(torch), tmp_path / "b.safetensors")
    found = safetensors.load_file(tmp_path / "b.safetensors")
    assert plain(dict(sorted(found.items()))) == plain(dict(sorted(content(torch).items())))


def test_what_safetensors_refuse_and_tied_models(tmp_path):
    pytest.importorskip("safetensors")
    from safetensors import torch as theirs

    from dynagrad.serialization import safetensors as ours

    for t, library in ((dynagrad, ours), (torch, theirs)):
        x = t.ones(2, 3)
        with pytest.raises(RuntimeError, match="Some tensors share memory"):
            library.save({"a": x, "b": x[:1]})
        with pytest.raises(ValueError, match="non contiguous tensor: `a`"):
            library.save({"a": x.t()})
        with pytest.raises(ValueError, match="Key `a` is invalid"):
            library.save({"a": 3})
        model = t.nn.Sequential(t.nn.Linear(2, 2, bias=False), t.nn.Linear(2, 2, bias=False))
        model[1].weight = model[0].weight
        library.save_model(model, str(tmp_path / "m.safetensors"))
        fresh = t.nn.Sequential(t.nn.Linear(2, 2, bias=False), t.nn.Linear(2, 2, bias=False))
        fresh[1].weight = fresh[0].weight
        missing, unexpected = library.load_model(fresh, str(tmp_path / "m.safetensors"))
        assert not missing and not unexpected
        assert t.equal(fresh[1].weight, model[0].weight)


def test_whole_modules_go_both_ways(tmp_path):
    x = [[[0.1, 0.2, 0.3, 0.4]]]
    for ours, theirs in ((dynagrad, torch), (torch, dynagrad)):
        model = ours.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
        model.linear1.weight.tag = "kept"
        ours.save(model, tmp_path / "whole.pt")
        ours.save(ours.ones(2), Onward(tmp_path / f"{ours.__name__}.pt"))
        found = theirs.load(tmp_path / "whole.pt", weights_only=False)
        assert found.linear1.weight.tag == "kept"
        assert found.activation is theirs.nn.functional.relu
        expected = model(ours.tensor(x)).flatten().tolist()
        assert found(theirs.tensor(x)).flatten().tolist() == pytest.approx(expected, abs=1e-5)
        assert theirs.load(tmp_path / f"{ours.__name__}.pt").tolist() == [1, 1]


class Onward:
    """A stream that can only be written on."""

    def __init__(self, path):
        self.path = path

    def write(self, part):
        with open(self.path, "ab" if self.path.exists() else "wb") as file:
            return file.write(part)

    def flush(self):
        pass
