"""Hooks on saved values, several gradients and edges: nothing is kept, nothing leaks, threads are
apart.
"""

import gc
import threading
import weakref
from collections.abc import Callable

import pytest

import dynagrad as dg
from dynagrad.autograd import graph
from dynagrad.core.saved import Packed
from dynagrad.core.tape import Extras, Family, Node, Output
from dynagrad.core.tensor import Tensor

GRAPH = (Tensor, Node, Output, Family, Extras, Packed)


pytestmark = pytest.mark.usefixtures("without_collector")


def living() -> int:
    """How many objects of graphs there are."""
    return sum(issubclass(type(thing), GRAPH) for thing in gc.get_objects())


def leaf(*values: float) -> Tensor:
    return dg.tensor(values or (1.0, 2.0), requires_grad=True)


class Product(dg.autograd.Function):
    """Saves its inputs and its result."""

    @staticmethod
    def forward(ctx, a, b):
        r = a * b
        ctx.save_for_backward(a, b, r)
        return r

    @staticmethod
    def backward(ctx, g):
        a, b, _ = ctx.saved_tensors
        return g * b, g * a


def work(x: Tensor) -> Tensor:
    h = x.exp() * x
    h = Product.apply(h, x) * 1
    h.mul_(x)
    return h.tanh().sum()


def the_tensor_itself(create: bool) -> None:
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = work(x)
    y.backward(create_graph=create)


def copies(create: bool) -> None:
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        work(x).backward(create_graph=create)


def never_run(create: bool) -> None:
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        work(leaf())


def failing(create: bool) -> None:
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 1 / 0):
        y = work(leaf())
    with pytest.raises(ZeroDivisionError):
        y.backward(create_graph=create)


def mutated(create: bool) -> None:
    x = leaf()
    with graph.allow_mutation_on_saved_tensors():
        h = x.exp()
        y = h.sin().sum()
        h.zero_()
        y.backward(create_graph=create)


def several(create: bool) -> None:
    x = leaf()
    h = x.exp()
    handle = graph.register_multi_grad_hook([x, h], lambda grads: handle and None)
    work(h).backward(create_graph=create)


def edges(create: bool) -> None:
    x = leaf()
    h = x.exp()
    edge = graph.get_gradient_edge(h)
    dg.autograd.grad(work(h), [edge, graph.get_gradient_edge(x)], create_graph=create)


def hooks_that_know_their_handle(create: bool) -> None:
    x = leaf()
    handles: list = []
    handles.append(x.register_hook(lambda g: handles[0].remove()))
    work(x).backward(create_graph=create)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize(
    "scene",
    [
        the_tensor_itself,
        copies,
        never_run,
        failing,
        mutated,
        several,
        edges,
        hooks_that_know_their_handle,
    ],
    ids=lambda f: f.__name__,
)
def test_everything_is_freed(scene: Callable, create: bool) -> None:
    scene(create)
    before = living()
    for _ in range(3):
        scene(create)
    assert living() == before


def test_what_is_packed_is_not_kept() -> None:
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: tuple(t.shape), dg.ones):
        h = x.exp()
        array = weakref.ref(h._a)
        y = h.sin().sum()
    del h
    assert array() is None
    y.backward()
    assert x.grad.tolist() == pytest.approx([0.5403023, 0.5403023])


def test_packed_values_are_freed_by_the_pass() -> None:
    x = leaf()
    kept: list = []

    def pack(t: Tensor) -> Tensor:
        copy = t.clone()
        kept.append(weakref.ref(copy))
        return copy

    with graph.saved_tensors_hooks(pack, lambda t: t):
        y = x.exp().sum()
    y.backward(retain_graph=True)
    assert kept[0]() is not None
    y.backward()
    assert kept[0]() is None
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_a_pack_hook_of_the_wrong_arity() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        with graph.saved_tensors_hooks(lambda: 1, lambda t: t):
            leaf().exp()
    assert leaf().exp().requires_grad


def test_hooks_belong_to_their_thread() -> None:
    packed: list = []
    found: list = []

    def elsewhere() -> None:
        x = leaf()
        y = x.exp().sum()
        y.backward()
        found.append(x.grad.tolist())

    with graph.saved_tensors_hooks(lambda t: packed.append(t) or t, lambda t: t):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert packed == [] and len(found) == 1


def test_a_leaf_that_never_gets_a_gradient_does_not_hold_up_the_others() -> None:
    x = leaf()
    u, v = (x * 1).unbind()
    seen: list = []
    graph.register_multi_grad_hook([u, v], lambda grads: seen.append([g is None for g in grads]))
    (u * 2).backward()
    assert seen == [[False, True]]


def test_a_failed_pass_leaves_no_notes() -> None:
    x = leaf()
    y = x * 2
    seen: list = []
    graph.register_multi_grad_hook([y, x], lambda grads: seen.append(len(grads)))
    fails = y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward(retain_graph=True)
    fails.remove()
    y.sum().backward()
    assert seen == [2]


def test_edges_built_by_hand() -> None:
    x = leaf()
    y = x * 2
    edge = graph.GradientEdge(y.grad_fn, 0)
    (g,) = dg.autograd.grad(edge, x, dg.ones(2), retain_graph=True)
    assert g.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        dg.autograd.grad(edge, x, retain_graph=True)
    with pytest.raises(IndexError, match="has 1 results, no number 3"):
        dg.autograd.grad(y.sum(), graph.GradientEdge(y.grad_fn, 3))


def test_an_edge_keeps_no_memory_of_its_tensor() -> None:
    x = leaf()
    h = x * 2
    edge = graph.get_gradient_edge(h)
    array = weakref.ref(h._a)
    y = h.sum()
    del h
    assert array() is None
    assert dg.autograd.grad(y, edge)[0].tolist() == [1.0, 1.0]
