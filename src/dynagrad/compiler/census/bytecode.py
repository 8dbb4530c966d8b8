"""What a running frame is about to do: its instructions, and the operands on its value stack.
Standard library only.

CPython shows a tracer the instruction that comes next, not the values it works on. They lie in the
frame's memory, whose layout is fixed within a minor version; how many are live at an instruction
follows from the code alone. Layouts are known for 3.11 to 3.13; `unsupported` names other Pythons.
"""

import ctypes
import dis
import linecache
import sys
import sysconfig
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = ["NULL", "Instruction", "Stack", "code_plan", "source_of", "unsupported"]


class _Null:
    """An empty place on the stack: CPython puts one beside a function that takes no `self`."""

    def __repr__(self) -> str:
        return "NULL"


NULL = _Null()

_COUNTS = ctypes.PYFUNCTYPE(None, ctypes.py_object)
#: one reference more to an object, one less
_take, _leave = (_COUNTS((name, ctypes.pythonapi)) for name in ("Py_IncRef", "Py_DecRef"))
_POINTER = ctypes.sizeof(ctypes.c_void_p)

#: offset of the C frame's address in a frame object (after its header and the link to its caller)
_FRAME = 24


class _Layout(NamedTuple):
    """Offsets in CPython's `_PyInterpreterFrame` (Include/internal/pycore_frame.h)."""

    function: int
    code: int
    frame: int
    values: int


_LAYOUTS = {
    (3, 11): _Layout(function=0, code=32, frame=40, values=72),
    (3, 12): _Layout(function=16, code=0, frame=48, values=72),
    (3, 13): _Layout(function=16, code=0, frame=48, values=72),
}
_LAYOUT: Any = _LAYOUTS.get(sys.version_info[:2])


def unsupported() -> str:
    """Why frames cannot be followed on this Python, or an empty text."""
    version = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    if sys.implementation.name != "cpython":
        return f"frames of {sys.implementation.name} cannot be followed"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return f"frames of the free-threaded build of {version} cannot be followed"
    if sysconfig.get_config_var("Py_DEBUG") or ctypes.sizeof(ctypes.c_void_p) != 8:
        return "frames of this build of Python cannot be followed"
    return "" if _LAYOUT else f"the frames of {version} are not known"


class Instruction(NamedTuple):
    """One instruction: its name, raw argument, what the argument stands for, how many values are
    on the stack before it, and the keyword names of a call.
    """

    name: str
    arg: int | None
    value: Any
    depth: int
    keywords: tuple
    offset: int


class Growth(NamedTuple):
    """The instructions of `x += ...`, where x is an attribute, an item or a variable of others: the
    one that reads it and the one that stores it.
    """

    load: int
    store: int


class Plan(NamedTuple):
    """What is known of a code object: its instructions by offset, its number of local slots, and
    what it lets grow, by the offsets of the load and of the operator.
    """

    code: CodeType
    steps: dict[int, Instruction]
    slots: int
    clear: bool
    growths: dict[int, Growth]


_PLANS: dict[int, Plan] = {}
#: 3.11 counts the arguments of a call as gone at PRECALL, but leaves them for CALL
_PRECALL = "PRECALL" in dis.opmap
_LEAVES = {"RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS", "INTERPRETER_EXIT"}
_GOES_ON = {"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"}


def code_plan(code: CodeType) -> Plan:
    """The plan of a code object; kept, since a step is met again when a guard fails."""
    plan = _PLANS.get(id(code))
    if plan is None:
        if len(_PLANS) > 2000:
            _PLANS.clear()
        plan = _PLANS[id(code)] = _plan(code)
    return plan


def _plan(code: CodeType) -> Plan:
    listed = list(dis.get_instructions(code))
    depths, clear = _depths(code, listed)
    steps: dict[int, Instruction] = {}
    keywords: tuple = ()
    for one in listed:
        if one.opname == "KW_NAMES" and one.arg is not None:
            keywords = code.co_consts[one.arg]
        depth = depths.get(one.offset, -1)
        if one.opname == "CALL" and _PRECALL and one.arg is not None:
            depth += one.arg
        steps[one.offset] = Instruction(
            one.opname, one.arg, one.argval, depth, keywords, one.offset
        )
        if one.opname == "CALL":
            keywords = ()
    names = {*code.co_varnames, *code.co_cellvars}
    growths = _growths(list(steps.values()))
    return Plan(code, steps, len(names) + len(code.co_freevars), clear, growths)


