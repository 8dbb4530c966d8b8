"""Steps that change Python objects: counters, lists of losses, attributes. What a run can do again
it does after the native code; what depends on such a change stays eager.
"""

import random
import re
import warnings
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dynagrad as torch
from dynagrad.compiler.compiled import Compiled

pytest.importorskip("llvmlite")

count = 0
total = 0.0


class Keeper:
    """What a program keeps its numbers in."""

    def __init__(self) -> None:
        self.steps, self.total, self.last = 0, 0.0, None
        self.losses: list = []
        self.recent: deque = deque(maxlen=2)
        self.stats: dict = {"n": 0, "loss": 0.0}
        self.by_name: defaultdict = defaultdict(list, all=[])


def state(x: Any) -> Any:
    """A value with its class, tensors by their elements."""
    if isinstance(x, torch.Tensor):
        return "tensor", x.tolist(), x.requires_grad
    if isinstance(x, list | tuple | deque):
        return type(x).__name__, [state(item) for item in x]
    if isinstance(x, dict):
        return type(x).__name__, [(k, state(v)) for k, v in x.items()]
    if isinstance(x, Keeper):
        return state(vars(x))
    return type(x).__name__, x


def runs_of(step: Compiled) -> list[int]:
    return [course.runs for course in step.explain().courses]


def compare(step: Callable, calls: int = 4, kept: bool = True) -> Compiled:
    """Run a step on a keeper of its own, eagerly and compiled: all must be the same after each
    call. `kept`: whether it is compiled, once.
    """
    ours, theirs = Keeper(), Keeper()
    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(calls):
            x = torch.arange(1.0, 4.0) * (k + 1)
            assert state(compiled(x, ours)) == state(step(x, theirs))
            assert state(ours) == state(theirs)
    assert runs_of(compiled) == ([calls - 1] if kept else [])
    return compiled


# --- what is done again ---------------------------------------------------------------------------


