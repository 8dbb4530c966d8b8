"""Distributions given by probabilities or by logits: one of the two is kept, the other is made
when it is asked for.
"""

from numbers import Number
from typing import Any

from ..core.dtype import Size
from .distribution import Distribution
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Odds", "OfCategories", "one_of"]


def one_of(probs: Any, logits: Any) -> str:
    """The name of the parameter that was given; ValueError for both or none."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return "logits" if probs is None else "probs"


class Odds(Distribution):
    """A distribution of the probability of an event, or of its log odds."""

    _expanded: Any = {"probs": 0, "logits": 0, "_param": 0}

    def _take(self, probs: Any, logits: Any, *others: Any) -> tuple[Any, list]:
        """Keep what was given, broadcast with the others; the batch shape and these."""
        name = one_of(probs, logits)
        given = logits if probs is None else probs
        *others_broadcast, value = broadcast_all(*others, given)
        setattr(self, name, value)
        self._param = value
        return Size() if isinstance(
            given, Number
        ) and not others else value.size(), others_broadcast

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._param.new(*args, **kwargs)

    @lazy_property
    def logits(self) -> Any:
        """The log odds of the event."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """The probability of the event."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of probs and of logits."""
        return self._param.size()


class OfCategories(Distribution):
    """A distribution over a `Categorical`, `_categorical`, whose parameters it shows as its own."""

    _categorical: Any
    _parts = ("_categorical",)
    _expanded = {}

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._categorical._new(*args, **kwargs)

    @property
    def _param(self) -> Any:
        return self._categorical._param

    @property
    def probs(self) -> Any:
        """The categories' probabilities, normalised along the last dimension."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """The logarithms of the categories' probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        """The shape of probs and of logits."""
        return self._categorical.param_shape