#: in-place operators by their argument: +=, *=, -=
_GROWING = {13, 18, 23}
_STORES = {
    "STORE_ATTR": "LOAD_ATTR",
    "STORE_GLOBAL": "LOAD_GLOBAL",
    "STORE_DEREF": "LOAD_DEREF",
    "STORE_SUBSCR": "BINARY_SUBSCR",
}
_FILLING = {"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "KW_NAMES"}


def _growths(steps: list[Instruction]) -> dict[int, Growth]:
    """Where `x.a += ...` and its kind stand: a load, the operand's straight code, the operator and
    the store.
    """
    found: dict[int, Growth] = {}
    steps = [one for one in steps if one.name not in _FILLING]
    for i, one in enumerate(steps):
        if one.name != "BINARY_OP" or one.arg not in _GROWING:
            continue
        after = i + 1
        while after < len(steps) and steps[after].name == "SWAP":
            after += 1
        if after == len(steps) or steps[after].name not in _STORES:
            continue
        store, depth = steps[after], one.depth - 1
        begin = i - 1
        while begin > 0 and steps[begin].depth > depth and _is_straight(steps[begin]):
            begin -= 1
        load = steps[begin - 1]
        if steps[begin].depth != depth or not _is_straight(steps[begin]):
            continue
        if load.name == _STORES[store.name] and load.value == store.value:
            found[load.offset] = found[one.offset] = Growth(load.offset, store.offset)
    return found


def _is_straight(one: Instruction) -> bool:
    return "JUMP" not in one.name and one.name not in ("FOR_ITER", "SEND", "YIELD_VALUE")


def _depths(code: CodeType, listed: list[dis.Instruction]) -> tuple[dict[int, int], bool]:
    """How many values are on the stack before each instruction, as the compiler counts them, and
    whether all ways to an instruction agree.
    """
    index = {one.offset: i for i, one in enumerate(listed)}
    depths: dict[int, int] = {}
    clear = True
    todo = [(0, 0)]
    for entry in dis.Bytecode(code).exception_entries:  # type: ignore[attr-defined]
        todo.append((entry.target, entry.depth + 1 + bool(entry.lasti)))
    while todo:
        offset, depth = todo.pop()
        clear = clear and depths.get(offset, depth) == depth >= 0
        while offset not in depths and offset in index:
            depths[offset] = depth
            i = index[offset]
            one = listed[i]
            arg = one.arg if one.opcode >= dis.HAVE_ARGUMENT else None
            if one.opname in _LEAVES:
                break
            if one.opcode in dis.hasjrel or one.opcode in dis.hasjabs:
                there = depth + dis.stack_effect(one.opcode, arg, jump=True)
                todo.append((one.argval, there))
                if one.opname in _GOES_ON:
                    break
            depth += dis.stack_effect(one.opcode, arg, jump=False)
            if one.opname == "RETURN_GENERATOR" and not dis.stack_effect(one.opcode):
                depth += 1  # what is sent to the generator, which 3.11 and 3.12 do not count
            offset = listed[i + 1].offset if i + 1 < len(listed) else -1
            clear = clear and depths.get(offset, depth) == depth >= 0
    return depths, clear and max(depths.values()) <= code.co_stacksize


class Stack:
    """The local slots and the value stack of one running frame.

    Only to be read while the frame stands before an instruction, in the thread that runs it.
    """

    __slots__ = ("plan", "values")

    def __init__(self, frame: FrameType) -> None:
        plan = self.plan = code_plan(frame.f_code)
        base = ctypes.c_void_p.from_address(id(frame) + _FRAME).value or 0
        own = ctypes.c_void_p.from_address(base + _LAYOUT.frame).value
        code = ctypes.c_void_p.from_address(base + _LAYOUT.code).value
        if own != id(frame) or code != id(frame.f_code):
            raise RuntimeError("the frame's memory is not as expected")
        if not plan.clear:
            raise RuntimeError("its stack is not clear")
        kind = ctypes.py_object * (plan.slots + frame.f_code.co_stacksize)
        self.values = kind.from_address(base + _LAYOUT.values)

    def top(self, instruction: Instruction, n: int = 1) -> Any:
        """The n-th value from the top of the stack, 1 being the last one pushed."""
        if n > instruction.depth:
            raise IndexError("below the bottom of the stack")
        return self._at(self.plan.slots + instruction.depth - n)

    def put(self, instruction: Instruction, x: Any, n: int = 1) -> None:
        """Let the n-th value from the top be another one."""
        old = self.top(instruction, n)
        place = ctypes.addressof(self.values) + (self.plan.slots + instruction.depth - n) * _POINTER
        _take(x)
        ctypes.c_void_p.from_address(place).value = id(x)
        _leave(old)

    def free_cell(self, name: str) -> Any:
        """The cell of a variable of an enclosing function."""
        free = self.plan.code.co_freevars
        return self._at(self.plan.slots - len(free) + free.index(name))

    def own_cell(self, name: str) -> Any:
        """The cell of a variable that inner functions share."""
        code = self.plan.code
        if name in code.co_varnames:
            return self._at(code.co_varnames.index(name))
        apart = [n for n in code.co_cellvars if n not in code.co_varnames]
        return self._at(len(code.co_varnames) + apart.index(name))

    def local(self, name: str) -> Any:
        """A local variable (a plain one, not one that an inner function shares)."""
        return self._at(self.plan.code.co_varnames.index(name))

    def _at(self, index: int) -> Any:
        try:
            return self.values[index]
        except ValueError:
            return NULL


def function_of(frame: FrameType) -> Any:
    """The function that a frame runs."""
    base = ctypes.c_void_p.from_address(id(frame) + _FRAME).value or 0
    return ctypes.py_object.from_address(base + _LAYOUT.function).value


def source_of(code: CodeType, offset: int) -> tuple[int, str]:
    """The line of an instruction, and the text of its expression if that stands in one line."""
    places = list(code.co_positions())
    line, end, start, stop = places[offset // 2] if offset // 2 < len(places) else (None,) * 4
    if line is None:
        return code.co_firstlineno, ""
    if end != line or start is None or stop is None:
        return line, ""
    text = linecache.getline(code.co_filename, line).encode()[start:stop].decode(errors="replace")
    return line, text if len(text) <= 60 else text[:57] + "..."
