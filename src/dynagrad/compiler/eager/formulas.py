"""Optimizer steps on large parameters: an algorithm's own formula as one loop over all its arrays.

The update functions of `optim` are plain expressions. They are run on terms that note what is done
with them, numbers apart: so the note of one step is that of the next, and leads to the same kernel.
Each operation is rounded as NumPy's is. Imports library, code.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..native.llvm import NativeError
from .code import Kernel, Module
from .library import FLOATS, Family, is_plain

__all__ = ["KERNELS"]

#: elements that one thread takes at a time
CHUNK = 1 << 15
_UFUNCS = {
    np.add: "fadd",
    np.subtract: "fsub",
    np.multiply: "fmul",
    np.true_divide: "fdiv",
    np.sqrt: "sqrt",
    np.maximum: "maximum",
    np.abs: "fabs",
    np.negative: "fneg",
}


class _Unknown(TypeError):
    """A formula does what no kernel can; what a term lacks altogether is a TypeError of Python's
    or an AttributeError.
    """


class _Note:
    """What a formula does: operations of which each has a number; the arrays have the first ones.

    A number of the formula is an operand `("n", place)`, its value in `numbers`.
    """

    def __init__(self) -> None:
        self.count = 0
        self.steps: list[tuple] = []
        self.numbers: list[float] = []

    def term(self) -> "_Term":
        self.count += 1
        return _Term(self, self.count - 1)

    def step(self, name: str, *operands: Any) -> "_Term":
        self.steps.append((name, *[self.operand(x) for x in operands]))
        return self.term()

    def operand(self, x: Any) -> Any:
        if type(x) is _Term:
            return x.place
        if type(x) is not float and type(x) is not int:
            raise _Unknown(f"{type(x).__name__} as an operand")
        self.numbers.append(float(x))
        return "n", len(self.numbers) - 1


class _Term:
    """An array of a formula."""

    __slots__ = ("note", "place")

    #: no dtype of NumPy's: the formula's numbers stay what they are
    dtype = "term"

    def __init__(self, note: _Note, place: int) -> None:
        self.note, self.place = note, place

    def __add__(self, other: Any) -> "_Term":
        return self.note.step("fadd", self, other)

    def __radd__(self, other: Any) -> "_Term":
        return self.note.step("fadd", other, self)

    def __sub__(self, other: Any) -> "_Term":
        return self.note.step("fsub", self, other)

    def __rsub__(self, other: Any) -> "_Term":
        return self.note.step("fsub", other, self)

    def __mul__(self, other: Any) -> "_Term":
        return self.note.step("fmul", self, other)

    def __rmul__(self, other: Any) -> "_Term":
        return self.note.step("fmul", other, self)

    def __truediv__(self, other: Any) -> "_Term":
        return self.note.step("fdiv", self, other)

    def __rtruediv__(self, other: Any) -> "_Term":
        return self.note.step("fdiv", other, self)

    def __neg__(self) -> "_Term":
        return self.note.step("fneg", self)

    def __bool__(self) -> bool:
        raise _Unknown("a decision about an array")

    def detach(self) -> "_Term":
        """Itself: nothing is recorded."""
        return self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc not in _UFUNCS:
            raise _Unknown(ufunc.__name__)
        return self.note.step(_UFUNCS[ufunc], *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        raise _Unknown(function.__name__)


# --- Kernels -------------------------------------------------------------------------------------


def _emit(k: Kernel, name: str, operands: list[str]) -> str:
    kind = k.kind
    if name == "fneg":
        return k.let(f"fneg {kind} {operands[0]}")
    if name in ("sqrt", "fabs"):
        return k.call(name, kind, *operands)
    if name == "maximum":
        x, y = operands
        chosen = k.op(
            "or",
            f"<{k.width} x i1>",
            k.compare("ogt", kind, x, y),
            k.compare("uno", kind, x, x),
        )
        return k.select(chosen, kind, x, y)
    return k.op(name, kind, *operands)


def _writer(note: _Note, arrays: int, made: tuple[int, ...]) -> Callable[[Kernel], None]:
    """The kernel of a formula: the table has the arrays, gradient second, and then the numbers;
    `made` are the places of the new values of all arrays but the gradient.
    """
    steps, count = note.steps, len(note.numbers)

    def write(k: Kernel) -> None:
        pointers = [k.argument(i) for i in range(arrays)]
        numbers = [k.number(arrays + i) for i in range(count)]
        size = k.sub("%end", "%begin")
        pointers = [k.at(p, "%begin") for p in pointers]

        def some(i: str, mask: str | None, _: list[str]) -> None:
            found = [k.read(p, i, mask) for p in pointers]
            for name, *operands in steps:
                texts = [numbers[x[1]] if type(x) is tuple else found[x] for x in operands]
                found.append(_emit(k, name, texts))
            targets = [0, *range(2, arrays)]
            for target, place in zip(targets, made, strict=True):
                if target != place:
                    k.write(found[place], pointers[target], i, mask)

        k.along(size, some)

    return write


#: kernels by what they do; None where that cannot be compiled
_known: dict[Any, Family] = {}
_refused: set[Callable] = set()


def _noted(update: Callable, row: tuple, numbers: dict[str, Any]) -> tuple[_Note, tuple[int, ...]]:
    note = _Note()
    terms = [None if a is None else note.term() for a in row]
    made = update(terms[0], terms[1], tuple(terms[2:]), **numbers)
    kept = [value for value, a in zip(made, (row[0], *row[2:]), strict=True) if a is not None]
    if not all(type(value) is _Term for value in kept):
        raise _Unknown("a result that is no array")
    return note, tuple([value.place for value in kept])


def update_rows(update: Callable, rows: list[tuple], numbers: dict[str, Any]) -> list[tuple]:
    """Take the rows (p, g, *state) through an update; those that remain to be done by NumPy: of
    other dtypes, not contiguous, or all, for a formula that cannot be compiled.
    """
    if update in _refused:
        return rows
    left: list[tuple] = []
    notes: dict[Any, tuple] = {}
    for row in rows:
        p, g = row[:2]
        held = [a for a in (p, *row[2:]) if a is not None]
        if not is_plain(*held) or g.dtype != p.dtype or any(a.shape != p.shape for a in (g, *held)):
            left.append(row)
            continue
        form = (p.dtype.char, *[a is None for a in row])
        if form not in notes:
            try:
                notes[form] = _prepared(update, row, numbers)
            except (TypeError, AttributeError, NativeError, OSError):
                _refused.add(update)
                return rows
        family, values = notes[form]
        arrays = [held[0], np.ascontiguousarray(g), *held[1:]]
        family.run("update", p.size, CHUNK, *arrays, *values)
    return left


def _prepared(update: Callable, row: tuple, numbers: dict[str, Any]) -> tuple[Family, list[float]]:
    """The kernel of an update and the numbers that this step gives it."""
    note, made = _noted(update, row, numbers)
    arrays = sum(a is not None for a in row)
    key = (row[0].dtype.char, arrays, made, tuple(note.steps))
    family = _known.get(key)
    if family is None:
        scalar, write = FLOATS[key[0]], _writer(note, arrays, made)

        def written(module: Module) -> None:
            module.kernel("update", scalar, write)

        family = _known[key] = Family(written)
    family.load("update")
    return family, note.numbers


class _Always:
    """Kernels that are compiled one by one."""

    def load(self, *names: str) -> None:
        """Nothing is compiled yet."""


KERNELS = {"update_rows": (update_rows, _Always(), ())}
