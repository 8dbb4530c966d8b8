"""Functions with a derivative of their own in compiled steps: what their forward leaves in `ctx`,
and what their backward reads.
"""

import warnings
from typing import Any

import pytest

import dynagrad as torch

pytest.importorskip("llvmlite")

scale = 2.0
log: list = []


class Scaled(torch.autograd.Function):
    """x * k."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, k: float) -> torch.Tensor:
        ctx.k = k
        ctx.shape = x.shape
        ctx.save_for_backward(x)
        return x * k

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        return times(grads[0], ctx.k).reshape(ctx.shape) + 0 * x, None


def times(x: Any, k: float) -> Any:
    return x * k


class Global(torch.autograd.Function):
    """The identity, whose derivative the global `scale` multiplies."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0] * scale


class Logged(torch.autograd.Function):
    """The identity; its backward keeps a list."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        log.append(1)
        return grads[0]


def test_a_step_with_its_own_backward_pass() -> None:
    @torch.compile
    def step(x: torch.Tensor, k: float) -> torch.Tensor:
        x.grad = None
        (Scaled.apply(x, k).sum() + Global.apply(x).sum()).backward()
        return x.grad * 1

    x = torch.ones(2, requires_grad=True)
    assert [step(x, 3.0).tolist() for _ in range(4)] == [[5, 5]] * 4
    assert step(x, 4.0).tolist() == [6, 6]
    assert sum(c.runs for c in step.explain().courses) == 3


def test_a_compiled_forward_with_its_own_backward_pass() -> None:
    f = torch.compile(lambda x: Scaled.apply(x, 3.0) + 1)
    x = torch.ones(2, requires_grad=True)
    for _ in range(4):
        assert torch.autograd.grad(f(x).sum(), x)[0].tolist() == [3, 3]
    assert [c.runs for c in f.explain().courses] == [3]


def test_code_of_a_backward_pass_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    f = torch.compile(lambda x: Scaled.apply(x, 3.0) + 1)
    x = torch.ones(2, requires_grad=True)
    for _ in range(3):
        out = f(x).sum()
    monkeypatch.setitem(globals(), "times", lambda x, k: x * k * 10)
    with pytest.raises(RuntimeError, match=r"changed since the forward pass: global times"):
        out.backward()
    assert torch.autograd.grad(f(x).sum(), x)[0].tolist() == [30, 30]


def test_a_backward_that_reads_numbers_stays_eager() -> None:
    global scale
    f = torch.compile(lambda x: Global.apply(x) + 1)
    x = torch.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for new in (2.0, 2.0, 2.0, 5.0, 5.0):
            out = f(x).sum()
            scale = new
            assert torch.autograd.grad(out, x)[0].tolist() == [new] * 2
    (reason, *_) = f.explain().reasons
    assert "backward pass reads global scale" in reason.text and reason.line > 0


def test_a_backward_that_changes_objects_stays_eager() -> None:
    f = torch.compile(lambda x: Logged.apply(x) * 2)
    x = torch.ones(2, requires_grad=True)
    log.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            out = f(x).sum()
            assert len(log) == k
            out.backward()
    assert not f.explain().courses and "changes a list" in f.explain().reasons[0].text
    assert log == [1] * 4


def test_a_whole_step_may_keep_a_list_in_backward() -> None:
    log.clear()

    @torch.compile
    def step(x: torch.Tensor) -> None:
        Logged.apply(x).sum().backward()

    x = torch.ones(2, requires_grad=True)
    for k in range(4):
        step(x)
        assert len(log) == k + 1
    assert sum(c.runs for c in step.explain().courses) == 2


def test_a_backward_that_reads_other_tensors_stays_eager() -> None:
    w = torch.full((2,), 3.0)

    class Other(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return grads[0] * w

    f = torch.compile(Other.apply)
    x = torch.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            w.fill_(k)
            assert torch.autograd.grad(f(x).sum(), x)[0].tolist() == [k, k]
