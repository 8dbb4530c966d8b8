"""Forward mode by transposing a vjp equals what the rule brings, on every carrier."""

from typing import Any

import numpy as np
import pytest
from rule_cases import CASES, Case, derived_inputs, directions, each

from dynagrad.core.carriers.batched import Batched, BatchLevel
from dynagrad.core.carriers.carrier import new_level, payload
from dynagrad.core.carriers.dual import push
from dynagrad.core.quiet import compute
from dynagrad.core.tensor import wrap

BRINGING = [case for case in CASES if case.rule.jvps is not None]


def pushed(case: Case, rule: Any, primals: list, tangents: list) -> list:
    """The results' tangents by one way."""
    result = compute(case.rule, primals, case.call.metadata)
    results = result if type(result) is tuple else (result,)
    results = tuple(np.asarray(r) if isinstance(r, np.generic) else r for r in results)
    return list(push(rule, primals, tangents, case.call.metadata, results))


def values(parts: list) -> list:
    """The tangents as arrays, those of a batch with the batch in front; None is zero."""
    found = []
    for t in parts:
        if type(t) is Batched:
            value = payload(t.value)
            t = value if t.is_batched else np.stack([value] * t.level.size)
        found.append(t)
    return found


def check(case: Case, primals: list, tangents: list) -> None:
    expected = values(pushed(case, case.rule, primals, tangents))
    found = values(pushed(case, case.rule._replace(jvps=None), primals, tangents))
    for a, b in zip(found, expected, strict=True):
        if a is None or b is None:
            other = b if a is None else a
            assert other is None or not np.any(other)
        else:
            np.testing.assert_allclose(np.broadcast_to(a, b.shape), b, rtol=1e-6, atol=1e-8)


def drawn(case: Case, rng: np.random.Generator) -> tuple[list, list]:
    arrays = case.call.drawn(rng)
    return arrays, directions(case, rng, arrays)


def test_some_rules_bring_their_own() -> None:
    assert len(BRINGING) > 40


@each(BRINGING)
def test_on_arrays(case: Case, rng: np.random.Generator) -> None:
    check(case, *drawn(case, rng))


@each(BRINGING)
@pytest.mark.parametrize("batched", [False, True])
def test_below_a_history(case: Case, batched: bool, rng: np.random.Generator) -> None:
    """Primals of a batch whose value is recorded on the tape below, as a captured tensor's."""
    arrays, tangents = drawn(case, rng)
    wanted = derived_inputs(case, arrays)
    with new_level(BatchLevel, 2) as level:
        primals = list(arrays)
        for i in wanted:
            a = np.stack([arrays[i], arrays[i]]) if batched else arrays[i]
            primals[i] = Batched(level, wrap(a).requires_grad_(), batched)
        tangents = [None if t is None else Batched(level, np.stack([t, 2 * t])) for t in tangents]
        check(case, primals, tangents)
