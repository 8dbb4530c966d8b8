"""Hooks: order, replacement, removal, errors; on tensors, leaves, nodes and accumulators."""

import gc

import pytest

import dynagrad as dg


def leaf(*values: float):
    return dg.tensor(values or (1.0, 2.0), requires_grad=True)


def test_order_and_replacement() -> None:
    x = leaf()
    y = x * 2
    log = []
    y.register_hook(lambda g: log.append(("first", g.tolist())))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: log.append(("third", g.tolist())))
    x.register_hook(lambda g: log.append(("leaf", g.tolist())))
    y.sum().backward()
    assert log == [("first", [1.0, 1.0]), ("third", [10.0, 10.0]), ("leaf", [20.0, 20.0])]
    assert x.grad.tolist() == [20.0, 20.0]


def test_removal() -> None:
    x = leaf()
    handle = x.register_hook(lambda g: g * 10)
    x.sum().backward()
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: -g):
        x.sum().backward()
    x.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]


def test_a_leafs_hook_sees_the_total_once() -> None:
    x = leaf()
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * x + 3 * x).sum().backward()
    assert seen == [[5.0, 7.0]]


def test_hooks_run_though_the_leaf_is_gone() -> None:
    x = leaf()
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    y = (x * x).sum()
    del x
    gc.collect()
    y.backward()
    assert seen == [[2.0, 4.0]]


@pytest.mark.parametrize(
    ("hook", "error", "text"),
    [
        (lambda g: dg.ones(3), RuntimeError, "has changed the size of value"),
        (lambda g: 1.0, TypeError, "expected Variable, but hook returned 'float'"),
        (lambda g: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
)
def test_bad_hooks(hook, error, text) -> None:
    x = leaf()
    y = x * 2
    y.register_hook(hook)
    with pytest.raises(error, match=text):
        y.sum().backward()
    assert dg.is_grad_enabled()
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_hooks_need_a_gradient() -> None:
    for register in (dg.ones(1).register_hook, dg.ones(1).register_post_accumulate_grad_hook):
        with pytest.raises(RuntimeError, match="doesn't require gradient"):
            register(print)
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf"):
        (leaf() * 2).register_post_accumulate_grad_hook(print)


def test_post_accumulate_can_step_and_clear() -> None:
    x, w = leaf(), leaf()

    def step(t) -> None:
        with dg.no_grad():
            t.sub_(t.grad, alpha=0.5)
        t.grad = None

    for t in (x, w):
        t.register_post_accumulate_grad_hook(step)
    (x * w).sum().backward()
    assert x.grad is None and w.grad is None
    assert x.tolist() == w.tolist() == [0.5, 1.0]


def test_leaves_are_complete_as_early_as_possible() -> None:
    x, w = leaf(), leaf()
    log = []
    for name, t in (("x", x), ("w", w)):
        t.register_post_accumulate_grad_hook(lambda t, name=name: log.append(name))
    y = x * 2
    y.register_hook(lambda g: log.append("y"))
    (y * w).sum().backward()
    assert log == ["w", "y", "x"]


def test_node_hooks() -> None:
    x = leaf()
    y = x * 2
    log = []
    y.grad_fn.register_prehook(lambda out: (out[0] + 1,))
    y.grad_fn.register_hook(
        lambda inputs, out: log.append(
            ([g if g is None else g.tolist() for g in inputs], [g.tolist() for g in out])
        )
    )
    handle = y.grad_fn.register_hook(lambda inputs, out: (inputs[0] * 10, None))
    y.sum().backward(retain_graph=True)
    assert log == [([[4.0, 4.0], None], [[2.0, 2.0]])]
    assert x.grad.tolist() == [40.0, 40.0]
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [44.0, 44.0]


def test_accumulator_hooks() -> None:
    x = leaf()
    y = x * 2
    accumulator = y.grad_fn.next_functions[0][0]
    log = []
    accumulator.register_hook(lambda inputs, out: log.append((inputs, out[0].tolist())))
    accumulator.register_prehook(lambda out: (out[0] * 5,))
    y.sum().backward()
    assert log == [((), [10.0, 10.0])]
    assert x.grad.tolist() == [10.0, 10.0]


def test_hooks_see_the_mode_of_the_pass() -> None:
    x = leaf()
    y = x**2
    modes = []
    y.register_hook(lambda g: modes.append(dg.is_grad_enabled()))
    y.sum().backward(retain_graph=True)
    dg.autograd.grad(y.sum(), x, create_graph=True)
    assert modes == [False, True]


def test_hooks_are_differentiated() -> None:
    x = leaf()
    y = x**2
    y.register_hook(lambda g: g * x)
    (g,) = dg.autograd.grad(y.sum(), x, create_graph=True)
    assert g.tolist() == [2.0, 8.0]
    assert dg.autograd.grad(g.sum(), x)[0].tolist() == [4.0, 8.0]


def test_retained_gradient_comes_after_all_hooks() -> None:
    y = leaf() * 2
    y.register_hook(lambda g: g * 3)
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    y.sum().backward()
    assert y.grad.tolist() == [15.0, 15.0]


def test_hooks_on_several_results() -> None:
    x = leaf()
    a, b = x.unbind(0)
    b.register_hook(lambda g: g * 10)
    (a + b).backward()
    assert x.grad.tolist() == [1.0, 10.0]


def test_backward_inside_a_hook() -> None:
    x, w = leaf(), leaf()
    y = x * 2

    def inner(g):
        with dg.enable_grad():
            (w * g).sum().backward()

    y.register_hook(inner)
    y.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0] and x.grad.tolist() == [2.0, 2.0]
