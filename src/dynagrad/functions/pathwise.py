"""Gamma and Dirichlet samples with derivatives by their parameters, under PyTorch's names."""

import numpy as np

from ..core.apply import apply
from ..core.overrides import overridable
from ..core.tensor import wrap
from ..ops import conversion
from ..ops import pathwise as ops
from .arguments import no_kernel
from .arguments import tensor as need_tensor
from .generator import draws
from .nodes import node
from .random import drawn_and_recorded
from .sampling import drawn_from

__all__ = ["_dirichlet_grad", "_sample_dirichlet", "_standard_gamma", "_standard_gamma_grad"]

StandardGamma = node("StandardGammaBackward0", ops.gamma_sample)
StandardGammaGrad = node("StandardGammaGradBackward0", ops.standard_gamma_grad)
SampleDirichlet = node("NotImplemented", conversion.discard)
DirichletGrad = node("NotImplemented", ops.dirichlet_grad)

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _need_float(name, x, kernel, position=1, argument="input"):
    a = need_tensor(name, x, position, argument)._a
    if a.dtype not in FLOATS:
        raise no_kernel(kernel, a.dtype)


@overridable
def _standard_gamma(input, generator=None):
    """A gamma value of scale 1 for each shape parameter in `input`, with its derivative.

    The values are those of PyTorch from the same seed; its derivatives are approximations, good to
    about three digits, where these have nine or more (five in float32).
    """
    _need_float("_standard_gamma", input, "gamma")
    sample = drawn_from(draws("_standard_gamma", generator).gamma, input._a)
    return apply(StandardGamma, input, wrap(sample))


@overridable
def _standard_gamma_grad(input, output):
    """The derivative of gamma samples `output` by the shape parameters `input`, elementwise."""
    _need_float("_standard_gamma_grad", input, "_standard_gamma_grad_cpu")
    _need_float("_standard_gamma_grad", output, "_standard_gamma_grad_cpu", 2, "output")
    return apply(StandardGammaGrad, input, output)


@overridable
def _sample_dirichlet(input, generator=None):
    """A point of the simplex for each row of concentrations in `input`, without a derivative."""
    _need_float("_sample_dirichlet", input, "dirichlet")
    stream = draws("_sample_dirichlet", generator)

    def draw(a):
        gammas = stream.gamma(a.astype(np.float64))
        shares = (gammas / gammas.sum(-1, keepdims=True)).astype(a.dtype)
        one = a.dtype.type(1)
        return np.clip(shares, np.finfo(a.dtype).tiny, np.nextafter(one, a.dtype.type(0)))

    return drawn_and_recorded(SampleDirichlet, drawn_from(draw, input._a), input)


@overridable
def _dirichlet_grad(x, alpha, total):
    """The derivative of components x of Dirichlet samples by their concentrations alpha, which add
    up to `total`, divided by 1 - x; elementwise."""
    for position, (argument, t) in enumerate((("x", x), ("alpha", alpha), ("total", total)), 1):
        _need_float("_dirichlet_grad", t, "_dirichlet_grad_cpu", position, argument)
    return apply(DirichletGrad, x, alpha, total)
