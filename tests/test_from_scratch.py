"""The tutorial docs/from_scratch.py runs, and stays short."""

import subprocess
import sys
from pathlib import Path

TUTORIAL = Path(__file__).parent.parent / "docs" / "from_scratch.py"


def test_tutorial_runs():
    result = subprocess.run([sys.executable, TUTORIAL], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "every assertion of this file holds" in result.stdout
    assert "(g * (1 - (out * out)))" in result.stdout


def test_tutorial_is_short():
    assert len(TUTORIAL.read_text(encoding="utf-8").splitlines()) <= 400
