"""Rows on how an optimiser is made: text, signature, copies, what it refuses."""

import copy
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import torch
from listed import Different, each, plain, refusal, signature, together, unequal
from opdb.rows import Outcome
from torch.testing._internal.common_optimizers import OptimizerErrorEnum

import dynagrad

from .entries import Config, here, made, to_ours
from .trial import Trial, told


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

    each(trial.configs, told(test))


def signatures(trial: Trial) -> None:
    """Names, order, kinds and defaults of the options."""
    mine, other = here(trial.name), trial.info.optim_cls
    unequal(signature(mine.__init__), signature(other.__init__), "__init__")
    unequal(signature(mine.step), signature(other.step), "step")
    unequal(mine.__module__.replace("dynagrad", "torch"), other.__module__, "module")


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

    each(trial.configs[:6], told(test))


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
