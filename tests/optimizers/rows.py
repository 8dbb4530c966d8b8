"""One row of the score each: what is done with every configuration of an optimiser."""

import copy
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from listed import (
    Different,
    as_near,
    each,
    judged,
    plain,
    refusal,
    signature,
    spread,
    together,
    unequal,
)
from opdb.rows import Outcome
from opdb.translate import differs, no_worse
from torch.testing._internal.common_optimizers import OptimizerErrorEnum

import dynagrad

from . import schedules
from .entries import (
    CONTIGUOUS,
    ENTRIES,
    FLAT,
    SHAPES,
    STEPS,
    Config,
    Course,
    configs,
    here,
    made,
    to_ours,
    to_torch,
    valley,
)

NAMES = [*ENTRIES, *schedules.NAMES]


class Trial:
    """One optimiser with a dtype."""

    def __init__(self, name: str, dtype: str, seed: int, limit: int | None):
        self.name, self.info, self.dtype, self.seed = name, ENTRIES[name], dtype, seed
        here(name)
        # a step of LBFGS is 20 iterations
        self.end = 3 if name == "LBFGS" and limit is not None else STEPS
        self.configs = spread(configs(self.info), limit, f"{name} {dtype} {seed}")
        shapes = {"Muon": FLAT, "LBFGS": CONTIGUOUS}.get(name, SHAPES)
        self.course = Course(seed, dtype, shapes)

    def begun(self, config: Config, lib: Any, dtype: str = "") -> tuple[list, Any]:
        """New parameters and an optimiser of them."""
        params = self.course.params(lib, dtype)
        return params, made(self.name, params, config.options, lib is dynagrad)

    def steps(self, params: list, optimizer: Any, begin: int = 0, end: int = 0) -> list:
        """Steps; the parameters after each of them, and what `step` returned."""
        found = []
        closure = valley(params, self.course) if self.info.step_requires_closure else None
        for step in range(begin, end or self.end):
            if closure is not None:
                loss = optimizer.step(closure)
            else:
                self.course.give(params, step)
                loss = optimizer.step()
            found.append([loss, [p.detach().clone() for p in params]])
        return found

    def compare(self, found: tuple, judge: Callable[[], Any] | None = None) -> None:
        """Raise Different unless results agree, or miss those in float64 no more than PyTorch's."""
        text = differs(*found, bounds)
        if text and judge is not None and self.dtype == "float32":
            exact = Outcome(judge)
            if exact.error is None and (
                no_worse(*found, exact.value, bounds) or as_near(*found, exact.value)
            ):
                return
        if text:
            raise Different(text)


def bounds(dtype: torch.dtype) -> dict[str, float]:
    """PyTorch's bounds for results of this dtype."""
    wide = dtype in (torch.float64, torch.complex128)
    return {"rtol": 1e-7, "atol": 1e-7} if wide else {"rtol": 1.3e-6, "atol": 1e-5}


def _told(test: Callable[[Config], None]) -> Callable[[Config], None]:
    """The same test, whose differences begin with the configuration."""

    def tested(config: Config) -> None:
        try:
            test(config)
        except Different as different:
            raise Different(f"({config.text}) {different}") from None

    return tested


def steps(trial: Trial) -> None:
    """The parameters after each step."""

    def test(config: Config) -> None:
        found = together(
            lambda: trial.steps(*trial.begun(config, dynagrad)),
            lambda: trial.steps(*trial.begun(config, torch)),
        )
        if found:
            trial.compare(found, lambda: trial.steps(*trial.begun(config, torch, "float64")))

    each(trial.configs, _told(test))


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

    each(trial.configs, _told(test))


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

    each(trial.configs, _told(test))


def shown(trial: Trial) -> None:
    """The text of an optimiser, before and after a step, and its defaults."""

    def test(config: Config) -> None:
        def run(lib: Any) -> Any:
            params, optimizer = trial.begun(config, lib)
            before = repr(optimizer), plain(optimizer.defaults)
            trial.steps(params, optimizer, end=1)
            return *before, repr(optimizer)

        found = together(lambda: run(dynagrad), lambda: run(torch))
        if found:
            unequal(*found, "repr")

    each(trial.configs, _told(test))