def counts(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.steps += 1
    keep.total -= 0.5
    keep.stats["n"] += 2
    return x * 2


def sums(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    loss = x.sum()
    keep.total += loss.item()
    keep.stats["loss"] += loss.item() * 2
    keep.total *= 0.5
    return loss


def lists(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    loss = x.square().sum()
    keep.losses.append(loss.item())
    keep.losses.append(("epoch", 3, loss.detach()))
    keep.losses.append({"loss": loss.item(), "all": [loss.item(), x.mean()]})
    keep.recent.append(loss.item())
    keep.by_name["all"].append(2)
    return loss


def attributes(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.last = x * 2
    keep.stats["loss"] = keep.last.sum().item()
    keep.fresh = keep.stats["loss"] + 1
    keep.stats["new"] = [keep.fresh]
    return keep.last + 1


def again(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.steps = 7
    keep.steps += 1
    for _ in range(3):
        keep.total += 1
    return x + keep.steps


@pytest.mark.parametrize("step", [counts, sums, lists, attributes, again])
def test_changes_are_made_again(step: Callable) -> None:
    compare(step)


def test_what_is_left_is_plain() -> None:
    keep = Keeper()
    step = torch.compile(lists)
    for _ in range(2):
        step(torch.ones(3), keep)
    assert [type(x) for x in keep.losses[::3]] == [float, float]
    assert type(keep.losses[2]["loss"]) is float and type(keep.losses[2]["all"][0]) is float
    sums_step = torch.compile(sums)
    sums_step(torch.ones(3), keep)
    assert type(keep.total) is float and type(keep.stats["loss"]) is float


def test_a_change_from_outside_is_seen() -> None:
    keep, step = Keeper(), torch.compile(counts)
    for _ in range(3):
        step(torch.ones(2), keep)
    keep.steps, keep.stats["n"] = 100, 1.5
    step(torch.ones(2), keep)
    assert (keep.steps, keep.stats["n"], runs_of(step)) == (101, 3.5, [3])
    keep.steps = np.float64(2)  # arithmetic of another class is the program's
    step(torch.ones(2), keep)
    assert keep.steps == 3 and type(keep.steps) is np.float64
    del keep.stats["n"]
    with pytest.raises(KeyError):
        step(torch.ones(2), keep)


def test_globals_and_enclosing_variables() -> None:
    global count, total
    count, total, n = 0, 0.0, 0

    def step(x: torch.Tensor) -> torch.Tensor:
        global count, total
        nonlocal n
        count += 1
        n += 2
        total += x.sum().item()
        return x * 2

    compiled = torch.compile(step)
    for k in range(4):
        assert compiled(torch.ones(3) * k).tolist() == [2 * k] * 3
    assert (count, n, total, runs_of(compiled)) == (4, 8, 18.0, [3])


class Net(torch.nn.Module):
    """A module that keeps books."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(3, 2)
        self.calls, self.sum, self.history, self.shown = 0, 0.0, [], None
        self.register_buffer("seen", torch.zeros(()))
        self.seen: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.seen += 1
        out = self.inner(x)
        self.sum += out.sum().item()
        self.history.append(out.detach().mean())
        self.shown = out.detach()
        return out


def test_a_module_that_keeps_books() -> None:
    ours, theirs = Net(), Net()
    theirs.load_state_dict(ours.state_dict())
    compiled = torch.compile(ours)
    for k in range(4):
        x = torch.ones(1, 3) * k
        assert torch.allclose(compiled(x), theirs(x))
        assert ours.calls == theirs.calls == ours.seen == k + 1
        assert ours.sum == pytest.approx(theirs.sum, rel=1e-5) and type(ours.sum) is float
        assert torch.allclose(torch.stack(ours.history), torch.stack(theirs.history))
        assert torch.allclose(ours.shown, theirs.shown)
    assert [course.runs for course in compiled.explain().courses] == [3]
    ours.calls = 10
    compiled(torch.ones(1, 3))
    ours.history = []
    compiled(torch.ones(1, 3))
    assert ours.calls == 12 and len(ours.history) == 1


@pytest.mark.parametrize("reads", [False, True])
def test_a_whole_step_with_a_scheduler_between(reads: bool) -> None:
    def trained(wrap: Callable) -> Any:
        torch.manual_seed(0)
        net = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        keep = Keeper()
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda e: 1 / (1 + (keep.steps if reads else e))
        )

        def step(x: torch.Tensor) -> torch.Tensor:
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            keep.steps += 1
            scheduler.step()
            keep.steps += 1
            keep.losses.append(loss.item())
            return loss

        run = wrap(step)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(5):
                run(torch.ones(2, 3))
        if wrap is torch.compile:
            assert runs_of(run) == ([] if reads else [4])
        return [p.tolist() for p in net.parameters()], keep.steps, keep.losses

    ours, theirs = trained(torch.compile), trained(lambda f: f)
    assert ours[1] == theirs[1] == 10
    assert np.allclose(ours[2], theirs[2], rtol=1e-5)
    assert np.allclose(ours[0][0], theirs[0][0], rtol=1e-5)


def test_what_a_scheduler_changes_is_changed_once() -> None:
    keep, net = Keeper(), torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def factor(epoch: int) -> float:
        keep.steps += 1
        return 0.5

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def step(x: torch.Tensor) -> None:
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
        scheduler.step()

    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(5):
            compiled(torch.ones(1, 1))
            assert keep.steps == k + 2


def test_explain_says_what_is_done_in_python() -> None:
    text = str(compare(lists).explain())
    assert "after the native code, in Python" in text and "a deque gets one more element" in text
    assert "Keeper.steps += ..." in str(compare(counts).explain())


# --- what stays eager -----------------------------------------------------------------------------


def reads_a_counter(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.steps += 1
    return x * keep.steps


def reads_before(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    y = x * keep.steps
    keep.steps += 1
    return y


def reads_otherwise(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.steps += 1
    return x * keep.__dict__["steps"]


def reads_a_list(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.losses.append(x.sum().item())
    return x * len(keep.losses)


def reads_an_element(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.losses.append(x.sum().item())
    return x * keep.losses[-1]


def returns_the_list(x: torch.Tensor, keep: Keeper) -> Any:
    keep.losses.append(x.sum().item())
    return x, keep.losses


def counts_keys(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.stats["new"] = 1
    return x * len(keep.stats)


def changes_while_it_computes(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    def other() -> int:
        keep.steps += 10
        return 1

    keep.steps += other()
    return x * 2


def keeps_twice(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    made = [x.sum().item()]
    keep.losses.append(made)
    keep.last = made
    return x * 2


def keeps_what_is_not_its_own(x: torch.Tensor, keep: Keeper) -> torch.Tensor:
    keep.last = keep.stats
    return x * 2


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (reads_a_counter, "changes what it also reads: Keeper.steps"),
        (reads_before, "changes what it also reads"),
        (reads_otherwise, "changes what it also reads"),
        (reads_a_list, "changes what it also reads"),
        (reads_an_element, "changes what it also reads"),
        (returns_the_list, "returns the list that it changes"),
        (counts_keys, "changes what it also reads"),
        (changes_while_it_computes, "while it computes"),
        (keeps_twice, "keeps a list in several places"),
        (keeps_what_is_not_its_own, "sets attribute 'last'"),
    ],
)
def test_what_depends_on_a_change_stays_eager(step: Callable, why: str) -> None:
    reasons = compare(step, kept=False).explain().reasons
    assert why in reasons[0].text and reasons[0].line > 0


def test_what_a_module_reads_of_itself_stays_eager() -> None:
    class Warm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x * min(self.calls, 3)

    net = Warm()
    compiled = torch.compile(net)
    with pytest.warns(UserWarning, match="Warm runs eagerly from now on"):
        assert [compiled(torch.ones(())).item() for _ in range(6)] == [1, 2, 3, 3, 3, 3]


def test_options_of_an_optimizer_are_no_plain_dictionary() -> None:
    net = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x: torch.Tensor) -> None:
        optimizer.zero_grad()
        net(x).sum().backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()

    compiled = torch.compile(step)
    with pytest.warns(UserWarning, match="framework reads"):
        for _ in range(4):
            optimizer.param_groups[0]["lr"] = 0.5
            before = net.weight.detach().clone()
            compiled(torch.ones(1, 2))
            assert torch.allclose(before - net.weight, torch.full((1, 2), 0.01))


def test_settings_of_a_layer_are_not_attributes_like_others() -> None:
    norm = torch.nn.BatchNorm1d(2)

    def step(x: torch.Tensor) -> torch.Tensor:
        norm.momentum = 0.5
        return norm(x)

    compiled, x = torch.compile(step), torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            norm.momentum = 0.1
            norm.reset_running_stats()
            compiled(x)
            assert norm.running_mean.tolist() == [1, 2]


def test_classes_that_do_more_are_left_alone() -> None:
    class Watched:
        def __init__(self) -> None:
            self.seen: list = []

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)

    class Slotted:
        __slots__ = ("n",)

    watched, slotted, space = Watched(), Slotted(), SimpleNamespace(n=0)
    slotted.n = watched.n = 0

    def step(x: torch.Tensor) -> torch.Tensor:
        watched.n += 1
        slotted.n += 1
        space.n += 1
        return x * 2

    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            compiled(torch.ones(2))
            assert watched.n == slotted.n == space.n == k + 1


def test_what_stays_eager_is_left_plain_too() -> None:
    keep = Keeper()

    @torch.compile
    def step(x: torch.Tensor) -> None:
        keep.losses.extend([x.sum().item(), (x.sum().item(), 1)])
        keep.stats.update(loss=x.sum().item())
        keep.losses[0] += x.sum().item()

    step(torch.ones(2))
    first, (second, _) = keep.losses
    assert type(first) is type(second) is type(keep.stats["loss"]) is float and first == 4


def test_a_failed_step_leaves_plain_numbers() -> None:
    keep = Keeper()

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        keep.losses.append(x.sum().item())
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        step(torch.ones(2))
    assert type(keep.losses[0]) is float


def test_ordered_dictionaries_and_conditions() -> None:
    best = OrderedDict(loss=100.0)

    def step(x: torch.Tensor) -> torch.Tensor:
        loss = x.sum()
        if loss < 5:
            best["loss"] = loss.item()
        return loss

    compiled = torch.compile(step)
    for x, expected in ((9.0, 100.0), (9.0, 100.0), (2.0, 2.0), (8.0, 2.0), (1.0, 1.0)):
        compiled(torch.tensor([x]))
        assert best["loss"] == expected
    assert sum(runs_of(compiled)) >= 2


# --- which object it is ---------------------------------------------------------------------------


def is_the_same(step: Callable, why: str) -> None:
    """`step` returns pairs of what must be one object each; for `why` it stays eager."""
    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            for one, other in compiled(torch.ones(2)):
                assert one is other
    assert not compiled.explain().courses
    assert any(why in reason.text for reason in compiled.explain().reasons)


_THERE: dict[str, Any] = {"list": [1], "deque": deque([2])}


@pytest.mark.parametrize("name", ["list", "deque"])
def test_containers_that_were_there_before_are_returned_themselves(name: str) -> None:
    before = f"returns a {name} that was there before"
    is_the_same(lambda x: ((_THERE[name], _THERE[name]),), "in several places")
    compiled = torch.compile(lambda x, one: {"x": x * 2, "one": one})
    closed = torch.compile(lambda x: (x * 2, _THERE[name]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            assert compiled(torch.ones(2), _THERE[name])["one"] is _THERE[name]
            assert closed(torch.ones(2))[1] is _THERE[name]
    for step in (compiled, closed):
        assert step.explain().reasons[0].text.endswith(before)


class Box:
    """An object that holds another one."""

    def __init__(self, held: Any) -> None:
        self.held = held


def test_one_container_in_several_places_of_a_result() -> None:
    def twice(x: torch.Tensor) -> Any:
        made = [x * 2, x.sum().item()]
        return ((made, made),)

    def within_an_object(x: torch.Tensor) -> Any:
        made = {"x": x * 2}
        return ((Box(made), made),)

    is_the_same(twice, "returns a list in several places")
    compiled = torch.compile(within_an_object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            ((box, made),) = compiled(torch.ones(2))
            assert box.held is made
    assert "returns a dict in several places" in compiled.explain().reasons[0].text


def test_a_container_that_is_kept_and_returned() -> None:
    keep = Keeper()

    def step(x: torch.Tensor) -> Any:
        made = {"y": x * 2, "n": x.sum().item(), "t": (x.sum().item(),)}
        keep.last = made  # type: ignore[assignment]
        return made

    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            made = compiled(torch.ones(2))
            assert made is keep.last
            assert type(made["n"]) is type(made["t"][0]) is float
    assert "keeps a dict in several places" in compiled.explain().reasons[0].text


def test_state_that_is_handed_from_call_to_call() -> None:
    @torch.compile
    def step(state: dict, x: torch.Tensor) -> dict:
        state["h"] = state["h"] + x
        return state

    first = state = {"h": torch.zeros(1)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            state = step(state, torch.ones(1))
    assert state is first and first["h"].item() == 3


def test_the_recorded_call_returns_what_the_step_made() -> None:
    seen = []

    class Out:
        def __init__(self, n: float, x: torch.Tensor) -> None:
            self.n, self.held = n, [n, (n, x)]

    def step(x: torch.Tensor) -> Any:
        made = Out(x.sum().item(), x * 2)
        seen.append(id(made.held))
        return made

    compiled = torch.compile(step)
    made = compiled(torch.ones(2))
    assert seen == [id(made.held)]
    assert [type(n) for n in (made.n, made.held[0], made.held[1][0])] == [float] * 3


def test_containers_that_the_framework_makes_are_compiled() -> None:
    def step(x: torch.Tensor) -> Any:
        return torch.func.grad(lambda p: (p["w"] ** 2 * x).sum())({"w": x * 2})

    compiled = torch.compile(step)
    for k in range(3):
        x = torch.ones(2) * k
        assert compiled(x)["w"].tolist() == step(x)["w"].tolist()
    assert runs_of(compiled) == [2]


def test_containers_within_themselves_stay_eager() -> None:
    def step(x: torch.Tensor) -> Any:
        made: list = [x * 2]
        made.append(made)
        return made

    def deep(x: torch.Tensor) -> Any:
        made: list = []
        for _ in range(200):
            made = [made]
        return made

    compiled, nested = torch.compile(step), torch.compile(deep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            made = compiled(torch.ones(1))
            assert made[1] is made
            assert len(nested(torch.ones(1))) == 1
    assert "list in several places" in compiled.explain().reasons[0].text
    assert "too many to look at" in nested.explain().reasons[0].text


def test_methods_of_a_users_container_run_as_often_as_without() -> None:
    class Named(dict):
        def __setitem__(self, key: str, value: Any) -> None:
            dict.__setitem__(self, key + "_", value)
            dict.__setitem__(self, key, value)

    class Counted(list):
        sets = 0

        def __setitem__(self, at: Any, value: Any) -> None:
            Counted.sets += 1
            list.__setitem__(self, at, value)

    named, counted, w = Named(), Counted([0.0]), torch.zeros(1)

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        w.add_(1)
        named["loss"] = x.sum().item()
        counted[0] = x.sum().item()
        return x * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in (1, 2, 3):
            step(torch.ones(2) * k)
            assert (dict(named), list(counted)) == ({"loss_": 2.0 * k, "loss": 2.0 * k}, [2.0 * k])
            assert all(type(v) is float for v in (*named.values(), *counted))
            assert (Counted.sets, w.item()) == (k, k)


# --- at random ------------------------------------------------------------------------------------

_CHANGES = """keep.steps += 1; keep.total += s.item(); keep.total *= 0.5; y = y * keep.total
keep.losses.append(s.item())
keep.losses.append((1, s.detach())); keep.recent.append(s.item()); keep.stats["n"] += 1
keep.stats["loss"] = s.item(); keep.stats["new"] = y.detach(); keep.last = y; keep.last = None
keep.last = {"x": s.item(), "l": [1, y.detach()]}; y = y + keep.steps; y = y * keep.total
y = y + len(keep.losses); keep.steps = 3; keep.stats.update(n=1); keep.losses = [keep.steps]
keep.other = keep.losses; keep.stats = dict(keep.stats); y = y + keep.stats["n"]; del keep.last
keep.__dict__["steps"] += 1; keep.stats["c"] = keep.stats.get("c", 0) + 1; keep.losses += [1]
y = y + (keep.last if isinstance(keep.last, float) else 1); keep.losses.extend([s.item()])
keep.total = keep.total + s.item(); keep.losses.pop(); keep.last = keep.losses[-1:]"""
_BETWEEN = """pass; pass
keep.steps = 10; keep.total = 2.0; keep.losses = [5]; keep.losses.append(7)
keep.stats["n"] = 4; keep.last = 2.0; keep.steps = 1.5; keep.stats.pop("new", None)"""


def attempt(step: Callable, x: torch.Tensor, keep: Keeper) -> Any:
    """A call's result, or the name of its error."""
    try:
        return step(x, keep)
    except (AttributeError, IndexError, KeyError) as error:
        return type(error).__name__


@pytest.mark.parametrize("seed", range(40))
def test_random_changes(seed: int) -> None:
    chosen = random.Random(seed)
    changes, between = (re.split(r"; |\n", text) for text in (_CHANGES, _BETWEEN))
    body = [chosen.choice(changes) for _ in range(chosen.randint(1, 4))]
    lines = ["y = x * 2", "s = y.sum()", *body, "return y"]
    scope: dict[str, Any] = {}
    exec("def step(x, keep):\n" + "".join(f"    {line}\n" for line in lines), scope)  # noqa: S102
    ours, theirs, compiled = Keeper(), Keeper(), torch.compile(scope["step"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(6):
            x = torch.arange(1.0, 4.0) * (k % 3 - 0.5)
            found = state(attempt(compiled, x, ours)), state(ours)
            assert found == (state(attempt(scope["step"], x, theirs)), state(theirs)), body
            change = chosen.choice(between)
            for keep in (ours, theirs):
                exec(change, {"keep": keep})  # noqa: S102 - our own text
