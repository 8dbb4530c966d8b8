"""torch.sym_int and its kin: functions of sizes, which are Python's numbers here."""

import builtins
import math
from typing import Any

import numpy as np

__all__ = [
    "sym_float",
    "sym_int",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_not",
    "sym_sqrt",
    "sym_sum",
]

_NUMBERS = (np.integer, np.floating, int, float)


def sym_int(a: Any) -> int:
    """int(a): the number without its fraction."""
    return int(a)


def sym_float(a: Any) -> float:
    """float(a)."""
    return float(a)


def sym_not(a: Any) -> bool:
    """not a."""
    return not a


def sym_sqrt(a: Any) -> float:
    """The square root of a number."""
    return math.sqrt(a)


def sym_sum(*args: Any) -> Any:
    """The sum of numbers, or of the one list of numbers that is given."""
    return builtins.sum(args[0] if len(args) == 1 else args)


def sym_max(a: Any, b: Any) -> Any:
    """The larger number; a float where either is one."""
    return _chosen(max, a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number; a float where either is one."""
    return _chosen(min, a, b)


def _chosen(pick: Any, a: Any, b: Any) -> Any:
    for given in (a, b):
        if not isinstance(given, _NUMBERS):
            raise AssertionError(f"expected {_NUMBERS}, got {type(given)}")
    found = pick(a, b)
    return float(found) if isinstance(a, float) or isinstance(b, float) else found


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """t if b else f, which must be of one type."""
    if not isinstance(b, bool):
        raise AssertionError(f"expected SymBool or bool, got {type(b)}")
    if type(t) is not type(f):
        raise AssertionError(f"type mismatch: {type(t)} vs {type(f)}")
    return t if b else f
