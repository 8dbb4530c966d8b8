"""Nodes that derivative rules record under create_graph have PyTorch's names."""

import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402
from dynagrad.core import protocols  # noqa: E402
from dynagrad.ops.rule import RULES  # noqa: E402

LIBRARIES = [torch, dynagrad]


def recorded(lib, f) -> set[str]:
    """The names of the nodes of a gradient's graph."""
    x = lib.ones(3, 3, requires_grad=True)
    y = f(lib, x)
    (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    found, todo = set(), [g.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in found:
            found.add(node)
            todo.extend(n for n, _ in node.next_functions)
    return {type(node).__name__ for node in found}


CASES = {
    "PowBackward0": lambda lib, x: x**3,
    "SumBackward1": lambda lib, x: (x * x).sum(0) ** 2,
    "ExpandBackward0": lambda lib, x: (x * x).sum(0) ** 2,
    "MeanBackward1": lambda lib, x: (x - x.mean(0)) * x,
    "ToCopyBackward0": lambda lib, x: x.double().exp(),
    "SliceBackward0": lambda lib, x: lib.cat([x, x * x]).exp(),
    "IndexPutImplBackward0": lambda lib, x: x[[0, 1]].exp(),
    "LogSoftmaxBackwardDataBackward0": lambda lib, x: lib.nn.functional.log_softmax(x, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_names(name: str) -> None:
    theirs, ours = (recorded(lib, CASES[name]) for lib in LIBRARIES)
    assert name in theirs
    assert name in ours


def test_only_names_of_primitives_are_translated() -> None:
    assert set(protocols._TORCH_NAMES) <= {fun.__name__ for fun in RULES}
    for fun in RULES:
        assert protocols.default_node(fun).__name__[:-1].endswith("Backward")
