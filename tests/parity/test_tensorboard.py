"""torch.utils.tensorboard: the files hold what PyTorch's writer writes, record by record."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scenario import Cases, failure

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch.utils.tensorboard as theirs
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.util import tensor_util

import dynagrad  # noqa: E402
import dynagrad.utils.tensorboard as ours  # noqa: E402

case = Cases()


def written(folder):
    """The records of all files in a folder, by the file's own folder; other files' contents."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            path, inside = os.path.join(place, name), os.path.relpath(place, folder)
            if "tfevents" not in name:
                with open(path, "rb") as file:
                    found[inside, name] = file.read()
                continue
            for event in LegacyEventFileLoader(path).Load():
                event.wall_time = 0
                if not event.HasField("source_metadata"):
                    found.setdefault(inside, []).append(event)
    return found


def both(write, tmp_path):
    """What `write(torch, writer)` leaves behind, with either library."""
    for library, module, name in ((dynagrad, ours, "ours"), (torch, theirs, "theirs")):
        library.manual_seed(0)
        with module.SummaryWriter(str(tmp_path / name)) as writer:
            write(library, writer)
    return written(tmp_path / "ours"), written(tmp_path / "theirs")


@case
def scalars(torch, w):
    w.add_scalar("loss", 1.5, 3)
    w.add_scalar("loss", torch.tensor(2.5, requires_grad=True), torch.tensor(4), walltime=7.0)
    w.add_scalar("loss", np.float64(0.1))
    w.add_scalar("bf16", torch.tensor([[1.25]], dtype=torch.bfloat16), 1)
    w.add_scalar("new", torch.tensor(2.5), 4, new_style=True)
    w.add_scalar("double", 0.1, 4, new_style=True, double_precision=True)
    w.add_scalars("main/x", {"u": 1, "v": torch.tensor(2.0)}, 5)
    w.add_scalars("main/x", {"u": 3}, 6)


@case
def histograms(torch, w):
    values = torch.randn(1000)
    w.add_histogram("default", values, 1)
    for bins in ("auto", "fd", "sqrt", 5, [0.0, 0.5, 2.0]):
        w.add_histogram("h", values, 2, bins=bins)
        w.add_histogram("fewer", values.numpy(), 2, bins=bins, max_bins=3)
    w.add_histogram("ints", torch.arange(10), 3)
    w.add_histogram("one", 3.0, 3)
    w.add_histogram("zeros", torch.zeros(4, 2), 3)
    w.add_histogram_raw("raw", 0.0, 1.0, 2, 1.0, 1.0, [0.5, 1.0], [1, 1], 4)


@case
def texts_and_tensors(torch, w):
    w.add_text("notes", "hello **world** é", 2)
    for dtype in ("int8", "int16", "float32", "float64", "int32", "int64", "uint8", "bool"):
        w.add_tensor("t", torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)), 1)
    w.add_tensor("t", torch.tensor([1 + 2j]), 2)
    w.add_custom_scalars({"A": {"x": ["Multiline", ["a", "b"]], "y": ["Margin", ["l", "m", "u"]]}})
    w.add_custom_scalars_multilinechart(["a", "b"], title="t")
    w.add_custom_scalars_marginchart(["l", "m", "u"], category="c")


@case
def hyperparameters(torch, w):
    chosen = {"lr": 0.1, "n": 4, "s": "x", "t": torch.tensor([2.0]), "none": None}
    w.add_hparams(chosen, {"acc": 0.5, "loss": torch.tensor(1.0)}, run_name="r")
    domains = {"n": [1, 4], "s": ["x", "y"]}
    w.add_hparams({"n": 4, "s": "x"}, {}, domains, run_name="q", global_step=2)


@case
def curves(torch, w):
    labels, predictions = torch.randint(2, (50,)), torch.rand(50)
    w.add_pr_curve("pr", labels, predictions, 1)
    w.add_pr_curve("pr", labels.numpy(), predictions.numpy(), 2, 10, np.linspace(0, 1, 50))
    w.add_pr_curve_raw("raw", *torch.rand(6, 5), 1, num_thresholds=5)


