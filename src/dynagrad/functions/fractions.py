"""Floating numbers taken apart, under PyTorch's names."""

import numpy as np

from ..core.apply import apply
from ..core.dtype import FLOATING, category
from ..core.out import write_out
from ..core.overrides import overridable
from ..ops import fractions as ops
from .arguments import tensor
from .nodes import node
from .return_types import return_type

Frexp = node("FrexpBackward0", ops.frexp)
FrexpResult = return_type("frexp", "mantissa", "exponent")


@overridable
def frexp(input, *, out=None):
    """mantissa and exponent with input = mantissa * 2^exponent and 1/2 <= |mantissa| < 1,
    elementwise."""
    x = tensor("frexp", input)
    if category(x._a.dtype) != FLOATING:
        raise RuntimeError(
            f"torch.frexp() only supports floating-point dtypes\nIt was given {x.dtype!r}; convert "
            "first, as in x.float()"
        )
    mantissa, exponent = apply(Frexp, x)
    if out is None:
        return FrexpResult(mantissa, exponent)
    if out[0]._a.dtype != x._a.dtype:
        raise RuntimeError(
            f"torch.frexp() expects mantissa to have dtype {x.dtype!r} but got {out[0].dtype!r}"
        )
    if out[1]._a.dtype != np.int32:
        raise RuntimeError(
            "torch.frexp() expects exponent to have int dtype but got "
            f"{out[1].dtype!r}\nGive out=(mantissa, exponent) with an exponent of torch.int32."
        )
    return FrexpResult(write_out("frexp", out[0], mantissa), write_out("frexp", out[1], exponent))
