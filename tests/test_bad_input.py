"""Calls with bad arguments: PyTorch's class of error, its words, and nothing half done.

The calls are in `bad_calls.py`. Without PyTorch the class is pinned, and that no text of NumPy's or
of Python's about our insides comes out; with it, class and words are compared.
"""

import gc
import re
import sys
import threading
import warnings
from typing import Any

import bad_calls
import numpy as np
import pytest

import dynagrad

CALLS = [
    (call.strip(), kind, table is bad_calls.SAME_WORDS)
    for table in (bad_calls.SAME_WORDS, bad_calls.OWN_WORDS)
    for kind, text in table.items()
    for call in text.strip().replace("\n", " | ").split(" | ")
]

#: what Python and NumPy say when nobody has checked
UNTOLD = re.compile(
    "|".join(
        (
            "NoneType' object has",
            "operands could not be broadcast",
            "out of bounds for axis",
            "cannot reshape array",
            r"^'\w+' object has no attribute '_",
            "not supported for the input types",
            "setting an array",
            "mismatch in its core",
            "did not contain a loop",
            "all the input arrays",
            "^zero-size array",
        )
    )
)


def names(torch: Any) -> dict[str, Any]:
    """What the calls may use."""
    torch.manual_seed(0)
    t = torch.tensor
    return {
        "torch": torch,
        "np": np,
        "nn": torch.nn,
        "F": torch.nn.functional,
        "f": t([[1.0, 2, 3], [4, 5, 6]]),
        "v": t([1.0, 2, 3]),
        "v4": t([1.0, 2, 3, 4]),
        "i": t([[1, 2, 0], [0, 1, 1]]),
        "li": t([0, 1]),
        "big": t([5, -7]),
        "b": t([[True, False, True], [False, True, True]]),
        "c": t([[1 + 1j, 2, 3], [3, 4, 5j]]),
        "d": t([[1.0, 2, 3], [4, 5, 6]], dtype=torch.float64),
        "e": torch.zeros(0, 3),
        "e0": torch.zeros(0),
        "s": t(2.0),
        "g": torch.ones(2, 3, requires_grad=True),
        "x3": torch.ones(2, 3, 4),
        "w": torch.ones(4, 4),
        "w7": torch.ones(7, 5),
        "h": torch.ones(2, 3, dtype=torch.float16),
        "arr": np.ones((2, 3), np.float32),
        "n1": np.float32(2),
    }


def state(space: dict[str, Any]) -> dict[str, Any]:
    """Everything of the tensors that a failed call must leave alone."""
    return {
        name: (
            t.detach().numpy().tobytes(),
            tuple(t.shape),
            str(t.dtype),
            t._version,
            t.requires_grad,
            not t.is_leaf or t.grad is None,
        )
        for name, t in space.items()
        if isinstance(t, dynagrad.Tensor)
    }


def refused(torch: Any, call: str) -> tuple[Exception, dict, dict]:
    """The error of a call, and the named tensors' state before and after it."""
    space = names(torch)
    before = state(space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as caught:
            exec(call[1:], space) if call[0] == "!" else eval(call, space)
    after = state(space)
    return caught.value, before, {name: after.get(name) for name in before}


@pytest.mark.parametrize(("call", "kind", "same"), CALLS, ids=[c for c, _, _ in CALLS])
def test_refused(call: str, kind: str, same: bool) -> None:
    error, before, after = refused(dynagrad, call)
    assert type(error).__name__ == kind
    assert not UNTOLD.search(str(error)), str(error)
    if "backward()" not in call:
        assert after == before


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[^0-9])\. (?=[A-Z])", text.split("\n")[0])[0].strip().rstrip(".")


@pytest.mark.parity
@pytest.mark.parametrize("part", range(10))
def test_as_pytorch(part: int) -> None:
    torch = pytest.importorskip("torch")
    wrong = []
    for call, kind, same in CALLS[part::10]:
        ours, theirs = str(refused(dynagrad, call)[0]), refused(torch, call)[0]
        if type(theirs).__name__ != kind or (same and first_sentence(str(theirs)) not in ours):
            wrong.append(f"{call}\n  ours:   {ours}\n  theirs: {theirs!r}")
    assert not wrong, "\n".join(wrong)


