"""What the source says where the run has left no trace: the line that last assigned a variable, and
whether it stands under no_grad. Imports reason.
"""

import ast
import linecache
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

from ..core.tape import LIBRARY
from .reason import Place

#: calls under which nothing is recorded, as they end
MODES = ("no_grad()", "no_grad", "inference_mode()", "inference_mode", "set_grad_enabled(False)")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Assignment(NamedTuple):
    """The last assignment of a variable above the running line; `mode` is the line of the block or
    decorator under which nothing is recorded, if there is one.
    """

    name: str
    place: Place
    mode: Place | None


def last_assignment(x: Any, frame: FrameType | None) -> Assignment | None:
    """Where a variable of the user's innermost function, whose value is `x`, got its value; None if
    there is none, or no source.
    """
    while frame is not None and LIBRARY[frame.f_code.co_filename]:
        frame = frame.f_back
    if frame is None:
        return None
    code = frame.f_code
    names = [*code.co_varnames, *code.co_cellvars] or list(frame.f_globals)
    found = [name for name in names if _value(frame, name) is x]
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return None
    scope = _scope(tree, frame)
    for name in found:
        stack: list[Place] = []
        best: tuple[int, Place | None] | None = None
        if isinstance(scope, Function):
            stack = [_place(frame, lines, d.lineno) for d in scope.decorator_list if _silences(d)]
        for line, mode in _assignments(scope.body, name, stack[0] if stack else None, frame, lines):
            if line <= frame.f_lineno and (best is None or line >= best[0]):
                best = line, mode
        if best is not None:
            return Assignment(name, _place(frame, lines, best[0]), best[1])
    return None


def _value(frame: FrameType, name: str) -> Any:
    """A variable's value, without leaving the frame's copy of its variables behind."""
    local = frame.f_locals
    value = local.get(name)
    if type(local) is dict and local is not frame.f_globals and frame.f_code.co_flags & 1:
        local.clear()
    return value


def _place(frame: FrameType, lines: list[str], number: int) -> Place:
    text = lines[number - 1].strip() if number <= len(lines) else ""
    return Place(frame.f_code.co_filename, number, text)


def _scope(tree: ast.Module, frame: FrameType) -> ast.Module | Function:
    """The function of the source that the frame runs, or the module."""
    first = frame.f_code.co_firstlineno
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name == frame.f_code.co_name:
            if first in (node.lineno, *(d.lineno for d in node.decorator_list)):
                return node
    return tree


def _silences(expression: ast.expr) -> bool:
    return ast.unparse(expression).endswith(MODES)


def _assignments(
    body: list[ast.stmt], name: str, mode: Place | None, frame: FrameType, lines: list[str]
) -> Iterator[tuple[int, Place | None]]:
    """The lines that assign `name`, each with the line that silences it; functions and classes
    within have names of their own.
    """
    for statement in body:
        if isinstance(statement, Function | ast.ClassDef):
            continue
        inner = mode
        if isinstance(statement, ast.With | ast.AsyncWith):
            if any(_silences(item.context_expr) for item in statement.items):
                inner = _place(frame, lines, statement.lineno)
        blocks = [getattr(statement, part, []) for part in ("body", "orelse", "finalbody")]
        blocks += [handler.body for handler in getattr(statement, "handlers", [])]
        blocks += [one.body for one in getattr(statement, "cases", [])]
        nested = {id(node) for block in blocks for part in block for node in ast.walk(part)}
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id == name and id(node) not in nested:
                if isinstance(node.ctx, ast.Store):
                    yield node.lineno, inner
        for block in blocks:
            yield from _assignments(block, name, inner, frame, lines)
