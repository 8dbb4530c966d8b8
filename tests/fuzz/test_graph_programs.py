"""Random programs of views, writes, modes, hooks and backward passes, against PyTorch."""

import pytest
from graph_programs import Run, Step, outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenario import differences

import dynagrad

torch = pytest.importorskip("torch")

NAMES = [name for name, value in vars(Run).items() if callable(value)]
STEPS = [name for name in NAMES if name not in ("__init__", "run", "chosen", "keep")]
#: writes, views and arithmetic more often than the rest
WEIGHTED = [*STEPS, *("view",) * 4, *("write",) * 5, *("unary",) * 3, *("binary",) * 3]

steps = st.builds(Step, st.sampled_from(WEIGHTED), *[st.integers(0, 59)] * 3)
programs = st.lists(steps, min_size=2, max_size=30)


def check(program: list[Step]) -> None:
    theirs = outcome(torch, program)
    # Sums of many float32 contributions of both signs, added in another order.
    found = differences(outcome(dynagrad, program), theirs, "program", tolerance=1e-4)
    assert not found, "\n".join(found[:12])


#: programs that once came out otherwise than in PyTorch
PINNED = [
    [  # a retained gradient of a view whose base is written
        Step("view", 23, 29, 46),
        Step("unary", 0, 2, 0),
        Step("view", 3, 0, 0),
        Step("retain", 4, 0, 0),
        Step("write", 3, 0, 2),
    ],
    [  # a result that was written through a view is no longer what its node saved
        Step("unary", 0, 2, 0),
        Step("view", 2, 6, 0),
        Step("write", 3, 0, 4),
        Step("write", 2, 0, 2),
    ],
    [Step("unary", 1, 2, 0), Step("write", 2, 0, 9)],  # x[0:1] is all of x
    [Step("unary", 1, 2, 0), Step("write", 2, 1, 9), Step("backward", 2, 0, 0)],
    [Step("view", 0, 8, 0), Step("unary", 0, 0, 0), Step("unary", 1, 19, 0)],
    [Step("unary", 0, 2, 0), Step("write", 2, 0, 1), Step("second_order", 2, 0, 0)],
]


@pytest.mark.parametrize("program", PINNED, ids=range(len(PINNED)))
def test_pinned(program: list[Step]) -> None:
    check(program)


@pytest.mark.fuzz
@settings(suppress_health_check=list(HealthCheck))
@given(programs)
def test_programs(program: list[Step]) -> None:
    check(program)
