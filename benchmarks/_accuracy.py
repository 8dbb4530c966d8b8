"""The largest errors of compiled elementary functions, in units of the last place (ULP)."""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

#: name -> the bounds for float32 and float64
GOALS = {
    **dict.fromkeys(("exp", "log", "tanh", "sigmoid", "sin", "cos"), (1.5, 1.5)),
    "erf": (2.5, 1.5),
}
#: sin and cos are bounded up to here; beyond, they are the C library's.
ANGLES = 2.0**16


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def many_digits(x: np.ndarray) -> np.ndarray:
    """erf of float64 numbers, as a longdouble that is right to the last of its digits."""
    mp = import_module("mpmath").mp.clone()
    mp.prec = 120
    found = []
    for value in map(float, x):
        exact = mp.erf(value)
        head = float(exact)
        found.append(np.longdouble(head) + np.longdouble(float(exact - head)))
    return np.array(found)


def reference(name: str, x: np.ndarray) -> np.ndarray:
    """The function in twice as many digits, or in all that longdouble has."""
    if name == "erf" and x.dtype == np.float32:
        return np.array([math.erf(value) for value in x.tolist()])
    if name == "erf":
        return many_digits(x)
    wide = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
    return sigmoid(wide) if name == "sigmoid" else getattr(np, name)(wide)


def points(name: str, dtype: Any) -> np.ndarray:
    """Bit patterns of all kinds, and numbers of common sizes."""
    rng = np.random.default_rng(7)
    count = 1 << (18 if name != "erf" else 16 if dtype == np.float32 else 11)
    bits = rng.integers(0, 2 ** (8 * dtype().itemsize), count, dtype=np.uint64)
    bits = bits.astype(np.uint32 if dtype == np.float32 else np.uint64)
    common = [rng.uniform(-limit, limit, count // 4) for limit in (0.5, 2.0, 10.0, 100.0, ANGLES)]
    x = np.concatenate([bits.view(dtype), np.concatenate(common).astype(dtype)])
    with np.errstate(all="ignore"):
        return x[np.abs(x) <= ANGLES] if name in ("sin", "cos") else x[np.isfinite(x)]


def worst(name: str, dtype: Any, compiled: Callable[[Any], Any], torch: Any) -> float:
    """The largest error of one function."""
    x = points(name, dtype)
    given, result = torch.from_numpy(x), np.empty(0)
    for _ in range(3):  # the first calls are recorded
        result = compiled(given).numpy()
    with np.errstate(all="ignore"):
        exact = reference(name, x)
        near = exact.astype(dtype)
        unit = np.spacing(np.abs(near)).astype(exact.dtype)
        errors = np.abs(result.astype(exact.dtype) - exact) / unit
    finite = np.isfinite(near)
    if not np.array_equal(result[~finite], near[~finite], equal_nan=True):
        return math.inf
    return float(errors[finite].max())


def show_errors(torch: Any) -> int:
    """Print a row for each function; how many are above their bounds."""
    missed = 0
    if not np.finfo(np.longdouble).eps < np.finfo(np.float64).eps:
        print("vector math, float64: n/a (long double has no more digits than double here)")
        return 0
    for name, goals in GOALS.items():
        function = getattr(torch, name)
        # each shape at once: a few calls with a second one would be eager
        compiled = torch.compile(lambda x, function=function: function(x), dynamic=False)
        cells = []
        for dtype, goal in zip((np.float32, np.float64), goals, strict=True):
            error = worst(name, dtype, compiled, torch)
            missed += error > goal
            cells.append(f"{error:8.2f} {'>' if error > goal else '<='} {goal}")
        said = "" if hasattr(compiled, "explain") else "   (not compiled: NumPy's)"
        print(f"vector math, {name:8} max ULP, float32 and float64: {'   '.join(cells)}{said}")
    return missed