@case
def images(torch, w):
    image = torch.rand(3, 6, 5)
    w.add_image("chw", image, 1)
    w.add_image("grey", image[:1] * 3 - 1, 1)
    w.add_image("hwc", image.permute(1, 2, 0).numpy(), 1, dataformats="HWC")
    w.add_image("hw", (image[0] * 255).to(torch.uint8), 1, dataformats="HW")
    w.add_image("rgba", torch.rand(4, 6, 5), 1)
    w.add_images("many", torch.rand(11, 3, 4, 5), 1)
    w.add_images("bytes", torch.arange(40, dtype=torch.uint8).reshape(2, 4, 5, 1), 1, None, "NHWC")
    boxes = torch.tensor([[1.0, 2, 30, 30], [5, 5, 12, 20]])
    w.add_image_with_boxes("b", torch.rand(3, 40, 50), boxes, 1)
    w.add_image_with_boxes("b", torch.rand(3, 40, 50), boxes, 1, rescale=2, labels=["cat", "dog"])
    w.add_image_with_boxes("b", torch.rand(3, 40, 50), boxes[:1], 1, labels="cat")


@case
def sounds_and_bodies(torch, w):
    w.add_audio("tone", torch.linspace(-1, 1, 100).reshape(1, -1), 1, sample_rate=1000)
    w.add_audio("loud", torch.linspace(-3, 3, 100), 1)
    vertices, faces = torch.rand(1, 4, 3), torch.tensor([[[0, 1, 2], [1, 2, 3]]])
    colors = torch.full((1, 4, 3), 255)
    w.add_mesh("m", vertices, colors=colors, faces=faces, config_dict={"b": 1, "a": [2]})
    w.add_mesh("m", vertices, global_step=3)


@case
def embeddings(torch, w):
    points = torch.rand(5, 3)
    w.add_embedding(points)
    w.add_embedding(points, list("abcde"), torch.rand(5, 3, 4, 4), global_step=2)
    rows = [[c, i] for i, c in enumerate("abcde")]
    w.add_embedding(points.numpy(), rows, tag="o/x", global_step=3, metadata_header=["n", "i"])


@case
def figures(torch, w):
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(2, 1))
    figure.add_subplot().plot([1, 3, 2])
    w.add_figure("f", figure, 1, close=False)
    w.add_figure("f", [figure, figure], 2, close=False)


@pytest.mark.parametrize("write", case, ids=lambda c: c.__name__)
def test_files_hold_the_same(write, tmp_path):
    a, b = both(write, tmp_path)
    assert a.keys() == b.keys()
    for place, records in b.items():
        assert a[place] == records, place


def test_read_back(tmp_path):
    with ours.SummaryWriter(tmp_path) as writer:
        for step in range(5):
            writer.add_scalar("loss", dynagrad.tensor(1.0 / (1 + step)), step)
        writer.flush()
        read = EventAccumulator(str(tmp_path))
        read.Reload()
    events = read.Scalars("loss")
    assert [e.step for e in events] == list(range(5))
    assert [e.value for e in events] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


def test_an_earlier_run_is_purged(tmp_path):
    found = []
    for module, name in ((ours, "a"), (theirs, "b")):
        writer = module.SummaryWriter(tmp_path / name, purge_step=3, filename_suffix=".x")
        writer.add_scalar("loss", 1, 3)
        writer.close()
        writer.add_scalar("loss", 2, 4)  # opens a new file
        writer.close()
        writer.close()
        found.append(written(tmp_path / name))
        assert all(f.endswith(".x") for f in os.listdir(tmp_path / name))
    assert found[0] == found[1]


def test_where_files_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ours.SummaryWriter(comment="_lr") as writer:
        assert writer.log_dir.startswith("runs") and writer.log_dir.endswith("_lr")
        assert writer.get_logdir() == writer.log_dir and os.path.isdir(writer.log_dir)
        assert list(writer.all_writers) == [writer.file_writer.get_logdir()]
    assert writer.default_bins == theirs.SummaryWriter(tmp_path / "x").default_bins


def test_halves_are_read_back(tmp_path):
    """PyTorch writes the bits of float32 where those of float16 belong."""
    numbers = [0.0, 1.0, -2.5, 0.1, float("inf")]
    with ours.SummaryWriter(tmp_path) as writer:
        writer.add_tensor("h", dynagrad.tensor(numbers, dtype=dynagrad.float16), 0)
    (event,) = written(tmp_path)["."]
    found = tensor_util.make_ndarray(event.summary.value[0].tensor)
    assert found.dtype == np.float16 and np.array_equal(found, np.float16(numbers))


