"""Starts programs in processes of their own, plainly or through the command line."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

PLAINLY = (sys.executable,)
UNDER_DYNAGRAD = (sys.executable, "-m", "dynagrad", "run")


def launch(
    launcher: tuple[str, ...],
    *arguments: str,
    folder: Path,
    stdin: str | None = None,
    **settings: str,
) -> subprocess.CompletedProcess[str]:
    """Run `launcher arguments...` in `folder`, with `settings` added to the environment."""
    environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", **settings}
    return subprocess.run(
        [*launcher, *arguments],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def write(path: Path, text: str) -> Path:
    """Write a program, its indentation taken off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def printed(code: str, folder: Path, **settings: str) -> str:
    """What `code` prints under `dynagrad run`; it must end well and without warnings."""
    path = write(folder / "program.py", code)
    done = launch(UNDER_DYNAGRAD, str(path), folder=folder, PYTHONWARNINGS="error", **settings)
    assert not done.returncode and not done.stderr, done.stdout + done.stderr
    return done.stdout
