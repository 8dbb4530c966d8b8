"""One row of the score each: what is done with an entry's samples in both libraries, and compared.

Every row is a function of a `Trial`; it raises `Different` with a few words at the first
difference. What PyTorch refuses must be refused here, with an error of its type.
"""

import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import dynagrad

from .entries import UNSPECIFIED, at, counterpart, key_of, tolerance
from .memory import unwatched
from .transforms import vmap_differs
from .translate import (
    NARROW,
    WIDER,
    Untranslatable,
    differs,
    flat,
    is_tensor,
    narrow_weights,
    no_worse,
    ours,
    shape_of,
    sharing,
    strides_differ,
    theirs,
    widened,
)

F32, F64, I64, BOOL = torch.float32, torch.float64, torch.int64, torch.bool
C64, C128 = torch.complex64, torch.complex128
SMALL = (torch.float16, torch.bfloat16, C64, C128, torch.uint8, torch.int8, torch.int16)
OTHERS = (*SMALL, torch.int32)
REAL = (torch.float16, torch.bfloat16, F32, F64, C64, C128)
#: Operations of PyTorch's that write beyond the memory of an `out=` of other strides or sizes.
CORRUPTING = {"lu_unpack"}
#: Operations with no promise about the order of equal elements: what an index points at counts.
TIED = {"sort", "argsort", "topk", "kthvalue", "mode"}


class Different(Exception):
    """What differs from PyTorch."""


class Outcome:
    """What a call came to: a value or an error."""

    def __init__(self, call: Callable[[], Any]):
        self.value: Any = None
        self.error: Exception | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.value = call()
            except Untranslatable:
                raise
            except Exception as error:
                self.error = error


def _same_kinds(mine: Any, other: Any) -> bool:
    return not differs(mine, other, lambda dtype: {}, values=False)


def same_type(mine: Exception, other: Exception) -> bool:
    """Whether an error is of the type of PyTorch's, by class or by name."""
    names = {c.__name__ for c in type(mine).__mro__}
    expected = type(other).__name__.lstrip("_")
    return isinstance(mine, type(other)) or expected in {n.lstrip("_") for n in names}


