"""The name `torch` for dynagrad, in one process: modules, names, versions, errors.

Programs get it by `dynagrad run` or by `dynagrad.alias_torch()`. Then every import of `torch` or of
a module below it gives dynagrad's module of the same path, classes and functions say that they live
in `torch`, and a name that dynagrad lacks is refused in words that help.

May import everything below; nothing below imports it (`dynagrad/__init__` does on first use).
"""

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, FunctionType, ModuleType
from typing import Any

import dynagrad

from .torch_version import TorchVersion

__all__ = ["TORCH_VERSION", "alias_torch", "missing_attribute"]

TORCH_VERSION = TorchVersion("2.13.0+dynagrad")
"""What `torch.__version__` says under the alias: the release followed, and who stands in for it."""

ROOT = "dynagrad"
#: Parts of the house that PyTorch has no place for. What they define is shown where it is public.
INTERNAL = frozenset({"alias", "core", "errors", "functions", "lazy", "ops", "shim", "__main__"})
_INTERNAL_PREFIXES = tuple(f"{ROOT}.{name}" for name in sorted(INTERNAL))
_SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim")

_ALREADY_IMPORTED = """\
PyTorch itself ({found}) is imported in this process already, so `torch` cannot be made dynagrad's.
Call dynagrad.alias_torch() before the first `import torch`, and before importing a library that
does so (in a notebook: restart the kernel and call it in the first cell); or start the program with
`dynagrad run program.py`."""

_NEEDS_C_EXTENSION = """\
{asker} PyTorch's C extension ({name}), which is not here: under dynagrad, `torch` is pure Python \
on NumPy and offers PyTorch's public Python API. Use {asker_again} with PyTorch itself, or leave \
out the part that needs the extension."""


#: Parts of PyTorch that are left out on purpose, and what to do instead.
_LEFT_OUT = {
    "ao": "quantized models: train in float32 or under torch.autocast.",
    "quantization": "quantized models: train in float32 or under torch.autocast.",
    "export": "programs as graphs: models run eagerly; save them with torch.save.",
    "fx": "programs as graphs: models run eagerly; hooks show what happens inside.",
    "library": "operators in PyTorch's C++: torch.autograd.Function adds an operation.",
    "package": "archives of programs: save weights with torch.save.",
}


def alias_torch() -> ModuleType:
    """Make `torch` and all modules below it dynagrad's, in this process, and return that `torch`.

    Call it before the first `import torch`; calling it again changes nothing. Worker processes
    started by `multiprocessing` take it over.

    Raises RuntimeError if PyTorch itself is imported already.
    """
    torch = sys.modules.get("torch")
    if isinstance(torch, TorchModule):
        return torch
    if torch is not None and not _is_shim(torch):
        version = getattr(torch, "__version__", "of unknown version")
        found = f"{version}, {getattr(torch, '__file__', None) or 'no file'}"
        raise RuntimeError(_ALREADY_IMPORTED.format(found=found))
    torch = TorchModule()
    sys.meta_path.insert(0, AliasFinder(torch))
    sys.modules["torch"] = torch
    sys.modules["torch.version"] = torch.version
    _speak_as_torch(dynagrad)
    for name, module in sorted(sys.modules.items()):
        if name.startswith(ROOT + ".") and isinstance(module, ModuleType):
            _speak_as_torch(module)
    if _SHIM not in sys.path:
        # Behind the program's own folder, before the installed packages.
        sys.path.insert(1, _SHIM)
    return torch


def _is_shim(torch: ModuleType) -> bool:
    return os.path.dirname(getattr(torch, "__file__", None) or "") == _SHIM


