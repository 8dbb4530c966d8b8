"""How a module is called: `forward`, and the hooks around it. Imports core and autograd."""

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from ...autograd.differentiate import RemovableHandle, add_hook
from ...autograd.function import Function
from ...core.quiet import warn
from ...core.tape import grad_mode
from ...core.tensor import Tensor
from .place import tell_place

_global_backward_pre_hooks: OrderedDict = OrderedDict()
_global_backward_hooks: OrderedDict = OrderedDict()
_global_forward_pre_hooks: OrderedDict = OrderedDict()
_global_forward_hooks: OrderedDict = OrderedDict()
_global_forward_hooks_always_called: OrderedDict = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict = OrderedDict()
_global_buffer_registration_hooks: OrderedDict = OrderedDict()
_global_module_registration_hooks: OrderedDict = OrderedDict()
_global_parameter_registration_hooks: OrderedDict = OrderedDict()

#: whether the backward hooks of all modules are of the full kind; None before the first
_kind_of_global_backward_hooks: list[bool | None] = [None]

_MIXED_GLOBAL = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
    "Please use only one of them."
)
_MIXED = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use "
    "only one of them."
)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever a module gets a buffer; what it returns, unless
    None, replaces it.
    """
    return add_hook(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, submodule)` whenever a module gets a submodule; what it returns may
    replace it.
    """
    return add_hook(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, parameter)` whenever a module gets a parameter; what it returns may
    replace it.
    """
    return add_hook(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, args)` before every module's forward; it may return new arguments."""
    return add_hook(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after every module's forward; it may return another."""
    handle = add_hook(_global_forward_hooks, hook)
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def _global_backward(hook: Callable, full: bool) -> RemovableHandle:
    if _global_backward_hooks and _kind_of_global_backward_hooks[0] is not full:
        raise RuntimeError(_MIXED_GLOBAL)
    _kind_of_global_backward_hooks[0] = full
    return add_hook(_global_backward_hooks, hook)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """The older form of `register_module_full_backward_hook`: the gradients are those of the last
    operation alone.
    """
    return _global_backward(hook, full=False)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, grad_inputs, grad_outputs)` when the gradients of any module's inputs have
    been computed.
    """
    return _global_backward(hook, full=True)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, grad_outputs)` before any module's input gradients are computed."""
    return add_hook(_global_backward_pre_hooks, hook)


class Hooked:
    """The part of Module that calls `forward`, and the hooks around it."""

    forward: Callable
    _forward_hooks: OrderedDict
    _forward_pre_hooks: OrderedDict
    _backward_hooks: OrderedDict
    _backward_pre_hooks: OrderedDict
    _forward_hooks_with_kwargs: OrderedDict
    _forward_hooks_always_called: OrderedDict
    _forward_pre_hooks_with_kwargs: OrderedDict
    _is_full_backward_hook: bool | None

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if (
                self._backward_hooks
                or self._backward_pre_hooks
                or self._forward_hooks
                or self._forward_pre_hooks
                or _global_forward_hooks
                or _global_forward_pre_hooks
                or _global_backward_hooks
                or _global_backward_pre_hooks
            ):
                return _Call(self).run(args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            tell_place(self, args, error)
            raise

    __call__ = _wrapped_call_impl = _call_impl
    _compiled_call_impl = None

    def _takes(self) -> str:
        """The shape of input that the module takes, for errors; empty if it takes many."""
        return ""

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; it may return new arguments (a tuple, or a
        single value).

        `with_kwargs`: `hook(module, args, kwargs)`, which may return (args, kwargs).
        """
        handle = add_hook(self._forward_pre_hooks, hook, prepend)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; it may return another output.

        `with_kwargs`: `hook(module, args, kwargs, output)`. `always_call`: also if forward or
        another hook raised.
        """
        handle = add_hook(self._forward_hooks, hook, prepend)
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_outputs)` before the module's gradients are computed; it may
        return new ones.
        """
        return add_hook(self._backward_pre_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The older form of `register_full_backward_hook`: the gradients are those of the last
        operation alone.
        """
        if self._is_full_backward_hook is True:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = False
        return add_hook(self._backward_hooks, hook)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_inputs, grad_outputs)` when the gradients of the module's inputs
        have been computed.

        Both are tuples, None standing for arguments that are no tensors; it may return new
        grad_inputs.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = True
        return add_hook(self._backward_hooks, hook, prepend)


