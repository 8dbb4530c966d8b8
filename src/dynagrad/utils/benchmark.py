"""torch.utils.benchmark: how long a statement takes, repeated until the figure is steady. Imports
functions.
"""

import timeit
from collections.abc import Callable, Iterable
from statistics import median
from time import perf_counter as timer
from typing import Any, NamedTuple

import numpy as np

from ..functions.settings import get_num_threads, set_num_threads

__all__ = ["Measurement", "TaskSpec", "Timer", "select_unit", "timer"]

_UNITS = ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s"))


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which to give a time in seconds, and its length in seconds."""
    factor, name = next((u for u in reversed(_UNITS) if t >= u[0]), _UNITS[0])
    return name, factor


class TaskSpec(NamedTuple):
    """What was measured."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        return (
            self.stmt
            if "\n" not in self.stmt
            else "stmt:\n  " + "\n  ".join(self.stmt.splitlines())
        )


class Measurement:
    """Times of a statement: `median`, `mean` and `iqr` in seconds for one run of it; `times` for
    each of the repetitions of `number_per_run` runs.
    """

    def __init__(
        self,
        number_per_run: int,
        raw_times: list[float],
        task_spec: TaskSpec,
        metadata: dict[Any, Any] | None = None,
    ) -> None:
        self.number_per_run = number_per_run
        self.raw_times = raw_times
        self.task_spec = task_spec
        self.metadata = metadata

    @property
    def times(self) -> list[float]:
        """The time of one run in each repetition."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """The middle of the times."""
        return median(self.times)

    @property
    def mean(self) -> float:
        """The average of the times."""
        return sum(self.times) / len(self.times)

    @property
    def iqr(self) -> float:
        """The distance of the quartiles."""
        low, high = np.quantile(self.times, (0.25, 0.75))
        return float(high - low)

    @property
    def title(self) -> str:
        """What was measured."""
        return self.task_spec.title

    @property
    def has_warnings(self) -> bool:
        """Whether the times vary by more than a tenth, or are few."""
        return len(self.times) > 1 and not self.meets_confidence()

    def meets_confidence(self, threshold: float = 0.1) -> bool:
        """Whether the quartiles lie within that part of the median."""
        return self.iqr / self.median < threshold

    @staticmethod
    def merge(measurements: Iterable["Measurement"]) -> list["Measurement"]:
        """Measurements of the same with the same number of runs, joined."""
        groups: dict[tuple[TaskSpec, int], list[float]] = {}
        for m in measurements:
            groups.setdefault((m.task_spec, m.number_per_run), []).extend(m.raw_times)
        return [Measurement(n, times, spec) for (spec, n), times in groups.items()]

    def __repr__(self) -> str:
        unit, factor = select_unit(self.median)
        count = len(self.times)
        lines = [f"{object.__repr__(self)}", self.title]
        if self.task_spec.description:
            lines.append(self.task_spec.description)
        if self.task_spec.setup not in ("", "pass"):
            lines.append(f"setup: {self.task_spec.setup}")
        word = "" if count == 1 else "Median: "
        lines.append(f"  {word}{self.median / factor:.2f} {unit}")
        if count >= 4:
            low, high = np.quantile(self.times, (0.25, 0.75)) / factor
            lines.append(f"  IQR:    {self.iqr / factor:.2f} {unit} ({low:.2f} to {high:.2f})")
        per_run = " per measurement" if self.number_per_run > 1 and count > 1 else ""
        runs = f"{self.number_per_run} run{'s' if self.number_per_run > 1 else ''}"
        threads = self.task_spec.num_threads
        lines.append(
            f"  {count} measurement{'s' if count > 1 else ''}, {runs}{per_run}, {threads} "
            f"thread{'s' if threads > 1 else ''}"
        )
        if self.has_warnings:
            part = self.iqr / self.median
            lines.append(f"  WARNING: Interquartile range is {part:.1%} of the median measurement.")
        return "\n".join(lines)


class Timer:
    """Measures a statement of Python: `Timer("x @ y", globals={"x": x, "y": y}).timeit(100)`.

    setup: run once before; num_threads: those of matrix products meanwhile. As
    torch.utils.benchmark.Timer, without the counting of instructions.
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,  # noqa: A002 - PyTorch's name
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if str(language).lower() not in ("py", "python", "language.python"):
            raise ValueError(f"Invalid language `{language}`: Timer here runs Python")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can "
                "simply be moved to `setup`."
            )
        self._globals = dict(globals or {})
        self._timer = timeit.Timer(stmt, setup, timer, self._globals)
        self._task_spec = TaskSpec(
            stmt, setup, global_setup, label, sub_label, description, env, num_threads
        )

    def _runs(self, number: int) -> float:
        """The seconds of so many runs, at least a nanosecond."""
        return max(self._timer.timeit(number), 1e-9)

    def _measured(self, number: int, raw_times: list[float]) -> Measurement:
        return Measurement(number, raw_times, self._task_spec)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """The time of `number` runs, after a few for warming up."""
        with _Threads(self._task_spec.num_threads):
            self._runs(max(number // 100, 2))
            return self._measured(number, [self._runs(number)])

    def _block(self, min_run_time: float) -> int:
        """How many runs take long enough for the clock: a thousandth of the whole or more."""
        number = 1
        while self._runs(number) < min_run_time / 1000 and number < 10**9:
            number *= 10
        return number

    def _until(self, enough: Callable[[Measurement, float], bool], number: int) -> Measurement:
        spent, times = 0.0, []
        while True:
            times.append(self._runs(number))
            spent += times[-1]
            found = self._measured(number, times)
            if enough(found, spent):
                return found

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Repetitions of a block of runs, for `min_run_time` seconds in all."""

        def enough(found: Measurement, spent: float) -> bool:
            if callback is not None:
                callback(found.number_per_run, found.raw_times[-1])
            return spent >= min_run_time

        with _Threads(self._task_spec.num_threads):
            return self._until(enough, self._block(min_run_time))

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Repetitions until the quartiles lie within `threshold` of the median, for at most
        `max_run_time` seconds.
        """

        def enough(found: Measurement, spent: float) -> bool:
            if callback is not None:
                callback(found.number_per_run, found.raw_times[-1])
            is_steady = len(found.times) > 3 and found.meets_confidence(threshold)
            return spent >= max_run_time or (spent >= min_run_time and is_steady)

        with _Threads(self._task_spec.num_threads):
            return self._until(enough, self._block(0.05))


class _Threads:
    """A region with that many threads in matrix products."""

    def __init__(self, count: int):
        self.count = count

    def __enter__(self) -> None:
        self.before = get_num_threads()
        set_num_threads(self.count)

    def __exit__(self, *error: Any) -> None:
        set_num_threads(self.before)
