"""What was made of a compiled function, for people: what `explain()` returns. Imports account,
guards, page.
"""

from typing import Any

from ..census.guards import Reason
from .account import Account
from .page import page, plain

__all__ = ["Explanation"]

#: courses that are shown in full, and lines of shapes
FULL, SHOWN = 8, 40


class Explanation:
    """`str()` of it is a text, `_repr_html_` a page for notebooks.

    `courses` are the recorded courses, in order, each an Account; `reasons` say why calls stayed
    eager (a text, a file and a line each), the last of them last.
    """

    def __init__(self, compiled: Any, *, measure: bool = False) -> None:
        self.name: str = compiled.title
        self.reasons: list[Reason] = list(compiled.reasons)
        self.variants: list[Any] = list(compiled.variants)
        self.eager: int = compiled.eager
        self.gave_up: bool = compiled.gave_up
        self.courses = [
            Account(variant, number, compiled._lock) for number, variant in enumerate(self.variants)
        ]
        for course in self.courses:
            course.settle(measure=measure and course.number < FULL)
        numbers = {variant: number for number, variant in enumerate(self.variants)}
        #: the shapes that arguments had, with what became of them, where there were several
        self.shapes: list[str] = compiled.shapes.listed(numbers)

    @property
    def headline(self) -> str:
        """The whole in one line."""
        count = len(self.courses)
        text = f"{self.name}: {count} compiled course{'' if count == 1 else 's'}"
        if self.reasons:
            text += (
                f", {len(self.reasons)} reason{'' if len(self.reasons) == 1 else 's'} to stay eager"
            )
        if self.eager:
            text += f", {self.eager} calls not recorded"
        return text + (", eager from now on" if self.gave_up else "")

    def sections(self) -> list[tuple[str, list[str]]]:
        """Titles with the lines below them."""
        found = [section for course in self.courses[:FULL] for section in course.sections()]
        if len(self.courses) > FULL:
            found.append((f"{len(self.courses) - FULL} more courses", ["in `.courses`"]))
        if self.shapes:
            found.append((f"shapes of arguments: {len(self.shapes)}", _few(self.shapes)))
        if self.reasons:
            each = dict.fromkeys(self.reasons)
            lines = [line for reason in each for line in reason.quoted().splitlines()]
            found.append(("why calls stayed eager", lines))
        return found

    def __str__(self) -> str:
        return plain(self.headline, self.sections())

    def __repr__(self) -> str:
        return f"<explanation of {self.headline}>"

    def _repr_html_(self) -> str:
        return page(self.headline, self.sections())

    def graph(self, course: int = 0, *, recorded: bool = False) -> str:
        """The graph of a course, line by line: as it was compiled, or as it was `recorded`."""
        chosen = self._course(course)
        return str(chosen.before if recorded else chosen.after)

    def ir(self, course: int = 0, *, optimized: bool = False) -> str:
        """A course's module in LLVM's language; `optimized` after LLVM's passes."""
        library = self._course(course).library()
        return library.optimised_ir() if optimized else library.ir

    def assembly(self, course: int = 0) -> str:
        """A course's machine code as text."""
        return self._course(course).library().assembly()

    def _course(self, number: int) -> Account:
        try:
            return self.courses[number]
        except IndexError:
            count = len(self.courses)
            there = f"{count} course{'' if count == 1 else 's'}" if count else "no compiled course"
            raise IndexError(
                f"{self.name} has {there}, so none by the number {number}; print(explain()) shows "
                "what became of its calls"
            ) from None


def _few(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"and {more} more, in `.shapes`"]
