"""Dimensions split and put together in another order. Imports NumPy only."""

import numpy as np

from ..layout import channels_as
from ..rule import ALIGNED, linear, primitive
from ..shape import inverse


@primitive
def rearrange(x, *, rank, split, axes, last):
    """The last `rank` dimensions seen as of sizes `split`, permuted by `axes`, and seen as of sizes
    `last`: in new memory.
    """
    lead = x.shape[: x.ndim - rank]
    order = (*range(len(lead)), *[len(lead) + axis for axis in axes])
    result = x.reshape(*lead, *split).transpose(order).reshape(*lead, *last)
    if np.may_share_memory(result, x):
        result = result.copy()
    return channels_as(result, x)


linear(
    rearrange,
    lambda g, x_meta, *, rank, split, axes, last: rearrange(
        g,
        rank=len(last),
        split=tuple([split[axis] for axis in axes]),
        axes=inverse(axes),
        last=x_meta.shape[len(x_meta.shape) - rank :],
    ),
    fresh=True,
    batch=ALIGNED,
)
