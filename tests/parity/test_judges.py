"""The judges of two roundings accept what rounding explains, and nothing else."""

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

sys.path.insert(0, str(Path(__file__).parents[1]))

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from opdb.judges import is_shaken_as_far


def bounds(dtype: Any) -> dict[str, float]:
    return {"rtol": 1e-7, "atol": 1e-7}


def solved(x: Any) -> Any:
    return torch.linalg.solve(x, torch.tensor([1.0, 2.0], dtype=x.dtype))


def test_an_ill_conditioned_result_may_be_a_few_roundings_of_its_arguments_away() -> None:
    x = torch.tensor([[1.0, 1.0], [1.0, 1.0 + 1e-10]], dtype=torch.float64)
    there = solved(x)
    near = solved(x * torch.tensor([[1, 1], [1, 1 + 2.0**-52]], dtype=torch.float64))
    assert (near - there).abs().max() > 1
    assert is_shaken_as_far(near, there, x, solved, bounds)
    assert not is_shaken_as_far(there * (1 + 1e-4), there, x, solved, bounds)


def test_a_well_conditioned_result_must_be_within_the_bounds() -> None:
    x = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    there = solved(x)
    assert is_shaken_as_far(there + 1e-9, there, x, solved, bounds)
    assert not is_shaken_as_far(there + 1e-6, there, x, solved, bounds)
    assert not is_shaken_as_far(there * float("nan"), there, x, solved, bounds)
    assert not is_shaken_as_far(there[:1], there, x, solved, bounds)


def test_a_jump_is_no_rounding() -> None:
    x = torch.tensor([3.0, 2.5], dtype=torch.float64)
    there = torch.floor(x)
    assert not is_shaken_as_far(there - torch.tensor([1.0, 0.0]), there, x, torch.floor, bounds)
