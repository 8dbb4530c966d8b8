"""The rows of the score: what is done with every configuration of an optimiser, by name."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from listed import Different, each, judged, plain, together, unequal
from opdb.rows import Outcome

import dynagrad

from . import making, schedules
from .entries import ENTRIES, LARGE, Config, Course, made, to_ours, to_torch, valley
from .trial import Trial, told

NAMES = [*ENTRIES, *schedules.NAMES]


def steps(trial: Trial) -> None:
    """The parameters after each step."""

    def test(config: Config) -> None:
        found = together(
            lambda: trial.steps(*trial.begun(config, dynagrad)),
            lambda: trial.steps(*trial.begun(config, torch)),
        )
        if found:
            trial.compare(found, lambda: trial.steps(*trial.begun(config, torch, "float64")))

    each(trial.configs, told(test))


def large(trial: Trial) -> None:
    """The parameters after three steps, where they are large, with the state then."""
    other = copy.copy(trial)
    other.course, other.end = Course(trial.seed, trial.dtype, LARGE), 3

    def run(config: Config, lib: Any, dtype: str = "") -> Any:
        params, optimizer = other.begun(config, lib, dtype)
        return other.steps(params, optimizer), optimizer.state_dict()["state"]

    def test(config: Config) -> None:
        found = together(lambda: run(config, dynagrad), lambda: run(config, torch))
        if found:
            other.compare(found, lambda: run(config, torch, "float64"))

    each([c for c in trial.configs if not c.options.keys() & {"foreach", "capturable"}], told(test))


def _layout(state: Any) -> Any:
    """A state without its numbers: keys in order, dtypes, shapes."""
    if isinstance(state, dict):
        return [(plain(k), _layout(v)) for k, v in state.items()]
    if isinstance(state, list | tuple):
        return [_layout(v) for v in state]
    if isinstance(state, torch.Tensor | dynagrad.Tensor):
        return str(state.dtype), tuple(state.shape), tuple(state.stride()), state.requires_grad
    return type(state).__name__


def _trained(trial: Trial, config: Config, lib: Any, end: int) -> Any:
    params, optimizer = trial.begun(config, lib)
    if end:
        trial.steps(params, optimizer, end=end)
    return optimizer.state_dict()


def state(trial: Trial) -> None:
    """`state_dict()` after the steps, and before: keys, their order, dtypes, shapes, numbers."""

    def test(config: Config) -> None:
        for end in (0, trial.end):
            found = together(
                lambda end=end: _trained(trial, config, dynagrad, end),
                lambda end=end: _trained(trial, config, torch, end),
            )
            if found:
                mine, other = found
                unequal(list(mine), list(other), "keys")
                for part in other:
                    unequal(_layout(mine[part]), _layout(other[part]), part)
                trial.compare(
                    (mine["state"], other["state"]),
                    lambda end=end: _wide_state(trial, config, end),
                )
                unequal(plain(mine["param_groups"]), plain(other["param_groups"]), "groups")

    each(trial.configs, told(test))


def _wide_state(trial: Trial, config: Config, end: int) -> Any:
    params, optimizer = trial.begun(config, torch, "float64")
    if end:
        trial.steps(params, optimizer, end=end)
    return optimizer.state_dict()["state"]


def exchange(trial: Trial) -> None:
    """A state of one library, loaded by the other halfway: the same further steps."""
    half = trial.end // 2

    def continued(config: Config, lib: Any, from_lib: Any, translate: Callable) -> list:
        params, optimizer = trial.begun(config, from_lib)
        trial.steps(params, optimizer, end=half)
        own, own_optimizer = trial.begun(config, lib)
        numbers = translate([p.detach() for p in params])
        with lib.no_grad():
            for p, q in zip(own, numbers, strict=True):
                p.copy_(q)
        own_optimizer.load_state_dict(translate(optimizer.state_dict()))
        return trial.steps(own, own_optimizer, half)

    def test(config: Config) -> None:
        # tolerance of what came before the exchange: PyTorch's own continued steps
        before = Outcome(lambda: trial.steps(*trial.begun(config, torch))[half:])
        if before.error is not None:
            return
        for words, lib, from_lib, translate in (
            ("PyTorch's state here", dynagrad, torch, to_ours),
            ("our state in PyTorch", torch, dynagrad, to_torch),
        ):
            found = Outcome(
                lambda a=lib, b=from_lib, translate=translate: continued(config, a, b, translate)
            )
            if found.error is not None:
                raise Different(f"{words}: {type(found.error).__name__}: {found.error}")
            try:
                value = found.value if lib is dynagrad else to_ours(found.value)
                trial.compare(
                    (value, before.value),
                    lambda: trial.steps(*trial.begun(config, torch, "float64"))[half:],
                )
            except Different as different:
                raise Different(f"{words}: {different}") from None

    each(trial.configs, told(test))


def groups(trial: Trial) -> None:
    """Parameter groups with options of their own, one of them added later, with names."""

    def run(lib: Any, config: Config) -> Any:
        params = trial.course.params(lib)
        named = [(f"p{i}", p) for i, p in enumerate(params)]
        given = [
            {"params": [named[0], named[1]], "lr": 0.05},
            {"params": named[2:4]},
        ]
        if "weight_decay" in config.options:
            given[1]["weight_decay"] = 0.3
        optimizer = made(trial.name, given, config.options, lib is dynagrad)
        found = [trial.steps(params, optimizer, end=3)]
        optimizer.add_param_group({"params": named[4:], "lr": 0.2})
        found.append(trial.steps(params, optimizer, 3))
        state = optimizer.state_dict()
        settings = plain([{k: v for k, v in g.items()} for g in state["param_groups"]])
        return found, settings

    def test(config: Config) -> None:
        found = together(lambda: run(dynagrad, config), lambda: run(torch, config))
        if found:
            (mine, settings), (other, expected) = found
            unequal(settings, expected, "groups")
            trial.compare((mine, other))

    each(trial.configs, told(test))


def closures(trial: Trial) -> None:
    """`step(closure)`: what it returns, and the parameters."""

    def run(lib: Any, config: Config) -> Any:
        params, optimizer = trial.begun(config, lib)
        closure = valley(params, trial.course)
        found = []
        for _ in range(3):
            with lib.no_grad():
                found.append([optimizer.step(closure), [p.detach().clone() for p in params]])
        return found

    def test(config: Config) -> None:
        found = together(lambda: run(dynagrad, config), lambda: run(torch, config))
        if found:
            trial.compare(found)

    each(trial.configs[:4], told(test))


def differentiable(trial: Trial) -> None:
    """`differentiable=True`: gradients through three steps, by parameters and their gradients;
    through one where PyTorch's second step overwrites what the first one needs.
    """

    def run(lib: Any, config: Config, steps: int) -> Any:
        leaves = trial.course.params(lib)
        grads = [lib.asarray(g.copy()).requires_grad_() for g in trial.course.grads[0]]
        params = [p.clone() for p in leaves]
        given = {**config.options, "differentiable": True}
        optimizer = made(trial.name, params, given, lib is dynagrad)
        for _ in range(steps):
            for p, g in zip(params, grads, strict=True):
                p.grad = g * 1.5
            optimizer.step()
        loss = sum((p**2).sum() for p in params)
        return list(params), lib.autograd.grad(loss, [*leaves, *grads], allow_unused=True)

    def test(config: Config) -> None:
        if config.options.keys() & {"foreach", "fused", "capturable"}:
            return
        overwritten = Outcome(lambda: run(torch, config, 3)).error
        steps = 1 if overwritten and "modified by an inplace" in str(overwritten) else 3
        found = together(lambda: run(dynagrad, config, steps), lambda: run(torch, config, steps))
        if found:
            trial.compare(found)

    each(trial.configs, told(test))


# --- which rows an optimiser has ------------------------------------------------------------------


def rows_of(info: Any) -> Iterator[tuple[str, str, Callable[[Trial], None]]]:
    """The rows of an optimiser: name, dtype, what to run."""
    kinds = ["float32", "float64"]
    for dtype in kinds:
        yield "steps", dtype, steps
        yield "state", dtype, state
        yield "exchange", dtype, exchange
    if info.supports_complex:
        for dtype in ("complex64", "complex128"):
            yield "complex", dtype, steps
            yield "complex", dtype, state
            yield "complex", dtype, exchange
    yield "large", "float64" if info.name == "LBFGS" else "float32", large
    yield "closure", "float64", closures
    if info.name != "LBFGS":  # one group alone
        yield "groups", "float64", groups
    if "differentiable" in info.supported_impls:
        yield "differentiable", "float64", differentiable
    yield "repr", "float32", making.shown
    yield "signature", "float32", making.signatures
    yield "copy", "float32", making.copies
    yield "errors", "float32", making.errors


def run(name: str, seed: int = 0, limit: int | None = None, only: str = "") -> dict[str, str]:
    """All rows of an optimiser or a schedule: `row dtype` with the difference found, or nothing."""
    if name in schedules.NAMES:
        return judged(schedules.rows_of(name, limit), only)
    trials: dict[str, Trial] = {}

    def bound(test: Callable, dtype: str) -> Callable[[], None]:
        def tested() -> None:
            if dtype not in trials:
                trials[dtype] = Trial(name, dtype, seed, limit)
            test(trials[dtype])

        return tested

    return judged(
        ((f"{row} {dtype}", bound(test, dtype)) for row, dtype, test in rows_of(ENTRIES[name])),
        only,
    )
