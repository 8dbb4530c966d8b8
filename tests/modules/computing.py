"""Rows on what a module computes: results, derivatives, layouts."""

from typing import Any

import torch
from listed import Different, each, together, unequal
from opdb.judges import narrow_weights
from opdb.rows import cotangents
from opdb.translate import flat, is_tensor, strides_differ
from torch.nn.attention import SDPBackend, sdpa_kernel

import dynagrad

from .entries import arguments, floating, sow
from .trial import F64, Trial, library


def forward(trial: Trial) -> None:
    """Values, shapes, dtypes and strides of the results."""

    def test(sample: Any) -> None:
        mine, other = trial.pair(sample)
        wide = trial.wide(other)
        found = together(lambda: trial.call(mine, sample), lambda: trial.call(other, sample))
        if found:
            trial.compare(
                found,
                lambda: trial.call(wide, sample, dtype=F64),
                lambda: trial.shaken(found, wide, sample, trial.call),
            )
            if strides_differ(*found):
                raise Different(strides_differ(*found))
            kinds = [[type(t).__name__ for t in _parts(value)] for value in found]
            unequal(*kinds, "types of the results")

    each(trial.samples, test)


def _parts(value: Any) -> list:
    return [value, *value] if isinstance(value, tuple) else [value]


def _differentiated(trial: Trial, module: Any, sample: Any, by: str, dtype: Any = None) -> Any:
    """The gradients of a module's results by the arguments or by the parameters."""
    lib = library(module)
    value, leaves = trial.called(module, sample, dtype=dtype)
    if by == "parameters":
        leaves = [p for p in module.parameters() if p.requires_grad]
    results = [t for t in flat(value) if is_tensor(t)]
    told = [bool(t.requires_grad) for t in results]
    results = [t for t in results if t.requires_grad]
    if not results or not leaves:
        return [], told
    weights = cotangents(results, trial.seed)
    return lib.autograd.grad(results, leaves, weights, allow_unused=True), told


def _gradients(trial: Trial, by: str) -> None:
    def test(sample: Any) -> None:
        mine, other = trial.pair(sample)
        wide = trial.wide(other)
        found = together(
            lambda: _differentiated(trial, mine, sample, by),
            lambda: _differentiated(trial, other, sample, by),
        )
        if found:
            (a, told), (b, expected) = found
            unequal(told, expected, "requires_grad of the results")

            def judge() -> Any:
                with narrow_weights(trial.dtype):
                    return _differentiated(trial, wide, sample, by, F64)[0]

            def run(module: Any, sample: Any) -> Any:
                return _differentiated(trial, module, sample, by)[0]

            trial.compare((a, b), judge, lambda: trial.shaken((a, b), wide, sample, run))

    each(trial.samples, test)


def input_grad(trial: Trial) -> None:
    """Gradients by the arguments."""
    _gradients(trial, "arguments")


def parameter_grad(trial: Trial) -> None:
    """Gradients by the parameters."""
    _gradients(trial, "parameters")


def _twice(trial: Trial, module: Any, sample: Any) -> Any:
    """The gradients of the gradients, by arguments, parameters and cotangents."""
    lib = library(module)
    value, leaves = trial.called(module, sample)
    leaves = [*leaves, *(p for p in module.parameters() if p.requires_grad)]
    results = [t for t in flat(value) if is_tensor(t) and t.requires_grad]
    if not results:
        return []
    weights = [w.requires_grad_() for w in cotangents(results, trial.seed)]
    first = lib.autograd.grad(results, leaves, weights, allow_unused=True, create_graph=True)
    again = [g for g in first if g is not None and g.requires_grad]
    if not again:
        return []
    wanted = [*leaves, *weights]
    second = lib.autograd.grad(again, wanted, cotangents(again, trial.seed + 1), allow_unused=True)
    return [lib.zeros_like(x) if g is None else g for g, x in zip(second, wanted, strict=True)]


def gradgrad(trial: Trial) -> None:
    """Second derivatives. PyTorch has them for attention by plain arithmetic alone."""

    def test(sample: Any) -> None:
        mine, other = trial.pair(sample)
        with sdpa_kernel(SDPBackend.MATH):
            found = together(
                lambda: _twice(trial, mine, sample), lambda: _twice(trial, other, sample)
            )
        if found:
            trial.compare(found)

    each(trial.samples, test)


def _scattered(t: Any) -> Any:
    """The same numbers in every other place of larger memory."""
    if not t.ndim or not t.numel():
        return t.detach().requires_grad_(t.requires_grad)
    lib = torch if isinstance(t, torch.Tensor) else dynagrad
    wide = lib.stack([t.detach(), lib.zeros_like(t)], -1)
    return wide[..., 0].requires_grad_(t.requires_grad)