def test_no_second_traceback_of_numpys() -> None:
    with pytest.raises(RuntimeError) as caught:
        dynagrad.ones(3) + dynagrad.ones(4)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    with pytest.raises(RuntimeError) as caught:
        dynagrad.isclose(dynagrad.ones(3), dynagrad.ones(4))
    assert caught.value.__context__ is None


def test_errors_of_users_functions_stay_as_they_are() -> None:
    class Odd:
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return [][3]

    with pytest.raises(IndexError, match="list index out of range"):
        dynagrad.sum(Odd())  # pyright: ignore[reportArgumentType]


def test_hooks_are_checked_and_name_the_forward_line() -> None:
    x = dynagrad.ones(3, requires_grad=True)
    for answer, text in ((lambda g: g[:2], "size"), (lambda g: g.long(), "type")):
        y = x * 2  # the line to be named
        y.register_hook(answer)
        with pytest.raises(RuntimeError, match=f"has changed the {text} of value") as caught:
            y.sum().backward()
        assert "y = x * 2  # the line to be named" in "".join(caught.value.__notes__)
    assert x.grad is None


def test_a_failed_in_place_operation_changes_nothing() -> None:
    torch = dynagrad
    for call in (
        lambda x: x.scatter_(0, torch.tensor([[0, 1, 9]]), 1.0),
        lambda x: x.index_add_(0, torch.tensor([0, 9]), torch.ones(2, 3)),
        lambda x: x.index_fill_(0, torch.tensor([0, 9]), 1.0),
        lambda x: x.index_copy_(0, torch.tensor([0, 9]), torch.ones(2, 3)),
        lambda x: x.put_(torch.tensor([0, 99]), torch.ones(2)),
        lambda x: x.masked_scatter_(torch.ones(2, 3).bool(), torch.ones(1)),
        lambda x: x.normal_(0, -1),
        lambda x: x.cumsum_(9),
    ):
        x = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
        random = torch.get_rng_state().tolist()
        with pytest.raises((RuntimeError, IndexError)):
            call(x)
        assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
        assert x._version == 0
        assert torch.get_rng_state().tolist() == random


def test_a_gradient_outlives_a_change_of_the_data() -> None:
    p = dynagrad.ones(2, requires_grad=True)
    p.grad = dynagrad.ones(2)
    p.data = p.data.double()
    (p * 2).sum().backward()
    assert p.grad.tolist() == [3, 3]
    p.data = dynagrad.ones(3)
    with pytest.raises(RuntimeError, match="The size of tensor a \\(2\\) must match"):
        (p * 2).sum().backward()
    assert p.grad.tolist() == [3, 3]


def test_in_place_forms_take_empty_tensors() -> None:
    x = dynagrad.zeros(0, 3)
    assert dynagrad.nn.functional.relu_(x) is x
    assert x.add_(1).shape == (0, 3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        dynagrad.zeros(1, 3).expand(2, 3).add_(1)


def test_threads_that_meet_in_one_leaf_add_up() -> None:
    leaf = dynagrad.ones(1000, requires_grad=True)

    def work() -> None:
        for _ in range(50):
            (leaf * 2).sum().backward()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert leaf.grad.unique().tolist() == [400]


@pytest.mark.parametrize("raising", [False, True])
def test_numpy_keeps_its_warnings_to_itself(raising: bool) -> None:
    torch, inf = dynagrad, float("inf")
    one, table = torch.ones(1, 3) * inf, torch.eye(2) * 1e38
    with (
        np.errstate(all="raise" if raising else "warn"),
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        assert torch.det(table).item() == inf
        torch.nn.functional.embedding(torch.tensor([0]), one, max_norm=1.0)
        torch.nn.functional.binary_cross_entropy(torch.zeros(0), torch.zeros(0))
        (torch.zeros(3) / 0).long()
        torch.ones(1).var()
    assert [str(w.message) for w in told if issubclass(w.category, RuntimeWarning)] == []


def test_memory_that_is_not_there() -> None:
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator: can't allocate memory"):
        dynagrad.zeros(10**14)
    gc.collect()
