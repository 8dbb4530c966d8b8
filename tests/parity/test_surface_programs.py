"""Random programs over the whole surface, in lockstep with PyTorch (see surface_programs.py)."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from surface_programs import TABLES, WEIGHTS, Step, check  # noqa: E402 - imports the oracle

WEIGHTED = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
CHUNK = 250

steps = st.builds(
    Step,
    st.sampled_from(WEIGHTED),
    st.integers(0, 999),
    *[st.integers(0, 59)] * 3,
    st.sampled_from([False] * 9 + [True]),
)
programs = st.lists(steps, min_size=2, max_size=30)


def step(text: str, a: int, b: int, c: int, silent: bool = False) -> Step:
    """The step of an expression; a change of the tables moves its number, not the program."""
    table = next(name for name, texts in TABLES.items() if text in texts)
    return Step(table, TABLES[table].index(text), a, b, c, silent)


def drawn(source: random.Random) -> list[Step]:
    """A random program of 2 to 30 steps."""
    return [
        Step(
            source.choice(WEIGHTED),
            source.randrange(1000),
            *[source.randrange(60) for _ in "abc"],
            source.random() < 0.1,
        )
        for _ in range(source.randint(2, 30))
    ]


#: programs that once came out otherwise than in PyTorch
PINNED: list[list[Step]] = [
    [step("t.baddbmm(z, x, y)", 0, 0, 0)],  # the error of a dimension that is not there
]


@pytest.mark.parametrize("program", PINNED, ids=range(len(PINNED)))
def test_pinned(program: list[Step]) -> None:
    check(program)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chunk" in metafunc.fixturenames:
        count = metafunc.config.getoption("--programs")
        metafunc.parametrize("chunk", range(-(-count // CHUNK)))


@pytest.mark.fuzz
def test_programs(chunk: int, seed: int) -> None:
    """A failure prints the program; Hypothesis, below, shrinks those that it finds."""
    source = random.Random(seed)
    for _ in range(CHUNK):
        program = drawn(source)
        try:
            check(program)
        except AssertionError:
            print("\n".join(f"{s.text}  {tuple(s)}" for s in program))
            raise


@pytest.mark.fuzz
@settings(suppress_health_check=list(HealthCheck))
@given(programs)
def test_shrinking_programs(program: list[Step]) -> None:
    check(program)
