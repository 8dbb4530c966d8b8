"""A compiled step many times over without Python in between. Imports compiled, gate."""

from collections.abc import Callable
from typing import Any

from ..core import tape
from .compiled import Compiled
from .entry.gate import COURSE, ONE
from .surface import compile  # noqa: A004 - PyTorch's name

#: steps between two looks at whether the user has interrupted
_CHUNK = 100_000
#: steps after which it pays to compile a loop of them
_OFTEN = 100_000
_MADE = "_compiled_for_loop"


def loop(step: Callable[[], Any], n: int) -> Any:
    """Call `step()` n times, and return what the last call returned.

    The step is compiled (`dynagrad.compile`) if it is not. One that returns nothing then runs as
    one native loop: what its calls would guard cannot change while it runs. Where a check fails, or
    the step stays eager or returns tensors, the calls are made one by one.

    TypeError if the step is not callable or n no int; ValueError if n is negative.
    """
    if not callable(step):
        raise TypeError(f"loop() needs a function of no arguments, got {type(step).__name__}")
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"loop() needs the number of calls as an int, got {type(n).__name__}")
    if n < 0:
        raise ValueError(f"loop() cannot make {n} calls")
    if not isinstance(step, Compiled):
        step = _compiled(step)
    result, done = None, 0
    while done < n:
        result = step()
        done += 1
        if isinstance(step, Compiled) and done < n:
            done += _natively(step, n - done)
    return result


def _compiled(step: Callable[[], Any]) -> Callable[[], Any]:
    """A compiled step, which the function itself keeps for the next loop."""
    own = getattr(step, "__dict__", None)
    if not isinstance(own, dict):
        return compile(step)
    if _MADE not in own:
        own[_MADE] = compile(step)
    return own[_MADE]


def _natively(step: Compiled, n: int) -> int:
    """Run the course that the last call took up to n times; how often it ran."""
    course = step.entry.last() if step.entry is not None else None
    if course is None:
        return 0
    words = dict(zip(COURSE, course.words.tolist(), strict=True))
    if words["kind"] != ONE or words["n_outputs"]:
        return 0
    ran, quick = 0, None
    is_quick = words["runs"] + n > _OFTEN
    while ran < n:
        if is_quick and quick is None and words["runs"] + ran >= _OFTEN:
            quick = course.variant.program.repeated(course.table)
            is_quick = quick is not None
        wanted = min(n - ran, _CHUNK)
        if quick is not None:
            found = quick(words["table"], wanted)
        else:
            found = course.gate.repeat(words["step"], words["table"], wanted)
        ran += found
        if found < wanted:
            if quick is None:
                break
            is_quick, quick = False, None
    course.words[COURSE.index("runs")] += ran
    if ran and course.counts_writes():
        course.ticks[0] = tape.tick()
        course.ticks[1] += ran
        tape.clock.last_write = tape.NEVER
    return ran
