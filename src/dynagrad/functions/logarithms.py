"""Products with logarithms, terms of entropies, under PyTorch's names."""

from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import logarithms as ops
from .nodes import node
from .special import of_reals

Entr = node("SpecialEntrBackward0", ops.entr)
Xlog1py = node("SpecialXlog1PyBackward0", ops.xlog1py)
Xlog1pyOfNumber = node("SpecialXlog1PyBackward1", ops.xlog1py)
Xlog1pyNumber = node("SpecialXlog1PyBackward2", ops.xlog1py)


@overridable
def entr(input, *, out=None):
    """-x log(x), elementwise: 0 at 0, minus infinity below."""
    return of_reals(Entr, "special_entr", (input,), out)


@overridable
def xlog1py(input, other, *, out=None):
    """input * log(1 + other), elementwise, and 0 where input is 0; either may be a number."""
    if not isinstance(input, Tensor):
        cls = Xlog1pyOfNumber
    else:
        cls = Xlog1py if isinstance(other, Tensor) else Xlog1pyNumber
    return of_reals(cls, "special_xlog1py", (input, other), out)
