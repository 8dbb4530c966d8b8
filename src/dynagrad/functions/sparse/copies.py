"""Indices and values of sparse tensors in memory of their own: torch.indices_copy and its kin."""

from typing import Any

from ...core.out import write_out
from ...core.tensor import Tensor
from . import methods


def _copied(name: str, part: Tensor, out: Any) -> Tensor:
    made = part.clone()
    return made if out is None else write_out(name, out, made)


def indices_copy(input: Any, *, out: Any = None) -> Tensor:
    """A copy of `indices()`."""
    return _copied("indices_copy", methods.indices(input), out)


def values_copy(input: Any, *, out: Any = None) -> Tensor:
    """A copy of `values()`."""
    return _copied("values_copy", methods.values(input), out)


def crow_indices_copy(input: Any, *, out: Any = None) -> Tensor:
    """A copy of `crow_indices()`."""
    return _copied("crow_indices_copy", methods.crow_indices(input), out)


def col_indices_copy(input: Any, *, out: Any = None) -> Tensor:
    """A copy of `col_indices()`."""
    return _copied("col_indices_copy", methods.col_indices(input), out)


def ccol_indices_copy(input: Any, *, out: Any = None) -> Tensor:
    """A copy of `ccol_indices()`."""
    return _copied("ccol_indices_copy", methods.ccol_indices(input), out)


def row_indices_copy(input: Any, *, out: Any = None) -> Tensor:
    """A copy of `row_indices()`."""
    return _copied("row_indices_copy", methods.row_indices(input), out)
