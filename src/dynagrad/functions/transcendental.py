"""Exponentials, logarithms, trigonometric and hyperbolic functions under PyTorch's names."""

import numpy as np

from ..core.apply import apply, promoted, to_dtype, unary
from ..core.complaints import not_a_tensor
from ..core.dtype import FLOATING, category, number_dtype, result_type
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..ops import transcendental as ops
from ..ops.complex import real_part
from ..ops.elementwise import where
from .arguments import no_kernel, tensor
from .elementwise import in_place, mul, of_operands, of_tensors, plain
from .nodes import node

__all__ = [
    "acos",
    "acos_",
    "acosh",
    "acosh_",
    "arccos",
    "arccos_",
    "arccosh",
    "arccosh_",
    "arcsin",
    "arcsin_",
    "arcsinh",
    "arcsinh_",
    "arctan",
    "arctan2",
    "arctan_",
    "arctanh",
    "arctanh_",
    "asin",
    "asin_",
    "asinh",
    "asinh_",
    "atan",
    "atan2",
    "atan_",
    "atanh",
    "atanh_",
    "cos",
    "cos_",
    "cosh",
    "cosh_",
    "deg2rad",
    "deg2rad_",
    "exp",
    "exp2",
    "exp2_",
    "exp_",
    "expm1",
    "expm1_",
    "ldexp",
    "ldexp_",
    "log",
    "log10",
    "log10_",
    "log1p",
    "log1p_",
    "log2",
    "log2_",
    "log_",
    "logaddexp",
    "logaddexp2",
    "logit",
    "logit_",
    "rad2deg",
    "rad2deg_",
    "sigmoid",
    "sigmoid_",
    "sin",
    "sin_",
    "sinc",
    "sinc_",
    "sinh",
    "sinh_",
    "tan",
    "tan_",
    "tanh",
    "tanh_",
    "xlogy",
    "xlogy_",
]

# --- exponentials and logarithms ------------------------------------------------------------------


@unary(np.exp, "ExpBackward0")
def exp(input, *, out=None):
    """e^x, elementwise."""


@unary(np.exp2, "Exp2Backward0")
def exp2(input, *, out=None):
    """2^x, elementwise."""


@unary(np.expm1, "Expm1Backward0")
def expm1(input, *, out=None):
    """e^x - 1 without cancellation near 0, elementwise."""


@unary(np.log, "LogBackward0")
def log(input, *, out=None):
    """The natural logarithm, elementwise."""


@unary(np.log2, "Log2Backward0")
def log2(input, *, out=None):
    """The logarithm to base 2, elementwise."""


@unary(np.log10, "Log10Backward0")
def log10(input, *, out=None):
    """The logarithm to base 10, elementwise."""


@unary(np.log1p, "Log1PBackward0")
def log1p(input, *, out=None):
    """log(1 + x) without loss of digits near 0, elementwise."""


# --- angles ---------------------------------------------------------------------------------------


@unary(np.sin, "SinBackward0")
def sin(input, *, out=None):
    """The sine, elementwise."""


@unary(np.cos, "CosBackward0")
def cos(input, *, out=None):
    """The cosine, elementwise."""


@unary(np.tan, "TanBackward0")
def tan(input, *, out=None):
    """The tangent: sin(x) / cos(x), elementwise."""


@unary(np.arcsin, "AsinBackward0")
def asin(input, *, out=None):
    """The angle in [-pi/2, pi/2] whose sine is x, elementwise."""


@unary(np.arccos, "AcosBackward0")
def acos(input, *, out=None):
    """The angle in [0, pi] whose cosine is x, elementwise."""


@unary(np.arctan, "AtanBackward0")
def atan(input, *, out=None):
    """The angle in (-pi/2, pi/2) whose tangent is x, elementwise."""


# --- hyperbolic functions -------------------------------------------------------------------------


@unary(np.sinh, "SinhBackward0")
def sinh(input, *, out=None):
    """The hyperbolic sine: (e^x - e^-x) / 2, elementwise."""


@unary(np.cosh, "CoshBackward0")
def cosh(input, *, out=None):
    """The hyperbolic cosine: (e^x + e^-x) / 2, elementwise."""


@unary(np.tanh, "TanhBackward0")
def tanh(input, *, out=None):
    """The hyperbolic tangent: (e^x - e^-x) / (e^x + e^-x), elementwise."""


@unary(np.arcsinh, "AsinhBackward0")
def asinh(input, *, out=None):
    """The inverse of sinh, elementwise."""


@unary(np.arccosh, "AcoshBackward0")
def acosh(input, *, out=None):
    """The inverse of cosh, elementwise; nan below 1."""


@unary(np.arctanh, "AtanhBackward0")
def atanh(input, *, out=None):
    """The inverse of tanh, elementwise; nan outside [-1, 1]."""


arcsin, arccos, arctan = asin, acos, atan
arcsinh, arccosh, arctanh = asinh, acosh, atanh


@unary(np.deg2rad, "Deg2RadBackward0")
def deg2rad(input, *, out=None):
    """Degrees in radians: x pi / 180, elementwise."""


@unary(np.rad2deg, "Rad2DegBackward0")
def rad2deg(input, *, out=None):
    """Radians in degrees: 180 x / pi, elementwise."""


@unary(ops.sinc, "SincBackward0")
def sinc(input, *, out=None):
    """sin(pi x) / (pi x), and 1 at 0, elementwise."""


