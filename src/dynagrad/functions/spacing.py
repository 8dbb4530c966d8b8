"""Evenly spaced values whose ends differ from one example of a batch to the next."""

from typing import Any

import numpy as np

from ..core.apply import to_dtype
from ..core.dtype import FLOATING, category
from ..core.tensor import Tensor, wrap
from . import elementwise
from .selection import where
from .shape import reshape


def spaced(start: Any, end: Any, n: int, d: np.dtype) -> Tensor:
    """n values from start to end, tensors without dimensions or numbers, counted from the nearer
    end.
    """
    kind = d if category(d) >= FLOATING else np.dtype(np.float64)
    ends = [
        x.detach() if isinstance(x, Tensor) else wrap(np.asarray(x, kind)) for x in (start, end)
    ]
    low, high = (reshape(to_dtype(x, kind), (1,)) for x in ends)
    i = np.arange(n)
    first = i < n // 2 if n > 1 else np.ones(n, bool)
    steps = wrap(np.where(first, i, i - n + 1).astype(kind))
    step = elementwise.div(elementwise.sub(high, low), max(n - 1, 1))
    values = elementwise.add(where(wrap(first), low, high), elementwise.mul(steps, step))
    return to_dtype(values, d)
