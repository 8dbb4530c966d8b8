"""`why_alive`: who holds a graph, how much it holds, and that looking keeps nothing alive."""

import functools
import gc
import threading
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import dynagrad as dg
from dynagrad import nn, why_alive
from dynagrad.autograd.graph import saved_tensors_hooks

KB = 1000


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    gc.collect()
    yield


def step(x: dg.Tensor) -> dg.Tensor:
    return (x * 2).exp().sum()


def texts(alive) -> str:
    return "\n".join(map(str, alive.holders))


def test_a_sum_that_grows() -> None:
    x = dg.ones(1000, requires_grad=True)
    total = 0
    for _ in range(50):
        loss = step(x)
        total += loss  # here
    for t in (total, loss, loss.grad_fn):
        alive = why_alive(t)
        assert alive.repeats == 50
        assert alive.nodes == 200
        assert alive.place.text == "total += loss  # here"
        assert "local variable `total` of function test_a_sum_that_grows" in alive.sentence
        assert "50 graphs" in alive.sentence
        assert ".detach()" in alive.sentence
        assert alive.bytes_saved == 50 * 4 * KB + 4  # what exp keeps; one number 2


def test_a_list_of_losses() -> None:
    x = dg.ones(10, requires_grad=True)
    losses = [step(x) for _ in range(7)]
    alive = why_alive(losses[3])
    assert alive.holders[0].kind == "item"
    assert alive.holders[0].name == "losses"
    assert "(a list of 7)" in alive.sentence
    assert ".detach()" in alive.sentence


class Trainer:
    pass


def test_an_attribute() -> None:
    trainer = Trainer()
    trainer.best = step(dg.ones(3, requires_grad=True))
    trainer.history = {"loss": [trainer.best]}
    alive = why_alive(trainer.best)
    assert "attribute .best of <Trainer>" in texts(alive)
    assert "attribute .history of <Trainer>" in texts(alive)


class Slotted:
    __slots__ = ("kept",)


def test_a_slot() -> None:
    holder = Slotted()
    holder.kept = step(dg.ones(3, requires_grad=True))
    assert "attribute .kept of <Slotted>" in texts(why_alive(holder.kept))


def test_a_closure() -> None:
    def make():
        z = step(dg.ones(3, requires_grad=True))
        return lambda: z

    f = make()
    alive = why_alive(f())
    assert [h.kind for h in alive.holders] == ["closure"]
    assert "variable `z` in the closure of" in texts(alive)


def test_a_partial() -> None:
    later = functools.partial(print, step(dg.ones(3, requires_grad=True)))
    alive = why_alive(later.args[0])
    assert alive.holders[0].name == "later"
    assert "(a partial)" in alive.sentence


def test_a_thread() -> None:
    ready, done = threading.Event(), threading.Event()

    def work():
        pending = (dg.ones(50_000, requires_grad=True) * 2).exp()
        ready.set()
        done.wait()
        return pending

    thread = threading.Thread(target=work)
    thread.start()
    try:
        ready.wait()
        assert why_alive()[0].holders[0].name == "pending"
    finally:
        done.set()
        thread.join()


def test_a_hook() -> None:
    x = dg.ones(3, requires_grad=True)
    z = step(x)
    ref = weakref.ref(z)

    def make(z):
        return lambda g: g * z

    x.register_hook(make(z))
    del z
    alive = why_alive(ref())
    assert "variable `z` in the closure of" in alive.sentence


def test_a_global() -> None:
    globals()["kept_here"] = step(dg.ones(3, requires_grad=True))
    gc.unfreeze()  # what tests have set aside names no holders, this module's globals among it
    try:
        alive = why_alive(globals()["kept_here"])
        assert [(h.kind, h.name) for h in alive.holders] == [("global", "kept_here")]
        assert "test_why_alive.py" in alive.sentence
    finally:
        gc.freeze()
        del globals()["kept_here"]


def test_a_traceback() -> None:
    def fails():
        inside = step(dg.ones(3, requires_grad=True))
        kept.append(weakref.ref(inside))
        raise ValueError

    kept: list = []
    with pytest.raises(ValueError) as caught:
        fails()
    error = caught.value
    del caught
    alive = why_alive(kept[0]())
    found = [h for h in alive.holders if h.kind == "traceback"]
    assert found
    assert found[0].name == "inside"
    assert "traceback of ValueError" in texts(alive)
    assert error.__traceback__ is not None


def test_a_suspended_generator() -> None:
    def steps():
        pending = step(dg.ones(3, requires_grad=True))
        yield weakref.ref(pending)
        yield pending

    generator = steps()
    ref = next(generator)
    alive = why_alive(ref())
    assert [(h.kind, h.name) for h in alive.holders] == [("generator", "pending")]


