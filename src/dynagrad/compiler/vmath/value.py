"""Formulas as text: a value of the IR under construction that Python's operators act on.

Imports compiler/emit.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Union

from ..codegen.emit import Emitter, element, lanes, like, literal

Operand = Union["Value", float]

#: adding and subtracting it rounds to an integer, which then stands in the low bits
ROUNDER = {"float": 1.5 * 2.0**23, "double": 1.5 * 2.0**52}
#: bits of the mantissa without the leading one, and the bias of the exponent
MANTISSA = {"float": 23, "double": 52}
BIAS = {"float": 127, "double": 1023}
INTEGER = {"float": "i32", "double": "i64"}


class Value:
    """A named value or a constant: a float, an integer or a truth value, or a vector of them.

    `>>` shifts zeros in. Comparisons are false where an operand is NaN.
    """

    __slots__ = ("e", "kind", "name")

    def __init__(self, e: Emitter, kind: str, name: str) -> None:
        self.e, self.kind, self.name = e, kind, name

    @property
    def element(self) -> str:
        """The type of one lane."""
        return element(self.kind)

    @property
    def lanes(self) -> int:
        """How many elements this has."""
        return lanes(self.kind)

    def new(self, name: str, kind: str | None = None) -> "Value":
        """A value of the same function; of the same type unless another is given."""
        return Value(self.e, kind or self.kind, name)

    def constant(self, value: float) -> "Value":
        """A constant of this type."""
        return self.new(literal(self.kind, value))

    def text(self, other: Operand) -> str:
        """An operand beside this one, as the IR writes it."""
        return other.name if isinstance(other, Value) else literal(self.kind, other)

    def _op(self, name: str, other: Operand, is_swapped: bool = False) -> "Value":
        operands = [self.name, self.text(other)]
        return self.new(self.e.op(name, self.kind, *operands[:: -1 if is_swapped else 1]))

    def _arithmetic(self, name: str, other: Operand, is_swapped: bool = False) -> "Value":
        return self._op(name if self.element[0] == "i" else f"f{name}", other, is_swapped)

    def __add__(self, other: Operand) -> "Value":
        return self._arithmetic("add", other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> "Value":
        return self._arithmetic("sub", other)

    def __rsub__(self, other: Operand) -> "Value":
        return self._arithmetic("sub", other, True)

    def __mul__(self, other: Operand) -> "Value":
        return self._arithmetic("mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> "Value":
        return self._op("fdiv", other)

    def __rtruediv__(self, other: Operand) -> "Value":
        return self._op("fdiv", other, True)

    def __neg__(self) -> "Value":
        return self.new(self.e.let(f"fneg {self.kind} {self.name}"))

    def __lshift__(self, other: Operand) -> "Value":
        return self._op("shl", other)

    def __rshift__(self, other: Operand) -> "Value":
        return self._op("lshr", other)

    def __and__(self, other: Operand) -> "Value":
        return self._op("and", other)

    def __or__(self, other: Operand) -> "Value":
        return self._op("or", other)

    def __xor__(self, other: Operand) -> "Value":
        return self._op("xor", other)

    def __invert__(self) -> "Value":
        return self._op("xor", True if self.element == "i1" else -1)

    def compare(self, how: str, other: Operand) -> "Value":
        """The truth of a comparison, in the words of the IR."""
        name = self.e.compare(how, self.kind, self.name, self.text(other))
        return self.new(name, like(self.kind, "i1"))

    def __lt__(self, other: Operand) -> "Value":
        return self.compare("slt" if self.element[0] == "i" else "olt", other)

    def __le__(self, other: Operand) -> "Value":
        return self.compare("sle" if self.element[0] == "i" else "ole", other)

    def __gt__(self, other: Operand) -> "Value":
        return self.compare("sgt" if self.element[0] == "i" else "ogt", other)

    def __ge__(self, other: Operand) -> "Value":
        return self.compare("sge" if self.element[0] == "i" else "oge", other)

    def equals(self, other: Operand) -> "Value":
        """Whether two values are equal."""
        return self.compare("eq" if self.element[0] == "i" else "oeq", other)

    def is_nan(self) -> "Value":
        """Whether this is no number."""
        return self.compare("uno", self)

    def call(self, intrinsic: str, *others: Operand) -> "Value":
        """An intrinsic of operands of one type."""
        operands = (self.text(other) for other in others)
        return self.new(self.e.call(intrinsic, self.kind, self.name, *operands))

    def __abs__(self) -> "Value":
        return self.call("fabs")

    def to(self, scalar: str, how: str) -> "Value":
        """A conversion lane by lane, by the instruction's name."""
        kind = like(self.kind, scalar)
        return self.new(self.e.convert(how, self.name, self.kind, kind), kind)

    @property
    def bits(self) -> "Value":
        """A float's representation as an integer."""
        return self.to(INTEGER[self.element], "bitcast")

    @property
    def float(self) -> "Value":
        """The float that an integer represents."""
        return self.to("float" if self.element == "i32" else "double", "bitcast")


