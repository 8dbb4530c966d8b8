"""autograd.functional next to PyTorch's: values, nesting, histories, the words of errors."""

from typing import Any

import pytest
from scenario import differences, failure, first_sentence

import dynagrad as dg

torch = pytest.importorskip("torch")

NAMES = ("jacobian", "hessian", "vjp", "jvp", "hvp", "vhp")

#: calls of each of the six as `F(function, inputs, ...)`; x, X: two numbers, X requires grad
COMMON = """
F(lambda a: (a * 2).sum(), t.arange(2)) | F(lambda a: (a * 2).sum(), [x])
F(lambda a: (a * 2).sum(), 3) | F(lambda a, b: (a * 2).sum(), (x, 3)) | F(lambda a: None, x)
F(lambda a: [a.sum()], x) | F(lambda a: (a.sum(), 3), x) | F(lambda a: 3.0, x)
F(lambda a: a * 2, x) | F(lambda a: (a.sum() ** 2, a.prod() ** 2), x) | F(lambda a: a**3, s)
F(lambda a: a**3, s, create_graph=True) | F(lambda a: (a**3).sum(), X, create_graph=True)
F(lambda a: (a**3).sum(), x, create_graph=True) | F(lambda a: a.argmax(), x)
F(lambda a: (a**3).sum(), x, create_graph=True, strict=True)
F(lambda a: (a**3).sum(), X, strict=True) | F(lambda a, b: (a**3).sum(), (x, x), strict=True)
F(lambda a, b: (a**3).sum(), (x, x)) | F(lambda a: t.ones(()), x, strict=True)
F(lambda a: t.ones(()), x) | F(lambda a: (a * 2).sum(), x)
F(lambda a: (a * 2).sum(), x, strict=True)
F(lambda a: (a * 2).sum(), X, strict=True, create_graph=True)
F(lambda a: (a**3).sum(), X, strict=True, create_graph=True)
F(lambda a: (a**3).sum().reshape(1, 1), x) | F(lambda a: (a**3).sum().abs(), z)
F(lambda a: (a**3).sum(), z) | F(lambda a: t.complex(a, a * a).sum(), x)
F(lambda a: (a**3).sum(), (x,)) | F(lambda a: ((a**3).sum(),), x)
t.no_grad()(F)(lambda a: (a**3).sum(), X) | F(lambda a: (a**3).sum(), t.ones(0)) | F(3, x)
t.no_grad()(F)(lambda a: (a**3).sum(), X, create_graph=True)
F(lambda a: a.mul_(2).sum(), x.clone()) | F(lambda a: a.mul_(2).sum(), s.clone())
F(lambda a: a.clone().mul_(a).sum() ** 2, s, strict=True)
"""
#: P is the function: of the two numbers for jvp and vjp, their sum for hvp and vhp
PRODUCTS = """
F(P, x, v) | F(P, x, (v,)) | F(P, x, [v]) | F(P, x, 1.0) | F(P, x, t.ones(3))
F(P, x, t.ones(1)) | F(P, x, (v, v)) | F(P, x) | F(P, x, v.double())
F(P, x, t.ones(2, dtype=t.int64)) | F(P, (x,), v) | F(lambda a: (P(a),), x, v)
F(lambda a: (P(a),), x, (v,)) | F(lambda a, b: P(a) + P(b), (x, x), (v, t.ones(3)))
F(lambda a, b: P(a) + P(b), (x, x), (v,)) | F(lambda a, b: P(a) + P(b), (x, x), (v, v))
F(P, X, V, create_graph=True) | F(P, x, V, create_graph=True) | F(P, X, V)
F(lambda a: Q(a * 2), X, V, create_graph=True, strict=True)
F(lambda a: Q(a * 2), X, V, strict=True) | F(lambda a: Q(a * 2), X, V)
F(lambda a: Q(a * a), X, v, create_graph=True, strict=True)
F(lambda a, b: P(a), (x, x), vs, strict=True)
F(lambda a, b: P(a) + Q(b), (x, x), vs, strict=True)
F(lambda a, b: P(a) + Q(b), (X, X), vs, strict=True, create_graph=True)
F(lambda a: R(a * a * (1 + 2j)), z, w) | F(lambda a: R(a * a.conj() * (1 - 2j) * a), z, w)
F(lambda a: R(a.abs() * a), z, w) | F(lambda a: R(a.real * a.imag + a), z, w)
F(lambda a: Q(a.sin() / (1 + a)), x.double(), v.double())
"""
MATRICES = """
F(lambda a: Q(a**3), x, vectorize=True) | F(lambda a: (a**3).sum(), x, vectorize=True, strict=True)
F(lambda a: (a**3).sum(), X, vectorize=True, create_graph=True)
F(lambda a: Q((a**3).sum()), X.sum(), vectorize=True) | F(lambda a: (a**3).sum(), x, **{W: "foo"})
F(lambda a: (a**3).sum(), x, **{W: "forward-mode"})
F(lambda a: (a**3).sum(), x, strict=True, **{W: "forward-mode"})
F(lambda a: (a**3).sum(), x, create_graph=True, **{W: "forward-mode"})
F(lambda a: (a**3).sum(), x, vectorize=True, **{W: "forward-mode"})
F(lambda a: (a**3).sum(), x, vectorize=True, strict=True, **{W: "forward-mode"})
F(lambda a, b: (a**3).sum() * b.sum(), (x, t.ones(1, 2)))
F(lambda a, b: (a**3).sum() * b.sum(), (x, t.ones(1, 2)), vectorize=True)
F(lambda a, b: (a**3).sum() * b.sum(), (x, t.ones(1, 2)), vectorize=True, **{W: "forward-mode"})
F(lambda a, b: (a**3).sum(), (x, t.ones(1, 2)), vectorize=True)
F(lambda a, b: (a**3).sum(), (x, t.ones(1, 2)), vectorize=True, **{W: "forward-mode"})
F(lambda a, b: t.ones(()), (x, t.ones(1, 2)), vectorize=True)
F(lambda a, b: t.ones(()), (x, t.ones(1, 2)), vectorize=True, **{W: "forward-mode"})
F(lambda a: Q(a * a).abs() if H else a * a, z, vectorize=True)
F(lambda a: (a**2).sum() * a.sum().item(), x, vectorize=True)
F(lambda a: (a**2).sum() * a.sum().item(), x, vectorize=True, **{W: "forward-mode"})
F(lambda a, b: (a**2).sum() * b.sum(), (x, t.ones(2, dtype=t.float64)))
F(lambda a, b: (a**2).sum() * b.sum(), (x, t.ones(2, dtype=t.float64)), vectorize=True)
F(lambda a: a[:0], x) | F(lambda a: Q(a**3), t.tensor([[1.0, 2]]))
F(lambda a: Q((a[:, None] * a).sin()), x) | F(lambda a: Q((a[:, None] * a).sin()), x, strict=True)
F(lambda a: Q((a[:, None] * a).sin()), x, vectorize=True)
F(lambda a: Q((a[:, None] * a).sin()), X, create_graph=True)
F(lambda a: Q((a[:, None] * a).sin()), x, vectorize=True, **{W: "forward-mode"})
F(lambda a: (Q(a * a), a.sum()), x) | F(lambda a, b: (Q(a * b), b.sum()), (x, s))
F(lambda a, b: (Q(a * b), b.sum()), (x, s), vectorize=True)
"""


