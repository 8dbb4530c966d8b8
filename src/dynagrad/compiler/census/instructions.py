"""What each instruction of Python does to the world outside its frame. Imports attributes, calls,
guards and reads.

A handler gets the watch, the record of the frame and the instruction that is about to run, reads
its operands from the frame's stack, notes guards, and returns a sentence if the step must stay
eager. Instructions that neither read nor write anything but the frame's own variables are quiet.
"""

import builtins
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from . import attributes
from .bytecode import NULL, Instruction
from .guards import MISSING, SCALARS
from .reads import CODE, World

__all__ = ["HANDLERS", "QUIET"]

QUIET = frozenset(
    """
    CACHE NOP RESUME POP_TOP COPY SWAP PUSH_NULL LOAD_CONST BUILD_TUPLE BUILD_STRING BUILD_SLICE
    MAKE_CELL COPY_FREE_VARS JUMP_FORWARD JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT EXTENDED_ARG
    KW_NAMES PRECALL RETURN_VALUE RETURN_CONST RETURN_GENERATOR YIELD_VALUE END_FOR END_SEND
    LIST_APPEND LIST_TO_TUPLE LOAD_ASSERTION_ERROR SET_FUNCTION_ATTRIBUTE SEND
    POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE POP_JUMP_FORWARD_IF_NONE POP_JUMP_FORWARD_IF_NOT_NONE
    POP_JUMP_BACKWARD_IF_NONE POP_JUMP_BACKWARD_IF_NOT_NONE MATCH_SEQUENCE MATCH_MAPPING
    PUSH_EXC_INFO POP_EXCEPT CHECK_EXC_MATCH RERAISE RAISE_VARARGS WITH_EXCEPT_START
    INTERPRETER_EXIT CONVERT_VALUE_NONE GEN_START EXIT_INIT_CHECK CLEANUP_THROW
    """.split()
)

