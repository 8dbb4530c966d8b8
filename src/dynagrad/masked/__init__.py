"""Reductions and normalisations of the elements for which a mask holds, at torch.masked's path.

A mask is True where an element takes part, the reverse of `masked_fill`'s; it broadcasts to the
input. What it leaves out counts as the operation's identity (0 in a sum, -inf in a maximum).
"""

from ..core.quiet import hush as _hush
from .normalizing import (
    cumprod,
    cumsum,
    log_softmax,
    logaddexp,
    normalize,
    softmax,
    softmin,
)
from .reducing import (
    amax,
    amin,
    argmax,
    argmin,
    logsumexp,
    mean,
    median,
    norm,
    prod,
    std,
    sum,
    var,
)

_hush()

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]
