"""Every rule of the registry under the transforms: vmap against a loop, forward mode against
reverse mode, one inside the other.
"""

import warnings
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from rule_calls import call, levels
from rule_cases import (
    CASES,
    Case,
    derived_inputs,
    directions,
    each,
    gradients,
    inner,
    like,
    plain,
    record,
)
from rule_samples import KERNELS, PLACES, REDUCED, key_of, samples_of

import dynagrad as dg
from dynagrad.core.carriers.batched import Batched, BatchLevel
from dynagrad.core.carriers.carrier import Level, new_level
from dynagrad.core.carriers.dual import Dual, DualLevel
from dynagrad.core.quiet import compute
from dynagrad.core.tensor import Tensor, wrap
from dynagrad.ops.extremes import amax_over, aminmax_over, minimum_of
from dynagrad.ops.indexing import scatter_reduce
from dynagrad.ops.rule import RULES
from dynagrad.ops.shape import as_strided
from dynagrad.ops.sorting import bincount

#: rules whose results' shapes depend on the values: a batch of them cannot exist
DYNAMIC = {"unique", "unique_consecutive"}
#: how large their results are, an empty batch does not tell: they refuse it, as PyTorch does
SIZED_BY_EXAMPLES = {"nonzero_places"}

#: primitives that run in a loop over the batch, and why
LOOPING: dict[str, str] = {}

