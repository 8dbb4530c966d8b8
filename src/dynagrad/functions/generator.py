"""The Generator that users hold, the default one, and the functions that seed and restore it."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np

from ..core.dtype import CPU, check_device, device
from ..core.random import Generator as Draws
from ..core.random import default_generator as default_draws
from ..core.tensor import Tensor, wrap
from ..core.watch import PLAIN, Watcher, notify, watched_draw

__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


class Generator:
    """A source of random numbers with a state of its own, as torch.Generator: `generator=g`.

    After the same manual_seed it gives the numbers that PyTorch's generator gives on the CPU.
    """

    __slots__ = ("_draws", "__weakref__")

    def __init__(self, device: Any = "cpu"):
        check_device(device)
        self._draws = Draws()

    @property
    def device(self) -> device:
        """The device of the numbers: the CPU."""
        return CPU

    def manual_seed(self, seed) -> "Generator":
        """Start the stream that belongs to the seed, from -2**63 to 2**64 - 1; returns itself."""
        if PLAIN or not self._told(partial(_seeded, self._draws, seed)):
            self._draws.manual_seed(seed)
        return self

    def _told(self, change: Callable, *given: Any) -> bool:
        """Whether a watcher ran `change(*arrays)`, which sets the stream."""
        notify(Watcher.stream, self._draws)
        return watched_draw(change, *given) is not NotImplemented

    def seed(self) -> int:
        """Start a stream that nobody can predict, and return its seed."""
        if not PLAIN:
            notify(Watcher.secret, "a stream of random numbers is started anew")
        return self._draws.seed()

    def initial_seed(self) -> int:
        """The seed that this stream started from."""
        if not PLAIN:
            notify(Watcher.secret, "the seed of random numbers is read")
        return self._draws.initial_seed()

    def get_state(self) -> Tensor:
        """The state as a tensor of 5056 bytes, the same as PyTorch's."""
        if not PLAIN:
            notify(Watcher.stream, self._draws)
            answer = watched_draw(self._draws.get_state)
            if answer is not NotImplemented:
                return wrap(answer)
        return wrap(self._draws.get_state())

    def set_state(self, new_state) -> "Generator":
        """Continue from a state that get_state has returned; TypeError if it is no ByteTensor."""
        if not isinstance(new_state, Tensor):
            raise TypeError(
                f"expected a torch.ByteTensor, but got {type(new_state).__name__}\n"
                "Give what get_state() has returned."
            )
        if PLAIN or not self._told(partial(_continued, self._draws), new_state._a):
            self._draws.set_state(new_state._a)
        return self

    def clone_state(self) -> "Generator":
        """A second generator that continues as this one would."""
        if not PLAIN:
            notify(Watcher.secret, "a source of random numbers is copied")
        clone = Generator()
        clone._draws = self._draws.clone_state()
        return clone

    def __reduce__(self):
        if not PLAIN:
            notify(Watcher.secret, "a source of random numbers is copied")
        return _restored, (np.array(self._draws.get_state()),)


_DONE = np.zeros((), np.bool_)


def _seeded(stream: Draws, seed: Any) -> np.ndarray:
    stream.manual_seed(seed)
    return _DONE.copy()


def _continued(stream: Draws, state: np.ndarray) -> np.ndarray:
    stream.set_state(state)
    return _DONE.copy()


def _restored(state: np.ndarray) -> Generator:
    generator = Generator()
    generator._draws.set_state(state)
    return generator


default_generator = Generator()
default_generator._draws = default_draws
#: the stream that takes the default one's place in this thread: a DataLoader's workers have each
#: their own
own_stream: ContextVar[Generator] = ContextVar("own_stream", default=default_generator)


def draws(name: str, generator: Any = None) -> Draws:
    """The stream of the argument generator=; TypeError if it is none."""
    if generator is None:
        stream = own_stream.get()._draws
        if not PLAIN:
            notify(Watcher.stream, stream)
        return stream
    if not isinstance(generator, Generator):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: generator must be a "
            f"torch.Generator, not {type(generator).__name__}.\nMake one with "
            "torch.Generator().manual_seed(seed)."
        )
    if not PLAIN:
        notify(Watcher.stream, generator._draws)
    return generator._draws


def manual_seed(seed) -> Generator:
    """Start the default stream that belongs to the seed; returns the default generator."""
    return own_stream.get().manual_seed(int(seed))


def seed() -> int:
    """Start a default stream that nobody can predict, and return its seed."""
    return own_stream.get().seed()


def initial_seed() -> int:
    """The seed that the default stream started from."""
    return own_stream.get().initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, as a ByteTensor."""
    return own_stream.get().get_state()


def set_rng_state(new_state) -> None:
    """Continue the default stream from a state that get_rng_state has returned."""
    own_stream.get().set_state(new_state)
