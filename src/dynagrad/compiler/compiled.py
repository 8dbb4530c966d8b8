"""A compiled function: which course of it is taken at a call, and when it is recorded anew.
Imports variant, recording, program.
"""

import logging
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from ..core.pytree import flatten
from ..core.watch import PLAIN
from .graph import Graph
from .interpret import CheckFailed, evaluate
from .number import frozen
from .recording import recording, session_here
from .variant import Unfit, Variant, conclude

log = logging.getLogger("dynagrad.compiler")
#: how many courses of one function are kept before it stays eager
LIMIT = 8
#: how many recordings in a row may be no use (an optimizer makes its state in the first step)
PATIENCE = 3


class Compiled:
    """A function that runs natively where a recording of it can stand for it."""

    def __init__(self, function: Callable, *, fullgraph: bool = False, mode: str = "default"):
        self.function = function
        self.fullgraph = fullgraph
        self.mode = mode
        self.variants: list[Variant] = []
        self.reasons: list[tuple[str, Any]] = []
        self.futile = 0
        update_wrapper(self, function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return lambda *args, **kwargs: self(instance, *args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if session_here.get() is not None or not PLAIN:
            return self.function(*args, **kwargs)
        leaves, spec = flatten((args, kwargs))
        for variant in self.variants:
            if variant.fits(leaves, spec):
                done, result = variant.run(leaves)
                if done:
                    return result
        if self.futile >= PATIENCE or len(self.variants) >= LIMIT:
            return self.function(*args, **kwargs)
        return self._record(args, kwargs, leaves, spec)

    def _record(self, args: tuple, kwargs: dict, leaves: list, spec: Any) -> Any:
        with recording(frozenset()) as session:
            result = self.function(*args, **kwargs)
            variant = None
            try:
                if session.trace.alive and session.on:
                    variant = conclude(session, leaves, spec, result)
                else:
                    self.reasons.append(session.trace.reason)
            except Unfit as unfit:
                self.reasons.append((str(unfit), None))
        result = _ordinary(result)
        if variant is None:
            self.futile += 1
            return result
        self.futile = 0
        variant.run_program = _interpreted(variant.graph)
        if variant.derived is not None:
            variant.run_backward = _interpreted(variant.derived.graph)
        self.variants.append(variant)
        return result


def _ordinary(result: Any) -> Any:
    return frozen(result)


def _interpreted(graph: Graph) -> Callable[[list], int]:
    def run(arrays: list) -> int:
        try:
            evaluate(graph, arrays)
        except CheckFailed as failed:
            return 1 + failed.args[0]
        return 0

    return run
