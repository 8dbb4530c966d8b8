"""The base of all distributions: shapes, checks of parameters and values, what follows from them;
as torch.distributions.distribution.
"""

from typing import Any, ClassVar

from ..autograd.grad_mode import no_grad
from ..core.dtype import Size
from ..core.quiet import warn
from ..core.tensor import Tensor
from .constraints import Constraint, is_dependent
from .utils import EMPTY, lazy_property, plain_shape

__all__ = ["Distribution"]

#: what subclasses override by properties or by constants
overridden: Any = property


class Distribution:
    """A probability distribution over values of shape `event_shape`, one for each place of
    `batch_shape`.

    A subclass gives `arg_constraints` and `support`, and overrides what it knows of `rsample` (or
    `sample`), `log_prob`, `cdf`, `icdf`, `entropy`, `mean`, `mode`, `variance`, `enumerate_support`
    and `expand`. With validate_args (the default, unless Python runs with -O) parameters and values
    are checked: ValueError.
    """

    has_rsample: Any = False
    has_enumerate_support = False
    _validate_args: bool = __debug__
    #: parameters that `expand` broadcasts, each with the number of its event dimensions (None: a
    #: subclass writes its own `expand`); those that an instance has not got are passed over
    _expanded: ClassVar[dict[str, int] | None] = None
    #: attributes that are distributions of the same batch shape, and those that are only handed on
    _parts: ClassVar[tuple[str, ...]] = ()
    _kept: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their arguments unless told otherwise."""
        if value not in (True, False):
            raise ValueError(f"validate_args is True or False, not {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Any = EMPTY, event_shape: Any = EMPTY, validate_args: Any = None
    ):
        self._batch_shape = batch_shape
        self._event_shape = event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _check_parameters(self) -> None:
        try:
            arg_constraints = self.arg_constraints
        except NotImplementedError:
            arg_constraints = {}
            warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = "
                "{}` or initialize the distribution with `validate_args=False` to turn off "
                "validation."
            )
        for name, constraint in arg_constraints.items():
            if is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(
                getattr(type(self), name, None), lazy_property
            ):
                continue  # made from the other parameter, which is checked
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distribution with its batch broadcast to `batch_shape`, without copying."""
        if self._expanded is None:
            raise NotImplementedError
        new = self._instance_for(_instance)
        batch_shape = plain_shape(batch_shape)
        self._expand_parts(new, batch_shape)
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _instance_for(self, _instance: Any) -> Any:
        """An empty instance, made as this library's class in the line of bases is."""
        package = Distribution.__module__.rpartition(".")[0]
        owner = next(
            c for c in type(self).__mro__ if getattr(c, "__module__", "").startswith(package)
        )
        return self._get_checked_instance(owner, _instance)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        """Give `new` what this one has, broadcast."""
        for name, event_dim in (self._expanded or {}).items():
            if name in self.__dict__:
                value = self.__dict__[name]
                own = tuple(value.shape)[value.dim() - event_dim :]
                setattr(new, name, value.expand((*batch_shape, *own)))
        for name in self._parts:
            setattr(new, name, getattr(self, name).expand(batch_shape))
        for name in self._kept:
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name])

    @property
    def batch_shape(self) -> Any:
        """The shape of the batch: one distribution for each place."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """The shape of one value."""
        return self._event_shape

    @overridden
    def arg_constraints(self) -> Any:
        """A dictionary from the parameters' names to their constraints."""
        raise NotImplementedError

    @overridden
    def support(self) -> Any:
        """The constraint that values satisfy."""
        raise NotImplementedError

    @overridden
    def mean(self) -> Any:
        """The mean."""
        raise NotImplementedError

    @overridden
    def mode(self) -> Any:
        """The most probable value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @overridden
    def variance(self) -> Any:
        """The variance."""
        raise NotImplementedError

    @overridden
    def stddev(self) -> Any:
        """The standard deviation, the square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = EMPTY) -> Any:
        """Values of shape sample_shape + batch_shape + event_shape, without history."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = EMPTY) -> Any:
        """As `sample`, with gradients: the values are functions of the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Any:
        """n samples; deprecated: `sample((n,))`."""
        warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning)
        return self.sample(Size((n,)))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability, at a value."""
        raise NotImplementedError

    def cdf(self, value: Any) -> Any:
        """The probability of values up to this one."""
        raise NotImplementedError

    def icdf(self, value: Any) -> Any:
        """The inverse of `cdf`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values of a discrete distribution along a new first dimension; `expand=False`: with
        batch dimensions of size 1.
        """
        raise NotImplementedError

    def entropy(self) -> Any:
        """The entropy, in nats, for each place of the batch."""
        raise NotImplementedError

    def perplexity(self) -> Any:
        """e to the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Any = EMPTY) -> Size:
        """The shape of what a sample of this sample shape has."""
        return Size((*plain_shape(sample_shape), *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """ValueError unless `value` has a shape and values that log_prob and cdf take."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        shape, event = value.shape, self._event_shape
        first = len(shape) - len(event)
        if tuple(shape[max(first, 0) :]) != tuple(event):
            raise ValueError(
                f"The right-most size of value must match event_shape: {shape} vs {event}."
            )
        expected = Size((*self._batch_shape, *event))
        for i, j in zip(reversed(shape), reversed(expected), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {shape} vs "
                    f"{expected}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warn(
                f"{type(self)} does not define `support` to enable sample validation. Please "
                "initialize the distribution with `validate_args=False` to turn off validation."
            )
            return
        if not isinstance(support, Constraint):
            raise ValueError(f"support must be a Constraint, but it is {support!r}")
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({support!r}) of the distribution {self!r}, but found "
                f"invalid values:\n{value}"
            )

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """An empty instance for `expand`, whose class must not have another constructor."""
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    def __repr__(self) -> str:
        shown = [name for name in self.arg_constraints if name in self.__dict__]
        parts = []
        for name in shown:
            value = self.__dict__[name]
            parts.append(f"{name}: {value if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(parts)})"
