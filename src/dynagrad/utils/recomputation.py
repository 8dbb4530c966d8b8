"""What a checkpoint without re-entry does: saved values are dropped as they are recorded, and the
function runs again when the first of them is asked for. Imports core, autograd and functions.

Ownership: a node that saved a value holds a Slot, the Slot holds its Call, and the Call holds the
function, its inputs (as the saved values of a node) and its Slots weakly. Nothing points back at
the graph, so it is freed by reference counting; a value recomputed for a node that is gone by then
is not kept at all.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

from .. import errors
from ..autograd.function import Function
from ..autograd.saved import saved_tensors_hooks
from ..core.dtype import CPU, from_numpy_dtype
from ..core.tape import AccumulateGrad, Node, caller, class_name, grad_mode, node_and_number
from ..core.tensor import Tensor, family_of, wrap
from ..core.watch import Watcher, watching
from ..functions.generator import get_rng_state, set_rng_state

#: stands in for the call's own `early_stop` and `debug` while it is not None
early_stop: ContextVar[bool | None] = ContextVar("checkpoint_early_stop", default=None)
debugging: ContextVar[bool | None] = ContextVar("checkpoint_debug", default=None)


class CheckpointError(RuntimeError):
    """Raised where a checkpointed function, run again, saves other values than at first."""

    __module__ = "dynagrad.utils.checkpoint"


class _Stop(BaseException):
    """Ends a recomputation that has all values; no `except Exception` in the function sees it."""


class Inputs(Function):
    """Keeps a call's tensors as any operation keeps what it saved: hooks of an outer checkpoint
    pack them, and a later write in place is an error.
    """

    @staticmethod
    def forward(ctx, dummy: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return dummy.detach()


class Slot:
    """One saved value of a call: what is known of it from the first run and, after another one,
    its memory until it is asked for.

    made: shape and dtype; place: the line that saved it; watched, count: the version cell of a leaf
    and its count then; value: (array, version cell, its count) of the recomputed value.
    """

    __slots__ = ("__weakref__", "call", "count", "made", "number", "place", "value", "watched")

    def __init__(self, call: "Call", number: int, t: Tensor):
        self.call = call
        self.number = number
        self.made = (t._a.shape, t._a.dtype)
        self.place = caller(3)
        self.value: Any = None
        self.watched = family_of(t).cell if type(t._e) is AccumulateGrad else None
        self.count = 0 if self.watched is None else self.watched.count

    def take(self) -> Tensor:
        """The value, computed again if it is not there; it is handed out once and then forgotten,
        so that memory is freed while the backward pass goes on.
        """
        call = self.call
        if self.watched is not None and self.watched.count != self.count:
            raise RuntimeError(self._stale(self.watched, self.count))
        with call.lock:
            if self.value is None:
                call.recompute()
            if self.value is None:
                raise call.error(_counts(call, self.number))
            array, cell, count = self.value
            self.value = None
        if cell.count != count:
            raise RuntimeError(self._stale(cell, count))
        return wrap(array)

    def _stale(self, cell: Any, count: int) -> str:
        shape, dtype = self.made
        return errors.STALE.format(
            tensor=errors.tensor_text(dtype.name, shape),
            which=", saved within a checkpoint,",
            now=cell.count,
            seen=count,
            saved_at=errors.source_line(*self.place),
            changed_at=errors.source_line(cell.code, cell.lasti),
        )


class Call:
    """One call of a checkpointed function: how to run it again, and the slots it has to fill."""

    def __init__(self, again: Callable[[], Any], early: bool, check: bool, log: "Log | None"):
        self.again = again
        self.early = early
        self.check = check
        self.log = log
        self.slots: list[ref[Slot]] = []
        self.complete = False
        self.lock = RLock()

    def recompute(self) -> None:
        """Run the function again until all slots that still matter are filled."""
        hooks = _Filling(self)
        token = grad_mode.set(True)
        try:
            with self.logged("recomputation"), hooks:
                self.again()
        except _Stop as stop:
            if stop.args[0] is not hooks:
                raise
        else:
            if self.complete and self.check and hooks.number < len(self.slots):
                raise self.error(_counts(self, hooks.number))
        finally:
            grad_mode.reset(token)
        if self.check and hooks.differing:
            raise self.error(_METADATA.format("\n".join(hooks.differing)))

    def logged(self, run: str) -> Any:
        """A context that notes the operations of one run, if they are wanted."""
        return nullcontext() if self.log is None else watching(self.log.started(run))

    def error(self, text: str) -> CheckpointError:
        """The error for a function that does not repeat itself."""
        return CheckpointError(f"{text}\n\n{_TIP if self.log is None else self.log.table()}")


class Dropping(saved_tensors_hooks):
    """The first run: each saved value becomes a Slot."""

    unpack_hook = staticmethod(Slot.take)

    def __init__(self, call: Call):
        self.call = call

    def pack_hook(self, t: Tensor) -> Slot:
        """Keep a slot only."""
        slot = Slot(self.call, len(self.call.slots), t)
        self.call.slots.append(ref(slot))
        return slot


class _Filling(saved_tensors_hooks):
    """Another run: saved values go into the slots of the first one."""

    def __init__(self, call: Call):
        self.call = call
        self.number = 0
        self.differing: list[str] = []
        alive = [i for i, slot in enumerate(call.slots) if slot() is not None]
        self.last = alive[-1] if alive and call.early else -1

    @staticmethod
    def unpack_hook(packed: Tensor) -> Tensor:
        """What a backward pass within the function reads."""
        return packed

    def pack_hook(self, t: Tensor) -> Tensor:
        """Fill the slot of this number, if its node still needs it; stop after the last one."""
        call, number = self.call, self.number
        self.number += 1
        if number >= len(call.slots):
            if call.complete and call.check:
                raise call.error(f"{_MORE}\n{errors.source_line(*caller())}")
            return t
        slot = call.slots[number]()
        if slot is not None:
            if (t._a.shape, t._a.dtype) != slot.made:
                self.differing.append(_difference(slot, t))
            cell = family_of(t).cell  # known to the place in the graph, so that writes count
            slot.value = (t._a, cell, cell.count)
        if number == self.last:
            raise _Stop(self)
        return t


def keep_inputs(tensors: list[Tensor]) -> Any:
    """The node that keeps these tensors; None where nothing is recorded."""
    dummy = wrap(np.zeros(0, np.float32))
    dummy.requires_grad = True
    return node_and_number(Inputs.apply(dummy, *tensors)._e)[0]


def random_state(preserve: bool) -> Callable[[], Any]:
    """What, called later, is a context with the random numbers of this moment, or with whatever
    comes.
    """
    if not preserve:
        return nullcontext
    state = get_rng_state()

    @contextmanager
    def repeated() -> Iterator[None]:
        now = get_rng_state()
        set_rng_state(state)
        try:
            yield
        finally:
            set_rng_state(now)

    return repeated


# --- what is said where the runs differ -----------------------------------------------------------

_METADATA = (
    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata "
    "than during the forward pass.\n{}"
)
_MORE = (
    "torch.utils.checkpoint: trying to save more tensors during recomputation than during the "
    "original forward pass.\nThe first one too many was saved at"
)
_TIP = (
    "A checkpointed function must do the same each time: it must not depend on what changes "
    "between its runs (a counter, the time, a random source other than the default generator, a "
    "flag of a module).\nTip: To see a more detailed error message, either pass `debug=True` to "
    "`torch.utils.checkpoint.checkpoint(...)` or wrap the code block with `with "
    "torch.utils.checkpoint.set_checkpoint_debug_enabled(True):`: it shows the operations of both "
    "runs side by side."
)


def _counts(call: Call, came: int) -> str:
    text = (
        "torch.utils.checkpoint: A different number of tensors was saved during the original "
        "forward and recomputation.\n"
        f"Number of tensors saved during forward: {len(call.slots)}\n"
        f"Number of tensors saved during recomputation: {came}."
    )
    missing = next((s for s in (slot() for slot in call.slots[came:]) if s is not None), None)
    if missing is not None:
        text += (
            f"\nThe first that did not come back, at position {missing.number}, was saved at "
            + errors.source_line(*missing.place)
        )
    return text


def _difference(slot: Slot, t: Tensor) -> str:
    places = [errors.source_line(*place) for place in (slot.place, caller())]
    return (
        f"tensor at position {slot.number}:\n"
        f"saved metadata: {_metadata(*slot.made)}\n"
        f"recomputed metadata: {_metadata(t._a.shape, t._a.dtype)}\n"
        f"  saved at      {places[0]}\n"
        f"  recomputed at {places[1]}"
    )


def _metadata(shape: tuple, dtype: Any) -> dict:
    return {"shape": list(shape), "dtype": from_numpy_dtype(dtype), "device": CPU}


class Log(Watcher):
    """The recorded operations of both runs, for debug=True."""

    def __init__(self):
        self._lines: list[list[tuple[str, str]]] = [[], []]
        self._now = self._lines[0]

    def started(self, run: str) -> "Log":
        """The log, which goes on with the first run or begins the recomputation anew."""
        if run == "recomputation":
            self._lines[1] = []
            self._now = self._lines[1]
        return self

    def noted(self, node: Node, inputs: tuple) -> None:
        """Write down an operation."""
        name = class_name(type(node))
        _, _, name = name.rpartition("::")
        shapes = ", ".join(str(list(x._a.shape)) for x in inputs if isinstance(x, Tensor))
        self._now.append((f"{name}({shapes})", node.place()))

    def table(self) -> str:
        """Both runs side by side; lines that differ begin with >."""
        first, second = self._lines
        count = max(len(first), len(second))
        pairs = [
            (
                first[i] if i < len(first) else ("-", ""),
                second[i] if i < len(second) else ("-", ""),
            )
            for i in range(count)
        ]
        width = max([len(a[0]) for a, _ in pairs] + [len("original forward")])
        lines = [
            "An error happened while unpacking tensors; dumping logs of latest computation\n"
            "because you passed `debug=True` to `torch.utils.checkpoint.checkpoint()`. Lines with "
            "> differ; a recomputation may stop early.\n",
            f"    # {'original forward':{width}} | recomputation",
        ]
        for i, (a, b) in enumerate(pairs):
            differs = a[0] != b[0]
            lines.append(f"{'>' if differs else ' '} {i:3} {a[0]:{width}} | {b[0]}")
            for title, (_, place) in (("forward", a), ("recomputation", b)):
                if differs and place:
                    lines.append(f"        {title}: {place}")
        return "\n".join(lines)
