"""Every example runs under `dynagrad run`, writes its figures, and prints what PyTorch prints."""

import functools
import importlib.util
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
Image = pytest.importorskip("PIL.Image")

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SETTINGS = {
    "digits": (),
    "himmelblau": ("--steps", "500"),
    "linear_regression": ("--steps", "40", "--every", "10", "--no-window"),
    "logistic_regression": ("--steps", "40", "--every", "10", "--no-window"),
    "autograd_tour": (),
    "gpt": ("--steps", "120"),
    "lstm": (),
    "cnn": (),
    "vae": ("--epochs", "20"),
}
FILES = {
    "digits": ["digits.png"],
    "himmelblau": ["himmelblau.png"],
    "linear_regression": ["linear_regression.gif", "linear_regression.png"],
    "logistic_regression": ["logistic_regression.gif", "logistic_regression.png"],
    "autograd_tour": ["autograd_tour.png"],
    "gpt": ["gpt.png"],
    "lstm": ["lstm.png"],
    "cnn": ["cnn.png"],
    "vae": ["vae.png"],
}
FLOAT = re.compile(r"[-+]?\d+\.\d*")
# Lines that say how long something took, or which library ran.
#: settings with which the examples are run compiled, where not SETTINGS: a convolutional net
#: answers a flip of one rectifier with other digits some epochs later
COMPILED = {
    **{name: SETTINGS[name] for name in ("digits", "himmelblau", "logistic_regression")},
    **{"gpt": ("--steps", "60"), "lstm": ("--epochs", "20"), "vae": ("--epochs", "10")},
    "cnn": ("--epochs", "2"),
}
VARYING = re.compile(r"^(trained in|torch )")
ERROR = re.compile(r"^\s+\w+Error: ")


