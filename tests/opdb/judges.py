"""Judges of two roundings of one result: the exact result, and how far one rounding of the
arguments moves it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from .translate import Bounds, flat, is_tensor, numbers

WIDER = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}
#: the dtype to which random cotangents are rounded while the judge runs, innermost last
NARROW: list[torch.dtype] = []


@contextmanager
def narrow_weights(dtype: torch.dtype) -> Iterator[None]:
    """Random cotangents have the numbers that they have in `dtype`."""
    NARROW.append(dtype)
    try:
        yield
    finally:
        NARROW.pop()


def widened(value: Any, known: dict[int, Any] | None = None) -> Any:
    """The same arguments for PyTorch in the wider dtype."""
    known = {} if known is None else known
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            wide = value.detach().to(WIDER.get(value.dtype, value.dtype), copy=True)
            known[id(value)] = wide.requires_grad_(value.requires_grad)
        return known[id(value)]
    if isinstance(value, torch.dtype):
        return WIDER.get(value, value)
    if type(value) in (list, tuple):
        return type(value)(widened(v, known) for v in value)
    return {k: widened(v, known) for k, v in value.items()} if isinstance(value, dict) else value


def no_worse(mine: Any, other: Any, exact: Any, bounds: Bounds) -> bool:
    """Whether each of the results misses the exact one by at most twice of what PyTorch's does,
    or by no more than the bounds allow.
    """
    a, b, c = (flat(value) for value in (mine, other, exact))
    if len(a) != len(c):
        return False
    for x, y, z in zip(a, b, c, strict=True):
        if not is_tensor(x):
            continue
        m, n, e = (numbers(t) for t in (x, y, z))
        if m.shape != e.shape or m.dtype.kind not in "fcV":
            return False
        m, n, e = (_wide(t) for t in (x, y, z))
        with np.errstate(all="ignore"):
            settled = np.isclose(m, n, **bounds(y.dtype), equal_nan=True)
            m, n, e = m[~settled], n[~settled], e[~settled]
            if not (np.isfinite(m).all() and np.isfinite(n).all() and np.isfinite(e).all()):
                return False
            limits = bounds(y.dtype)
            allowed = limits["atol"] + limits["rtol"] * np.abs(e)
            if (np.abs(m - e) > np.maximum(2 * np.abs(n - e).max(initial=0), allowed)).any():
                return False
    return True


# --- arguments a rounding away --------------------------------------------------------------------

#: How often the arguments are shaken, and how many of the largest movements are allowed for.
SHAKES, MOVEMENTS = 6, 4.0
#: A movement of this share of the largest element, and of so many roundings, is a jump.
JUMP, LEAP = 1e-2, 32


def shaken(value: Any, rng: np.random.Generator, known: dict[int, Any] | None = None) -> Any:
    """The same arguments for PyTorch, each element one rounding larger or smaller."""
    known = {} if known is None else known
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            moved = value.detach().clone()
            if moved.is_floating_point() or moved.is_complex():
                signs = torch.from_numpy(rng.choice((-1.0, 1.0), tuple(moved.shape)))
                moved = moved * (1 + signs * torch.finfo(moved.dtype).eps).to(moved.dtype)
            known[id(value)] = moved.requires_grad_(value.requires_grad)
        return known[id(value)]
    if type(value) in (list, tuple):
        return type(value)(shaken(v, rng, known) for v in value)
    return (
        {k: shaken(v, rng, known) for k, v in value.items()} if isinstance(value, dict) else value
    )


def _wide(t: Any) -> np.ndarray:
    a = numbers(t)
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def is_shaken_as_far(
    mine: Any, other: Any, given: Any, again: Callable[[Any], Any], bounds: Bounds
) -> bool:
    """Whether the results lie no farther apart than PyTorch's own moves where its arguments are
    moved by a rounding: of an ill-conditioned problem nobody can know more. That is what backward
    stability promises (Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 1).
    """
    rng = np.random.default_rng(0)
    a, b = flat(mine), flat(other)
    moved = [flat(again(shaken(given, rng))) for _ in range(SHAKES)]
    if any(len(found) != len(b) for found in (a, *moved)):
        return False
    for x, y, *others in zip(a, b, *moved, strict=True):
        if not is_tensor(y):
            continue
        if any(t.shape != y.shape for t in (x, *others)) or numbers(y).dtype.kind not in "fcV":
            return False
        m, n, *moves = (_wide(t) for t in (x, y, *others))
        with np.errstate(all="ignore"):
            movement = np.max([np.abs(move - n) for move in moves], axis=0, initial=0)
            largest = np.abs(n[np.isfinite(n)]).max(initial=0)
            jump = max(JUMP, LEAP * torch.finfo(y.dtype).eps) * largest
            movement = np.where(movement < jump, movement, 0)
            limits = bounds(y.dtype)
            allowed = limits["atol"] + limits["rtol"] * np.abs(n) + MOVEMENTS * movement
            if not ((np.abs(m - n) <= allowed) | (m == n) | ((m != m) & (n != n))).all():
                return False
    return True
