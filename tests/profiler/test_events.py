"""What the profiler records: names, nesting, ties between forward and backward, shapes, stacks."""

import asyncio
import sys
import threading
from contextvars import copy_context

import pytest

import dynagrad as torch
from dynagrad.core.watch import PLAIN, Watcher, overriding, watchers, watching
from dynagrad.profiler import profile, record_function
from dynagrad.utils.data import DataLoader, TensorDataset


def names(prof) -> list[str]:
    return [event.name for event in prof.events()]


def only(prof, name: str):
    (event,) = [e for e in prof.events() if e.name == name]
    return event


def check(prof) -> None:
    """What holds for every profile."""
    for event in prof.events():
        assert event.end >= event.start > 0
        assert 0 <= event.self_cpu_time_total <= event.cpu_time_total
        for child in event.cpu_children:
            assert child.cpu_parent is event
            assert event.start <= child.start <= child.end <= event.end
            assert child.thread == event.thread
    assert [e.id for e in prof.events()] == sorted(e.id for e in prof.events())
    top = sum(e.cpu_time_total for e in prof.events() if e.cpu_parent is None)
    assert prof.events().self_cpu_time_total == pytest.approx(top)


def test_a_call_is_one_event_and_backward_is_tied_to_it() -> None:
    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        y = (x * x).sum()
        y.backward()
    check(prof)
    assert names(prof) == [
        "aten::mul",
        "aten::sum",
        "autograd::engine::evaluate_function: SumBackward0",
        "SumBackward0",
        "autograd::engine::evaluate_function: MulBackward0",
        "MulBackward0",
        "autograd::engine::evaluate_function: torch::autograd::AccumulateGrad",
        "torch::autograd::AccumulateGrad",
    ]
    forward, backward = only(prof, "aten::mul"), only(prof, "MulBackward0")
    assert backward.forward is forward
    assert backward.sequence_nr == forward.sequence_nr >= 0
    assert backward.fwd_thread == forward.thread == 1
    assert backward.line == forward.line
    assert forward.line.file == __file__
    assert forward.line.text == "y = (x * x).sum()"


def test_all_ways_to_an_operation() -> None:
    with profile() as prof:
        a = torch.zeros(4)
        a += 1
        a.mul_(2)
        a[0] = 3
        a.view(2, 2).T.reshape(-1)
        _ = 2 - a
        _ = a / 2
        _ = 2 / a
        a.eq(a)
        torch.neg(a)
        assert (a @ a).item() >= (a == a).sum().item() * 0
        _ = a**2
        torch.cat([a, a])
        a.unsqueeze_(0)
        a.sum().item()
        torch.tensor([1.0])
        torch.nn.functional.relu(a)
    top = [e.name for e in prof.events() if e.cpu_parent is None]
    for name in (
        *("zeros", "add_", "mul_", "index_put_", "view", "numpy_T", "reshape", "rsub", "div", "eq"),
        *("neg", "matmul", "pow", "cat", "unsqueeze_", "sum", "item", "tensor", "relu"),
    ):
        assert f"aten::{name}" in top, name
    check(prof)


def test_nested_calls_and_annotations() -> None:
    with profile() as prof:
        with record_function("outer"):
            a = torch.ones(4)
            with record_function("inner"):
                torch.nn.functional.linear(a, torch.ones(2, 4))
    check(prof)
    outer, inner = only(prof, "outer"), only(prof, "inner")
    assert inner.cpu_parent is outer
    assert outer.is_user_annotation
    assert only(prof, "aten::linear").cpu_parent is inner
    assert [e.name for e in outer.cpu_children] == ["aten::ones", "inner"]
    assert outer.cpu_time_total >= inner.cpu_time_total


def test_record_function_as_decorator_and_without_profile() -> None:
    @record_function("twice")
    def twice(x, n):
        return twice(x * 2, n - 1) if n else x

    assert twice(torch.ones(1), 2).item() == 4
    with profile() as prof:
        twice(torch.ones(1), 2)
    assert names(prof).count("twice") == 3
    check(prof)
    with pytest.raises(RuntimeError, match="Expected a value of type 'str' for argument 'name'"):
        with record_function(3):  # pyright: ignore[reportArgumentType]
            pass


def test_an_exception_ends_its_events() -> None:
    with profile() as prof:
        with pytest.raises(RuntimeError):
            torch.ones(2) + torch.ones(3)
        with pytest.raises(ZeroDivisionError):
            with record_function("fails"):
                torch.ones(1)
                1 / 0  # noqa: B018
        torch.ones(1)
    check(prof)
    assert only(prof, "aten::add").cpu_parent is None
    assert prof.events()[-1].cpu_parent is None


