"""The builtin of a compiled function, and which courses it tries at a call. Imports courses."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from .courses import Course
from .gate import COURSE, RUN, STATE, Gate

#: more courses than this are not tried one after another
FEW = 4
_WORDS = {name: place for place, name in enumerate(STATE)}


class Entry:
    """The builtin of one compiled function: its state, and the courses that it tries."""

    def __init__(self, gate: Gate, name: str, stance: dict) -> None:
        self.gate, self.stance = gate, stance
        self.courses: list[Course] = []
        #: those that the gate tries, with their hashes
        self._offered: list[tuple[Course, int]] = []
        self._index: np.ndarray | None = None
        self._mask = 0
        self.state = np.zeros(len(STATE), np.int64)
        self.state[_WORDS["api"]] = gate.api.ctypes.data
        self.builtin = gate.builtin(self.state, name, Tensor)

    def put(self, behind: Callable) -> None:
        """Set the function for what fits no course; the caller keeps it alive."""
        self.state[_WORDS["behind"]] = id(behind)

    def add(self, variant: Any, run: Callable) -> Course:
        """A course for a variant; `run(*args)` runs it from Python."""
        course = Course(self.gate, variant, run, self.stance)
        self.courses.append(course)
        return course

    def refresh(self, course: Course, again: bool) -> None:
        """Write a course's instructions anew (`again`), or give it up for now: what it compares
        with may be gone.
        """
        self._offer_none()
        if again:
            course.write()
        else:
            course.usable = False
        self._offer()

    def withdraw(self, key: Any) -> None:
        """Give up the courses that leave a gradient which has got other memory."""
        self._offer_none()
        for course in self.courses:
            if course.words[COURSE.index("kind")] != RUN:
                left = [gradient.key for gradient in course.variant.gradients]
                course.usable = course.usable and key not in left
        self._offer()

    def remove(self, course: Course) -> None:
        """Forget a course, with what it holds."""
        self._offer_none()
        course.settle()
        self.courses.remove(course)
        self.state[_WORDS["last"]] = 0
        self._offer()

    def _offer(self) -> None:
        """Tell the gate which courses there are."""
        usable = [(c, c.hash) for c in self.courses if c.usable]
        if usable != self._offered:
            self._index = None
            if len(usable) > FEW:
                self._mask = (1 << (2 * len(usable)).bit_length()) - 1
                usable.sort(key=self._bucket)
                buckets = np.array(list(map(self._bucket, usable)))
                bounds = np.searchsorted(buckets, np.arange(self._mask + 2))
                self._index = np.stack([bounds[:-1], bounds[1:]], 1).astype(np.int64)
                self.state[_WORDS["mask"]] = self._mask
            self._offered = usable
            self._table = np.array([c.place for c, _ in usable], np.int64)
            self.state[_WORDS["courses"]] = self._table.ctypes.data
        self.state[_WORDS["index"]] = 0 if self._index is None else self._index.ctypes.data
        self.state[_WORDS["count"]] = len(usable)

    def _bucket(self, offered: tuple[Course, int]) -> int:
        return offered[1] & self._mask

    def _offer_none(self) -> None:
        self.state[_WORDS["count"]] = self.state[_WORDS["index"]] = 0

    def last(self) -> Course | None:
        """The course that the last native call took, if it can be taken again."""
        last = int(self.state[_WORDS["last"]])
        found = [c for c in self.courses if c.usable and c.words.ctypes.data == last]
        return found[0] if found else None

    def clear(self) -> None:
        """Offer nothing."""
        self._offer_none()
        for course in self.courses:
            course.settle()
        self.courses.clear()
        self._offer()
