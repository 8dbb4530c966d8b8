"""The rules of the house: layers, confined packages, rules that dispatch, documentation, sizes.

Run with `-s` to see the table of sizes.
"""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest
from architecture import (
    PROJECT,
    Function,
    Import,
    Module,
    imports,
    modules,
    rule_functions,
    slips,
)

# The house from the ground up. A module may import what stands above it in this list (a lower
# layer) and, within one entry that names a package, other modules of that entry without a cycle.
# The longest entry that fits a module counts: `core.tape` for itself, `core` for the rest of core.
HOUSE = """
torch_version version lazy errors extras accelerator backends cpu cuda mps xpu hub
ops.rule ops
core core.pytree core.storage core.tape core.quiet core.random core.tensor core.watch
core.carriers core.carriers.carrier core.carriers.batched core.complaints core.overrides core.out
core.apply core.protocols core.hooks core.saved core.paths core.engine core.carriers.dual
core.carriers.memory core.views
functions
autograd
nn func optim linalg fft special sparse masked signal random amp cpu.amp cuda.amp distributions
jit multiprocessing onnx types compiler _dynamo _inductor utils testing serialization
distributed viewer profiler autograd.profiler explain
<root> alias shim __main__
""".split()

#: Where a package may be imported that is neither Python's, nor NumPy, nor ours.
CONFINED = {"llvmlite": "compiler", "mpi4py": "distributed"}

#: Modules that import by name at run time: the surface and autograd's, the alias, the command
#: line, the one helper for optional packages, methods that load their functions when first used,
#: packages that load their parts so, the reader of files that name their classes, and devices whose
#: `amp` lies above them.
DYNAMIC_IMPORTS = {
    "",
    "alias",
    "autograd",
    "compiler",
    "compiler.eager",
    "cpu",
    "cuda",
    "__main__",
    "extras",
    "functions.later",
    "nn.utils",
    "optim",
    "serialization",
    "utils",
}

#: Public methods that their base class documents.
DOCUMENTED_BY_BASE = {
    *("forward", "extra_repr", "reset_parameters", "step", "get_lr"),
    *("sample", "rsample", "log_prob", "cdf", "icdf", "entropy", "enumerate_support", "expand"),
    *("mean", "mode", "variance", "stddev", "arg_constraints"),
    *("check", "log_abs_det_jacobian", "forward_shape", "inverse_shape"),
}

FILE_AIM, FILE_LIMIT = 450, 600
#: One literal line for each of Tensor's methods: they are looked up, not read, and a search finds
#: any of them in one place.
FILE_LIMITS = {"functions.methods": 800}
FUNCTION_AIM, FUNCTION_LIMIT = 50, 80
#: The loop of the engine: a call for each node or edge would cost more than the work it does.
FUNCTION_LIMITS = {"core.engine.run": 112}
#: Code lines, without blank lines, comments and docstrings. The random streams, which repeat
#: PyTorch's generators bit for bit, know nothing of tensors and count by themselves; so do the
#: carriers, forward mode and vmap. The engine is the loop and what it needs: paths to targets,
#: hooks in PyTorch's order, several threads.
BUDGETS = {"core": 3000, "core.carriers": 900, "core.random": 1260, "core.engine": 210}

MODULES = modules()
IMPORTS = {name: imports(module, MODULES) for name, module in MODULES.items()}


def rank(name: str) -> int:
    """The floor on which a module lives."""
    fitting = [entry for entry in HOUSE if f"{name or '<root>'}.".startswith(f"{entry}.")]
    if not fitting:
        pytest.fail(f"{name} has no place in the list HOUSE of {__file__}")
    return HOUSE.index(max(fitting, key=len))


def report(faults: list[str]) -> None:
    """Fail with all faults, one a line."""
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


def own_imports(name: str) -> Iterator[Import]:
    """The imports of the library's own modules that run, or that point into another package."""
    for found in IMPORTS[name]:
        same_package = found.target.split(".")[0] == name.split(".")[0]
        if found.is_own and not (found.for_types_only and (same_package or not name)):
            yield found


def test_every_module_has_a_place() -> None:
    assert len(MODULES) > 20
    for name in MODULES:
        rank(name)


def test_imports_point_down() -> None:
    faults = []
    for name, module in MODULES.items():
        for found in own_imports(name):
            if rank(found.target) > rank(name):
                faults.append(f"{module.place}:{found.line}: {found.target} lies above")
            if name != "shim.torch" and found.target == "" and rank(name) < rank(""):
                faults.append(f"{module.place}:{found.line}: imports the surface of the package")
    report(faults)


