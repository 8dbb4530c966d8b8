"""Activation functions under PyTorch's names."""

from typing import Any

import numpy as np
from numpy import ndarray

from ...core.apply import apply, promoted, unary
from ...core.complaints import legacy_name, not_a_tensor, type_name
from ...core.dtype import FLOATING, category
from ...core.out import write_out
from ...core.overrides import ask_overrides, overridable
from ...core.tensor import Tensor
from ...core.views import inplace as write_in_place
from ...core.views import view
from ...core.watch import PLAIN
from ...ops import shape as shapes
from ...ops.elementwise import where
from ...ops.neural import activation as ops
from .. import elementwise, rounding, transcendental
from ..arguments import no_kernel, one_dim, settled, tensor
from ..elementwise import NUMBERS
from ..generator import draws
from ..nodes import node, shown
from ..sampling import drawn, each_its_own
from ..shortcut import direct, shortcut

__all__ = [
    "celu",
    "celu_",
    "hardshrink",
    "prelu",
    "relu",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
]


LeakyRelu = node("LeakyReluBackward0", ops.leaky_relu)
LeakyReluInPlace = node("LeakyReluBackward1", ops.leaky_relu)
Elu, EluInPlace = node("EluBackward0", ops.elu), node("EluBackward1", ops.elu)
Celu, CeluInPlace = node("CeluBackward0", ops.elu), node("CeluBackward1", ops.elu)
Threshold = node("ThresholdBackward0", ops.threshold)
ThresholdInPlace = node("ThresholdBackward1", ops.threshold)
Hardtanh = node("HardtanhBackward0", ops.hardtanh)
Hardsigmoid = node("HardsigmoidBackward0", ops.hardsigmoid)
Hardswish = node("HardswishBackward0", ops.hardswish)
Hardshrink = node("HardshrinkBackward0", ops.hardshrink)
Softshrink = node("SoftshrinkBackward0", ops.softshrink)
Prelu = node("PreluKernelBackward0", ops.prelu)
Rrelu = node("RreluWithNoiseBackward0", ops.rrelu)
RreluInPlace = node("RreluWithNoiseBackward1", ops.rrelu)
shown(1, Rrelu, RreluInPlace)
Softplus = node("SoftplusBackward0", ops.softplus)
LogSigmoid = node("LogSigmoidBackward0", ops.log_sigmoid)
Silu, Mish = node("SiluBackward0", ops.silu), node("MishBackward0", ops.mish)
Gelu, GeluTanh = node("GeluBackward0", ops.gelu), node("GeluBackward0", ops.gelu_tanh)
Glu = node("GluBackward0", ops.glu)
View = node("ViewBackward0", shapes.reshape)


def floating(kernel: str, name: str, x: Any, *, complex_too: bool = False) -> Tensor:
    """`x`, which must be a floating (or complex) Tensor."""
    x = tensor(name, x)
    kind = category(x._a.dtype)
    if kind < FLOATING or (kind > FLOATING and not complex_too):
        raise no_kernel(kernel, x._a.dtype)
    return x


def numbers(name: str, **given: Any) -> None:
    """Check the settings of an activation, named and in order behind its input: Python numbers."""
    for position, (argument, value) in enumerate(given.items(), 2):
        if not isinstance(value, int | float | complex | np.number) and not (
            isinstance(value, Tensor) and value._a.ndim == 0
        ):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {position}) must be Number, not "
                f"{type_name(value)}"
            )


def real(name: str, x: Any) -> Tensor:
    """`x`, which must be a Tensor of integers or floats."""
    x = tensor(name, x)
    if category(x._a.dtype) > FLOATING:
        raise NotImplementedError(
            f"clamp is not supported for complex types\n{name} needs real numbers: x.real, x.abs()."
        )
    if x._a.dtype.kind == "b":
        raise no_kernel(f"{name}_cpu", x._a.dtype)
    return x


