"""All state that a module of a random program can reach, as a flat list that can be compared.

`seen` walks a module's globals: tensors with their gradients, modules, optimisers, containers,
objects and classes of the module, closures and default arguments. `differences` compares two lists:
values within a bound, everything else exactly; and which tensors share memory, and which objects
are one.
"""

import collections
import contextvars
import enum
import functools
import itertools
import random
import re
import threading
import types
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import dynagrad

Found = list[tuple[str, Any]]

#: the place of a difference in what there is at all
STRUCTURE = "the structure"

_CACHED = type(functools.lru_cache(len))
_PLAIN = (int, float, complex, str, bytes, type(None), np.generic, enum.Enum)


class Walk:
    """A walk through all that belongs to one module."""

    def __init__(self, module: str, skipped: list[Any]) -> None:
        self.module = module
        self.found: Found = []
        self.paths = {id(value): "" for value in skipped}
        self.kept: list[Any] = []  # so that no id is used twice
        self.tensors: list[tuple[str, np.ndarray]] = []

    def visit(self, path: str, value: Any) -> None:
        """Note a value and what is in it."""
        if isinstance(value, _PLAIN):
            text = value if isinstance(value, int | float) else repr(value)
            self.found.append((path, text if not isinstance(value, bool) else repr(value)))
            return
        known = self.paths.get(id(value))
        if known is not None:
            if known:
                self.found.append((path, f"the same object as {known}"))
            return
        if not isinstance(value, tuple | frozenset):  # of equal ones, nobody cares which it is
            self.paths[id(value)] = path
            self.kept.append(value)
        self.found.append((path, type(value).__name__))
        for name, part in self.parts(path, value):
            self.visit(f"{path}{name}", part)

    def parts(self, path: str, value: Any) -> Iterator[tuple[str, Any]]:
        """What a value holds, by names."""
        if isinstance(value, dynagrad.Tensor):
            yield from self.tensor(path, value)
        elif isinstance(value, np.ndarray):
            self.array(path, value)
        elif isinstance(value, dynagrad.optim.Optimizer):
            yield ".param_groups", value.param_groups
            yield ".state", list(value.state.items())
        elif isinstance(value, dynagrad.optim.lr_scheduler.LRScheduler):
            yield ".state_dict()", value.state_dict()
        elif isinstance(value, dynagrad.nn.Module):
            yield from ((f".{k}", v) for k, v in vars(value).items() if "hook" not in k)
        elif isinstance(value, dict):
            yield from ((f"[{k!r}]", v) for k, v in value.items())
        elif isinstance(value, list | tuple | collections.deque):
            yield from ((f"[{i}]", v) for i, v in enumerate(value))
        elif isinstance(value, set | frozenset):
            yield from (("{}", v) for v in sorted(value, key=repr))
        else:
            yield from self.odd(value)

    def tensor(self, path: str, value: Any) -> Iterator[tuple[str, Any]]:
        """A tensor: what it is, its elements, its gradient."""
        facts = (str(value.dtype), tuple(value.shape), value.requires_grad, value.is_leaf)
        self.found.append((f"{path} (dtype, shape, requires_grad, is_leaf)", repr(facts)))
        array = value.detach().numpy()
        self.array(path, array)
        if value.is_leaf or value.retains_grad:
            yield ".grad", value.grad
        if value.is_leaf:
            # Programs hang notes on tensors; what the library itself keeps there stays its own.
            yield ".note", getattr(value, "note", None)

    def array(self, path: str, array: np.ndarray) -> None:
        """The elements and the layout of an array."""
        strides = [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1]
        if not path.endswith(".grad"):  # how a gradient lies in memory is nobody's promise
            self.found.append((f"{path} (strides)", repr(strides if array.size else [])))
        self.found.append((path, array.copy()))
        if array.size:
            self.tensors.append((path, array))

    def odd(self, value: Any) -> Iterator[tuple[str, Any]]:
        """Functions, classes, objects, sources of numbers."""
        if isinstance(value, types.FunctionType):
            if value.__module__ == self.module:
                yield "'s defaults", value.__defaults__
                yield "'s keyword defaults", value.__kwdefaults__
                yield "'s attributes", {k: v for k, v in vars(value).items() if k != "__wrapped__"}
                for name, cell in zip(
                    value.__code__.co_freevars, value.__closure__ or (), strict=True
                ):
                    yield f"'s {name}", cell.cell_contents
        elif isinstance(value, functools.partial):
            yield " (partial)", [value.func, value.args, value.keywords]
        elif isinstance(value, types.MethodType):
            yield "'s object", value.__self__
            yield "'s function", value.__func__
        elif isinstance(value, itertools.count):
            yield " (next)", repr(value)
        elif isinstance(value, random.Random):
            yield " (state)", repr(value.getstate())
        elif isinstance(value, np.random.Generator):
            yield " (state)", repr(value.bit_generator.state)
        elif isinstance(value, dynagrad.Generator):
            yield " (state)", value.get_state().numpy().tobytes()
        elif isinstance(value, contextvars.ContextVar):
            yield " (value)", value.get(None)
        elif isinstance(value, weakref.ref):
            yield " (target)", value()
        elif isinstance(value, _CACHED):
            yield " (cache)", repr(value.cache_info())
        elif isinstance(value, type):
            if value.__module__ == self.module:
                kept = {k: v for k, v in vars(value).items() if not k.startswith("__")}
                yield from ((f".{k}", v) for k, v in kept.items())
        elif self.is_own(value):
            slots = getattr(type(value), "__slots__", ())
            names = [*slots, *(plain_attribute(value, "__dict__") or ())]
            yield from ((f".{k}", plain_attribute(value, k)) for k in names if k != "__dict__")

    def is_own(self, value: Any) -> bool:
        """Whether a value is an object of the program's, whose attributes belong to it."""
        if isinstance(value, types.ModuleType):
            return value.__name__.startswith("helpers")
        own = type(value).__module__ == self.module
        return own or isinstance(value, types.SimpleNamespace | threading.local)


