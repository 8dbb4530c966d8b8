"""Random steps that read state in every way: what is compiled does what it did eagerly."""

import types
from collections.abc import Callable
from typing import Any

import pytest
from soundness import Report, check, fails_with, shrunk, told
from soundness_programs import PIECES, Part, Program, Statement, make_program, source_of
from soundness_rounding import Noise

import dynagrad
from dynagrad.core.watch import watching

pytest.importorskip("llvmlite")

from dynagrad.compiler.census.reads import World  # noqa: E402

PROGRAMS, BATCH = 200, 10


def assert_sound(program: Program, report: Report) -> None:
    """No failure; else the smallest program found that fails."""
    if report.failure:
        small = shrunk(program, fails_with(dynagrad.compile))
        failure = check(small).failure or report.failure
        pytest.fail(told(small, failure), pytrace=False)


@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(0, PROGRAMS, BATCH))
def test_a_compiled_step_does_what_it_does_eagerly(first: int) -> None:
    for seed in range(first, first + BATCH):
        program = make_program(seed)
        assert_sound(program, check(program))


def test_the_plain_step_equals_itself() -> None:
    for seed in range(1000, 1010):
        report = check(make_program(seed), lambda step, **options: step)
        assert report.failure is None and not report.is_ill_conditioned
        assert report.standing.compiled == 0 and report.standing.reasons


def first_result_for_good(step: Callable, **options: Any) -> Callable:
    """An unsound compiler: what came out once comes out again."""
    held: list[Any] = []

    def compiled(*args: Any, **kwargs: Any) -> Any:
        if not held:
            held.append(step(*args, **kwargs))
        return held[0]

    return compiled


def globals_of_the_beginning(step: Callable, **options: Any) -> Callable:
    """An unsound compiler: numbers among the globals stay what they were at first."""
    held: dict[str, Any] = {}

    def compiled(*args: Any, **kwargs: Any) -> Any:
        names = step.__globals__
        if not held:
            held.update((k, v) for k, v in names.items() if isinstance(v, int | float | str))
        now = {k: v for k, v in names.items() if k in held}
        names.update(held)
        try:
            return step(*args, **kwargs)
        finally:
            names.update(now)

    return compiled if isinstance(step, types.FunctionType) else step


def test_an_unsound_compiler_is_found_out() -> None:
    found = [check(make_program(seed), first_result_for_good).failure for seed in range(20)]
    assert sum(failure is not None for failure in found) >= 18


def test_a_failing_program_is_cut_down() -> None:
    program = make_program(4)
    assert sum(part is not None for part in program.parts) > 1 or len(program.calls) > 2
    fails = fails_with(first_result_for_good)
    assert fails(program)
    small = shrunk(program, fails)
    assert len(source_of(small)) <= len(source_of(program)) and len(small.calls) <= 2
    failure = check(small, first_result_for_good).failure
    assert failure is not None and f"after call {failure.call}:" in told(small, failure)


def test_every_piece_is_used() -> None:
    names = [piece.name for piece in PIECES]
    assert len(names) > 200
    used = {
        part.name for seed in range(3000) for part in make_program(seed).parts if part is not None
    }
    assert used == set(names)


def program_of(top: str, step: str, between: str, calls: int) -> Program:
    """A step in float64 that turns h into another h, and calls of it with a statement before."""
    frame = make_program(0).frame._replace(
        kind="training", dtype="float64", signature="plain", clearing="", scheduler="", options=""
    )
    frame = frame._replace(loss="F.smooth_l1_loss(h, y)", update="data", returned="loss.item()")
    call = Statement("result = step(torch.ones(1, 3), torch.ones(1, 4))")
    blocks = tuple((Statement(between, 0), call) for _ in range(calls))
    return Program(frame, (Part("own", top, "", step, "", ""),), blocks)


def with_a_number() -> Program:
    """A program whose caller changes a number before the fourth call."""
    top, step = "n, factor = 0, 0.5", "h = h * factor"
    return program_of(top, step, "n += 1; factor = 0.75 if n > 3 else 0.5", 6)


def test_a_stale_number_is_found_out() -> None:
    report = check(with_a_number(), globals_of_the_beginning, count=False)
    assert report.failure and report.failure.call == 3


def test_a_guard_that_is_missing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    program = with_a_number()
    assert check(program).failure is None
    kept = World.guard

    def guard(self: World, kind: str, on: tuple, expected: Any, by: str, name: str) -> None:
        if kind != "global" or by != "value":
            kept(self, kind, on, expected, by, name)

    monkeypatch.setattr(World, "guard", guard)
    report = check(program)
    assert report.failure and report.failure.call == 3 and not report.is_ill_conditioned


def rounding_otherwise(step: Callable, **options: Any) -> Callable:
    """A sound compiler whose operations round in other ways."""
    return lambda *args, **kwargs: watched(Noise(len(args)), step, *args, **kwargs)


def nearly(step: Callable, **options: Any) -> Callable:
    """An unsound compiler: in the end, the bias is a little off."""

    def compiled(*args: Any, **kwargs: Any) -> Any:
        result = watched(Noise(len(args)), step, *args, **kwargs)
        bias = step.__globals__["bias"]
        with dynagrad.no_grad():
            bias.add_((bias.abs() < 1) * 1e-3)
        return result

    return compiled


def watched(noise: Noise, step: Callable, *args: Any, **kwargs: Any) -> Any:
    """A call whose operations' results are moved."""
    with watching(noise):
        return step(*args, **kwargs)


def test_what_rounding_does_is_told_from_errors() -> None:
    """A huge gradient takes the bias far away and back, so that only rounding is left of it."""
    program = program_of("factor = 0.7e15", "h = h * factor", "factor = -factor", 4)
    report = check(program, rounding_otherwise, count=False)
    assert report.failure is None and report.is_ill_conditioned
    assert check(program._replace(parts=(None,)), nearly, count=False).failure
