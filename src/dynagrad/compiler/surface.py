"""The functions of torch.compile and torch.compiler. Imports core, functions and the front of the
compiler.
"""

import warnings
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ..core.tensor import Tensor
from ..functions.from_data import as_tensor
from ..nn.modules.module import Module
from .census.bytecode import unsupported
from .compiled import STANCE as _stance
from .compiled import Compiled
from .native import llvm as native
from .optimized import OptimizedModule
from .recording.session import session_here
from .request import EAGER, NATIVE, check

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
_STANCES = (
    *("default", "force_eager", "eager_on_recompile", "fail_on_recompile"),
    *("eager_then_compile", "aot_eager_then_compile"),
)
_said: set[str] = set()
_living: "weakref.WeakSet[Compiled]" = weakref.WeakSet()


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
    """A function or module that runs as native code; also a decorator, with or without arguments.

    Give it a whole step (zero_grad, forward, backward, optimizer.step) or a part of it. The first
    call, and each one that takes a new course, runs as without it and is recorded. What
    cannot be compiled stays eager: one warning names the line and the reason, `.explain()` says all
    of them. With `fullgraph=True` the first such call raises torch._dynamo.exc.Unsupported, a
    RuntimeError, before the instruction that cannot be compiled; what it did up to there is done.

    mode: "bitwise" forbids reassociation and fused multiply-add, so that elementwise results have
    the bits of eager ones; the others are PyTorch's and mean the same here. backend: "inductor",
    "cudagraphs" or None is native code; "eager", "aot_eager" and the like do not compile.
    recompile_limit: how many ways through the function are kept for arguments of the same shapes
    (8). dynamic: each shape of the arguments is a course of its own, and a shape after the first
    one is recorded when it has come often enough to be worth it; with True the first one, too, is
    recorded only when it comes again, with False every one is recorded at once. options, name and
    the rest change nothing.

    A module becomes an OptimizedModule, as torch.compile's. Without llvmlite (the `jit` extra), and
    on Pythons whose frames are not known (3.14), all stays eager, which a UserWarning says once.
    Raises as torch.compile, and for a backend that is a function.
    """
    wanted = check(backend, mode, options, dynamic)
    if model is None:

        def decorated(f: T) -> T:
            return compile(
                f,
                fullgraph=fullgraph,
                dynamic=dynamic,
                backend=backend,
                mode=mode,
                options=options,
                disable=disable,
                recompile_limit=recompile_limit,
            )

        return decorated
    if not callable(model):
        raise AssertionError(
            f"A callable function is expected, but {type(model)} is provided.\n"
            "Give torch.compile a function or a module."
        )
    if disable or getattr(model, "_stays_eager", False):
        return model
    if wanted and (why := _missing()):
        if "compile" not in _said:
            _said.add("compile")
            warnings.warn(f"torch.compile: {why}", stacklevel=2)
        wanted = False
    if not wanted:
        return OptimizedModule(model, None) if isinstance(model, Module) else model
    settings: dict[str, Any] = {"fullgraph": fullgraph, "bitwise": mode == "bitwise"}
    settings["dynamic"] = dynamic
    if recompile_limit is not None:
        settings["limit"] = recompile_limit
    if isinstance(model, Module):
        module = OptimizedModule(model, settings)
        _living.add(module.__dict__["_compiled"])
        return module
    compiled = Compiled(model, **settings)
    _living.add(compiled)
    return compiled


def _missing() -> str:
    """Why nothing can be compiled here; "" if it can."""
    alike = "so everything runs eagerly, with the same results."
    if not native.is_available():
        return f"llvmlite is not installed, {alike} Install it with: pip install 'dynagrad[jit]'"
    if why := unsupported():
        return f"{why}, {alike} Native code needs CPython 3.11 to 3.13."
    return ""


def is_compiling() -> bool:
    """Whether this code is being compiled: no, a step that is recorded runs as ever."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Keep a function from being compiled; also a decorator with arguments. A step that calls it
    stays eager.
    """
    if fn is None:
        return _disabled
    return _disabled(fn)


def _disabled(fn: T) -> T:
    @wraps(fn)
    def eager(*args: Any, **kwargs: Any) -> Any:
        session = session_here.get()
        if session is not None:
            session.trace.escape(f"{getattr(fn, '__name__', fn)} is excluded from compiling")
        return fn(*args, **kwargs)

    eager._stays_eager = True  # pyright: ignore[reportAttributeAccessIssue]
    return eager  # pyright: ignore[reportReturnType]


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
    """The names of the compilers that there are; with exclude_tags=() also those that only run a
    function as it is.
    """
    return sorted(NATIVE if exclude_tags else (*NATIVE, *EAGER))


def reset() -> None:
    """Forget what was compiled: the next calls are recorded anew."""
    for compiled in list(_living):
        compiled.forget()


def cudagraph_mark_step_begin() -> None:
    """Mark the beginning of a step for CUDA graphs, of which there are none."""


class set_stance:  # noqa: N801 - PyTorch's name
    """When to compile, from now on, in a `with` block or in a function: "force_eager" runs all
    compiled functions eagerly, "eager_on_recompile" records nothing new, "fail_on_recompile" raises
    instead. RuntimeError for a word that PyTorch does not know.
    """

    def __init__(
        self,
        stance: str = "default",  # noqa: A002
        *,
        skip_guard_eval_unsafe: bool = False,
        force_backend: Any = None,
    ) -> None:
        if stance not in _STANCES:
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")
        self._before = _stance["name"]
        _stance["name"] = self._name = stance

    def __call__(self, fn: T) -> T:
        _stance["name"] = self._before

        @wraps(fn)
        def within(*args: Any, **kwargs: Any) -> Any:
            with set_stance(self._name):
                return fn(*args, **kwargs)

        return within  # pyright: ignore[reportReturnType]

    def __enter__(self) -> None:
        _stance["name"] = self._name

    def __exit__(self, *error: Any) -> None:
        _stance["name"] = self._before
