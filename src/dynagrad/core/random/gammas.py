"""Gamma values, which take an unknown number of uniform and normal values each."""

import math
from collections.abc import Callable

import numpy as np

_single = np.float32
#: PyTorch writes these two constants in single precision, whatever it computes in
_THIRD, _SQUEEZE = float(_single(1) / _single(3)), float(_single(0.0331))
_TURN = 2 * math.pi


def gammas(
    shapes: np.ndarray, uniform: Callable[[], float], kept: float | None
) -> tuple[list[float], float | None]:
    """A gamma value of scale 1 for each shape parameter, float32 or float64, and the second of the
    last pair of normal values if it was not used; `kept` is the one of before.

    G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables" (2000); a shape
    below 1 is raised by one, and the value multiplied by u^(1 / shape). One loop, without calls:
    they would take as long as the rest. What is computed of the shapes alone has their precision.
    """
    log, log1p, sqrt, sin, cos, turn = math.log, math.log1p, math.sqrt, math.sin, math.cos, _TURN
    flat = shapes.reshape(-1)
    with np.errstate(all="ignore"):
        powers = np.where(flat < 1, 1 / flat, 0)
        widths = (np.where(flat < 1, flat + 1, flat) - flat.dtype.type(_THIRD)).astype(np.float64)
        slopes = 1 / np.sqrt(9 * widths)
    values: list[float] = []
    given = (a.tolist() for a in (flat, powers, widths, slopes))
    for shape, power, d, c in zip(*given, strict=True):
        if not shape or not d > 0:
            values.append(0.0 if not shape else math.nan)
            continue
        scale = (1 - uniform()) ** power if power else 1.0
        while True:
            if kept is None:
                theta = turn * uniform()
                radius = sqrt(-2.0 * log1p(-uniform()))
                x, kept = radius * cos(theta), radius * sin(theta)
            else:
                x, kept = kept, None
            y = 1 + c * x
            if y <= 0:
                continue
            v = y * y * y
            u = 1 - uniform()
            xx = x * x
            if u < 1 - _SQUEEZE * xx * xx or log(u) < 0.5 * xx + d * (1 - v + log(v)):
                values.append(scale * d * v)
                break
    return values, kept
