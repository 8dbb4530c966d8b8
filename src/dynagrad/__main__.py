"""The command line: `dynagrad run program.py ...`, also as `python -m dynagrad run ...`.

May import everything below it. It follows what CPython does when it starts a program itself.
"""

import argparse
import builtins
import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from importlib.machinery import BuiltinImporter, ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, NamedTuple

from . import __version__
from .alias import alias_torch
from .compiler.native import cache

USAGE = "usage: dynagrad run [-h] (program.py | folder | -m module | -c code | -) [argument ...]"
RUN_HELP = f"""\
{USAGE}

Run a Python program as `python` would, with `torch` and all modules below it being dynagrad's.

  program.py    a file; or a folder or zip file that holds a __main__.py
  -m module     a module or package found on the path
  -c code       the code itself
  -             the code comes from standard input
  argument ...  what the program finds in sys.argv
"""

_BUILT_ON_PYTORCH = re.compile(
    r"lib(torch|c10)|torch_(cpu|python)|undefined symbol: \S*(torch|c10)"
)
_BUILT_ON_PYTORCH_NOTE = (
    "This library was built against PyTorch's C extension, which is not here: under dynagrad, "
    "`torch` is pure Python on NumPy. Use the library with PyTorch itself, or do without it here."
)


class _Refused(Exception):
    """The program cannot be started: the reason, and the exit status that Python gives."""

    def __init__(self, reason: str, status: int = 2) -> None:
        super().__init__(reason)
        self.status = status


class _Program(NamedTuple):
    """What is to run: its name in sys.argv, its module's attributes, and how to get its code."""

    name: str
    attributes: dict[str, Any]
    code: Callable[[], CodeType]


def main(arguments: list[str] | None = None) -> int:
    """Run the command given by `arguments` (those of the process by default); its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["run"]:
        # Not left to argparse, which would take the program's options for its own.
        return run(arguments[1:])
    parser = argparse.ArgumentParser(
        prog="dynagrad", description="Automatic differentiation with PyTorch's API, on NumPy."
    )
    parser.add_argument("--version", action="version", version=f"dynagrad {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="command", dest="command")
    commands.add_parser("run", help="run a PyTorch program on dynagrad: see dynagrad run -h")
    kept = commands.add_parser("cache", help="the cache of compiled code on disk: info, clear")
    kept.add_argument("action", choices=CACHE_ACTIONS)
    if arguments and arguments[0].endswith(".py"):
        parser.error(f"to run a program: dynagrad run {' '.join(arguments)}")
    parsed = parser.parse_args(arguments)
    if parsed.command == "cache":
        print(CACHE_ACTIONS[parsed.action]())
        return 0
    parser.print_help()
    return 2


def _cache_info() -> str:
    found = cache.info()
    if found.folder is None:
        return f"no compiled code is kept on disk: {found.reason}"
    sizes = f"{found.size / 2**20:.1f} of {found.limit / 2**20:g} MiB"
    return f"{found.folder}: {found.entries} entries, {sizes}"


def _cache_clear() -> str:
    found = cache.info()
    count = cache.clear()
    return f"{count} entries deleted" + (f" from {found.folder}" if found.folder else "")


#: What `dynagrad cache` can do.
CACHE_ACTIONS = {"info": _cache_info, "clear": _cache_clear}


def run(arguments: list[str]) -> int:
    """Run the program that `arguments` name, as `__main__` of this process; its exit status."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(RUN_HELP, end="")
        return 0
    try:
        program, rest = _find(arguments)
    except _Refused as refusal:
        print(f"dynagrad: {refusal}", file=sys.stderr)
        return refusal.status
    sys.argv = [program.name, *rest]
    _execute(program)
    return 0


def _find(arguments: list[str]) -> tuple[_Program, list[str]]:
    """The program that `arguments` name, and the arguments that are left for it.

    Sets `sys.path` and the alias on the way, for finding a module may import its packages.
    """
    kind = arguments[0] if arguments else ""
    if not kind:
        raise _Refused(f"no program given\n{USAGE}")
    if kind in ("-m", "-c"):
        if len(arguments) < 2:
            raise _Refused(f"argument expected for {kind}\n{USAGE}")
        # What the packages above a module see while they are imported.
        sys.argv = [kind, *arguments[2:]]
        find = _find_module if kind == "-m" else _find_code
        return find(arguments[1]), arguments[2:]
    if kind == "-":
        return _find_input(), arguments[1:]
    if kind.startswith("-"):
        python = os.path.basename(sys.executable or "python")
        raise _Refused(
            f"unknown option {kind}: options of the interpreter go to the interpreter, as in "
            f"`{python} {kind} -m dynagrad run ...`\n{USAGE}"
        )
    return _find_file(kind), arguments[1:]