class TorchModule(ModuleType):
    """The module `torch` of the alias: dynagrad's names, under PyTorch's version.

    A name is looked up in dynagrad once and kept. Setting or deleting one here does the same in
    dynagrad, but for modules and for names that describe the module itself (`__version__`).
    """

    version: ModuleType

    def __init__(self) -> None:
        super().__init__("torch", dynagrad.__doc__)
        spec = ModuleSpec("torch", AliasLoader(lambda: self), origin=dynagrad.__file__)
        spec.has_location = True
        version = ModuleType("torch.version", "The version that dynagrad stands in for.")
        version.__spec__ = ModuleSpec("torch.version", None, origin=__file__)
        vars(version).update(
            __version__=TORCH_VERSION, debug=False, cuda=None, git_version="", hip=None, xpu=None
        )
        # The search path is empty: whatever lies below `torch` comes from the alias's finder alone.
        # The lookup stands in the module's own namespace because a method of the class would slow
        # down every `torch.name`.
        vars(self).update(
            __all__=[name for name in getattr(dynagrad, "__all__", ()) if name not in INTERNAL],
            __dir__=self._names,
            __file__=dynagrad.__file__,
            __getattr__=self._look_up,
            __loader__=spec.loader,
            __package__="torch",
            __path__=[],
            __spec__=spec,
            __version__=TORCH_VERSION,
            version=version,
        )

    def _look_up(self, name: str) -> Any:
        if name not in INTERNAL and not name.startswith("__"):
            try:
                value = getattr(dynagrad, name)
            except AttributeError as error:
                if error.name != name:  # a mistake inside a module that was being loaded
                    raise
            else:
                vars(self)[name] = value
                return value
        raise missing_attribute("torch", name, self._names())

    def _names(self) -> list[str]:
        return sorted({*vars(self), *dir(dynagrad)} - INTERNAL)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("__") and not isinstance(value, ModuleType):
            setattr(dynagrad, name, value)

    def __delattr__(self, name: str) -> None:
        vars(self).pop(name, None)
        if not name.startswith("__"):
            delattr(dynagrad, name)


class AliasFinder(MetaPathFinder):
    """Finds `torch` and everything below it in dynagrad, and names what dynagrad loads later.

    It stands first in `sys.meta_path`, so that an installed PyTorch is never reached.
    """

    def __init__(self, torch: TorchModule) -> None:
        self.torch = torch

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of module `name`, or None if this finder has no say (as any MetaPathFinder)."""
        if name.startswith(ROOT + "."):
            spec = PathFinder.find_spec(name, path, target)
            if spec is None or spec.loader is None:
                return spec if spec is not None else _refuse("torch" + name[len(ROOT) :])
            # The loader stays the usual one (inspect and linecache ask it for the source); only
            # what it does last is added, once, for a zip file's modules share their loader.
            execute = spec.loader.exec_module
            if not isinstance(execute, partial):
                spec.loader.exec_module = partial(_execute_and_speak, execute)
            return spec
        if name == "torch":
            return self.torch.__spec__
        if name == "safetensors.torch":  # the package's own module needs PyTorch itself
            return ModuleSpec(
                name,
                AliasLoader(partial(importlib.import_module, f"{ROOT}.serialization.safetensors")),
            )
        if name.startswith("torch."):
            real = ROOT + name[len("torch") :]
            if name.split(".")[1] in INTERNAL or not _exists(real):
                return _refuse(name)
            return ModuleSpec(name, AliasLoader(partial(importlib.import_module, real)))
        return None


class AliasLoader(Loader):
    """Loads a module of dynagrad under a second name: the two names give one module object."""

    def __init__(self, load: Callable[[], ModuleType]) -> None:
        self.load = load

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave the making of the placeholder module to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Put dynagrad's module where Python looks for the result of this import."""
        sys.modules[module.__name__] = self.load()


def _exists(real: str) -> bool:
    if real in sys.modules:
        return True
    parent = real.rpartition(".")[0]
    if not _exists(parent):
        return False
    search = getattr(importlib.import_module(parent), "__path__", None)
    return search is not None and PathFinder.find_spec(real, search) is not None


def _execute_and_speak(execute: Any, module: ModuleType) -> None:
    execute(module)
    _speak_as_torch(module)


def _speak_as_torch(module: ModuleType) -> None:
    """Give what `module` defines or publishes the names that PyTorch's users know.

    A public module keeps its path below `torch`. What the internal modules define belongs to the
    public module that lists it: `torch` itself first, for it is loaded first.
    """
    own = module.__name__
    inside = own[len(ROOT) + 1 :]
    if inside.split(".")[0] in INTERNAL:
        return
    public = f"torch.{inside}" if inside else "torch"
    listed = getattr(module, "__all__", ())
    for name, value in list(vars(module).items()):
        if isinstance(value, type | FunctionType) and not name.startswith("__"):
            home = value.__module__
            if home == own or name in listed and home.startswith(_INTERNAL_PREFIXES):
                line = vars(value).get("__firstlineno__")
                value.__module__ = public
                if line is not None:  # Python 3.13 forgets it, and inspect.getsource needs it
                    value.__firstlineno__ = line
    if inside:
        sys.modules.setdefault(public, module)
        names = vars(module)
        names["__getattr__"] = partial(_missing_in, module, public, names.get("__getattr__"))
        # Python asks the finder about `from module import name` for packages only; with an empty
        # search path every module is asked about, and the finder can say what is missing.
        names.setdefault("__path__", [])


