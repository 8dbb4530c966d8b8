"""Writes src/dynagrad/core/tensor.pyi: the types of Tensor, of its methods, and of its module.

Tensor gets its methods when the package is imported, by literal lines such as
`Tensor.add = elementwise.add` (functions/methods.py), which type checkers and editors do not
follow. This script looks at the class as it is then, and writes each method and property down.

    python tools/stubs.py [PATH]    writes the file (make stubs), or one for tests/test_stubs.py

A result's type is what RESULTS says, else the function's own annotation; without either, Tensor.
"""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import dynagrad  # noqa: F401 - installs the methods
from dynagrad.core import tensor as module
from dynagrad.core.tensor import Tensor
from dynagrad.functions.later import Later

STUB = Path(module.__file__).with_suffix(".pyi")
#: Any stands for a number or a list, or for one tensor or a named tuple, as the arguments have it.
RESULTS = {
    "Any": """
        __array_function__ __array_ufunc__ __reduce_ex__ __torch_function__ __dlpack__ as_subclass
        aminmax cummax cummin item kthvalue max median min mode nanmedian qr register_hook
        register_post_accumulate_grad_hook slogdet sort svd tolist topk type unique
        unique_consecutive
    """,
    "_bool": "allclose equal is_complex is_conj is_floating_point is_neg is_nonzero is_pinned"
    " is_shared retains_grad",
    "None": "backward retain_grad",
    "Iterator[Tensor]": "__iter__",
    "Tensor": "__getitem__",
    "Self": "__new__",
    **{f"_{name}": name for name in ("device", "dtype", "layout")},
}
RESULT_OF = {name: kind for kind, names in RESULTS.items() for name in names.split()}
#: What (self) and (self, dim) return.
OVERLOADED = {"size": ("Size", "_int"), "stride": ("tuple[_int, ...]", "_int")}
#: Methods and properties within the class, so annotations there write an underscore before.
SHADOWED = ("bool", "float", "int", "type", "device", "dtype", "layout")

HEAD = '''"""The types of Tensor and of its module, written by tools/stubs.py."""
from collections.abc import Callable, Iterator
from typing import Any, Self, overload
from .dtype import device as _device, dtype as _dtype, layout as _layout
'''
VARIABLES, imported = (
    "AsStrided: type[Node]\nViewAsReal: type[Node]\nViewAsComplex: type[Node]\nnew: Any",
    dict[str, str](),
)


def spelled(annotation: Any) -> str:
    """An annotation as the stub writes it; the classes in it are noted in `imported`."""
    if isinstance(annotation, str):
        return re.sub(rf"\b({'|'.join(SHADOWED)})\b", r"_\1", annotation)
    if annotation in (None, NoneType, Ellipsis):
        return "..." if annotation is Ellipsis else "None"
    arguments = [spelled(argument) for argument in get_args(annotation)]
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(arguments)
    if arguments:
        return f"{spelled(get_origin(annotation))}[{', '.join(arguments)}]"
    if not isinstance(annotation, type) or annotation is inspect.Parameter.empty:
        return "Any"
    name = annotation.__name__
    if name not in SHADOWED and annotation is not Tensor and annotation.__module__ != "builtins":
        imported[name] = f"from {annotation.__module__} import {name}"
    return f"_{name}" if name in SHADOWED else name


def listed(parameters: Any) -> Iterator[str]:
    """Parameters with their types and defaults; a default that is no literal is written `...`."""
    starred = False
    for p in parameters:
        if p.kind == p.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        literal = p.default is None or isinstance(p.default, bool | int | float | str | tuple)
        default = "" if p.default is p.empty else f" = {p.default!r}" if literal else " = ..."
        yield f"{star}{p.name}: {spelled(p.annotation)}{default}"


def method(name: str, value: Any, function: Callable) -> str:
    """The signature of a method."""
    first, *rest = inspect.signature(function).parameters.values()
    own = ["self"] if first.name == "self" else ["self", "/"]  # the source may say `input`
    if name == "__new__" or isinstance(value, classmethod | staticmethod):
        own = ["cls"] if name == "__new__" or isinstance(value, classmethod) else ["_cls", "/"]
    elif name.startswith("__") and [p.name for p in rest[:1]] in (["other"], ["args"]):
        return f"def {name}(self, other: Any, /) -> Tensor: ..."
    elif [p.name for p in rest] == ["args", "kw"]:  # made from the function without the underscore
        _, *rest = inspect.signature(vars(Tensor)[name.removesuffix("_")]).parameters.values()
        rest = [p for p in rest if p.name != "out"]
    return f"def {name}({', '.join([*own, *listed(rest)])}) -> {result(name, function)}: ..."


def result(name: str, function: Callable) -> str:
    """The type of what a method or property returns."""
    given = inspect.signature(function).return_annotation
    return RESULT_OF.get(name) or ("Tensor" if given is inspect.Signature.empty else spelled(given))


def member(name: str, value: Any) -> Iterator[str]:
    """The lines for one attribute of the class."""
    if isinstance(value, property) and value.fget is not None:
        kind = result(name, value.fget)
        yield f"@property\ndef {name}(self) -> {kind}: ..."
        if value.fset is not None:
            yield f"@{name}.setter\ndef {name}(self, value: {kind}) -> None: ..."
        if value.fdel is not None:
            yield f"@{name}.deleter\ndef {name}(self) -> None: ..."
    elif name in OVERLOADED:
        for dim, kind in zip(("None = None", "_int"), OVERLOADED[name], strict=True):
            yield f"@overload\ndef {name}(self, dim: {dim}) -> {kind}: ..."
    elif isinstance(value, FunctionType | classmethod | staticmethod):
        if not isinstance(value, FunctionType) and name != "__new__":
            yield f"@{type(value).__name__}"
        function: Any = value if isinstance(value, FunctionType) else value.__func__
        ignored = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
        yield method(name, value, function) + ignored


def text() -> str:
    """The whole file, as ruff wants it: imports sorted, those without use gone, lines wrapped."""
    lines = [f"{n}: {spelled(kind)}" for n, kind in inspect.get_annotations(Tensor).items()]
    for name, value in list(vars(Tensor).items()):
        lines += member(name, value.load() if isinstance(value, Later) else value)
    body = re.sub("^", "    ", "\n".join(lines), flags=re.MULTILINE)
    functions = []
    for name, f in vars(module).items():
        if isinstance(f, FunctionType) and f.__module__ == module.__name__:
            s = inspect.signature(f)
            inner = ", ".join(listed(s.parameters.values()))
            functions.append(f"def {name}({inner}) -> {spelled(s.return_annotation)}: ...")
    aliases = [f"_{name} = {name}" for name in SHADOWED[:4]]
    members = f"class Tensor:\n{body}"
    code = "\n".join([HEAD, *imported.values(), *aliases, members, VARIABLES, *functions])
    for command in (["check", "--fix", "--quiet", "--select=I,F401"], ["format"]):
        run = [sys.executable, "-m", "ruff", *command, f"--stdin-filename={STUB}", "-"]
        code = subprocess.run(run, input=code, capture_output=True, text=True, check=True).stdout
    return code


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else STUB
    place.write_text(text(), encoding="utf-8")