class _Call:
    """One call of a module that has hooks."""

    def __init__(self, module: Any):
        self.module = module
        self.result: Any = None
        self.called: set[int] = set()

    def run(self, args: tuple, kwargs: dict) -> Any:
        self.args, self.kwargs = args, kwargs
        try:
            return self._run()
        except BaseException:  # also for an interrupt, and where a checkpoint ends its second run
            self._hooks_called_always()
            raise

    def _run(self) -> Any:
        module = self.module
        self._before()
        hooks, full = list(module._backward_hooks.values()), module._is_full_backward_hook
        globally, all_full = (
            list(_global_backward_hooks.values()),
            _kind_of_global_backward_hooks[0],
        )
        full_hooks = (globally if all_full else []) + (hooks if full else [])
        older = ([] if all_full else globally) + ([] if full else hooks)
        pre = [*_global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        backward = BackwardHook(module, full_hooks, pre) if full_hooks or pre else None
        if backward is not None:
            self.args = backward.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self._after()
        if backward is not None:
            if not isinstance(self.result, Tensor | tuple):
                warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    "of Tensors but received "
                    f"{type(self.result)}"
                )
            self.result = backward.setup_output_hook(self.result)
        if older:
            self._hang_on_last_node(older)
        return self.result

    def _before(self) -> None:
        module = self.module
        with_kwargs = module._forward_pre_hooks_with_kwargs
        for number, hook in [
            *_global_forward_pre_hooks.items(),
            *module._forward_pre_hooks.items(),
        ]:
            if number in with_kwargs:
                answer = hook(module, self.args, self.kwargs)
                if answer is None:
                    continue
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {answer}."
                    )
                self.args, self.kwargs = answer
            else:
                answer = hook(module, self.args)
                if answer is not None:
                    self.args = answer if isinstance(answer, tuple) else (answer,)

    def _forward_hooks(self) -> Iterator[tuple[int, Callable[[], Any], bool]]:
        """The hooks after forward: number, the call, whether it is made always."""
        module = self.module
        with_kwargs = {*_global_forward_hooks_with_kwargs, *module._forward_hooks_with_kwargs}
        always = {*_global_forward_hooks_always_called, *module._forward_hooks_always_called}
        for number, hook in [*_global_forward_hooks.items(), *module._forward_hooks.items()]:

            def call(number: int = number, hook: Callable = hook) -> Any:
                if number in with_kwargs:
                    return hook(module, self.args, self.kwargs, self.result)
                return hook(module, self.args, self.result)

            yield number, call, number in always

    def _after(self) -> None:
        for number, call, always in self._forward_hooks():
            if always:
                self.called.add(number)
            answer = call()
            if answer is not None:
                self.result = answer

    def _hooks_called_always(self) -> None:
        for number, call, always in self._forward_hooks():
            if not always or number in self.called:
                continue
            try:
                answer = call()
                self.result = self.result if answer is None else answer
            except Exception as error:
                whose = "global module" if number in _global_forward_hooks else "module"
                warn(
                    f"{whose} forward hook with ``always_call=True`` raised an exception that was "
                    "silenced as another error "
                    f"was raised in forward: {error}"
                )

    def _hang_on_last_node(self, hooks: list[Callable]) -> None:
        """Hooks of the older kind belong to the node that made the result."""
        found = self.result
        while not isinstance(found, Tensor):
            if isinstance(found, dict):
                found = next(value for value in found.values() if isinstance(value, Tensor))
            else:
                found = found[0]
        node = found.grad_fn
        if node is not None:
            module = weakref.ref(self.module)
            for hook in hooks:
                node.register_hook(lambda ins, outs, hook=hook: hook(module(), ins, outs))  # pyright: ignore


