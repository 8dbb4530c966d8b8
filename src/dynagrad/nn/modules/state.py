"""What a module saves and loads: `state_dict`, `load_state_dict` and their hooks. Imports
parameter.
"""

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from ...autograd.differentiate import RemovableHandle, add_hook
from ...core.quiet import warn
from ...core.tape import grad_mode
from ...core.tensor import Tensor, set_requires_grad
from ..parameter import Parameter, is_lazy

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns: the keys that were missing and the unexpected ones."""

    __slots__ = ()

    def __repr__(self) -> str:
        return (
            super().__repr__()
            if self.missing_keys or self.unexpected_keys
            else "<All keys matched successfully>"
        )

    __str__ = __repr__


class _WithModule:
    """A hook that is also given its module. It does not hold it: the module holds the hook."""

    def __init__(self, hook: Callable):
        self.hook = hook

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)


class Stateful:
    """The part of Module that saves and loads."""

    _version = 1
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: OrderedDict
    _state_dict_pre_hooks: OrderedDict
    _load_state_dict_pre_hooks: OrderedDict
    _load_state_dict_post_hooks: OrderedDict

    # --- saving

    def get_extra_state(self) -> Any:
        """What else `state_dict` shall hold; a class that defines this defines `set_extra_state`
        too.
        """
        raise RuntimeError(
            "get_extra_state() must be defined by the class that is asked for its extra state"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(
            f"{type(self).__name__} was given extra state to load but does not define "
            "set_extra_state()"
        )

    def _own_state(self) -> dict[str, Any]:
        """The module's own parameters and persistent buffers."""
        buffers = {
            name: b
            for name, b in self._buffers.items()
            if name not in self._non_persistent_buffers_set
        }
        return {
            name: value
            for name, value in {**self._parameters, **buffers}.items()
            if value is not None
        }

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        """Put the module's own state, without its submodules', into `destination`."""
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by their full names, as detached tensors on the
        same memory.

        `keep_vars`: the parameters themselves.
        """
        if args:  # PyTorch's older order: destination, prefix, keep_vars
            warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html#"
                "torch.nn.Module.state_dict for details.",
                FutureWarning,
            )
            given = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
            destination = given.get("destination", destination)
            prefix = given.get("prefix", prefix)
            keep_vars = given.get("keep_vars", keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            answer = hook(self, destination, prefix, local_metadata)
            if not getattr(hook, "_from_public_api", False):
                destination = destination if answer is None else answer
            elif answer is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously "
                "registered via "
                "register_state_dict_post_hook"
            )
        return add_hook(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict()`; it may
        change the dict.
        """
        hook._from_public_api = True  # pyright: ignore[reportFunctionMemberAccess]
        return add_hook(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict()`."""
        return add_hook(self._state_dict_pre_hooks, hook)

    # --- loading

    def _register_load_state_dict_pre_hook(
        self, hook: Callable, with_module: bool = False
    ) -> RemovableHandle:
        return add_hook(self._load_state_dict_pre_hooks, _WithModule(hook) if with_module else hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected,
        errors)` before loading.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the lists of keys."""
        return add_hook(self._load_state_dict_post_hooks, hook)

    def _load_from_state_dict(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take the module's own state, without its submodules', out of `state_dict`."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                *((self,) if type(hook) is _WithModule else ()),
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        own = self._own_state()
        for name, held in own.items():
            key = prefix + name
            if key in state_dict:
                assign = local_metadata.get("assign_to_params_buffers", False)
                fault = self._load_one(name, key, held, state_dict[key], assign)
                if fault is not None:
                    error_msgs.append(fault)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE_KEY_SUFFIX
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if not strict:
            return
        for key in state_dict:
            if key.startswith(prefix) and key != extra:
                first, *rest = key[len(prefix) :].split(".", 1)
                if first not in (self._modules if rest else own):
                    unexpected_keys.append(key)

    def _load_one(self, name: str, key: str, held: Any, given: Any, assign: bool) -> str | None:
        """Copy or assign one entry; what is wrong with it, or None."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or '
                "Tensor-like object from checkpoint but "
                f"received {type(given)}"
            )
        if is_lazy(held) and is_lazy(given):
            return None
        if held.ndim == 0 and tuple(given.shape) == (1,):
            given = given[0]  # pyright: ignore[reportIndexIssue]
        if given.shape != held.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from "
                "checkpoint, the shape in current "
                f"model is {held.shape}."
            )
        token = grad_mode.set(False)
        try:
            if not assign:
                held.copy_(given)
            elif not isinstance(held, Parameter):
                setattr(self, name, given)
            elif isinstance(given, Parameter):
                set_requires_grad(given, held.requires_grad)
                setattr(self, name, given)
            else:
                setattr(self, name, Parameter(given, requires_grad=held.requires_grad))
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{held.shape} and whose "
                f"dimensions in the checkpoint are {given.shape}, an exception occurred : "
                f"{error.args}."
            )
        finally:
            grad_mode.reset(token)
        return None

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy a `state_dict()` into the parameters and buffers; returns the missing and the
        unexpected keys.

        `strict`: raise RuntimeError if there are any. `assign`: take the tensors themselves instead
        of copying.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        state = OrderedDict(state_dict)  # which the hooks may change
        if metadata is not None:
            state._metadata = metadata  # pyright: ignore[reportAttributeAccessIssue]
        lists: tuple[list[str], list[str], list[str]] = ([], [], [])
        _load(self, state, "", metadata, assign, lists)
        missing, unexpected, faults = lists
        if strict:
            for word, keys in (("Unexpected", unexpected), ("Missing", missing)):
                if keys:
                    names = ", ".join(f'"{key}"' for key in keys)
                    faults.insert(0, f"{word} key(s) in state_dict: {names}. ")
        if faults:
            text = "\n\t".join(faults)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{text}"
            )
        return _IncompatibleKeys(missing, unexpected)


def _load(module: Any, state: dict, prefix: str, metadata: Any, assign: bool, lists: tuple) -> None:
    """Load a module and those below it."""
    local = {} if metadata is None else dict(metadata.get(prefix[:-1], {}))
    if assign:  # in a copy: a state loaded again without `assign` is copied then
        local["assign_to_params_buffers"] = True
    module._load_from_state_dict(state, prefix, local, True, *lists)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = {key: value for key, value in state.items() if key.startswith(below)}
            _load(child, part, below, metadata, assign, lists)
    keys = _IncompatibleKeys(lists[0], lists[1])
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                "return new values, if "
                "incompatible_keys need to be modified, it should be done inplace."
            )
