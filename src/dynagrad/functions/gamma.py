"""The incomplete gamma functions, the multivariate one and Hurwitz's zeta under PyTorch's names."""

from ..core.complaints import not_a_tensor
from ..core.dtype import BOOL, FLOATING, category
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import gamma as ops
from .arguments import whole
from .elementwise import in_place
from .nodes import node
from .special import of_reals, unserved

Igamma = node("IgammaBackward0", ops.gammainc)
Igammac = node("IgammacBackward0", ops.gammaincc)
Mvlgamma = node("MvlgammaBackward0", ops.multigammaln)
Zeta = node("SpecialZetaBackward0", ops.zeta)
ZetaOfNumber = node("SpecialZetaBackward1", ops.zeta)
ZetaNumber = node("SpecialZetaBackward2", ops.zeta)


def _incomplete(cls, name, input, other, out):
    for position, (argument, x) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(x, Tensor):
            raise not_a_tensor(name, position, argument, x)
    if all(category(x._a.dtype) < FLOATING for x in (input, other)):
        raise unserved(name, input._a.dtype)
    return of_reals(cls, name, (input, other), out)


@overridable
def igamma(input, other, *, out=None):
    """The lower incomplete gamma function, regularised, elementwise: the integral of
    t^(input-1) e^-t / Gamma(input) from 0 to other. Only other has a derivative."""
    return _incomplete(Igamma, "igamma", input, other, out)


@overridable
def igammac(input, other, *, out=None):
    """1 - igamma(input, other), accurate where that is small, elementwise."""
    return _incomplete(Igammac, "igammac", input, other, out)


@overridable
def mvlgamma(input, p, *, out=None):
    """The logarithm of the multivariate gamma function of dimension p, elementwise:
    p (p - 1) / 4 log(pi) + the sum of lgamma(input - k / 2) for k < p."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("mvlgamma", 1, "input", input)
    p = whole("mvlgamma", p, "p", 2)
    if category(input._a.dtype) == BOOL:
        raise RuntimeError(
            "The input tensor may not be a boolean tensor.\nmvlgamma takes numbers; convert it "
            "first, as in x.float()"
        )
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1\nmvlgamma was given p={p}")
    return of_reals(Mvlgamma, "mvlgamma", (input,), out, p=p)


@overridable
def zeta(input, other, *, out=None):
    """Hurwitz's zeta function, elementwise: the sum of (other + k)^-input over k = 0, 1, ...;
    either may be a number. Only other has a derivative."""
    if not isinstance(input, Tensor):
        cls = ZetaOfNumber
    else:
        cls = Zeta if isinstance(other, Tensor) else ZetaNumber
    return of_reals(cls, "special_zeta", (input, other), out, halves=False)


igamma_ = in_place(igamma)
igammac_ = in_place(igammac)
mvlgamma_ = in_place(mvlgamma)