# --- full backward hooks --------------------------------------------------------------------------


class BackwardHookFunction(Function):
    """The identity on a module's inputs or outputs: a place in the graph for a hook."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        results = tuple([t.detach() for t in args])
        ctx.mark_non_differentiable(
            *[r for t, r in zip(args, results, strict=True) if not t.requires_grad]
        )
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Pass the gradients on."""
        return grads


class BackwardHook:
    """The full backward hooks of one call: an identity node before the module and one after it.

    The node after it is reached first and keeps the gradients of the outputs; the one before it
    calls the hooks.
    """

    def __init__(self, module: Any, hooks: list[Callable], pre_hooks: list[Callable]):
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs: tuple | None = None
        self.inputs: list[int] | None = None
        self.outputs: list[int] | None = None
        self.n_inputs = 0

    def setup_input_hook(self, args: tuple) -> tuple:
        """The arguments behind an identity node, if a gradient will reach them."""
        self.n_inputs = len(args)
        made, self.inputs = _behind_identity(args, self._inputs_reached)
        return made

    def setup_output_hook(self, result: Any) -> Any:
        """The result behind an identity node."""
        results = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(results)
        made, self.outputs = _behind_identity(results, self._outputs_reached)
        return made if isinstance(result, tuple) else made[0]

    def _outputs_reached(self, _: tuple, grads: tuple) -> tuple | None:
        assert self.outputs is not None
        self.grad_outputs = _spread(self.outputs, grads, self.n_outputs)
        for hook in self.pre_hooks:
            answer = hook(self.module, self.grad_outputs)
            if answer is None:
                continue
            answer = (answer,) if isinstance(answer, Tensor) else answer
            if len(answer) != len(self.grad_outputs):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, got "
                    f"{len(answer)}, but expected "
                    f"{len(self.grad_outputs)}"
                )
            self.grad_outputs = answer
        grad_outputs = self.grad_outputs
        if self.inputs is None:
            self._without_inputs()
        return tuple([grad_outputs[i] for i in self.outputs])

    def _without_inputs(self) -> None:
        """No input requires a gradient: the hooks are called at once, with None for every input."""
        if self.hooks:
            warn(
                "Full backward hook is firing when gradients are computed with respect to module "
                "outputs since no inputs "
                "require gradients. See "
                "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#"
                "torch.nn.Module.register_full_backward_hook for more details."
            )
        for hook in self.hooks:
            answer = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if answer is not None and not (
                isinstance(answer, tuple) and all(g is None for g in answer)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all "
                    "gradients."
                )
        self.grad_outputs = None

    def _inputs_reached(self, grads: tuple, _: tuple) -> tuple | None:
        if self.grad_outputs is None or self.inputs is None:
            return None  # this gradient did not come through the module's result
        found: tuple = _spread(self.inputs, grads, self.n_inputs)
        for hook in self.hooks:
            answer = hook(self.module, found, self.grad_outputs)
            if answer is None:
                continue
            answer = (answer,) if isinstance(answer, Tensor) else answer
            if len(answer) != len(found):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(answer)}, "
                    f"but expected {len(found)}"
                )
            found = answer
        self.grad_outputs = None
        return tuple([found[i] for i in self.inputs])


def _behind_identity(values: tuple, hook: Callable) -> tuple[tuple, list[int] | None]:
    """The values with an identity node, on which `hook` hangs, before the tensors; and the places
    of the tensors.
    """
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not grad_mode.get() or not any(values[i].requires_grad for i in places):
        return values, None
    made = BackwardHookFunction.apply(*[values[i] for i in places])
    next(t.grad_fn for t in made if t.grad_fn is not None).register_hook(hook)
    spread = list(values)
    for i, t in zip(places, made, strict=True):
        spread[i] = t
    return tuple(spread) if type(values) is tuple else type(values)(*spread), places


def _spread(places: list[int], values: tuple, size: int) -> tuple:
    found = [None] * size
    for i, value in zip(places, values, strict=True):
        found[i] = value
    return tuple(found)
