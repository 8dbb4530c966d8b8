"""Every tutorial program prints under `dynagrad run` what PyTorch 2.13 prints for it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from comparing import EXPECTED, HERE, PROGRAMS, difference, environment, lines_agree, run_programs

SUBJECTS = [program.stem for program in PROGRAMS]
TORCH = importlib.util.find_spec("torch")


@pytest.fixture(scope="module")
def under_dynagrad() -> dict:
    """The report of all programs, run through `python -m dynagrad run`."""
    pytest.importorskip("matplotlib")
    return run_programs("-m", "dynagrad", "run")


@pytest.fixture(scope="module")
def under_torch() -> dict:
    """The report of all programs, run with the PyTorch that is installed."""
    if TORCH is None:
        pytest.skip("torch is not installed")
    return run_programs()


def test_each_program_has_its_expected_text():
    assert len(PROGRAMS) >= 48
    assert sorted(path.stem for path in EXPECTED.glob("*.txt")) == SUBJECTS


@pytest.mark.parametrize("subject", SUBJECTS)
def test_program_prints_the_expected_text(subject, under_dynagrad):
    expected = (EXPECTED / f"{subject}.txt").read_text(encoding="utf-8")
    found = difference(subject, under_dynagrad["programs"][subject], expected)
    assert found is None, f"{subject}: {found}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_program_prints_what_torch_prints(subject, under_dynagrad, under_torch):
    printed, expected = (report["programs"][subject] for report in (under_dynagrad, under_torch))
    found = difference(subject, printed, expected)
    assert found is None, f"{subject}: {found}"


def test_torch_was_dynagrad(under_dynagrad):
    assert under_dynagrad["version"] == "2.13.0+dynagrad"
    if TORCH is not None:
        real = str(Path(TORCH.origin).parent)
        assert [file for file in under_dynagrad["files"] if file.startswith(real)] == []


def run_alone(subject: str) -> subprocess.CompletedProcess:
    """Run one program by itself, as a reader of the tutorials would."""
    command = [sys.executable, "-m", "dynagrad", "run", str(HERE / "programs" / f"{subject}.py")]
    return subprocess.run(
        command, env=environment(), capture_output=True, encoding="utf-8", timeout=120
    )


@pytest.mark.parametrize("subject", ["seed_graph", "higher_order", "grad_fn"])
def test_program_alone(subject):
    done = run_alone(subject)
    assert done.returncode == 0, done.stderr
    printed = re.sub("0x[0-9a-fA-F]+", "0x0", done.stdout)
    assert printed == (EXPECTED / f"{subject}.txt").read_text(encoding="utf-8")


def test_program_alone_ends_in_its_error():
    done = run_alone("leaf_in_place")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "w.add_(1)" in done.stderr
    error = (
        "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation"
    )
    assert any(line.startswith(error) for line in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize(
    ("printed", "expected", "agree"),
    [
        ("tensor([1.0000])", "tensor([1.0000])", True),
        ("x = 1.0000001", "x = 1.0", True),
        ("x = 1.00001", "x = 1.0", False),
        ("step 1: 2.0", "step 2: 2.0", False),
        ("tensor(1.)", "tensor(1., grad_fn=<AddBackward0>)", False),
        ("raises RuntimeError: no graph. Make one", "raises RuntimeError: no graph", True),
        ("raises TypeError: no graph", "raises RuntimeError: no graph", False),
    ],
)
def test_comparison_sees_what_it_should(printed, expected, agree):
    assert lines_agree("any", printed, expected) is agree