def noncontiguous(trial: Trial) -> None:
    """Results and gradients where the arguments lie scattered in memory."""

    def put(value: Any) -> Any:
        if is_tensor(value):
            return _scattered(value)
        if type(value) in (list, tuple):
            return type(value)(put(v) for v in value)
        return {k: put(v) for k, v in value.items()} if isinstance(value, dict) else value

    def run(module: Any, sample: Any) -> Any:
        args, kwargs = put(list(arguments(sample.forward_input, library(module) is dynagrad)))
        leaves = {id(t): t for t in flat([args, kwargs]) if is_tensor(t) and t.requires_grad}
        sow(trial.seed)
        value = module(*args, **kwargs)
        results = [t for t in flat(value) if is_tensor(t) and t.requires_grad]
        if not results or not leaves:
            return value, []
        return value, library(module).autograd.grad(
            results, list(leaves.values()), cotangents(results, trial.seed), allow_unused=True
        )

    def test(sample: Any) -> None:
        mine, other = trial.pair(sample)
        found = together(lambda: run(mine, sample), lambda: run(other, sample))
        if found:
            trial.compare(found)
            if strides_differ(found[0][0], found[1][0]):
                raise Different(strides_differ(found[0][0], found[1][0]))

    each(trial.samples, test)


def channels_last(trial: Trial) -> None:
    """Images and volumes whose channels lie next to each other: results and gradients; the layout
    of the parameters, and of the results where PyTorch promises it.
    """

    def moved(value: Any, lib: Any) -> Any:
        if is_tensor(value) and value.ndim in (4, 5) and value.is_floating_point():
            formats = {4: lib.channels_last, 5: lib.channels_last_3d}
            t = value.detach().contiguous(memory_format=formats[value.ndim])
            return t.requires_grad_(value.requires_grad)
        if type(value) in (list, tuple):
            return type(value)(moved(v, lib) for v in value)
        return {k: moved(v, lib) for k, v in value.items()} if isinstance(value, dict) else value

    def run(module: Any, sample: Any, wide: bool = False) -> Any:
        lib = library(module)
        given = list(arguments(sample.forward_input, lib is dynagrad))
        args, kwargs = moved(floating(given, F64) if wide else given, lib)
        rank = max(t.ndim for t in flat([args, kwargs]) if is_tensor(t))
        module.to(memory_format=lib.channels_last if rank == 4 else lib.channels_last_3d)
        sow(trial.seed)
        value = module(*args, **kwargs)
        leaves = [t for t in flat([args, kwargs]) if is_tensor(t) and t.requires_grad]
        leaves += [p for p in module.parameters() if p.requires_grad]
        results = [t for t in flat(value) if is_tensor(t) and t.requires_grad]
        grads = lib.autograd.grad(
            results, leaves, cotangents(results, trial.seed), allow_unused=True
        )
        return list(module.parameters()), value, grads

    def test(sample: Any) -> None:
        given = sample.forward_input
        ranks = [t.ndim for t in flat([list(given.args), given.kwargs]) if is_tensor(t)]
        volumes = "3d" in trial.info.name  # of which one without a batch has four dimensions
        if max(ranks, default=0) not in ((5,) if volumes else (4, 5)):
            return
        mine, other = trial.pair(sample)
        exact = trial.wide(other)
        found = together(lambda: run(mine, sample), lambda: run(other, sample))
        if found:
            with narrow_weights(trial.dtype):
                trial.compare(found, lambda: run(exact, sample, True))
            parts = ("parameters", "results")[: 1 + trial.info.module_memformat_affects_out]
            for words, a, b in zip(parts, *found, strict=False):
                if strides_differ(a, b):
                    raise Different(f"{words}: {strides_differ(a, b)}")

    each(trial.samples, test)


def inplace(trial: Trial) -> None:
    """`inplace=True`: the result is the argument; its gradient."""

    def run(module: Any, sample: Any) -> Any:
        (leaf, *more), kwargs = _one_list(sample, library(module) is dynagrad)
        x = leaf.clone()
        sow(trial.seed)
        y = module(x, *more, **kwargs)
        grad = library(module).autograd.grad(y, leaf, cotangents([y], trial.seed)[0])
        return y, y is x, x._version, *grad

    def test(sample: Any) -> None:
        if not sample.forward_input.args:
            return
        mine, other = trial.pair(sample, inplace=True)
        found = together(lambda: run(mine, sample), lambda: run(other, sample))
        if found:
            trial.compare(found)

    each([s for s in trial.samples if "inplace" not in s.constructor_input.kwargs], test)


def _one_list(sample: Any, mine: bool) -> tuple[list, dict]:
    return arguments(sample.forward_input, mine)
