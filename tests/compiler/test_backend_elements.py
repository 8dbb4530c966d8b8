"""Every elementwise operation and conversion in native code, against the interpreter."""

import itertools

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from native_graphs import FLOATS, INTEGERS, Case  # noqa: E402

from dynagrad.compiler.ir.graph import (  # noqa: E402
    BINARY,
    COMPARISONS,
    TESTS,
    UNARY,
)

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 3.0, 100.0, -7.25, np.inf, -np.inf, np.nan, 1e-3)
WHOLE = (0, 1, 2, 3, 5, 7, 8, 31, 63, 64, 100, 127, -1, -2, -3, -5, -8, -64, -128)


def numbers(dtype: str, case: Case, *shape: int) -> np.ndarray:
    """Random numbers of a dtype, among them those that are special."""
    if dtype == "bool":
        return case.random.random(shape) < 0.5
    if dtype in FLOATS:
        found = (case.random.standard_normal(shape) * 3).astype(dtype)
        chosen = np.array(SPECIAL).astype(dtype)
    else:
        with np.errstate(all="ignore"):
            chosen = np.array(WHOLE).astype(dtype)
            info = np.iinfo(dtype)
            chosen = np.append(chosen, np.array([info.min, info.max], dtype))
            found = case.random.integers(info.min, info.max, shape, dtype, endpoint=True)
    mask = case.random.random(shape) < 0.6
    return np.where(mask, case.random.choice(chosen, shape), found).astype(dtype)


def fill(case: Case, op: str, dtype: str, count: int) -> None:
    """An operation on arrays of three sizes: in registers, in a loop, and repeated."""
    g = case.graph
    for shape in ((5,), (67,), (13, 1)):
        operands = [numbers(dtype, case, *shape) for _ in range(count)]
        if op == "pow" and dtype in INTEGERS:
            operands[1] = np.abs(operands[1] % 11).astype(dtype)
        given = [case.given(x) for x in operands]
        if shape == (13, 1) and count == 2:
            given[1] = case.given(numbers(dtype, case, 9) if op != "pow" else operands[1][:9, 0])
        case.wanted(g.map(op, *given))


@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_of_one_float(dtype: str) -> None:
    case = Case(1)
    for op in sorted(UNARY - {"bitnot"} | TESTS):
        fill(case, op, dtype, 1)
    case.check()


@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_of_two_floats(dtype: str) -> None:
    bits = {"bitand", "bitor", "bitxor", "shl", "shr"}
    case = Case(2)
    for op in sorted((BINARY | COMPARISONS) - bits):
        fill(case, op, dtype, 2)
    case.check()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_functions_of_integers(dtype: str) -> None:
    unary, binary = Case(1), Case(2)
    for op in ("neg", "abs", "sign", "bitnot", "copy"):
        fill(unary, op, dtype, 1)
    unary.check()
    for op in sorted((BINARY | COMPARISONS) - {"div", "atan2", "hypot", "copysign"}):
        fill(binary, op, dtype, 2)
    binary.check()


def test_functions_of_booleans() -> None:
    case = Case(3)
    for op in ("bitnot", "abs", "copy"):
        fill(case, op, "bool", 1)
    for op in sorted((BINARY | COMPARISONS) - {"div", "sub", "copysign", "atan2", "hypot"}):
        fill(case, op, "bool", 2)
    case.check()


@pytest.mark.parametrize("exact", [False, True])
def test_plain_arithmetic_has_numpys_bits(exact: bool) -> None:
    for dtype in ("float32", "float64"):
        case = Case(4)
        for op in "add sub mul div maximum minimum fmax fmin fmod remainder floordiv".split():
            x, y = numbers(dtype, case, 300), numbers(dtype, case, 300)
            case.wanted(case.graph.map(op, case.given(x), case.given(y)))
        case.check(exact=True, bitwise=exact)


@pytest.mark.parametrize("source", ["bool", *INTEGERS, *FLOATS])
def test_conversions(source: str) -> None:
    case = Case(5)
    for target, size in itertools.product(("bool", *INTEGERS, *FLOATS), (5, 300)):
        x = numbers(source, case, size)
        if source in FLOATS:
            large = [1e4, -6e4, 255.9, -128.9, *([] if source == "float16" else [3e9, -3e9, 1e19])]
            x = np.append(x, np.array(large, source))
        case.wanted(case.graph.cast(case.given(x), target))
    case.check()


def test_a_double_is_rounded_to_half_once() -> None:
    case = Case(6)
    near = 1 + 2.0**-11 * np.array([1, 3, 5]) + np.array([[2.0**-40], [0], [-(2.0**-40)]])
    values = np.concatenate([near.ravel(), -near.ravel(), case.random.standard_normal(999)])
    case.wanted(case.graph.cast(case.given(values), "float16"))
    case.check(exact=True)


def test_where_and_broadcasting() -> None:
    case = Case(7)
    g = case.graph
    x, y = case.given(case.floats(4, 1, 9)), case.given(case.floats(5, 1))
    mask = case.given(case.random.random((5, 9)) < 0.5)
    z = g.where(mask, x, y)
    case.wanted(z)
    case.wanted(g.map("add", g.map("mul", z, y), x), order="F")
    case.check()
