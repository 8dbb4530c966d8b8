"""Costs by source line and by module; bytes kept for the backward pass; freedom from leaks."""

import gc
import sys
import weakref

import pytest

import dynagrad as torch
from dynagrad import nn
from dynagrad.profiler import profile, record_function
from dynagrad.utils.checkpoint import checkpoint


def total(prof) -> float:
    return sum(e.self_cpu_time_total for e in prof.events() if e.kind != "annotation")


def cost_of(report, text: str):
    (cost,) = [c for c in report if c.text == text]
    return cost


def test_by_line() -> None:
    x = torch.ones(8, requires_grad=True)
    with profile() as prof:
        with record_function("block"):
            for _ in range(3):
                y = torch.exp(x)
                z = (y * y).sum()
                z.backward()
    report = prof.by_line()
    exp, product = cost_of(report, "y = torch.exp(x)"), cost_of(report, "z = (y * y).sum()")
    call = cost_of(report, "z.backward()")
    assert exp.calls == 3
    assert product.calls == 6
    assert call.calls == 0
    assert call.forward_time == 0
    for cost in (exp, product):
        assert cost.forward_time > 0
        assert cost.backward_time > 0
        assert cost.file == __file__
    assert exp.number + 1 == product.number
    assert exp.saved_bytes == 3 * 32
    assert product.saved_bytes == 0  # the same memory as exp's result
    assert sum(c.total_time for c in report) == pytest.approx(total(prof))
    assert [c.total_time for c in report] == sorted((c.total_time for c in report), reverse=True)
    text = str(report)
    assert "y = torch.exp(x)" in text
    assert "96 B" in text
    assert len(report.table(row_limit=1).splitlines()) == 5


def test_backward_of_a_function_is_charged_to_its_call() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2 + 0

    x = torch.ones(2, requires_grad=True)
    with profile() as prof:
        y = Double.apply(x)
        y.sum().backward()
    report = prof.by_line()
    assert cost_of(report, "y = Double.apply(x)").backward_time > 0
    assert cost_of(report, "return x * 2").backward_time == 0
    assert not [c for c in report if c.text == "return g * 2 + 0"]
    assert sum(c.total_time for c in report) == pytest.approx(total(prof))


def test_double_backward_is_charged_once() -> None:
    x = torch.ones(2, requires_grad=True)
    with profile() as prof:
        y = (x * x * x).sum()
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        g.sum().backward()
    report = prof.by_line()
    line = cost_of(report, "(g,) = torch.autograd.grad(y, x, create_graph=True)")
    assert line.backward_time > 0
    assert sum(c.total_time for c in report) == pytest.approx(total(prof))


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1 = torch.nn.Linear(4, 8)
        self.act = torch.nn.Tanh()

    def forward(self, x):
        return self.act(self.linear1(x)) * 2


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.Sequential(Block(), torch.nn.Linear(8, 1))

    def forward(self, x):
        return self.blocks(x).sum()


def test_by_module() -> None:
    net, x = Net(), torch.ones(3, 4)
    with profile() as prof:
        for _ in range(2):
            net(x).backward()
    costs = {c.path: c for c in prof.by_module()}
    assert set(costs) == {
        *("Net", "Net.blocks", "Net.blocks.0", "Net.blocks.0.linear1", "Net.blocks.0.act"),
        *("Net.blocks.1", ""),
    }
    for path, cost in costs.items():
        assert cost.calls == (0 if path == "" else 2)
        assert 0 <= cost.self_forward_time <= cost.forward_time
        assert cost.backward_time > 0
    for outer, inner in (
        ("Net", "Net.blocks"),
        ("Net.blocks", "Net.blocks.0"),
        ("Net.blocks.0", "Net.blocks.0.linear1"),
    ):
        assert costs[outer].forward_time >= costs[inner].forward_time
        assert costs[outer].backward_time >= costs[inner].backward_time
        assert costs[outer].saved_bytes >= costs[inner].saved_bytes
    # linear1 keeps its input, act its result, the product nothing but 2, blocks.1 its input
    assert costs["Net.blocks.0.linear1"].saved_bytes == x.nbytes
    assert costs["Net.blocks.0.act"].saved_bytes == 2 * 3 * 8 * 4
    assert "Net.blocks.0.linear1" in str(prof.by_module())


def test_a_module_that_raises_is_left() -> None:
    class Bad(torch.nn.Module):
        def forward(self, x):
            raise ValueError("bad")

    net = torch.nn.Sequential(Bad())
    with profile() as prof:
        with pytest.raises(ValueError, match="bad"):
            net(1)
        torch.ones(1)
        net2 = torch.nn.ReLU()
        net2(torch.ones(1))
    assert prof.events()[0].module is None
    assert [c.path for c in prof.by_module() if c.calls] == [
        c.path for c in prof.by_module() if c.path in ("Sequential", "Sequential.0", "ReLU", "")
    ]
    assert {"Sequential", "Sequential.0", "ReLU", ""} == {c.path for c in prof.by_module()}


def test_modules_cost_nothing_when_nobody_profiles() -> None:
    hooks = sys.modules["dynagrad.nn.modules.hooks"]
    optimizer = sys.modules["dynagrad.optim.optimizer"]
    with profile():
        assert hooks._global_forward_pre_hooks
        assert optimizer._global_pre_hooks
    assert not hooks._global_forward_pre_hooks
    assert not hooks._global_forward_hooks
    assert not hooks._global_forward_hooks_always_called
    assert not optimizer._global_pre_hooks
    assert not optimizer._global_post_hooks


