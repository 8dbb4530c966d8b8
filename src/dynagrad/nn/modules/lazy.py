"""LazyModuleMixin: modules whose parameters take their shapes from the first input. Imports
parameter.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any

from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


def _infer_parameters(module: Any, args: tuple, kwargs: dict | None = None) -> None:
    """The hook before the first call. It is no bound method: a module that held one of its own
    would hold itself.
    """
    module._infer_parameters(module, args, kwargs)


class LazyModuleMixin:
    """A module whose parameters are made at its first call, for the input it is given.

    A subclass has UninitializedParameters, defines `initialize_parameters(*args, **kwargs)`, which
    is given forward's arguments and calls their `materialize(shape)`, and may name the class that
    the module then becomes: `class LazyLinear(LazyModuleMixin, Linear): cls_to_become = Linear`.
    Until then, put the parameters in an optimizer only after one call with an example.
    """

    cls_to_become: type[Any] | None = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _get_name: Callable[[], str]
    register_forward_pre_hook: Callable[..., Any]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(_infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        """As Module's, but what has no shape yet goes in as it is."""
        kept = {n: b for n, b in self._buffers.items() if n not in self._non_persistent_buffers_set}
        for name, value in {**self._parameters, **kept}.items():
            if value is not None:
                as_it_is = keep_vars or is_lazy(value)
                destination[prefix + name] = value if as_it_is else value.detach()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: Any) -> None:
        """As Module's; what has no shape yet first gets that of the entry to be loaded."""
        self._lazy_load_hook(state_dict, prefix, *rest)
        super()._load_from_state_dict(state_dict, prefix, *rest)  # pyright: ignore

    def _lazy_load_hook(self, state_dict: dict, prefix: str, *rest: Any) -> None:
        for name, value in chain(self._parameters.items(), self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(value) and given is not None and not is_lazy(given):
                value.materialize(given.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes, for these arguments of `forward`, and initial values;
        every subclass defines it.
        """
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer has no shape yet."""
        return any(is_lazy(t) for t in chain(self._parameters.values(), self._buffers.values()))

    def _infer_parameters(self, module: Any, args: tuple, kwargs: dict | None = None) -> None:
        """Make the parameters, and let the module be an ordinary one."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(
                f"module {self._get_name()} has not been fully initialized\n"
                "initialize_parameters must call materialize(shape) on every uninitialized "
                "parameter and buffer"
            )
        module._initialize_hook.remove()
        del module._initialize_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy "
            "forward pass to correctly initialize the modules"
        )
