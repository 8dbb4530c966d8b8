"""One row of the score each: what is done with an entry's samples in both libraries, and compared.

Every row is a function of a `Trial`; it raises `Different` with a few words at the first
difference. What PyTorch refuses must be refused here, with an error of its type.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

import torch

import dynagrad

from .derivatives import cotangents as cotangents
from .derivatives import differentiated, forward_mode, grad, gradgrad, saved
from .entries import at, counterpart
from .transforms import vmap_differs
from .translate import (
    Untranslatable,
    differs,
    flat,
    is_tensor,
    ours,
    sharing,
    strides_differ,
    theirs,
)
from .trial import REAL, Different, Outcome, Trial, call, pair_of, said, same_type

F32, F64, I64, BOOL = torch.float32, torch.float64, torch.int64, torch.bool
C64, C128 = torch.complex64, torch.complex128
SMALL = (torch.float16, torch.bfloat16, C64, C128, torch.uint8, torch.int8, torch.int16)
OTHERS = (*SMALL, torch.int32)


def forward(trial: Trial) -> None:
    """Values, dtypes and shapes."""
    pair = pair_of(trial)
    for sample in trial.samples():
        found = trial.both(call, sample, pair)
        if found:
            trial.compare(*found, sample, call)


def strides(trial: Trial) -> None:
    """Strides of results."""
    pair = pair_of(trial)
    for sample in trial.samples():
        found = trial.both(call, sample, pair)
        if found and not differs(*found, lambda dtype: {}, values=False):
            text = strides_differ(*found)
            if text:
                raise Different(text)


def alias(trial: Trial) -> None:
    """Whose memory the results share, and whether they are new objects."""
    pair = pair_of(trial)
    for sample in trial.samples():
        found = trial.both(call, sample, pair)
        if found:
            mine, other = (sharing(r, given) for r, given in zip(found, trial.last, strict=True))
            if mine != other:
                raise Different(f"shares memory with / is: {mine} instead of {other}")


# --- variants -------------------------------------------------------------------------------------


def method(trial: Trial) -> None:
    """The same call as a method of Tensor."""
    variant = trial.op.method_variant
    pair = (counterpart(variant), variant)
    for sample in trial.samples():
        if isinstance(sample.input, torch.Tensor):
            found = trial.both(call, sample, pair)
            if found:
                trial.compare(*found, sample, call)


def inplace(trial: Trial) -> None:
    """The in-place variant: the value, which object comes back, the error where it cannot be."""
    variant = trial.op.inplace_variant
    pair = (counterpart(variant), variant)

    def run(function: Any, args: Any, kwargs: Any) -> Any:
        x, *others = args
        result = function(x, *others, **kwargs)
        return result, x, result is x, x._version > 0

    for sample in trial.samples():
        if isinstance(sample.input, torch.Tensor):
            found = trial.both(run, sample, pair)
            if found:
                trial.compare(*found)
                if strides_differ(*found):
                    raise Different(strides_differ(*found))


def inplace_grad(trial: Trial) -> None:
    """Gradients through the in-place variant."""
    variant = trial.op.inplace_variant
    pair = (counterpart(variant), variant)

    def through(function: Any) -> Callable:
        return lambda x, *args, **kwargs: function(x.clone(), *args, **kwargs)

    for sample in trial.samples(requires_grad=True):
        if isinstance(sample.input, torch.Tensor) and not sample.broadcasts_input:
            inner = differentiated(lambda value: value, 1, trial.seed)
            found = trial.both(
                lambda f, args, kwargs, inner=inner: inner(through(f), args, kwargs), sample, pair
            )
            if found:
                trial.compare(*found)


def _out_runs(expected: Any) -> Iterator[tuple[str, Callable]]:
    """Ways to give `out=`: right, transposed in memory, of a wrong size, of a wrong dtype."""
    many = isinstance(expected, list | tuple)
    if not all(is_tensor(t) for t in flat(expected)):
        return
    kinds = [(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for t in flat(expected)]

    def filled(make: Callable) -> Callable:
        def run(function: Any, args: Any, kwargs: Any) -> Any:
            mine = isinstance(function, Ours)
            lib = dynagrad if mine else torch
            outs = [make(lib, shape, getattr(lib, kind)) for shape, kind in kinds]
            out = outs if many and isinstance(expected, list) else tuple(outs) if many else outs[0]
            result = (function.function if mine else function)(*args, **kwargs, out=out)
            same = all(a is b for a, b in zip(flat(result), outs, strict=True))
            return outs, same, [tuple(o.stride()) for o in outs if o.numel()]

        return run

    def spread(lib: Any, shape: tuple, kind: Any) -> Any:
        return lib.zeros(shape[::-1], dtype=kind).permute(tuple(reversed(range(len(shape)))))

    yield "out", filled(lambda lib, shape, kind: lib.zeros(shape, dtype=kind))
    yield "out of other strides", filled(spread)
    yield "out of another size", filled(lambda lib, shape, kind: lib.zeros((1,) * 5, dtype=kind))
    yield "out of int", filled(lambda lib, shape, kind: lib.zeros(shape, dtype=lib.long))
    yield "out of double", filled(lambda lib, shape, kind: lib.zeros(shape, dtype=lib.double))


#: where PyTorch writes beyond its tensors' memory, which ends the process sooner or later
CORRUPTING = {
    ("lu_unpack", "out of other strides"),
    ("linalg.lu", "out of other strides"),
}


class Ours:
    """Marks this library's function where a run is given either."""

    def __init__(self, function: Any):
        self.function = function


