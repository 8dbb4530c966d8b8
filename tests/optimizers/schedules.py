"""Schedules of learning rates: every one of PyTorch's, with representative arguments."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch
from listed import Different, Missing, each, plain, refusal, signature, spread, together, unequal

import dynagrad

STEPS = 30
#: measured values that ReduceLROnPlateau is given: falling, then level, then rising
MEASURED = [1.0 - 0.05 * i for i in range(8)] + [0.6] * 14 + [0.6 + 0.01 * i for i in range(8)]

Make = Callable[[Any, Any], Any]  # (the module of schedules, an optimiser) -> a schedule


def halved(epoch: int) -> float:
    """A factor for LambdaLR."""
    return 0.5 ** (epoch // 4)


def shrunk(epoch: int) -> float:
    """A factor for MultiplicativeLR."""
    return 0.95 + 0.01 * (epoch % 3)


def wave(x: float) -> float:
    """A scale for CyclicLR."""
    return 1 / (1 + x)


def _plateau(**options: Any) -> Make:
    return lambda s, o: s.ReduceLROnPlateau(o, **options)


def _simple(name: str, *choices: dict[str, Any]) -> list[Make]:
    return [lambda s, o, options=options: getattr(s, name)(o, **options) for options in choices]


def _sequence(milestones: list[int]) -> Make:
    return lambda s, o: s.SequentialLR(
        o,
        [
            s.LinearLR(o, start_factor=0.1, total_iters=4),
            s.CosineAnnealingLR(o, T_max=10),
            s.ExponentialLR(o, gamma=0.9),
        ],
        milestones,
    )


WARM = {"T_0": 4}
SCHEDULES: dict[str, list[Make]] = {
    "LambdaLR": _simple(
        "LambdaLR", {"lr_lambda": halved}, {"lr_lambda": [halved, lambda e: 1 / (1 + e)]}
    ),
    "MultiplicativeLR": _simple(
        "MultiplicativeLR", {"lr_lambda": shrunk}, {"lr_lambda": [shrunk, lambda e: 0.9]}
    ),
    "StepLR": _simple("StepLR", {"step_size": 7}, {"step_size": 3, "gamma": 0.7}),
    "MultiStepLR": _simple(
        "MultiStepLR",
        {"milestones": [4, 9, 20]},
        {"milestones": [3, 3, 8], "gamma": 0.5},
        {"milestones": (12, 5), "gamma": 0.3},
    ),
    "ConstantLR": _simple("ConstantLR", {}, {"factor": 0.5, "total_iters": 11}),
    "LinearLR": _simple(
        "LinearLR",
        {},
        {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 12},
        {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 20},
    ),
    "ExponentialLR": _simple("ExponentialLR", {"gamma": 0.9}, {"gamma": 1.05}),
    "SequentialLR": [_sequence([4, 14]), _sequence([1, 25])],
    "CosineAnnealingLR": _simple(
        "CosineAnnealingLR", {"T_max": 10}, {"T_max": 7, "eta_min": 0.01}, {"T_max": 30}
    ),
    "ChainedScheduler": [
        lambda s, o: s.ChainedScheduler(
            [s.ConstantLR(o, factor=0.1, total_iters=4), s.ExponentialLR(o, gamma=0.9)], optimizer=o
        ),
        lambda s, o: s.ChainedScheduler(
            [s.StepLR(o, 3), s.CosineAnnealingLR(o, 9), s.LinearLR(o, total_iters=6)]
        ),
    ],
    "ReduceLROnPlateau": [
        _plateau(),
        _plateau(patience=2),
        _plateau(patience=1, factor=0.5, cooldown=2, min_lr=1e-3),
        _plateau(patience=0, mode="max", threshold=0.01, threshold_mode="abs"),
        _plateau(patience=1, min_lr=[0.01, 0.02], eps=1e-3),
    ],
    "CyclicLR": _simple(
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5},
        {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 4, "step_size_down": 7},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "mode": "triangular2"},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "mode": "exp_range", "gamma": 0.97},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "scale_fn": wave},
        {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 6, "cycle_momentum": False},
    ),
    "CosineAnnealingWarmRestarts": _simple(
        "CosineAnnealingWarmRestarts", WARM, {**WARM, "T_mult": 2}, {**WARM, "eta_min": 0.02}
    ),
    "OneCycleLR": _simple(
        "OneCycleLR",
        {"max_lr": 0.5, "total_steps": 31},
        {"max_lr": [0.5, 0.2], "epochs": 8, "steps_per_epoch": 4, "three_phase": True},
        {"max_lr": 0.5, "total_steps": 31, "anneal_strategy": "linear", "pct_start": 0.5},
        {"max_lr": 0.5, "total_steps": 31, "cycle_momentum": False, "div_factor": 5},
        {"max_lr": 0.5, "total_steps": 10},
    ),
    "PolynomialLR": _simple("PolynomialLR", {}, {"total_iters": 20, "power": 2.0}),
    "SWALR": [
        lambda s, o: s.SWALR(o, swa_lr=0.05),
        lambda s, o: s.SWALR(o, swa_lr=[0.05, 0.02], anneal_epochs=4, anneal_strategy="linear"),
    ],
}

#: arguments that PyTorch refuses
REFUSED: dict[str, list[Make]] = {
    "LambdaLR": _simple("LambdaLR", {"lr_lambda": [halved]}),
    "MultiplicativeLR": _simple("MultiplicativeLR", {"lr_lambda": [shrunk]}),
    "ConstantLR": _simple("ConstantLR", {"factor": 1.5}, {"factor": -1}),
    "LinearLR": _simple("LinearLR", {"start_factor": 0}, {"start_factor": 2}, {"end_factor": 3}),
    "SequentialLR": [
        lambda s, o: s.SequentialLR(o, [], []),
        lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3)], [2]),
        lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3), s.ReduceLROnPlateau(o)], [2, 4]),
    ],
    "ChainedScheduler": [lambda s, o: s.ChainedScheduler([])],
    "ReduceLROnPlateau": [
        _plateau(factor=1.0),
        _plateau(mode="other"),
        _plateau(threshold_mode="other"),
        _plateau(min_lr=[1.0]),
    ],
    "CyclicLR": _simple(
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.2, "mode": "other"},
        {"base_lr": [0.1], "max_lr": 0.2},
    ),
    "CosineAnnealingWarmRestarts": _simple(
        "CosineAnnealingWarmRestarts", {"T_0": 0}, {"T_0": 3, "T_mult": 0}, {"T_0": 1.5}
    ),
    "OneCycleLR": _simple(
        "OneCycleLR",
        {"max_lr": 0.1},
        {"max_lr": 0.1, "total_steps": -1},
        {"max_lr": 0.1, "epochs": 2},
        {"max_lr": 0.1, "total_steps": 9, "pct_start": 2},
        {"max_lr": 0.1, "total_steps": 9, "anneal_strategy": "other"},
        {"max_lr": [0.1], "total_steps": 9},
    ),
    "SWALR": [
        lambda s, o: s.SWALR(o, swa_lr=0.1, anneal_strategy="other"),
        lambda s, o: s.SWALR(o, swa_lr=0.1, anneal_epochs=-1),
    ],
}

NAMES = list(SCHEDULES)


class _Schedules:
    """The names of `optim.lr_scheduler` and of `optim.swa_utils`."""

    def __init__(self, lib: Any):
        self.lib = lib

    def __getattr__(self, name: str) -> Any:
        for place in ("lr_scheduler", "swa_utils"):
            found = getattr(getattr(self.lib.optim, place, None), name, None)
            if found is not None:
                return found
        raise Missing(f"{self.lib.__name__}.optim: {name}")


def begun(lib: Any, make: Make, *, adam: bool = False, tensor: bool = False) -> tuple[Any, Any]:
    """An optimiser with two groups, and a schedule of it."""
    rates = (lib.tensor(0.1), lib.tensor(0.3)) if tensor else (0.1, 0.3)
    params = [{"params": [lib.zeros(2).requires_grad_()], "lr": rate} for rate in rates]
    if adam:
        optimizer = lib.optim.Adam(params)
    else:
        optimizer = lib.optim.SGD(params, momentum=0.9)
    return optimizer, make(_Schedules(lib), optimizer)


def followed(lib: Any, optimizer: Any, schedule: Any, begin: int, end: int) -> list:
    """Steps of a schedule: rates, momenta and `get_last_lr` after each."""
    found = []
    for step in range(begin, end):
        optimizer.step()
        if type(schedule).__name__ == "ReduceLROnPlateau":
            schedule.step(MEASURED[step])
        else:
            schedule.step()
        groups = [
            {k: plain(v) for k, v in g.items() if k in ("lr", "momentum", "betas", "initial_lr")}
            for g in optimizer.param_groups
        ]
        found.append((groups, plain(schedule.get_last_lr()), getattr(schedule, "last_epoch", None)))
    return found


def _near(mine: Any, other: Any, words: str) -> None:
    """Raise Different unless settings agree, numbers to the last digits."""
    if isinstance(mine, float) and isinstance(other, float):
        if abs(mine - other) > 1e-12 * max(1, abs(other)):
            raise Different(f"{words}: {mine} instead of {other}")
    elif isinstance(mine, dict) and isinstance(other, dict) and set(mine) == set(other):
        for key in other:
            _near(mine[key], other[key], f"{words}[{key!r}]")
    elif isinstance(mine, list | tuple) and type(mine) is type(other) and len(mine) == len(other):
        for number, pair in enumerate(zip(mine, other, strict=True)):
            _near(*pair, f"{words}[{number}]")
    else:
        unequal(mine, other, words)


def _with(makes: list[Make], run: Callable[[Any, Make], Any], words: str) -> None:
    def test(make: Make) -> None:
        found = together(lambda: run(dynagrad, make), lambda: run(torch, make))
        if found:
            _near(*found, words)

    each(makes, test)


def rates(lib: Any, make: Make, **options: Any) -> Any:
    """The rates of all steps, those before the first one too."""
    optimizer, schedule = begun(lib, make, **options)
    first = [{k: plain(v) for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    return first, followed(lib, optimizer, schedule, 0, STEPS)


def state(lib: Any, make: Make) -> Any:
    """`state_dict()` at the start and after twelve steps."""
    optimizer, schedule = begun(lib, make)
    start = plain(schedule.state_dict())
    followed(lib, optimizer, schedule, 0, 12)
    return start, plain(schedule.state_dict())


def attributes(lib: Any, make: Make) -> Any:
    """Public attributes and the module of the class."""
    _, schedule = begun(lib, make)
    names = {k: plain(v) for k, v in vars(schedule).items() if k[0] != "_"}
    names.pop("optimizer", None)
    found = {
        k: v for k, v in sorted(names.items()) if not str(v).startswith(("function", "method"))
    }
    return found, type(schedule).__module__.replace("dynagrad", "torch")


def loaded(lib: Any, make: Make) -> Any:
    """PyTorch's states after twelve steps, loaded by a new optimiser and schedule: what follows."""
    optimizer, schedule = begun(torch, make)
    followed(torch, optimizer, schedule, 0, 12)
    states = optimizer.state_dict(), schedule.state_dict()
    if lib is dynagrad:
        states = _moved(copy.deepcopy(states))
    optimizer, schedule = begun(lib, make)
    optimizer.load_state_dict(states[0])
    schedule.load_state_dict(states[1])
    return followed(lib, optimizer, schedule, 12, STEPS)


