"""Calls of modules and optimizers, seen through their global hooks: who profiles nothing pays
nothing. Imports nn and optim.
"""

import weakref
from contextvars import ContextVar
from threading import get_ident
from time import perf_counter_ns
from typing import Any
from weakref import WeakKeyDictionary

from ..nn.modules.hooks import (
    _global_forward_hooks_always_called,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from ..nn.modules.module import Module
from ..optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)


class ModuleCall:
    """One call of a module: its path, its class, when it began and ended (nanoseconds); `known` is
    the path of an outermost call, if an earlier one has told it.
    """

    __slots__ = (
        "__weakref__",
        "below",
        "end",
        "is_recursive",
        "kind",
        "module",
        "names",
        "outer",
        "path",
        "root",
        "start",
        "thread",
    )

    def __init__(
        self, module: Module, outer: "ModuleCall | None", thread: int, known: str | None = None
    ):
        self.module = id(module)
        self.kind = type(module).__name__
        self.outer = outer
        self.thread = thread
        self.start = self.end = self.below = 0
        self.names: dict[int, str] = {}
        self.is_recursive = False
        root = None if outer is None else outer.root()
        name = None if root is None else root.names.get(id(module))
        if outer is not None and root is not None and name is not None:
            self.root = outer.root
            self.path = f"{root.path}.{name}" if name else root.path
            while outer is not None and not self.is_recursive:
                self.is_recursive = outer.module == self.module
                outer = outer.outer
            return
        self.root: Any = weakref.ref(self)
        self.path = f"{outer.path}.{self.kind}" if outer is not None else known or self.kind
        self.names = {id(m): name for name, m in module.named_modules()}


_current: ContextVar[ModuleCall | None] = ContextVar("profiler_module", default=None)
_profiled: ContextVar["Calls | None"] = ContextVar("profiler_modules", default=None)


class Calls:
    """The calls of modules in one profile."""

    def __init__(self):
        self.calls: list[ModuleCall] = []
        #: the path of each module's first call: a checkpoint runs its part again by itself
        self._paths: WeakKeyDictionary[Module, str] = WeakKeyDictionary()
        self._handles: list[Any] = []

    def attach(self) -> None:
        """Begin to look at this thread's or task's calls."""
        _profiled.set(self)
        self._handles = [
            register_module_forward_pre_hook(self._begins),
            register_module_forward_hook(self._ends, always_call=True),
        ]

    def detach(self, now: int) -> None:
        """End what `attach` began; calls that are still open end here."""
        for handle in self._handles:
            handle.remove()
            _global_forward_hooks_always_called.pop(handle.id, None)
        self._handles = []
        _profiled.set(None)
        _current.set(None)
        for call in self.calls:
            call.end = call.end or now
            call.outer = None
            call.names = {}

    def path(self) -> str | None:
        """The path of the module that runs."""
        call = _current.get()
        return None if call is None else call.path

    def _begins(self, module: Module, args: tuple) -> None:
        if _profiled.get() is not self:
            return
        outer = _current.get()
        thread = get_ident()
        if outer is not None and (outer.end or outer.thread != thread):
            outer = None
        call = ModuleCall(module, outer, thread, self._paths.get(module))
        self._paths.setdefault(module, call.path)
        self.calls.append(call)
        _current.set(call)
        call.start = perf_counter_ns()

    def _ends(self, module: Module, args: tuple, output: Any) -> None:
        if _profiled.get() is not self:
            return
        call = _current.get()
        while call is not None and call.module != id(module):
            call = call.outer  # what an exception left open
        if call is None:
            return
        call.end = perf_counter_ns()
        outer, call.outer, call.names = call.outer, None, {}
        if outer is not None:
            outer.below += call.end - call.start
        _current.set(outer)


class Steps:
    """The steps of optimizers in one profile, as events."""

    def __init__(self, recorder: Any):
        self._recorder = weakref.ref(recorder)
        self._handles: list[Any] = []

    def attach(self) -> None:
        """Begin to look at steps."""
        self._handles = [
            register_optimizer_step_pre_hook(self._begins),
            register_optimizer_step_post_hook(self._ends),
        ]

    def detach(self) -> None:
        """End what `attach` began."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _begins(self, optimizer: Any, args: tuple, kwargs: dict) -> None:
        recorder = self._recorder()
        if recorder is not None and recorder.is_active():
            name = type(optimizer).__name__
            recorder.begin(f"Optimizer.step#{name}.step", "optimizer")

    def _ends(self, optimizer: Any, args: tuple, kwargs: dict) -> None:
        recorder = self._recorder()
        if recorder is not None and recorder.is_active():
            recorder.end(f"Optimizer.step#{type(optimizer).__name__}.step")
