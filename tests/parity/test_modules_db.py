"""PyTorch's own list of modules: no difference but those that the list of known ones names.

Every run takes two samples of each module, dtype, mode and row, with a fixed seed; `make parity`
takes all of them, with a fresh one.
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
    from modules.entries import ENTRIES, LISTED
    from modules.known import KNOWN
    from modules.rows import run

    import dynagrad

SEED = 20
#: bases, containers, and what takes modules: tests of their own
WITHOUT_SAMPLES = """
Container Module ModuleDict ModuleList ParameterDict ParameterList Sequential RNNBase RNNCellBase
LinearCrossEntropyOptions TransformerDecoder
""".split()


def found_in(name: str, seed: int, limit: int | None, rows: str = "") -> dict[str, str]:
    """The rows of a module with the differences found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(name, seed, limit, rows)


def check(name: str, seed: int, limit: int | None) -> None:
    """Fail with every difference that is not known, and with lines that nothing needs any more."""
    found = found_in(name, seed, limit)
    lines = [f"{row}: {text}" for row, text in KNOWN.unknown(name, found).items()]
    assert not lines, "\n".join([name, *lines])
    there = [
        k for k in KNOWN.stale({name: found}) if (k.operation, k.reason[:7]) == (name, "missing")
    ]
    assert not there, f"{name} is built: take its line out of known.txt"


def test_the_list_is_whole() -> None:
    assert len(LISTED) == 114
    left_out = {f"nn.{name}" for name in torch.nn.modules.__all__} - {*ENTRIES}
    assert left_out == {f"nn.{name}" for name in WITHOUT_SAMPLES}


@pytest.mark.parametrize("name", ENTRIES)
def test_some_samples(name: str) -> None:
    check(name, SEED, 2)


@pytest.mark.long
@pytest.mark.parity
@pytest.mark.parametrize("name", ENTRIES)
def test_all_samples(name: str, request: pytest.FixtureRequest) -> None:
    check(name, request.config.getoption("--seed"), None)


def test_every_known_difference_names_a_module() -> None:
    found = {name: {k.row: "missing" for k in KNOWN.lines} for name in ENTRIES}
    assert not KNOWN.stale(found)


# --- the comparison itself: a fault in a module is seen in its row --------------------------------


def _off_by_a_little(self, input):  # noqa: A002
    return dynagrad.nn.functional.linear(input, self.weight * 1.001, self.bias)


def _without_gradient(self, input):  # noqa: A002
    return dynagrad.nn.functional.linear(input, self.weight.detach(), self.bias)


def _of_other_numbers(self):
    dynagrad.nn.init.uniform_(self.weight, -1, 1)


def _with_a_word(self, input):  # noqa: A002
    warnings.warn("a word", stacklevel=2)
    return dynagrad.nn.functional.linear(input, self.weight, self.bias)


def _with_a_mark(self):
    self.mark = 1


FAULTS = {
    "forward": ("forward", _off_by_a_little),
    "input-grad": ("forward", _off_by_a_little),
    "parameter-grad": ("forward", _without_gradient),
    "gradgrad": ("forward", _without_gradient),
    "init": ("reset_parameters", _of_other_numbers),
    "attributes": ("reset_parameters", _with_a_mark),
    "warnings": ("forward", _with_a_word),
    "noncontiguous": ("forward", _off_by_a_little),
    "keywords": ("reset_parameters", _of_other_numbers),
    "repr": ("extra_repr", lambda self: "in_features"),
    "signature": ("forward", lambda self, x: x),
    "conversion": ("half", lambda self: self),
    "copy": ("__deepcopy__", lambda self, memo: self),
    "state": ("state_dict", lambda self, *args, **kwargs: {"weight": self.weight}),
}


@pytest.mark.parametrize("row", FAULTS)
def test_a_fault_is_seen(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, wrong = FAULTS[row]
    monkeypatch.setattr(dynagrad.nn.Linear, name, wrong, raising=False)
    assert any(found_in("nn.Linear", SEED, 1, row).values())