def said(error: Exception) -> str:
    """The first line of an error."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:160]}"


class Trial:
    """One entry with one dtype: its samples, drawn anew from the seed, for both libraries."""

    def __init__(self, op: Any, dtype: torch.dtype, seed: int, limit: int | None):
        self.op, self.dtype, self.seed, self.limit = op, dtype, seed, limit
        self.unspecified = op.name in UNSPECIFIED
        self.computed = dtype
        self.drawn: dict[bool, list] = {}

    def sow(self) -> None:
        """The same random stream in both libraries."""
        torch.manual_seed(self.seed)
        dynagrad.manual_seed(self.seed)

    def samples(self, requires_grad: bool = False) -> list:
        """PyTorch's samples, or as many of them, spread evenly, as the limit allows."""
        if requires_grad not in self.drawn:
            torch.manual_seed(self.seed)
            random.seed(self.seed)
            np.random.seed(self.seed % 2**32)
            self.drawn[requires_grad] = list(
                self.op.sample_inputs("cpu", self.dtype, requires_grad=requires_grad)
            )
        found = self.drawn[requires_grad]
        if self.limit is None or len(found) <= self.limit:
            return found
        return [found[i * len(found) // self.limit] for i in range(self.limit)]

    def both(self, run: Callable[[Any, tuple, dict], Any], sample: Any, pair: Any) -> tuple:
        """The outcomes of a run with this library's arguments and with PyTorch's; where both
        refuse, the types of their errors are compared and the result is empty.
        """
        mine_of, other_of = pair
        given = (sample.input, *sample.args)
        args, kwargs = theirs([given, sample.kwargs], {})
        self.sow()
        other = Outcome(lambda: run(other_of, args, kwargs))
        known: dict[int, Any] = {}
        args_here, kwargs_here = ours([given, sample.kwargs], known)
        self.sow()
        mine = Outcome(lambda: run(mine_of, args_here, kwargs_here))
        self.last = ((args_here, kwargs_here), (args, kwargs))
        if other.error is not None:
            if mine.error is None:
                raise Different(f"no error: PyTorch has {said(other.error)}")
            if not same_type(mine.error, other.error):
                raise Different(f"{said(mine.error)} where PyTorch has {said(other.error)}")
            return ()
        if mine.error is not None:
            raise Different(said(mine.error))
        return mine.value, other.value

    def compare(self, mine: Any, other: Any, sample: Any = None, run: Any = None) -> None:
        """Raise Different unless a result equals PyTorch's, or is as near to the exact one as
        PyTorch's (`run`, `sample`: what is computed in a wider dtype to find that out).
        """
        process = sample.output_process_fn_grad if sample is not None else None
        if run is call and process is not None:
            plain = differs(mine, other, self.bounds, values=False)
            if plain:
                raise Different(plain)
            mine, other = counterpart(process)(mine), process(other)
        if self.op.name in TIED:
            mine, other = self.picked(mine, 0), self.picked(other, 1)
        text = differs(mine, other, self.bounds, values=not self.unspecified)
        if text and not (run is not None and self.is_as_near(mine, other, sample, run)):
            raise Different(text)

    def bounds(self, dtype: torch.dtype) -> dict[str, float]:
        """PyTorch's bounds for results of this dtype."""
        pair = tolerance(self.op, dtype), tolerance(self.op, self.computed)
        return {k: max(p[k] for p in pair) for k in pair[0]} if dtype in REAL else pair[0]

    def picked(self, result: Any, which: int) -> Any:
        """A result whose indices are replaced by the elements they point at."""
        args, kwargs = self.last[which]
        x = args[0]
        place = 2 if self.op.name in ("topk", "kthvalue") else 1
        dim = kwargs.get("dim", args[place] if len(args) > place else -1)
        whole = list(result) if isinstance(result, tuple | list) else [result]
        if isinstance(whole[0], list):  # what `out=` came to
            return [self.picked(whole[0], which), *whole[1:]]
        if is_tensor(whole[-1]) and x.ndim and str(whole[-1].dtype) == "torch.int64":
            places = whole[-1]
            whole[-1] = x.gather(dim, places if places.ndim == x.ndim else places.unsqueeze(dim))
        return whole

    def is_as_near(self, mine: Any, other: Any, sample: Any, run: Any) -> bool:
        """Whether both are roundings of one result, and this library's error is not the larger
        one by more than twice: PyTorch on the same numbers in a wider dtype is the judge.
        """
        if self.dtype not in WIDER or not _same_kinds(mine, other):
            return False
        given = widened([(sample.input, *sample.args), sample.kwargs])
        self.sow()
        with narrow_weights(self.dtype):
            exact = Outcome(lambda: run(_pair(self)[1], *given))
        if exact.error is not None:
            return False
        value = (
            exact.value[1] if run is not call and isinstance(exact.value, tuple) else exact.value
        )
        if run is call:
            value = sample.output_process_fn_grad(value)
        return no_worse(mine, other, value, self.bounds)


def call(function: Any, args: tuple, kwargs: dict) -> Any:
    """The plain call."""
    return function(*args, **kwargs)


def _pair(trial: Trial) -> tuple:
    op = trial.op
    return counterpart(op.op, op.name), op.op


def forward(trial: Trial) -> None:
    """Values, dtypes and shapes."""
    pair = _pair(trial)
    for sample in trial.samples():
        found = trial.both(call, sample, pair)
        if found:
            trial.compare(*found, sample, call)


def strides(trial: Trial) -> None:
    """Strides of results."""
    pair = _pair(trial)
    for sample in trial.samples():
        found = trial.both(call, sample, pair)
        if found and not differs(*found, lambda dtype: {}, values=False):
            text = strides_differ(*found)
            if text:
                raise Different(text)


def alias(trial: Trial) -> None:
    """Whose memory the results share, and whether they are new objects."""
    pair = _pair(trial)
    for sample in trial.samples():
        found = trial.both(call, sample, pair)
        if found:
            mine, other = (sharing(r, given) for r, given in zip(found, trial.last, strict=True))
            if mine != other:
                raise Different(f"shares memory with / is: {mine} instead of {other}")


# --- derivatives ----------------------------------------------------------------------------------


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


def _differentiated(process: Callable, order: int, seed: int) -> Callable:
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
    pair = _pair(trial)
    for sample in trial.samples(requires_grad=True):
        run = _differentiated(sample.output_process_fn_grad, order, trial.seed)
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


def _forward_mode(process: Callable, seed: int) -> Callable:
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
    pair = _pair(trial)
    for sample in trial.samples(requires_grad=True):
        run = _forward_mode(sample.output_process_fn_grad, trial.seed)
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
            inner = _differentiated(lambda value: value, 1, trial.seed)
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
    mine_of, other_of = _pair(trial)
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
    mine_of, other_of = _pair(trial)
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


def describe(op: Any) -> str:
    """An entry's name as the lists write it."""
    return key_of(op)


__all__ = ["Different", "Trial", "describe", "rows_of", "run", "shape_of"]