def plain_attribute(value: Any, name: str) -> Any:
    """An attribute without a look at `__getattr__`; None where there is none."""
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return None


def seen(module: types.ModuleType, originals: list[Any], skipped: list[Any]) -> Walk:
    """The state of a module; `originals` are functions given to the compiler, which stand for the
    compiled ones (`skipped`).
    """
    walk = Walk(module.__name__, [*skipped, *originals])
    given = ("folder", "compiled", "patch")
    names = {k: v for k, v in vars(module).items() if not k.startswith("__") and k not in given}
    for name in sorted(names):
        if not isinstance(names[name], types.ModuleType) or names[name].__name__ == name:
            walk.visit(name, names[name])
    for number, original in enumerate(originals):
        walk.paths.pop(id(original), None)
        walk.visit(f"what was compiled ({number})", original)
    return walk


def numbers_apart(a: Any, b: Any, bound: float) -> float:
    """How far numbers or arrays are apart, in units of the bound times the largest of b.

    NaN equals NaN, -0.0 equals 0.0; integers are equal or infinitely far apart.
    """
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind not in "fc" or y.dtype.kind not in "fc":
        return 0.0 if np.array_equal(x, y) else np.inf
    finite = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return np.inf
    with np.errstate(all="ignore"):
        scale = max(np.abs(y[finite]).max(initial=0.0), 1e-2)
        return float(np.abs(x[finite] - y[finite]).max(initial=0.0) / (bound * scale))


_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+e[-+]?\d+")


def apart(a: Any, b: Any, bound: float) -> float:
    """How far two noted values are apart in bounds; floats in texts have three digits."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        same_kind = a.dtype == b.dtype and a.shape == b.shape
        return numbers_apart(a, b, bound) if same_kind else np.inf
    if type(a) is not type(b):
        return np.inf
    if isinstance(a, float):
        return numbers_apart(a, b, bound)
    if a == b:
        return 0.0
    if not isinstance(a, str) or _NUMBER.sub("", a) != _NUMBER.sub("", b):
        return np.inf
    pairs = zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True)
    return max(abs(float(x) - float(y)) / (2e-3 + bound * abs(float(y))) for x, y in pairs)


def sharing(walk: Walk) -> set[tuple[str, str]]:
    """Which pairs of tensors have memory in common."""
    return {
        (p, q)
        for (p, a), (q, b) in itertools.combinations(walk.tensors, 2)
        if np.may_share_memory(a, b) and np.shares_memory(a, b)
    }


class Difference(NamedTuple):
    """One thing that differs, where, and how far in units of the bound."""

    path: str
    text: str
    distance: float

    def __str__(self) -> str:
        return self.text


def differences(ours: Walk, reference: Walk, bound: float, least: float = 1.0) -> list[Difference]:
    """Where two modules differ by more than `least` bounds, the reference given last."""
    found = []
    for (path, value), (other, expected) in zip(ours.found, reference.found, strict=False):
        if path != other:
            return [*found, Difference(STRUCTURE, f"{path} is there, expected {other}", np.inf)]
        distance = apart(value, expected, bound)
        if not distance <= least:
            found.append(Difference(path, f"{path}: {value!r}, expected {expected!r}", distance))
    if len(ours.found) != len(reference.found):
        text = f"{len(ours.found)} values, expected {len(reference.found)}"
        found.append(Difference(STRUCTURE, text, np.inf))
    one, two = sharing(ours), sharing(reference)
    for pair in sorted(one ^ two):
        # Whether a gradient is handed over or copied is nobody's promise; that two tensors of the
        # compiled step share memory which eager ones do not would be an error.
        if pair in one or not any(".grad" in path for path in pair):
            verb = "share" if pair in one else "do not share"
            names = " and ".join(pair)
            found.append(Difference(names, f"{names} {verb} memory", np.inf))
    return found