def run(
    cls: Any, x: Tensor, inplace: bool, name: str, in_place_cls: Any = None, **kw: Any
) -> Tensor:
    """Apply `cls` to `x`, or write its result into `x` under the name of the in-place form."""
    if not inplace:
        return apply(cls, x, **kw)

    def compute(t):
        return apply(in_place_cls or cls, t, **kw)

    return write_in_place(compute, x, name=name)


# --- relu and other straight pieces ---------------------------------------------------------------


@unary(ops.relu, "ReluBackward0", integers=True)
def _relu(input, *, out=None):
    """max(input, 0), elementwise."""


def relu(input, inplace=False) -> Tensor:
    """max(input, 0), elementwise; nan stays."""
    if type(input) in PLAIN and input._a.dtype.kind == "f":
        return write_in_place(_relu, input, name="relu_") if inplace else _relu(input)
    if isinstance(input, Tensor) and input._a.dtype.kind == "c":
        raise NotImplementedError(
            "clamp is not supported for complex types\nrelu needs real numbers: x.real, x.abs()."
        )
    if isinstance(input, Tensor) and input._a.dtype.kind == "b":
        raise RuntimeError(
            "Boolean inputs not supported for relu\nConvert the tensor first, as in x.int()."
        )
    if type(input) not in PLAIN:
        answer = ask_overrides(relu, (input,), {"inplace": inplace})
        if answer is not NotImplemented:
            return answer
    if not isinstance(input, Tensor):
        raise not_a_tensor("relu", 1, "input", input)
    return write_in_place(_relu, input, name="relu_") if inplace else _relu(input)


def relu_(input):
    """relu in place."""
    return relu(input, inplace=True)


def _short_leaky_relu(input, negative_slope=0.01, inplace=False):
    if inplace or type(negative_slope) is not float:
        return None
    return direct(LeakyRelu, input, {"slope": negative_slope}, "f")


@shortcut(_short_leaky_relu)
@overridable
def leaky_relu(input, negative_slope=0.01, inplace=False):
    """input where it is positive, else negative_slope * input."""
    numbers("leaky_relu", negative_slope=negative_slope)
    x = floating("leaky_relu_cpu", "leaky_relu", input)
    return run(LeakyRelu, x, inplace, "leaky_relu_", LeakyReluInPlace, slope=negative_slope)


def _short_hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    if inplace or not type(min_val) is type(max_val) is float or min_val > max_val:
        return None
    return direct(Hardtanh, input, {"low": min_val, "high": max_val}, "f")


@shortcut(_short_hardtanh)
@overridable
def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """input limited to [min_val, max_val]."""
    numbers("hardtanh", min_val=min_val, max_val=max_val)
    if min_val > max_val:
        raise ValueError(
            f"min_val cannot be greater than max_val\nGiven were {min_val} and {max_val}."
        )
    x = real("hardtanh", input)
    if x._a.dtype.kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
    return run(Hardtanh, x, inplace, "hardtanh_", low=min_val, high=max_val)


def relu6(input, inplace=False):
    """min(max(input, 0), 6), elementwise."""
    return hardtanh(input, 0, 6, inplace)


@overridable
def threshold(input, threshold, value, inplace=False):
    """input where it is larger than threshold, else value."""
    numbers("threshold", threshold=threshold, value=value)
    x = real("threshold", input)
    kw = {"threshold": threshold, "value": value}
    return run(Threshold, x, inplace, "threshold_", ThresholdInPlace, **kw)


@overridable
def hardsigmoid(input, inplace=False):
    """min(max(input + 3, 0), 6) / 6, elementwise."""
    x = floating("hardsigmoid_cpu", "hardsigmoid", input)
    return run(Hardsigmoid, x, inplace, "hardsigmoid_")


@overridable
def hardswish(input, inplace=False):
    """input * min(max(input + 3, 0), 6) / 6, elementwise."""
    return run(Hardswish, floating("hardswish_cpu", "hardswish", input), inplace, "hardswish_")


