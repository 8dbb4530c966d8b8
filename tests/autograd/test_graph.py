"""Leaves, accumulation, retained and freed graphs, orders, the arguments of backward and grad."""

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.autograd import backward, grad


def leaf(*values: float):
    return dg.tensor(values or (1.0, 2.0), requires_grad=True)


def names(t) -> list:
    return [None if f is None else type(f).__name__ for f, _ in t.grad_fn.next_functions]


def test_leaf_and_result() -> None:
    x = leaf()
    y = x * 2
    assert (x.is_leaf, x.requires_grad, x.grad_fn, x.grad) == (True, True, None, None)
    assert (y.is_leaf, y.requires_grad, type(y.grad_fn).__name__) == (False, True, "MulBackward0")
    assert names(y) == ["AccumulateGrad", None]
    assert y.grad_fn.next_functions[0][0].variable is x
    assert dg.ones(2).is_leaf and (dg.ones(2) * 2).is_leaf


def test_names_of_the_machine() -> None:
    x = leaf()
    y = x.exp()
    assert y.grad_fn.name() == "ExpBackward0"
    assert y.grad_fn.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    assert y.grad_fn is y.grad_fn
    y.grad_fn.metadata["mine"] = 1
    assert y.grad_fn.metadata == {"mine": 1}


def test_gradients_accumulate_in_place() -> None:
    x = leaf()
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad is first
    assert first.tolist() == [5.0, 5.0]
    x.grad = None
    x.sum().backward()
    assert (x.grad.tolist(), first.tolist()) == ([1.0, 1.0], [5.0, 5.0])


def test_gradients_are_nobody_elses_memory() -> None:
    a, b, g = leaf(), leaf(), dg.ones(2)
    (a + b).backward(g)
    a.grad.zero_()
    assert b.grad.tolist() == g.tolist() == [1.0, 1.0]
    a.grad = None
    a.backward(g)
    a.grad.zero_()
    assert g.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("create", [False, True])
def test_two_leaves_never_share_a_gradient(create: bool) -> None:
    a, b = leaf(), leaf()
    (a + b).sum().backward(create_graph=create)
    with dg.no_grad():
        a.grad.zero_()
    assert b.grad.tolist() == [1.0, 1.0]


def test_what_a_hook_saw_stays() -> None:
    x = leaf()
    seen = []
    x.register_hook(lambda g: seen.append(g))
    y = x.exp()
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs[0]))
    y.sum().backward()
    before = [g.tolist() for g in seen]
    (x * 5).sum().backward()
    assert [g.tolist() for g in seen[:2]] == before


@pytest.mark.parametrize(
    ("make", "twice"),
    [
        (lambda x: x + 1, True),
        (lambda x: x - x, True),
        (lambda x: -x, True),
        (lambda x: x.view(2, 1), True),
        (lambda x: x.sum(), True),
        (lambda x: x.expand(3, 2), True),
        (lambda x: x * 2, False),
        (lambda x: x * x, False),
        (lambda x: x.exp(), False),
        (lambda x: x**2, False),
        (lambda x: x / 2, False),
    ],
)
def test_only_nodes_that_keep_values_are_freed(make, twice: bool) -> None:
    x = leaf()
    y = make(x)
    y.backward(dg.ones_like(y))
    first = x.grad.tolist()
    if twice:
        y.backward(dg.ones_like(y))
        assert x.grad.tolist() == [2 * g for g in first]
    else:
        with pytest.raises(RuntimeError, match="second time"):
            y.backward(dg.ones_like(y))
        assert x.grad.tolist() == first


def test_freed_graph_names_the_line() -> None:
    x = leaf()
    y = (x * x).sum()  # the line that is named
    y.backward()
    with pytest.raises(RuntimeError, match=r"MulBackward0, made at .*test_graph.py:\d+: y = \(x"):
        y.backward()


def test_retain_graph() -> None:
    x = leaf()
    y = (x * x).sum()
    for _ in range(3):
        y.backward(retain_graph=True)
    assert x.grad.tolist() == [6.0, 12.0]


def test_create_graph_retains() -> None:
    x = leaf()
    y = (x**3).sum()
    (g,) = grad(y, x, create_graph=True)
    (again,) = grad(y, x)
    assert g.requires_grad and not again.requires_grad
    assert g.tolist() == again.tolist() == [3.0, 12.0]