def test_no_import_cycle() -> None:
    graph = {name: {found.target for found in own_imports(name)} - {name} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_no_import_inside_a_function() -> None:
    faults = [
        f"{MODULES[name].place}:{found.line}: {found.target}"
        for name, all_of_it in IMPORTS.items()
        for found in all_of_it
        if found.in_function
    ]
    for name, module in MODULES.items():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and name not in DYNAMIC_IMPORTS:
                if re.fullmatch(r"(importlib\.)?import_module|__import__", ast.unparse(node.func)):
                    faults.append(f"{module.place}:{node.lineno}: {ast.unparse(node)}")
    report(faults)


def test_packages_of_others_are_confined() -> None:
    faults = []
    for name, all_of_it in IMPORTS.items():
        for found in all_of_it:
            if found.is_own or found.target in sys.stdlib_module_names or found.target == "numpy":
                continue
            if name.split(".")[0] != CONFINED.get(found.target):
                faults.append(f"{MODULES[name].place}:{found.line}: {found.target}")
    report(faults)


def test_the_maths_has_never_heard_of_tensor() -> None:
    faults = []
    for name, module in MODULES.items():
        if name.split(".")[0] == "ops":
            names = (node for node in ast.walk(module.tree) if isinstance(node, ast.Name))
            faults += [f"{module.place}:{n.lineno}" for n in names if n.id in ("Tensor", "torch")]
    report(faults)


def test_rules_dispatch() -> None:
    faults = []
    count = 0
    for name, module in MODULES.items():
        if name.split(".")[0] == "ops" and name != "ops.rule":
            for rule, is_rule in rule_functions(module).items():
                count += 1
                faults += [f"{module.place}:{line}: {text}" for line, text in slips(rule, is_rule)]
    assert count > 10
    report(faults)


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("lambda g, x: x.sum()", ".sum"),
        ("lambda g, x: g * x.T", ".T"),
        ("lambda g: np.asarray(g)", "dispatch"),
        ("lambda g: np.lib.stride_tricks.as_strided(g, (1,))", "dispatch"),
        ("lambda g: np.add.reduce(g)", "public function"),
        ("lambda g, x_meta: np.zeros(x_meta.shape)", "like="),
        ("lambda g, x: np.multiply(g, x, out=g)", "out="),
        ("lambda g, x: g if x > 0 else -g", "branch"),
        ("lambda g, x: g / np.log(2)", "NumPy scalar"),
        ("def rule(g, x):\n    g[0] = 1\n    return g", "item assignment"),
        ("def rule(g, x):\n    g += x\n    return g", "in-place"),
    ],
)
def test_slips_are_found(rule: str, word: str) -> None:
    tree = ast.parse(rule).body[0]
    found = [text for _, text in slips(tree.value if isinstance(tree, ast.Expr) else tree)]
    assert len(found) == 1
    assert word in found[0]


@pytest.mark.parametrize(
    "rule",
    [
        "lambda g, out: g * (1 - out * out)",
        "lambda g, x_meta: np.reshape(g, shape=x_meta.shape)",
        "lambda g, x, *, axis: np.sum(g * x, axis=axis) if axis is None else g / math.log(2)",
        "lambda g, x_meta: np.zeros(x_meta.shape, dtype=x_meta.dtype, like=g)",
        "lambda g, x: g if x.ndim == 1 else np.linalg.inv(x)",
    ],
)
def test_good_rules_pass(rule: str) -> None:
    assert not list(slips(ast.parse(rule, mode="eval").body))


def undocumented(module: Module) -> Iterator[str]:
    """The public classes, functions and methods of a module that lack a docstring."""
    if not ast.get_docstring(module.tree) and module.text.strip():
        yield f"{module.place}:1: the module"
    classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef)]
    scopes: list[tuple[str, list[ast.stmt]]] = [("", module.tree.body)]
    scopes += [(f"{node.name}.", node.body) for node in classes if node.name[0] != "_"]
    for prefix, body in scopes:
        for node in body:
            if not isinstance(node, Function | ast.ClassDef) or node.name[0] == "_":
                continue
            if prefix and (node.name in DOCUMENTED_BY_BASE or is_secondary(node)):
                continue
            if not ast.get_docstring(node):
                yield f"{module.place}:{node.lineno}: {prefix}{node.name}"


