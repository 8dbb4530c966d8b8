"""The rows of the score on derivatives: gradients of two orders, tangents, and what is saved for
them and overwritten.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import dynagrad

from .entries import counterpart
from .judges import NARROW
from .memory import unwatched
from .translate import flat, is_tensor, ours
from .trial import Different, Outcome, Trial, pair_of, said


def _library(value: Any) -> Any:
    return torch if isinstance(value, torch.Tensor) else dynagrad


def cotangents(results: list, seed: int) -> list:
    """A cotangent for each result, the same numbers in both libraries."""
    rng = np.random.default_rng(seed)
    found = []
    for r in results:
        a = rng.uniform(-1, 1, tuple(r.shape))
        if r.dtype.is_complex:
            a = a + 1j * rng.uniform(-1, 1, tuple(r.shape))
        lib = _library(r)
        narrow = lib.asarray(a).to(NARROW[-1]) if NARROW and lib is torch else lib.asarray(a)
        found.append(narrow.to(r.dtype))
    return found


def _leaves(args: Any, kwargs: Any) -> list:
    once = {id(t): t for t in flat([args, kwargs]) if is_tensor(t) and t.requires_grad}
    return list(once.values())


def differentiated(process: Callable, order: int, seed: int) -> Callable:
    """A run that returns the gradients of a call's results, or those of the gradients too."""

    def run(function: Any, args: Any, kwargs: Any) -> Any:
        leaves = _leaves(args, kwargs)
        value = function(*args, **kwargs)
        mine = not any(isinstance(t, torch.Tensor) for t in flat(value))
        value = (counterpart(process) if mine else process)(value)
        results = [t for t in flat(value) if is_tensor(t)]
        told = [bool(t.requires_grad) for t in results]
        results = [t for t in results if t.requires_grad]
        if not results or not leaves:
            return told, []
        lib = _library(results[0])
        weights = cotangents(results, seed)
        if order == 1:
            return told, lib.autograd.grad(results, leaves, weights, allow_unused=True)
        weights = [w.requires_grad_() for w in weights]
        first = lib.autograd.grad(results, leaves, weights, allow_unused=True, create_graph=True)
        again = [g for g in first if g is not None and g.requires_grad]
        if not again:
            return told, []
        second = lib.autograd.grad(
            again, [*leaves, *weights], cotangents(again, seed + 1), allow_unused=True
        )
        zero = [
            lib.zeros_like(x) if g is None else g
            for g, x in zip(second, [*leaves, *weights], strict=True)
        ]
        return told, zero

    return run


def _gradients(trial: Trial, order: int) -> None:
    pair = pair_of(trial)
    for sample in trial.samples(requires_grad=True):
        if trial.picks_others(sample):
            continue
        run = differentiated(sample.output_process_fn_grad, order, trial.seed)
        found = trial.both(run, sample, pair)
        if found:
            (told, mine), (expected, other) = found
            if told != expected and order == 1:
                raise Different(f"requires_grad of the results: {told} instead of {expected}")
            trial.compare(mine, other, sample, run)


def grad(trial: Trial) -> None:
    """Gradients by all inputs, for random cotangents."""
    _gradients(trial, 1)


def gradgrad(trial: Trial) -> None:
    """Gradients of the gradients, by the inputs and the cotangents."""
    _gradients(trial, 2)


def _tangents(process: Callable, seed: int) -> Callable:
    def run(function: Any, args: Any, kwargs: Any) -> Any:
        leaves = _leaves(args, kwargs)
        if not leaves:
            return None
        lib = _library(leaves[0])
        fw = lib.autograd.forward_ad
        process_here = process if lib is torch else counterpart(process)
        tangents = cotangents(leaves, seed)
        with fw.dual_level():
            known = {
                id(t): fw.make_dual(t.detach(), v) for t, v in zip(leaves, tangents, strict=True)
            }

            def put(value: Any) -> Any:
                if is_tensor(value):
                    return known.get(id(value), value)
                if type(value) in (list, tuple):
                    return type(value)(put(v) for v in value)
                return {k: put(v) for k, v in value.items()} if isinstance(value, dict) else value

            value = process_here(function(*put(args), **put(kwargs)))
            found = []
            for t in flat(value):
                if is_tensor(t) and (t.dtype.is_floating_point or t.dtype.is_complex):
                    tangent = fw.unpack_dual(t).tangent
                    found.append(lib.zeros_like(t) if tangent is None else tangent.clone())
        return found

    return run


def forward_mode(trial: Trial) -> None:
    """Tangents of the results, for random tangents of all inputs."""
    pair = pair_of(trial)
    for sample in trial.samples(requires_grad=True):
        if trial.picks_others(sample):
            continue
        run = _tangents(sample.output_process_fn_grad, trial.seed)
        found = trial.both(run, sample, pair)
        if found:
            trial.compare(*found, sample, run)


def saved(trial: Trial) -> None:
    """What an operation saved, overwritten before the backward pass: an error, or gradients as if
    nothing had happened. PyTorch is not asked: a wrong number is wrong whatever it does.
    """
    function = counterpart(trial.op.op, trial.op.name)
    for sample in trial.samples(requires_grad=True):
        args, kwargs = ours([(sample.input, *sample.args), sample.kwargs])
        for views in (False, True):
            text = _unwatched(trial, function, args, kwargs, views)
            if text:
                raise Different(text)
        untouched = _after_a_write(trial, function, args, kwargs, sample, None)
        if isinstance(untouched.value, list):
            for victim in range(sum(is_tensor(t) for t in flat([args, kwargs]))):
                found = _after_a_write(trial, function, args, kwargs, sample, victim)
                if isinstance(found.error, RuntimeError):
                    continue
                if found.error is not None:
                    raise Different(f"tensor {victim} overwritten: {said(found.error)}")
                for g, h in zip(found.value, untouched.value, strict=True):
                    if g is None:
                        continue
                    # a view whose base was written adds up in another order
                    if not dynagrad.allclose(g.nan_to_num(), h.nan_to_num(), 1e-9, 1e-12):
                        raise Different(f"tensor {victim} overwritten: another gradient, no error")


def _unwatched(trial: Trial, function: Any, args: Any, kwargs: Any, views: bool) -> str:
    """Words on memory of an argument or a result that the graph keeps without its version."""
    held: list[Any] = []

    def fresh(value: Any) -> Any:
        if is_tensor(value):
            t = value.detach().clone().requires_grad_(value.requires_grad)
            held.append(t := t.view_as(t) if views else t.clone())
            return t
        if type(value) in (list, tuple):
            return type(value)(fresh(v) for v in value)
        return {k: fresh(v) for k, v in value.items()} if isinstance(value, dict) else value

    def run() -> Any:
        trial.sow()
        results = [t for t in flat(function(*fresh(args), **fresh(kwargs))) if is_tensor(t)]
        return unwatched(results, held + results)

    return Outcome(run).value or ""  # another row compares errors


def _after_a_write(
    trial: Trial, function: Any, args: Any, kwargs: Any, sample: Any, victim: int | None
) -> Outcome:
    """The gradients where tensor `victim` of the arguments is overwritten after the forward pass.
    The leaves are cloned first, so that they may be written.
    """
    leaves: list[Any] = []
    put: list[Any] = []

    def fresh(value: Any) -> Any:
        if is_tensor(value):
            t = value.detach().clone()
            if value.requires_grad:
                leaves.append(t.requires_grad_())
                t = t.clone()
            put.append(t)
            return t
        if type(value) in (list, tuple):
            return type(value)(fresh(v) for v in value)
        return {k: fresh(v) for k, v in value.items()} if isinstance(value, dict) else value

    def run() -> Any:
        trial.sow()
        value = function(*fresh(args), **fresh(kwargs))
        value = counterpart(sample.output_process_fn_grad)(value)
        results = [t for t in flat(value) if is_tensor(t) and t.requires_grad]
        if not results or any(t is r for t in put for r in results):
            return None
        weights = cotangents(results, trial.seed)
        if victim is not None and put[victim]._base is None:
            with dynagrad.no_grad():
                put[victim].zero_()
        return list(dynagrad.autograd.grad(results, leaves, weights, allow_unused=True))

    return Outcome(run)
