"""Shape operations under PyTorch's names: views where PyTorch returns views."""

from ..core.apply import apply, node_class, overridable
from ..core.tensor import Tensor
from ..core.views import shares_memory, view as make_view
from ..ops import shape as ops
from ..ops.rule import RULES
from .. import errors

View = node_class("ViewBackward0", RULES[ops.reshape])
Expand = node_class("ExpandBackward0", RULES[ops.broadcast_to])
Transpose = node_class("TransposeBackward0", RULES[ops.transpose])
Cat = node_class("CatBackward0", RULES[ops.cat])


@overridable
def view(input, *shape):
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    a = ops.reshape(input._a, shape=tuple(shape))
    return make_view(View, input, a, {"shape": a.shape})


@overridable
def expand(input, *shape):
    a = ops.broadcast_to(input._a, shape=shape)
    return make_view(Expand, input, a, {"shape": a.shape})


@overridable
def cat(tensors, dim=0):
    return apply(Cat, *tensors, axis=dim)
