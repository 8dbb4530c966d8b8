"""save and load: what comes back, what shares memory, what is refused."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

import dynagrad as dg
from dynagrad import nn, serialization


def through_file(obj: Any, **options: Any) -> Any:
    """The object, saved and loaded."""
    stream = io.BytesIO()
    dg.save(obj, stream)
    stream.seek(0)
    return dg.load(stream, **options)


@pytest.mark.parametrize(
    "dtype", [dg.float32, dg.float16, dg.int64, dg.bool, dg.complex64, dg.uint16]
)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_of_all_kinds_come_back(dtype: Any, shape: tuple) -> None:
    t = dg.ones(shape).to(dtype)
    back = through_file(t)
    assert back.dtype is dtype and back.shape == t.shape and back.tolist() == t.tolist()


def test_views_share_their_memory_again() -> None:
    base = dg.arange(6.0).view(2, 3)
    loaded, turned = through_file([base, base.t()[1:]])
    assert turned.stride() == (1, 3) and turned.storage_offset() == 1
    loaded[0, 1] = 50
    assert turned[0, 0].item() == 50


def test_what_requires_grad_does_so_again_and_a_parameter_stays_one() -> None:
    leaf, made, parameter = through_file(
        (
            dg.ones(1, requires_grad=True),
            dg.ones(1, requires_grad=True) * 2,
            nn.Parameter(dg.ones(1)),
        )
    )
    assert leaf.requires_grad and made.requires_grad and made.is_leaf
    assert type(parameter) is nn.Parameter and parameter.requires_grad


def test_state_dicts_and_plain_containers_load_as_weights(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    content = {"model": model.state_dict(), "epoch": 3, "of": (dg.Size([2]), dg.float16, {1, 2})}
    dg.save(content, tmp_path / "checkpoint.pt")
    back = dg.load(tmp_path / "checkpoint.pt")
    assert back["epoch"] == 3 and back["of"] == (dg.Size([2]), dg.float16, {1, 2})
    assert type(back["model"]) is OrderedDict
    assert dg.equal(back["model"]["weight"], model.weight)


def test_a_module_loads_only_where_code_may_run() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    back = through_file(model, weights_only=False)
    assert dg.equal(back(dg.ones(1, 2)), model(dg.ones(1, 2)))
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        through_file(model)


def test_a_trusted_name_loads_as_a_weight() -> None:
    value = Path("a")
    with pytest.raises(pickle.UnpicklingError):
        through_file(value)
    with serialization.safe_globals([type(value), (type(value), "pathlib.PosixPath")]):
        assert through_file(value) == value
    assert serialization.get_safe_globals() == []


def test_the_archive_has_the_layout_that_pytorch_reads(tmp_path: Path) -> None:
    dg.save(dg.ones(2), tmp_path / "one.pt")
    names = zipfile.ZipFile(tmp_path / "one.pt").namelist()
    assert names == ["one/data.pkl", "one/byteorder", "one/data/0", "one/version"]


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        dg.save(1, tmp_path / "none" / "x.pt")
    with pytest.raises(FileNotFoundError):
        dg.load(tmp_path / "none.pt")
    with pytest.raises(pickle.UnpicklingError, match="no zip"):
        dg.load(io.BytesIO(b"text"))
    stream = io.BytesIO()
    zipfile.ZipFile(stream, "w").close()
    stream.seek(0)
    with pytest.raises(RuntimeError, match="failed locating file data.pkl"):
        dg.load(stream)


def test_pytorch_reads_ours_and_we_read_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = io.BytesIO(), io.BytesIO()
    content = {"w": [1.5, 2.5], "n": 3}
    dg.save({"w": dg.tensor(content["w"]), "n": 3, "p": nn.Parameter(dg.ones(1))}, ours)
    torch.save(
        {"w": torch.tensor(content["w"]), "n": 3, "p": torch.nn.Parameter(torch.ones(1))}, theirs
    )
    ours.seek(0)
    theirs.seek(0)
    for back in (torch.load(ours), dg.load(theirs)):
        assert back["w"].tolist() == content["w"] and back["n"] == 3
        assert type(back["p"]).__name__ == "Parameter" and back["p"].requires_grad


def test_onnx_files_are_refused_in_words() -> None:
    assert dg.onnx.is_in_onnx_export() is False
    with pytest.raises(dg.onnx.OnnxExporterError, match="type Linear to ONNX\n.*state_dict"):
        dg.onnx.export(nn.Linear(1, 1), (dg.ones(1, 1),), "model.onnx", opset_version=18)
