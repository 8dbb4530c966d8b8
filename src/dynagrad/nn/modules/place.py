"""Where in a model an error arose: the module's path, what it was given and what it takes, as a
note on the error. Imports core.
"""

from os.path import dirname, sep
from types import TracebackType
from typing import Any

from ...core.tensor import Tensor

#: where the library's own files lie
HOME = dirname(dirname(dirname(__file__))) + sep

#: what a call with unfitting arguments raises
FAULTS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


def tell_place(outer: Any, args: tuple, error: Exception) -> None:
    """Note on an error of this library that leaves a module's call where in the model that was.

    The innermost module makes the note; those around it write the longer path into it.
    """
    place = getattr(error, "_place", None)
    if place is None:
        if isinstance(error, FAULTS) and _is_ours(error.__traceback__):
            notes = getattr(error, "__notes__", ())
            error._place = (outer, len(notes), _facts(outer, args))  # pyright: ignore
            error.add_note(_headline("", outer, outer) + error._place[2])  # pyright: ignore
        return
    module, number, facts = place
    for name, found in outer.named_modules():
        if found is module and name:
            error.__notes__[number] = _headline(name, module, outer) + facts
            return


def _is_ours(traceback: TracebackType | None) -> bool:
    """Whether the library itself raised, rather than the user's code."""
    file = ""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        traceback = traceback.tb_next
    return file.startswith(HOME)


def _headline(path: str, module: Any, outer: Any) -> str:
    kind = type(module).__name__
    text = f"{kind}(...)" if module._modules else repr(module)
    if not path:
        return f"In the module {text}"
    return f"In the module {path} of {type(outer).__name__}: {text}"


def _facts(module: Any, args: tuple) -> str:
    """What the module was given, what it takes, and its parameters."""
    lines = []
    given = [_shape(x) for x in args if isinstance(x, Tensor)]
    if given:
        lines.append(f"given: {', '.join(given)}")
    takes = module._takes()
    if takes:
        lines.append(f"takes: {takes}; give it that, or make the module for what it was given")
    held = {**module._parameters, **module._buffers}
    kept = [f"{name} {_shape(t)}" for name, t in held.items() if t is not None]
    if kept:
        lines.append(f"holds: {', '.join(kept)}")
    return "".join(f"\n  {line}" for line in lines)


def _shape(t: Tensor) -> str:
    return f"{list(t._a.shape)} {str(t.dtype).removeprefix('torch.')}"
