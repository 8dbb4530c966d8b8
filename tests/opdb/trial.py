"""A trial: one entry of PyTorch's list with one dtype, its samples, and the comparison of what both
libraries make of them.
"""

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import dynagrad

from .entries import UNSPECIFIED, counterpart, tolerance
from .judges import WIDER, is_shaken_as_far, narrow_weights, no_worse, widened
from .translate import Untranslatable, differs, is_tensor, ours, theirs

REAL = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.complex64, torch.complex128),
)
#: Operations with no promise about the order of equal elements: what an index points at counts.
TIED = {"sort", "argsort", "topk", "kthvalue", "mode"}


class Different(Exception):
    """What differs from PyTorch."""


class Outcome:
    """What a call came to: a value or an error."""

    def __init__(self, call: Callable[[], Any]):
        self.value: Any = None
        self.error: Exception | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.value = call()
            except Untranslatable:
                raise
            except Exception as error:
                self.error = error


def _same_kinds(mine: Any, other: Any) -> bool:
    return not differs(mine, other, lambda dtype: {}, values=False)


def same_type(mine: Exception, other: Exception) -> bool:
    """Whether an error is of the type of PyTorch's, by class or by name."""
    names = {c.__name__ for c in type(mine).__mro__}
    expected = type(other).__name__.lstrip("_")
    return isinstance(mine, type(other)) or expected in {n.lstrip("_") for n in names}


def said(error: Exception) -> str:
    """The first line of an error."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:160]}"


class Trial:
    """One entry with one dtype: its samples, drawn anew from the seed, for both libraries."""

    def __init__(self, op: Any, dtype: torch.dtype, seed: int, limit: int | None):
        self.op, self.dtype, self.seed, self.limit = op, dtype, seed, limit
        self.unspecified = op.name in UNSPECIFIED
        self.computed = dtype
        self.drawn: dict[bool, list] = {}

    def sow(self) -> None:
        """The same random stream in both libraries."""
        torch.manual_seed(self.seed)
        dynagrad.manual_seed(self.seed)

    def samples(self, requires_grad: bool = False) -> list:
        """PyTorch's samples, or as many of them, spread evenly, as the limit allows."""
        if requires_grad not in self.drawn:
            torch.manual_seed(self.seed)
            random.seed(self.seed)
            np.random.seed(self.seed % 2**32)
            self.drawn[requires_grad] = list(
                self.op.sample_inputs("cpu", self.dtype, requires_grad=requires_grad)
            )
        found = self.drawn[requires_grad]
        if self.limit is None or len(found) <= self.limit:
            return found
        return [found[i * len(found) // self.limit] for i in range(self.limit)]

    def both(self, run: Callable[[Any, tuple, dict], Any], sample: Any, pair: Any) -> tuple:
        """The outcomes of a run with this library's arguments and with PyTorch's; where both
        refuse, the types of their errors are compared and the result is empty.
        """
        mine_of, other_of = pair
        given = (sample.input, *sample.args)
        args, kwargs = theirs([given, sample.kwargs], {})
        self.sow()
        other = Outcome(lambda: run(other_of, args, kwargs))
        known: dict[int, Any] = {}
        args_here, kwargs_here = ours([given, sample.kwargs], known)
        self.sow()
        mine = Outcome(lambda: run(mine_of, args_here, kwargs_here))
        self.last = ((args_here, kwargs_here), (args, kwargs))
        if other.error is not None:
            if mine.error is None:
                raise Different(f"no error: PyTorch has {said(other.error)}")
            if not same_type(mine.error, other.error):
                raise Different(f"{said(mine.error)} where PyTorch has {said(other.error)}")
            return ()
        if mine.error is not None:
            raise Different(said(mine.error))
        return mine.value, other.value

    def compare(self, mine: Any, other: Any, sample: Any = None, run: Any = None) -> None:
        """Raise Different unless a result equals PyTorch's, or is as near to the exact one as
        PyTorch's (`run`, `sample`: what is computed in a wider dtype to find that out).
        """
        process = sample.output_process_fn_grad if sample is not None else None
        if run is call and process is not None:
            plain = differs(mine, other, self.bounds, values=False)
            if plain:
                raise Different(plain)
            mine, other = counterpart(process)(mine), process(other)
        if self.op.name in TIED:
            mine, other = self.picked(mine, 0), self.picked(other, 1)
        text = differs(mine, other, self.bounds, values=not self.unspecified)
        if text and not (run is not None and self.is_as_near(mine, other, sample, run)):
            raise Different(text)

    def bounds(self, dtype: torch.dtype) -> dict[str, float]:
        """PyTorch's bounds for results of this dtype."""
        pair = tolerance(self.op, dtype), tolerance(self.op, self.computed)
        return {k: max(p[k] for p in pair) for k in pair[0]} if dtype in REAL else pair[0]

    def picks_others(self, sample: Any) -> bool:
        """Whether the libraries choose other ones among equal elements of a sample: gradients go to
        what was chosen.
        """
        if self.op.name not in TIED:
            return False
        found = self.both(call, sample, pair_of(self))
        return bool(differs(*found, self.bounds)) if found else False

    def picked(self, result: Any, which: int) -> Any:
        """A result whose indices are replaced by the elements they point at."""
        args, kwargs = self.last[which]
        x = args[0]
        place = 2 if self.op.name in ("topk", "kthvalue") else 1
        dim = kwargs.get("dim", args[place] if len(args) > place else -1)
        whole = list(result) if isinstance(result, tuple | list) else [result]
        if isinstance(whole[0], list):  # what `out=` came to
            return [self.picked(whole[0], which), *whole[1:]]
        if is_tensor(whole[-1]) and x.ndim and str(whole[-1].dtype) == "torch.int64":
            places = whole[-1]
            whole[-1] = x.gather(dim, places if places.ndim == x.ndim else places.unsqueeze(dim))
        return whole

    def is_as_near(self, mine: Any, other: Any, sample: Any, run: Any) -> bool:
        """Whether both are roundings of one result: this library's error is not the larger one by
        more than twice (PyTorch on the same numbers in a wider dtype is the judge), or they lie no
        farther apart than PyTorch's moves where its arguments are rounded once.
        """
        if not _same_kinds(mine, other):
            return False
        given = [(sample.input, *sample.args), sample.kwargs]

        def again(args: Any) -> Any:
            self.sow()
            value = run(pair_of(self)[1], *args)
            if run is call:
                return sample.output_process_fn_grad(value)
            return value[1] if isinstance(value, tuple) else value

        if self.dtype in WIDER:
            with narrow_weights(self.dtype):
                exact = Outcome(lambda: again(widened(given)))
            if exact.error is None and no_worse(mine, other, exact.value, self.bounds):
                return True
        return bool(Outcome(lambda: is_shaken_as_far(mine, other, given, again, self.bounds)).value)


def call(function: Any, args: tuple, kwargs: dict) -> Any:
    """The plain call."""
    return function(*args, **kwargs)


def pair_of(trial: Trial) -> tuple:
    """This library's function of the entry, and PyTorch's."""
    op = trial.op
    return counterpart(op.op, op.name), op.op
