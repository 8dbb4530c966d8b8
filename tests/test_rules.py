"""Every derivative rule of the registry, against numbers and on carriers.

A rule is tested because it is registered: without a sample call (`rule_samples.py`) it fails here.
"""

from typing import Any

import numpy as np
import pytest
from carriers import Symbol
from rule_cases import (
    CASES,
    DERIVED,
    Case,
    derived_inputs,
    directions,
    each,
    gradients,
    inner,
    is_real,
    like,
    moved,
    plain,
    record,
    values,
)
from rule_samples import (
    BY_DEFINITION,
    CONSTANTS,
    KERNELS,
    ONCE,
    REFUSING,
    SAMPLES,
    key_of,
    samples_of,
)

from dynagrad.core.tape import Meta
from dynagrad.ops.rule import RULES

#: the difference quotient is exact to rounding for any step
STEP = {"linear": 0.5, "multilinear": 0.5}


#: cases whose derivative is that of the values
TRUE_CASES = [case for case in CASES if key_of(case.rule) not in BY_DEFINITION]


def test_every_rule_has_a_sample() -> None:
    missing = [key_of(rule) for rule in RULES.values() if not samples_of(rule)]
    assert not missing, f"rules without a sample call in rule_samples.py: {', '.join(missing)}"


def test_no_sample_is_for_nothing() -> None:
    names = [key_of(rule) for rule in DERIVED]
    assert sorted(set(SAMPLES) - set(names)) == []
    constants = [key_of(rule) for rule in RULES.values() if rule.kind == "constant"]
    assert sorted(set(CONSTANTS) - set(constants)) == []
    assert sorted({*BY_DEFINITION, *REFUSING} - set(names)) == []
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


@pytest.mark.parametrize("name", sorted(REFUSING))
def test_what_has_no_derivative_says_so(name: str, rng: np.random.Generator) -> None:
    (rule,) = (rule for rule in DERIVED if key_of(rule) == name)
    case = Case(rule, samples_of(rule)[0])
    inputs, outs = record(case, case.call.drawn(rng))
    with pytest.raises(RuntimeError, match="is not implemented"):
        outs[0].sum().backward()


def check_difference(analytic: float, numeric: float, scale: float) -> None:
    assert analytic == pytest.approx(numeric, rel=2e-5, abs=2e-5 * max(scale, 1.0))


# --- derivatives ---------------------------------------------------------------------------------


@each(TRUE_CASES)
def test_first_order(case: Case, rng: np.random.Generator) -> None:
    arrays = case.call.drawn(rng)
    inputs, outs = record(case, arrays)
    weights = like(rng, [o._a for o in outs])
    grads = plain(gradients(inputs, outs, weights))
    step = STEP.get(case.rule.kind, 1e-6)
    for _ in range(2):
        ts = directions(case, rng, arrays)
        if case.rule.kind == "multilinear":  # one input at a time: the product is not linear
            keep = rng.choice(derived_inputs(case, arrays))
            ts = [t if i == keep else None for i, t in enumerate(ts)]
        above, below = (values(case, moved(arrays, ts, s)) for s in (step, -step))
        numeric = (inner(weights, above) - inner(weights, below)) / (2 * step)
        analytic = inner(grads, [0 if t is None else t for t in ts])
        check_difference(analytic, numeric, sum(float(np.abs(w).sum()) for w in weights))


@each([case for case in CASES if key_of(case.rule) not in ONCE])
def test_second_order(case: Case, rng: np.random.Generator) -> None:
    arrays = case.call.drawn(rng)
    inputs, outs = record(case, arrays)
    weights = like(rng, [o._a for o in outs])
    first = gradients(inputs, outs, weights, create=True)
    chosen = [g for g in first if g is not None and g.requires_grad]
    tangents = like(rng, [np.zeros(0) if g is None else g._a for g in first])
    second = [None] * len(inputs)
    if chosen:
        kept = [
            t for g, t in zip(first, tangents, strict=True) if g is not None and g.requires_grad
        ]
        second = plain(gradients(inputs, chosen, kept))
    if key_of(case.rule) in BY_DEFINITION:
        return
    step = 1e-6
    ts = directions(case, rng, arrays)

    def slope(sign: int) -> float:
        at, results = record(case, moved(arrays, ts, sign * step))
        return inner(plain(gradients(at, results, weights)), tangents)

    numeric = (slope(1) - slope(-1)) / (2 * step)
    analytic = inner(second, [0 if t is None else t for t in ts])
    check_difference(analytic, numeric, sum(float(np.abs(t).sum()) for t in tangents))


def halved(a: np.ndarray) -> np.ndarray:
    return a.astype(np.complex64 if a.dtype.kind == "c" else np.float32)


@each(CASES)
def test_cotangents_keep_float32_and_shapes(case: Case, rng: np.random.Generator) -> None:
    arrays = [halved(a) if is_real(a) else a for a in case.call.drawn(rng)]
    inputs, outs = record(case, arrays)
    weights = like(rng, [o._a for o in outs])
    for create in (False, True):
        grads = gradients(inputs, outs, weights, create=create)
        for x, g in zip(inputs, grads, strict=True):
            assert g is None or (g._a.dtype, g._a.shape) == (x._a.dtype, x._a.shape)
        inputs, outs = record(case, arrays)


# --- what a rule promises ------------------------------------------------------------------------


def bare(case: Case, arrays: list) -> tuple[Any, Any]:
    """A recorded node of this call, and a cotangent as the engine would hand it over."""
    _, outs = record(case, arrays)
    node = outs[0].grad_fn
    cotangents = like(np.random.default_rng(1), [o._a for o in outs])
    if node.rule.results == 1:
        return node, cotangents[0]
    g = [None] * node.results
    for o, cotangent in zip(outs, cotangents, strict=True):
        g[o.output_nr] = cotangent
    return node, g


def arrays_in(thing: Any) -> list[np.ndarray]:
    if isinstance(thing, np.ndarray):
        return [thing]
    return [a for part in thing for a in arrays_in(part)] if type(thing) in (list, tuple) else []


@each([case for case in CASES if case.rule.fresh])
def test_fresh_results_are_new_memory(case: Case, rng: np.random.Generator) -> None:
    node, g = bare(case, case.call.drawn(rng))
    results = arrays_in(list(node.vjp(g, node.saved, node.edges)))
    for r in results:
        assert r.flags.writeable
        for other in [*arrays_in(g), *arrays_in(node.saved)]:
            assert not np.shares_memory(r, other)
    for i, r in enumerate(results):
        assert not any(np.shares_memory(r, other) for other in results[:i])


def symbols(thing: Any, log: list) -> Any:
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "fciub":
        return Symbol(thing, log)
    if type(thing) in (list, tuple):
        return type(thing)(symbols(part, log) for part in thing)
    assert thing is None or isinstance(thing, Meta)
    return thing


@each(CASES)
def test_runs_on_symbols(case: Case, rng: np.random.Generator) -> None:
    node, g = bare(case, case.call.drawn(rng))
    log = []
    expected = node.vjp(g, node.saved, node.edges)
    results = node.vjp(symbols(g, log), symbols(node.saved, log), node.edges)
    assert len(results) == len(expected)
    for edge, r, e in zip(node.edges, results, expected, strict=False):
        if edge is None or e is None:
            continue
        assert isinstance(r, Symbol), "the result did not come from the carrier's own operations"
        if key_of(case.rule) in KERNELS:
            np.testing.assert_allclose(r.value, e, rtol=1e-11, atol=1e-13)
        else:
            np.testing.assert_array_equal(r.value, e)
