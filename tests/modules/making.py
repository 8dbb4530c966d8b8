"""Rows on how a module is made: tensors, text, attributes, signature, warnings."""

import contextlib
import inspect
import warnings
from typing import Any

import torch
from listed import Different, each, plain, signature, together, unequal
from opdb.translate import numbers, ours

import dynagrad

from .entries import here, make
from .trial import Trial


def _described(module: Any) -> dict[str, Any]:
    """Parameters and buffers, in order: kind, dtype, shape, strides, requires_grad."""
    found: dict[str, Any] = {}
    for kind in ("named_parameters", "named_buffers"):
        for name, t in getattr(module, kind)():
            unmade = type(t).__name__.startswith("Uninitialized")
            shape = ("uninitialized",) if unmade else (tuple(t.shape), tuple(t.stride()))
            found[name] = (kind, str(t.dtype).removeprefix("torch."), *shape, t.requires_grad)
    return found


def _same_layout(mine: Any, other: Any) -> None:
    unequal(_described(mine), _described(other), "tensors")
    unequal(list(_described(mine)), list(_described(other)), "order of tensors")
    unequal(list(mine.state_dict()), list(other.state_dict()), "keys of state_dict()")
    unequal(
        plain(dict(mine.state_dict()._metadata)),
        plain(dict(other.state_dict()._metadata)),
        "metadata of state_dict()",
    )


def _same_bits(mine: Any, other: Any, kinds: Any = ("named_parameters", "named_buffers")) -> None:
    for kind in kinds:
        there = dict(getattr(other, kind)())
        for name, t in getattr(mine, kind)():
            if type(t).__name__.startswith("Uninitialized"):
                continue
            a, b = numbers(t), numbers(there[name])
            if a.tobytes() != b.tobytes():
                count = int((a != b).sum())
                raise Different(f"{name}: {count} of {a.size} numbers are others")


def init(trial: Trial) -> None:
    """Parameters and buffers: names, order, shapes, and the same numbers from the same seed."""

    def test(sample: Any) -> None:
        mine, other = trial.plain_pair(sample)
        _same_layout(mine, other)
        _same_bits(mine, other)
        unequal(dynagrad.rand(()).item(), torch.rand(()).item(), "random state afterwards")
        if trial.info.is_lazy:
            trial.call(mine.to(ours(trial.dtype)), sample)
            trial.call(other.to(trial.dtype), sample)
            unequal(type(mine).__name__, type(other).__name__, "class after the first call")
            _same_layout(mine, other)
            _same_bits(mine, other, ["named_parameters"])  # the call may have moved buffers

    each(trial.samples, test)


def keywords(trial: Trial) -> None:
    """`device` and `dtype` of the constructor."""
    taken = inspect.signature(trial.info.module_cls.__init__).parameters
    extra = {k: v for k, v in (("device", "cpu"), ("dtype", trial.dtype)) if k in taken}

    def test(sample: Any) -> None:
        if sample.constructor_input.kwargs.keys() & extra.keys():
            return
        found = together(
            lambda: make(
                trial.info, sample, trial.seed, True, **{k: ours(v) for k, v in extra.items()}
            ),
            lambda: make(trial.info, sample, trial.seed, False, **extra),
        )
        if found:
            _same_layout(*found)
            _same_bits(*found)

    each(trial.samples, test)


def shown(trial: Trial) -> None:
    """The text of a module."""

    def test(sample: Any) -> None:
        mine, other = trial.plain_pair(sample)
        unequal(repr(mine), repr(other), "repr")
        if trial.info.is_lazy:
            unequal(*(repr(m) for m in trial.pair(sample)), "repr after the first call")

    each(trial.samples, test)


def warned(trial: Trial) -> None:
    """Warnings of the constructor and the call: category and first words."""

    def run(sample: Any, mine: bool) -> list:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module = make(trial.info, sample, trial.seed, mine)
            with contextlib.suppress(Exception):  # another row compares errors
                trial.call(module, sample)
        return [(w.category.__name__, str(w.message).split("\n")[0][:40]) for w in caught]

    def test(sample: Any) -> None:
        unequal(run(sample, True), run(sample, False), "warnings")

    each(trial.samples, test)


def _attributes(module: Any) -> dict[str, Any]:
    found = {k: plain(v) for k, v in vars(module).items() if k[0] != "_"}
    found["__constants__"] = sorted(getattr(module, "__constants__", ()))
    found["__module__"] = type(module).__module__.replace("dynagrad", "torch")
    return found


def attributes(trial: Trial) -> None:
    """Public attributes, `__constants__`, the module of the class."""

    def test(sample: Any) -> None:
        mine, other = trial.plain_pair(sample)
        unequal(_attributes(mine), _attributes(other), "attributes")

    each(trial.samples, test)


def signatures(trial: Trial) -> None:
    """Names, order, kinds and defaults of what the constructor and the call take."""
    mine, other = here(trial.info.name), trial.info.module_cls
    for method in ("__init__", "forward"):
        found = signature(getattr(mine, method)), signature(getattr(other, method))
        unequal(*found, method)
