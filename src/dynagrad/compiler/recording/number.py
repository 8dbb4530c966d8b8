"""Python numbers that a step read from tensors or options, and the graph of what it does with them.
Imports core, graph.

A Number is a float: programs use it as the number that `item()` gave. Its arithmetic is Python's,
and is recorded in float64; whatever decides by its value, or needs it as an ordinary number,
becomes a check that the value is the same again.
"""

import dis
import math
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.carriers.carrier import Carrier
from ...core.tape import LIBRARY
from ..ir.graph import Graph, Value


class Number(float):
    """A float with its value in the graph of `trace`; `keep`, shared by the numbers of one trace,
    says whether the trace still records.
    """

    __slots__ = ("origin", "trace", "value")
    trace: Any
    value: Value
    #: the argument that it stands for
    origin: float | None

    def __new__(cls, number: float, trace: Any, value: Value) -> "Number":
        made = super().__new__(cls, number)
        made.trace, made.value, made.origin = trace, value, None
        return made

    def plain(self) -> float:
        """The ordinary number; the graph checks that it is this one."""
        number = float.__float__(self)
        if self.trace.alive:
            self.trace.expect(self.value, number, "a number is")
        return number

    def operand(self, dtype: np.dtype) -> Any:
        """The number as a 0-d array of a dtype, for the operations (see core.apply.scalar)."""
        if not self.trace.alive:
            return np.array(float.__float__(self)).astype(dtype)
        return self.trace.of_number(self, dtype)

    def __hash__(self) -> int:
        # the library's own tables of operands take each Number for itself
        is_own = LIBRARY[sys._getframe(1).f_code.co_filename]
        return id(self) if is_own else hash(self.plain())

    def __float__(self) -> float:
        return self.plain()

    def __int__(self) -> int:
        return int(self.plain())

    def __trunc__(self) -> int:
        return int(self.plain())

    def __round__(self, digits: Any = None) -> Any:
        return round(self.plain(), digits)

    def __floor__(self) -> int:
        return math.floor(self.plain())

    def __ceil__(self) -> int:
        return math.ceil(self.plain())

    def __bool__(self) -> bool:
        return self != 0.0

    def __repr__(self) -> str:
        return repr(self.plain())

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return format(self.plain(), form)

    def __reduce__(self) -> Any:
        return float, (self.plain(),)

    @property
    def __class__(self) -> Any:
        return float

    @property
    def real(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As float.real."""
        return self

    @property
    def imag(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As float.imag."""
        return 0.0

    def conjugate(self) -> Any:
        """As float.conjugate."""
        return self

    def __divmod__(self, other: Any) -> Any:
        return divmod(self.plain(), frozen(other))

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(frozen(other), self.plain())

    def is_integer(self) -> bool:
        """As float.is_integer."""
        return self.plain().is_integer()

    def as_integer_ratio(self) -> tuple[int, int]:
        """As float.as_integer_ratio."""
        return self.plain().as_integer_ratio()

    def hex(self) -> str:
        """As float.hex."""
        return self.plain().hex()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        # NumPy's scalars keep their dtype beside a float, but not beside a subclass of it
        if any(isinstance(x, Carrier) for x in inputs):
            return NotImplemented
        given, out = [frozen(x) for x in inputs], kwargs.get("out")
        frame = sys._getframe(1)
        if ufunc is np.power and dis.opname[frame.f_code.co_code[frame.f_lasti]] == "BINARY_OP":
            # the operator's power of scalars, and by some exponents, has other bits than np.power
            return operator.pow(*given) if out is None else operator.ipow(out[0], given[1])
        return getattr(ufunc, method)(*given, **{k: frozen(v) for k, v in kwargs.items()})

    def __array_function__(self, func: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        if any(issubclass(kind, Carrier) for kind in types):
            return NotImplemented
        return func(*frozen(args), **frozen(kwargs))

    def __neg__(self) -> Any:
        return self._made(-_float(self), "neg")

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._made(abs(_float(self)), "abs")

    def _made(self, number: float, op: str, *others: Value) -> Any:
        if not self.trace.alive:
            return number
        return Number(number, self.trace, self.trace.graph.map(op, self.value, *others))


def _float(x: Any) -> Any:
    return float.__float__(x) if type(x) is Number else x


def frozen(x: Any) -> Any:
    """An ordinary number instead of a Number, also inside of lists, tuples and dicts."""
    if type(x) is Number:
        return x.plain()
    if type(x) in (list, tuple):
        return type(x)([frozen(item) for item in x])
    if type(x) is dict:
        return {key: frozen(item) for key, item in x.items()}
    return x


def _exact(x: Any) -> bool:
    """Whether a number is a float without rounding, so that float64 arithmetic is Python's."""
    return type(x) is Number or type(x) in (float, bool) or (type(x) is int and abs(x) < 2**53)


def _arithmetic(fun: Callable, op: str, reflected: bool) -> Callable:
    divides = op in ("div", "floordiv", "remainder")

    def method(self: Number, other: Any) -> Any:
        if isinstance(other, float | int) and not _exact(other):
            pair = (frozen(other), self.plain()) if reflected else (self.plain(), frozen(other))
            return fun(*pair)
        if not _exact(other):
            return NotImplemented
        pair = (_float(other), _float(self)) if reflected else (_float(self), _float(other))
        trace = self.trace
        if not trace.alive:
            return fun(*pair)
        graph: Graph = trace.graph
        values = [self.value, operand(graph, other)]
        if reflected:
            values.reverse()
        if divides:
            trace.expect_that(graph.map("ne", values[1], _zero(graph)), "a divisor is not 0")
        number = fun(*pair)
        if op == "pow":
            return _power(trace, pair, values, number)
        return Number(number, trace, graph.map(op, *values))

    return method


def _power(trace: Any, pair: tuple, values: list[Value], number: Any) -> Any:
    """A power, where Python has an error or a complex number for some operands: checks exclude
    them.
    """
    graph = trace.graph
    base, exponent = pair
    if base > 0:
        trace.expect_that(graph.map("gt", values[0], _zero(graph)), "a base is above 0")
    else:
        trace.expect(values[0], base, "a base is")
        trace.expect(values[1], exponent, "an exponent is")
    if type(number) is not float:
        return number
    if type(exponent) is float and exponent == 0.5 and values[1].op == "constant" and base > 0:
        return Number(math.sqrt(base), trace, graph.map("sqrt", values[0]))
    made = Number(number, trace, graph.map("pow", *values))
    if math.isfinite(number):  # where it would not be, Python may raise
        largest = graph.constant(np.float64(np.inf))
        trace.expect_that(
            graph.map("lt", graph.map("abs", made.value), largest), "a power is finite"
        )
    else:
        made.plain()
    return made


def _zero(graph: Graph) -> Value:
    return graph.constant(np.float64(0))


def operand(graph: Graph, x: Any) -> Value:
    """A Python number or Number as a 0-d float64 value."""
    return x.value if type(x) is Number else graph.constant(np.float64(x))


def _comparison(fun: Callable, op: str) -> Callable:
    def method(self: Number, other: Any) -> Any:
        if not isinstance(other, float | int):
            return NotImplemented
        if not _exact(other):
            return fun(self.plain(), frozen(other))
        outcome = fun(_float(self), _float(other))
        trace = self.trace
        if trace.alive:
            value = trace.graph.map(op, self.value, operand(trace.graph, other))
            trace.expect(value, outcome, f"a comparison ({op}) is")
        return outcome

    return method


for _name, _fun, _op in (
    ("add", operator.add, "add"),
    ("sub", operator.sub, "sub"),
    ("mul", operator.mul, "mul"),
    ("truediv", operator.truediv, "div"),
    ("floordiv", operator.floordiv, "floordiv"),
    ("mod", operator.mod, "remainder"),
    ("pow", operator.pow, "pow"),
):
    setattr(Number, f"__{_name}__", _arithmetic(_fun, _op, False))
    setattr(Number, f"__r{_name}__", _arithmetic(_fun, _op, True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Number, f"__{_name}__", _comparison(getattr(operator, _name), _name))