def test_orders() -> None:
    x = leaf(0.5)
    y = x.exp() * x.sin()
    values = []
    for _ in range(4):
        (y,) = grad(y, x, create_graph=True)
        values.append(y.item())
    e, s, c = np.exp(0.5), np.sin(0.5), np.cos(0.5)
    assert values == pytest.approx([e * (s + c), 2 * e * c, 2 * e * (c - s), -4 * e * s], rel=1e-5)


def test_in_place_accumulation_of_a_recorded_gradient_is_noticed() -> None:
    x = leaf()
    (x**3).sum().backward(create_graph=True)
    kept = x.grad
    y = (kept * kept).sum()
    x.sum().backward()
    assert x.grad is kept
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_grad_does_not_touch_leaves() -> None:
    x, w = leaf(), leaf()
    y = (x * w).sum()
    assert grad(y, [x, w], retain_graph=True)[0].tolist() == [1.0, 2.0]
    assert x.grad is None and w.grad is None
    assert grad(y, w)[0].tolist() == [1.0, 2.0]


def test_unused() -> None:
    x, w = leaf(), leaf()
    y = (x * x).sum()
    with pytest.raises(RuntimeError, match="at index 1 appears to not have been used") as caught:
        grad(y, [x, w], retain_graph=True)
    assert "allow_unused=True" in str(caught.value)
    with pytest.raises(RuntimeError, match=r"A slice or copy made after"):
        grad(y, x[:1], retain_graph=True)
    assert grad(y, w, allow_unused=True, retain_graph=True) == (None,)
    assert grad(y, w, materialize_grads=True, retain_graph=True)[0].tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="allow_unused"):
        grad(y, w, allow_unused=False, materialize_grads=True)


def test_middle_and_repeated_inputs() -> None:
    x = leaf()
    y = x.exp()
    z = (y * 3).sum()
    gy, gx, again = grad(z, [y, x, x], retain_graph=True)
    assert gy.tolist() == [3.0, 3.0]
    assert gx.tolist() == again.tolist()
    assert grad(z, z)[0].item() == 1.0


def test_backward_to_inputs() -> None:
    x, w = leaf(), leaf()
    y = x * w
    y.sum().backward(inputs=[w], retain_graph=True)
    assert x.grad is None and w.grad.tolist() == [1.0, 2.0]
    (y * 2).sum().backward(inputs=[y])
    assert y.grad.tolist() == [2.0, 2.0] and w.grad.tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="cannot be empty"):
        x.sum().backward(inputs=[])


def test_several_roots_and_weights() -> None:
    x = leaf()
    backward([x.sum(), x * 2], [None, dg.tensor([1.0, 10.0])])
    assert x.grad.tolist() == [3.0, 21.0]


def test_retained_gradients_accumulate_and_move() -> None:
    x = leaf()
    y = x * 2
    y.retain_grad()
    assert y.retains_grad and not x.retains_grad
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert y.grad.tolist() == [2.0, 2.0]
    z = x * 2
    z.retain_grad()
    z.mul_(3)
    assert z.retains_grad
    z.sum().backward()
    assert z.grad.tolist() == [1.0, 1.0]


def test_frozen_leaf_gets_nothing() -> None:
    x = leaf()
    y = (x * 2).sum()
    x.requires_grad_(False)
    y.backward(retain_graph=True)
    assert x.grad is None
    x.requires_grad_(True)
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_complex_convention() -> None:
    z = dg.tensor([1 + 2j], requires_grad=True)
    (z * z.conj()).real.sum().backward()
    assert z.grad.tolist() == [2 + 4j]
    z.grad = None
    (z * z).backward(dg.tensor([1 + 0j]))
    assert z.grad.tolist() == [2 - 4j]


def test_mixed_dtypes_come_back() -> None:
    x, h = leaf(), dg.ones(2, dtype=dg.float16, requires_grad=True)
    d = dg.ones(2, dtype=dg.float64, requires_grad=True)
    (x * h * d).sum().backward()
    assert (x.grad.dtype, h.grad.dtype, d.grad.dtype) == (dg.float32, dg.float16, dg.float64)