@functools.cache
def run(
    name: str, *launcher: str, options: tuple[str, ...] | None = None
) -> tuple[str, dict[str, tuple[int, int, int]]]:
    """Run an example; return what it printed, and (width, height, frames) of its pictures."""
    options = SETTINGS[name] if options is None else options
    settings = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    # rounded otherwise, the convolutional net would print other digits: see COMPILED
    settings["DYNAGRAD_EAGER_KERNELS"] = "0" if name == "cnn" else "1"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *launcher, str(EXAMPLES / f"{name}.py"), *options]
        done = subprocess.run(
            command,
            env={**os.environ, **settings},
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=240,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert "Warning" not in done.stderr, done.stderr
        pictures = {}
        for path in re.findall(r"^(?:figure|film): (.+)$", done.stdout, re.MULTILINE):
            with Image.open(Path(folder) / path) as picture:
                pictures[path] = (*picture.size, getattr(picture, "n_frames", 1))
    return done.stdout, pictures


def under_dynagrad(name: str) -> tuple[str, dict[str, tuple[int, int, int]]]:
    """The example's output and pictures under dynagrad."""
    return run(name, "-m", "dynagrad", "run")


def differing_lines(printed: str, expected: str) -> list[tuple[str, str]]:
    """Pairs of lines that differ by more than a last digit, or than an error's further words."""
    left, right = printed.splitlines(), expected.splitlines()
    assert len(left) == len(right), f"{printed}\n---\n{expected}"
    return [pair for pair in zip(left, right, strict=True) if not lines_agree(*pair)]


def lines_agree(printed: str, expected: str) -> bool:
    """Whether a line printed under dynagrad agrees with PyTorch's."""
    if printed == expected:
        return True
    if VARYING.match(expected):
        return VARYING.match(printed) is not None
    if ERROR.match(expected):
        return printed.startswith(expected)
    if FLOAT.sub("#", printed) != FLOAT.sub("#", expected):
        return False
    pairs = zip(FLOAT.findall(printed), FLOAT.findall(expected), strict=True)
    # A value that lies between two roundings may be printed either way.
    return all(math.isclose(float(a), float(b), rel_tol=0, abs_tol=1.01e-4) for a, b in pairs)


def number_after(words: str, text: str) -> float:
    """The last number in the text that follows the words."""
    return float(re.findall(re.escape(words) + r"\s*([-+]?\d+\.?\d*)", text)[-1])


@pytest.mark.parametrize("name", SETTINGS)
def test_pictures_are_written(name):
    _, pictures = under_dynagrad(name)
    assert sorted(Path(path).name for path in pictures) == FILES[name]
    for path, (width, height, frames) in pictures.items():
        assert width > 600 and height > 300
        assert (frames > 4) == path.endswith(".gif")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("name", SETTINGS)
def test_prints_what_torch_prints(name):
    printed, expected = under_dynagrad(name)[0], run(name)[0]
    assert differing_lines(printed, expected) == []


@pytest.mark.skipif(importlib.util.find_spec("llvmlite") is None, reason="no llvmlite")
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_steps_print_the_same(name):
    launcher, options = ("-m", "dynagrad", "run"), COMPILED[name]
    printed, _ = run(name, *launcher, options=(*options, "--compile"))
    expected, _ = run(name, *launcher, options=options)
    assert differing_lines(printed, expected) == []


def test_digits_are_read():
    printed, _ = under_dynagrad("digits")
    assert "torch 2.13.0+dynagrad" in printed
    assert number_after("test accuracy", printed) >= 97
    assert number_after("trained in", printed) < 20
    assert number_after("train loss", printed) == pytest.approx(0.0286, abs=2e-4)


def test_himmelblau_ends_in_the_minima():
    printed, _ = under_dynagrad("himmelblau")
    ends = re.findall(r"to \(\s*(\S+),\s*(\S+)\)\s+f = (\S+)  nearest minimum \((.+)\)", printed)
    assert len(ends) == 6
    for x, y, value, minimum in ends:
        # Two of the valleys are flat; their walks are still on the way after 500 steps.
        assert float(value) < 0.1
        assert math.dist((float(x), float(y)), [float(c) for c in minimum.split(",")]) < 0.1
    assert ends[0][:2] == ("-3.7793", "-3.2832")
    assert len({minimum for *_, minimum in ends}) == 4


def test_line_comes_near_least_squares():
    printed, _ = under_dynagrad("linear_regression")
    learnt, best = (
        [float(number) for number in re.search(rf"{words} +w (\S+)  b (\S+)", printed).groups()]
        for words in ("learnt", "least squares")
    )
    assert learnt == pytest.approx(best, abs=0.7)
    assert number_after("loss", printed) < 0.5


def test_border_divides_the_clouds():
    printed, _ = under_dynagrad("logistic_regression")
    assert number_after("accuracy", printed) == 90
    assert number_after("loss", printed) == pytest.approx(0.2486, abs=2e-4)


def test_gpt_learns_letters():
    printed, _ = under_dynagrad("gpt")
    assert number_after("train loss", printed) < 2.7
    assert "\nShall I compare thee to a summer's day?\n" in printed


def test_lstm_forecasts_better_than_last_year():
    printed, _ = under_dynagrad("lstm")
    assert number_after("forecast:", printed) < 6 < number_after("repeated:", printed)


def test_cnn_and_vae_learn():
    printed, _ = under_dynagrad("cnn")
    assert number_after("test accuracy", printed) >= 95
    printed, _ = under_dynagrad("vae")
    assert number_after("loss", printed) < 26


def test_tour_shows_the_graph_and_its_errors():
    printed, _ = under_dynagrad("autograd_tour")
    assert printed.count("\n      RuntimeError: ") == 12
    for line in (
        "y = tensor([6.], grad_fn=<MulBackward0>)",
        "both paths meet in one accumulator = True",
        "w.grad after a second round = tensor([10.])",
        "derivative 3 of x^4 at 3 = 72.0",
        "w.grad with weights 1, 1 is 5 + 2 = tensor([7.])",
        "z = tensor([4.5000, 2.5000], grad_fn=<CopySlices>)",
        "w.grad, with b's share times 10, is 2 + 30 = tensor([32.])",
    ):
        assert line in printed


@pytest.mark.parametrize("name", SETTINGS)
def test_help_says_how_to_run(name):
    command = [sys.executable, "-m", "dynagrad", "run", str(EXAMPLES / f"{name}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"dynagrad run examples/{name}.py" in done.stdout
    assert "--out DIR" in done.stdout


def test_film_uses_a_window_where_there_is_one(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    figures = importlib.import_module("_figures")
    shown = []

    def open_window(figsize, layout):
        figure = figures.Figure(figsize=figsize, layout=layout)
        figure.canvas.required_interactive_framework = "a window system"
        return figure

    monkeypatch.setattr(figures.plt, "figure", open_window)
    monkeypatch.setattr(figures.plt, "pause", lambda seconds: shown.append(seconds))
    monkeypatch.setattr(figures.plt, "show", lambda: shown.append("until closed"))
    film = figures.Film(tmp_path, "film", 4, 3)
    film.figure.subplots().plot([1, 2])
    film.frame()
    film.finish()
    assert len(shown) == 2 and shown[-1] == "until closed"
    assert [path.name for path in tmp_path.iterdir()] == ["film.png"]
    assert f"figure: {tmp_path / 'film.png'}" in capsys.readouterr().out