def out(trial: Trial) -> None:
    """`out=`: values, the object that comes back, strides kept, sizes mended, dtypes refused."""
    mine_of, other_of = pair_of(trial)
    for sample in trial.samples()[:6]:
        args, kwargs = theirs([(sample.input, *sample.args), sample.kwargs])
        trial.sow()
        expected = Outcome(lambda args=args, kwargs=kwargs: other_of(*args, **kwargs))
        if expected.error is not None:
            continue
        # integers are computed in the default dtype, whatever the dtype of `out`
        computed = [t.dtype for t in flat(expected.value) if is_tensor(t) and t.dtype in REAL]
        trial.computed = computed[0] if computed else trial.dtype
        for words, run in _out_runs(expected.value):
            if (trial.op.name, words) in CORRUPTING:
                continue
            try:
                found = trial.both(run, sample, (Ours(mine_of), other_of))
                if found:
                    (mine, *kept), (other, *expected_kept) = found
                    trial.compare(kept, expected_kept)
                    if not trial.is_as_near(mine, other, sample, call):
                        trial.compare(mine, other)
            except Different as different:
                raise Different(f"{words}: {different}") from None


def aliases(trial: Trial) -> None:
    """PyTorch's other names of the same operation: function, method, in-place variant."""
    for info in trial.op.aliases:
        for path, kept in (
            (info.name.removeprefix("torch."), info.op),
            (f"Tensor.{info.name}", info.method_variant),
            (f"Tensor.{info.name}_", info.inplace_variant),
        ):
            if kept is None:
                continue
            try:
                function = at(path)
            except AttributeError:
                raise Different(f"{path} is missing") from None
            for sample in trial.samples()[:2]:
                if path.startswith("Tensor.") and not isinstance(sample.input, torch.Tensor):
                    continue
                found = trial.both(call, sample, (function, kept))
                if found:
                    trial.compare(*found, sample, call)