def _prepare(folder: str) -> None:
    if not sys.flags.safe_path:
        sys.path[0] = folder
    alias_torch()


def _find_code(text: str) -> _Program:
    _prepare("")
    attributes = {"__loader__": BuiltinImporter}
    return _Program("-c", attributes, partial(_compile, text, "<string>"))


def _find_input() -> _Program:
    _prepare("")
    text = sys.stdin.buffer.read()
    attributes = {"__loader__": BuiltinImporter}
    return _Program("-", attributes, partial(_compile, text, "<stdin>"))


def _find_file(path: str) -> _Program:
    full = os.path.join(os.getcwd(), path)
    inside = PathFinder.find_spec("__main__", [full])  # of a folder or a zip file
    if inside is not None:
        _prepare(full)
        return _from_spec(path, inside)
    if os.path.isdir(path):
        raise _Refused(f"can't find '__main__' module in '{full}'", status=1)
    try:
        with io.open_code(full) as stream:
            text = stream.read()
    except OSError as error:
        reason = f"can't open file '{full}': [Errno {error.errno}] {error.strerror}"
        raise _Refused(reason + _similar_file(path)) from None
    _prepare(os.path.dirname(os.path.realpath(path)))
    loader = SourceFileLoader("__main__", full)
    attributes = {"__file__": full, "__cached__": None, "__loader__": loader}
    return _Program(path, attributes, partial(_compile, text, full))


def _similar_file(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        names = [other for other in os.listdir(folder or ".") if other.endswith(".py")]
    except OSError:
        return f"; there is no folder '{folder}'"
    near = get_close_matches(name if name.endswith(".py") else name + ".py", names, 1, 0.75)
    return f"; did you mean '{os.path.join(folder, near[0])}'?" if near else ""


def _find_module(name: str) -> _Program:
    _prepare(os.getcwd())
    spec = _module_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        package, spec = name, _module_spec(f"{name}.__main__")
        if spec is None:
            raise _Refused(
                f"No module named {package}.__main__; '{package}' is a package and cannot be "
                "directly executed",
                status=1,
            )
    if spec is None:
        raise _Refused(f"No module named {name}", status=1)
    if not hasattr(spec.loader, "get_code"):
        raise _Refused(f"No code object available for {name}", status=1)
    return _from_spec(spec.origin or name, spec)


def _module_spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise _Refused(f"No module named {error.name}", status=1) from None
        raise  # a package above the module lacks something of its own
    except ValueError as error:
        raise _Refused(f"no module '{name}': {error}", status=1) from None


def _from_spec(name: str, spec: ModuleSpec) -> _Program:
    loader: Any = spec.loader
    attributes = {
        "__cached__": spec.cached,
        "__file__": spec.origin,
        "__loader__": loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }
    return _Program(name, attributes, partial(loader.get_code, spec.name))


def _compile(text: str | bytes, filename: str) -> CodeType:
    return compile(text, filename, "exec", dont_inherit=True)


def _execute(program: _Program) -> None:
    """Run the program. An exception goes on to the interpreter, which reports it as ever.

    So exit statuses, interrupts, hooks of the program and `python -i` work as without us; only our
    own frames are taken out of the report.
    """
    module = ModuleType("__main__")
    vars(module).update(__builtins__=builtins, __annotations__={}, **program.attributes)
    sys.modules["__main__"] = module
    try:
        exec(program.code(), vars(module))
    except SystemExit:
        raise
    except BaseException as error:
        if isinstance(error, ImportError) and _BUILT_ON_PYTORCH.search(str(error)):
            error.add_note(_BUILT_ON_PYTORCH_NOTE)
        sys.excepthook = partial(_report, sys.excepthook)
        raise


def _report(
    hook: Callable[..., Any],
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """Call the program's own `sys.excepthook` with a traceback that begins in the program."""
    rest = trace
    while rest is not None and rest.tb_frame.f_code is not _execute.__code__:
        rest = rest.tb_next
    rest = rest.tb_next if rest is not None else trace
    while rest is not None and _is_compiling(rest.tb_frame.f_code):
        rest = rest.tb_next
    hook(kind, error.with_traceback(rest), rest)


def _is_compiling(code: CodeType) -> bool:
    """Whether `code` stands between us and a syntax error of the program."""
    return code is _compile.__code__ or code.co_filename.startswith("<frozen importlib")


if __name__ == "__main__":
    sys.exit(main())