def test_an_exception_leaves_the_machine_clean() -> None:
    with pytest.raises(ZeroDivisionError):
        with profile() as prof:
            torch.ones(1)
            1 / 0  # noqa: B018
    assert names(prof) == ["aten::ones"]
    assert not watchers.get()
    assert torch.Tensor in PLAIN
    assert Watcher not in overriding


def test_hooks_and_functions_inside_backward() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * torch.exp(torch.log(2 * x))

    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        y = Square.apply(x)
        y.register_hook(lambda g: torch.abs(g))
        y.sum().backward()
    check(prof)
    assert only(prof, "SquareBackward").forward is only(prof, "Square")
    assert only(prof, "Square").kept_bytes == 12
    assert only(prof, "aten::exp").cpu_parent is only(prof, "SquareBackward")
    assert only(prof, "aten::abs").cpu_parent is None
    assert only(prof, "aten::log").line.text == "return g * torch.exp(torch.log(2 * x))"


def test_create_graph() -> None:
    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        (g,) = torch.autograd.grad((x * x * x).sum(), x, create_graph=True)
        g.sum().backward()
    check(prof)
    inside = [e for e in prof.events() if e.name == "aten::mul" and e.cpu_parent is not None]
    assert inside
    assert all(e.cpu_parent.name == "MulBackward0" for e in inside)
    second = [e for e in prof.events() if e.name == "MulBackward0" and e.forward in inside]
    assert second


def test_in_place_on_a_view() -> None:
    x = torch.ones(4, requires_grad=True)
    with profile() as prof:
        y = x * 1
        y[1:3].mul_(2)
        y.sum().backward()
    check(prof)
    assert only(prof, "CopySlices").forward is only(prof, "aten::mul_")
    assert only(prof, "SliceBackward0").forward is only(prof, "aten::index")


def test_generators() -> None:
    def batches():
        for i in range(3):
            with record_function(f"batch {i}"):
                yield torch.ones(2) * i

    with profile() as prof:
        for batch in batches():
            batch + 1
        unfinished = batches()
        next(unfinished)
        torch.zeros(1)
    del unfinished
    check(prof)
    assert [n for n in names(prof) if n.startswith("batch")] == [
        *("batch 0", "batch 1", "batch 2", "batch 0")
    ]


def test_blocks_left_out_of_order() -> None:
    first, second = record_function("first"), record_function("second")
    with profile() as prof:
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        torch.ones(1)
        second.__exit__(None, None, None)
        torch.ones(1)
    check(prof)
    assert [e.cpu_parent for e in prof.events() if e.name == "aten::ones"] == [None, None]


def test_data_loading_and_optimizer() -> None:
    data = DataLoader(TensorDataset(torch.arange(4.0)), batch_size=2)
    w = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    with profile() as prof:
        for (x,) in data:
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()
    check(prof)
    found = names(prof)
    assert found.count("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__") == 3
    assert found.count("Optimizer.zero_grad#SGD.zero_grad") == 2
    assert found.count("Optimizer.step#SGD.step") == 2
    step = next(e for e in prof.events() if e.name == "Optimizer.step#SGD.step")
    assert step.line.text == "optimizer.step()"
    loading = next(e for e in prof.events() if e.name.startswith("enumerate"))
    assert loading.line.text == "for (x,) in data:"


def test_shapes_stacks_flops() -> None:
    def helper(a):
        return torch.addmm(torch.ones(3), a, torch.ones(4, 3))

    with profile(record_shapes=True, with_stack=True, with_flops=True) as prof:
        helper(torch.ones(2, 4))
        torch.ones(2, 1) * torch.ones(3)
    addmm = only(prof, "aten::addmm")
    assert addmm.input_shapes == [[3], [2, 4], [4, 3]]
    assert addmm.flops == 2 * 2 * 4 * 3
    assert addmm.stack[0].startswith(__file__)
    assert addmm.stack[0].endswith(": helper")
    assert addmm.stack[1].endswith(": test_shapes_stacks_flops")
    assert only(prof, "aten::mul").flops == 6
    with profile() as prof:
        helper(torch.ones(2, 4))
    addmm = only(prof, "aten::addmm")
    assert (addmm.input_shapes, addmm.stack, addmm.flops) == ([], [], 0)


def test_threads() -> None:
    x = torch.ones(2, requires_grad=True)

    def work():
        (x * 2).sum().backward()

    with profile() as prof:
        with record_function("main"):
            if not getattr(sys.flags, "thread_inherit_context", False):
                other = threading.Thread(target=work)
                other.start()
                other.join()
                assert names_so_far(prof) == ["main"]
            context = copy_context()
            other = threading.Thread(target=lambda: context.run(work))
            other.start()
            other.join()
    check(prof)
    product = only(prof, "aten::mul")
    assert product.thread == 2
    assert product.cpu_parent is None
    assert only(prof, "MulBackward0").forward is product
    assert only(prof, "main").thread == 1


