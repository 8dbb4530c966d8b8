"""PyTorch's own list of operations: no difference but those that the list of known ones names.

Every run takes two samples of each operation, dtype and row, with a fixed seed; `make parity`
takes all of them, with a fresh one.
"""

import sys
import warnings
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")

sys.path.insert(0, str(Path(__file__).parents[1]))

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from opdb.entries import ENTRIES, key_of
    from opdb.known import KNOWN, stale, unknown
    from opdb.page import SPACES, missing_names, reasons, stale_absences
    from opdb.rows import run
    from torch.testing._internal import common_utils

BY_NAME = {key_of(op): op for op in ENTRIES}
SEED = 20


def check(name: str, seed: int, limit: int | None) -> None:
    """Fail with every difference that is not known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = unknown(name, run(BY_NAME[name], seed, limit))
    lines = [f"{row}: {text}" for row, text in wrong.items()]
    assert not lines, "\n".join([name, *lines])


def test_the_list_is_whole() -> None:
    assert len(BY_NAME) == len(ENTRIES) > 660


@pytest.mark.parametrize("name", BY_NAME)
def test_some_samples(name: str) -> None:
    check(name, SEED, 2)


@pytest.mark.long
@pytest.mark.parity
@pytest.mark.parametrize("name", BY_NAME)
def test_all_samples(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = request.config.getoption("--seed")
    if seed:  # which the list sets before every sample
        monkeypatch.setattr(common_utils, "SEED", seed % 2**31)
    check(name, seed, None)


def test_every_known_difference_names_an_operation() -> None:
    found = {name: {k.row: "different" for k in KNOWN} for name in BY_NAME}
    assert not stale(found)


@pytest.mark.parametrize("space", SPACES)
def test_a_missing_name_has_a_reason(space: str) -> None:
    lone = reasons(missing_names(space)[0]).get("")
    assert not lone, "build them, or say in tests/opdb/absent.txt why not"


def test_every_reason_is_for_a_missing_name() -> None:
    assert not stale_absences(), "there by now: take them out of tests/opdb/absent.txt"
