"""A line search by the strong Wolfe conditions. Imports NumPy only.

J. Nocedal, S. J. Wright, "Numerical Optimization", chapter 3, with the safeguards of M. Schmidt's
minFunc. Numbers stay in the type that they come in, so that results agree with PyTorch's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: a step must lower the loss by this part of what the slope promises
DECREASE = 1e-4
#: and reduce the slope to this part of what it was
CURVATURE = 0.9
#: evaluations after the first
MOST = 25
#: a bracket narrower than this is not searched
CHANGE = 1e-9


@dataclass(slots=True)
class Point:
    """A length t of the step, with the loss, the gradient and the slope there."""

    t: Any
    loss: float
    g: Any
    slope: Any


def strong_wolfe(at: Callable[[Any], Point], t: Any, width: Any, start: Point) -> tuple[Point, int]:
    """The point found, and how often `at(t)` was called. `width`: the largest part of the
    direction.
    """
    bracket, done, tries = _bracket(at, t, start)
    evaluations = tries + 1
    low, high = _ordered(bracket)
    slow = False
    while not done and tries < MOST:
        if abs(bracket[1].t - bracket[0].t) * width < CHANGE:
            break
        t, slow = _within(bracket, slow)
        new = at(t)
        evaluations += 1
        tries += 1
        if new.loss > _allowed(start, t) or new.loss >= bracket[low].loss:
            bracket[high] = new
            low, high = _ordered(bracket)
            continue
        if abs(new.slope) <= -CURVATURE * start.slope:
            done = True
        elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], evaluations


def _allowed(start: Point, t: Any) -> Any:
    """The largest loss at t that is a sufficient decrease."""
    return start.loss + DECREASE * t * start.slope


def _ordered(bracket: list[Point]) -> tuple[int, int]:
    """The places of the lower and of the higher end."""
    return (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)


def _bracket(at: Callable, t: Any, start: Point) -> tuple[list[Point], bool, int]:
    """Two points with a minimum between them, or one that will do; whether it will; the number of
    calls of `at` after the first.
    """
    before, new, tries = start, at(t), 0
    while tries < MOST:
        if new.loss > _allowed(start, new.t) or (tries > 1 and new.loss >= before.loss):
            return [before, new], False, tries
        if abs(new.slope) <= -CURVATURE * start.slope:
            return [new], True, tries
        if new.slope >= 0:
            return [before, new], False, tries
        bounds = new.t + 0.01 * (new.t - before.t), new.t * 10
        t = _cubic(before, new, bounds)
        before, new = new, at(t)
        tries += 1
    return [start, new], False, tries


def _within(bracket: list[Point], slow: bool) -> tuple[Any, bool]:
    """The next length between two points, and whether it came near to one of them: once it may,
    then it is put a tenth of the way inside.
    """
    t = _cubic(bracket[0], bracket[1])
    least, most = min(bracket[0].t, bracket[1].t), max(bracket[0].t, bracket[1].t)
    margin = 0.1 * (most - least)
    if min(most - t, t - least) >= margin:
        return t, False
    if not slow and least < t < most:
        return t, True
    return (most - margin if abs(t - most) < abs(t - least) else least + margin), False


def _cubic(a: Point, b: Point, bounds: tuple | None = None) -> Any:
    """The minimum of the cubic through two points with their slopes, within bounds."""
    least, most = bounds or ((a.t, b.t) if a.t <= b.t else (b.t, a.t))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    d2 = square**0.5
    if a.t <= b.t:
        t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    else:
        t = a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2))
    return min(max(t, least), most)
