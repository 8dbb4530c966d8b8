"""Checkpoints: memory for time. A checkpointed function keeps its inputs only, and runs again in
the backward pass. Imports core, autograd, nn and recomputation.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from enum import Enum
from functools import partial
from typing import Any

from ..autograd.differentiate import accumulating, backward
from ..autograd.function import Function
from ..autograd.grad_mode import enable_grad
from ..core.carriers.carrier import levels
from ..core.quiet import warn
from ..core.tape import grad_mode
from ..core.tensor import Tensor
from ..nn.modules.container import Sequential
from . import recomputation
from .recomputation import (
    Call,
    CheckpointError,
    Dropping,
    Log,
    keep_inputs,
    random_state,
)

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "DefaultDeviceType",
    "GraphExecGroup",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_ADVICE = (
    "use_reentrant=False is recommended, but if you need to preserve the current default "
    "behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences "
    "between the two variants."
)


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: for the first run and for the recomputation."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose intermediate values are not kept for the backward pass but
    computed again in it, from the inputs.

    use_reentrant=False (recommended): any arguments and results, `grad()`, higher derivatives,
    nesting; the recomputation stops as soon as it has what it needs (early_stop). True: the
    function runs once more under the engine; positional tensors only, `.backward()` only, first
    derivatives only. context_fn: gives a context for each of the two runs; determinism_check:
    "default" compares shape and dtype of what both runs save, "none" does not; debug: errors show
    the operations of both runs; preserve_rng_state=True (keyword): both runs draw the same random
    numbers. Within vmap and forward mode it is a plain call. Raises ValueError for options that do
    not fit together and CheckpointError, in the backward pass, for a function that does not repeat
    itself. Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016;
    torch.utils.checkpoint.checkpoint.
    """
    if use_reentrant is None:
        warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception. " + _ADVICE
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return _without_reentry(
            function,
            args,
            kwargs,
            (context_fn, determinism_check, debug, early_stop, preserve),
        )
    if kwargs:
        raise ValueError(
            f"Unexpected keyword arguments: {','.join(kwargs)}\nWith use_reentrant=True arguments "
            "are positional; use_reentrant=False takes keyword arguments too."
        )
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    if levels.get():
        return function(*args)
    return CheckpointFunction.apply(function, preserve, *args)


def _without_reentry(function: Callable, args: tuple, kwargs: dict, options: tuple) -> Any:
    context_fn, determinism_check, debug, early, preserve = options
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check should be one of ['default', 'none'], but got {determinism_check}"
        )
    wanted = recomputation.debugging.get()
    debug = debug if wanted is None else wanted
    if debug and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    first, second = context_fn()
    if not grad_mode.get() or levels.get():
        return function(*args, **kwargs)
    wanted = recomputation.early_stop.get()
    early = early if wanted is None else wanted
    values = (*args, *kwargs.values())
    node = keep_inputs([v for v in values if isinstance(v, Tensor)])
    places = [isinstance(v, Tensor) for v in values]
    others = [v for v in values if not isinstance(v, Tensor)]
    names = tuple(kwargs)
    repeated = random_state(preserve)

    def again() -> None:
        tensors, rest = iter(node.saved_tensors), iter(others)
        given = [next(tensors if is_tensor else rest) for is_tensor in places]
        count = len(given) - len(names)
        with repeated(), second:
            function(*given[:count], **dict(zip(names, given[count:], strict=True)))

    call = Call(again, early, determinism_check == "default", Log() if debug else None)
    with call.logged("forward"), Dropping(call), first:
        result = function(*args, **kwargs)
    call.complete = True
    return result