def _missing_in(
    module: ModuleType, public: str, own: Callable[[str], Any] | None, name: str
) -> Any:
    """A name that is not in a module: what its own `__getattr__` gives, or words that help."""
    if own is not None:
        try:
            return own(name)
        except AttributeError as error:
            if error.name not in (name, None):  # a mistake inside a module that was being loaded
                raise
    raise missing_attribute(public, name, vars(module))


def missing_attribute(module: str, name: str, names: Iterable[str]) -> AttributeError:
    """The AttributeError for `module.name`, which dynagrad lacks; `names` are those it has."""
    if name.startswith("__"):
        text = f"module '{module}' has no attribute '{name}'"
    elif _is_c_extension(f"{module}.{name}"):
        text = f"module '{module}' has no attribute '{name}': {_c_extension(f'{module}.{name}')}"
    else:
        text = f"module '{module}' has no attribute '{name}': {_lacking(module, name, names)}"
    # With `name` given, Python leaves out its own "Did you mean".
    return AttributeError(text, name=name)


def _lacking(module: str, name: str, names: Iterable[str]) -> str:
    if name.startswith("_"):
        return (
            f"it is no part of PyTorch's public API, and dynagrad {dynagrad.__version__} lacks it."
        )
    text = f"dynagrad {dynagrad.__version__} lacks it."
    if module == "torch" and name in _LEFT_OUT:
        return f"{text} It is for {_LEFT_OUT[name]}"
    near = _near_names(module, name, names)
    return f"{text} Near names: {', '.join(near)}." if near else text


def _near_names(module: str, name: str, names: Iterable[str]) -> list[str]:
    """At most four names like `name`: in `module`, and the very name in another public module."""
    public = [other for other in names if not other.startswith("_") and other != name]
    folded = {other.lower().replace("_", ""): other for other in public}
    near = [f"{module}.{other}" for other in get_close_matches(name, public, n=3, cutoff=0.7)]
    twin = folded.get(name.lower().replace("_", ""))
    if twin is not None and twin != name:
        near.insert(0, f"{module}.{twin}")
    root = module.split(".")[0]
    for below in ("", ".nn", ".nn.functional", ".optim", ".linalg"):
        loaded = sys.modules.get(ROOT + below)
        if loaded is not None and module != root + below and name in vars(loaded):
            near.append(f"{root}{below}.{name}")
    return list(dict.fromkeys(near))[:4]


def _is_c_extension(name: str) -> bool:
    return (
        re.match(r"torch\.(_C\w*|utils\.cpp_extension|utils\.cpp_backtrace)(\.|$)", name)
        is not None
    )


def _c_extension(name: str) -> str:
    library = _asking_library()
    asker, again = (
        (f"'{library}' needs", f"'{library}'") if library else ("This program needs", "it")
    )
    return _NEEDS_C_EXTENSION.format(asker=asker, name=name, asker_again=again)


def _refuse(name: str) -> None:
    """Refuse module `name`, in the words that fit the statement that asks for it.

    `import name` raises ModuleNotFoundError; `from ... import name` raises ImportError; a search
    without an import (importlib.util.find_spec) gets its None.
    """
    asked_by = {frame.f_code.co_name for frame in _importing_frames()}
    if "_find_and_load_unlocked" not in asked_by:
        return None
    parent, _, last = name.rpartition(".")
    if _is_c_extension(name):
        raise ModuleNotFoundError(f"No module named '{name}': {_c_extension(name)}", name=name)
    reason = _lacking(parent, last, dir(sys.modules.get(parent, dynagrad)))
    if "_handle_fromlist" in asked_by:
        raise ImportError(f"cannot import name '{last}' from '{parent}': {reason}", name=parent)
    raise ModuleNotFoundError(f"No module named '{name}': {reason}", name=name)


def _importing_frames() -> list[FrameType]:
    """The frames of Python's import machinery that lead here, nearest first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    frames = []
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        frames.append(frame)
        frame = frame.f_back
    return frames


def _asking_library() -> str | None:
    """The top-level package of the code that asks, or None if that is the program itself."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__") or ""
        top = name.split(".")[0]
        if top not in (ROOT, "importlib", "torch") and not name.startswith("_frozen_importlib"):
            return None if top in ("__main__", "__mp_main__") else top
        frame = frame.f_back
    return None
