"""Random steps that read state in every way: what is compiled does what it did eagerly."""

import types
from collections.abc import Callable
from typing import Any

import pytest
from soundness import Report, check, fails_with, shrunk, told
from soundness_programs import PIECES, Program, make_program, source_of

import dynagrad

pytest.importorskip("llvmlite")

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


def test_a_stale_number_is_found_out() -> None:
    with_numbers = [
        program
        for program in map(make_program, range(600))
        if any(part and part.name in ("global number", "global flag") for part in program.parts)
        and program.frame.kind in ("training", "function")
    ]
    found = [check(p, globals_of_the_beginning, count=False).failure for p in with_numbers]
    assert sum(failure is not None for failure in found) > len(found) / 3


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
