"""softmax, its relatives and its random form under PyTorch's names."""

from typing import Any

import numpy as np
from numpy import ndarray

from ...core.apply import apply, to_dtype
from ...core.dtype import numpy_dtype
from ...core.out import write_out
from ...core.overrides import overridable
from ...core.quiet import warn
from ...core.tensor import Tensor, wrap
from ...core.views import detached
from ...core.watch import PLAIN
from ...ops.neural import softmax as ops
from ...ops.shape import cast
from .. import elementwise
from ..arguments import one_dim, tensor
from ..conversion import clone
from ..extremes import argmax
from ..generator import draws
from ..nodes import node
from ..sampling import drawn
from ..shortcut import direct, made, shortcut
from .activation import View, floating

Softmax = node("SoftmaxBackward0", ops.softmax)
LogSoftmax = node("LogSoftmaxBackward0", ops.log_softmax)


def _along(cls: Any, kernel: str, name: str, x: Any, dim: Any, dtype: Any) -> Tensor:
    x = tensor(name, x)
    if dtype is not None:
        x = to_dtype(x, numpy_dtype(dtype))
    x = floating(f"{kernel}_lastdim_kernel_impl", name, x)
    axis = one_dim(dim, x._a.ndim, name)
    if x._a.ndim == 0:
        line = apply(View, x, shape=(1,))
        # a copy: the node keeps its result, which must not be overwritten unnoticed
        return clone(apply(View, apply(cls, line, axis=0), shape=()))
    return apply(cls, x, axis=axis)


def _short(cls: Any) -> Any:
    """softmax or its logarithm along a dimension that exists."""

    kernel = cls.rule.kernel

    def short(input, dim):
        a = input._a
        ndim = a.ndim
        if type(dim) is not int or not -ndim <= dim < ndim:
            return None
        dim %= ndim
        if input._e is None is input._v and type(a) is ndarray and type(input) in PLAIN:
            return made(kernel(a, axis=dim)) if a.dtype.kind == "f" else None
        return direct(cls, input, {"axis": dim}, "f")

    return short


def implicit_dim(name: str, ndim: int) -> int:
    """The dimension that softmax takes where none is given, with PyTorch's warning."""
    warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument."
    )
    return 0 if ndim in (0, 1, 3) else 1


def _named(name: str) -> Any:
    """The function below under PyTorch's name, which torch.nn.functional's has as well."""

    def decorate(f: Any) -> Any:
        f.__name__ = f.__qualname__ = name
        return f

    return decorate


@shortcut(_short(Softmax))
@overridable
@_named("softmax")
def torch_softmax(input, dim=None, dtype=None, *, out=None, axis=None):
    """exp(input) / sum(exp(input)) along `dim`."""
    dim = axis if dim is None else dim
    result = _along(Softmax, "softmax", "softmax", input, dim, dtype)
    return result if out is None else write_out("softmax", out, result)


@shortcut(_short(LogSoftmax))
@overridable
@_named("log_softmax")
def torch_log_softmax(input, dim=None, dtype=None, *, out=None, axis=None):
    """log(softmax(input)) along `dim`."""
    dim = axis if dim is None else dim
    result = _along(LogSoftmax, "log_softmax", "log_softmax", input, dim, dtype)
    return result if out is None else write_out("log_softmax", out, result)


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(input) / sum(exp(input)) along `dim`."""
    if dim is None:
        dim = implicit_dim("softmax", tensor("softmax", input)._a.ndim)
    return torch_softmax(input, dim, dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax(-input) along `dim`."""
    if dim is None:
        dim = implicit_dim("softmin", tensor("softmin", input)._a.ndim)
    return torch_softmax(elementwise.neg(input), dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log(softmax(input)) along `dim`."""
    if dim is None:
        dim = implicit_dim("log_softmax", tensor("log_softmax", input)._a.ndim)
    return torch_log_softmax(input, dim, dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """softmax((logits + Gumbel noise) / tau); `hard` rounds to one-hot and keeps the gradient.

    Source: Jang, Gu and Poole, "Categorical reparameterization with Gumbel-softmax" (2016).
    """
    x = floating("exponential_cpu", "gumbel_softmax", logits)
    noise = drawn(lambda s: draws("gumbel_softmax").exponential(s, dtype=x._a.dtype), x._a.shape)
    gumbels = elementwise.div(elementwise.add(x, wrap(-np.log(noise))), float(tau))
    soft = torch_softmax(gumbels, dim)
    if not hard:
        return soft
    axis = one_dim(dim, x._a.ndim)
    plain = detached(soft)
    best = argmax(plain, axis, True)
    places = np.arange(x._a.shape[axis]).reshape(-1, *[1] * (x._a.ndim - axis - 1))
    chosen = wrap(cast(np.equal(best._a, places), dtype=x._a.dtype))
    return elementwise.add(elementwise.sub(chosen, plain), soft)
