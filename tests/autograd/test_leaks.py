"""A graph is freed by reference counting alone: the cyclic collector is off throughout."""

import gc
import signal
import tracemalloc
import weakref
from collections.abc import Callable

import pytest

import dynagrad as dg
from dynagrad.core.tape import Family, Node, Output, VersionCell
from dynagrad.core.tensor import Tensor

GRAPH = (Tensor, Node, Output, Family, VersionCell)


pytestmark = pytest.mark.usefixtures("without_collector")


def living() -> int:
    """How many objects of graphs there are."""
    return sum(issubclass(type(thing), GRAPH) for thing in gc.get_objects())


def leaf(*values: float) -> Tensor:
    return dg.tensor(values or (1.0, 2.0), requires_grad=True)


class Cube(dg.autograd.Function):
    """Saves its input and its result."""

    @staticmethod
    def forward(ctx, x):
        y = x**3
        ctx.save_for_backward(x, y)
        ctx.note = "kept"
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * 3 * x * x + 0 * y


def never_differentiated() -> None:
    y = leaf().exp() * leaf()
    y.sum().tanh()


def backward() -> None:
    x = leaf()
    (x.exp() * x).sum().backward()


def create_graph() -> None:
    x = leaf()
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    del x


def gradient_outlives_the_leaf() -> None:
    x = leaf()
    (x**3).sum().backward(create_graph=True)
    g = x.grad
    del x
    g.sum().backward()


def third_order() -> None:
    x = leaf()
    y = (x**4).sum()
    for _ in range(3):
        (g,) = dg.autograd.grad(y, x, create_graph=True)
        y = (g * g.tanh()).sum()
    y.backward()


def leaf_dead_before_its_gradient() -> None:
    x = leaf()
    y = (x.exp() * x).sum()
    del x
    y.backward()


def leaf_dead_with_create_graph() -> None:
    x = leaf()
    y = (x.exp() * x).sum()
    del x
    y.backward(create_graph=True)


def retain_grad() -> None:
    x = leaf()
    y = x.exp()
    y.retain_grad()
    (y * y).sum().backward(create_graph=True)
    assert y.grad.requires_grad


def hooks() -> None:
    x = leaf()
    y = x.exp()
    seen = []
    x.register_hook(lambda g: seen.append("x"))
    y.register_hook(lambda g: g * 2)
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append(len(inputs)))
    y.grad_fn.register_prehook(lambda outputs: seen.append(len(outputs)))
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.shape))
    (y * y).sum().backward(create_graph=True)
    assert len(seen) == 4


def function() -> None:
    x = leaf()
    y = Cube.apply(x)
    y.sum().backward(retain_graph=True)
    y.sum().backward(create_graph=True)
    assert y.grad_fn.saved_tensors[0] is x


def function_of_second_order() -> None:
    x = leaf()
    (g,) = dg.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    g.sum().backward()


def function_never_differentiated() -> None:
    Cube.apply(leaf()) * 2


def views_and_writes() -> None:
    x = leaf()
    y = x * 1
    v, w = y[:1], y.view(2, 1)
    v.mul_(x[:1])
    y.add_(w.view(2))
    w[0] = x[1:]
    v.exp_()
    y.sum().backward(create_graph=True)


def views_that_outlive_their_base() -> None:
    y = leaf() * 1
    v = y[:1]
    del y
    v.mul_(2)
    (v * v).sum().backward()


def several_results() -> None:
    x = leaf()
    a, b = x.unbind(0)
    values, indices = (a * x).sort()
    (values * b).sum().backward(create_graph=True)


def detached() -> None:
    x = leaf()
    y = x.exp()
    d, z = y.detach(), y.data
    d.add_(1)
    z.mul_(2)
    with dg.no_grad():
        y.mul_(2)


def failed_backward() -> None:
    x = leaf()
    y = x.exp()

    def fails(g):
        raise ValueError("own")

    y.register_hook(fails)
    try:
        (y * y).sum().backward(create_graph=True)
    except ValueError:
        pass


def stale_value() -> None:
    y = leaf().exp()
    y.add_(1)
    try:
        y.sum().backward()
    except RuntimeError:
        pass


