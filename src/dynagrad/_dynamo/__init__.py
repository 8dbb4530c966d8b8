"""torch._dynamo for programs that set, reset or ask PyTorch's compiler: what they set is kept and
changes nothing; ours answers. Imports compiler.
"""

from collections.abc import Callable
from typing import Any

from ..compiler import (
    allow_in_graph,
    assume_constant_result,
    compile,  # noqa: A004 - PyTorch's name
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
)
from ..compiler.shapes import mark
from ..core.tensor import Tensor
from . import config, exc

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "exc",
    "explain",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "maybe_mark_dynamic",
    "reset",
    "set_stance",
]


def mark_dynamic(t: object, index: object, **options: object) -> None:
    """Tell the compiler that a size of a tensor varies from call to call: shapes are recorded only
    if they come again (`compile(dynamic=True)` says so of all tensors).
    """
    mark(_named(t, index, "mark_dynamic"), True)


def maybe_mark_dynamic(t: object, index: object) -> None:
    """The same as mark_dynamic."""
    mark(_named(t, index, "maybe_mark_dynamic"), True)


def mark_static(t: object, index: object = None) -> None:
    """Tell the compiler that the sizes of a tensor stay what they are: its shape is recorded at
    once.
    """
    mark(_named(t, () if index is None else index, "mark_static"), False)


def _named(t: Any, index: Any, caller: str) -> Tensor:
    """The tensor whose sizes a call names; raises where it names none."""
    if not isinstance(t, Tensor):
        raise TypeError(f"{caller} expects a tensor but received {type(t)}")
    for i in index if isinstance(index, list | tuple) else (index,):
        if not isinstance(i, int):
            raise AssertionError(f"Expected index to be int, list, or tuple, got {type(i)}")
    return t


def graph_break(msg: str = "") -> None:
    """Tell the compiler to stop here, which changes nothing."""


def explain(f: Callable, *extra_args: Any, **extra_kwargs: Any) -> Any:
    """`explain(f)(*args)` runs a function once and says what its compiler makes of it: the same as
    `explain()` of a compiled function. RuntimeError where nothing can be compiled.
    """

    def inner(*args: Any, **kwargs: Any) -> Any:
        compiled = compile(f)
        if not hasattr(compiled, "explain"):
            raise RuntimeError(
                "torch._dynamo.explain: nothing is compiled here. "
                "Install llvmlite with: pip install 'dynagrad[jit]'"
            )
        compiled(*args, **kwargs)
        return compiled.explain()

    return inner(*extra_args, **extra_kwargs) if extra_args or extra_kwargs else inner
