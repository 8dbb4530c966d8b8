"""Compiled functions as one meets them: values that make an operation raise, code from a text,
gradients of gradients. Each compiled call does what the plain one does.
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dynagrad as torch
from dynagrad.compiler.shapes import taken

pytest.importorskip("llvmlite")

F = torch.nn.functional
T = torch.tensor
EYE, ONES = np.eye(2, dtype=np.float32), np.ones((2, 2), np.float32)


def outcome(f: Callable, *args: Any) -> Any:
    """What a call gives, or the error that it raises."""
    try:
        result = f(*args)
    except Exception as error:
        return type(error), str(error)
    return (result[0] if isinstance(result, tuple) else result).tolist()


#: a function, an argument for the recording, and one with which the plain function raises or
#: takes another way
REFUSALS = {
    "one_hot": (lambda i: F.one_hot(i, 3), [1, 2], [1, 3]),
    "one_hot, negative": (lambda i: F.one_hot(i, 3), [1, 2], [1, -3]),
    "one_hot, inferred": (F.one_hot, [1, 2], [0, 3]),
    "binary_cross_entropy": (lambda x: F.binary_cross_entropy(x, x), [0.5, 0.5], [0.5, 1.5]),
    "gaussian_nll_loss": (lambda v: F.gaussian_nll_loss(v, v, v), [0.5, 0.5], [0.5, -1.5]),
    "inv": (torch.linalg.inv, EYE, ONES),
    "solve": (lambda a: torch.linalg.solve(a, a), EYE, ONES),
    "cholesky": (torch.linalg.cholesky, EYE, -EYE),
    "lu_factor": (torch.linalg.lu_factor, EYE, ONES),
    "logdet": (torch.logdet, EYE, np.diag([1.0, -2.0]).astype(np.float32)),
    "cond": (lambda a: torch.linalg.cond(a, 1), EYE, ONES),
    "bincount": (torch.bincount, [1, 2], [1, 5]),
    "bincount, minlength": (lambda i: torch.bincount(i, minlength=3), [1, 2], [1, 5]),
    "unique": (torch.unique, [1, 2], [2, 2]),
    "unique_consecutive": (torch.unique_consecutive, [1, 2], [2, 2]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_other_values_end_as_without_the_compiler(name: str) -> None:
    f, usual, other = REFUSALS[name]
    compiled = torch.compile(f)
    plain = [outcome(f, T(a)) for a in (usual, other)]
    assert plain[0] != plain[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in (0, 0, 0, 1, 0, 1, 1, 0):
            found = outcome(compiled, T((usual, other)[k]))
            assert str(found) == str(plain[k])


@pytest.mark.parametrize("file", ["<string>", "<stdin>", "<cell>"])
def test_code_made_from_a_text_is_watched(file: str) -> None:
    def run(text: str) -> None:
        exec(compile(text, file, "exec"), scope)  # noqa: S102 - our own text

    scope: dict[str, Any] = {"__name__": "__main__"}
    run("k = 1.0\ndef inner(x): return x * 2\ndef f(x): return inner(x) * k")
    step, x = torch.compile(scope["f"]), torch.ones(1)
    assert [step(x).item() for _ in range(3)] == [2, 2, 2]
    run("k = 3.0")
    assert [step(x).item() for _ in range(3)] == [6, 6, 6]
    run("def inner(x): return x * 5")
    assert [step(x).item() for _ in range(3)] == [15, 15, 15]
    run("n = 0\ndef g(x):\n  global n\n  n += 1\n  return x * n")
    with pytest.warns(UserWarning, match="changes what it also reads: global n"):
        assert [torch.compile(scope["g"])(x).item()] == [1]
        count = torch.compile(scope["g"])
        assert [count(x).item() for _ in range(4)] == [2, 3, 4, 5]


def test_a_compiled_container_has_its_length() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh())
    compiled = torch.compile(net)
    assert len(compiled) == len(copy.deepcopy(compiled)) == 2
    assert torch.compile(net[0])
    with pytest.raises(TypeError, match="has no len"):
        len(torch.compile(net[0]))


@pytest.mark.parametrize("field", ["values", "indices"])
def test_a_named_result_is_read_by_a_compiled_step(field: str) -> None:
    def step(x: Any) -> Any:
        return getattr(x.max(1), field) + x.sort(1).values[:, 0]

    f = torch.compile(step, fullgraph=True)
    for k in range(3):
        x = torch.randn(4, 3) * k
        assert f(x).tolist() == step(x).tolist()
    assert f.explain().courses[0].runs == 2


def test_a_named_result_from_before_is_what_it_was() -> None:
    held = torch.arange(6.0).reshape(2, 3).max(1)
    f = torch.compile(lambda x: x * held.values)
    for _ in range(3):
        assert f(torch.ones(2)).tolist() == [2, 5]
    held.values.mul_(2)
    assert f(torch.ones(2)).tolist() == [4, 10]
    held = torch.ones(2, 3).min(1)
    assert f(torch.ones(2)).tolist() == [1, 1]


def test_a_model_whose_derivative_uses_indices_is_compiled() -> None:
    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Embedding(9, 8), torch.nn.Linear(8, 5))
    net = copy.deepcopy(plain)

    def loss(net: Any, i: Any, y: Any) -> Any:
        out = net(i)
        picked = out.max(1).values.sum() + out.gather(1, y[:, None]).mean() + out[y, y].sum()
        return torch.nn.functional.cross_entropy(out, y) + picked

    f = torch.compile(loss, fullgraph=True)
    for _ in range(4):
        i, y = torch.randint(0, 9, (4,)), torch.randint(0, 4, (4,))
        found, expected = f(net, i, y), loss(plain, i, y)
        for n, value in ((net, found), (plain, expected)):
            n.zero_grad()
            value.backward()
        torch.testing.assert_close(found, expected)
        for p, q in zip(net.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)
    assert f.explain().courses[0].runs == 3
    with pytest.raises(IndexError, match="out of range"):
        f(net, torch.tensor([0, 1, 2, 9]), y)


@pytest.mark.filterwarnings("ignore:torch.compile")
def test_courses_that_never_fit_are_no_longer_asked() -> None:
    @torch.compile
    def step(x: Any) -> Any:
        return x * 2 if int(x.sum().item()) >= 0 else x

    for k in range(40):
        assert step(torch.full((2,), float(k))).tolist() == [2 * k] * 2
    assert step.gave_up and step.luckless > 16
    for _ in range(3 * 64):  # a value that has a course, found again after 64 calls at most
        assert step(torch.ones(2)).tolist() == [2, 2]
    assert step.luckless == 1 and sum(map(taken, step.variants)) > 2 * 64