@overridable
def hardshrink(input, lambd=0.5, *, out=None):
    """input where its absolute value exceeds lambd, else 0."""
    numbers("hardshrink", lambd=lambd)
    result = apply(Hardshrink, floating("hardshrink_cpu", "hardshrink", input), lambd=lambd)
    return result if out is None else write_out("hardshrink", out, result)


@overridable
def softshrink(input, lambd=0.5, *, out=None):
    """input moved towards 0 by lambd, at most to 0."""
    numbers("softshrink", lambd=lambd)
    x = floating("softshrink_cpu", "softshrink", input)
    if lambd < 0:
        largest = np.finfo(x._a.dtype).max
        raise RuntimeError(
            f"lambda must be in range [0, {largest:g}] for input dtype {legacy_name(x._a.dtype)}, "
            f"but found {lambd:g}"
        )
    result = apply(Softshrink, x, lambd=lambd)
    return result if out is None else write_out("softshrink", out, result)


@overridable
def prelu(input, weight):
    """input where it is positive, else weight * input, with one weight or one a channel (dim 1)."""
    x, w = tensor("prelu", input), tensor("prelu", weight, 2, "weight")
    if w._a.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w._a.ndim}"
        )
    if w._a.size != 1:
        channels = x._a.shape[1] if x._a.ndim > 1 else 1
        if x._a.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        if channels != w._a.size:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{w._a.size} and channel size = {channels}."
            )
    x, w = promoted((x, w)) if x._a.dtype != w._a.dtype else (x, w)
    if x._a.ndim != w._a.ndim:
        shape = tuple(w._a.size if i == 1 else 1 for i in range(x._a.ndim))
        w = view(View, w, w._a.reshape(shape), {"shape": shape})
    return apply(Prelu, x, w)


def _slopes(a: Any, lower: float, upper: float) -> Any:
    """Random slopes where `a` is not positive, else 1."""
    held = settled(a)
    if type(held) is not ndarray or (not PLAIN and each_its_own()):
        slope = drawn(lambda shape: draws("rrelu").uniform(shape, a.dtype, lower, upper), a.shape)
        return where(a <= 0, slope, np.ones((), a.dtype))
    slope = np.ones(held.shape, held.dtype)
    below = held <= 0
    count = int(np.count_nonzero(below))
    slope[below] = draws("rrelu").uniform((count,), np.float64, lower, upper)
    return slope


@overridable
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """input where positive, else a * input; in training a is drawn from [lower, upper]."""
    numbers("rrelu", lower=lower, upper=upper)
    if lower > upper:
        raise RuntimeError(
            "Lower bound should be less than or equal to the upper bound\n"
            f"Given were {lower} and {upper}."
        )
    x = floating("rrelu_with_noise_out_cpu", "rrelu", input)
    if not training:
        slope = np.full((), (lower + upper) / 2, x._a.dtype)
    else:
        slope = _slopes(x._a, lower, upper)
    if not inplace:
        return apply(Rrelu, x, slope)

    def compute(t):
        return apply(RreluInPlace, t, slope)

    return write_in_place(compute, x, name="rrelu_")


# --- curves ---------------------------------------------------------------------------------------


@overridable
def elu(input, alpha=1.0, inplace=False):
    """input where it is positive, else alpha * (exp(input) - 1)."""
    numbers("elu", alpha=alpha)
    x = floating("elu_cpu", "elu", input)
    kw = {"alpha": alpha, "scale": 1.0, "input_scale": 1.0}
    return run(Elu, x, inplace, "elu_", EluInPlace, **kw)


#: the fixed point of mean and variance (Klambauer et al., "Self-normalizing neural networks", 2017)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@overridable
def selu(input, inplace=False):
    """scale * elu(input, alpha) with the constants of self-normalizing networks."""
    x = floating("elu_cpu", "selu", input)
    kw = {"alpha": SELU_ALPHA, "scale": SELU_SCALE, "input_scale": 1.0}
    return run(Elu, x, inplace, "selu_", EluInPlace, **kw)


