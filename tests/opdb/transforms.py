"""The row `vmap`: an operation inside of vmap against a loop over the batch, both of this library.

PyTorch is asked only where this library refuses: what it refuses too may be refused.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import dynagrad

from .entries import counterpart
from .translate import Untranslatable, differs, flat, is_tensor, ours

BOUNDS = {"rtol": 1e-8, "atol": 1e-9}
#: Operations whose result depends on how an example lies in memory.
BY_MEMORY = {"as_strided", "as_strided_copy", "as_strided_scatter"}


def _program(lib: Any, function: Callable, given: Any, process: Callable) -> tuple[Callable, list]:
    """The call as a function of its floating tensors, and these."""
    once = {id(t): t for t in flat(given) if is_tensor(t) and t.dtype.is_floating_point}
    numbers = {known: number for number, known in enumerate(once)}

    def put(value: Any, new: tuple) -> Any:
        if is_tensor(value):
            return new[numbers[id(value)]] if id(value) in numbers else value
        if type(value) in (list, tuple):
            return type(value)(put(v, new) for v in value)
        return {k: put(v, new) for k, v in value.items()} if isinstance(value, dict) else value

    def run(*new: Any) -> tuple:
        lib.manual_seed(0)
        args, kwargs = put(given, new)
        return tuple([t for t in flat(process(function(*args, **kwargs))) if is_tensor(t)])

    return run, [t.detach() for t in once.values()]


def _example(t: Any, number: int) -> Any:
    return t * (1.0, 0.9)[number] + (0.0, 0.01)[number]


def _weighted(lib: Any, run: Callable) -> Callable:
    """The sum of all floating results, with weights."""

    def total(*values: Any) -> Any:
        rng = np.random.default_rng(1)
        terms = []
        for r in run(*values):
            if r.dtype.is_floating_point:
                weights = lib.asarray(rng.uniform(0.5, 1.5, tuple(r.shape)))
                terms.append((r * weights.to(r.dtype)).sum())
        return sum(terms)

    return total


def _comparisons(lib: Any, run: Callable, inputs: list) -> Iterator[tuple[list, list]]:
    """What vmap gives and what the loop gives: results with all inputs in the batch, along some
    dimension, and with each alone; then gradients.
    """
    count = len(inputs)
    rng = np.random.default_rng(count)
    choices = [[True] * count, *([i == j for i in range(count)] for j in range(count))]
    for chosen in choices if count > 1 else choices[:1]:
        dims = [
            int(rng.integers(-t.ndim - 1, t.ndim + 1)) if c else None
            for t, c in zip(inputs, chosen, strict=True)
        ]
        rows = [
            [t if d is None else _example(t, i) for t, d in zip(inputs, dims, strict=True)]
            for i in (0, 1)
        ]
        loop = [run(*row) for row in rows]
        batch = [
            x if d is None else lib.stack([x, y], d) for x, y, d in zip(*rows, dims, strict=True)
        ]
        ends = tuple([int(rng.integers(-r.ndim - 1, r.ndim + 1)) for r in loop[0]])
        mapped = lib.vmap(run, in_dims=tuple(dims), out_dims=ends, randomness="same")
        yield (
            list(mapped(*batch)),
            [lib.stack([x, y], d) for x, y, d in zip(*loop, ends, strict=True)],
        )
    total = _weighted(lib, run)
    leaves = [_example(t, 0).clone().requires_grad_() for t in inputs]
    value = total(*leaves)
    if is_tensor(value) and value.requires_grad:
        grad = lib.func.grad(total, argnums=tuple(range(count)))
        rows = [[_example(t, i) for t in inputs] for i in (0, 1)]
        batch = [lib.stack([x, y]) for x, y in zip(*rows, strict=True)]
        loop = [grad(*row) for row in rows]
        found = lib.vmap(grad, randomness="same")(*batch)
        yield list(found), [lib.stack([x, y]) for x, y in zip(*loop, strict=True)]


def vmap_differs(op: Any, samples: list) -> str:
    """How vmap differs from the loop, in a few words; empty if it does not."""
    for sample in samples if op.name not in BY_MEMORY else ():
        given = ((sample.input, *sample.args), sample.kwargs)
        process = sample.output_process_fn_grad
        run, inputs = _program(
            dynagrad, counterpart(op.op, op.name), ours(given), counterpart(process)
        )
        try:
            if not inputs or not run(*inputs):
                continue
        except Untranslatable:
            raise
        except Exception:  # the row `forward` tells
            continue
        try:
            for found, expected in _comparisons(dynagrad, run, inputs):
                text = differs(found, expected, lambda dtype: BOUNDS)
                if text:
                    return text
        except Exception as error:
            if _torch_takes(op, given, process):
                line = str(error).strip().partition("\n")[0][:160]
                return f"{type(error).__name__}: {line}"
    return ""


def _torch_takes(op: Any, given: Any, process: Callable) -> bool:
    run, inputs = _program(torch, op.op, given, process)
    try:
        return all(True for _ in _comparisons(torch, run, inputs))
    except Exception:
        return False