def event_of(prof, name: str):
    return next(e for e in prof.events() if e.name == name)


def test_saved_bytes_are_counted_once() -> None:
    x, w = torch.ones(10), torch.ones(10, requires_grad=True)
    with profile(profile_memory=True) as prof:
        a = x * w  # keeps x (40 bytes) for w's gradient
        b = torch.sin(a)  # keeps a
        c = torch.cos(a)  # keeps a again
        d = a.view(2, 5).exp()  # keeps its own result
        (b + c).sum().backward()
        del d
    product, sin = event_of(prof, "aten::mul"), event_of(prof, "aten::sin")
    assert (product.kept_bytes, product.self_saved_bytes) == (40, 40)
    assert (sin.kept_bytes, sin.self_saved_bytes) == (40, 40)
    cos = event_of(prof, "aten::cos")
    assert (cos.kept_bytes, cos.self_saved_bytes) == (40, 0)
    assert event_of(prof, "aten::exp").self_saved_bytes == 40
    assert event_of(prof, "aten::sum").kept_bytes == 0
    assert prof.events().total_average().self_saved_bytes == 120


def test_parameters_are_not_counted() -> None:
    w = torch.ones(4, 4, requires_grad=True)
    x = torch.ones(2, 4, requires_grad=True)
    with profile() as prof:
        (w * w).sum()
        torch.nn.functional.linear(x * 1, w)
    product = event_of(prof, "aten::mul")
    assert (product.kept_bytes, product.self_saved_bytes) == (64, 0)
    linear = event_of(prof, "aten::linear")
    addmm = linear.cpu_children[0]
    assert addmm.kept_bytes == 64 + 32
    assert linear.saved_bytes == addmm.self_saved_bytes == 32


def test_expanded_and_freed_memory() -> None:
    w = torch.ones(1000, requires_grad=True)
    with profile() as prof:
        for _ in range(3):
            (torch.sin(torch.ones(1).expand(1000) * 1) * w).sum().backward()
    charged = [e.self_saved_bytes for e in prof.events() if e.name == "aten::mul"]
    assert sum(charged) == 3 * 4000  # the graph of each round was freed: its memory counts anew
    with profile() as prof:
        torch.ones(1).expand(1000) * w
    assert event_of(prof, "aten::mul").self_saved_bytes == 4


def test_without_recording_nothing_is_kept() -> None:
    x = torch.ones(4, requires_grad=True)
    with profile() as prof, torch.no_grad():
        torch.sin(x)
    assert event_of(prof, "aten::sin").kept_bytes == 0
    assert event_of(prof, "aten::sin").sequence_nr == -1


def test_allocated_bytes() -> None:
    with profile(profile_memory=True) as prof:
        with record_function("block"):
            a = torch.ones(8)
            a.view(2, 4)
            a.add_(1)
            torch.cat([a, a])
    assert event_of(prof, "aten::ones").cpu_memory_usage == 32
    assert event_of(prof, "aten::view").cpu_memory_usage == 0
    assert event_of(prof, "aten::add_").cpu_memory_usage == 0
    assert event_of(prof, "aten::cat").cpu_memory_usage == 64
    assert event_of(prof, "block").cpu_memory_usage == 96
    assert event_of(prof, "block").self_cpu_memory_usage == 0


def test_no_leaks() -> None:
    net = Net()
    gc.collect()
    gc.disable()
    try:

        def once():
            x = torch.ones(3, 4, requires_grad=True)
            with profile(profile_memory=True, record_shapes=True, with_stack=True) as prof:
                with record_function("block"):
                    y = net(x)
                (g,) = torch.autograd.grad(y, x, create_graph=True)
                g.sum().backward()
            prof.by_line(), prof.by_module(), prof.key_averages().table()
            return weakref.ref(x._a), weakref.ref(prof), weakref.ref(prof.events()[0])

        for _ in range(3):
            once()
            references = once()
        assert [r() for r in references] == [None, None, None]
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_profile_keeps_no_tensors() -> None:
    with profile(record_shapes=True, with_stack=True, profile_memory=True) as prof:
        x = torch.ones(3, requires_grad=True)
        y = (x * x).sum()
        y.backward()
    reference = weakref.ref(x)
    del x, y
    assert reference() is None
    assert prof.events()


def test_modules_that_a_checkpoint_runs_again() -> None:
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = nn.Linear(4, 4)

        def forward(self, x):
            return self.own(x.tanh())

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block() for _ in range(3)])

        def forward(self, x):
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=False)
            return x

    net = Net()
    with profile() as prof:
        net(torch.ones(2, 4)).sum().backward()
    calls = {cost.path: cost.calls for cost in prof.by_module() if cost.calls and cost.path}
    blocks = [f"Net.blocks.{i}" for i in range(3)]
    twice = [*blocks, *(f"{block}.own" for block in blocks)]
    assert calls == {"Net": 1, **dict.fromkeys(twice, 2)}


def test_an_interrupt_ends_the_calls_of_modules() -> None:
    class Interrupted(nn.Module):
        def forward(self, x):
            raise KeyboardInterrupt

    with profile() as prof:
        with pytest.raises(KeyboardInterrupt):
            nn.Sequential(Interrupted())(torch.ones(1))
        torch.ones(2)
        nn.Tanh()(torch.ones(2))
    assert [cost.path for cost in prof.by_module() if cost.path == "Tanh"] == ["Tanh"]
