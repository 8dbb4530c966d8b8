"""Random tensors and random fills, with PyTorch's streams: rand, randn, randint, bernoulli, ..."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import note, recording
from ..core.carriers.memory import store
from ..core.complaints import broadcast_error, legacy_name, refuse_out
from ..core.dtype import FLOATING, category, preserve_format
from ..core.overrides import explained, overridable
from ..core.quiet import quietly
from ..core.tape import Node, node_class
from ..core.tensor import Tensor, edge_of, wrap
from ..core.watch import PLAIN
from ..ops import conversion as ops
from ..ops.layout import dense
from ..ops.layout import empty_like as memory_like
from ..ops.rule import RULES
from ..ops.shape import broadcast_to, cast
from .arguments import no_kernel, whole
from .arguments import tensor as need_tensor
from .creation import like
from .factory import (
    INT64,
    check_options,
    default_float,
    into,
    made,
    need_gradients,
    shape_of,
    type_of,
)
from .generator import draws
from .sampling import drawn, drawn_from, drawn_like, each_its_own, permutations

__all__ = [
    "bernoulli",
    "binomial",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]

DISCARD = RULES[ops.discard]
Bernoulli = node_class("BernoulliBackward0", DISCARD)
BernoulliOfScalar = node_class("NotImplemented", DISCARD)
Binomial = node_class("NotImplemented", DISCARD)
Poisson = node_class("PoissonBackward0", DISCARD)
NormalOfMean = node_class("NormalBackward1", DISCARD)
NormalOfStd = node_class("NormalBackward2", DISCARD)
NormalOfBoth = node_class("NormalBackward3", DISCARD)

# --- new tensors -----------------------------------------------------------------------------


@explained
def rand(
    *shape,
    size=None,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    names=None,
):
    """Uniform values in [0, 1): rand(2, 3), rand((2, 3))."""
    check_options("rand", device, layout, pin_memory)
    sizes = shape_of("rand", shape, size)
    d = type_of("rand", dtype, default_float() if out is None else out._a.dtype)
    stream = draws("rand", generator)
    if out is not None:
        fill = stream.uniform
        return _filled("rand", out, sizes, lambda a: fill(out=a), dtype, requires_grad)
    return made(drawn(lambda shape: stream.rand(shape, d), sizes), requires_grad)


@explained
def randn(
    *shape,
    size=None,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    names=None,
):
    """Normal values of mean 0 and variance 1: randn(2, 3), randn((2, 3))."""
    check_options("randn", device, layout, pin_memory)
    sizes = shape_of("randn", shape, size)
    d = type_of("randn", dtype, default_float() if out is None else out._a.dtype)
    stream = draws("randn", generator)
    if out is not None:
        fill = stream.normal
        return _filled("randn", out, sizes, lambda a: fill(out=a), dtype, requires_grad)
    return made(drawn(lambda shape: stream.randn(shape, d), sizes), requires_grad)


def _bounds(name: str, given: tuple, low: Any, high: Any) -> tuple[int, int]:
    """The bounds in f(high), f(low, high), f(high=...), f(low=..., high=...)."""
    if len(given) == 1:
        low, high = (low, given[0]) if high is None else (given[0], high)
    elif len(given) == 2:
        low, high = given
    low = 0 if low is None else low
    return whole(name, low, "low", 1), whole(name, high, "high", len(given) or 1)


@explained
def randint(
    *args,
    low=None,
    high=None,
    size=None,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Integers low <= n < high: randint(high, size), randint(low, high, size); int64 by default."""
    check_options("randint", device, layout, pin_memory)
    if size is None and len(args) > 1:
        *args, size = args
    if not isinstance(size, list | tuple) or len(args) > 2:
        raise TypeError(
            f"randint(): argument 'size' (position {len(args) + 1}) must be tuple of ints, not "
            f"{type(size).__name__}\nUse randint(high, (2, 3)) or randint(low, high, (2, 3))."
        )
    first, last = _bounds("randint", tuple(args), low, high)
    sizes = shape_of("randint", (size,))
    d = type_of("randint", dtype, INT64 if out is None else out._a.dtype)
    stream = draws("randint", generator)
    array = drawn(lambda shape: stream.randint(first, last, shape, d), sizes)
    if out is not None:
        return into("randint", out, array, dtype, requires_grad)
    return made(array, requires_grad)