def errors(trial: Trial) -> list[str]:
    """The list's own bad calls: an error of PyTorch's type. All differences, not just the first."""
    mine_of, other_of = pair_of(trial)
    random.seed(trial.seed)
    torch.manual_seed(trial.seed)
    found = []
    count = 0
    for bad in trial.op.error_inputs("cpu"):
        sample = bad.sample_input
        try:
            given = ((sample.input, *sample.args), sample.kwargs)
            args_here, kwargs_here = ours(list(given))
            args, kwargs = theirs(list(given))
        except Untranslatable:
            continue
        other = Outcome(lambda args=args, kwargs=kwargs: other_of(*args, **kwargs))
        if other.error is None:
            continue
        count += 1
        mine = Outcome(lambda args=args_here, kwargs=kwargs_here: mine_of(*args, **kwargs))
        if mine.error is None:
            found.append(f"no error: PyTorch has {said(other.error)}")
        elif not same_type(mine.error, other.error):
            found.append(f"{said(mine.error)} where PyTorch has {said(other.error)}")
    if found:
        raise Different(f"{len(found)} of {count}: {found[0]}")
    return found


def vmap(trial: Trial) -> None:
    """Inside of vmap, against a loop: three samples of an operation."""
    found = trial.samples()
    some = [found[i * len(found) // 3] for i in range(3)] if len(found) > 3 else found
    text = "" if trial.unspecified else vmap_differs(trial.op, some)
    if text:
        raise Different(text)


# --- which rows an entry has ----------------------------------------------------------------------


def rows_of(op: Any) -> Iterator[tuple[str, torch.dtype, Callable[[Trial], Any]]]:
    """The rows of an entry: name, dtype, what to run."""
    kinds = op.supported_dtypes("cpu")
    first = next((d for d in (F32, F64, C64, I64, BOOL) if d in kinds), None)
    for dtype in (F32, F64, I64, BOOL):
        if dtype in kinds:
            yield "forward", dtype, forward
    for dtype in OTHERS:
        if dtype in kinds:
            yield "dtype", dtype, forward
    if first is None:
        return
    yield "strides", first, strides
    yield "alias", first, alias
    if F64 in kinds:
        yield "vmap", F64, vmap
    derived = op.supported_backward_dtypes("cpu")
    if op.supports_autograd:
        for dtype in (F32, F64, C128):
            if dtype in derived:
                yield "grad", dtype, grad
                if op.supports_gradgrad:
                    yield "gradgrad", dtype, gradgrad
        if F64 in derived:
            yield "saved", F64, saved
        if op.supports_forward_ad:
            for dtype in (F64, C128):
                if dtype in derived:
                    yield "forward-mode", dtype, forward_mode
    if op.method_variant is not None:
        yield "method", first, method
    if op.inplace_variant is not None:
        yield "inplace", first, inplace
        if I64 in kinds and first != I64:
            yield "inplace", I64, inplace
        if op.supports_inplace_autograd and op.supports_autograd and F64 in derived:
            yield "inplace", F64, inplace_grad
    if op.supports_out:
        yield "out", first, out
        if I64 in kinds and first != I64:
            yield "out", I64, out
    if op.aliases:
        yield "aliases", first, aliases
    if op.error_inputs_func is not None:
        yield "error", first, errors


def run(op: Any, seed: int = 0, limit: int | None = None, only: str = "") -> dict[str, str]:
    """All rows of an entry: `row dtype` with the difference found, or an empty text."""
    found = {}
    trials: dict[torch.dtype, Trial] = {}
    for row, dtype, test in rows_of(op):
        if only and row not in only.split(","):
            continue
        trial = trials.setdefault(dtype, Trial(op, dtype, seed, limit))
        label = f"{row} {str(dtype).removeprefix('torch.')}"
        try:
            test(trial)
            text = ""
        except Different as different:
            text = str(different)
        except Untranslatable as error:
            text = f"not translated: {error}"
        except AttributeError as error:
            text = f"missing: {said(error)}"
        except Exception as error:  # the driver itself, or PyTorch's samples, failed
            text = f"driver: {said(error)}"
        found[label] = found.get(label) or text
    return found
