"""Optimizer: parameter groups, state, hooks, and the loop that every algorithm shares. Imports
core, autograd and functions.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import wraps
from itertools import chain
from typing import Any, TypeAlias

from ..autograd.differentiate import RemovableHandle, add_hook
from ..core.apply import to_dtype
from ..core.dtype import FLOATING, category
from ..core.quiet import warn
from ..core.tape import AccumulateGrad, caller, grad_mode
from ..core.tensor import Tensor, edge_of, family_of
from ..core.watch import overriding, watched_call, watchers
from ..functions.typename import typename
from .updates import tensor_counts

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""The default of a hyper-parameter that every group must give."""

#: what optimizers take as their parameters, for annotations
ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]

_global_pre_hooks: OrderedDict = OrderedDict()
_global_post_hooks: OrderedDict = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before every step of every optimizer."""
    return add_hook(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after every step of every optimizer."""
    return add_hook(_global_post_hooks, hook)


def _use_grad_for_differentiable(step: Callable) -> Callable:
    """A `step` that is recorded where the optimizer was made with differentiable=True."""

    @wraps(step)
    def wrapper(self, *args: Any, **kwargs: Any) -> Any:
        token = grad_mode.set(bool(self.defaults.get("differentiable")))
        try:
            return step(self, *args, **kwargs)
        finally:
            grad_mode.reset(token)

    return wrapper


def _with_hooks(step: Callable) -> Callable:
    """A `step` that runs the hooks around it; without hooks it costs one test."""

    @wraps(step)
    def wrapper(self, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (before or after or _global_pre_hooks or _global_post_hooks):
            return step(self, *args, **kwargs)
        if (
            type(self).step is not wrapper
        ):  # called by the step of a subclass, which has run the hooks
            return step(self, *args, **kwargs)
        given = (self, *args)
        for hook in chain(_global_pre_hooks.values(), before.values()):
            answer = hook(self, given, kwargs)
            if answer is not None:
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                        f"{answer}."
                    )
                given, kwargs = answer
        result = step(*given, **kwargs)
        for hook in chain(after.values(), _global_post_hooks.values()):
            hook(self, given, kwargs)
        return result

    wrapper.hooked = True  # pyright: ignore[reportAttributeAccessIssue]
    return wrapper


