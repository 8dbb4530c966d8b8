"""The rows of the score: what is done with a module's samples in both libraries, by name."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from listed import judged

from . import carrying, computing, making
from .entries import ENTRIES
from .trial import F32, F64, Trial


def rows_of(info: Any) -> Iterator[tuple[str, torch.dtype, bool, Callable[[Trial], None]]]:
    """The rows of a module: name, dtype, mode, what to run."""
    modes = (True, False) if info.train_and_eval_differ else (True,)
    for row, test in (
        ("init", making.init),
        ("repr", making.shown),
        ("attributes", making.attributes),
        ("signature", making.signatures),
        ("warnings", making.warned),
    ):
        yield row, F32, True, test
    for dtype in (F32, F64):
        for training in modes:
            yield "forward", dtype, training, computing.forward
            yield "input-grad", dtype, training, computing.input_grad
            yield "parameter-grad", dtype, training, computing.parameter_grad
            yield "state", dtype, training, carrying.state
            if dtype is F32:
                yield "channels-last", dtype, training, computing.channels_last
            if dtype is F64:
                yield "noncontiguous", dtype, training, computing.noncontiguous
                if info.supports_gradgrad:
                    yield "gradgrad", dtype, training, computing.gradgrad
        if "dtype" in inspect.signature(info.module_cls.__init__).parameters:
            yield "keywords", dtype, True, making.keywords
    if "inplace" in inspect.signature(info.module_cls.__init__).parameters:
        yield "inplace", F64, True, computing.inplace
    yield "copy", F32, True, carrying.copies
    yield "conversion", F32, True, carrying.conversion
    if info.module_error_inputs_func is not None:
        yield "errors", F32, True, carrying.errors


def run(name: str, seed: int = 0, limit: int | None = None, only: str = "") -> dict[str, str]:
    """All rows of a module: `row dtype mode` with the difference found, or an empty text."""
    info = ENTRIES[name]
    trials: dict[tuple, Trial] = {}

    def bound(test: Callable, dtype: torch.dtype, training: bool) -> Callable[[], None]:
        def tested() -> None:
            key = (dtype, training)
            if key not in trials:
                trials[key] = Trial(info, dtype, training, seed, limit)
            test(trials[key])

        return tested

    return judged(
        (
            (
                f"{row} {str(dtype).removeprefix('torch.')} {'train' if training else 'eval'}",
                bound(test, dtype, training),
            )
            for row, dtype, training, test in rows_of(info)
        ),
        only,
    )
