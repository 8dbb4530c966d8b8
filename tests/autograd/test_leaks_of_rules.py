"""No rule of the registry leaks, however it is used: with and without second derivatives, hooks, a
Function around it, a checkpoint around it. The cyclic collector is off throughout.
"""

import gc
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from rule_calls import Call
from rule_samples import ONCE, REFUSING, key_of, samples_of

import dynagrad as dg
import dynagrad.ops
from dynagrad.core.apply import apply
from dynagrad.core.protocols import default_node
from dynagrad.core.tape import Extras, Family, Node, Output, VersionCell
from dynagrad.core.tensor import Tensor, wrap
from dynagrad.ops.rule import RULES, Rule
from dynagrad.utils.checkpoint import checkpoint
from dynagrad.utils.recomputation import Call as CheckpointCall
from dynagrad.utils.recomputation import Slot

for module in pkgutil.walk_packages(dynagrad.ops.__path__, "dynagrad.ops."):
    import_module(module.name)

GRAPH = (Tensor, Node, Output, Family, VersionCell, Extras, CheckpointCall, Slot)


class Use(NamedTuple):
    """One way to use an operation; `form` is that of the checkpoint, None without one."""

    create: bool
    hook: bool
    function: bool
    form: str | None


FORMS = (None, "recomputed", "reentrant", "nested")
USES = [Use(*parts) for parts in product((False, True), (False, True), (False, True), FORMS)]


class Through(dg.autograd.Function):
    """Passes its input on; keeps it and the result."""

    @staticmethod
    def forward(ctx, x):
        y = x * 1
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g + 0 * (x - y)


def operation(rule: Rule, call: Call, use: Use) -> Any:
    """The operation as a function of its tensors, wrapped as `use` says."""

    def plain(*inputs):
        out = apply(default_node(rule.fun), *inputs, **call.metadata)
        outs = out if isinstance(out, tuple) else (out,)
        outs = [o for o in outs if o.dtype.is_floating_point or o.dtype.is_complex]
        return tuple(Through.apply(o) if use.function else o for o in outs)

    if use.form is None:
        return plain
    if use.form == "reentrant":
        return lambda *inputs: checkpoint(plain, *inputs, use_reentrant=True)
    if use.form == "recomputed":
        return lambda *inputs: checkpoint(plain, *inputs, use_reentrant=False)

    def inner(*inputs):
        return checkpoint(plain, *inputs, use_reentrant=False)

    return lambda *inputs: checkpoint(inner, *inputs, use_reentrant=False)


def is_real(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def has_derivative(rule: Rule, number: int) -> bool:
    return rule.joint or (number < len(rule.vjps) and rule.vjps[number] is not None)


def program(rule: Rule, call: Call, arrays: list, use: Use) -> None:
    """Record, differentiate (twice with create) and drop."""
    inputs = [wrap(a) if is_real(a) else a for a in arrays]
    leaves = [t for i, t in enumerate(inputs) if has_derivative(rule, i) and isinstance(t, Tensor)]
    for t in leaves:
        t.requires_grad_()
    given = [t * 1 if isinstance(t, Tensor) and t.requires_grad else t for t in inputs]
    seen: list[Any] = []
    outs = operation(rule, call, use)(*given)
    outs = [o for o in outs if o.requires_grad]
    if use.hook:
        for t in (*leaves, *outs):
            t.register_hook(lambda g: seen.append(g.shape))
        for t in leaves:
            t.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.shape))
        for o in outs:
            o.retain_grad()
            o.grad_fn.register_hook(lambda into, out: None)
            o.grad_fn.register_prehook(lambda out: seen.append(len(out)))
    weights = [dg.ones_like(o) for o in outs]
    dg.autograd.backward(outs, weights, create_graph=use.create)
    if use.create:
        second = [t.grad for t in leaves if t.grad is not None and t.grad.requires_grad]
        dg.autograd.backward(second, [dg.ones_like(g) for g in second])


DERIVED = [
    rule
    for rule in RULES.values()
    if rule.kind != "constant" and key_of(rule) not in REFUSING | ONCE
]


def family(rule: Rule) -> tuple:
    """What makes a rule go another way through the machine than others."""
    where = getattr(rule.fun, "__module__", "numpy").rpartition(".")[2]
    kinds = tuple(sorted({save.kind for save in rule.saves}))
    return (where, rule.kind, rule.results, rule.variadic, rule.joint, kinds)


FAMILIES = {family(rule): rule for rule in reversed(DERIVED)}


@pytest.fixture(autouse=True, scope="module")
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    gc.freeze()  # what is there already need not be counted
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # re-entry says that it gives first derivatives only
        yield


def living() -> int:
    """How many objects of graphs there are, of those not set aside."""
    return sum(isinstance(thing, GRAPH) for thing in gc.get_objects())


def drawn(rule: Rule, rng: np.random.Generator) -> list[tuple[Call, list]]:
    return [(call, call.drawn(rng)) for call in (samples_of(rule) or ())[:1]]


def leaking(rule: Rule, rng: np.random.Generator, uses: list[Use]) -> list[tuple[Use, int]]:
    """The uses of an operation that leave objects behind, and how many."""
    ((call, arrays),) = drawn(rule, rng)

    def left(use: Use) -> int:
        gc.freeze()  # what is there already need not be counted
        program(rule, call, arrays, use)
        return living()

    # The first run may fill caches.
    return [(use, count) for use in uses if left(use) and (count := left(use))]


#: how many blocks of memory may be left by all uses together: a table that grows takes a few
SLACK = 8
#: how often all uses run before they must have filled their tables: a leak goes on for ever
ROUNDS = 30


def blocks() -> int:
    """How many blocks of memory Python has handed out, without what it keeps of freed objects for
    later: a collection drops that, and nothing that leaks, since all living objects are set aside
    first.
    """
    gc.freeze()
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize("rule", FAMILIES.values(), ids=key_of)
def test_no_use_leaves_objects(rule: Rule, rng: np.random.Generator) -> None:
    ((call, arrays),) = drawn(rule, rng)

    def grown() -> int:
        before = blocks()
        for use in USES:
            program(rule, call, arrays, use)
        return blocks() - before

    assert leaking(rule, rng, USES) == []
    assert any(grown() < SLACK for _ in range(ROUNDS))


@pytest.mark.parametrize("rule", DERIVED, ids=key_of)
def test_no_rule_leaves_objects(rule: Rule, rng: np.random.Generator) -> None:
    assert leaking(rule, rng, [use for use in USES if use.create and use.function]) == []


def test_the_count_sees_a_leak(rng: np.random.Generator) -> None:
    before = living()
    x = dg.ones(2, requires_grad=True)
    y = x * 2
    y.own = y
    del x, y
    assert living() > before
    gc.collect()


def test_the_blocks_show_a_leak() -> None:
    before, kept = blocks(), []
    for _ in range(SLACK):
        kept.append(np.ones(1))
    assert blocks() - before >= SLACK


def test_the_families_are_many() -> None:
    assert len(FAMILIES) > 30
    assert {rule.kind for rule in FAMILIES.values()} == {
        "elementwise",
        "linear",
        "multilinear",
        "general",
    }