def test_videos_are_animations(tmp_path):
    pil = pytest.importorskip("PIL.Image")
    with ours.SummaryWriter(tmp_path) as writer:
        writer.add_video("v", dynagrad.rand(3, 4, 3, 8, 6), 1, fps=2)
    (event,) = written(tmp_path)["."]
    made = event.summary.value[0].image
    assert (made.height, made.width, made.colorspace) == (16, 12, 3)
    import io

    picture = pil.open(io.BytesIO(made.encoded_image_string))
    assert picture.n_frames == 4 and picture.info["duration"] == 500


def test_graphs(tmp_path):
    nn = dynagrad.nn
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(), nn.Linear(3, 1))
    with ours.SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, dynagrad.ones(4, 2))
    assert model.training and model[2].training
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    (event,) = written(tmp_path)["."]
    nodes = {n.name: n for n in GraphDef.FromString(event.graph_def).node}
    assert {"0/weight", "0/bias", "3/weight", "3/bias", "output/0"} <= nodes.keys()
    assert sorted(n.op for n in nodes.values()) == sorted(
        ["Addmm"] * 2 + ["T"] * 2 + ["Relu", "IO Node", "IO Node"] + ["Parameter"] * 4
    )
    assert all(name in nodes for n in nodes.values() for name in n.input)


WRONG = {
    "several": lambda t, w: w.add_scalar("x", t.ones(2)),
    "word": lambda t, w: w.add_scalar("x", "foo"),
    "nothing": lambda t, w: w.add_scalar("x", None),
    "no values": lambda t, w: w.add_histogram("x", t.tensor([])),
    "nan": lambda t, w: w.add_histogram("x", t.tensor([float("nan")])),
    "list": lambda t, w: w.add_histogram("x", [1.0]),
    "raw": lambda t, w: w.add_histogram_raw("x", 0, 1, 1, 1, 1, [1], [1, 2]),
    "layout": lambda t, w: w.add_image("x", t.rand(3, 4, 5), dataformats="HW"),
    "letters": lambda t, w: w.add_image("x", t.rand(3, 4, 5), dataformats="CHH"),
    "channels": lambda t, w: w.add_image("x", t.rand(5, 4, 5)),
    "sound": lambda t, w: w.add_audio("x", t.ones(2, 3, 4)),
    "labels": lambda t, w: w.add_embedding(t.rand(4, 3), metadata=["a"]),
    "pictures": lambda t, w: w.add_embedding(t.rand(4, 3), label_img=t.rand(3, 3, 2, 2), tag="i"),
    "points": lambda t, w: w.add_embedding(t.rand(4), tag="p"),
    "hparams": lambda t, w: w.add_hparams([], {}),
    "value": lambda t, w: w.add_hparams({"a": []}, {}),
    "domain": lambda t, w: w.add_hparams({"a": 1}, {}, {"a": ["x"]}),
    "margin": lambda t, w: w.add_custom_scalars_marginchart(["a"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes(name, tmp_path):
    texts = []
    for library, module in ((dynagrad, ours), (torch, theirs)):
        with module.SummaryWriter(tmp_path / library.__name__) as writer:
            with pytest.raises(Exception) as raised:  # noqa: PT011
                WRONG[name](library, writer)
        texts.append(failure(raised.value))
    if name == "margin":  # PyTorch's says nothing
        assert texts[0][0] == texts[1][0]
    else:
        assert texts[0] == texts[1]


def test_other_writers_are_refused(tmp_path):
    with ours.SummaryWriter(tmp_path) as writer, pytest.raises(NotImplementedError, match="ONNX"):
        writer.add_onnx_graph("x")


def test_without_the_package():
    code = (
        "import sys; sys.modules['tensorboard'] = None\n"
        "try:\n    import dynagrad.utils.tensorboard\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs the package tensorboard" in done.stdout
    assert "pip install 'dynagrad[tensorboard]'" in done.stdout


def test_under_the_alias(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import torch\nfrom torch.utils.tensorboard import SummaryWriter\n"
        f"with SummaryWriter({str(tmp_path / 'log')!r}) as w:\n"
        "    w.add_scalar('loss', torch.tensor(1.0), 0)\n"
        "print(type(w).__module__)\n"
    )
    command = [sys.executable, "-m", "dynagrad", "run", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == theirs.SummaryWriter.__module__
    assert len(os.listdir(tmp_path / "log")) == 1
