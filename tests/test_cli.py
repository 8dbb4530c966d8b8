"""`dynagrad run` starts a program as `python` does, with dynagrad in PyTorch's place."""

import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from launching import PLAINLY, UNDER_DYNAGRAD, launch, write

import dynagrad

DESCRIBE = """\
    '''The program's own text.'''
    import sys
    names = ("__name__", "__doc__", "__file__", "__package__", "__cached__")
    print({name: globals().get(name, "absent") for name in names})
    print(type(__spec__).__name__, getattr(__spec__, "name", None), __builtins__.__name__)
    print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals())
    """


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the same program as a file, in packages, in a folder and in a zip file."""
    write(tmp_path / "program.py", DESCRIBE)
    write(tmp_path / "package" / "__init__.py", "import sys; print('package', sys.argv)")
    write(tmp_path / "package" / "module.py", DESCRIBE)
    write(tmp_path / "package" / "__main__.py", DESCRIBE)
    (tmp_path / "link.py").symlink_to(tmp_path / "package" / "module.py")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(tmp_path / "program.py", "__main__.py")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("program.py",),
        ("./package/../program.py", "--lr", "0.1", "-m", "x y"),
        ("link.py", "run"),
        ("package", "-h"),
        ("archive.zip", "1"),
        ("-m", "package.module", "--version"),
        ("-m", "package", "a"),
        ("-m", "program"),
        ("-c", "import sys; print(sys.argv, repr(sys.path[0]), __name__, __spec__)", "-c", "b"),
    ],
    ids=" ".join,
)
def test_program_sees_what_python_shows(folder: Path, arguments: tuple[str, ...]) -> None:
    plain = launch(PLAINLY, *arguments, folder=folder)
    ours = launch(UNDER_DYNAGRAD, *arguments, folder=folder)
    assert plain.returncode == 0, plain.stderr
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, plain.stderr)


def test_program_from_standard_input(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv, repr(sys.path[0]))\n1/0\n"
    plain = launch(PLAINLY, "-", "a", folder=tmp_path, stdin=code)
    ours = launch(UNDER_DYNAGRAD, "-", "a", folder=tmp_path, stdin=code)
    assert (ours.returncode, ours.stdout, ours.stderr) == (1, plain.stdout, plain.stderr)


FAILURES = {
    "error": "def f(x):\n    return 1 / x\nf(0)\n",
    "chained": "try:\n    {}['key']\nexcept KeyError as error:\n    raise ValueError from error\n",
    "syntax": "x = 1\ndef f(:\n",
    "exit with a number": "import sys\nsys.exit(7)\n",
    "exit with a text": "import sys\nsys.exit('the text')\n",
    "exit with nothing": "raise SystemExit\n",
    "own hook": "import sys\nsys.excepthook = lambda k, e, t: print(k, e, t.tb_lineno)\n1/0\n",
    "error at exit": "import atexit\natexit.register(lambda: 1/0)\nprint('end')\n",
    "recursion": "def f():\n    f()\nf()\n",
    "assertion": "assert 1 == 2, 'text'\n",
    "import": "import there_is_no_such_module\n",
    "group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])\n",
}


@pytest.mark.parametrize("name", FAILURES)
def test_program_fails_as_under_python(tmp_path: Path, name: str) -> None:
    write(tmp_path / "program.py", FAILURES[name])
    plain = launch(PLAINLY, "program.py", folder=tmp_path)
    ours = launch(UNDER_DYNAGRAD, "program.py", folder=tmp_path)
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout)
    assert without_numbers(ours.stderr) == without_numbers(plain.stderr)


def without_numbers(report: str) -> str:
    """A report of errors without addresses, and without the depth at which a recursion ended."""
    return re.sub(r"0x[0-9a-fA-F]+|repeated \d+ more", "#", report)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_interrupt_ends_the_process_by_the_signal(tmp_path: Path) -> None:
    code = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    write(tmp_path / "program.py", code)
    ours = launch(UNDER_DYNAGRAD, "program.py", folder=tmp_path)
    assert ours.returncode == -signal.SIGINT
    assert ours.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert str(tmp_path / "program.py") in ours.stderr.splitlines()[1]
    assert ours.stderr.splitlines()[-1] == "KeyboardInterrupt"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("nothing.py",), 2, ["can't open file", "nothing.py", "No such file or directory"]),
        (("progam.py",), 2, ["can't open file", "did you mean 'program.py'?"]),
        (("program",), 2, ["can't open file", "did you mean 'program.py'?"]),
        (("nowhere/program.py",), 2, ["there is no folder 'nowhere'"]),
        (("empty",), 1, ["can't find '__main__' module in", "empty"]),
        (("-m", "nothing"), 1, ["No module named nothing"]),
        (("-m", "package.nothing"), 1, ["No module named package.nothing"]),
        (("-m", "nothing.module"), 1, ["No module named nothing"]),
        (("-m", "empty"), 1, ["empty.__main__", "cannot be directly executed"]),
        (("-m",), 2, ["argument expected for -m", "usage: dynagrad run"]),
        ((), 2, ["no program given", "usage: dynagrad run"]),
        (("-u", "program.py"), 2, ["unknown option -u", "-u -m dynagrad run"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_program_that_cannot_start(
    folder: Path, arguments: tuple[str, ...], status: int, words: list[str]
) -> None:
    (folder / "empty").mkdir()
    done = launch(UNDER_DYNAGRAD, *arguments, folder=folder)
    assert done.returncode == status
    assert done.stderr.startswith("dynagrad: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_package_whose_own_import_fails_says_so(tmp_path: Path) -> None:
    write(tmp_path / "broken" / "__init__.py", "import there_is_no_such_module")
    done = launch(UNDER_DYNAGRAD, "-m", "broken.module", folder=tmp_path)
    assert done.returncode == 1
    assert "No module named 'there_is_no_such_module'" in done.stderr
    assert "broken" in done.stderr


def test_safe_path_is_respected(folder: Path) -> None:
    code = "import sys; print(sys.path[0])"
    write(folder / "path.py", code)
    safe = (sys.executable, "-P", "-m", "dynagrad", "run")
    done = launch(safe, "path.py", folder=folder)
    plain = launch((sys.executable, "-P"), "path.py", folder=folder)
    assert (done.returncode, done.stdout) == (0, plain.stdout)


def test_torch_is_dynagrad_in_every_form(tmp_path: Path) -> None:
    code = "import torch, dynagrad; print(torch.Tensor is dynagrad.Tensor)"
    write(tmp_path / "program.py", code)
    for arguments in (("program.py",), ("-m", "program"), ("-c", code)):
        done = launch(UNDER_DYNAGRAD, *arguments, folder=tmp_path)
        assert (done.stdout, done.stderr) == ("True\n", "")


def test_version_help_and_mistakes(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "dynagrad")
    version = launch(command, "--version", folder=tmp_path)
    assert (version.returncode, version.stdout) == (0, f"dynagrad {dynagrad.__version__}\n")
    usage = launch(command, "run", "--help", folder=tmp_path)
    assert usage.returncode == 0
    assert "-m module" in usage.stdout
    nothing = launch(command, folder=tmp_path)
    assert nothing.returncode == 2
    assert "run" in nothing.stdout
    forgotten = launch(command, "program.py", "--lr", "1", folder=tmp_path)
    assert forgotten.returncode == 2
    assert "dynagrad run program.py --lr 1" in forgotten.stderr


def test_console_script(folder: Path) -> None:
    script = shutil.which("dynagrad", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("dynagrad is not installed in this environment")
    plain = launch(PLAINLY, "program.py", "a", folder=folder)
    ours = launch((script, "run"), "program.py", "a", folder=folder)
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, "")
    write(folder / "fails.py", FAILURES["error"])
    plain = launch(PLAINLY, "fails.py", folder=folder)
    ours = launch((script, "run"), "fails.py", folder=folder)
    assert (ours.returncode, ours.stderr) == (1, plain.stderr)


def test_interactive_mode_stays_in_the_program(tmp_path: Path) -> None:
    write(tmp_path / "program.py", "answer = 42\n")
    command = (sys.executable, "-i", "-m", "dynagrad", "run")
    done = launch(command, "program.py", folder=tmp_path, stdin="print(answer)\n")
    assert "42" in done.stdout


def test_import_loads_no_layer_that_it_does_not_need() -> None:
    code = (
        "import sys, dynagrad; "
        "print([n for n in sys.modules if n.split('.')[0] in ('matplotlib', 'torch', 'llvmlite')]"
        " + [n for n in ('argparse', 'difflib', 'dynagrad.alias', 'dynagrad.nn', 'dynagrad.optim')"
        " if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
