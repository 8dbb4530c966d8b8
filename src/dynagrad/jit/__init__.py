"""torch.jit for programs that use it in passing: modules and functions run as they are.

There is no second language here: `script` and `trace` return what they are given, say so once, and
the program goes on eagerly with the same numbers. What only the compiled form has (its files, its
graph) is refused.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar

from ..nn.modules.module import Module

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "ScriptWarning",
    "TracerWarning",
    "annotate",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

T = TypeVar("T")
_builtin_isinstance = isinstance
_said: set[str] = set()


class Error(RuntimeError):
    """What a compiled program would raise."""


class ScriptWarning(Warning):
    """Warnings of the compiler in PyTorch."""


class TracerWarning(Warning):
    """Warnings of the tracer in PyTorch."""


class ScriptModule(Module):
    """A base class of modules, the same as torch.nn.Module."""


class ScriptFunction:
    """A compiled function in PyTorch; here there are none."""


def _say(name: str) -> None:
    if name not in _said:
        _said.add(name)
        warnings.warn(
            f"torch.jit.{name}: dynagrad runs the module or function as it is, eagerly, with the "
            "same results.",
            ScriptWarning,
            stacklevel=3,
        )


def script(
    obj: T, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None
) -> T:
    """The module, function or class itself; a ScriptWarning says so, once."""
    _say("script")
    return obj


def trace(
    func: T,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: Any = None,
    _store_inputs: bool = True,
) -> T:
    """The module or function itself, after one call with the example; a ScriptWarning says so."""
    _say("trace")
    if not callable(func):
        raise TypeError(f"torch.jit.trace takes a module or function, got {type(func).__name__}")
    if example_kwarg_inputs is not None:
        func(**example_kwarg_inputs)
    elif example_inputs is not None:
        several = _builtin_isinstance(example_inputs, tuple | list)
        func(*(example_inputs if several else (example_inputs,)))
    return func


def trace_module(mod: T, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> T:
    """The module itself, after one call of each method with its example."""
    _say("trace_module")
    for name, example in inputs.items():
        getattr(mod, name)(*(example if _builtin_isinstance(example, tuple) else (example,)))
    return mod


def _itself(thing: T) -> T:
    return thing


def script_method(fn: T) -> T:
    """Decorates a method of a ScriptModule: it is left as it is."""
    return fn


def script_if_tracing(fn: T) -> T:
    """Decorates a function: it is left as it is."""
    return fn


def export(fn: T) -> T:
    """Decorates a method: it is left as it is."""
    return fn


def unused(fn: T) -> T:
    """Decorates a method: it is left as it is."""
    return fn


def interface(obj: T) -> T:
    """Decorates a class: it is left as it is."""
    return obj


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Decorates a method, with or without arguments: it is left as it is."""
    return drop if callable(drop) else _itself


def annotate(the_type: Any, the_value: T) -> T:
    """The value."""
    return the_value


def Attribute(value: T, type: Any = None) -> T:  # noqa: A002, N802 - PyTorch's names
    """The value."""
    return value


def isinstance(obj: Any, target_type: Any) -> bool:  # noqa: A001 - PyTorch's name
    """Python's isinstance."""
    return _builtin_isinstance(obj, target_type)


def is_scripting() -> bool:
    """Whether this is a compiled program: no."""
    return False


def is_tracing() -> bool:
    """Whether this call is being traced: no."""
    return False


def freeze(mod: T, preserved_attrs: Any = None, optimize_numerics: bool = True) -> T:
    """The module itself."""
    return mod


def optimize_for_inference(mod: T, other_methods: Any = None) -> T:
    """The module itself."""
    return mod


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A region of nothing."""
    yield


class strict_fusion:  # noqa: N801 - PyTorch's name
    """A region of nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Accepted; there is nothing to fuse."""
    return []


class Future:
    """The result of `fork`, which is there at once."""

    def __init__(self, result: Any):
        self._result = result

    def wait(self) -> Any:
        """The result."""
        return self._result

    def value(self) -> Any:
        """The result."""
        return self._result

    def done(self) -> bool:
        """Whether it is there: yes."""
        return True


def fork(func: Callable, *args: Any, **kwargs: Any) -> Future:
    """Call the function now, and return its result as a Future, as eager PyTorch does."""
    return Future(func(*args, **kwargs))


def wait(future: Future) -> Any:
    """The result of a Future."""
    return future.wait()


def _no_files(name: str) -> NoReturn:
    raise NotImplementedError(
        f"torch.jit.{name}: files of compiled modules hold a program in PyTorch's own language, "
        "which dynagrad does not run. Save the weights, torch.save(module.state_dict(), path), and "
        "load them into a module made by its class."
    )


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Refused: NotImplementedError says what to do instead."""
    _no_files("save")


def load(
    f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False
) -> NoReturn:
    """Refused: NotImplementedError says what to do instead."""
    _no_files("load")
