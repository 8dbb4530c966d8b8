"""PyTorch's own list of optimisers, and its schedules: no difference but those that the list of
known ones names.

Every run takes some configurations of each, with a fixed seed; `make parity` takes all of them,
with a fresh one.
"""

import sys
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

sys.path.insert(0, str(Path(__file__).parents[1]))

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from optimizers.entries import ENTRIES
    from optimizers.known import KNOWN
    from optimizers.rows import NAMES, run
    from optimizers.schedules import SCHEDULES

    import dynagrad

SEED = 20


def found_in(name: str, seed: int, limit: int | None, rows: str = "") -> dict[str, str]:
    """The rows of an optimiser or a schedule with the differences found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(name, seed, limit, rows)


def check(name: str, seed: int, limit: int | None) -> None:
    """Fail with every difference that is not known, and with lines that nothing needs any more."""
    found = found_in(name, seed, limit)
    lines = [f"{row}: {text}" for row, text in KNOWN.unknown(name, found).items()]
    assert not lines, "\n".join([name, *lines])
    stale = KNOWN.stale({name: found})
    there = [k for k in stale if k.operation == name and k.reason.startswith("missing")]
    assert not there, f"{name} is built: take its line out of known.txt"


def test_the_list_is_whole() -> None:
    assert len(ENTRIES) == 14
    every = {*torch.optim.lr_scheduler.__all__, "SWALR"} - {"LRScheduler"}
    assert set(SCHEDULES) == every


@pytest.mark.parametrize("name", NAMES)
def test_some_configurations(name: str) -> None:
    check(name, SEED, 4)


@pytest.mark.long
@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_all_configurations(name: str, request: pytest.FixtureRequest) -> None:
    check(name, request.config.getoption("--seed"), None)


def test_every_known_difference_names_an_entry() -> None:
    found = {name: {k.row: "missing" for k in KNOWN.lines} for name in NAMES}
    assert not KNOWN.stale(found)


# --- the comparison itself: a fault is seen in its row --------------------------------------------


class _Slower(dynagrad.optim.SGD):
    def step(self, closure=None):
        for group in self.param_groups:
            group["lr"] = group["lr"] * 0.999
        return super().step(closure)


class _Forgetful(dynagrad.optim.SGD):
    def load_state_dict(self, state_dict):
        pass


class _Silent(dynagrad.optim.SGD):
    def __repr__(self):
        return "SGD"


class _Wordy(dynagrad.optim.SGD):
    def state_dict(self):
        return {"version": 1, **super().state_dict()}


FAULTS = {"steps": _Slower, "exchange": _Forgetful, "repr": _Silent, "state": _Wordy}


@pytest.mark.parametrize("row", FAULTS)
def test_a_fault_is_seen(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynagrad.optim, "SGD", FAULTS[row])
    assert any(found_in("SGD", SEED, 8, row).values())


def test_a_fault_of_a_schedule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = dynagrad.optim.lr_scheduler.StepLR
    monkeypatch.setattr(schedule, "get_lr", lambda self: [0.1, 0.2])
    assert all(found_in("StepLR", SEED, 4, "rates").values())
