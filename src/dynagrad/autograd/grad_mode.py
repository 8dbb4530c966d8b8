"""Whether operations are recorded: no_grad, enable_grad, set_grad_enabled, inference_mode. Imports
core.

The mode is a context variable: threads and asynchronous tasks do not disturb each other, and a new
thread starts with recording on.
"""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from ..core.tape import grad_mode, inference


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require grad are recorded."""
    return grad_mode.get()


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on."""
    return inference.get()


class _Mode:
    """A context manager that is also a decorator of functions, generators and classes' methods."""

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):
            return self._around_generator(function)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def wrapped_async(*args: Any, **kwargs: Any) -> Any:
                with self._copy():
                    return await function(*args, **kwargs)

            return wrapped_async

        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._copy():
                return function(*args, **kwargs)

        return wrapped

    def _around_generator(self, function: Callable) -> Callable:
        """The mode holds while the generator runs, not while its user does."""

        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = partial(next, generator)
            try:
                while True:
                    with self._copy():
                        try:
                            item = step()
                        except StopIteration as stop:
                            return stop.value
                    try:
                        sent = yield item
                    except GeneratorExit:
                        with self._copy():
                            generator.close()
                        raise
                    except BaseException as error:
                        step = partial(generator.throw, error)
                    else:
                        step = partial(generator.send, sent)
            finally:
                generator.close()

        return wrapped

    def _copy(self) -> Any:
        return type(self)()

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exception: Any) -> None:
        raise NotImplementedError


class no_grad(_Mode):  # noqa: N801 - PyTorch's name
    """Record nothing: `with no_grad(): ...`, `@no_grad()` or `@no_grad`."""

    _value = False

    def __new__(cls, function: Callable | None = None) -> Any:
        mode = object.__new__(cls)
        if function is None:
            return mode
        mode.__init__()
        return mode(function)

    def __init__(self, function: Callable | None = None):
        self._held: list[bool] = []

    def __enter__(self) -> None:
        self._held.append(grad_mode.get())
        grad_mode.set(self._value)

    def __exit__(self, *exception: Any) -> None:
        grad_mode.set(self._held.pop())


class enable_grad(no_grad):  # noqa: N801
    """Record, also inside no_grad."""

    _value = True


class set_grad_enabled(_Mode):  # noqa: N801
    """Record or not, by a flag: as a statement at once, as a context manager until its end."""

    def __init__(self, mode: bool):
        if not isinstance(mode, bool):
            raise TypeError(
                "set_grad_enabled(): argument 'enabled' (position 1) must be bool, "
                f"not {type(mode).__name__}"
            )
        self._mode = mode
        self._held = grad_mode.get()
        grad_mode.set(self._mode)

    def __call__(self, function: Callable) -> Callable:
        grad_mode.set(self._held)
        return super().__call__(function)

    def _copy(self) -> "set_grad_enabled":
        return set_grad_enabled(self._mode)

    def __enter__(self) -> None:
        grad_mode.set(self._mode)

    def __exit__(self, *exception: Any) -> None:
        grad_mode.set(self._held)

    def __repr__(self) -> str:
        return f"{type(self).__module__}.set_grad_enabled(mode={self._mode})"


class inference_mode(_Mode):  # noqa: N801
    """Record nothing, as no_grad; `inference_mode(False)` turns recording on again inside it."""

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()
        return made(mode)

    def __init__(self, mode: Any = True):
        self._mode = mode if isinstance(mode, bool) else True
        self._held: list[tuple[bool, bool]] = []

    def _copy(self) -> "inference_mode":
        return inference_mode(self._mode)

    def __enter__(self) -> None:
        self._held.append((grad_mode.get(), inference.get()))
        grad_mode.set(not self._mode)
        inference.set(self._mode)

    def __exit__(self, *exception: Any) -> None:
        recording, inferring = self._held.pop()
        grad_mode.set(recording)
        inference.set(inferring)
