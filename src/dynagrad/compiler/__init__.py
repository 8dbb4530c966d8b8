"""torch.compile and torch.compiler: what is given runs as it is, eagerly, with the same results.

`compile` takes PyTorch's arguments, checks them, says once that nothing was compiled, and returns
the function or module itself. Imports core.
"""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ..core.tensor import Tensor
from ..functions.from_data import as_tensor

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "nested_compile_region",
    "reset",
    "set_stance",
    "wrap_numpy",
]

T = TypeVar("T", bound=Callable)
_MODES = (
    *("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs"),
    "max-autotune",
)
_STANCES = (
    *("default", "force_eager", "eager_on_recompile", "fail_on_recompile"),
    *("eager_then_compile", "aot_eager_then_compile"),
)
_said: set[str] = set()


def compile(  # noqa: A001 - PyTorch's name
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable | None = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
    shapes_spec: Any = None,
) -> Any:
    """The function or module itself, which runs eagerly; also a decorator, with or without
    arguments.

    The options are those of torch.compile: they are checked as far as they exclude each other, and
    change nothing. A UserWarning says so once, unless `disable` is set. A module stays what it is:
    its state_dict has no "_orig_mod." before its keys.
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if model is None:

        def decorated(f: T) -> T:
            return compile(f, mode=mode, options=options, disable=disable)

        return decorated
    if not callable(model):
        raise AssertionError(
            f"A callable function is expected, but {type(model)} is provided.\n"
            "Give torch.compile a function or a module."
        )
    if isinstance(mode, str) and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if not disable and "compile" not in _said:
        _said.add("compile")
        warnings.warn(
            "torch.compile: dynagrad runs the function or module as it is, eagerly, with the same "
            "results.",
            stacklevel=2,
        )
    return model


def is_compiling() -> bool:
    """Whether this code is being compiled: no."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Keep a function from being compiled: it is left as it is. Also a decorator with arguments."""
    return _itself if fn is None else fn


def _itself(fn: T) -> T:
    return fn


def allow_in_graph(fn: Any) -> Any:
    """A function that a compiler may take as a whole, or a list of them: left as they are."""
    if isinstance(fn, list | tuple):
        return [allow_in_graph(one) for one in fn]
    if not callable(fn):
        raise AssertionError("allow_in_graph expects a callable")
    return fn


def assume_constant_result(fn: T) -> T:
    """A function whose result a compiler may take for constant: left as it is."""
    return fn


def nested_compile_region(fn: Any = None, **options: Any) -> Any:
    """A function that a compiler may take as a region of its own: left as it is."""
    return _itself if fn is None else fn


def wrap_numpy(fn: Callable) -> Callable:
    """A function of NumPy arrays as one of tensors."""

    @wraps(fn)
    def of_tensors(*args: Any, **kwargs: Any) -> Any:
        def array(x: Any) -> Any:
            return x.numpy() if isinstance(x, Tensor) else x

        result = fn(*map(array, args), **{k: array(v) for k, v in kwargs.items()})
        if isinstance(result, list | tuple):
            return type(result)(as_tensor(r) for r in result)
        return as_tensor(result)

    return of_tensors


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The compilers there are: none."""
    return []


def reset() -> None:
    """Forget what was compiled, which is nothing."""


def cudagraph_mark_step_begin() -> None:
    """Mark the beginning of a step for CUDA graphs, of which there are none."""


class set_stance:  # noqa: N801 - PyTorch's name
    """When to compile, from now on, in a `with` block or in a function: accepted, and nothing is
    compiled. RuntimeError for a word that PyTorch does not know.
    """

    def __init__(
        self,
        stance: str = "default",
        *,
        skip_guard_eval_unsafe: bool = False,
        force_backend: Any = None,
    ) -> None:
        if stance not in _STANCES:
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")

    def __call__(self, fn: T) -> T:
        return fn

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass
