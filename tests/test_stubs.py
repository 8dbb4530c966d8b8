"""The type stub of Tensor: as the script writes it, and good enough for a program."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from architecture import PROJECT

STUB = PROJECT / "src/dynagrad/core/tensor.pyi"
METHODS = PROJECT / "src/dynagrad/functions/methods.py"

#: Every line marked `wrong` must be an error, no other line may be one.
PROGRAM = """
import dynagrad as torch
from dynagrad import Tensor

x = torch.ones(2, 3, requires_grad=True)
y: Tensor = (x * 2 + 1).exp().sum(dim=1, keepdim=True)
y.sum().backward()
rows: int = x.size(0)
shape: tuple = x.size()
count: int = x.dim() + x.numel()
values = x.detach().numpy().tolist()
close: bool = x.allclose(x)
first: Tensor = x[0]
parts: list[Tensor] = [row.abs_() for row in x.float().unbind()]
gradient: Tensor | None = x.grad
x.grad = None
x.requires_grad = False
(-x @ x.T).masked_fill_(x > 0, 1.0)
x.summ()  # wrong
x.exp(1)  # wrong
x.is_leaf = True  # wrong
number: int = x.clamp(min=0)  # wrong
"""


def run(*command: object, folder: Path) -> subprocess.CompletedProcess:
    """A program of this environment, for which the package lies in src."""
    settings = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    words = [sys.executable, *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, env=settings)


def test_the_stub_is_what_the_script_writes(tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    done = run(PROJECT / "tools/stubs.py", tmp_path / "tensor.pyi", folder=PROJECT)
    assert not done.returncode, done.stderr
    written = (tmp_path / "tensor.pyi").read_text(encoding="utf-8")
    assert written == STUB.read_text(encoding="utf-8"), "run: make stubs"


def test_every_method_is_in_the_stub() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    (tensor,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Tensor"]
    known = {node.name for node in tensor.body if isinstance(node, ast.FunctionDef)}
    installed = re.findall(r"^Tensor\.(\w+) =", METHODS.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(installed) > 500
    assert not set(installed) - known


def test_a_program_has_types(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text(
        f'{{"extraPaths": ["{(PROJECT / "src").as_posix()}"], "pythonVersion": "3.11"}}'
    )
    done = run("-m", "pyright", "--pythonpath", sys.executable, "program.py", folder=tmp_path)
    found = {int(line) for line in re.findall(r"program\.py:(\d+):\d+ - error", done.stdout)}
    marked = {n for n, line in enumerate(PROGRAM.splitlines(), 1) if "# wrong" in line}
    assert found == marked, done.stdout + done.stderr