Atan2 = node("Atan2Backward0", np.arctan2)


@overridable
def atan2(input, other, *, out=None):
    """The angle of the point (other, input), elementwise: the arctangent of input / other in the
    right quadrant."""
    return of_tensors(Atan2, "atan2", (input, other), out, floating=True)


arctan2 = atan2


# --- sigmoids and logarithms of several values ----------------------------------------------------


@unary(ops.sigmoid, "SigmoidBackward0")
def sigmoid(input, *, out=None):
    """1 / (1 + e^-x), elementwise."""


Logit = node("LogitBackward0", ops.logit)
Logaddexp = node("LogaddexpBackward0", np.logaddexp)
Logaddexp2 = node("Logaddexp2Backward0", np.logaddexp2)
Xlogy = node("XlogyBackward0", ops.xlogy)
XlogyNumber = node("XlogyBackward1", ops.xlogy)
XlogyOfNumber = node("XlogyBackward2", ops.xlogy)
Ldexp = node("LdexpBackward0", ops.ldexp)


@overridable
def logit(input, eps=None, *, out=None):
    """log(x / (1 - x)), elementwise; with eps, x is first limited to [eps, 1 - eps]."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("logit", 1, "input", input)
    x = input if category(input._a.dtype) >= FLOATING else to_dtype(input, number_dtype(0.0))
    result = apply(Logit, x, eps=plain(eps))
    return result if out is None else write_out("logit", out, result)


def _floats(name, *inputs):
    dtype = result_type([x._a for x in inputs])
    if category(dtype) < FLOATING:
        raise no_kernel(f"{name}_cpu", dtype)


@overridable
def logaddexp(input, other, *, out=None):
    """log(e^input + e^other) without overflow, elementwise."""
    for position, (argument, x) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(x, Tensor):
            raise not_a_tensor("logaddexp", position, argument, x)
    _floats("logaddexp", input, other)
    if any(x._a.dtype.kind == "c" for x in (input, other)):
        result = _complex_logaddexp(*promoted((input, other)))
        return result if out is None else write_out("logaddexp", out, result)
    return of_tensors(Logaddexp, "logaddexp", (input, other), out)


def _complex_logaddexp(x, y):
    """The operand of the larger real part, whose branch the result is on, and what the other
    adds.
    """
    first = np.greater_equal(real_part(x._a), real_part(y._a))
    large, small = (where(wrap(first), *pair) for pair in ((x, y), (y, x)))
    return np.add(large, np.log1p(np.exp(np.subtract(small, large))))


@overridable
def logaddexp2(input, other, *, out=None):
    """log2(2^input + 2^other) without overflow, elementwise."""
    _floats("logaddexp2", input, other)
    return of_tensors(Logaddexp2, "logaddexp2", (input, other), out)


@overridable
def xlogy(input, other, *, out=None):
    """input * log(other), elementwise, and 0 where input is 0; either may be a number."""
    if isinstance(input, Tensor) == isinstance(other, Tensor):
        return of_tensors(Xlogy, "xlogy", (input, other), out, floating=True)
    cls = XlogyOfNumber if isinstance(input, Tensor) else XlogyNumber
    return of_operands(cls, "xlogy", (input, other), out, floating=True)


@overridable
def ldexp(input, other, *, out=None):
    """input * 2^other, elementwise."""
    x, y = tensor("ldexp", input), tensor("ldexp", other, 2, "other")
    own = y._a.dtype
    if x._a.dtype == own:
        return of_operands(Ldexp, "ldexp", (x, y), out, floating=True, dtype=None)
    dtype = result_type([x._a, y._a])
    dtype = dtype if category(dtype) >= FLOATING else number_dtype(0.0)
    if dtype.kind == "c":
        power = to_dtype(exp2(y), dtype) if y._a.ndim else exp2(to_dtype(y, dtype))
        return mul(to_dtype(x, dtype), power, out=out)
    # the power of a tensor of some dimensions is computed in that tensor's dtype
    if not y._a.ndim:
        own = dtype
    elif category(own) < FLOATING:
        own = number_dtype(0.0)
    return of_operands(Ldexp, "ldexp", (x, y), out, floating=True, dtype=own)


# --- in place -------------------------------------------------------------------------------------

exp_ = in_place(exp)
exp2_ = in_place(exp2)
expm1_ = in_place(expm1)
log_ = in_place(log)
log2_ = in_place(log2)
log10_ = in_place(log10)
log1p_ = in_place(log1p)
sin_ = in_place(sin)
cos_ = in_place(cos)
tan_ = in_place(tan)
asin_ = in_place(asin)
acos_ = in_place(acos)
atan_ = in_place(atan)
sinh_ = in_place(sinh)
cosh_ = in_place(cosh)
tanh_ = in_place(tanh)
asinh_ = in_place(asinh)
acosh_ = in_place(acosh)
atanh_ = in_place(atanh)
deg2rad_ = in_place(deg2rad)
rad2deg_ = in_place(rad2deg)
sinc_ = in_place(sinc)
sigmoid_ = in_place(sigmoid)
logit_ = in_place(logit)
xlogy_ = in_place(xlogy)
ldexp_ = in_place(ldexp)
atan2_ = in_place(atan2)
arcsin_, arccos_, arctan_, arctan2_ = asin_, acos_, atan_, atan2_
arcsinh_, arccosh_, arctanh_ = asinh_, acosh_, atanh_