class Optimizer:
    """The base of all optimizers: `Optimizer(params, defaults)`.

    `params`: tensors, (name, tensor) pairs, or dicts that each describe a group with options of its
    own. `defaults`: the options of groups that do not give them. A subclass defines `step`; the
    ones here define `_update_group`.
    """

    #: options that older checkpoints lack, with what they mean there
    _later: dict[str, Any] = {}
    #: whether each parameter's state has a step count, a tensor
    _counts = False
    #: the message for a sparse gradient, where it is not the usual one
    _sparse_error = ""

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self.defaults = defaults
        self._optimizer_step_pre_hooks: OrderedDict = OrderedDict()
        self._optimizer_step_post_hooks: OrderedDict = OrderedDict()
        self._optimizer_state_dict_pre_hooks: OrderedDict = OrderedDict()
        self._optimizer_state_dict_post_hooks: OrderedDict = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks: OrderedDict = OrderedDict()
        self._optimizer_load_state_dict_post_hooks: OrderedDict = OrderedDict()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got "
                f"{typename(params)}\nPut the tensor into a list: [tensor]"
            )
        self.state: defaultdict = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError(
                "optimizer got an empty parameter list\nA generator such as model.parameters() can "
                "be used only once, and a "
                "module's parameters must be attributes of it."
            )
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if callable(step) and not hasattr(step, "hooked"):
            cls.step = _with_hooks(step)

    # --- stepping

    def step(self, closure: Callable | None = None) -> Any:
        """Update the parameters from their gradients; `closure` computes the loss anew and returns
        it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def _run(self, closure: Callable | None) -> Any:
        """The closure, then `_update_group(group, place)` for every group, and its result."""
        loss = None
        if closure is not None:
            token = grad_mode.set(True)
            try:
                loss = closure()
            finally:
                grad_mode.reset(token)
        place = caller(3)
        for group in self.param_groups:
            self._update_group(group, place)
        return loss

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        """Update the parameters of one group that have a gradient; `place`: the call of step."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters; fill them with zeros if not `set_to_none`."""
        if overriding and watchers.get():
            if watched_call(Optimizer.zero_grad, (self, set_to_none), {}) is not NotImplemented:
                return
        for group in self.param_groups:
            for p in group["params"]:
                try:
                    g = p._g
                except AttributeError:  # it never required a gradient
                    continue
                if g is None:
                    continue
                if set_to_none:
                    p._g = None
                else:
                    g._e = None
                    g._a[...] = 0
                    family_of(g).cell.bump()

    # --- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dict with "params" and, where they differ from the defaults, options."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _read_params(param_group)
        for p in param_group["params"]:
            self._check_param(p)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        params = set(param_group["params"])
        if len(params) < len(param_group["params"]):
            warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information"
            )
        named = "param_names" in param_group
        for group in self.param_groups:
            if named != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    "group "
                    f"{'with names' if named else 'without names'} to the optimizer"
                )
            if not params.isdisjoint(group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _check_param(self, p: Any) -> None:
        if not isinstance(p, Tensor):
            raise TypeError(
                f"optimizer can only optimize Tensors, but one of the params is {typename(p)}"
            )
        if self.defaults.get("differentiable"):
            return
        edge = edge_of(p)
        if not (edge is None or type(edge) is AccumulateGrad or p.retains_grad):  # pyright: ignore
            raise ValueError(
                "can't optimize a non-leaf Tensor\nIt was computed, so the next step would compute "
                "it anew. Give the tensors "
                "it was computed from, or x.detach().requires_grad_()."
            )

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """The state and the groups, with each parameter replaced by its number."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            answer = hook(self, result)
            result = result if answer is None else answer
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a `state_dict()`; floating state is converted to the dtype of its parameter."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError(
                "loaded state dict has a different number of parameter groups\n"
                f"It has {len(saved)}, the optimizer {len(groups)}."
            )
        for ours, theirs in zip(groups, saved, strict=True):
            if len(ours["params"]) != len(theirs["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group\n"
                    f"It has {len(theirs['params'])} parameters, the optimizer's "
                    f"{len(ours['params'])}."
                )
        param_of = {
            key: p
            for ours, theirs in zip(groups, saved, strict=True)
            for key, p in zip(theirs["params"], ours["params"], strict=True)
        }
        state: defaultdict = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = _converted(value, param_of[key], None)
            else:
                state[key] = value
        for ours, theirs in zip(groups, saved, strict=True):
            theirs["params"] = ours["params"]
            if "param_names" in ours:
                theirs.setdefault("param_names", ours["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in (
            "step_pre",
            "step_post",
            "state_dict_pre",
            "state_dict_post",
            "load_state_dict_pre",
            "load_state_dict_post",
        ):
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", OrderedDict())
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for name, value in self._later.items():
                group.setdefault(name, value)
        if self._counts:
            tensor_counts(self)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(
                f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"
            )
        return text + ")"

    # --- hooks

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new ones."""
        return add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict()`."""
        return add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict()`; it may return another dict."""
        return add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before a state is loaded; it may return another."""
        return add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after a state was loaded."""
        return add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _read_params(group: dict[str, Any]) -> None:
    """Make group["params"] a list of tensors; (name, tensor) pairs give group["param_names"]."""
    params = group["params"]
    if isinstance(params, Tensor):
        group["params"] = [params]
        return
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will "
            "change between runs. Please use a list instead."
        )
    params = list(params)
    names = [p[0] for p in params if isinstance(p, tuple)]
    group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]
    if names:
        if len(names) < len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        group["param_names"] = names


def _converted(value: Any, p: Tensor, key: Any) -> Any:
    """Loaded state in the parameter's dtype, but for the step counts."""
    if isinstance(value, Tensor):
        if key == "step" or category(p._a.dtype) != FLOATING:
            return value
        return to_dtype(value, p._a.dtype)
    if isinstance(value, dict):
        return {k: _converted(v, p, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_converted(v, p, None) for v in value)  # pyright: ignore[reportCallIssue]
    return value
