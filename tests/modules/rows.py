"""One row of the score each: what is done with a module's samples in both libraries."""

import copy
import inspect
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch
from listed import (
    Different,
    as_near,
    each,
    judged,
    plain,
    refusal,
    signature,
    spread,
    together,
    unequal,
)
from opdb.rows import Outcome, cotangents
from opdb.translate import (
    differs,
    flat,
    is_tensor,
    narrow_weights,
    no_worse,
    numbers,
    ours,
    strides_differ,
)
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.testing._internal.common_modules import ModuleErrorEnum

import dynagrad

from .entries import (
    ENTRIES,
    align,
    arguments,
    bad_samples,
    floating,
    here,
    make,
    samples,
    sow,
    tolerance,
)

F32, F64 = torch.float32, torch.float64
REAL = (torch.float16, torch.bfloat16, F32, F64)


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

    def compare(self, found: tuple, judge: Callable[[], Any] | None = None) -> None:
        """Raise Different unless results agree, or miss those in float64 no more than PyTorch's."""
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
        raise Different(text)

    def wide(self, other: torch.nn.Module) -> torch.nn.Module:
        """PyTorch's module in float64: the judge."""
        return copy.deepcopy(other).to(F64)


# --- how a module is made -------------------------------------------------------------------------


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


# --- what a module computes -----------------------------------------------------------------------


def forward(trial: Trial) -> None:
    """Values, shapes, dtypes and strides of the results."""

    def test(sample: Any) -> None:
        mine, other = trial.pair(sample)
        wide = trial.wide(other)
        found = together(lambda: trial.call(mine, sample), lambda: trial.call(other, sample))
        if found:
            trial.compare(found, lambda: trial.call(wide, sample, dtype=F64))
            if strides_differ(*found):
                raise Different(strides_differ(*found))
            kinds = [[type(t).__name__ for t in _parts(value)] for value in found]
            unequal(*kinds, "types of the results")

    each(trial.samples, test)


def _parts(value: Any) -> list:
    return [value, *value] if isinstance(value, tuple) else [value]


def _library(module: Any) -> Any:
    return dynagrad if isinstance(module, dynagrad.nn.Module) else torch


def _differentiated(trial: Trial, module: Any, sample: Any, by: str, dtype: Any = None) -> Any:
    """The gradients of a module's results by the arguments or by the parameters."""
    lib = _library(module)
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

            trial.compare((a, b), judge)

    each(trial.samples, test)


def input_grad(trial: Trial) -> None:
    """Gradients by the arguments."""
    _gradients(trial, "arguments")


def parameter_grad(trial: Trial) -> None:
    """Gradients by the parameters."""
    _gradients(trial, "parameters")


def _twice(trial: Trial, module: Any, sample: Any) -> Any:
    """The gradients of the gradients, by arguments, parameters and cotangents."""
    lib = _library(module)
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
        args, kwargs = put(list(arguments(sample.forward_input, _library(module) is dynagrad)))
        leaves = {id(t): t for t in flat([args, kwargs]) if is_tensor(t) and t.requires_grad}
        sow(trial.seed)
        value = module(*args, **kwargs)
        results = [t for t in flat(value) if is_tensor(t) and t.requires_grad]
        if not results or not leaves:
            return value, []
        return value, _library(module).autograd.grad(
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


def inplace(trial: Trial) -> None:
    """`inplace=True`: the result is the argument; its gradient."""

    def run(module: Any, sample: Any) -> Any:
        (leaf, *more), kwargs = _one_list(sample, _library(module) is dynagrad)
        x = leaf.clone()
        sow(trial.seed)
        y = module(x, *more, **kwargs)
        grad = _library(module).autograd.grad(y, leaf, cotangents([y], trial.seed)[0])
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


# --- what a module carries ------------------------------------------------------------------------


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
                after = list(convert(module, _library(module)).parameters())
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


# --- which rows a module has ----------------------------------------------------------------------


def rows_of(info: Any) -> Iterator[tuple[str, torch.dtype, bool, Callable[[Trial], None]]]:
    """The rows of a module: name, dtype, mode, what to run."""
    modes = (True, False) if info.train_and_eval_differ else (True,)
    for row, test in (
        ("init", init),
        ("repr", shown),
        ("attributes", attributes),
        ("signature", signatures),
    ):
        yield row, F32, True, test
    for dtype in (F32, F64):
        for training in modes:
            yield "forward", dtype, training, forward
            yield "input-grad", dtype, training, input_grad
            yield "parameter-grad", dtype, training, parameter_grad
            yield "state", dtype, training, state
            if dtype is F64:
                yield "noncontiguous", dtype, training, noncontiguous
                if info.supports_gradgrad:
                    yield "gradgrad", dtype, training, gradgrad
        if "dtype" in inspect.signature(info.module_cls.__init__).parameters:
            yield "keywords", dtype, True, keywords
    if "inplace" in inspect.signature(info.module_cls.__init__).parameters:
        yield "inplace", F64, True, inplace
    yield "copy", F32, True, copies
    yield "conversion", F32, True, conversion
    if info.module_error_inputs_func is not None:
        yield "errors", F32, True, errors


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
