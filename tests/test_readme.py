"""The program in the README prints what its comments say, in both languages."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_first_program(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    program = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {})
    first, second = printed.getvalue().splitlines()
    assert first == "tensor([6.], grad_fn=<MulBackward0>) tensor([5.]) tensor([2.])"
    assert f"# {first}" in program
    assert second == "tensor([6.], grad_fn=<MulBackward0>) (tensor([2.]),)"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_file_named_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / target).exists(), target