@overridable
def celu(input, alpha=1.0, inplace=False):
    """max(input, 0) + min(0, alpha * (exp(input / alpha) - 1))."""
    numbers("celu", alpha=alpha)
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    x = floating("elu_cpu", "celu", input)
    kw = {"alpha": alpha, "scale": 1.0, "input_scale": 1.0 / alpha}
    return run(Celu, x, inplace, "celu_", CeluInPlace, **kw)


def _short_softplus(input, beta=1.0, threshold=20.0):
    if type(beta) not in NUMBERS or type(threshold) not in NUMBERS:
        return None
    return direct(Softplus, input, {"beta": beta, "threshold": threshold}, "f")


@shortcut(_short_softplus)
@overridable
def softplus(input, beta=1.0, threshold=20.0, *, out=None):
    """log(1 + exp(beta * input)) / beta; input itself where beta * input exceeds threshold."""
    numbers("softplus", beta=beta, threshold=threshold)
    x = floating("softplus_cpu", "softplus", input)
    result = apply(Softplus, x, beta=beta, threshold=threshold)
    return result if out is None else write_out("softplus", out, result)


@overridable
def logsigmoid(input, *, out=None):
    """log(1 / (1 + exp(-input))), elementwise."""
    result = apply(LogSigmoid, floating("log_sigmoid_cpu", "logsigmoid", input))
    return result if out is None else write_out("logsigmoid", out, result)


@shortcut(lambda input, inplace=False: None if inplace else direct(Silu, input, kinds="f"))
@overridable
def silu(input, inplace=False):
    """input * sigmoid(input), elementwise."""
    return run(Silu, floating("silu_cpu", "silu", input, complex_too=True), inplace, "silu_")


@overridable
def mish(input, inplace=False):
    """input * tanh(softplus(input)), elementwise."""
    return run(Mish, floating("mish_cpu", "mish", input), inplace, "mish_")


@shortcut(lambda input: direct(Gelu, input, kinds="f"))
@overridable
def gelu(input, *, approximate="none", out=None):
    """input times the normal distribution function of input, or approximate="tanh"."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(
            f"approximate argument must be either none or tanh.\nGiven was {approximate!r}."
        )
    x = floating("GeluKernelImpl", "gelu", input)
    result = apply(GeluTanh if approximate == "tanh" else Gelu, x)
    return result if out is None else write_out("gelu", out, result)


def softsign(input):
    """input / (1 + |input|), elementwise."""
    return elementwise.div(input, elementwise.add(rounding.abs(input), 1))


def tanhshrink(input):
    """input - tanh(input), elementwise."""
    return elementwise.sub(input, transcendental.tanh(input))


@overridable
def glu(input, dim=-1):
    """a * sigmoid(b), where a and b are the halves of input along `dim`."""
    x = floating("glu_cpu", "glu", input)
    if x._a.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = one_dim(dim, x._a.ndim, "glu")
    if x._a.shape[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {x._a.shape[axis]}"
        )
    return apply(Glu, x, axis=axis)


# --- in place -------------------------------------------------------------------------------------


def leaky_relu_(input, negative_slope=0.01):
    """leaky_relu in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """hardtanh in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


_threshold = threshold


def threshold_(input, threshold, value):
    """threshold in place."""
    return _threshold(input, threshold, value, inplace=True)


def elu_(input, alpha=1.0):
    """elu in place."""
    return elu(input, alpha, inplace=True)


def selu_(input):
    """selu in place."""
    return selu(input, inplace=True)


def celu_(input, alpha=1.0):
    """celu in place."""
    return celu(input, alpha, inplace=True)


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """rrelu in place."""
    return rrelu(input, lower, upper, training, inplace=True)