def _moved(value: Any) -> Any:
    """A state of PyTorch's for this library; schedules within states stay plain."""
    if isinstance(value, dict):
        return {k: _moved(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_moved(v) for v in value)
    if isinstance(value, torch.Tensor):
        return dynagrad.tensor(value.tolist())
    return value


def chained(lib: Any, make: Make) -> Any:
    """Two schedules of one optimiser, stepped one after the other."""
    optimizer, schedule = begun(lib, make)
    other = lib.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.97)
    found = []
    for step in range(STEPS):
        found.append(followed(lib, optimizer, schedule, step, step + 1))
        other.step()
        found.append(plain(other.get_last_lr()))
    return found


def resumed(lib: Any, make: Make) -> Any:
    """A schedule pickled and read back with its optimiser: what follows."""
    optimizer, schedule = begun(lib, make)
    followed(lib, optimizer, schedule, 0, 5)
    optimizer, schedule = pickle.loads(pickle.dumps((optimizer, schedule)))
    return followed(lib, optimizer, schedule, 5, STEPS)


def signatures(name: str) -> None:
    """Names, order, kinds and defaults of the arguments."""
    mine, other = getattr(_Schedules(dynagrad), name), getattr(_Schedules(torch), name)
    for method in ("__init__", "step", "get_last_lr", "load_state_dict"):
        pair = [signature(getattr(kind, method)) for kind in (mine, other)]
        unequal(*pair, method)


