"""A trial: one module of the list with a dtype and a mode, its samples, and how results compare."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from listed import Different, as_near, spread
from opdb.judges import is_shaken_as_far, no_worse
from opdb.rows import Outcome
from opdb.translate import differs, flat, is_tensor, ours
from torch.testing._internal.common_modules import FunctionInput

import dynagrad

from .entries import align, arguments, floating, here, make, samples, sow, tolerance

F32, F64 = torch.float32, torch.float64


class Trial:
    """One module with a dtype and a mode."""

    def __init__(self, info: Any, dtype: torch.dtype, training: bool, seed: int, limit: int | None):
        self.info, self.dtype, self.training, self.seed = info, dtype, training, seed
        here(info.name)
        place = f"{info.name} {dtype} {training} {seed}"
        self.samples = spread(samples(info, dtype, training, seed), limit, place)

    def plain_pair(self, sample: Any, **extra: Any) -> tuple[Any, Any]:
        """Both modules, as their constructors leave them."""
        there = {k: ours(v) for k, v in extra.items()}
        other = make(self.info, sample, self.seed, False, **extra)
        return make(self.info, sample, self.seed, True, **there), other

    def pair(self, sample: Any, **extra: Any) -> tuple[Any, Any]:
        """Both modules with PyTorch's numbers, in the dtype and the mode of the trial."""
        mine, other = self.plain_pair(sample, **extra)
        mine.to(ours(self.dtype)).train(self.training)
        other.to(self.dtype).train(self.training)
        if self.info.is_lazy:  # the first call makes the parameters
            self.call(mine, sample)
            self.call(other, sample)
        align(mine, other)
        return mine, other

    def call(self, module: Any, sample: Any, *, dtype: Any = None) -> Any:
        """The results of a module for a sample's arguments, from the seed."""
        return self.called(module, sample, dtype=dtype)[0]

    def called(self, module: Any, sample: Any, *, dtype: Any = None) -> tuple[Any, list]:
        """Results, and the tensors among the arguments that require gradients."""
        mine = isinstance(module, dynagrad.nn.Module)
        given = list(arguments(sample.forward_input, mine))
        args, kwargs = given if dtype is None else floating(given, dtype)
        sow(self.seed)
        leaves = {id(t): t for t in flat([args, kwargs]) if is_tensor(t) and t.requires_grad}
        return module(*args, **kwargs), list(leaves.values())

    def bounds(self, dtype: torch.dtype) -> dict[str, float]:
        """PyTorch's bounds for results of this dtype."""
        return tolerance(self.info, dtype)

    def compare(
        self,
        found: tuple,
        judge: Callable[[], Any] | None = None,
        shaken: Callable[[], bool] | None = None,
    ) -> None:
        """Raise Different unless results agree, or miss those in float64 no more than PyTorch's, or
        rounding parameters and arguments explains the difference.
        """
        mine, other = found
        text = differs(mine, other, self.bounds)
        if not text:
            return
        if judge is not None and not differs(mine, other, self.bounds, values=False):
            exact = Outcome(judge)
            if exact.error is None and (
                no_worse(mine, other, exact.value, self.bounds) or as_near(mine, other, exact.value)
            ):
                return
            if shaken is not None and Outcome(shaken).value:
                return
        raise Different(text)

    def shaken(
        self, found: tuple, wide: torch.nn.Module, sample: Any, run: Callable[[Any, Any], Any]
    ) -> bool:
        """Whether `run` of PyTorch's module and a sample moves as far as the results differ, where
        all parameters, buffers and arguments are moved by a rounding.
        """
        module = copy.deepcopy(wide).to(self.dtype)
        state = [t.detach() for t in (*module.parameters(), *module.buffers())]

        def again(moved: Any) -> Any:
            values, args, kwargs = moved
            there = copy.deepcopy(module)
            with torch.no_grad():
                for t, value in zip((*there.parameters(), *there.buffers()), values, strict=True):
                    t.copy_(value)
            called = copy.copy(sample)
            called.forward_input = FunctionInput(*args, **kwargs)
            return run(there, called)

        args, kwargs = arguments(sample.forward_input, False)
        return is_shaken_as_far(*found, [state, args, kwargs], again, self.bounds)

    def wide(self, other: torch.nn.Module) -> torch.nn.Module:
        """PyTorch's module in float64: the judge."""
        return copy.deepcopy(other).to(F64)


def library(module: Any) -> Any:
    """The library that a module belongs to."""
    return dynagrad if isinstance(module, dynagrad.nn.Module) else torch