def test_a_node_alone() -> None:
    grad_fn = step(dg.ones(3, requires_grad=True)).grad_fn
    alive = why_alive(grad_fn)
    assert [(h.kind, h.name) for h in alive.holders] == [("local", "grad_fn")]
    assert alive.tensors == 0


def test_a_gradient_with_history() -> None:
    x = dg.ones(3, requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    assert "Tensor" in texts(why_alive(x.grad))


def test_bytes() -> None:
    x = dg.ones(1000, requires_grad=True)
    y = (x * x).exp()  # here
    z = (y * dg.ones(1000)).sum()
    alive = why_alive(z)
    assert alive.bytes_of_leaves == 4 * KB  # x itself, which lives without the graph
    assert alive.bytes_saved == 4 * KB + 4 * KB + 4 * KB  # x, y, the ones
    assert alive.bytes_held == alive.bytes_saved - alive.bytes_of_leaves + alive.bytes_of_nodes
    place, size, nodes = alive.lines[0]
    assert place is not None
    assert place.text.endswith("# here")
    assert (size, nodes) == (8 * KB, 2)
    assert "12.0 kB saved for backward, of which 4.0 kB are leaves' own" in str(alive)
    z.backward()
    assert why_alive(z).bytes_saved == 0


def test_what_a_function_saved_counts() -> None:
    class Keeps(dg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x + 1)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g

    y = Keeps.apply(dg.ones(1000, requires_grad=True))
    assert why_alive(y).bytes_saved == 4 * KB


def test_what_hooks_packed_counts() -> None:
    x = dg.ones(1000, requires_grad=True)
    with saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        y = (x * 1.5).exp()
    assert why_alive(y).bytes_saved in (4 * KB, 4 * KB + 4)


def test_the_largest_graphs() -> None:
    x = dg.ones(100_000, requires_grad=True)
    large = (x * 2).exp()
    small = (x[:10] * 2).exp()
    report = why_alive()
    assert report[0].bytes_saved == 400 * KB + 4  # exp's result, the number 2
    assert report[0].holders[0].name == "large"
    assert len(report) <= 5
    assert "large" in repr(report)
    assert small.requires_grad
    del large
    assert all(alive.bytes_saved < 400 * KB for alive in why_alive())


def test_a_model_in_use() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    out = model(dg.ones(3, 4))
    alive = why_alive(out)
    assert alive.holders[0].name == "out"
    weights = sum(p.numel() for n, p in model.named_parameters() if "2.weight" in n) * 4
    assert alive.bytes_of_leaves == weights


def test_looking_keeps_nothing_alive() -> None:
    enabled = gc.isenabled()
    gc.disable()
    try:
        x = dg.ones(3, requires_grad=True)
        loss = step(x)
        losses = [loss]
        for t in (loss, loss.grad_fn, None):
            str(why_alive(t))
        refs = [weakref.ref(loss), weakref.ref(loss.grad_fn), weakref.ref(x)]
        del t, loss, losses, x
        assert [r() for r in refs] == [None] * 3
    finally:
        if enabled:
            gc.enable()


def test_what_has_no_graph_is_refused() -> None:
    with pytest.raises(ValueError, match="no graph"):
        why_alive(dg.ones(3, requires_grad=True))
    with pytest.raises(ValueError, match="no graph"):
        why_alive(dg.ones(3))
    with pytest.raises(TypeError, match="Tensor or a Node"):
        why_alive(np.ones(3))


def test_all_graphs_of_one_container_are_found() -> None:
    class Trainer:
        pass

    trainer = Trainer()
    trainer.losses = {i: (dg.ones(5000, requires_grad=True) * i).exp() for i in range(4)}
    found = [alive for alive in why_alive() if alive.bytes_saved >= 20000]
    assert len(found) == 4
    for alive in found:
        assert alive.holders[0].text == "attribute .losses of <Trainer> (a dict)"


def test_a_chain_is_one_graph() -> None:
    x = dg.ones(2, requires_grad=True)
    for _ in range(20):
        x = x * 1.5
    assert "keeps a graph of 20 nodes" in why_alive(x).sentence


def test_a_namespace_without_a_name() -> None:
    names = {"dg": dg, "why_alive": why_alive}
    exec("x = dg.ones(2, requires_grad=True)\ny = (x * 2).exp()\nfound = why_alive(y)", names)
    assert [h.text for h in names["found"].holders] == ["global variable `y`"]
