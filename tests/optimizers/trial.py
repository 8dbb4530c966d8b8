"""A trial: one optimiser with a dtype, its configurations, and how results compare."""

from collections.abc import Callable
from typing import Any

import torch
from listed import Different, as_near, spread
from opdb.judges import no_worse
from opdb.rows import Outcome
from opdb.translate import differs

import dynagrad

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
    valley,
)


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


def told(test: Callable[[Config], None]) -> Callable[[Config], None]:
    """The same test, whose differences begin with the configuration."""

    def tested(config: Config) -> None:
        try:
            test(config)
        except Different as different:
            raise Different(f"({config.text}) {different}") from None

    return tested