def errors(name: str) -> None:
    """Bad arguments: type of the error and what its text says."""

    getattr(_Schedules(dynagrad), name)

    def test(make: Make) -> None:
        text = refusal(lambda: begun(dynagrad, make), lambda: begun(torch, make))
        if text:
            raise Different(text)

    each(REFUSED[name], test)


def rows_of(name: str, limit: int | None) -> Iterator[tuple[str, Callable[[], None]]]:
    """The rows of a schedule."""
    makes = spread(SCHEDULES[name], limit, name)

    def bound(run: Callable, words: str) -> Callable[[], None]:
        def tested() -> None:
            getattr(_Schedules(dynagrad), name)
            _with(makes, run, words)

        return tested

    yield "rates SGD", bound(rates, "rates")
    yield "rates Adam", bound(lambda lib, make: rates(lib, make, adam=True), "rates")
    yield "rates tensor", bound(lambda lib, make: rates(lib, make, tensor=True), "rates")
    yield "schedule-state", bound(state, "state")
    yield "schedule-attributes", bound(attributes, "attributes")
    yield "schedule-loaded", bound(loaded, "loaded")
    yield "schedule-chained", bound(chained, "chained")
    yield "schedule-pickled", bound(resumed, "pickled")
    yield "schedule-signature", lambda: signatures(name)
    if name in REFUSED:
        yield "schedule-errors", lambda: errors(name)
