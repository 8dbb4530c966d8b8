"""Anomaly mode: detect_anomaly and set_detect_anomaly find the first producer of a nan. Imports
core and nan_watch.

Who is meant by it: `with detect_anomaly():` is for the thread or task that enters it, for two
threads that enter and leave in turn could not put one common flag back rightly. The plain call
`set_detect_anomaly(True)` is for the process, as in PyTorch: a program that says it at its top
means the threads that it starts later as well. Inside a `with` block the plain call changes that
block.
"""

import weakref
from contextvars import ContextVar
from threading import Lock
from typing import Any, Literal

from ..core.quiet import warn
from ..core.watch import everywhere, general_paths
from .nan_watch import NanWatch, Setting

__all__ = ["detect_anomaly", "set_detect_anomaly"]

_OFF = Setting(False, True, "note")


class _Frame:
    """One entered `with` block: its setting (None after its end) and the block around it.

    A task that outlives the block in which it was started still finds it here, and passes over it.
    """

    __slots__ = ("outer", "setting")

    def __init__(self, outer: "_Frame | None", setting: Setting):
        self.outer = outer
        self.setting: Setting | None = setting


_frame: ContextVar[_Frame | None] = ContextVar("anomaly_frame", default=None)
#: what plain calls have said, the last one in force. A call turns out to belong to a `with` block
#: only when that is entered, and is then taken out again; what no living object can take out ends
#: the memory of all before it.
_said: list[tuple[Any, Setting]] = []
_active = 0
_lock = Lock()


def _innermost() -> _Frame | None:
    frame = _frame.get()
    while frame is not None and frame.setting is None:
        frame = frame.outer
    return frame


def current() -> Setting:
    """What holds for this thread or task."""
    frame = _innermost()
    if frame is not None and frame.setting is not None:
        return frame.setting
    said = _said
    return said[-1][1] if said else _OFF


_WATCH = NanWatch(current)


def _changed(was: Setting, now: Setting) -> None:
    """Begin to watch with the first setting that is on, end with the last; the lock is held."""
    global _active
    before = _active
    _active += now.mode - was.mode
    if _active and not before:
        general_paths(_WATCH, True)
        everywhere.append(_WATCH)
    elif before and not _active:
        everywhere.remove(_WATCH)
        general_paths(_WATCH, False)


def _say(setting: Setting, mode: Any = None) -> None:
    """A plain call: for the block that this thread is in, else for the process."""
    frame = _innermost()
    with _lock:
        if frame is not None and frame.setting is not None:
            _changed(frame.setting, setting)
            frame.setting = setting
            return
        was = _said[-1][1] if _said else _OFF
        lasting = [i for i, (reference, _) in enumerate(_said) if not reference or not reference()]
        if lasting:
            del _said[: lasting[-1]]
        _said.append((None if mode is None else weakref.ref(mode), setting))
        _changed(was, setting)


def _unsay(mode: Any) -> None:
    with _lock:
        was = _said[-1][1] if _said else _OFF
        _said[:] = [entry for entry in _said if entry[0] is None or entry[0]() is not mode]
        _changed(was, _said[-1][1] if _said else _OFF)


def _checked(mode: Any, check_nan: Any, check_forward: Any = "note") -> Setting:
    for position, name, value in ((1, "enabled", mode), (2, "check_nan", check_nan)):
        if not isinstance(value, bool):
            raise TypeError(
                f"set_anomaly_enabled(): argument '{name}' (position {position}) must be bool, not "
                f"{type(value).__name__}"
            )
    if check_forward not in ("note", "raise"):
        raise ValueError(
            f"check_forward must be 'note' or 'raise', not {check_forward!r}: 'note' remembers the "
            "first nan of the forward pass for the error in backward, 'raise' stops there."
        )
    return Setting(mode, check_nan, check_forward)


class _Anomaly:
    """A context manager that can be entered again and again."""

    def __init__(self, setting: tuple[Any, Any, Any]):
        self._setting = setting
        self._entered: list[_Frame] = []

    def __enter__(self) -> None:
        setting = _checked(*self._setting)
        frame = _Frame(_innermost(), setting)
        with _lock:
            _changed(_OFF, setting)
        _frame.set(frame)
        self._entered.append(frame)

    def __exit__(self, *exception: Any) -> None:
        frame = self._entered.pop()
        with _lock:
            _changed(frame.setting or _OFF, _OFF)
            frame.setting = None
        if _frame.get() is frame:
            _frame.set(frame.outer)


class detect_anomaly(_Anomaly):  # noqa: N801 - PyTorch's name
    """Find the first producer of a nan, while the block runs, in this thread or task.

    A backward pass whose gradients hold a nan raises RuntimeError: "Function 'SqrtBackward0'
    returned nan values in its 0th output.", then the source line of the operation, what it was
    given (dtypes, shapes, ranges), who made the nan or the infinity before it, in the backward or
    in the forward pass, and what to do. Any error of a backward pass carries the forward stack of
    its node as a note. check_nan: False leaves only those notes. check_forward: 'raise' stops at
    the first operation of the forward pass that makes a nan; 'note' lets it run on, as PyTorch
    does. Warns (UserWarning) that programs run slower. Source: torch.autograd.detect_anomaly.
    """

    def __init__(
        self, check_nan: bool = True, *, check_forward: Literal["note", "raise"] = "note"
    ) -> None:
        super().__init__((True, check_nan, check_forward))
        warn(
            "Anomaly Detection has been enabled. It looks at every value for nan, which takes "
            "time: use it to find an error, and turn it off afterwards."
        )


class set_detect_anomaly(_Anomaly):  # noqa: N801 - PyTorch's name
    """Turn anomaly mode on or off, by a plain call or for a `with` block; see `detect_anomaly`.

    A plain call holds for the process (all threads which are in no block of their own) or, inside a
    block, until that ends. Source: torch.autograd.set_detect_anomaly.
    """

    def __init__(
        self,
        mode: bool,
        check_nan: bool = True,
        *,
        check_forward: Literal["note", "raise"] = "note",
    ) -> None:
        super().__init__((mode, check_nan, check_forward))
        setting = _checked(mode, check_nan, check_forward)
        inner = _innermost()
        before = None if inner is None else inner.setting
        #: what entering a block takes back: the block around it and its setting, or the process's
        self._said: tuple[_Frame | None, Setting | None] | None = (inner, before)
        _say(setting, self)

    def __enter__(self) -> None:
        if self._said is not None:
            frame, before = self._said
            self._said = None
            if frame is None:
                _unsay(self)
            elif frame.setting is not None and before is not None:
                with _lock:
                    _changed(frame.setting, before)
                    frame.setting = before
        super().__enter__()


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Turn anomaly mode on or off, as a plain call of `set_detect_anomaly` does. Source:
    torch.set_anomaly_enabled.
    """
    _say(_checked(enabled, check_nan))


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on here. Source: torch.is_anomaly_enabled."""
    return current().mode


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, if on, looks for nan. Source: torch.is_anomaly_check_nan_enabled."""
    return current().check_nan