def signatures(trial: Trial) -> None:
    """Names, order, kinds and defaults of the options."""
    mine, other = here(trial.name), trial.info.optim_cls
    unequal(signature(mine.__init__), signature(other.__init__), "__init__")
    unequal(signature(mine.step), signature(other.step), "step")
    unequal(mine.__module__.replace("dynagrad", "torch"), other.__module__, "module")


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

    each(trial.configs, _told(test))


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

    each(trial.configs[:4], _told(test))


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

    each(trial.configs, _told(test))


def copies(trial: Trial) -> None:
    """Deep copies and pickles of an optimiser: the same text, state and further steps."""

    def test(config: Config) -> None:
        begun = Outcome(lambda: trial.begun(config, dynagrad))
        if begun.error is not None:
            return
        params, optimizer = begun.value
        if Outcome(lambda: trial.steps(params, optimizer, end=4)).error is not None:
            return
        for words, again in (
            ("deepcopy", lambda o: copy.deepcopy(o)),
            ("pickle", lambda o: pickle.loads(pickle.dumps(o))),
        ):
            other = again(optimizer)
            unequal(repr(other), repr(optimizer), words)
            unequal(plain(other.state_dict()), plain(optimizer.state_dict()), words)
            own = [p for group in other.param_groups for p in group["params"]]
            if any(p is q for p in own for q in params):
                raise Different(f"{words}: parameters shared")
            begin = trial.steps(own, other, 4, 6)
            first = again(optimizer)
            more = [p for group in first.param_groups for p in group["params"]]
            unequal(plain(trial.steps(more, first, 4, 6)), plain(begin), f"{words}: steps")

    each(trial.configs[:6], _told(test))


def errors(trial: Trial) -> None:
    """PyTorch's own bad options: type of the error or warning and what its text says."""
    info = trial.info

    def run(given: Any, bad: Any, lib: Any) -> Callable[[], Any]:
        def tried() -> Any:
            known: dict[int, Any] = {}
            params = given.params
            if params is None:
                params = [torch.nn.Parameter(torch.ones(2, 3))]
            grads = [p.grad for p in params if isinstance(p, torch.Tensor)]
            params = copy.deepcopy(params) if lib is torch else _parameters(params, known)
            for p, g in zip(params, grads, strict=False):
                if g is not None:
                    p.grad = g.clone() if lib is torch else to_ours(g)
            with warnings.catch_warnings():
                warnings.simplefilter("error" if bad.error_type is UserWarning else "ignore")
                optimizer = made(trial.name, params, given.kwargs, lib is dynagrad)
                if bad.error_on == OptimizerErrorEnum.STEP_ERROR:
                    optimizer.step()

        return tried

    def test(bad: Any) -> None:
        given = bad.optimizer_error_input
        text = _refused(run(given, bad, dynagrad), run(given, bad, torch), bad.error_regex)
        if text:
            raise Different(f"({given.desc}) {text}")

    each(list(info.optim_error_inputs_func("cpu", torch.float32)), test)


def _refused(mine: Callable, other: Callable, pattern: str) -> str:
    """Two refusals where a warning that was made an error counts as one."""
    found = []
    for call in (mine, other):
        try:
            call()
            found.append(None)
        except UserWarning as warning:
            found.append(str(warning))
        except Exception:
            return refusal(mine, other, pattern)
    if found == [None, None] or all(f and re.search(pattern, f) for f in found):
        return ""
    return f"warns {found[0]!r} where PyTorch warns {found[1]!r}"


def _parameters(value: Any, known: dict[int, Any]) -> Any:
    """Parameters in any nesting for this library, one for each of PyTorch's."""
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            t = to_ours(value.detach())
            known[id(value)] = (
                dynagrad.nn.Parameter(t) if isinstance(value, torch.nn.Parameter) else t
            )
        return known[id(value)]
    if isinstance(value, dict):
        return {k: _parameters(v, known) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_parameters(v, known) for v in value)
    return value


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
    yield "closure", "float64", closures
    if info.name != "LBFGS":  # one group alone
        yield "groups", "float64", groups
    if "differentiable" in info.supported_impls:
        yield "differentiable", "float64", differentiable
    yield "repr", "float32", shown
    yield "signature", "float32", signatures
    yield "copy", "float32", copies
    yield "errors", "float32", errors


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