def fma(x: Value, y: Operand, z: Operand) -> Value:
    """x * y + z, rounded once where the target has such an instruction, else twice."""
    return x.new(x.e.fma(x.kind, x.name, x.text(y), x.text(z)))


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Horner's scheme, the highest power first."""
    return x.new(x.e.polynomial(x.kind, x.name, coefficients))


def where(condition: Value, x: Operand, y: Operand) -> Value:
    """x where the condition holds, else y; one of them is no constant."""
    own = x if isinstance(x, Value) else y
    assert isinstance(own, Value)
    return own.new(own.e.select(condition.name, own.kind, own.text(x), own.text(y)))


def at_most(x: Value, limit: Operand) -> Value:
    """The smaller of two; NaN in x stays. One instruction on x86, unlike the minimum of IEEE."""
    return where(x > limit, limit, x)


def at_least(x: Value, limit: Operand) -> Value:
    """The larger of two; NaN in x stays."""
    return where(x < limit, limit, x)


def copysign(x: Value, y: Value) -> Value:
    """The magnitude of x with the sign of y."""
    return x.call("copysign", y)


def sqrt(x: Value) -> Value:
    """The square root, correctly rounded."""
    return x.call("sqrt")


def rounded(x: Value, factor: float = 1.0, offset: int = 0) -> tuple[Value, Value]:
    """The integer n nearest to x * factor as a float, and an integer with the low bits of
    n + offset.

    For |n| < 2^21 (float) or 2^50 (double). Needs no rounding instruction, which SSE2 lacks.
    """
    rounder = ROUNDER[x.element] + offset
    shifted = x + rounder if factor == 1.0 else fma(x, factor, rounder)
    return shifted - rounder, shifted.bits


def power_of_two(n: Value) -> Value:
    """2^n in the range of normal numbers, for the integer that `scaled` takes."""
    kind = "float" if n.element == "i32" else "double"
    return ((n - BIAS[kind]) << MANTISSA[kind]).float


def scaled(x: Value, n: Value) -> Value:
    """x * 2^n for a result that may be infinite or denormal: two exact factors, one rounding.

    n is an integer whose low bits are those of n plus twice the bias, so that they are positive;
    what stands above them is shifted out.
    """
    shift = MANTISSA[x.element]
    first = n >> 1
    return x * (first << shift).float * ((n - first) << shift).float


def two_sum(x: Value, y: Value) -> tuple[Value, Value]:
    """x + y as a rounded sum and its error (Knuth)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def fast_two_sum(x: Operand, y: Value) -> tuple[Value, Value]:
    """x + y as a rounded sum and its error, for |x| >= |y| (Dekker)."""
    total = x + y
    return total, (x - total) + y


def two_product(x: Value, y: Operand) -> tuple[Value, Value]:
    """x * y as a rounded product and its error: by fma, or in halves (Veltkamp, Dekker)."""
    if not isinstance(y, Value):
        y = x.constant(y)
    product = x * y
    if x.e.has_fma:
        return product, fma(x, y, -product)
    (a, b), (c, d) = halves(x), halves(y)
    return product, ((a * c - product) + a * d + b * c) + b * d


def halves(x: Value) -> tuple[Value, Value]:
    """x as the sum of two values of half the precision; |x| below the square root of the range."""
    t = x * (4097.0 if x.element == "float" else 134217729.0)
    high = t - (t - x)
    return high, x - high


def function(formula: Callable[..., Value]) -> Callable[..., str]:
    """A formula of values as a function of names: `f(emitter, x, kind)`, `f(emitter, x, y, kind)`.

    The formula itself stays at hand as the attribute `formula`.
    """

    @wraps(formula)
    def emit(e: Emitter, *names_and_kind: str) -> str:
        *names, kind = names_and_kind
        return formula(*(Value(e, kind, name) for name in names)).name

    emitted: Any = emit
    emitted.formula = formula
    return emitted