ALL_CASES = CASES + [
    Case(rule, call)
    for rule in RULES.values()
    if rule.kind == "constant" and key_of(rule) not in DYNAMIC
    for call in samples_of(rule) or ()
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The loop over a batch warns; `test_what_runs_in_a_loop` lists who does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_what_runs_in_a_loop() -> None:
    looping = {key_of(rule): rule.fun.__module__ for rule in RULES.values() if rule.batch is None}
    print(f"{len(looping)} primitives run in a loop over the batch:")
    for name, module in looping.items():
        print(f"  {module}.{name}")
    assert sorted(looping) == sorted(LOOPING)


@pytest.mark.parametrize("name", sorted(DYNAMIC))
def test_no_batch_of_results_whose_shape_depends_on_values(name: str) -> None:
    (rule,) = (rule for rule in RULES.values() if key_of(rule) == name)
    with new_level(BatchLevel, 2) as level:
        x = Batched(level, np.array([[1, 2, 2], [3, 1, 3]]))
        with pytest.raises(RuntimeError, match="batching operators that can output dynamic shape"):
            rule.fun(x, axis=None)


def test_counts_of_different_length_are_refused() -> None:
    with new_level(BatchLevel, 2) as level:
        x = Batched(level, np.array([[1, 2, 2], [3, 1, 3]]))
        assert bincount(x, length=4).value.tolist() == [[0, 1, 2, 0], [0, 1, 0, 2]]
        with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
            bincount(x, length=2)


def test_windows_stay_in_their_example() -> None:
    with new_level(BatchLevel, 2) as level:
        x = Batched(level, np.arange(8.0).reshape(2, 4))
        window = {"size": (2, 2), "stride": (2, 1), "base_stride": (1,)}
        assert as_strided(x, offset=0, **window).value.tolist() == x.value.reshape(2, 2, 2).tolist()
        with pytest.raises(RuntimeError, match="outside of one example"):
            as_strided(x, offset=1, **window)


# --- calls on carriers ----------------------------------------------------------------------------


def subsets(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    """Every non-empty choice of them."""
    for count in range(1, len(numbers) + 1):
        yield from combinations(numbers, count)


def choices(arrays: list) -> list[tuple[int, ...]]:
    """Which inputs are batched: each alone, and all together."""
    every = tuple(i for i, a in enumerate(arrays) if a is not None)
    return [(i,) for i in every] + ([every] if len(every) > 1 else [])


def examples(case: Case, rng: np.random.Generator, count: int) -> list[list]:
    """Several lists of inputs; where the sample names integers, others have them in another
    order.
    """
    drawn = [case.call.drawn(rng) for _ in range(count)]
    for arrays in drawn[1:]:
        for i, a in enumerate(arrays):
            if a is not None and a.dtype.kind in "iu":
                arrays[i] = rng.permutation(a.reshape(-1)).reshape(a.shape)
    return drawn


def chosen(drawn: list[list], batched: tuple[int, ...], number: int) -> list:
    """The inputs of one example; those that are not batched are the first example's."""
    return [
        drawn[number][i] if i in batched else first
        for i, first in enumerate(drawn[0] if drawn else ())
    ]


def called(case: Case, inputs: list) -> tuple:
    """The results of the primitive on arrays, carriers or Tensors, without what only its backward
    kernel reads.
    """
    result = compute(case.rule, inputs, case.call.metadata)
    if type(result) not in (tuple, list):
        return (result,)
    return tuple(result)[: KERNELS.get(key_of(case.rule))]


def looped(case: Case, drawn: list[list], batched: tuple[int, ...]) -> list[np.ndarray]:
    """The results of single calls, stacked."""
    singles = [called(case, chosen(drawn, batched, n)) for n in range(len(drawn))]
    return [np.stack([np.asarray(r) for r in results]) for results in zip(*singles, strict=True)]


def outside(result: Any, level: Level) -> Any:
    """What a batch holds, repeated where it is the same for all."""
    if not (type(result) is Batched and result.level is level):
        result = Batched(level, result, False)
    if result.is_batched:
        return result.value
    held = result.value._a if isinstance(result.value, Tensor) else np.asarray(result.value)
    return np.broadcast_to(held, (level.size, *held.shape))


def array_of(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)


def check_same(found: list, expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        a = array_of(f)
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        if e.dtype.kind in "fc":
            tolerance = 1e-5 if e.dtype.itemsize <= 4 else 1e-11
            np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(a, e)


def stacked(drawn: list[list], i: int) -> np.ndarray:
    return np.stack([arrays[i] for arrays in drawn])


# --- vmap is a loop -------------------------------------------------------------------------------


def check_batched(case: Case, drawn: list[list]) -> None:
    for batched in choices(drawn[0]):
        expected = looped(case, drawn, batched)
        with new_level(BatchLevel, len(drawn)) as level:
            inputs = [
                Batched(level, stacked(drawn, i)) if i in batched else a
                for i, a in enumerate(drawn[0])
            ]
            found = [outside(r, level) for r in called(case, inputs)]
        check_same(found, expected)


@each(ALL_CASES)
def test_batched(case: Case, rng: np.random.Generator) -> None:
    for size in (3, 1):
        check_batched(case, examples(case, rng, size))


@each(
    [
        case
        for case in ALL_CASES
        if case.rule.batch is not None and key_of(case.rule) not in SIZED_BY_EXAMPLES
    ]
)
def test_empty_batch(case: Case, rng: np.random.Generator) -> None:
    (arrays,) = examples(case, rng, 1)
    single = [np.asarray(r) for r in called(case, arrays)]
    for batched in choices(arrays):
        with new_level(BatchLevel, 0) as level:
            inputs = [
                Batched(level, np.empty((0, *a.shape), a.dtype)) if i in batched else a
                for i, a in enumerate(arrays)
            ]
            found = [outside(r, level) for r in called(case, inputs)]
        check_same(found, [np.empty((0, *r.shape), r.dtype) for r in single])


def recorded_batch(case: Case, drawn: list[list], batched: tuple[int, ...]) -> tuple[list, list]:
    """The inputs, with a history where they can have one, and the results, below the batch."""
    wanted = derived_inputs(case, drawn[0])
    leaves: list[Any] = []
    for i, a in enumerate(drawn[0]):
        given = stacked(drawn, i) if i in batched else a
        leaves.append(wrap(given).requires_grad_() if i in wanted else given)
    with new_level(BatchLevel, len(drawn)) as level:
        inputs = [
            Batched(level, x, i in batched) if i in batched or i in wanted else x
            for i, x in enumerate(leaves)
        ]
        return leaves, [r.value for r in called(case, inputs)]


@each(CASES)
def test_gradient_through_a_batch(case: Case, rng: np.random.Generator) -> None:
    drawn = examples(case, rng, 3)
    for batched in choices(drawn[0]):
        leaves, outs = recorded_batch(case, drawn, batched)
        check_same(outs, looped(case, drawn, batched))
        kept = [n for n, o in enumerate(outs) if isinstance(o, Tensor) and o.requires_grad]
        results = [outs[n] for n in kept]
        weights = like(rng, [o._a for o in results])
        found = plain(gradients(leaves, results, weights))
        for i, g in enumerate(loop_of_gradients(case, drawn, batched, kept, weights)):
            if g is not None:
                check_same([0 * g if found[i] is None else found[i]], [g])
            else:
                assert found[i] is None or not found[i].any()


def loop_of_gradients(
    case: Case, drawn: list[list], batched: tuple[int, ...], kept: list[int], weights: list
) -> list:
    """The gradients by single calls: stacked for batched inputs, the sum for the others."""
    rows = []
    for n in range(len(drawn)):
        inputs, _ = record(case, chosen(drawn, batched, n))
        outs = [o for o in called(case, inputs) if isinstance(o, Tensor) and o.requires_grad]
        assert len(outs) == len(kept)
        rows.append(plain(gradients(inputs, outs, [w[n] for w in weights])))
    made = []
    for i, parts in enumerate(zip(*rows, strict=True)):
        if parts[0] is None:
            made.append(None)
        else:
            made.append(np.stack(parts) if i in batched else np.sum(parts, 0))
    return made


# --- forward mode is the transpose of reverse mode ------------------------------------------------


def pushed(case: Case, arrays: list, ts: list, live: tuple[int, ...]) -> list:
    """(result, tangent) for each result, from tangents of the inputs `live`."""
    with new_level(DualLevel) as level:
        inputs = [Dual(level, a, ts[i]) if i in live else a for i, a in enumerate(arrays)]
        return [parts(r, level) for r in called(case, inputs)]


def parts(result: Any, level: Level) -> tuple[Any, Any]:
    if type(result) is Dual and result.level is level:
        return result.primal, result.tangent
    return result, None


def check_pushed(case: Case, arrays: list, rng: np.random.Generator) -> None:
    ts = directions(case, rng, arrays)
    inputs, _ = record(case, arrays)
    outs = called(case, inputs)
    kept = [n for n, o in enumerate(outs) if isinstance(o, Tensor) and o.requires_grad]
    weights = like(rng, [outs[n]._a for n in kept])
    grads = plain(gradients(inputs, [outs[n] for n in kept], weights))
    for live in subsets(derived_inputs(case, arrays)):
        pairs = pushed(case, arrays, ts, live)
        check_same([p for p, _ in pairs], [array_of(o) for o in outs])
        forward = 0.0
        for n, (primal, tangent) in enumerate(pairs):
            if tangent is not None:
                assert (tangent.shape, tangent.dtype) == (primal.shape, primal.dtype)
                assert n in kept
                forward += inner([weights[kept.index(n)]], [tangent])
        backward = sum(inner([grads[i]], [ts[i]]) for i in live)
        tolerance = 1e-5 if any(w.dtype.itemsize <= 4 for w in weights) else 1e-9
        assert forward == pytest.approx(backward, rel=tolerance, abs=tolerance)


#: forward mode means another function than reverse mode
ONE_WAY = {"take_rows": "PyTorch keeps a padding row from its gradient, not from its tangent"}


@each([case for case in CASES if key_of(case.rule) not in ONE_WAY])
def test_forward_mode(case: Case, rng: np.random.Generator) -> None:
    check_pushed(case, case.call.drawn(rng), rng)


#: calls with equal extremes, whose derivative is shared
TIED = [
    Case(RULES[fun], sample)
    for fun, samples in (
        (
            scatter_reduce,
            [
                call(levels(2, 4), PLACES, levels(2, 3), axis=1, reduce=r, include_self=own)
                for r in ("amax", "amin", "prod")
                for own in (True, False)
            ],
        ),
        (amax_over, [call(levels(2, 3, 4), **kw) for kw in REDUCED]),
        (aminmax_over, [call(levels(2, 3, 4), **kw) for kw in REDUCED]),
        (minimum_of, [call(levels(2, 3))]),
    )
    for sample in samples
]


@each(TIED)
def test_ties(case: Case, rng: np.random.Generator) -> None:
    check_batched(case, examples(case, rng, 3))
    check_pushed(case, case.call.drawn(rng), rng)


# --- one inside the other -------------------------------------------------------------------------


@each(CASES)
def test_forward_mode_and_vmap(case: Case, rng: np.random.Generator) -> None:
    drawn = examples(case, rng, 3)
    batched = choices(drawn[0])[int(rng.integers(len(choices(drawn[0]))))]
    live = tuple(i for i in derived_inputs(case, drawn[0]) if rng.random() < 0.7)
    ts = [directions(case, rng, arrays) for arrays in drawn]
    singles = [
        pushed(case, chosen(drawn, batched, n), chosen(ts, batched, n), live)
        for n in range(len(drawn))
    ]
    for kinds in ((BatchLevel, DualLevel), (DualLevel, BatchLevel)):
        for n, (primal, tangent) in enumerate(nested(case, drawn, ts, batched, live, kinds)):
            check_same([primal], [np.stack([np.asarray(single[n][0]) for single in singles])])
            expected = [single[n][1] for single in singles]
            if tangent is None or expected[0] is None:
                assert all(t is None or not np.any(t) for t in [tangent, *expected])
            else:
                check_same([tangent], [np.stack(expected)])


def nested(
    case: Case, drawn: list[list], ts: list[list], batched: tuple, live: tuple, kinds: tuple
) -> list:
    """(results, tangents) of a call under two levels, the outer kind first."""
    size = len(drawn)
    with new_level(kinds[0], size) as outer, new_level(kinds[1], size) as inner_level:
        batch, dual = (outer, inner_level) if kinds[0] is BatchLevel else (inner_level, outer)
        inputs = []
        for i, a in enumerate(drawn[0]):
            x, t = (stacked(drawn, i), None) if i in batched else (a, None)
            if i in live:
                t = stacked(ts, i) if i in batched else ts[0][i]
            if kinds[0] is BatchLevel:
                x, t = (Batched(batch, v) if i in batched and v is not None else v for v in (x, t))
                inputs.append(x if t is None else Dual(dual, x, t))
            else:
                x = x if t is None else Dual(dual, x, t)
                inputs.append(Batched(batch, x) if i in batched else x)
        found = []
        for r in called(case, inputs):
            if kinds[0] is BatchLevel:
                primal, tangent = parts(r, dual)
                tangent = None if tangent is None else outside(tangent, batch)
                found.append((outside(primal, batch), tangent))
            else:
                found.append(parts(unbatched(r, batch), dual))
    return found


def unbatched(result: Any, level: Level) -> Any:
    """What a batch over dual numbers holds."""
    if type(result) is Batched and result.level is level:
        if result.is_batched:
            return result.value
        result = result.value
    return dg.ops.shape.broadcast_to(result, shape=(level.size, *result.shape))
