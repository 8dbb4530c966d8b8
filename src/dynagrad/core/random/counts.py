"""Counts that take an unknown number of uniform values each: Poisson and binomial ones."""

import math
from collections.abc import Callable

from dynagrad.core.random.bounds import LOWEST

Uniform = Callable[[], float]


def poisson(rate: float, uniform: Uniform) -> int:
    """A Poisson count."""
    if rate == 0:
        return 0
    if rate < 10:
        limit, product, count = math.exp(-rate), uniform(), 0
        while product > limit:
            count += 1
            product *= uniform()
        return count
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    log_rate, scale = math.log(rate), math.log(1.1239 + 1.1328 / (b - 3.4))
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        count = _int64((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
            return count
        if count < 0 or (us < 0.013 and v > us):
            continue
        excess = math.log(v) + scale - math.log(a / (us * us) + b)
        if excess <= -rate + count * log_rate - math.lgamma(count + 1.0):
            return count


def _int64(value: float) -> int:
    """The floor, as x86-64 converts it: the lowest integer for what does not fit."""
    return math.floor(value) if -(2.0**63) <= value < 2.0**63 else LOWEST


def binomial(trials: float, chance: float, uniform: Uniform) -> float:
    """How many of a number of trials succeed."""
    if math.isnan(trials) or math.isnan(chance):
        return math.nan
    if trials <= 0 or chance <= 0:
        return 0.0
    if chance >= 1:
        return trials
    if chance > 0.5:
        return trials - binomial(trials, 1 - chance, uniform)
    draw = _by_rejection if trials * chance >= 10 else _by_waiting
    return draw(trials, chance, uniform)


def _by_waiting(trials: float, chance: float, uniform: Uniform) -> float:
    """Waiting times from success to success, as long as they fit into the trials."""
    scale = math.log1p(-chance)
    count, passed = 0.0, 0.0
    while True:
        u = uniform()
        passed += math.ceil(math.log(u) / scale) if u else math.inf
        if passed > trials:
            return count
        count += 1


def _by_rejection(trials: float, chance: float, uniform: Uniform) -> float:
    """W. Hoermann, "The generation of binomial random variates" (1993), algorithm BTRS."""
    width = math.sqrt(trials * chance * (1 - chance))
    b = 1.15 + 2.53 * width
    a = -0.0873 + 0.0248 * b + 0.01 * chance
    odds = chance / (1 - chance)
    alpha = (2.83 + 5.1 / b) * width
    middle = math.floor((trials + 1) * chance)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        count = math.floor((2 * a / us + b) * u + trials * chance + 0.5) if us else -1
        if us >= 0.07 and v <= 0.92 - 4.2 / b:
            return float(count)
        if count < 0 or count > trials:
            continue
        v = math.log(v * alpha / (a / (us * us) + b)) if v else -math.inf
        left, rest = trials - middle + 1, trials - count + 1
        if v <= (
            (middle + 0.5) * math.log((middle + 1) / (odds * left))
            + (trials + 1) * math.log(left / rest)
            + (count + 0.5) * math.log(odds * rest / (count + 1))
            + _tail(middle)
            + _tail(trials - middle)
            - _tail(count)
            - _tail(trials - count)
        ):
            return float(count)


def _tail(k: float) -> float:
    """What Stirling's formula for log k! leaves out."""
    if k <= 9:
        n = k + 1
        return math.lgamma(n) - ((k + 0.5) * math.log(n) - n + math.log(2 * math.pi) / 2)
    square = (k + 1) ** 2
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
