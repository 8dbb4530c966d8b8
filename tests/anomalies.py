"""What the tests of anomaly mode share: running a program, reading whom its error names."""

import inspect
import warnings
from collections.abc import Callable

import pytest

import dynagrad

MARK = "# culprit"


def detected(program: Callable, *arguments, **options) -> RuntimeError:
    """The error of a program under anomaly mode."""
    with dynagrad.autograd.set_detect_anomaly(True, **options), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match="returned nan values") as caught:
            program(*arguments)
    return caught.value


def told(program: Callable, *arguments) -> list[str]:
    """The warnings of a program under anomaly mode, which must end well."""
    with dynagrad.autograd.set_detect_anomaly(True), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program(*arguments)
    return [str(w.message) for w in caught]


def place_of(program: Callable, mark: str = MARK) -> str:
    """The line of a program that bears a mark, as messages write it: `file:line`."""
    lines, first = inspect.getsourcelines(program)
    (number,) = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(mark)]
    return f"{inspect.getsourcefile(program)}:{number}:"


def section(text: str, title: str) -> list[str]:
    """The lines of one part of a report."""
    found: list[str] = []
    inside = False
    for line in text.splitlines()[1:]:
        if line[2:13].strip():
            inside = line[2:].startswith(title)
        if inside:
            found.append(line[14:])
    return found


def culprit(error: RuntimeError) -> str:
    """The place that a report blames: the first producer, or the last cause that it tells of."""
    text = str(error)
    verdict = section(text, "verdict")
    if "is the first producer" in verdict[0]:
        return section(text, "operation")[0].split(", at ", 1)[1]
    return [line.strip()[3:] for line in verdict if line.strip().startswith("at ")][-1]


def assert_blames(program: Callable, *arguments, verdict: str = "", **options) -> str:
    """The program's error must blame the marked line; its text."""
    error = detected(program, *arguments, **options)
    assert culprit(error).startswith(place_of(program)), str(error)
    assert verdict in "\n".join(section(str(error), "verdict")), str(error)
    return str(error)
