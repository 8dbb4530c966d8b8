"""Elementwise operations as instructions: one element, or a vector of them, in registers.

In registers a bool is an i1 and a float16 is a half; float16 is computed in float and rounded after
each operation, as NumPy does. Imports emit, vmath.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ..vmath import FUNCTIONS
from .emit import MEMORY, Emitter, element, like, literal, suffix

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


def wide(kind: str, count: int) -> str:
    """The type of some elements in one register."""
    return kind if count == 1 else f"<{count} x {kind}>"


def apply(
    e: Emitter,
    op: str,
    dtype: np.dtype,
    operands: Sequence[str],
    contract: bool,
    count: int = 1,
) -> str:
    """The result of an operation of graph.ELEMENTWISE, but for `where` and `cast`, on operands of
    one dtype, each `count` elements. `contract`: a product and a sum may become one rounding.
    """
    kind = wide(register(dtype), count)
    if dtype.char == "?":
        return _booleans(e, op, kind, operands)
    if dtype.kind == "f":
        return _floats(e, op, kind, operands, contract)
    return _integers(e, op, kind, operands, dtype.kind == "i")


# --- floats ---------------------------------------------------------------------------------------


def _floats(e: Emitter, op: str, kind: str, operands: Sequence[str], contract: bool) -> str:
    if op == "copy":
        return operands[0]
    if element(kind) == "half":
        single = like(kind, "float")
        extended = [e.convert("fpext", x, kind, single) for x in operands]
        found = _floats(e, op, single, extended, False)
        if op in _ORDERED or op in ("isnan", "isinf", "isfinite", "signbit"):
            return found
        return e.convert("fptrunc", found, single, kind)
    if op in _ORDERED:
        return e.compare(_ORDERED[op], kind, *operands)
    flags = " contract" if contract else ""
    if op in ("add", "sub", "mul", "div"):
        return e.op(f"f{op}{flags}", kind, *operands)
    special = _FLOATS.get(op)
    if special is not None:
        return special(e, kind, *operands)
    return FUNCTIONS[op](e, *operands, kind)


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
    "abs": lambda e, kind, x: e.call("fabs", kind, x),
    "sign": _sign,
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
    double = like(kind, "double")
    into = "sitofp" if signed else "uitofp"
    found = _floats(e, op, double, [e.convert(into, x, kind, double) for x in operands], False)
    return e.convert("fptosi", found, double, kind)


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


def _booleans(e: Emitter, op: str, kind: str, operands: Sequence[str]) -> str:
    true = literal(kind, True)
    x, *others = operands
    if op == "bitnot":
        return e.op("xor", kind, x, true)
    if op in ("copy", "abs", "shl", "atan2", "copysign"):
        return x
    if op in ("remainder", "fmod"):
        return literal(kind, False)
    y = others[0]
    if op in ("lt", "le"):
        return _booleans(e, "gt" if op == "lt" else "ge", kind, (y, x))
    if op == "eq":
        return e.op("xor", kind, e.op("xor", kind, x, y), true)
    name, negated = _LOGIC[op]
    return e.op(name, kind, x, e.op("xor", kind, y, true) if negated else y)


# --- conversions ----------------------------------------------------------------------------------


#: functions of one number in the C library, which is faster for single ones
LIBRARY = frozenset(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh "
    "atanh erf erfc pow atan2".split()
)


def library(e: Emitter, op: str, dtype: np.dtype, operands: Sequence[str]) -> str:
    """The result of a function of the C library, for single numbers."""
    kind = register(dtype)
    full = f"@{op}" + ("f" if kind == "float" else "")
    # It reads no memory, and sets no errno that anybody reads.
    arguments = ", ".join([kind] * len(operands))
    e.declared.setdefault(full, f"declare {kind} {full}({arguments}) nounwind memory(none)")
    return e.let(f"call {kind} {full}({', '.join(f'{kind} {x}' for x in operands)})")


def cast(e: Emitter, x: str, dtype: np.dtype, to: np.dtype, count: int = 1) -> str:
    """Elements in another dtype, as `astype`: floats that fit into no integer become the least one,
    as this CPU's instruction does.
    """
    kind, target = wide(register(dtype), count), wide(register(to), count)
    if kind == target:
        return x
    if to.char == "?":
        return apply(e, "ne", dtype, (x, literal(kind, 0)), False, count)
    if dtype.kind == "f" and to.kind == "f":
        return _float_to_float(e, x, kind, target)
    if to.kind == "f":
        middle = target
        if to.char == "e":
            middle = like(target, "double" if _bits(kind) > 16 else "float")
        how = "uitofp" if dtype.kind in "ub" else "sitofp"
        return _float_to_float(e, e.convert(how, x, kind, middle), middle, target)
    if dtype.kind == "f":
        return _float_to_integer(e, x, kind, target, to)
    narrow = _bits(target) < _bits(kind)
    how = "trunc" if narrow else "zext" if dtype.kind in "ub" else "sext"
    return e.convert(how, x, kind, target)


def _bits(kind: str) -> int:
    one = element(kind)
    return {"half": 16, "float": 32, "double": 64}.get(one) or int(one[1:])


def _float_to_float(e: Emitter, x: str, kind: str, target: str) -> str:
    if kind == target:
        return x
    if _bits(kind) < _bits(target):
        return e.convert("fpext", x, kind, target)
    if element(kind) == "double" and element(target) == "half":
        x, kind = _rounded_to_odd(e, x, kind), like(kind, "float")
    return e.convert("fptrunc", x, kind, target)


def _rounded_to_odd(e: Emitter, x: str, kind: str) -> str:
    """A double as a float whose last bit says that something was cut off: rounded once more, to
    half, it is what the double rounded at once would be.
    """
    single, flag, i32 = like(kind, "float"), like(kind, "i1"), like(kind, "i32")
    near = e.convert("fptrunc", x, kind, single)
    back = e.convert("fpext", near, single, kind)
    bits = e.convert("bitcast", near, single, i32)
    last = e.op("and", i32, bits, literal(i32, 1))
    even = e.compare("eq", i32, last, literal(i32, 0))
    inexact = e.compare("one", kind, back, x)
    size = e.call("fabs", kind, back)
    finite = e.compare("olt", kind, size, literal(kind, np.inf))
    larger = e.compare("ogt", kind, e.call("fabs", kind, x), size)
    moved = e.op("add", i32, bits, e.select(larger, i32, literal(i32, 1), literal(i32, -1)))
    change = e.op("and", flag, e.op("and", flag, even, inexact), finite)
    return e.convert("bitcast", e.select(change, i32, moved, bits), i32, single)


def _float_to_integer(e: Emitter, x: str, kind: str, target: str, to: np.dtype) -> str:
    if element(kind) == "half":
        x, kind = e.convert("fpext", x, kind, like(kind, "float")), like(kind, "float")
    middle = like(kind, "i32" if _bits(target) < 32 or to.char == "i" else "i64")
    bits = _bits(middle)
    limit = 2.0 ** (bits - 1)
    inside = e.compare("olt", kind, x, literal(kind, limit))
    above = e.compare("oge", kind, x, literal(kind, -limit))
    if element(kind) == "double" and bits == 32:
        above = e.compare("ogt", kind, x, literal(kind, -limit - 1))
    fits = e.op("and", like(kind, "i1"), inside, above)
    whole = e.convert("fptosi", e.select(fits, kind, x, literal(kind, 0.0)), kind, middle)
    found = e.select(fits, middle, whole, literal(middle, -(2 ** (bits - 1))))
    return found if middle == target else e.convert("trunc", found, middle, target)


def to_memory(e: Emitter, x: str, dtype: np.dtype, count: int = 1) -> str:
    """A register as it is stored."""
    return e.convert("zext", x, wide("i1", count), wide("i8", count)) if dtype.char == "?" else x


def from_memory(e: Emitter, x: str, dtype: np.dtype, count: int = 1) -> str:
    """What was loaded, as a register."""
    kind = wide("i8", count)
    return e.compare("ne", kind, x, literal(kind, 0)) if dtype.char == "?" else x


def bitcast(e: Emitter, x: str, dtype: np.dtype, to: np.dtype, count: int = 1) -> str:
    """The bits of an element as one of another dtype of the same size."""
    kind, target = (wide(in_memory(d), count) for d in (dtype, to))
    x = to_memory(e, x, dtype, count)
    return from_memory(e, x if kind == target else e.convert("bitcast", x, kind, target), to, count)


def number(dtype: np.dtype, value: object, count: int = 1) -> str:
    """A constant element."""
    return literal(wide(register(dtype), count), value)


__all__ = [
    "DTYPES",
    "LIBRARY",
    "apply",
    "bitcast",
    "cast",
    "from_memory",
    "in_memory",
    "intrinsic",
    "library",
    "number",
    "register",
    "to_memory",
]