Handler = Callable[[Any, Any, Instruction], str]
HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """The handler of these instructions."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


# -- variables


@handles("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_LOAD_FAST", "LOAD_FAST_AND_CLEAR")
def _load_fast(watch: Any, record: Any, one: Instruction) -> str:
    names = one.value if isinstance(one.value, tuple) else (one.value,)
    for name in names:
        found = record.parameters.pop(name, None)
        if found is not None:
            path, value = found
            if not watch.world.framework(value):
                watch.world.argument(path, value)
        elif name in record.code.co_cellvars:
            watch.world.made(record.stack.own_cell(name))
    return ""


@handles("STORE_FAST", "DELETE_FAST", "STORE_FAST_STORE_FAST")
def _store_fast(watch: Any, record: Any, one: Instruction) -> str:
    for name in one.value if isinstance(one.value, tuple) else (one.value,):
        record.parameters.pop(name, None)
    return ""


@handles("STORE_FAST_LOAD_FAST")
def _store_load_fast(watch: Any, record: Any, one: Instruction) -> str:
    stored, loaded = one.value
    record.parameters.pop(stored, None)
    found = record.parameters.pop(loaded, None)
    if found is not None and not watch.world.framework(found[1]):
        watch.world.argument(*found)
    return ""


@handles("LOAD_GLOBAL")
def _load_global(watch: Any, record: Any, one: Instruction) -> str:
    frame, world, name = watch.frame, watch.world, one.value
    if type(frame.f_globals) is dict:
        watch.effects.loads(record, one, "item", frame.f_globals, name)
    try:
        return _name(world, frame.f_globals, frame.f_builtins, name)
    finally:
        watch.effects.loaded()


def _name(world: World, own: Any, built_in: Any, name: str) -> str:
    if type(own) is not dict or type(built_in) is not dict:
        return f"reads {name!r} in a namespace that is no plain dictionary"
    value = own.get(name, MISSING)
    world.value("global", (own, name), value, f"global {name}")
    if value is MISSING:
        world.value("global", (built_in, name), built_in.get(name, MISSING), f"built-in {name}")
    return ""


@handles("LOAD_CLOSURE")
def _load_closure(watch: Any, record: Any, one: Instruction) -> str:
    if one.value in record.code.co_cellvars:
        watch.world.made(record.stack.own_cell(one.value))
    return ""


@handles("LOAD_DEREF", "LOAD_CLASSDEREF")
def _load_deref(watch: Any, record: Any, one: Instruction) -> str:
    code, world = record.code, watch.world
    if one.value in code.co_cellvars:
        return ""
    cell = record.stack.free_cell(one.value)
    if world.is_fresh(cell):
        return ""
    try:
        value = cell.cell_contents
    except ValueError:
        value = MISSING
    watch.effects.loads(record, one, "cell", cell, None)
    world.value("cell", (cell,), value, f"variable {one.value}")
    watch.effects.loaded()
    return ""


@handles("STORE_DEREF", "DELETE_DEREF")
def _store_deref(watch: Any, record: Any, one: Instruction) -> str:
    if one.value in record.code.co_cellvars:
        return ""
    cell = record.stack.free_cell(one.value)
    if watch.world.is_fresh(cell):
        return ""
    why = f"assigns {one.value!r} of an enclosing function"
    if one.name == "DELETE_DEREF":
        return why
    return watch.effects.stores(record, one, "cell", cell, None, record.stack.top(one), why)


@handles("STORE_GLOBAL", "DELETE_GLOBAL")
def _store_global(watch: Any, record: Any, one: Instruction) -> str:
    why, own = f"assigns global {one.value!r}", watch.frame.f_globals
    if one.name == "DELETE_GLOBAL":
        return why
    return watch.effects.stores(record, one, "item", own, one.value, record.stack.top(one), why)


@handles("LOAD_BUILD_CLASS")
def _build_class(watch: Any, record: Any, one: Instruction) -> str:
    return "defines a class"


# -- attributes and items


@handles("LOAD_ATTR", "LOAD_METHOD")
def _load_attribute(watch: Any, record: Any, one: Instruction) -> str:
    thing = record.stack.top(one)
    is_method = one.name == "LOAD_METHOD" or (sys.version_info >= (3, 12) and (one.arg or 0) & 1)
    if not is_method and watch.world.framework(thing):
        watch.calls.after = watch.world.reached
    watch.effects.loads(record, one, "attribute", thing, one.value)
    try:
        return _attribute(watch, thing, one.value)
    finally:
        watch.effects.loaded()


def _attribute(watch: Any, thing: Any, name: str) -> str:
    if attributes.loads(thing, name):
        watch.calls.after = partial(attributes.read_loaded, watch.world, thing, name)
    return attributes.read(watch.world, thing, name)


@handles("LOAD_SUPER_ATTR")
def _load_super(watch: Any, record: Any, one: Instruction) -> str:
    called, cls, thing = (record.stack.top(one, n) for n in (3, 2, 1))
    if called is not super:
        return "calls something else by the name of super"
    return attributes.read(watch.world, super(cls, thing), one.value)


@handles("STORE_ATTR", "DELETE_ATTR")
def _store_attribute(watch: Any, record: Any, one: Instruction) -> str:
    thing, world = record.stack.top(one), watch.world
    if one.name == "DELETE_ATTR":
        if world.framework(thing):
            watch.store(thing, one.value)
        return attributes.write(world, thing, one.value, "deletes")
    value = record.stack.top(one, 2)
    why = attributes.write(world, thing, one.value, "sets")
    if world.framework(thing):
        if world.is_fresh(thing):
            return ""
        world.consult(thing, "")
        if attributes.is_there(thing, one.value, value):
            return ""
        why = "sets"
    if why:
        why = watch.effects.stores(record, one, "attribute", thing, one.value, value, why)
    if why == "sets":
        watch.store(thing, one.value)
        return ""
    return why


@handles("BINARY_SUBSCR")
def _subscript(watch: Any, record: Any, one: Instruction) -> str:
    owner, key = record.stack.top(one, 2), record.stack.top(one)
    watch.effects.loads(record, one, "item", owner, key)
    try:
        return watch.calls.item(owner, key)
    finally:
        watch.effects.loaded()


@handles("BINARY_SLICE")
def _slice(watch: Any, record: Any, one: Instruction) -> str:
    owner = record.stack.top(one, 3)
    if watch.world.any_within(
        (record.stack.top(one, 2), record.stack.top(one)), watch.world.symbolic
    ):
        return "" if watch.world.framework(owner) else "looks up a number that a tensor gave"
    return watch.calls.item(owner, slice(None))


@handles("STORE_SUBSCR", "DELETE_SUBSCR")
def _store_item(watch: Any, record: Any, one: Instruction) -> str:
    owner, key = record.stack.top(one, 2), record.stack.top(one)
    why = _write_item(watch, owner, key)
    if why and one.name == "STORE_SUBSCR" and not watch.world.framework(owner):
        value = record.stack.top(one, 3)
        return watch.effects.stores(record, one, "item", owner, key, value, why)
    return why


@handles("STORE_SLICE")
def _store_slice(watch: Any, record: Any, one: Instruction) -> str:
    return _write_item(watch, record.stack.top(one, 3), slice(None))


def _write_item(watch: Any, owner: Any, key: Any) -> str:
    world = watch.world
    if world.framework(owner):
        watch.store(owner, key)
        return ""
    kind = type(owner)
    if world.base(owner) is None and attributes.is_python_method(kind, "__setitem__"):
        world.protocol(owner)
        return ""
    if not world.is_fresh(owner):
        return f"changes a {kind.__name__}"
    if world.any_within((key,), world.symbolic):
        return "looks up a number that a tensor gave"
    return watch.calls.key(key) if world.base(owner) is dict else ""


# -- operators


@handles("BINARY_OP", "COMPARE_OP")
def _binary(watch: Any, record: Any, one: Instruction) -> str:
    x, y = record.stack.top(one, 2), record.stack.top(one)
    watch.effects.operates(record, one, y)
    if type(x) in SCALARS and type(y) in SCALARS:
        return ""
    world, calls = watch.world, watch.calls
    for n, side, other in ((2, x, y), (1, y, x)):
        if isinstance(other, complex) and world.symbolic(side):  # it reads the number in C
            record.stack.put(one, side.plain(), n)
            return ""
    if world.framework(x) or world.framework(y):
        return calls.framework(_Operator, (x, y))
    if one.name == "BINARY_OP" and (one.arg or 0) >= 13 and world.base(x) not in (None, tuple):
        if not world.is_fresh(x):
            return f"changes a {type(x).__name__}"
    if isinstance(x, str | bytes) and one.name == "BINARY_OP":
        if world.any_within((y,), world.symbolic):
            return "gives a number that a tensor gave to a text"
        return calls.shown(y)
    if one.name == "COMPARE_OP":
        for value in (x, y):
            if world.base(value) is not None and (why := world.deep(value)):
                return f"compares {why}"
    why = calls.operand(x) or calls.operand(y)
    if one.name == "BINARY_OP" and world.base(x) in (list, set, dict):
        calls.after = world.made
    return why


class _Operator:
    """Stands for an operator in the sentence on what a tensor is combined with."""

    __qualname__ = "an operator"
    __module__ = "builtins"


@handles("CONTAINS_OP")
def _contains(watch: Any, record: Any, one: Instruction) -> str:
    item, owner = record.stack.top(one, 2), record.stack.top(one)
    world, calls = watch.world, watch.calls
    if world.consults(owner):
        return calls.framework(_Operator, (item,))
    if world.base(owner) is dict:
        return calls.item(owner, item)
    if isinstance(owner, str | bytes | range):
        return "looks up a number that a tensor gave" if world.symbolic(item) else ""
    if world.symbolic(item) and world.any_within((owner,), calls.is_complex):
        return "compares a number that a tensor gave with complex ones"
    if world.base(owner) in (set, frozenset):
        return calls.key(item) or world.everything(owner)
    return calls.operand(item) or calls.operand(owner)


_SINGLE = (None, True, False, ..., NotImplemented, MISSING)


@handles("IS_OP")
def _is(watch: Any, record: Any, one: Instruction) -> str:
    world = watch.world
    x, y = record.stack.top(one, 2), record.stack.top(one)
    for side in (x, y):
        if any(side is single for single in _SINGLE) or isinstance(side, (type, *CODE)):
            return ""
        if world.is_fresh(side):
            return ""
    for n, side in ((2, x), (1, y)):
        if world.symbolic(side):
            given = float.__float__(side) if side.origin is None else side.origin
            record.stack.put(one, given, n)
            return "compares the identity of a number that varies"
    if world.framework_object(x) and world.framework_object(y):
        return "compares the identity of two objects of the framework"
    if x is not y and type(x) is not type(y):
        return ""
    if id(x) in world.arguments or id(y) in world.arguments:
        return "compares the identity of arguments"
    if type(x) in SCALARS and type(y) in SCALARS:
        return "compares the identity of numbers or texts"
    return ""


@handles("UNARY_NEGATIVE", "UNARY_POSITIVE", "UNARY_INVERT")
def _unary(watch: Any, record: Any, one: Instruction) -> str:
    return watch.calls.operand(record.stack.top(one))


@handles(
    *("UNARY_NOT", "TO_BOOL", "JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP"),
    *("POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE", "POP_JUMP_FORWARD_IF_TRUE"),
    *("POP_JUMP_FORWARD_IF_FALSE", "POP_JUMP_BACKWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_FALSE"),
)
def _truth(watch: Any, record: Any, one: Instruction) -> str:
    value = record.stack.top(one)
    if type(value) in SCALARS:
        return ""
    return watch.calls.operand(value, length=True)


# -- containers and iteration


@handles("BUILD_LIST", "BUILD_SET", "BUILD_MAP", "BUILD_CONST_KEY_MAP", "MAKE_FUNCTION")
def _build(watch: Any, record: Any, one: Instruction) -> str:
    watch.calls.after = watch.world.made
    if one.name in ("BUILD_SET", "BUILD_MAP"):
        step = 2 if one.name == "BUILD_MAP" else 1
        count = (one.arg or 0) * step
        keys = [record.stack.top(one, n) for n in range(count, 0, -step)]
        return next(filter(None, map(watch.calls.key, keys)), "")
    return ""


@handles("SET_ADD", "MAP_ADD")
def _add(watch: Any, record: Any, one: Instruction) -> str:
    return watch.calls.key(record.stack.top(one, 1 if one.name == "SET_ADD" else 2))


@handles("LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE")
def _extend(watch: Any, record: Any, one: Instruction) -> str:
    return watch.calls.iterated(record.stack.top(one))


@handles("GET_ITER", "GET_YIELD_FROM_ITER")
def _get_iterator(watch: Any, record: Any, one: Instruction) -> str:
    return watch.calls.iterate(record.stack.top(one))


@handles("FOR_ITER")
def _for_iterator(watch: Any, record: Any, one: Instruction) -> str:
    return watch.calls.advance(record.stack.top(one))


@handles("UNPACK_SEQUENCE", "UNPACK_EX")
def _unpack(watch: Any, record: Any, one: Instruction) -> str:
    return watch.calls.iterated(record.stack.top(one))


@handles("GET_LEN")
def _length(watch: Any, record: Any, one: Instruction) -> str:
    return watch.calls.operand(record.stack.top(one), length=True)


@handles("CALL_INTRINSIC_1")
def _intrinsic(watch: Any, record: Any, one: Instruction) -> str:
    if one.arg == 5:  # unary plus
        return watch.calls.operand(record.stack.top(one))
    return "" if one.arg in (3, 6) else "runs an unknown intrinsic"  # StopIteration, list to tuple


# -- calls


@handles("CALL", "CALL_KW")
def _call(watch: Any, record: Any, one: Instruction) -> str:
    stack, n = record.stack, one.arg or 0
    names = one.keywords
    skip = 0
    if one.name == "CALL_KW":
        names, skip = stack.top(one), 1
    values = [stack.top(one, k + skip) for k in range(n, 0, -1)]
    lower, upper = stack.top(one, n + skip + 2), stack.top(one, n + skip + 1)
    if sys.version_info >= (3, 13):
        function = lower
        if upper is not NULL:
            values.insert(0, upper)
    elif lower is NULL:
        function = upper
    else:
        function = lower
        values.insert(0, upper)
    if function is type and len(values) == 1 and watch.world.symbolic(values[0]):
        stack.put(one, float.__float__(values[0]))  # whatever its value, it is a float
    positional = len(values) - len(names)
    kwargs = dict(zip(names, values[positional:], strict=True))
    return watch.calls.judge(function, tuple(values[:positional]), kwargs)


@handles("CALL_FUNCTION_EX")
def _call_spread(watch: Any, record: Any, one: Instruction) -> str:
    stack = record.stack
    named = (one.arg or 0) & 1
    kwargs = stack.top(one) if named else {}
    args = stack.top(one, 1 + named)
    function = stack.top(one, 2 + named)
    if sys.version_info >= (3, 13):
        function = stack.top(one, 3 + named)
    why = watch.calls.iterated(args) or watch.calls.iterated(kwargs)
    if why:
        return why
    if watch.world.base(args) not in (tuple, list) or watch.world.base(kwargs) is not dict:
        return "spreads something else than a tuple, a list or a dictionary into a call"
    return watch.calls.judge(function, tuple(args), dict(kwargs))


@handles("BEFORE_WITH")
def _enter_with(watch: Any, record: Any, one: Instruction) -> str:
    manager = record.stack.top(one)
    world = watch.world
    if world.framework(manager):
        return ""
    for name in ("__enter__", "__exit__"):
        if not attributes.is_python_method(type(manager), name):
            return f"enters a {type(manager).__name__}"
    world.class_names(type(manager), "__enter__", "__exit__")
    return ""


# -- texts


@handles("FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC", "CONVERT_VALUE")
def _format(watch: Any, record: Any, one: Instruction) -> str:
    with_spec = one.name == "FORMAT_WITH_SPEC" or (
        one.name == "FORMAT_VALUE" and (one.arg or 0) & 4
    )
    return watch.calls.shown(record.stack.top(one, 2 if with_spec else 1))


# -- imports


@handles("IMPORT_NAME")
def _import(watch: Any, record: Any, one: Instruction) -> str:
    frame, name, world = watch.frame, one.value, watch.world
    level = record.stack.top(one, 2)
    if level != 0 or name not in sys.modules:
        return f"imports {name!r}"
    if frame.f_builtins.get("__import__") is not builtins.__import__:
        return "imports through a changed __import__"
    for part in (name, name.split(".")[0]):
        world.value("item", (sys.modules, part), sys.modules.get(part, MISSING), f"module {part}")
    return ""


@handles("IMPORT_FROM")
def _import_from(watch: Any, record: Any, one: Instruction) -> str:
    return _attribute(watch, record.stack.top(one), one.value)
