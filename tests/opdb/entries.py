"""The entries of PyTorch's list, and the functions that stand at the same places here."""

import contextlib
import functools
import importlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from oracle import forget_the_caller, seed_the_cpu_alone
from torch.testing._internal import common_utils
from torch.testing._internal.common_device_type import toleranceOverride
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo import core as opinfo

import dynagrad

seed_the_cpu_alone(torch)
forget_the_caller(common_utils, opinfo)

#: Results that are whatever memory held: only their kind is compared.
UNSPECIFIED = {
    *("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty"),
    *("new_empty_strided", "resize_", "resize_as_"),
}


def _is_meant(op: Any) -> bool:
    """Whether an entry belongs to the public, dense surface that runs on a CPU."""
    name = op.name.split(".")[-1]
    inner = isinstance(op.op, torch._ops.OpOverload | torch._ops.OpOverloadPacket)
    private = name.startswith("_") and not name.startswith("__")
    other = any(word in op.name for word in ("jiterator", "sparse", "scaled_mm", "torch.ops.aten"))
    return not (inner or private or other)


ENTRIES = [op for op in op_db if _is_meant(op)]


def key_of(op: Any) -> str:
    """The name of an entry: PyTorch's name, with that of the variant."""
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def at(path: str) -> Any:
    """What stands at a dotted path in this library; AttributeError if nothing does."""
    found: Any = dynagrad
    for name in path.split("."):
        found = getattr(found, name)
    return found


NAMESPACES = ("nn.functional", "linalg", "fft", "special", "masked", "signal.windows", "Tensor")


@functools.cache
def _places() -> dict[int, str]:
    """Where PyTorch's public functions stand, by their identity."""
    places: dict[int, str] = {}
    for space in (*NAMESPACES, ""):
        found: Any = torch
        for name in filter(None, space.split(".")):
            found = getattr(found, name)
        for name in dir(found):
            if name[0] != "_" or space == "Tensor":
                value = getattr(found, name, None)
                if callable(value):
                    places[id(value)] = f"{space}.{name}" if space else name
    return places


def counterpart(function: Any, name: str = "") -> Any:
    """This library's function for one of PyTorch's; a helper of the list itself, such as a lambda,
    gets this library as its `torch`.
    """
    theirs: Any = torch
    for part in name.split(".") if name else ():
        theirs = getattr(theirs, part, None)
    if name and theirs is function:
        return at(name)
    place = _places().get(id(function))
    if place is not None:
        return at(place)
    if isinstance(function, types.FunctionType):
        return rebound(function)
    if isinstance(function, functools.partial):
        inner = counterpart(function.func)
        return functools.partial(inner, *function.args, **function.keywords)
    named = getattr(function, "__name__", "")
    if type(function).__name__ in ("method_descriptor", "wrapper_descriptor"):
        return getattr(dynagrad.Tensor, named)
    raise AttributeError(f"no counterpart of {function!r}")


@contextlib.contextmanager
def _freeze_rng_state() -> Iterator[None]:
    """What the list's helper of that name does: the random state afterwards is that before."""
    state = dynagrad.get_rng_state()
    try:
        yield
    finally:
        dynagrad.set_rng_state(state)


#: Helpers of the list that reach for PyTorch's inside.
STAND_INS = {"freeze_rng_state": _freeze_rng_state}


class _Overload:
    """A function under the name `default`, as PyTorch's inner namespace has it."""

    def __init__(self, function: Callable):
        self.default = function


class _WithOps:
    """This library with the functions of `torch.ops.aten` that the list's helpers call."""

    @property
    def ops(self) -> Any:
        pooling = importlib.import_module("dynagrad.functions.neural.pooling")
        back = _Overload(pooling.max_pool2d_with_indices_backward)
        return types.SimpleNamespace(
            aten=types.SimpleNamespace(max_pool2d_with_indices_backward=back)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(dynagrad, name)


def rebound(function: types.FunctionType) -> Callable[..., Any]:
    """A function of PyTorch's test code that sees this library where it says `torch`."""
    scope = function.__globals__
    if scope.get("__name__", "").startswith("torch.") and ".testing." not in scope["__name__"]:
        return at(_qualified(function))
    names: dict[str, Any] = {
        "torch": _WithOps() if "ops" in function.__code__.co_names else dynagrad
    }
    for name in function.__code__.co_names:
        value = scope.get(name)
        if name in STAND_INS:
            names[name] = STAND_INS[name]
            continue
        if isinstance(value, types.FunctionType) and value is not function:
            names[name] = counterpart(value)
    cells = tuple(
        types.CellType(_rebound_cell(cell.cell_contents)) for cell in function.__closure__ or ()
    )
    new = types.FunctionType(
        function.__code__, {**scope, **names}, function.__name__, function.__defaults__, cells
    )
    new.__kwdefaults__ = function.__kwdefaults__
    return new


def _rebound_cell(value: Any) -> Any:
    callable_ones = (types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType)
    return counterpart(value) if isinstance(value, callable_ones) else value


def _qualified(function: types.FunctionType) -> str:
    module = function.__module__.removeprefix("torch").removeprefix(".")
    for inner, public in (("_tensor", "Tensor"), ("functional", "")):
        module = public if module == inner else module
    return f"{module}.{function.__name__}" if module else function.__name__


def tolerance(op: Any, dtype: torch.dtype) -> dict[str, float]:
    """PyTorch's own bounds for this operation and dtype; those of its dtype otherwise."""
    relative, absolute = {
        torch.float16: (1e-3, 1e-5),
        torch.bfloat16: (1.6e-2, 1e-5),
        torch.float32: (1.3e-6, 1e-5),
        torch.float64: (1e-7, 1e-7),
        torch.complex64: (1.3e-6, 1e-5),
        torch.complex128: (1e-7, 1e-7),
    }.get(dtype, (0.0, 0.0))
    for info in op.decorators:
        for decorator in getattr(info, "decorators", (info,)):
            if getattr(info, "device_type", None) not in (None, "cpu"):
                continue
            given = decorator.d.get(dtype) if isinstance(decorator, toleranceOverride) else None
            if given is not None:
                relative, absolute = max(relative, given.rtol), max(absolute, given.atol)
    return {"rtol": relative, "atol": absolute}