def is_secondary(node: Function | ast.ClassDef) -> bool:
    """A setter or an overload: the getter or the implementation carries the text."""
    texts = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(text.endswith((".setter", ".deleter", "overload")) for text in texts)


def test_public_names_are_documented() -> None:
    report([fault for module in MODULES.values() for fault in undocumented(module)])


def test_one_vocabulary() -> None:
    subjects = {n.split(".")[1] for n in MODULES if n.startswith("ops.")} - {
        *("rule", "batching", "index_batching", "layout", "sums", "compiled")
    }
    names = {n.split(".")[1] for n in MODULES if n.startswith("functions.")}
    assert subjects <= names, f"functions/ has no file for {sorted(subjects - names)}"


def test_lambdas_have_names_in_ops_only() -> None:
    faults = [
        f"{module.place}:{node.lineno}"
        for name, module in MODULES.items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Lambda)
        if name.split(".")[0] != "ops"
    ]
    report(faults)


def test_sizes() -> None:
    faults = []
    notes = []
    for name, module in MODULES.items():
        lines = module.text.count("\n")
        if lines > FILE_AIM:
            is_over = lines > FILE_LIMITS.get(name, FILE_LIMIT)
            (faults if is_over else notes).append(f"{module.place}: {lines} lines")
        for node in module.functions():
            size = module.size_of(node)
            if size > FUNCTION_AIM:
                text = f"{module.place}:{node.lineno}: {node.name} has {size} code lines"
                is_over = size > FUNCTION_LIMITS.get(f"{name}.{node.name}", FUNCTION_LIMIT)
                (faults if is_over else notes).append(text)
        if len(module.code_lines) > BUDGETS.get(name, FILE_LIMITS.get(name, FILE_LIMIT)):
            faults.append(f"{module.place}: {len(module.code_lines)} code lines")
    table: dict[str, list[int]] = {}
    for name, module in MODULES.items():
        layer = name.split(".")[0] if "." in name or module.is_package else "(top level)"
        own = ("core.random", "core.carriers")
        layer = next((part for part in own if f"{name}.".startswith(f"{part}.")), layer)
        files_and_lines = table.setdefault(layer or "(top level)", [0, 0])
        files_and_lines[0] += 1
        files_and_lines[1] += len(module.code_lines)
    print(f"\n{'layer':<14}{'files':>6}{'code lines':>12}")
    for layer, (files, lines) in table.items():
        print(f"{layer:<14}{files:>6}{lines:>12}")
        if lines > BUDGETS.get(layer, lines):
            faults.append(f"{layer}: {lines} code lines, more than {BUDGETS[layer]}")
    print(f"{'all':<14}{len(MODULES):>6}{sum(lines for _, lines in table.values()):>12}")
    if notes:
        print("larger than aimed at:", *notes, sep="\n  ")
    report(faults)


# --- Texts -----------------------------------------------------------------------------------

#: Hosts that texts of the project may point to: standards, papers, documentation.
HOSTS = """
arxiv.org data-apis.org docs.astral.sh docs.python.org doi.org github.com llvm.org localhost
numpy.org opensource.org peps.python.org pytorch.org readthedocs.io spdx.org wikipedia.org w3.org
""".split()
HOME = re.compile(r"(?<![\w.])/(home|root|Users|work|mnt)/\w")
TEXTS = {".py", ".md", ".toml", ".yml", ".yaml", ".cfg", ".sh", ".txt", ""}


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the project, by its place."""
    skipped = {"out", "build", "dist", "__pycache__"}
    for path in sorted(PROJECT.rglob("*")):
        parts = path.relative_to(PROJECT).parts
        hidden = any(part in skipped or part[0] == "." for part in parts[:-1])
        if (hidden and parts[0] != ".ci") or path.suffix not in TEXTS or not path.is_file():
            continue
        yield path.relative_to(PROJECT).as_posix(), path.read_text(encoding="utf-8")


def test_texts_speak_of_the_project_alone() -> None:
    faults = []
    for place, text in texts():
        for number, line in enumerate(text.splitlines(), start=1):
            hosts = re.findall(r"\bhttps?://([^/\s\"'`)>:]+)", line)
            for host in hosts:
                if not any(f".{host}".endswith(f".{known}") for known in HOSTS):
                    faults.append(f"{place}:{number}: {host}")
            if HOME.search(line):
                faults.append(f"{place}:{number}: a path of one machine")
    report(faults)
