"""What is checked of the indices of sparse tensors, and the switch for what PyTorch checks on
request.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np

_all_checked: ContextVar[bool] = ContextVar("check_sparse_tensor_invariants", default=False)


class check_sparse_tensor_invariants:  # noqa: N801 - PyTorch's name
    """Whether the order of indices is checked too: a context manager, a decorator, and a switch.

    That indices are within the size is always checked: it costs little, and an index beyond it
    would give wrong numbers.
    """

    def __init__(self, enable: bool = True):
        self.state = enable
        self.saved: bool | None = None

    @staticmethod
    def is_enabled() -> bool:
        """Whether all invariants are checked."""
        return _all_checked.get()

    @staticmethod
    def enable() -> None:
        """Check all invariants from now on."""
        _all_checked.set(True)

    @staticmethod
    def disable() -> None:
        """Check from now on what is always checked."""
        _all_checked.set(False)

    def __enter__(self) -> None:
        if self.saved is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context "
                "manager instance."
            )
        self.saved = self.is_enabled()
        _all_checked.set(self.state)

    def __exit__(self, *exception: Any) -> None:
        _all_checked.set(bool(self.saved))
        self.saved = None

    def __call__(self, mth: Callable) -> Callable:
        """A function that runs in such a context."""

        @wraps(mth)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.state):
                return mth(*args, **kwargs)

        return inside


def all_checked(wanted: bool | None) -> bool:
    """Whether a constructor checks all invariants: what it was told, or else the switch."""
    return _all_checked.get() if wanted is None else bool(wanted)


def check_places(indices: np.ndarray, sizes: tuple[int, ...]) -> None:
    """RuntimeError unless all indices of a COO tensor are within its size."""
    if not indices.shape[1]:
        return
    least, largest = indices.min(1).tolist(), indices.max(1).tolist()
    for dim, (low, high, size) in enumerate(zip(least, largest, sizes, strict=True)):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {dim}")
        if high >= size:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {dim}, size is {size} but found index "
                f"{high}"
            )


def check_compressed(
    names: tuple[str, str, str],
    starts: np.ndarray,
    places: np.ndarray,
    nnz: int,
    counts: tuple[int, int],
    ordered: bool,
) -> None:
    """RuntimeError unless the indices of a CSR or CSC tensor describe a matrix; `counts`: of the
    lines that are compressed, and of the places in each. `ordered`: places must be sorted.
    """
    starts_name, places_name, lines = names
    if len(places) != nnz:
        raise RuntimeError(
            f"{places_name}.shape[-1] must be equal to nnz (={nnz}) as defined by values.shape[0], "
            f"but got {len(places)}"
        )
    if len(starts) != counts[0] + 1:
        raise RuntimeError(
            f"{starts_name}.shape[-1] must be equal to the number of {lines} + 1 "
            f"(={counts[0] + 1}), but got {len(starts)}"
        )
    text = None
    steps = np.diff(starts)
    if starts[0] != 0:
        text = f"{starts_name}[..., 0] == 0"
    elif starts[-1] != nnz:
        text = f"{starts_name}[..., -1] == nnz"
    elif steps.size and (steps.min() < 0 or steps.max() > counts[1]):
        text = f"0 <= {starts_name}[..., 1:] - {starts_name}[..., :-1] <= n{names[1][:3]}s"
    elif nnz and (places.min() < 0 or places.max() >= counts[1]):
        text = f"0 <= {places_name} < n{places_name[:3]}s"
    elif ordered and nnz > 1:
        within = np.ones(nnz - 1, bool)
        within[(starts[1:-1] - 1)[(starts[1:-1] > 0) & (starts[1:-1] < nnz)]] = False
        if (np.diff(places)[within] <= 0).any():
            text = (
                f"{places_name}[..., {starts_name}[..., i - 1]:{starts_name}[..., i]] for all i = "
                f"1, ..., n{lines} are sorted and distinct along the last dimension values"
            )
    if text is not None:
        raise RuntimeError(f"`{text}` is not satisfied.")
