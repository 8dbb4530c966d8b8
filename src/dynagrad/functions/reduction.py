"""Reductions under PyTorch's names."""
from ..core.apply import apply, node_class, overridable
from ..ops import reduction as ops
from ..ops.rule import RULES

Sum = node_class("SumBackward0", RULES[ops.sum_over])
Var = node_class("VarBackward0", RULES[ops.var_over])

@overridable
def sum(input, dim=None, keepdim=False):
    return apply(Sum, input, axes=None if dim is None else (dim,), keepdims=keepdim)

@overridable
def var(input, dim=None, keepdim=False, correction=1):
    return apply(Var, input, axes=None if dim is None else (dim,), keepdims=keepdim, correction=correction)