@explained
def randperm(
    n,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The integers 0 to n - 1 in random order; int64 by default."""
    check_options("randperm", device, layout, pin_memory)
    count = whole("randperm", n, "n", 1)
    d = type_of("randperm", dtype, INT64 if out is None else out._a.dtype)
    stream = draws("randperm", generator)
    array = drawn(lambda shape: permutations(lambda: stream.randperm(count, d), shape), (count,))
    if out is not None:
        return into("randperm", out, array, dtype, requires_grad)
    return made(array, requires_grad)


@overridable
def rand_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=preserve_format,
):
    """Uniform values in [0, 1) with the shape, dtype and layout of `input`."""
    stream = draws("rand_like", generator)
    a, d, axes = like("rand_like", input, dtype, layout, device, pin_memory, memory_format)
    return made(drawn_like(a, lambda out: stream.uniform(out=out), d, axes), requires_grad)


@overridable
def randn_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=preserve_format,
):
    """Normal values of mean 0 and variance 1 with the shape, dtype and layout of `input`."""
    stream = draws("randn_like", generator)
    a, d, axes = like("randn_like", input, dtype, layout, device, pin_memory, memory_format)
    return made(drawn_like(a, lambda out: stream.normal(out=out), d, axes), requires_grad)


@overridable
def randint_like(
    input,
    *bounds,
    low=None,
    high=None,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=preserve_format,
):
    """Integers low <= n < high with the shape, dtype and layout of `input`."""
    a, d, axes = like("randint_like", input, dtype, layout, device, pin_memory, memory_format)
    first, last = _bounds("randint_like", bounds, low, high)
    stream = draws("randint_like", generator)

    def fill(out):
        return stream.random(low=first, high=last, out=out)

    return made(drawn_like(a, fill, d, axes), requires_grad)


# --- distributions given by tensors ----------------------------------------------------------


def drawn_and_recorded(cls: type[Node], array: Any, *inputs: Tensor) -> Tensor:
    """A random result; its gradient is zero, yet it is recorded as PyTorch records it."""
    t = wrap(array)
    if recording():
        edges = tuple([edge_of(x) for x in inputs])
        if any(edge is not None for edge in edges):
            t._e = note(cls, edges, inputs, [x._a for x in inputs], (array,), {})
    return t


def _result(name: str, t: Tensor, out: Any) -> Tensor:
    if out is None:
        return t
    refuse_out(name, t._a.dtype, need_tensor(name, out, argument="out")._a.dtype)
    return into(name, out, t._a, None)


def _filled(
    name: str, out: Tensor, sizes: Any, fill: Callable, dtype: Any, requires_grad: bool = False
) -> Tensor:
    """Random values in `out=`, drawn in the order of its memory, which `fill` writes."""
    into(name, out, np.empty(sizes, out._a.dtype), dtype)
    if type(out._a) is ndarray and (PLAIN or not each_its_own()):
        fill(out._a)
    else:
        store(out, drawn(lambda shape: fill(np.empty(shape, out._a.dtype)), out._a.shape))
    return need_gradients(out) if requires_grad else out


@overridable
def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability that `input` holds (or the number p), else 0, in its dtype."""
    need_tensor("bernoulli", input)
    stream = draws("bernoulli", generator)
    a = input._a
    if p is None and out is not None and type(a) is ndarray:
        return _filled("bernoulli", out, a.shape, lambda b: stream.bernoulli(a, out=b), None)

    def draw(x, limits=None):
        limits = x if limits is None else limits
        return stream.bernoulli(limits, out=memory_like(x, x.dtype))

    if p is None:
        result = drawn_and_recorded(Bernoulli, drawn_from(draw, a), input)
    elif isinstance(p, Tensor):
        result = drawn_and_recorded(Bernoulli, drawn_from(draw, a, p._a), input, p)
    else:
        chance = float(p)
        array = drawn_like(a, lambda out: stream.bernoulli(chance, out=out), a.dtype)
        result = drawn_and_recorded(BernoulliOfScalar, array, input)
    return _result("bernoulli", result, out)


@overridable
def poisson(input, generator=None):
    """A Poisson count for each rate in `input`, in its dtype."""
    need_tensor("poisson", input)
    counts = drawn_from(draws("poisson", generator).poisson, input._a)
    return drawn_and_recorded(Poisson, counts, input)


@overridable
def binomial(count, prob, generator=None):
    """How many of `count` trials succeed, each with the chance `prob`; of the dtype of `count`."""
    trials = need_tensor("binomial", count, 1, "count")
    chances = need_tensor("binomial", prob, 2, "prob")
    for name, a in (("count", trials._a), ("prob", chances._a)):
        if category(a.dtype) != FLOATING:
            raise ValueError(
                f"binomial only supports floating-point dtypes for {name}, got: "
                f"{legacy_name(a.dtype)}\nConvert it first, as in x.float()."
            )
    if trials._a.dtype != chances._a.dtype:
        raise RuntimeError(
            f"Found dtype {legacy_name(chances._a.dtype)} but expected "
            f"{legacy_name(trials._a.dtype)}\nBoth tensors must have one dtype."
        )
    if trials._a.dtype.itemsize < 4:
        raise no_kernel("binomial_cpu", trials._a.dtype)
    error = broadcast_error("binomial", [trials._a.shape, chances._a.shape])
    if error is not None:
        raise error
    draw = draws("binomial", generator).binomial
    return drawn_and_recorded(Binomial, drawn_from(draw, trials._a, chances._a), trials, chances)


@overridable
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices of the last dimension, drawn in proportion to the weights in each row of `input`."""
    need_tensor("multinomial", input)
    count = whole("multinomial", num_samples, "num_samples", 2)
    stream = draws("multinomial", generator)

    def draw(weights):
        rows = weights if weights.ndim < 3 else weights.reshape(-1, weights.shape[-1])
        if 0 in rows.strides:  # the order in which PyTorch draws for what is broadcast
            rows = dense(rows)
        indices = quietly(stream.multinomial, rows, count, bool(replacement))
        return np.ascontiguousarray(indices).reshape(*weights.shape[:-1], count)

    if input._a.ndim > 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    return _result("multinomial", wrap(drawn_from(draw, input._a)), out)


@overridable
def normal(
    mean,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Normal values: mean or std are tensors, one value for each element; or numbers and `size`."""
    check_options("normal", device, layout, pin_memory)
    stream = draws("normal", generator)
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        return _normal_of_tensors(stream, mean, std, out)
    if size is None:
        raise TypeError(
            "normal() received an invalid combination of arguments: two numbers without a size.\n"
            "Use normal(mean, std, (2, 3)), or give tensors."
        )
    sizes = shape_of("normal", (size,), position=3)
    d = type_of("normal", dtype, default_float() if out is None else out._a.dtype)
    center, width = float(mean), float(std)
    if out is None:
        array = drawn(lambda shape: stream.normal(shape, d, center, width), sizes)
        return made(array, requires_grad)

    def fill(a):
        return stream.normal(mean=center, std=width, out=a)

    return _filled("normal", out, sizes, fill, dtype, requires_grad)


def _normal_of_tensors(stream: Any, mean: Any, std: Any, out: Any) -> Tensor:
    given: list[Any] = [x for x in (mean, std) if isinstance(x, Tensor)]
    if len(given) == 2:
        error = broadcast_error("normal", [x._a.shape for x in given])
        if error is not None:
            raise error
        cls, center, width = NormalOfBoth, None, None
    elif isinstance(mean, Tensor):
        cls, center, width = NormalOfMean, None, float(std)
    else:
        cls, center, width = NormalOfStd, float(mean), None

    def draw(*arrays):
        m = arrays[0] if center is None else center
        s = arrays[-1] if width is None else width
        return np.asarray(stream.normal(mean=m, std=s))

    arrays = [x._a for x in given]
    if isinstance(out, Tensor) and isinstance(mean, Tensor) and len(given) == 1:
        # PyTorch takes the number std for a tensor of out's shape
        error = broadcast_error("normal", [arrays[0].shape, out._a.shape])
        if error is not None:
            raise error
        full = np.broadcast_shapes(arrays[0].shape, out._a.shape)
        arrays = [broadcast_to(arrays[0], shape=full)]
    if isinstance(out, Tensor) and category(out._a.dtype) >= FLOATING:
        arrays = [cast(a, dtype=out._a.dtype) for a in arrays]
    array = drawn_from(draw, *arrays)
    return _result("normal", drawn_and_recorded(cls, array, *given), out)
