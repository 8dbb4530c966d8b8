"""Every page of docs/ is a program: its python blocks run in order, and print what the text blocks
below them say (`...` stands for anything).
"""

import contextlib
import doctest
import io
import linecache
import re
import sys
from pathlib import Path

import pytest

import dynagrad

DOCS = Path(__file__).parent.parent / "docs"
#: coverage.md is a table, which `make coverage` writes
PAGES = sorted(page for page in DOCS.glob("*.md") if page.stem != "coverage")
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
#: the blocks of a page, put together, have this name in tracebacks and messages
NAME = "example.py"


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """(code, expected output or '', number of its first line) of each python block of a page."""
    found: list[tuple[str, str, int]] = []
    line = 1
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            found.append((text, "", line))
            line += text.count("\n")
        elif found and not found[-1][1]:
            found[-1] = (found[-1][0], text, found[-1][2])
    return found


@pytest.fixture
def _torch_is_dynagrad(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", dynagrad)


@pytest.mark.usefixtures("_torch_is_dynagrad")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page):
    parts = blocks(page)
    assert parts, f"{page.name} has no python block"
    source = "".join(code for code, _, _ in parts)
    linecache.cache[NAME] = (len(source), None, source.splitlines(True), NAME)
    names = {"__name__": "example"}
    check = doctest.OutputChecker().check_output
    for code, expected, line in parts:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + code, NAME, "exec"), names)
        if expected and not check(expected, printed.getvalue(), doctest.ELLIPSIS):
            pytest.fail(f"{page.name}:\n{code}\nprints\n\n{printed.getvalue()}", pytrace=False)
