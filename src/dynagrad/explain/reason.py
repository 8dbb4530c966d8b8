"""What an explanation is made of: a kind, a sentence, a place, details. Imports errors."""

from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from .. import errors

LEARN = "run the step under `with dynagrad.explaining():` to learn the line"


class Place(NamedTuple):
    """A line of the user's: `file`, `line` (its number) and `text` (empty where the source cannot
    be read).
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return self.short + (f": {self.text}" if self.text else "")

    @property
    def short(self) -> str:
        """`file:line`, relative to the working directory where the file lies below it."""
        file = self.file
        here = f"{Path.cwd()}/"
        return f"{file.removeprefix(here)}:{self.line}"


def place_of(code: CodeType | None, lasti: int) -> Place | None:
    """The place of one bytecode instruction; None if it is not known."""
    return None if code is None else Place(*errors.source_place(code, lasti))


def place_of_node(node: Any) -> Place | None:
    """The place which made a node; None for a leaf."""
    return place_of(node.code, node.lasti)


class Reason:
    """An explanation, which prints as its sentence and its line.

    kind: one word for programs (`why` lists them); sentence: one sentence for readers; place: the
    Place which the sentence is about, or None where it is not known; details: what was found, by
    name.
    """

    __slots__ = ("details", "kind", "place", "sentence")

    def __init__(self, kind: str, sentence: str, place: Place | None = None, **details: Any):
        self.kind = kind
        self.sentence = sentence
        self.place = place
        self.details = details

    def __str__(self) -> str:
        return self.sentence + (f"\n  {self.place}" if self.place else "")

    __repr__ = __str__


def at(place: Place | None) -> str:
    """A place within a sentence."""
    return "at an unknown line" if place is None else f"at {place.short}"


def share(part: float) -> str:
    """A share as readers want it: 0.123 is 12 %; what is neither none nor all never reads so."""
    text = f"{100 * part:.3g}"
    if part < 1 and text == "100":
        text = "99.9"
    return f"{text} %"


def count(number: int, word: str) -> str:
    """A number of things: `1 node`, `2,000 nodes`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