class CheckpointFunction(Function):
    """The checkpoint with re-entry: a Function that runs `run_function` without recording, and
    with it in backward.
    """

    @staticmethod
    def forward(ctx, run_function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        """Run without recording, and keep the tensors among the arguments."""
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.places = [isinstance(a, Tensor) for a in args]
        ctx.others = [a for a in args if not isinstance(a, Tensor)]
        ctx.save_for_backward(*[a for a in args if isinstance(a, Tensor)])
        ctx.repeated = random_state(preserve_rng_state)
        return run_function(*args)

    @staticmethod
    def backward(ctx, *args: Any) -> tuple:
        """Run again on detached inputs, recording, and differentiate that at once."""
        if not accumulating.get():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        if grad_mode.get():
            warn(
                "torch.utils.checkpoint with use_reentrant=True gives first derivatives only: the "
                "gradients that pass it are constants, although create_graph=True was asked for. "
                "Pass use_reentrant=False."
            )
        tensors, rest = iter(ctx.saved_tensors), iter(ctx.others)
        inputs = detach_variable(
            tuple([next(tensors if is_tensor else rest) for is_tensor in ctx.places])
        )
        with enable_grad(), ctx.repeated():
            outputs = ctx.run_function(*inputs)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        wanted = [
            (out, g)
            for out, g in zip(outputs, args, strict=False)
            if isinstance(out, Tensor) and out.requires_grad
        ]
        if not wanted:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([out for out, _ in wanted], [g for _, g in wanted])
        return None, None, *(x.grad if isinstance(x, Tensor) else None for x in inputs)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,  # noqa: A002 - PyTorch's name
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Run `functions` (a Sequential or a list of callables) one after another on `input`, in
    `segments` checkpointed parts of which the last one is kept as usual.

    Keeps the inputs of the parts instead of all intermediate values; about sqrt(number of
    functions) segments need the least memory. preserve_rng_state (keyword) as for `checkpoint`.
    Raises ValueError for other keywords and for more segments than functions. Source:
    torch.utils.checkpoint.checkpoint_sequential.
    """
    if use_reentrant is None:
        warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. In version 2.9 we will raise an exception if use_reentrant is not "
            "passed. " + _ADVICE
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    if isinstance(functions, Sequential):
        functions = list(functions.children())
    count = len(functions)
    size = count // segments
    if not size:
        raise ValueError(
            f"range() arg 3 must not be zero\n{segments} segments were asked for of {count} "
            "functions: give no more segments than functions."
        )
    end = -1
    for start in range(0, size * (segments - 1), size):
        end = start + size - 1
        part = partial(_one_after_another, functions[start : end + 1])
        input = checkpoint(  # noqa: A001
            part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return _one_after_another(functions[end + 1 :], input)


def _one_after_another(functions: Any, value: Any) -> Any:
    for function in functions:
        value = function(value)
    return value


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within this context, let checkpoints stop their recomputation early, or not, whatever their
    `early_stop` says.
    """
    token = recomputation.early_stop.set(enable)
    try:
        yield
    finally:
        recomputation.early_stop.reset(token)


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within this context, give checkpoints debug=True or False whatever they say; None: as they
    say.
    """
    token = recomputation.debugging.set(enabled)
    try:
        yield
    finally:
        recomputation.debugging.reset(token)


def detach_variable(inputs: tuple) -> tuple:
    """The tensors of a tuple without history, each requiring grad as before; other values as they
    are.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs
    )


def check_backward_validity(inputs: Iterable) -> None:
    """Warn if none of the tensors requires grad."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warn("None of the inputs have requires_grad=True. Gradients will be None")


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The devices of the arguments other than the CPU, and their random states: none."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Restore what get_device_states returned: nothing. RuntimeError for devices."""
    if list(devices):
        raise RuntimeError(
            f"set_device_states was given the devices {list(devices)}; dynagrad computes on the "
            "CPU, whose random state checkpoint itself restores."
        )


class DefaultDeviceType:
    """The device type that checkpoint assumes for arguments without a device. It is kept for
    programs that set it; all computation is on the CPU.
    """

    _default_device_type = "cpu"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Set the name."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        """The name that was set."""
        return DefaultDeviceType._default_device_type


class GraphExecGroup:
    """A context for several backward passes over disjoint parts of one checkpointed region, which
    share its recomputation. Here they always do: a recomputed value waits until it is asked for.
    """

    def __enter__(self) -> "GraphExecGroup":
        return self

    def __exit__(self, *exception: object) -> None:
        return None


class CheckpointPolicy(Enum):
    """What a selective checkpoint may be told of an operation; see
    create_selective_checkpoint_contexts.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> Any:
    """Raise NotImplementedError: PyTorch's policies choose among its operator objects
    (torch.ops.aten...), which dynagrad does not have.
    """
    raise NotImplementedError(
        "create_selective_checkpoint_contexts() chooses by operators of torch.ops.aten, which "
        "dynagrad does not have. Checkpoint smaller parts of the function instead, and leave what "
        "should be kept outside of them."
    )