def lines(text: str) -> list[str]:
    return [call.strip() for line in text.strip().split("\n") for call in line.split(" | ")]


CALLS = [
    (name, call)
    for name in NAMES
    for call in lines(COMMON) + lines(MATRICES if name in ("jacobian", "hessian") else PRODUCTS)
]


def names(t: Any, name: str) -> dict[str, Any]:
    """What the calls mean in one of the libraries."""
    x, v = t.tensor([1.0, 2.0]), t.tensor([1.0, 10.0])
    second = name in ("hessian", "hvp", "vhp")
    total = (lambda a: a.sum()) if second else lambda a: a
    return {
        "t": t,
        "F": getattr(t.autograd.functional, name),
        "x": x,
        "X": x.clone().requires_grad_(),
        "s": t.tensor(3.0),
        "z": t.tensor([1 + 1j, 2.0 - 0.5j]),
        "v": v,
        "V": v.clone().requires_grad_(),
        "vs": v if name == "vjp" else (v, v),
        "w": t.tensor([1 + 2j, 3 - 1j]),
        "Q": total,
        "P": lambda a: total(a**3),
        "R": (lambda a: (a * a).abs().sum()) if second else lambda a: a,
        "H": second,
        "W": "strategy" if name == "jacobian" else "outer_jacobian_strategy",
    }


def plain(value: Any) -> Any:
    """Tensors as dtype, shape, values and whether they are recorded; lists are tuples."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return {
        "dtype": str(value.dtype),
        "shape": tuple(value.shape),
        "values": value.detach().tolist(),
        "requires_grad": value.requires_grad,
    }


def outcome(t: Any, name: str, call: str) -> Any:
    try:
        return plain(eval(call, names(t, name)))
    except Exception as error:
        return failure(error)


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize(("name", "call"), CALLS, ids=lambda text: text)
def test_as_pytorch(name: str, call: str) -> None:
    theirs = outcome(torch, name, call)
    ours = outcome(dg, name, call)
    if "forward-mode" in call and isinstance(theirs, list | dict):
        theirs = unrecorded(theirs)  # PyTorch leaves a history there without create_graph
    if isinstance(theirs, tuple) and isinstance(ours, tuple):
        assert ours[0] == theirs[0] and first_sentence(ours[1]).startswith(theirs[1]), ours
    else:
        assert not differences(ours, theirs), differences(ours, theirs)


def unrecorded(value: Any) -> Any:
    if isinstance(value, list):
        return [unrecorded(v) for v in value]
    return value | {"requires_grad": False}
