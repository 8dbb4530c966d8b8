"""A module whose calls are compiled, as torch.compile returns. Imports compiled."""

from typing import Any

from ..nn.modules.module import Module
from .compiled import Compiled

#: what belongs to the wrapper itself
_OWN = {"_orig_mod", "_compiled", "training"}


class OptimizedModule(Module):
    """A module around another one, `_orig_mod`, that runs its calls as native code.

    Attributes are those of the module within; the keys of `state_dict` begin with `_orig_mod.`, as
    PyTorch's do. Without settings the calls stay eager.
    """

    def __init__(self, module: Module, settings: dict[str, Any] | None) -> None:
        super().__init__()
        self._orig_mod = module
        call = module.__call__
        self.__dict__["_compiled"] = call if settings is None else Compiled(call, **settings)
        self.__dict__.pop("training", None)

    @property
    def training(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the module within is in training mode."""
        return self._modules["_orig_mod"].training  # pyright: ignore

    @training.setter
    def training(self, mode: bool) -> None:
        module = self._modules.get("_orig_mod")
        if module is not None:
            module.training = mode

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__["_compiled"](*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As a call."""
        return self(*args, **kwargs)

    def explain(self, *, measure: bool = False) -> Any:
        """What was compiled, what is guarded, and what stayed eager and why: see Compiled."""
        compiled = self.__dict__["_compiled"]
        if not isinstance(compiled, Compiled):
            raise RuntimeError("nothing is compiled here: there is nothing to explain")
        return compiled.explain(measure=measure)

    def __len__(self) -> int:
        return len(self._modules["_orig_mod"])  # pyright: ignore[reportArgumentType]

    def __bool__(self) -> bool:
        return bool(self._modules["_orig_mod"])

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self._modules["_orig_mod"]
        return getattr(self._modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN or "_orig_mod" not in self.__dict__.get("_modules", {}):
            super().__setattr__(name, value)
        else:
            setattr(self._modules["_orig_mod"], name, value)

    def __reduce__(self) -> Any:
        compiled = self.__dict__["_compiled"]
        settings = compiled.settings if isinstance(compiled, Compiled) else None
        return OptimizedModule, (self._modules["_orig_mod"], settings)
