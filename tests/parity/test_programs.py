"""Whole programs print under `dynagrad run` what they print under PyTorch.

Numbers are compared to 2e-6 of their size; what stands between them, and exact integers, exactly.
"""

import math
import re
from pathlib import Path

import pytest
from launching import PLAINLY, UNDER_DYNAGRAD, launch

torch = pytest.importorskip("torch")

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
FLOAT = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program_prints_the_same(program: Path, tmp_path: Path) -> None:
    settings = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    expected, found = (
        launch(launcher, str(program), folder=tmp_path, **settings)
        for launcher in (PLAINLY, UNDER_DYNAGRAD)
    )
    assert expected.returncode == 0, expected.stderr
    assert found.returncode == 0, found.stderr
    assert FLOAT.sub("#", found.stdout) == FLOAT.sub("#", expected.stdout)
    pairs = zip(FLOAT.findall(found.stdout), FLOAT.findall(expected.stdout), strict=True)
    for got, wanted in pairs:
        assert math.isclose(float(got), float(wanted), rel_tol=2e-6, abs_tol=1.01e-4), (got, wanted)
