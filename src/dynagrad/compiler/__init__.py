"""torch.compile and torch.compiler: an imperative step as one native function.

`compile` takes a function, a whole training step or a module. Its first calls run as ever while
they are recorded; later ones run the native code of a recording as long as everything that the
program read is as it was, and run eagerly, with the reason in `explain()`, where that cannot be.
Imports nothing: what is here is loaded when it is first used, for parts of the compiler serve
others without all of it.

The parts, in the order in which a step meets them:

- `surface`: `compile` and what torch.compiler has beside it; `compiled`: which recorded course a
  call takes; `looping`, `optimized`;
- `census`: what user code reads; `recording`: what tensors do; `lowering`: primitives as
  operations of a graph; `entry`: how later calls get in;
- `ir`: the graph and what it means;
- `codegen`: loops, memory and text, with `kernels` (matrix products, convolutions) and `vmath`
  (elementary functions);
- `native`: LLVM, the CPU, the cache, threads, addresses;
- `receipt`: what `explain()` says; `eager`: kernels that eager operations use.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .eager import eager_kernels
    from .looping import loop
    from .surface import (
        allow_in_graph,
        assume_constant_result,
        compile,
        cudagraph_mark_step_begin,
        disable,
        is_compiling,
        is_dynamo_compiling,
        is_exporting,
        list_backends,
        nested_compile_region,
        reset,
        set_stance,
        wrap_numpy,
    )

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "eager_kernels",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "loop",
    "nested_compile_region",
    "reset",
    "set_stance",
    "wrap_numpy",
]


_ELSEWHERE = {"eager_kernels": "eager", "loop": "looping"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__package__!r} has no attribute {name!r}")
    part = _ELSEWHERE.get(name, "surface")
    globals()[name] = value = getattr(_import_module(f".{part}", __package__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
