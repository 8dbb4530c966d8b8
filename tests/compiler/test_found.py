"""Steps that random programs have found to go wrong: compiled, they do what they do eagerly."""

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as torch

pytest.importorskip("llvmlite")

F = torch.nn.functional


def close(ours: Any, plain: Any) -> None:
    """Equal up to rounding."""
    torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-12)


def both(make: Callable[[], Callable], *calls: tuple) -> Any:
    """Two instances of a step, one compiled, give the same at each call; the compiled one."""
    plain, ours = make(), torch.compile(make())
    for args in calls:
        close(ours(*args), plain(*args))
    return ours


def doubles(*shape: int) -> torch.Tensor:
    """Random numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64)


def test_an_element_of_a_small_value_is_read_at_an_index_that_is_data() -> None:
    weight = doubles(3, 4)
    torch.manual_seed(0)

    def make() -> Callable:
        bias = torch.nn.Parameter(doubles(4) * 0)

        def step(x: torch.Tensor, y: torch.Tensor) -> Any:
            bias.grad = None
            h = x @ weight + bias
            h = h + h.detach().sum(0) * 0.5
            loss = F.cross_entropy(h, y.argmax(1))
            loss.backward()
            return loss.detach(), bias.grad

        return step

    step = both(make, *[(doubles(5, 3), doubles(5, 4)) for _ in range(4)])
    assert step.explain().courses[0].runs


def test_an_optimizer_with_fewer_parameters_clears_fewer_gradients() -> None:
    w, b = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = torch.optim.SGD([w, b], lr=0.1)

    @torch.compile
    def step(x: torch.Tensor) -> None:
        optimizer.zero_grad()
        ((x * w + b) ** 2).sum().backward()

    for _ in range(3):
        step(torch.ones(3))
    optimizer.param_groups[0]["lr"] = 0.3  # nobody has read it
    step(torch.ones(3))
    assert step.explain().courses[0].runs == 3
    optimizer.param_groups[0]["params"] = [w]
    step(torch.ones(3))
    assert b.grad.tolist() == [8.0] * 3 and w.grad.tolist() == [4.0] * 3


@pytest.mark.parametrize("read", [lambda o: o.state_dict()["param_groups"][0]["lr"], repr])
@pytest.mark.parametrize("steps", [False, True])
def test_options_of_an_optimizer_are_read_as_a_whole(read: Callable, steps: bool) -> None:
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([w], lr=0.1)

    @torch.compile
    def step(x: torch.Tensor) -> Any:
        optimizer.zero_grad()
        (x * w).sum().backward()
        if steps:
            optimizer.step()
        return read(optimizer)

    for rate in (0.1, 0.1, 0.1, 0.3, 0.3):
        optimizer.param_groups[0]["lr"] = rate
        assert step(torch.ones(3)) == read(optimizer)
    assert [course.runs for course in step.explain().courses] == [2, 1]


def test_a_step_that_raises_says_where() -> None:
    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] > 3:
            x = x @ torch.ones(7, 7)
        return x * 2

    for n in (5, 5, 5, 5, 2, 2):
        if n > 3:
            with pytest.raises(RuntimeError, match="shapes"):
                step(torch.ones(n, 3))
        else:
            close(step(torch.ones(n, 3)), torch.full((n, 3), 2.0))
    explanation = step.explain()
    (reason,) = explanation.reasons
    assert reason.text == "raises RuntimeError" and "torch.ones(7, 7)" in reason.quoted()
    assert explanation.courses[0].runs == 1


def test_a_list_that_was_emptied_is_read_no_more() -> None:
    factors = [0.5, 0.25]

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        for factor in factors:
            x = x * factor
        return x

    for length in (2, 2, 2, 1, 0, 0, 2):
        factors.clear()
        factors += [0.5, 0.25][:length]
        close(step(torch.ones(2)), torch.ones(2) * [1, 0.5, 0.125][length])


def test_one_tensor_is_two_arguments_one_of_which_is_written() -> None:
    @torch.compile
    def step(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a.mul_(2)
        return b + 1

    for _ in range(4):
        close(step(doubles(4) * 0 + 1, doubles(4) * 0 + 1), torch.full((4,), 2.0).double())
    t = doubles(4) * 0 + 1
    close(step(t, t), torch.full((4,), 3.0).double())
    close(step(t[:2], t[1:3]), torch.tensor([5.0, 3.0]).double())
    assert t.tolist() == [4, 4, 2, 2]


def test_an_argument_that_is_written_shows_what_the_step_reads() -> None:
    state = doubles(4) * 0 + 1

    @torch.compile
    def step(a: torch.Tensor) -> torch.Tensor:
        a.mul_(2)
        return state + 1

    for a in (*[doubles(4) for _ in range(4)], state, state, state[:], doubles(4), state.detach()):
        expected = state * (1 + (a.data_ptr() == state.data_ptr())) + 1
        close(step(a), expected)


def with_buffer(p: torch.Tensor) -> Callable:
    """A function that reads a module's buffer."""
    module = torch.nn.Module()
    module.register_buffer("p", p)
    return lambda a: a * 2 + module.p


def with_attribute(p: torch.Tensor) -> Callable:
    """A function that reads an attribute of its own."""

    def step(a: torch.Tensor) -> torch.Tensor:
        return a * 2 + step.p  # type: ignore[attr-defined]

    step.p = p  # type: ignore[attr-defined]
    return step


#: ways to a tensor that is an argument too
REACHED = {
    "global": lambda p: lambda a: a * 2 + p,
    "default": lambda p: lambda a, q=p: a * 2 + q,
    "keyword default": lambda p: lambda a, *, q=p: a * 2 + q,
    "partial": lambda p: functools.partial(lambda q, a: a * 2 + q, p),
    "tuple": lambda p: lambda a, held=((p,), 1): a * 2 + held[0][0],
    "list": lambda p: lambda a, held=[p]: a * 2 + held[0],
    "attribute": with_attribute,
    "buffer": with_buffer,
}


@pytest.mark.parametrize("how", REACHED)
def test_an_argument_that_was_state_at_first(how: str) -> None:
    p = doubles(3)
    step = torch.compile(REACHED[how](p))
    for a in (p, p, p, doubles(3), doubles(3), p, doubles(3), p.clone()):
        close(step(a), a * 2 + p)
    assert not step.explain().reasons


def test_an_argument_that_is_a_gradient_stays_eager() -> None:
    w = torch.nn.Parameter(doubles(3))

    @torch.compile
    def step(a: torch.Tensor) -> torch.Tensor:
        (w * a.detach()).sum().backward()
        return w.grad + a

    w.grad = doubles(3)
    for a in (w.grad, w.grad, doubles(3), doubles(3)):
        before = w.grad.clone()
        expected = before + a + (before + a if a is w.grad else a)
        close(step(a), expected)
    assert "an argument is the gradient" in step.explain().reasons[0].text


def test_two_tensors_that_had_one_gradient_have_two() -> None:
    a, b = torch.nn.Parameter(doubles(3)), torch.nn.Parameter(doubles(3))

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        (a * x[0] + b * x[1]).sum().backward()
        return a.grad - b.grad

    x = doubles(2, 3)
    for shared in (True, True, False, False, True):
        g = doubles(4)
        a.grad, b.grad = (g[:3].clone(), g[1:].clone()) if not shared else 2 * (g[:3].clone(),)
        expected = x[0] - x[1] + a.grad - b.grad if not shared else torch.zeros(3).double()
        close(step(x), expected)


def test_memory_that_becomes_shared_stays_noticed() -> None:
    a, b = torch.ones(4), torch.full((4,), 2.0)

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        a.add_(x)
        return b + x

    one = torch.ones(4)
    for call in range(11):
        if call == 3:
            b.data = a.data
        elif call == 6:
            b.data = a.data.clone()
        elif call == 9:
            held = torch.ones(6)
            a.data, b.data = held[:4], held[2:]
        before = a + one
        close(step(one), b + one)
        close(a, before)


def test_a_step_counts_its_writes_to_arguments() -> None:
    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        return x.add_(1)

    for _ in range(4):
        t = torch.ones(3)
        assert step(t) is t and t._version == 1
    w = torch.nn.Parameter(torch.ones(3))
    y = (w * t).sum()
    step(t)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    assert step.explain().courses[0].runs == 4


def test_a_zero_has_a_sign() -> None:
    layer = torch.nn.Threshold(0.5, 0.0)
    step = torch.compile(lambda x: 1 / layer(x))
    for value in (0.0, 0.0, 0.0, -0.0, 0.0):
        layer.value = value
        expected = [math.copysign(math.inf, value), 1.0]
        assert step(torch.tensor([0.1, 1.0])).tolist() == expected


def test_a_recording_is_as_quiet_as_an_operation() -> None:
    step = torch.compile(lambda x: (1 / x, x.log(), x.sqrt(), x / x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(torch.tensor([0.0, -1.0]))
    assert not step.explain().reasons and len(step.explain().courses) == 1


def test_what_no_result_used_depends_on_gets_no_gradient() -> None:
    w = torch.nn.Parameter(doubles(3))
    step = torch.compile(lambda t: ((w * t).sum(), w * 2))
    for used in (0, 1, 1, 0, 1):
        w.grad, t = None, doubles(3).requires_grad_()
        step(t)[used].sum().backward()
        close(w.grad, t.detach() if used == 0 else torch.full((3,), 2.0).double())
        assert (t.grad is None) is (used == 1)
