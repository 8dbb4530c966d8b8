"""Gamma values, which take an unknown number of uniform and normal values each."""

import math
from collections.abc import Callable

import numpy as np

Draw = Callable[[], float]

_single = np.float32
#: PyTorch writes these two constants in single precision, whatever it computes in
_THIRD, _SQUEEZE = float(_single(1) / _single(3)), float(_single(0.0331))


def gamma(shape: float, single: bool, uniform: Draw, normal: Draw) -> float:
    """A gamma value of scale 1; `single`: its shape parameter is a float32, and so is what is
    computed of it alone.

    G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables" (2000); a shape
    below 1 is raised by one, and the value multiplied by u^(1 / shape).
    """
    scale = 1.0
    if shape < 1:
        if shape == 0:
            return 0.0
        power = float(_single(1) / _single(shape)) if single else 1 / shape
        scale = (1 - uniform()) ** power
        shape = float(_single(shape + 1)) if single else shape + 1
    d = float(_single(shape - _THIRD)) if single else shape - _THIRD
    if not d > 0:
        return math.nan
    c = 1 / math.sqrt(9 * d)
    while True:
        x = normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - uniform()
        xx = x * x
        if u < 1 - _SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1 - v + math.log(v)):
            return scale * d * v
