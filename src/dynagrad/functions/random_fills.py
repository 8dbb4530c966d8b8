"""Random values written into a tensor: uniform_, normal_, random_, bernoulli_, ...

A fill of a tensor with history is recorded: the gradient of what was overwritten is zero.
"""

from typing import Any

from numpy import ndarray

from ..core.carriers.memory import store
from ..core.overrides import overridable
from ..core.tape import node_class
from ..core.tensor import Tensor
from ..core.views import write
from ..core.watch import PLAIN
from ..ops import conversion as ops
from ..ops.rule import RULES
from ..ops.shape import broadcast_to
from .arguments import whole
from .generator import draws
from .sampling import drawn_from, each_its_own, fill_in_place

DISCARD = RULES[ops.discard]
Uniform = node_class("UniformBackward0", DISCARD)
Normal = node_class("NormalBackward0", DISCARD)
RandomFromTo = node_class("RandomBackward0", DISCARD)
RandomTo = node_class("RandomBackward1", DISCARD)
Random = node_class("RandomBackward2", DISCARD)
BernoulliByTensor = node_class("BernoulliBackward1", DISCARD)
BernoulliByNumber = node_class("BernoulliBackward2", DISCARD)
Exponential = node_class("ExponentialBackward0", DISCARD)
Cauchy = node_class("CauchyBackward0", DISCARD)
LogNormal = node_class("LogNormalBackward0", DISCARD)
Geometric = node_class("GeometricBackward0", DISCARD)


def _number(name: str, value: Any, position: int, argument: str) -> Any:
    """A number, also from a tensor without dimensions."""
    if isinstance(value, Tensor) and value._a.ndim == 0:
        return value._a.item()
    if isinstance(value, int | float):
        return value
    raise TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be float, not "
        f"{type(value).__name__}\nGive a number."
    )


def _from_keyword(name: str, low: Any, other: dict) -> Any:
    """The lower bound, which PyTorch calls `from`: a word that Python does not take as a name."""
    if "from" in other:
        low = other.pop("from")
    if other:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(other))}'")
    return low


@overridable
def uniform_(self, low=0.0, to=1.0, *, generator=None, **other):
    """Fill with uniform values in [low, to)."""
    low = _number("uniform_", _from_keyword("uniform_", low, other), 1, "from")
    to = _number("uniform_", to, 2, "to")
    stream = draws("uniform_", generator)
    return fill_in_place(
        Uniform, self, lambda a: stream.uniform(low=low, high=to, out=a), "uniform_"
    )


@overridable
def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal values of this mean and standard deviation."""
    mean, std = _number("normal_", mean, 1, "mean"), _number("normal_", std, 2, "std")
    stream = draws("normal_", generator)
    return fill_in_place(
        Normal, self, lambda a: stream.normal(mean=mean, std=std, out=a), "normal_"
    )


@overridable
def random_(self, *bounds, to=None, generator=None, **other):
    """Fill with integers: random_() over the dtype's range, random_(to), random_(low, to)."""
    low = _from_keyword("random_", None, other)
    if len(bounds) == 2 or (len(bounds) == 1 and to is not None):
        low, to = (*bounds, to)[:2]
    elif bounds:
        to = bounds[0]
    cls = Random if to is None and low is None else RandomTo if low is None else RandomFromTo
    first = None if low is None else whole("random_", low, "from", 1)
    last = None if to is None else whole("random_", to, "to", 1 if first is None else 2)
    if first is None and last is not None:
        first = 0
    stream = draws("random_", generator)
    return fill_in_place(cls, self, lambda a: stream.random(low=first, high=last, out=a), "random_")


@overridable
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1 of probability p, a number or a tensor of probabilities, else 0."""
    stream = draws("bernoulli_", generator)
    if isinstance(p, Tensor):
        probabilities, a = p._a, self._a

        def kernel():
            if type(a) is type(probabilities) is ndarray and (PLAIN or not each_its_own()):
                stream.bernoulli(probabilities, out=a)
            else:
                limits = broadcast_to(probabilities, shape=a.shape)
                store(self, drawn_from(stream.bernoulli, limits))

        return write(BernoulliByTensor, self, kernel, (self, p), {}, "bernoulli_")
    value = _number("bernoulli_", p, 1, "p")
    return fill_in_place(
        BernoulliByNumber, self, lambda a: stream.bernoulli(value, out=a), "bernoulli_"
    )


@overridable
def exponential_(self, lambd=1.0, *, generator=None):
    """Fill with exponential values of rate lambd."""
    rate = _number("exponential_", lambd, 1, "lambd")
    stream = draws("exponential_", generator)
    return fill_in_place(
        Exponential, self, lambda a: stream.exponential(lambd=rate, out=a), "exponential_"
    )


@overridable
def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill with Cauchy values: median + sigma tan(pi (u - 1/2)), u uniform."""
    median, sigma = _number("cauchy_", median, 1, "median"), _number("cauchy_", sigma, 2, "sigma")
    stream = draws("cauchy_", generator)
    return fill_in_place(
        Cauchy, self, lambda a: stream.cauchy(median=median, sigma=sigma, out=a), "cauchy_"
    )


@overridable
def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fill with values whose logarithm is normal, of this mean and standard deviation."""
    mean, std = _number("log_normal_", mean, 1, "mean"), _number("log_normal_", std, 2, "std")
    stream = draws("log_normal_", generator)
    return fill_in_place(
        LogNormal, self, lambda a: stream.log_normal(mean=mean, std=std, out=a), "log_normal_"
    )


@overridable
def geometric_(self, p, *, generator=None):
    """Fill with the numbers of trials until the first success, of probability p."""
    value = _number("geometric_", p, 1, "p")
    stream = draws("geometric_", generator)
    return fill_in_place(Geometric, self, lambda a: stream.geometric(value, out=a), "geometric_")
