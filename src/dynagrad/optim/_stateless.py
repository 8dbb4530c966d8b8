"""A step of an optimizer on other parameters and another state than its own. Imports optimizer."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer

__all__ = ["swap_in_optimizer_params_and_state"]

_NAME = "swap_in_optimizer_params_and_state"


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Give an optimizer other parameters, in the order of its own, and the state and groups of a
    `state_dict()`, until the context ends.

    The step writes the tensors that were given; whatever else it changes is forgotten. Raises
    RuntimeError where they do not fit the optimizer's groups, or where it has no state yet.
    """
    state, groups = _checked(optimizer, swapin_optim_state)
    given = list(swapin_parameters.values())
    if len(given) < sum(len(group["params"]) for group in groups):
        raise RuntimeError(
            f"{_NAME} requires the explicit parameter state to match optimizer.param_groups "
            f"ordering.\nIt was given {len(given)} parameters."
        )
    own_state, own_groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    optimizer.state = defaultdict(dict)
    try:
        start = 0
        for group, other in zip(optimizer.param_groups, groups, strict=True):
            numbers = other["params"]
            params = given[start : start + len(numbers)]
            start += len(numbers)
            group.update({**other, "params": params})
            for number, p in zip(numbers, params, strict=True):
                if number in state:
                    optimizer.state[p] = dict(state[number])
        yield
    finally:
        optimizer.state = own_state
        for group, own in zip(optimizer.param_groups, own_groups, strict=False):
            group.clear()
            group.update(own)


def _checked(optimizer: Optimizer, saved: Any) -> tuple[dict[Any, Any], list[dict[str, Any]]]:
    """The state and the groups of a state dict that fits the optimizer."""
    if not optimizer.state:
        raise RuntimeError(f"{_NAME} requires initialized optimizer state.\nTake a step first.")
    if not isinstance(saved, dict):
        raise RuntimeError(f"{_NAME} requires a DCP-style optimizer state_dict.")
    state, groups = saved.get("state"), saved.get("param_groups")
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter "
            f"ids to per-param state dicts, got {type(state).__name__}."
        )
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['param_groups'] to be a list of param-group "
            f"dicts, got {type(groups).__name__}."
        )
    if len(groups) != len(optimizer.param_groups):
        raise RuntimeError(
            "swapin_optim_state has a different number of parameter groups than the live "
            f"optimizer.\nIt has {len(groups)}, the optimizer {len(optimizer.param_groups)}."
        )
    for i, (own, other) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        _check_group(i, own, other)
    numbers = {number for group in groups for number in group["params"]}
    extra = [key for key in state if key not in numbers]
    if extra:
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be keyed only by packed parameter "
            f"ids from param_groups[*]['params']; got extra keys {extra!r}."
        )
    return state, groups


def _check_group(i: int, own: dict[str, Any], other: Any) -> None:
    if not isinstance(other, dict):
        raise RuntimeError(f"{_NAME} requires each optimizer param group to be a dictionary.")
    numbers = other.get("params")
    if not (isinstance(numbers, list) and all(isinstance(n, int) for n in numbers)):
        raise RuntimeError(
            f"{_NAME} requires optimizer.state_dict()-style param_groups[*]['params'] entries "
            "keyed by packed parameter ids."
        )
    if len(numbers) != len(own["params"]):
        raise RuntimeError(
            f"swapin_optim_state param group {i} has a different number of params than the live "
            f"optimizer param group.\nIt has {len(numbers)}, the optimizer {len(own['params'])}."
        )
    more, less = [k for k in other if k not in own], [k for k in own if k not in other]
    if more or less:
        raise RuntimeError(
            f"{_NAME} requires optimizer.state_dict()-style param group keys to exactly match the "
            f"live optimizer group keys for group {i}. Keys only in swap-in: {more}. Keys only in "
            f"live: {less}."
        )
