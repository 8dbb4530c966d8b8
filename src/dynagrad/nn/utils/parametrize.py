"""Parameters computed from others at every use: a module's weight as a function of what is trained.
Imports core and modules.

The module gets a class of its own, a subclass of its former one with a property for each
parametrized tensor; its original stands in `module.parametrizations.weight.original`.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ...autograd.grad_mode import no_grad
from ...core.tensor import Tensor
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

#: the values computed in the `cached()` block that is running, by ParametrizationList
_cache: ContextVar[dict[int, Any] | None] = ContextVar("parametrized_values", default=None)


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside the `with` block: for modules that use a weight
    again and again in one forward pass, such as recurrent ones.
    """
    token = None if _cache.get() is not None else _cache.set({})
    try:
        yield
    finally:
        if token is not None:
            _cache.reset(token)


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _put(kept: Tensor, values: Tensor) -> None:
    """Give the tensor that is kept, which an optimizer may hold, the memory of another."""
    if kept is not values:
        kept.data = values.detach()  # pyright: ignore[reportAttributeAccessIssue]


def _kind(value: Any) -> str:
    return type(value).__name__


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in their order, and what they are applied to:
    the attribute `original`, or `original0`, `original1`, ... where the first one's `right_inverse`
    gives several tensors.

    As torch.nn.utils.parametrize.ParametrizationList.
    """

    original: Tensor
    unsafe: bool

    def __init__(
        self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False
    ):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        value: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        value = module.right_inverse(value)
                    except NotImplementedError:
                        pass
        if not isinstance(value, Tensor) and not isinstance(value, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {_kind(value)}"
            )
        self.is_tensor = isinstance(value, Tensor)
        self.ntensors = 1 if self.is_tensor else len(value)
        if isinstance(value, Tensor):
            if original.dtype != value.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\n"
                    f"right_inverse(original).dtype: {value.dtype}"
                )
            with no_grad():
                _put(original, value)
            _register(self, "original", original)
        else:
            self._register_all(original, value)
        if not self.unsafe:
            self._check(shape, dtype)

    def _register_all(self, original: Tensor, values: Sequence) -> None:
        for i, value in enumerate(values):
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type {_kind(value)}."
                )
            if isinstance(original, Parameter):
                value = Parameter(value, original.requires_grad)
            value.requires_grad_(original.requires_grad)
            _register(self, f"original{i}", value)

    def _check(self, shape: Any, dtype: Any) -> None:
        result = self()
        if not isinstance(result, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {_kind(result)}.")
        for what, old, new in (("dtype", dtype, result.dtype), ("shape", shape, result.shape)):
            if old != new:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, "
                    "unless `unsafe` flag is enabled.\n"
                    f"unparametrized {what}: {old}\nparametrized {what}: {new}"
                )

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`: what an assignment
        does.
        """
        with no_grad():
            result: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {_kind(module)} does not implement right_inverse."
                    )
                result = module.right_inverse(result)
            if self.is_tensor:
                _put(self.original, _fitting("`right_inverse`", result, "original", self.original))
                return
            if not isinstance(result, Sequence):
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors. Got {_kind(result)}."
                )
            if len(result) != self.ntensors:
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors of length "
                    f"{self.ntensors}. Got a sequence of length {len(result)}."
                )
            for i, tensor in enumerate(result):
                kept = getattr(self, f"original{i}")
                _put(kept, _fitting(f"Tensor {i} returned by", tensor, f"original{i}", kept, i))

    def forward(self) -> Tensor:
        modules = iter(self)
        if self.is_tensor:
            value = next(modules)(self.original)
        else:
            value = next(modules)(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in modules:
            value = module(value)
        return value


def _fitting(who: str, value: Any, name: str, kept: Tensor, number: int | None = None) -> Tensor:
    """What a right_inverse returned, if it can become the original `kept`."""
    if not isinstance(value, Tensor):
        if number is None:
            raise ValueError(f"`right_inverse` should return a tensor. Got {_kind(value)}")
        raise ValueError(
            "`right_inverse` must return a sequence of tensors. Got element "
            f"{number} of type {_kind(value)}"
        )
    if value.dtype != kept.dtype:
        said = (
            "The tensor returned by `right_inverse`" if number is None else f"{who} `right_inverse`"
        )
        raise ValueError(f"{said} has dtype {value.dtype} while `{name}` has dtype {kept.dtype}")
    return value


# --- the class of a parametrized module ----------------------------------------------------------


def _parametrized(name: str) -> property:
    """The attribute of a module that is computed anew whenever it is read."""

    def read(self: Module) -> Tensor:
        held = self.parametrizations[name]
        values = _cache.get()
        if values is None:
            return held()
        if id(held) not in values:
            values[id(held)] = held()
        return values[id(held)]

    def write(self: Module, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(read, write)


def _refuse_pickling(self: Module) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _deepcopy(self: Module, memo: dict) -> Module:
    found = memo.get(id(self))
    if found is None:
        found = memo[id(self)] = object.__new__(type(self))
        found.__dict__ = copy.deepcopy(self.__dict__, memo)
    return found


def _set_class(module: Module, base: type, names: Any) -> None:
    """Make the module's class a subclass of `base` with these tensors as properties.

    It is a new class each time: copies of the module share the old one, and keep it.
    """
    own: dict[str, Any] = {name: _parametrized(name) for name in names}
    own["__getstate__"] = _refuse_pickling
    own["__module__"] = ParametrizationList.__module__  # "torch..." under the alias
    if not hasattr(base, "__deepcopy__"):
        own["__deepcopy__"] = _deepcopy
    made: Any = type(f"Parametrized{base.__name__}", (base,), own)
    module.__class__ = made


# --- what programs call --------------------------------------------------------------------------


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has parametrizations: any, or of that tensor."""
    held = getattr(module, "parametrizations", None)
    if held is None or not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on `module.tensor_name` is `parametrization(original)`, and the original is what is
    trained. Further calls for the same tensor are applied to the result so far.

    If the parametrization has a method `right_inverse`, the original is set by it so that the
    tensor keeps its value where possible, and the tensor can be assigned to. `unsafe`: do not check
    that dtype and shape stay. ValueError if they change, or the module has no such tensor. Source:
    torch.nn.utils.parametrize.register_parametrization.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        held: Any = module.parametrizations[tensor_name]
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        held = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _set_class(module, type(module), [tensor_name])
            module.parametrizations = ModuleDict()
        else:
            names = [*module.parametrizations, tensor_name]
            _set_class(module, type_before_parametrizations(module), names)
        module.parametrizations[tensor_name] = held
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_next(module: Module, name: str, parametrization: Any) -> None:
    """A further parametrization keeps dtype and shape, and so does its right_inverse."""
    before = getattr(module, name)
    after = parametrization(before)
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {_kind(after)}.")
    for what in ("dtype", "shape"):
        old, new = getattr(before, what), getattr(after, what)
        if old != new:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless "
                f"the `unsafe` flag is enabled.\nmodule.{name}.{what}: {old}\n"
                f"parametrization(module.{name}).{what}: {new}"
            )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {_kind(back)}")
    for what in ("dtype", "shape"):
        old, new = getattr(before, what), getattr(back, what)
        if old != new:
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} "
                f"as module.{name}, unless the `unsafe` flag is enabled.\n"
                f"module.{name}.{what}: {old}\nreturned {what}: {new}"
            )


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make the tensor an ordinary parameter or buffer again: with the value that it had through
    its parametrizations, or, without `leave_parametrized`, the original's.

    ValueError if it has none, or if several originals cannot be left as one tensor.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held: Any = module.parametrizations[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            value = getattr(module, tensor_name)
            with no_grad():
                _put(original, value)
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    base = type_before_parametrizations(module)
    del module.parametrizations[tensor_name]
    if len(module.parametrizations):
        _set_class(module, base, module.parametrizations)
    else:
        del module.parametrizations
        module.__class__ = base  # pyright: ignore[reportAttributeAccessIssue]
    _register(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of the module without its parametrizations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module`, of all tensors or of one, and the
    originals themselves; tensors that it lacks are made. Returns `to_module`.
    """
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    if not all(is_parametrized(from_module, name) for name in names):
        raise AssertionError(f"{_kind(from_module)} has no parametrization on {tensor_name}")
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        theirs: Any = from_module.parametrizations[name]
        for parametrization in theirs:
            register_parametrization(to_module, name, parametrization)
        ours: Any = to_module.parametrizations[name]
        originals = (
            ["original"] if theirs.is_tensor else [f"original{i}" for i in range(theirs.ntensors)]
        )
        for key in originals:
            setattr(ours, key, getattr(theirs, key))
    return to_module
