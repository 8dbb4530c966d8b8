"""Rows on what a module carries: its state, copies, conversions; and on what it refuses."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import torch
from listed import Different, each, plain, refusal, together, unequal
from opdb.rows import Outcome
from opdb.translate import differs, numbers, ours
from torch.testing._internal.common_modules import ModuleErrorEnum

import dynagrad

from .entries import arguments, bad_samples, floating, make, sow
from .trial import F64, Trial, library


def _state(module: Any) -> list:
    return [[name, t] for name, t in module.state_dict().items()]


def state(trial: Trial) -> None:
    """Buffers after two calls; a state written by one library and read by the other."""

    def test(sample: Any) -> None:
        mine, other = trial.pair(sample)
        for module in (mine, other):
            for _ in range(2):
                trial.call(module, sample)
        trial.compare((_state(mine), _state(other)))
        fresh, fresh_other = trial.plain_pair(sample)
        kind = ours(trial.dtype)
        there = ours(dict(other.state_dict()))
        unequal(str(fresh.to(kind).load_state_dict(there)), "<All keys matched successfully>", "")
        back = {k: torch.from_numpy(numbers(v).copy()) for k, v in mine.state_dict().items()}
        fresh_other.to(trial.dtype).load_state_dict(back)
        trial.compare((_state(fresh), _state(other)))
        trial.compare((_state(mine), _state(fresh_other)))

    each(trial.samples, test)


def copies(trial: Trial) -> None:
    """Deep copies and pickles compute the same."""

    def test(sample: Any) -> None:
        mine, _ = trial.pair(sample)
        if trial.info.is_lazy:
            unmade = trial.plain_pair(sample)[0]
            unequal(repr(copy.deepcopy(unmade)), repr(unmade), "a copy before the first call")
        expected = Outcome(lambda: trial.call(copy.deepcopy(mine), sample))
        for words, made in (
            ("deepcopy", lambda: copy.deepcopy(mine)),
            ("pickle", lambda: pickle.loads(pickle.dumps(mine))),
        ):
            try:
                module = made()
                unequal(repr(module), repr(mine), words)
                value = trial.call(module, sample)
            except Different:
                raise
            except Exception as error:
                raise Different(f"{words}: {type(error).__name__}: {error}") from None
            unequal(plain(value), plain(expected.value), words)
            shared = {id(t) for t in mine.parameters()} & {id(t) for t in module.parameters()}
            unequal(len(shared), 0, f"{words}: parameters shared")

    each(trial.samples, test)


CONVERSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "half()": lambda m, lib: m.half(),
    "bfloat16()": lambda m, lib: m.bfloat16(),
    "double()": lambda m, lib: m.double(),
    "float()": lambda m, lib: m.float(),
    "to(float64)": lambda m, lib: m.to(lib.float64),
    "to(device, dtype)": lambda m, lib: m.to("cpu", lib.float16),
    "type(float64)": lambda m, lib: m.type(lib.float64),
}


def conversion(trial: Trial) -> None:
    """Conversions of dtype: numbers, identity of the parameters, the call in half precision."""

    def test(sample: Any) -> None:
        for words, convert in CONVERSIONS.items():
            mine, other = trial.pair(sample)
            kept = []
            for module in (mine, other):
                before = list(module.parameters())
                after = list(convert(module, library(module)).parameters())
                kept.append([p is q for p, q in zip(before, after, strict=True)])
            unequal(*kept, f"{words}: parameters stay the same objects")
            found = differs(_state(mine), _state(other), trial.bounds)
            if found:
                raise Different(f"{words}: {found}")
        for words, kind in (("half()", "float16"), ("bfloat16()", "bfloat16")):
            mine, other = trial.pair(sample)
            CONVERSIONS[words](mine, dynagrad), CONVERSIONS[words](other, torch)
            _call_in(trial, mine, other, sample, words, kind)

    each(trial.samples, test)


def _call_in(trial: Trial, mine: Any, other: Any, sample: Any, words: str, kind: str) -> None:
    wide = trial.wide(other)
    narrow = getattr(torch, kind)
    found = together(
        lambda: trial.call(mine, sample, dtype=getattr(dynagrad, kind)),
        lambda: trial.call(other, sample, dtype=narrow),
    )
    if found:
        try:
            trial.compare(found, lambda: _rounded_first(trial, wide, sample, narrow))
        except Different as different:
            raise Different(f"call after {words}: {different}") from None


def _rounded_first(trial: Trial, module: Any, sample: Any, narrow: Any) -> Any:
    """The call in float64 with arguments rounded to a narrow dtype."""
    args, kwargs = floating(floating(list(arguments(sample.forward_input, False)), narrow), F64)
    sow(trial.seed)
    return module(*args, **kwargs)


def errors(trial: Trial) -> None:
    """PyTorch's own bad arguments: type of the error and what its text says."""

    def test(bad: Any) -> None:
        def run(mine: bool) -> Callable[[], Any]:
            def tried() -> Any:
                module = make(trial.info, bad.module_error_input, trial.seed, mine)
                if bad.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
                    return module
                args, kwargs = arguments(bad.module_error_input.forward_input, mine)
                return module(*args, **kwargs)

            return tried

        text = refusal(run(True), run(False), bad.error_regex)
        if text:
            raise Different(text)

    each(bad_samples(trial.info, trial.dtype, trial.seed), test)
