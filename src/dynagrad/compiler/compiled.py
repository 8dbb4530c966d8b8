"""A compiled function: which course of it is taken at a call, and when it is recorded anew.
Imports conclude, census, program.
"""

import logging
import os
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from ..core.pytree import flatten
from ..core.tape import LIBRARY, Node
from ..core.tensor import Tensor
from ..core.watch import PLAIN
from ..functions.generator import Generator
from ..nn.modules.module import Module
from ..optim.lr_scheduler import LRScheduler
from ..optim.optimizer import Optimizer
from . import backend
from .census import Census
from .conclude import conclude
from .graph import Graph
from .guards import Reason
from .interpret import CheckFailed, evaluate
from .number import Number, frozen
from .passes import simplify
from .recording import Session, recording, session_here
from .variant import Unfit, Variant

log = logging.getLogger("dynagrad.compiler")
#: how many courses of one function are kept before it stays eager
LIMIT = 8
#: how many recordings in a row may be no use (an optimizer makes its state in the first step)
PATIENCE = 3
_FRAMEWORK = (Tensor, Module, Optimizer, LRScheduler, Generator, Node)
#: what a step may set itself on a tensor: the recording sees it
_SEEN = {"grad", "data", "requires_grad"}


class Compiled:
    """A function that runs natively where a recording of it can stand for it."""

    def __init__(
        self,
        function: Callable,
        *,
        fullgraph: bool = False,
        bitwise: bool = False,
        reference: bool = False,
    ) -> None:
        self.function = function
        self.fullgraph = fullgraph
        self.bitwise = bitwise
        #: compute with NumPy instead of native code
        self.reference = reference
        self.variants: list[Variant] = []
        self.reasons: list[Reason] = []
        self.futile = 0
        update_wrapper(self, function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if session_here.get() is not None or not PLAIN:
            return self.function(*args, **kwargs)
        leaves, spec = flatten((args, kwargs))
        for variant in self.variants:
            if variant.fits(leaves, spec, args, kwargs):
                done, result = variant.run(leaves)
                if done:
                    return result
        if self.futile >= PATIENCE or len(self.variants) >= LIMIT:
            return self.function(*args, **kwargs)
        return self._record(args, kwargs, leaves, spec)

    def _record(self, args: tuple, kwargs: dict, leaves: list, spec: Any) -> Any:
        census = Census(_is_framework, _is_framework_object, _is_symbolic)
        variant = None
        with recording(frozenset()) as session:
            result = census.run(self.function, args, kwargs)
            try:
                _check_census(census, session)
                variant = conclude(session, census, leaves, spec, result)
            except Unfit as unfit:
                self.reasons.append(unfit.reason)
        result = frozen(result)
        if variant is None:
            self.futile += 1
            log.info("eager: %s", self.reasons[-1])
            return result
        self.futile = 0
        build = _interpreted if self.reference else partial(_native, self.bitwise)
        variant.program = build(variant.graph)
        variant.build = build
        self.variants.append(variant)
        return result


def _check_census(census: Census, session: Session) -> None:
    """Raise Unfit for the first reason why a recording cannot stand for its step."""
    if session.trace.reason is not None:
        text, (code, _) = session.trace.reason
        raise Unfit(text, code)
    for reason in census.reasons:
        raise Unfit(reason)
    for store in census.stores:
        if not isinstance(store.owner, Tensor) or (
            isinstance(store.key, str) and store.key not in _SEEN
        ):
            text = f"the step sets {store.key!r} of a {type(store.owner).__name__}"
            raise Unfit(Reason(text, store.file, store.line))


def _is_framework(file: str) -> bool:
    return LIBRARY[file]


def _is_framework_object(x: Any) -> bool:
    return isinstance(x, _FRAMEWORK)


def _is_symbolic(x: Any) -> bool:
    return type(x) is Number


def _interpreted(graph: Graph) -> Any:
    return Reference(graph)


def _native(bitwise: bool, graph: Graph) -> Any:
    return backend.build(simplify(graph), bitwise=bitwise)


class Reference:
    """A graph computed with NumPy, in the place of a native program."""

    address = None

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run_arrays(self, arrays: list) -> int:
        """One step: 0, or another number where a check failed."""
        try:
            evaluate(self.graph, arrays)
        except CheckFailed as failed:
            return 1 + failed.args[0] if failed.args[0] >= 0 else -1
        return 0


__all__ = ["Compiled", "os"]
