"""LRScheduler, the base of the learning-rate schedules. Imports optimizer."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..core.quiet import warn
from ..core.tensor import Tensor, wrap
from ..core.watch import overriding, watched_call, watchers
from .optimizer import Optimizer
from .updates import number

#: where PyTorch keeps what this file and `cycles` define
HOME = f"{__name__.rpartition('.')[0]}.lr_scheduler"

_ORDER = (
    "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)
_TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, "
    "you should call them in "
    "the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will "
    "result in PyTorch skipping "
    f"the first value of the learning rate schedule. {_ORDER}"
)
_OVERRIDDEN = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
    "initialization. Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. "
    f"{_ORDER}"
)
_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use "
    "`scheduler.step()` to step the scheduler."
)
_OUTSIDE = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`."


def takes_step(step: Callable) -> Callable:
    """A scheduler's `step`, which watchers may take in their own way."""

    @wraps(step)
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        if overriding and watchers.get():
            answer = watched_call(watched, (self, *args), kwargs)
            if answer is not NotImplemented:
                return answer
        return step(self, *args, **kwargs)

    watched.takes_step = True  # pyright: ignore[reportAttributeAccessIssue]
    return watched


def copied(value: Any) -> Any:
    """A rate that later writes do not reach: a tensor is copied."""
    return wrap(value._a.copy()) if isinstance(value, Tensor) else value


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """An option of all groups."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_option(group: dict[str, Any], key: str, value: Any) -> None:
    """Set a group's option; one that is a tensor is written in place."""
    if isinstance(group[key], Tensor):
        group[key]._a[...] = number(value)
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group, from such a list or from one for all."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [copied(value) for _ in range(groups)]
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            "values, param_groups has "
            f"{groups}."
        )
    return [copied(v) for v in value]


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError unless it is an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def warn_if_outside(scheduler: "LRScheduler") -> None:
    """Warn where `get_lr()` is called by a user, who means `get_last_lr()`."""
    if not scheduler._get_lr_called_within_step:
        warn(_OUTSIDE)


def warn_of_epoch() -> None:
    """Warn of `scheduler.step(epoch)`."""
    warn(_EPOCH)


class LRScheduler:
    """The base of all schedules: `step()` sets the next rate of every group of the optimizer.

    `last_epoch`: -1 to start; otherwise the epoch from which a run goes on, and the groups must
    hold "initial_lr". A subclass defines `get_lr()`, which returns the rates of epoch
    `self.last_epoch`, one a group.
    """

    __module__ = HOME
    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0.\n"
                    "Load the optimizer's state first (optimizer.load_state_dict), or begin with "
                    "last_epoch=-1."
                )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All of the schedule but its optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a `state_dict()`."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates in force, one a group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates of epoch `last_epoch`, one a group."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    @takes_step
    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, after the optimizer's steps in this one."""
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            own = hasattr(self.optimizer.step, "hooked")
            warn(_TOO_EARLY if own else _OVERRIDDEN)
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = getattr(self, "_get_closed_form_lr", None)
        self._set_rates(self.get_lr if epoch is None or closed is None else closed)

    def _set_rates(self, compute: Any) -> None:
        self._get_lr_called_within_step = True
        try:
            rates = compute()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_option(group, "lr", rate)
        self._last_lr = values_of(self.optimizer, "lr")

    def _rates(self) -> list[Any]:
        """The present rates."""
        return values_of(self.optimizer, "lr")

    def _times(self, factor: float) -> list[Any]:
        """The present rates times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]
