"""Which float arguments of a function are inputs of its next recording. Imports variant, number.

A float is a constant of the first recording. If it is another one at the next, it becomes an input:
a Number, whose arithmetic is recorded. Where that does not do, for something wants to know its
value, it is a constant again from then on.
"""

from typing import Any

from ...core.pytree import Spec
from ..census.guards import same_value
from .session import Session
from .variant import Variant

__all__ = ["Varying", "given"]


class Varying:
    """The float arguments of one function that were seen to differ."""

    def __init__(self) -> None:
        #: those of which the value was wanted: (structure of the arguments, leaf)
        self._fixed: list[tuple[Spec, int]] = []

    def leaves(self, variants: list[Variant], leaves: list, spec: Spec) -> list[int]:
        """The leaves that are to be inputs: floats given as such, not within containers, that were
        others when a course was recorded.
        """
        found = []
        for i in _places(spec):
            before = [one.leaves[i] for one in variants if one.spec == spec]
            if type(leaves[i]) is float and (spec, i) not in self._fixed:
                if any(
                    leaf.kind == "number"
                    or (type(leaf.expected) is float and not same_value(leaf.expected, leaves[i]))
                    for leaf in before
                ):
                    found.append(i)
        return found

    def fix(self, spec: Spec, leaves: list[int]) -> None:
        """Let these be constants from now on."""
        self._fixed += [(spec, i) for i in leaves if (spec, i) not in self._fixed]

    def advice(self, variants: list[Variant]) -> str:
        """What to do about ints that were others in each course."""
        last = variants[-1]
        for i, leaf in enumerate(last.leaves):
            same = [one.leaves[i].expected for one in variants if one.spec == last.spec]
            if type(leaf.expected) is int and len({x for x in same if type(x) is int}) > 2:
                return "; an int is a constant of its course: a float or a tensor takes any number"
        return ""

    def missed(self, variant: Variant) -> None:
        """A course does not fit a call: what it says may mean that a value was wanted."""
        if variant.numbers and variant.why.startswith("a check fails: a number is"):
            self.fix(variant.spec, [i for i, _ in variant.numbers])


def given(session: Session, wanted: list[int], args: tuple, kwargs: dict, spec: Spec) -> tuple:
    """The arguments with Numbers in the place of these leaves."""
    positional, named, places = list(args), dict(kwargs), _places(spec)
    names = [*range(len(args)), *kwargs]
    for i in wanted:
        name: Any = names[places[i]]
        held: Any = positional if type(name) is int else named
        held[name] = session.argument(i, held[name], f"argument {name}")
    return tuple(positional), named


def _places(spec: Spec) -> dict[int, int]:
    """The leaves that are arguments themselves, with their places among the arguments."""
    found, leaf = {}, 0
    for place, part in enumerate((*spec.parts[0].parts, *spec.parts[1].parts)):
        if part.kind is None:
            found[leaf] = place
        leaf += part.count
    return found
