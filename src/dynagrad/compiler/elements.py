"""Elementwise operations as instructions: one element, or a vector of them, in registers.

In registers a bool is an i1 and a float16 is a half; float16 is computed in float and rounded after
each operation, as NumPy does. Imports emit, vmath.
"""

from collections.abc import Callable, Sequence

import numpy as np

from .emit import MEMORY, Emitter, element, like, literal, suffix
from .vmath import FUNCTIONS

#: functions that LLVM knows under this name and the C library resolves
_INTRINSICS = {
    **{name: name for name in ("sqrt", "exp", "exp2", "log", "log2", "log10", "sin", "cos")},
    **{name: name for name in ("tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "floor")},
    **{"ceil": "ceil", "trunc": "trunc", "round": "roundeven", "abs": "fabs"},
}
#: functions of the C library
_LIBRARY = frozenset("expm1 log1p asinh acosh atanh erf erfc atan2 hypot".split())
_ORDERED = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_SIGNED = {"lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge", "eq": "eq", "ne": "ne"}
_UNSIGNED = {"lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge", "eq": "eq", "ne": "ne"}
#: dtypes that generated code knows
DTYPES = frozenset(MEMORY)


def in_memory(dtype: np.dtype) -> str:
    """The type of one element in memory; of a dtype that is only moved, an integer of its size."""
    return MEMORY.get(dtype.char) or f"i{8 * dtype.itemsize}"


def register(dtype: np.dtype) -> str:
    """The type of one element in a register."""
    return "i1" if dtype.char == "?" else MEMORY[dtype.char]


def intrinsic(e: Emitter, name: str, kind: str, *operands: str, flags: str = "") -> str:
    """A call of an intrinsic with fast-math flags."""
    full = f"@llvm.{name}.{suffix(kind)}"
    e.declared.setdefault(full, f"declare {kind} {full}({', '.join([kind] * len(operands))})")
    return e.let(f"call {flags} {kind} {full}({', '.join(f'{kind} {x}' for x in operands)})")


def apply(e: Emitter, op: str, dtype: np.dtype, operands: Sequence[str], contract: bool) -> str:
    """The result of an operation of graph.ELEMENTWISE, but for `where` and `cast`, on operands of
    one dtype. `contract`: a product and a sum may become one rounding.
    """
    kind = register(dtype)
    if kind == "i1":
        return _booleans(e, op, operands)
    if dtype.kind == "f":
        return _floats(e, op, kind, operands, contract)
    return _integers(e, op, kind, operands, dtype.kind == "i")


# --- floats ---------------------------------------------------------------------------------------


def _floats(e: Emitter, op: str, kind: str, operands: Sequence[str], contract: bool) -> str:
    if op == "copy":
        return operands[0]
    if element(kind) == "half":
        wide = like(kind, "float")
        found = _floats(e, op, wide, [e.convert("fpext", x, kind, wide) for x in operands], False)
        if op in _ORDERED or op in ("isnan", "isinf", "isfinite", "signbit"):
            return found
        return e.convert("fptrunc", found, wide, kind)
    if op in _ORDERED:
        return e.compare(_ORDERED[op], kind, *operands)
    flags = " contract" if contract else ""
    special = _FLOATS.get(op)
    if special is not None:
        return special(e, kind, *operands)
    if op in ("add", "sub", "mul", "div"):
        return e.op(f"f{op}{flags}", kind, *operands)
    if op in FUNCTIONS:
        return FUNCTIONS[op](e, *operands, kind)
    if op in _INTRINSICS:
        return e.call(_INTRINSICS[op], kind, *operands)
    if op in _LIBRARY:
        return library(e, op, kind, *operands)
    raise NotImplementedError(op)


def library(e: Emitter, name: str, kind: str, *operands: str) -> str:
    """A function of the C library."""
    full = f"@{name}" + ("f" if kind == "float" else "")
    arguments = ", ".join([kind] * len(operands))
    # It reads no memory and sets no errno that anybody reads.
    e.declared.setdefault(full, f"declare {kind} {full}({arguments}) nounwind memory(none)")
    return e.let(f"call {kind} {full}({', '.join(f'{kind} {x}' for x in operands)})")


def _sign(e: Emitter, kind: str, x: str) -> str:
    zero = literal(kind, 0.0)
    up = e.select(e.compare("ogt", kind, x, zero), kind, literal(kind, 1.0), zero)
    found = e.select(e.compare("olt", kind, x, zero), kind, literal(kind, -1.0), up)
    return e.select(e.compare("uno", kind, x, x), kind, x, found)


def _signbit(e: Emitter, kind: str, x: str) -> str:
    bits = like(kind, "i32" if element(kind) == "float" else "i64")
    return e.compare("slt", bits, e.convert("bitcast", x, kind, bits), literal(bits, 0))


def _against_infinity(how: str) -> Callable[..., str]:
    def test(e: Emitter, kind: str, x: str) -> str:
        return e.compare(how, kind, e.call("fabs", kind, x), literal(kind, np.inf))

    return test


def _rsqrt(e: Emitter, kind: str, x: str) -> str:
    return e.op("fdiv", kind, literal(kind, 1.0), e.call("sqrt", kind, x))


def _sigmoid(e: Emitter, kind: str, x: str) -> str:
    one = literal(kind, 1.0)
    power = _floats(e, "exp", kind, [e.let(f"fneg {kind} {x}")], False)
    return e.op("fdiv", kind, one, e.op("fadd", kind, one, power))


def _softplus(e: Emitter, kind: str, x: str) -> str:
    soft = _floats(e, "log1p", kind, [_floats(e, "exp", kind, [x], False)], False)
    return e.select(e.compare("ogt", kind, x, literal(kind, 20.0)), kind, x, soft)


def _remainder(e: Emitter, kind: str, x: str, y: str) -> str:
    """The remainder with the sign of the divisor; a zero has it too."""
    rest = e.op("frem", kind, x, y)
    zero = literal(kind, 0.0)
    is_zero = e.compare("oeq", kind, rest, zero)
    differ = e.let(
        f"xor {like(kind, 'i1')} {e.compare('olt', kind, y, zero)}, "
        f"{e.compare('olt', kind, rest, zero)}"
    )
    moved = e.select(differ, kind, e.op("fadd", kind, rest, y), rest)
    found = e.select(is_zero, kind, e.call("copysign", kind, zero, y), moved)
    return e.select(e.compare("oeq", kind, y, zero), kind, rest, found)


def _floordiv(e: Emitter, kind: str, x: str, y: str) -> str:
    """As NumPy: from the remainder, so that quotient and remainder fit together."""
    zero, one = literal(kind, 0.0), literal(kind, 1.0)
    flag = like(kind, "i1")
    rest = e.op("frem", kind, x, y)
    plain = e.op("fdiv", kind, x, y)
    quotient = e.op("fdiv", kind, e.op("fsub", kind, x, rest), y)
    has_rest = e.compare("une", kind, rest, zero)
    differ = e.let(
        f"xor {flag} {e.compare('olt', kind, y, zero)}, {e.compare('olt', kind, rest, zero)}"
    )
    less = e.let(f"and {flag} {has_rest}, {differ}")
    quotient = e.select(less, kind, e.op("fsub", kind, quotient, one), quotient)
    floor = e.call("floor", kind, quotient)
    over = e.compare("ogt", kind, e.op("fsub", kind, quotient, floor), literal(kind, 0.5))
    floor = e.select(over, kind, e.op("fadd", kind, floor, one), floor)
    none = e.call("copysign", kind, zero, plain)
    found = e.select(e.compare("une", kind, quotient, zero), kind, floor, none)
    return e.select(e.compare("oeq", kind, y, zero), kind, plain, found)


def _extremum(name: str) -> Callable[..., str]:
    # Which zero is the greater one is open: without that question it is two instructions.
    def extremum(e: Emitter, kind: str, x: str, y: str) -> str:
        return intrinsic(e, name, kind, x, y, flags="nsz")

    return extremum


_FLOATS: dict[str, Callable[..., str]] = {
    "neg": lambda e, kind, x: e.let(f"fneg {kind} {x}"),
    "sign": _sign,
    "rsqrt": _rsqrt,
    "isnan": lambda e, kind, x: e.compare("uno", kind, x, x),
    "isinf": _against_infinity("oeq"),
    "isfinite": _against_infinity("olt"),
    "signbit": _signbit,
    "fmod": lambda e, kind, x, y: e.op("frem", kind, x, y),
    "remainder": _remainder,
    "floordiv": _floordiv,
    "maximum": _extremum("maximum"),
    "minimum": _extremum("minimum"),
    "fmax": _extremum("maxnum"),
    "fmin": _extremum("minnum"),
    "copysign": lambda e, kind, x, y: e.call("copysign", kind, x, y),
    "pow": lambda e, kind, x, y: e.call("pow", kind, x, y),
}
#: what the vector functions may replace
_FLOATS |= {
    name: rule
    for name, rule in {"sigmoid": _sigmoid, "softplus": _softplus}.items()
    if name not in FUNCTIONS
}


# --- integers -------------------------------------------------------------------------------------


def _integers(e: Emitter, op: str, kind: str, operands: Sequence[str], signed: bool) -> str:
    if op in _SIGNED:
        return e.compare((_SIGNED if signed else _UNSIGNED)[op], kind, *operands)
    plain = {"add": "add", "sub": "sub", "mul": "mul", "bitand": "and", "bitor": "or"}
    plain["bitxor"] = "xor"
    if op in plain:
        return e.op(plain[op], kind, *operands)
    if op in ("maximum", "fmax", "minimum", "fmin"):
        name = ("s" if signed else "u") + ("max" if op in ("maximum", "fmax") else "min")
        return e.call(name, kind, *operands)
    if op in ("atan2", "hypot", "copysign"):
        return _by_double(e, op, kind, operands, signed)
    return _INTEGERS[op](e, kind, signed, *operands)


def _by_double(e: Emitter, op: str, kind: str, operands: Sequence[str], signed: bool) -> str:
    wide = like(kind, "double")
    into = "sitofp" if signed else "uitofp"
    found = _floats(e, op, wide, [e.convert(into, x, kind, wide) for x in operands], False)
    return e.convert("fptosi", found, wide, kind)


def _divided(e: Emitter, kind: str, signed: bool, x: str, y: str) -> tuple[str, str, str]:
    """A divisor that never traps, with quotient and remainder; those by 0 and by -1 are to be
    replaced.
    """
    zero, one = literal(kind, 0), literal(kind, 1)
    bad = e.compare("eq", kind, y, zero)
    if signed:
        # The least integer divided by -1 traps.
        minus = e.compare("eq", kind, y, literal(kind, -1))
        bad = e.let(f"or {like(kind, 'i1')} {bad}, {minus}")
    safe = e.select(bad, kind, one, y)
    letter = "s" if signed else "u"
    return safe, e.op(f"{letter}div", kind, x, safe), e.op(f"{letter}rem", kind, x, safe)


def _remainders(python: bool) -> Callable[..., str]:
    def remainder(e: Emitter, kind: str, signed: bool, x: str, y: str) -> str:
        safe, _, rest = _divided(e, kind, signed, x, y)
        if not signed or not python:
            return rest
        return e.select(_signs_differ(e, kind, rest, safe), kind, e.op("add", kind, rest, y), rest)

    return remainder


def _signs_differ(e: Emitter, kind: str, rest: str, y: str) -> str:
    """Whether a remainder is not 0 and has another sign than the divisor."""
    zero = literal(kind, 0)
    differ = e.compare("slt", kind, e.op("xor", kind, rest, y), zero)
    return e.let(f"and {like(kind, 'i1')} {differ}, {e.compare('ne', kind, rest, zero)}")


def _integer_floordiv(e: Emitter, kind: str, signed: bool, x: str, y: str) -> str:
    zero = literal(kind, 0)
    safe, quotient, rest = _divided(e, kind, signed, x, y)
    if signed:
        less = e.op("sub", kind, quotient, literal(kind, 1))
        quotient = e.select(_signs_differ(e, kind, rest, safe), kind, less, quotient)
        minus = e.compare("eq", kind, y, literal(kind, -1))
        quotient = e.select(minus, kind, e.op("sub", kind, zero, x), quotient)
    return e.select(e.compare("eq", kind, y, zero), kind, zero, quotient)


def _shift(name: str) -> Callable[..., str]:
    def shift(e: Emitter, kind: str, signed: bool, x: str, y: str) -> str:
        """Shifts by as many bits as there are, or more, leave nothing but the sign."""
        bits = int(element(kind)[1:])
        width = literal(kind, bits)
        within = e.compare("ult", kind, y, width)
        count = e.select(within, kind, y, literal(kind, bits - 1 if name == "ashr" else 0))
        how = "lshr" if name == "ashr" and not signed else name
        found = e.op(how, kind, x, count)
        if how == "ashr":
            return found
        return e.select(within, kind, found, literal(kind, 0))

    return shift


def _integer_sign(e: Emitter, kind: str, signed: bool, x: str) -> str:
    zero, one = literal(kind, 0), literal(kind, 1)
    found = e.select(e.compare("ne", kind, x, zero), kind, one, zero)
    if not signed:
        return found
    return e.select(e.compare("slt", kind, x, zero), kind, literal(kind, -1), found)


def _integer_abs(e: Emitter, kind: str, signed: bool, x: str) -> str:
    if not signed:
        return x
    zero = literal(kind, 0)
    return e.select(e.compare("slt", kind, x, zero), kind, e.op("sub", kind, zero, x), x)


def _integer_pow(e: Emitter, kind: str, signed: bool, x: str, n: str) -> str:
    """By squaring, one step for each bit of the exponent. Powers wrap; negative exponents have no
    meaning among integers.
    """
    one = literal(kind, 1)
    found, base = one, x
    for bit in range(int(element(kind)[1:]) - (1 if signed else 0)):
        is_set = e.op("and", kind, e.op("lshr", kind, n, literal(kind, bit)), one)
        taken = e.compare("ne", kind, is_set, literal(kind, 0))
        found = e.select(taken, kind, e.op("mul", kind, found, base), found)
        base = e.op("mul", kind, base, base)
    return found


_INTEGERS: dict[str, Callable[..., str]] = {
    "copy": lambda e, kind, signed, x: x,
    "neg": lambda e, kind, signed, x: e.op("sub", kind, literal(kind, 0), x),
    "abs": _integer_abs,
    "sign": _integer_sign,
    "bitnot": lambda e, kind, signed, x: e.op("xor", kind, x, literal(kind, -1)),
    "fmod": _remainders(False),
    "remainder": _remainders(True),
    "floordiv": _integer_floordiv,
    "shl": _shift("shl"),
    "shr": _shift("ashr"),
    "pow": _integer_pow,
}


# --- booleans -------------------------------------------------------------------------------------

#: what arithmetic means where 1 + 1 is 1: operations, and whether the second operand is negated
_LOGIC = {
    **dict.fromkeys(("add", "bitor", "maximum", "fmax", "hypot"), ("or", False)),
    **dict.fromkeys(("mul", "bitand", "minimum", "fmin", "floordiv"), ("and", False)),
    **{"bitxor": ("xor", False), "sub": ("xor", False), "ne": ("xor", False)},
    **{"pow": ("or", True), "shr": ("and", True), "gt": ("and", True), "ge": ("or", True)},
}


def _booleans(e: Emitter, op: str, operands: Sequence[str]) -> str:
    x, *others = operands
    if op == "bitnot":
        return e.op("xor", "i1", x, "true")
    if op in ("copy", "abs", "shl", "atan2", "copysign"):
        return x
    if op in ("remainder", "fmod"):
        return "false"
    y = others[0]
    if op in ("lt", "le"):
        return _booleans(e, "gt" if op == "lt" else "ge", (y, x))
    if op == "eq":
        return e.op("xor", "i1", e.op("xor", "i1", x, y), "true")
    name, negated = _LOGIC[op]
    return e.op(name, "i1", x, e.op("xor", "i1", y, "true") if negated else y)


# --- conversions ----------------------------------------------------------------------------------


def cast(e: Emitter, x: str, dtype: np.dtype, to: np.dtype) -> str:
    """An element in another dtype, as `astype`: floats that fit into no integer become the least
    one, as this CPU's instruction does.
    """
    kind, target = register(dtype), register(to)
    if to.char == "?":
        return apply(e, "ne", dtype, (x, literal(kind, 0)), False) if kind != "i1" else x
    if dtype.kind == "f" and to.kind == "f":
        return _float_to_float(e, x, kind, target)
    if to.kind == "f":
        middle = "float" if target == "half" and kind != "i64" and kind != "i32" else target
        middle = "double" if target == "half" and middle == "half" else middle
        how = "uitofp" if dtype.kind in "ub" else "sitofp"
        return _float_to_float(e, e.convert(how, x, kind, middle), middle, target)
    if dtype.kind == "f":
        return _float_to_integer(e, x, kind, target, to)
    if kind == target:
        return x
    narrow = _bits(target) < _bits(kind)
    return e.convert(
        "trunc" if narrow else "zext" if dtype.kind in "ub" else "sext", x, kind, target
    )


def _bits(kind: str) -> int:
    return {"half": 16, "float": 32, "double": 64}.get(kind) or int(kind[1:])


def _float_to_float(e: Emitter, x: str, kind: str, target: str) -> str:
    if kind == target:
        return x
    if _bits(kind) < _bits(target):
        return e.convert("fpext", x, kind, target)
    if kind == "double" and target == "half":
        x, kind = _rounded_to_odd(e, x), "float"
    return e.convert("fptrunc", x, kind, target)


def _rounded_to_odd(e: Emitter, x: str) -> str:
    """A double as a float whose last bit says that something was cut off: rounded once more, to
    half, it is what the double rounded at once would be.
    """
    near = e.convert("fptrunc", x, "double", "float")
    back = e.convert("fpext", near, "float", "double")
    bits = e.convert("bitcast", near, "float", "i32")
    even = e.compare("eq", "i32", e.op("and", "i32", bits, "1"), "0")
    inexact = e.compare("one", "double", back, x)
    finite = e.compare("olt", "double", e.call("fabs", "double", back), literal("double", np.inf))
    larger = e.compare("ogt", "double", e.call("fabs", "double", x), e.call("fabs", "double", back))
    moved = e.op("add", "i32", bits, e.select(larger, "i32", "1", "-1"))
    change = e.op("and", "i1", e.op("and", "i1", even, inexact), finite)
    return e.convert("bitcast", e.select(change, "i32", moved, bits), "i32", "float")


def _float_to_integer(e: Emitter, x: str, kind: str, target: str, to: np.dtype) -> str:
    if kind == "half":
        x, kind = e.convert("fpext", x, "half", "float"), "float"
    middle = "i32" if _bits(target) < 32 else "i64" if to.kind == "u" else target
    bits = _bits(middle)
    limit = 2.0 ** (bits - 1)
    inside = e.compare("olt", kind, x, literal(kind, limit))
    above = e.compare("oge", kind, x, literal(kind, -limit))
    if kind == "double" and bits == 32:
        above = e.compare("ogt", kind, x, literal(kind, -limit - 1))
    fits = e.op("and", "i1", inside, above)
    whole = e.convert("fptosi", e.select(fits, kind, x, literal(kind, 0.0)), kind, middle)
    found = e.select(fits, middle, whole, str(-(2 ** (bits - 1))))
    return found if middle == target else e.convert("trunc", found, middle, target)


def to_memory(e: Emitter, x: str, dtype: np.dtype) -> str:
    """A register as it is stored."""
    return e.convert("zext", x, "i1", "i8") if dtype.char == "?" else x


def from_memory(e: Emitter, x: str, dtype: np.dtype) -> str:
    """What was loaded, as a register."""
    return e.compare("ne", "i8", x, "0") if dtype.char == "?" else x


def number(dtype: np.dtype, value: object) -> str:
    """A constant element."""
    return literal(register(dtype), value)


__all__ = [
    "DTYPES",
    "apply",
    "cast",
    "from_memory",
    "in_memory",
    "intrinsic",
    "number",
    "register",
    "to_memory",
]