PROGRAMS = [
    never_differentiated,
    backward,
    create_graph,
    gradient_outlives_the_leaf,
    third_order,
    leaf_dead_before_its_gradient,
    leaf_dead_with_create_graph,
    retain_grad,
    hooks,
    function,
    function_of_second_order,
    function_never_differentiated,
    views_and_writes,
    views_that_outlive_their_base,
    several_results,
    detached,
    failed_backward,
    stale_value,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_everything_is_freed(program: Callable[[], None]) -> None:
    program()  # caches are filled by the first run
    before = living()
    for _ in range(3):
        program()
    assert living() == before


def test_the_measure_sees_a_cycle() -> None:
    before = living()
    x = leaf()
    x.own = x
    del x
    assert living() > before
    gc.collect()
    assert living() == before


def test_values_go_with_the_graph() -> None:
    x = leaf()
    y = x.exp()
    saved = weakref.ref(y._a)
    z = y.sum()
    del y
    assert saved() is not None
    z.backward()
    assert saved() is None


def test_values_go_while_backward_runs() -> None:
    x = leaf()
    w = x * 1
    y = w.exp()
    z = y.tanh()
    late = weakref.ref(z._a)
    out = z.sum()
    del z
    seen = []
    w.register_hook(lambda g: seen.append(late() is None))
    out.backward()
    assert seen == [True]


#: Python keeps some freed tuples for later; one array of a step left behind would take 4 KB a step
FREE_LISTS = 150_000


def steps(count: int) -> tuple[int, int]:
    """Live objects and traced memory that `count` steps with second derivatives leave behind."""
    x = dg.ones(1024, requires_grad=True)

    def run(n: int) -> None:
        for _ in range(n):
            x.grad = None
            loss = (x**3).sum() + (x.exp() * x).mean()
            loss.backward(create_graph=True)
            (x.grad * x.grad).sum().backward()
            with dg.no_grad():
                x.sub_(x.grad, alpha=1e-6)

    run(50)
    before = living()
    tracemalloc.start()
    run(50)
    memory = tracemalloc.get_traced_memory()[0]
    run(count)
    grown = tracemalloc.get_traced_memory()[0] - memory
    tracemalloc.stop()
    return living() - before, grown


def test_steps_leave_nothing_behind() -> None:
    objects, memory = steps(300)
    assert objects == 0
    assert memory < FREE_LISTS


@pytest.mark.long
def test_ten_thousand_steps_leave_nothing_behind() -> None:
    objects, memory = steps(10_000)
    assert objects == 0
    assert memory < FREE_LISTS


def chain(count: int) -> None:
    """Build, differentiate and drop a chain of operations."""
    x = leaf()
    y = x
    for _ in range(count // 2):
        y = -(y * 1.0)
    y.sum().backward()
    assert x.grad.tolist() == [1.0 if count // 2 % 2 == 0 else -1.0] * 2
    before = living()
    assert before > count
    del y
    assert living() < before - count + 10


def test_a_long_chain_needs_no_recursion() -> None:
    chain(100_000)


def test_a_long_chain_of_writes_and_views_needs_no_recursion() -> None:
    x = leaf()
    y = x * 1
    for _ in range(20_000):
        y[:1].mul_(1.0)
    v = y
    for _ in range(20_000):
        v = v[:]
    v.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    del v, y


def test_a_long_chain_dropped_before_backward() -> None:
    y = leaf()
    for _ in range(100_000):
        y = y * 2
    before = living()
    del y
    assert living() < before - 100_000


@pytest.mark.long
def test_a_million_operations() -> None:
    for _ in range(2):
        chain(1_000_000)


def test_an_interrupt_leaves_the_tape_usable() -> None:
    x = leaf()
    y = x.exp()
    handle = y.register_hook(lambda g: signal.raise_signal(signal.SIGINT))
    out = (y * y).sum()
    with pytest.raises(KeyboardInterrupt):
        out.backward(retain_graph=True)
    assert dg.is_grad_enabled()
    assert x.grad is None
    handle.remove()
    out.backward()
    expected = 2 * (2 * x.detach()).exp()
    assert dg.allclose(x.grad, expected)
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("create", [False, True])
def test_an_error_in_a_hook_leaves_the_graph_usable(create: bool) -> None:
    x, w = leaf(), leaf()
    y = x * x
    calls = []

    def sometimes(g):
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("own")

    y.register_hook(sometimes)
    out = (y * w).sum()
    with pytest.raises(ZeroDivisionError, match="own"):
        dg.autograd.grad(out, [x, w], create_graph=create, retain_graph=True)
    assert dg.is_grad_enabled()
    gx, gw = dg.autograd.grad(out, [x, w], create_graph=create)
    assert (gx.tolist(), gw.tolist()) == ([2.0, 8.0], [1.0, 4.0])
