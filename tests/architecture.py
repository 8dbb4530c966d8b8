"""Reads the library's source for the architecture test: modules, imports, code lines, rules."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = PROJECT / "src" / "dynagrad"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """One source file: `name` is its path below dynagrad with dots, "" for dynagrad itself."""

    path: Path
    name: str
    is_package: bool
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def place(self) -> str:
        return self.path.relative_to(PROJECT).as_posix()

    @cached_property
    def code_lines(self) -> set[int]:
        """The numbers of the lines that hold code: no blank line, comment or docstring."""
        blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in blank and token.string:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                if isinstance(node.value.value, str):
                    lines.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
        return lines

    def functions(self) -> Iterator[Function]:
        """All functions and methods, nested ones included."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def size_of(self, node: Function) -> int:
        """The number of code lines of a function; a function inside it has its own size."""
        lines = self.code_lines & _lines_of(node)
        for inner in ast.walk(node):
            if isinstance(inner, Function) and inner is not node:
                lines -= _lines_of(inner)
        return len(lines)


def _lines_of(node: Function) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or 0) + 1))


def modules() -> dict[str, Module]:
    """Every module of the library, by name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = list(path.relative_to(SOURCE).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(path, name, is_package, path.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Import:
    """One imported module; `target` is below dynagrad if `is_own`, else a top-level package."""

    target: str
    is_own: bool
    line: int
    in_function: bool
    for_types_only: bool


#: nodes that an import may stand in, or be
HOLDING_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


def imports(module: Module, known: dict[str, Module]) -> list[Import]:
    """All imports of a module, wherever they stand."""
    found: list[Import] = []

    def visit(node: ast.AST, in_function: bool, for_types: bool) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target, is_own in _targets(node, module, known):
                found.append(Import(target, is_own, node.lineno, in_function, for_types))
        in_function = in_function or isinstance(node, Function)
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, HOLDING_STATEMENTS):
                visit(child, in_function, for_types or guarded)

    visit(module.tree, False, False)
    return found


def _targets(
    node: ast.Import | ast.ImportFrom, module: Module, known: dict[str, Module]
) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        full = [(alias.name, [""]) for alias in node.names]
    else:
        parts = ["dynagrad", *(module.name.split(".") if module.name else [])]
        up = node.level - module.is_package
        base = parts[: len(parts) - up] if node.level else []
        names = ".".join([*base, *([node.module] if node.module else [])])
        full = [(names, [alias.name for alias in node.names])]
    for name, members in full:
        top, _, below = name.partition(".")
        if top != "dynagrad":
            yield top, False
            continue
        for member in members:
            inner = f"{below}.{member}".strip(".")
            yield (inner if inner in known else below), True


# --- Rules -----------------------------------------------------------------------------------

RULE_KINDS = {"elementwise", "linear", "multilinear", "general"}
_ARRAY_METHODS = {name for name in dir(np.ndarray) if name[0] != "_"} - {"shape", "dtype", "ndim"}
_NOT_DISPATCHING = {"array", "asarray", "asanyarray", "ascontiguousarray", "as_strided"}
_CREATION = {"zeros", "ones", "full", "empty", "eye", "identity", "arange", "linspace"}
_UFUNC_METHODS = {"reduce", "reduceat", "accumulate", "outer", "at"}


def rule_functions(module: Module) -> dict[ast.Lambda | Function, bool]:
    """The functions of an ops module that run on carriers: rules, jvps, and what they call.

    Kernels (`@primitive`) run on ndarrays alone and are not among them. True stands for a rule
    itself, whose parameters are saved values; those of its helpers may be metadata.
    """
    local: dict[str, ast.Lambda | Function] = {
        node.name: node
        for node in module.tree.body
        if isinstance(node, Function)
        and not any("primitive" in ast.unparse(d) for d in node.decorator_list)
    }
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            local |= {t.id: node.value for t in node.targets if isinstance(t, ast.Name)}
    given = [
        argument
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in RULE_KINDS
        for argument in [*node.args[1:], *(k.value for k in node.keywords if k.arg == "jvp")]
    ]
    found: dict[ast.Lambda | Function, bool] = {}
    for argument in given:
        rule = local.get(argument.id) if isinstance(argument, ast.Name) else argument
        if isinstance(rule, ast.Lambda | Function):
            found[rule] = True
    todo: list[ast.AST] = [*given, *found]
    while todo:
        for helper in _functions_in(todo.pop(), local):
            if helper not in found:
                found[helper] = False
                todo.append(helper)
    return found


def _functions_in(
    node: ast.AST, local: dict[str, ast.Lambda | Function]
) -> Iterator[ast.Lambda | Function]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Lambda):
            yield inner
        elif isinstance(inner, ast.Name) and inner.id in local:
            yield local[inner.id]


def slips(rule: ast.Lambda | Function, is_rule: bool = True) -> Iterator[tuple[int, str]]:
    """What in a rule does not dispatch, or would differ from carrier to carrier."""
    arguments = rule.args
    values = {a.arg for a in [*arguments.posonlyargs, *arguments.args] if "_meta" not in a.arg}
    body = rule.body if isinstance(rule.body, list) else [rule.body]
    for node in (inner for part in body for inner in ast.walk(part)):
        line = getattr(node, "lineno", rule.lineno)
        if isinstance(node, ast.Attribute):
            yield from ((line, text) for text in _attribute_slips(node))
        elif isinstance(node, ast.Call):
            yield from ((line, text) for text in _call_slips(node))
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Subscript) for target in targets):
                yield line, "item assignment"
            if isinstance(node, ast.AugAssign) and _names(node.target) & values:
                yield line, f"in-place operation on the saved value {ast.unparse(node.target)}"
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            if is_rule and _tested(node.test) & values:
                yield line, f"branch on a value: {ast.unparse(node.test)}"


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _tested(test: ast.AST) -> set[str]:
    """The names whose values a condition looks at; their shape, or whether they exist, is free."""
    if isinstance(test, ast.Attribute):
        return set()
    if isinstance(test, ast.Compare) and all(isinstance(o, ast.Is | ast.IsNot) for o in test.ops):
        return set()
    if isinstance(test, ast.Name):
        return {test.id}
    return set().union(*map(_tested, ast.iter_child_nodes(test)))


def _attribute_slips(node: ast.Attribute) -> Iterator[str]:
    root = node.value
    while isinstance(root, ast.Attribute):
        root = root.value
    in_library = isinstance(root, ast.Name) and root.id in ("np", "numpy", "math")
    if not in_library and node.attr in _ARRAY_METHODS:
        yield f"array method or attribute .{node.attr}"
    if in_library and node.attr in _NOT_DISPATCHING:
        yield f"{ast.unparse(node)} does not dispatch"
    if in_library and isinstance(node.value, ast.Attribute) and node.attr in _UFUNC_METHODS:
        yield f"{ast.unparse(node)}: write the public function"


def _call_slips(node: ast.Call) -> Iterator[str]:
    keywords = {keyword.arg for keyword in node.keywords}
    if "out" in keywords:
        yield "out="
    if not (isinstance(node.func, ast.Attribute) and ast.unparse(node.func).startswith("np.")):
        return
    if node.func.attr in _CREATION and "like" not in keywords:
        yield f"{ast.unparse(node.func)} without like="
    if node.args and all(isinstance(argument, ast.Constant) for argument in node.args):
        yield f"NumPy scalar {ast.unparse(node)}: write a Python number"
