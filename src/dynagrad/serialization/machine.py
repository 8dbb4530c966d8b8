"""Reading a pickle as data, without running anything that it holds.

A pickle is a program for a small machine with a stack. Python's machine calls whatever the program
names; this one knows only the instructions that containers and tensors need, and calls only what it
is told is harmless. When a program names anything else, nothing more is called: the rest is only
followed, to tell what it would have done.
"""

import pickle
import reprlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickletools import genops
from typing import Any

__all__ = ["Machine"]

#: instructions that put their argument on the stack
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINSTRING", "SHORT_BINSTRING"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
#: what a damaged pickle may lead to
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
_DEEPEST = 1000
_IGNORED = {"PROTO", "FRAME"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_UNKNOWN = "the file's pickle uses {}, which no file of weights needs"


class Foreign:
    """A name that may not be used, or what using it would have given."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign) and other.text == self.text


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 200
_short.maxlevel = 4


class Machine:
    """Follows one pickle. `find(module, name)` gives what a name stands for, or None if it may not
    be used; `memory(pid)` what a persistent id stands for; objects of `buildable` classes may be
    given a state.
    """

    def __init__(
        self,
        text: bytes,
        find: Callable[[str, str], Any],
        memory: Callable[[Any], Any],
        buildable: Callable[[type], bool],
    ):
        self.text = text
        self.find, self.memory, self.buildable = find, memory, buildable
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        #: how deep each tuple is nested, by its id
        self.depths: dict[int, int] = {}
        #: what `find` gave: only that is called
        self.found: dict[int, Any] = {}
        #: names that may not be used, and the calls that would have been made
        self.names: list[str] = []
        self.calls: list[str] = []

    def run(self) -> Any:
        """The object that the pickle describes; if `names` is not empty afterwards, there is none.

        pickle.UnpicklingError if it is damaged or uses instructions that weights do not need.
        """
        try:
            for instruction, arg, _ in genops(self.text):
                if instruction.name == "STOP":
                    return self.stack.pop()
                self._step(instruction.name, arg)
        except (
            ValueError,
            IndexError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
        ) as error:
            raise pickle.UnpicklingError(
                f"the file's pickle is damaged: {type(error).__name__}: {error}"
            ) from error
        raise pickle.UnpicklingError("the file's pickle is damaged: it has no end")

    def _step(self, name: str, arg: Any) -> None:
        if name in _LITERALS:
            self.stack.append(arg)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[arg] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[arg])
        elif name in _TUPLES:
            n = _TUPLES[name]
            self.stack[-n:] = [self._measured(tuple(self.stack[-n:]))]
        elif name not in _IGNORED:
            act = _ACTIONS.get(name)
            if act is None:
                raise pickle.UnpicklingError(_UNKNOWN.format(f"the instruction {name}"))
            act(self, arg)

    # --- containers --------------------------------------------------------------------------

    def _mark(self, arg: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _tuple(self, arg: Any) -> None:
        items = self._since_mark()
        self.stack.append(self._measured(tuple(items)))

    def _measured(self, made: Any, parts: Any = None) -> Any:
        """A tuple, or what a call made of `parts`; ValueError if it is nested too deep: to hash it
        Python needs the thread's stack, and does not look whether there is some left.
        """
        if isinstance(made, tuple | slice):
            among: Any = made if parts is None else parts
            within = [self.depths.get(id(p), 0) for p in among if isinstance(p, tuple | slice)]
            self.depths[id(made)] = depth = 1 + max(within, default=0)
            if depth > _DEEPEST:
                raise ValueError(f"more than {_DEEPEST} tuples, each in the next")
        return made

    def _frozenset(self, arg: Any) -> None:
        items = self._since_mark()
        self.stack.append(frozenset(items))

    def _append(self, arg: Any) -> None:
        item = self.stack.pop()
        self._extend([item])

    def _appends(self, arg: Any) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Foreign):
            raise TypeError(f"{type(target).__name__} is no list")

    def _additems(self, arg: Any) -> None:
        items = self._since_mark()
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(items)
        elif not isinstance(target, Foreign):
            raise TypeError(f"{type(target).__name__} is no set")

    def _setitem(self, arg: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, arg: Any) -> None:
        self._update(self._since_mark())

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(zip(items[::2], items[1::2], strict=True))
        elif not isinstance(target, Foreign):
            raise TypeError(f"{type(target).__name__} is no dict")

    # --- names and calls ---------------------------------------------------------------------

    def _global(self, arg: str) -> None:
        self._name(*arg.split(" ", 1))

    def _stack_global(self, arg: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        thing = self.find(module, name)
        if thing is None:
            full = f"{module}.{name}"
            if full not in self.names:
                self.names.append(full)
            thing = Foreign(full)
        else:
            self.found[id(thing)] = thing
        self.stack.append(thing)

    def _call(self, function: Any, args: Any, make: Callable[..., Any]) -> None:
        if not isinstance(args, tuple):
            raise TypeError("a call without a tuple of arguments")
        if self.names:
            told = f"{function!r}({', '.join(map(_short.repr, args))})"
            if isinstance(function, Foreign):
                self.calls.append(told)
            self.stack.append(Foreign(told))
        elif id(function) in self.found:
            self.stack.append(self._measured(make(*args), args))
        else:
            raise TypeError(f"a call of {type(function).__name__}")

    def _reduce(self, arg: Any) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self._call(function, args, function)

    def _new_object(self, arg: Any) -> None:
        args, kind = self.stack.pop(), self.stack.pop()
        self._call(kind, args, lambda *args: kind.__new__(kind, *args))

    def _build(self, arg: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if self.names:
            if isinstance(target, Foreign):
                self.calls.append(f"{target!r}.__setstate__({_short.repr(state)})")
            return
        if type(target) not in (OrderedDict, Counter) and not self.buildable(type(target)):
            raise TypeError(f"a state for {type(target).__name__}")
        set_state = getattr(target, "__setstate__", None)
        if set_state is not None:
            set_state(state)
            return
        own, slots = state if isinstance(state, tuple) else (state, None)
        vars(target).update(own or {})
        for name, value in (slots or {}).items():
            setattr(target, name, value)

    def _persistent(self, arg: Any) -> None:
        pid = self.stack.pop()
        self.stack.append(Foreign("<a storage>") if self.names else self.memory(pid))


_ACTIONS: dict[str, Callable[[Machine, Any], None]] = {
    "MARK": Machine._mark,
    "TUPLE": Machine._tuple,
    "FROZENSET": Machine._frozenset,
    "APPEND": Machine._append,
    "APPENDS": Machine._appends,
    "ADDITEMS": Machine._additems,
    "SETITEM": Machine._setitem,
    "SETITEMS": Machine._setitems,
    "GLOBAL": Machine._global,
    "STACK_GLOBAL": Machine._stack_global,
    "REDUCE": Machine._reduce,
    "NEWOBJ": Machine._new_object,
    "BUILD": Machine._build,
    "BINPERSID": Machine._persistent,
}
