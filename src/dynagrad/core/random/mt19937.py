"""The 32-bit words of mt19937, and PyTorch's layout of its state (imports NumPy and ops.compiled).

M. Matsumoto and T. Nishimura, "Mersenne twister: a 623-dimensionally equidistributed uniform
pseudorandom number generator" (1998). PyTorch's CPU generator seeds and steps it as NumPy's
`RandomState` does, so NumPy makes the words, one block of 624 (the length of the state) or several
at a time. A stream hands them out in order and keeps the rest of a block: a small draw is a slice.
From the first large draw on a compiled kernel makes the blocks, where there is one.
"""

import operator
import os
import threading
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from dynagrad.ops.compiled import KERNELS

DEFAULT_SEED = 67280421310721
BLOCK = 624
# From so many words on a compiled kernel is asked for them.
LARGE = 16 * BLOCK

# torch.get_rng_state() is this record: the engine's numbers, then normal variates kept for later.
_STATE = np.dtype(
    {
        "names": [
            "seed",
            "left",
            "seeded",
            "next",
            "words",
            "normal",
            "has_normal",
            "single",
            "has_single",
        ],
        "formats": ["u8", "i4", "i4", "u8", ("u8", BLOCK), "f8", "i4", "f4", "?"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052],
        "itemsize": 5056,
    }
)

# One lock for all streams: a fork has only this one to wait for, and no child inherits a stream in
# the middle of a draw. Reentrant, so that a signal handler that draws cannot block its own thread.
_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )


class WordStream:
    """A seeded stream of mt19937 words whose state can be saved, restored, copied and pickled.

    Threads may share one: every method that draws holds the lock. After a fork, parent and child
    continue with the same words, as in PyTorch; reseed the child where that is not wanted.
    """

    _lock = _LOCK

    def __init__(self, seed: int = DEFAULT_SEED):
        self._engine: Any = None
        # The words of the last block before they are tempered, once a kernel makes the blocks, and
        # room for those of the next; the engine is behind then.
        self._raw: np.ndarray | None = None
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Self:
        """Start the stream that belongs to `seed`, from -2**63 to 2**64 - 1; -1 means 2**64 - 1.

        Only the low 32 bits choose the stream; `initial_seed` reports all 64. RuntimeError for a
        value that is no integer, ValueError for one out of range.
        """
        self._reseed(_seed_bits(seed))
        return self

    def seed(self) -> int:
        """Start a stream that nobody can predict, and return its seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self._reseed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed that this stream started from, from 0 to 2**64 - 1."""
        return self._seed

    def get_state(self) -> np.ndarray:
        """The state as 5056 bytes (uint8), the same as PyTorch's: either side can restore them."""
        record = np.zeros((), _STATE)
        with self._lock:
            record["seed"] = self._seed
            record["seeded"] = 1
            record["left"] = 1 if self._fresh else BLOCK + 1 - self._next
            record["next"] = 0 if self._fresh else self._next
            record["words"] = self._key()
            if self._normal is not None:
                record["normal"], record["has_normal"] = self._normal, 1
            if self._single is not None:
                record["single"], record["has_single"] = self._single, 1
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, state: np.ndarray) -> None:
        """Continue from a state that `get_state`, or PyTorch, has returned.

        TypeError unless it is a uint8 array, RuntimeError unless it is a contiguous state of 5056
        bytes.
        """
        record = _checked_state(state)
        key = record["words"].astype(np.uint32)
        left, following = int(record["left"]), int(record["next"])
        with self._lock:
            self._seed = int(record["seed"])
            self._normal = float(record["normal"]) if record["has_normal"] else None
            self._single = float(record["single"]) if record["has_single"] else None
            self._fresh = left == 1 and following == 0
            self._next = BLOCK if left == 1 else following
            self._mt().set_state(("MT19937", key, self._next))
            # NumPy tempers the words that are left, and is then at the end of the block again.
            block = np.zeros(BLOCK, np.uint32)
            block[self._next :] = self._generate(BLOCK - self._next)
            self._use_block(block)

    def position(self) -> tuple[Any, ...]:
        """What differs after every draw: the block of words, the place in it, and a kept variate.

        It compares by identity: a stream that was set back to where it was has another position.
        """
        with self._lock:
            return _Same(self._block), self._next, self._normal, self._single

    def clone_state(self) -> Self:
        """A second stream that continues as this one would; the two no longer share anything."""
        clone = self.__class__.__new__(self.__class__)
        clone.__setstate__(self.__getstate__())
        return clone

    def __getstate__(self) -> bytes:
        return WordStream.get_state(self).tobytes()

    def __setstate__(self, state: bytes) -> None:
        WordStream.__init__(self)
        WordStream.set_state(self, np.frombuffer(state, np.uint8))

    def _reseed(self, seed: int) -> None:
        with self._lock:
            self._seed = seed
            self._normal: float | None = None  # second variate of a Box-Muller pair
            self._single: float | None = (
                None  # PyTorch's state has a place for it, its CPU code no use
            )
            self._fresh = True  # seeded, but no block made yet
            self._next = BLOCK  # position in the block of the next word
            self._use_block(np.zeros(BLOCK, np.uint32))
            self._raw = None
            if self._engine is not None:
                self._engine.seed(seed & 0xFFFFFFFF)

    def _mt(self) -> Any:
        """NumPy's engine, made at first use: numpy.random takes a sixth of NumPy's import time."""
        if self._engine is None:
            self._engine = np.random.RandomState(self._seed & 0xFFFFFFFF)
        if self._raw is not None:
            self._engine.set_state(("MT19937", self._key(), BLOCK))
            self._raw = None
        return self._engine

    def _key(self) -> np.ndarray:
        """The words of the last block before they are tempered."""
        return self._mt().get_state()[1] if self._raw is None else self._raw[:BLOCK]

    def _prepare(self, count: int) -> None:
        """Have kernels compiled for a draw of so many values before the lock is taken: who forks
        waits for this lock and for the compiler's, in whatever order.
        """
        if count >= 4096:  # the least number of values of which a kernel makes something
            _ = KERNELS["words"]  # the look-up compiles all that draws use

    def _generate(self, count: int) -> np.ndarray:
        if (self._raw is not None or count >= LARGE) and not count % BLOCK:
            fast = KERNELS["words"]
            if fast is not None:
                if self._raw is None:
                    self._raw = np.concatenate((self._key(), np.empty(BLOCK, np.uint32)))
                return fast(self._raw, count // BLOCK)
        return self._mt().randint(0, 1 << 32, size=count, dtype=np.uint32)

    def _use_block(self, words: np.ndarray) -> None:
        self._block = words
        # What draws of float32 make of a whole block at once, the first time that one asks for it.
        self._units: np.ndarray | None = None
        self._polar: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def _take(self, count: int) -> np.ndarray:
        """The next `count` words, uint32, not to be written to. The caller holds the lock."""
        start = self._next
        end = start + count
        if end <= BLOCK:
            self._next = end
            return self._block[start:end]
        missing = end - BLOCK
        blocks = -(-missing // BLOCK)
        fresh = self._generate(blocks * BLOCK)
        rest = self._block[start:]
        self._use_block(fresh[-BLOCK:].copy() if blocks > 1 else fresh)
        self._next = missing - (blocks - 1) * BLOCK
        self._fresh = False
        return np.concatenate((rest, fresh[:missing])) if rest.size else fresh[:missing]

    def _doubles(self) -> Iterator[float]:
        """Float64 uniforms one by one, two words each, none drawn ahead; under the lock."""
        while True:
            start = self._next
            whole_pairs = self._block[start : BLOCK - (BLOCK - start) % 2]
            for high, low in whole_pairs.reshape(-1, 2).tolist():
                self._next += 2
                yield ((high & 0x1FFFFF) << 32 | low) * 2.0**-53
            high, low = self._take(2).tolist()
            yield ((high & 0x1FFFFF) << 32 | low) * 2.0**-53


class _Same:
    """An object that is equal to itself alone; it keeps it."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __eq__(self, other: Any) -> bool:
        return type(other) is _Same and self.held is other.held

    def __hash__(self) -> int:
        return id(self.held)


def _seed_bits(seed: int) -> int:
    if isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
        raise RuntimeError(
            f"manual_seed expected a long, but got {type(seed).__name__}\n"
            f"The value given was {seed!r}. A seed is an integer: manual_seed(int(value))."
        )
    value = operator.index(seed)
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(
            "Overflow when unpacking long long\n"
            f"The seed {value} does not fit in 64 bits. Give one from -2**63 to 2**64 - 1."
        )
    return value & 0xFFFFFFFFFFFFFFFF


def _checked_state(state: np.ndarray) -> np.ndarray:
    if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
        given = f"{state.dtype} array" if isinstance(state, np.ndarray) else type(state).__name__
        raise TypeError(
            f"RNG state must be a torch.ByteTensor\nIt was a {given}. "
            "Give what get_state() returned, of dtype uint8."
        )
    if not state.flags.c_contiguous:
        raise RuntimeError(
            "RNG state must be contiguous\nIt was a strided view. Give what get_state() returned, "
            "or a contiguous copy of it."
        )
    if state.size != _STATE.itemsize:
        raise RuntimeError(
            f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG "
            f"state size to be {state.size}\nGive what get_state() returned, unchanged."
        )
    record = np.frombuffer(state.tobytes(), _STATE)[0]
    left, following = int(record["left"]), int(record["next"])
    running = (
        1 <= left <= BLOCK and following <= BLOCK and (left == 1 or left + following == BLOCK + 1)
    )
    if record["seeded"] != 1 or not running:
        raise RuntimeError(
            "Invalid mt19937 state\nThe bytes are no position in a stream (seeded "
            f"{record['seeded']}, left {left}, next {following}). "
            "Give what get_state() returned, unchanged."
        )
    return record
