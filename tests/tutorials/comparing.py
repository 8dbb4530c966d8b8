"""Run the tutorial programs in a subprocess and compare what they print, number by number."""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNNER = HERE / "runner.py"
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
EXPECTED = HERE / "expected"

FLOAT = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?")
RELATIVE = 2e-6
# Adam passes a saddle on its way, which stretches rounding, and at the minimum the value is the
# square of a rounding error.
LOOSER = {"himmelblau_adam": (1e-5, 1e-9)}


def environment() -> dict[str, str]:
    """The environment for a subprocess: one thread, no window, UTF-8 on every system."""
    settings = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    return {**os.environ, **settings}


def run_programs(*launcher: str, programs: list[Path] = PROGRAMS) -> dict:
    """Run programs in one subprocess, started as `python LAUNCHER... runner.py`.

    Returns the runner's report; the programs are keyed by their subject (the file's stem).
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "report.json"
        command = [sys.executable, *launcher, str(RUNNER), str(target), *map(str, programs)]
        done = subprocess.run(
            command, env=environment(), capture_output=True, encoding="utf-8", timeout=300
        )
        if done.returncode:
            raise RuntimeError(f"the runner failed:\n{done.stdout}\n{done.stderr}")
        report = json.loads(target.read_text(encoding="utf-8"))
    report["programs"] = {Path(path).stem: text for path, text in report["programs"].items()}
    return report


def difference(subject: str, printed: str, expected: str) -> str | None:
    """Say how two reports differ, or return None where they agree.

    Texts must be equal but for their floating-point numbers, which may differ by rounding, and but
    for the first sentence of an error, which may go on after the expected words.
    """
    if printed == expected:
        return None
    printed_lines, expected_lines = printed.splitlines(), expected.splitlines()
    if len(printed_lines) != len(expected_lines):
        return f"{len(printed_lines)} lines, expected {len(expected_lines)}:\n{printed}"
    for number, pair in enumerate(zip(printed_lines, expected_lines, strict=True), start=1):
        if not lines_agree(subject, *pair):
            return f"line {number}:\n  printed  {pair[0]}\n  expected {pair[1]}"
    return None


def lines_agree(subject: str, printed: str, expected: str) -> bool:
    """Whether one printed line agrees with the expected one."""
    if expected.startswith(("raises ", "warns ")):
        return printed.startswith(expected)
    if FLOAT.sub("#", printed) != FLOAT.sub("#", expected):
        return False
    relative, absolute = LOOSER.get(subject, (RELATIVE, 0.0))
    pairs = zip(FLOAT.findall(printed), FLOAT.findall(expected), strict=True)
    return all(
        math.isclose(float(a), float(b), rel_tol=relative, abs_tol=absolute) for a, b in pairs
    )