def test_async_tasks() -> None:
    async def work(n):
        with record_function(f"task {n}"):
            torch.ones(2)
            await asyncio.sleep(0)
            torch.zeros(2)

    async def both():
        await asyncio.gather(work(1), work(2))

    with profile() as prof:
        asyncio.run(both())
    for n in (1, 2):
        task = only(prof, f"task {n}")
        assert [e.name for e in task.cpu_children] == ["aten::ones", "aten::zeros"]


def names_so_far(prof) -> list[str]:
    return [event.name for event in prof._recorder.events]


def test_graphs_made_before_the_profile_know_their_line() -> None:
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    with profile() as prof:
        y.backward()
    backward = only(prof, "MulBackward0")
    assert backward.forward is None
    assert backward.line.text == "y = (x * x).sum()"


def test_a_profile_inside_a_profile() -> None:
    with profile() as prof:
        with pytest.raises(RuntimeError, match="a profiler is already running in this thread"):
            with profile():
                pass
        with pytest.raises(RuntimeError, match="a profiler is already running in this thread"):
            with torch.autograd.profiler.profile():
                pass
        torch.ones(1)
    assert names(prof) == ["aten::ones"]


def test_other_watchers_go_on() -> None:
    packed = []
    x = torch.ones(3, requires_grad=True)
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t) or t, lambda t: t)
    with hooks, profile() as prof:
        (x * x).sum().backward()
    assert len(packed) == 2
    assert only(prof, "MulBackward0").forward is only(prof, "aten::mul")
    packed.clear()
    with profile() as prof, hooks:
        (x * x).sum().backward()
    assert len(packed) == 2
    assert only(prof, "MulBackward0").forward is only(prof, "aten::mul")
    assert x.grad.tolist() == [4, 4, 4]


class Tagged(torch.Tensor):
    """A subclass that answers for functions."""

    seen: list[str] = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.seen.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


def test_classes_that_override() -> None:
    t = torch.ones(2).as_subclass(Tagged)
    Tagged.seen.clear()
    plain = t * 2 + 1
    seen = list(Tagged.seen)
    Tagged.seen.clear()
    with profile() as prof:
        profiled = t * 2 + 1
    assert Tagged.seen == seen
    assert type(profiled) is type(plain)
    assert {"aten::mul", "aten::add"} <= set(names(prof))
    check(prof)


#: what is no operation on tensors, or only asks for properties
NO_OPERATIONS = set(
    """
    dim ndimension size stride storage_offset numel nelement element_size data_ptr get_device
    is_contiguous is_inference is_pinned is_shared storage untyped_storage cuda pin_memory
    share_memory_ register_hook register_post_accumulate_grad_hook retain_grad backward numpy
    tolist new new_tensor index_reduce_ scatter_reduce_
    """.split()
)


def test_every_method_tells_watchers() -> None:
    found = []

    class Everything(Watcher):
        def called(self, f, args, kwargs):
            found.append(f)
            return 0

    x = torch.ones(3, 3)
    trials = [(), (0,), (x,), (0, 0), (0, x), (x, x), (0, x, x), ((3, 3), (3, 1)), (x, 0), (3,)]
    silent = set()
    for name in dir(torch.Tensor):
        method = getattr(torch.Tensor, name)
        if name.startswith("_") or not callable(method) or name in NO_OPERATIONS:
            continue
        found.clear()
        for trial in trials:
            with watching(Everything()):
                try:
                    method(torch.ones(3, 3), *trial)
                except (TypeError, ValueError, RuntimeError, IndexError, AttributeError):
                    pass
        if not found:
            silent.add(name)
    assert not silent


@pytest.mark.parametrize(
    "name, call",
    {
        "aten::relu": lambda x: torch.nn.functional.relu(x),
        "aten::softmax": lambda x: x.softmax(0),
        "aten::log_softmax": lambda x: torch.nn.functional.log_softmax(x, 0),
    }.items(),
)
def test_helpers_of_a_function_are_no_events(name: str, call) -> None:
    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        call(x)
    assert names(prof) == [name]


def test_what_a_block_is_given() -> None:
    for arguments, wrong in (((3,), "'name'"), (("loss", 3), "'args'")):
        with pytest.raises(
            RuntimeError, match=f"for argument {wrong} but instead found type 'int'"
        ):
            with record_function(*arguments):
                pass
