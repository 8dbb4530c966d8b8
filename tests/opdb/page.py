"""Writes docs/coverage.md: every operation of PyTorch's list, what of it is supported here, and
what differs.

    python tests/opdb/page.py [--jobs 2]      runs everything first (make coverage)
    python tests/opdb/page.py --json FILE     takes what `score.py --json FILE` wrote

Fails where a difference has no line in known.txt, or a line there is not needed any more.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import types
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from opdb.entries import at
from opdb.known import reason_of, stale, unknown
from opdb.score import scores

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "coverage.md"
ABSENT = Path(__file__).with_name("absent.txt")
#: the columns of the table, and the rows of the score that each one sums up
COLUMNS = {
    "forward": ("forward",),
    "other dtypes": ("dtype",),
    "layout": ("strides", "alias"),
    "gradient": ("grad", "saved"),
    "second": ("gradgrad",),
    "forward mode": ("forward-mode",),
    "vmap": ("vmap",),
    "method": ("method", "aliases"),
    "in-place": ("inplace",),
    "out=": ("out",),
    "errors": ("error",),
}
HEAD = """# What of PyTorch there is

PyTorch carries a list of its operations with sample inputs, which its own tests run. This page
comes from running that list on both libraries (`make coverage` writes it anew). A tick means that
every sample gave PyTorch's result; a number, a difference that the notes below the table explain;
nothing, that PyTorch does not have that form either.

* **forward**: dtypes, shapes and values in float32, float64, int64 and bool; **other dtypes**: in
  float16, bfloat16, complex64, complex128 and the other integers.
* **layout**: strides, which tensors share memory, which are the same object.
* **gradient**: by every input, in float32, float64 and complex128, and an error or the right
  number where a saved tensor was overwritten; **second**: gradients of the gradients;
  **forward mode**: tangents; **vmap**: batches, and their gradients, equal a loop.
* **method**: as a method of `Tensor`, and PyTorch's other names of the operation; **in-place**:
  `name_`, with its gradient; **out=**: into tensors of several sizes, strides and dtypes.
* **errors**: the list's bad calls, which must raise an error of PyTorch's type.

Values are compared within PyTorch's own bounds for the operation and dtype. Where two roundings of
one number differ by more, PyTorch's result in a wider dtype decides: ours may miss it by at most
twice of what PyTorch's does. Of an ill-conditioned problem the results may also lie as far apart as
some roundings of its arguments move PyTorch's own.

What the list does not reach: `binary_cross_entropy_with_logits` has gradients by its weights
everywhere, in PyTorch inside of `torch.func` alone; `lobpcg` decomposes the whole matrix.
"""
#: where public names stand, and what of PyTorch's has no place here
SPACES = (
    *("", "Tensor", "nn.functional", "linalg", "fft", "special", "masked", "signal.windows"),
    *("autograd", "func"),
)


#: what counts as a function or method of the public surface
FUNCTIONS = (
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType),
    *(types.GetSetDescriptorType, property),
)


def missing_names(space: str) -> tuple[list[str], int]:
    """PyTorch's public functions at a path that lack a counterpart here, and their count."""
    theirs: Any = torch
    for part in filter(None, space.split(".")):
        theirs = getattr(theirs, part)
    public = getattr(theirs, "__all__", None) or dir(theirs)
    names = [
        name
        for name in public
        if name[0] != "_" and isinstance(getattr(theirs, name, None), FUNCTIONS)
    ]
    lacking = []
    for name in sorted(set(names)):
        try:
            at(f"{space}.{name}" if space else name)
        except (AttributeError, NotImplementedError):
            lacking.append(name)
    return lacking, len(set(names))


def absences() -> list[tuple[list[str], str]]:
    """What absent.txt says: patterns of names, and why these are missing."""
    lines = ABSENT.read_text(encoding="utf-8").splitlines()
    parts = [line.partition("|") for line in lines if line.strip() and line[0] != "#"]
    return [(patterns.split(), reason.strip()) for patterns, _, reason in parts]


def _reason(name: str) -> str:
    for patterns, reason in absences():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return reason
    return ""


def reasons(lacking: list[str]) -> dict[str, list[str]]:
    """Missing names by the reason; those without one under an empty text."""
    found: dict[str, list[str]] = {}
    for name in lacking:
        found.setdefault(_reason(name), []).append(name)
    return found


def stale_absences() -> list[str]:
    """Patterns in absent.txt that no missing name needs."""
    lacking = [name for space in SPACES for name in missing_names(space)[0]]
    patterns = [pattern for found, _ in absences() for pattern in found]
    return [p for p in patterns if not any(fnmatchcase(name, p) for name in lacking)]


def table(results: dict[str, dict[str, str]]) -> list[str]:
    """The table of operations and the notes below it."""
    notes: dict[str, int] = {}
    lines = [f"| operation | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name in sorted(results):
        cells = []
        for rows in COLUMNS.values():
            found = {k: v for k, v in results[name].items() if k.split()[0] in rows}
            wrong = [row for row, text in found.items() if text]
            why = {reason_of(name, row, found[row]) or "not explained yet" for row in wrong}
            numbers = sorted(notes.setdefault(text, len(notes) + 1) for text in sorted(why))
            cells.append(", ".join(map(str, numbers)) if numbers else "✓" if found else "")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return [*lines, "", "## What differs, and why", ""] + [
        f"{number}. {text}" for text, number in notes.items()
    ]


def missing() -> list[str]:
    """What names each of PyTorch's modules has that are not here, and why."""
    lines = []
    for space in SPACES:
        lacking, count = missing_names(space)
        path = f"torch.{space}" if space else "torch"
        lines += [f"**`{path}`**: {count - len(lacking)} of {count} names are here.", ""]
        for reason, names in sorted(reasons(lacking).items()):
            words = reason[:1].upper() + reason[1:] or "Not explained yet"
            lines.append(f"* {words}: {', '.join(f'`{name}`' for name in names)}.")
        lines.append("")
    return lines


def page(results: dict[str, dict[str, str]]) -> str:
    """The whole page."""
    lines = [
        HEAD,
        f"## Scores\n\nOf {len(results)} operations, with PyTorch {torch.__version__}:\n",
    ]
    lines += ["| row | right | of | share |", "|---|---:|---:|---:|"]
    lines += [f"| {row} | {n} | {of} | {n / of:.1%} |" for row, n, of in scores(results)]
    lines += ["", "## Operations", "", *table(results), "", "## Names that are missing", ""]
    lines += missing()
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="results that are there already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.json or Path(folder) / "results.json"
        if not options.json:
            run = [sys.executable, str(Path(__file__).with_name("score.py"))]
            subprocess.run([*run, "--jobs", str(options.jobs), "--json", str(source)])
        results = json.loads(source.read_text(encoding="utf-8"))
    PAGE.write_text(page(results), encoding="utf-8")
    faults = defaultdict(list)
    for name, found in results.items():
        for row, text in unknown(name, found).items():
            faults[name].append(f"    {row:<24}{text}")
    for name, lines in faults.items():
        print(name, *lines, sep="\n")
    for line in stale(results):
        print(f"not needed any more: {line.operation} | {line.row}")
    lacking = {name for space in SPACES for name in missing_names(space)[0]}
    lone = reasons(sorted(lacking)).get("", []) + stale_absences()
    for name in lone:
        print(f"absent.txt: {name} is missing without a reason, or there by now")
    print(f"wrote {PAGE.relative_to(PROJECT)}; {len(faults)} operations are not explained")
    return bool(faults or stale(results) or lone)


if __name__ == "__main__":
    sys.exit(main())
