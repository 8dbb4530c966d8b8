"""Elementary functions in LLVM IR: their errors, special values, and all kinds of code for them."""

import ctypes
import re
from functools import cache

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from dynagrad.compiler.codegen.emit import Emitter
from dynagrad.compiler.native import llvm as native
from dynagrad.compiler.native import target
from dynagrad.compiler.vmath import BEYOND, BINARY, FUNCTIONS, NEAR, branching

special = pytest.importorskip("scipy.special")

LONG = np.longdouble
is_long = pytest.mark.skipif(
    np.finfo(LONG).nmant < 60, reason="NumPy has no floating point wider than double here"
)
DTYPES = {"float": np.float32, "double": np.float64}
LOOP = """define void @{name}({parameters}, ptr noalias %out, i64 %n) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %{last} ]
{body}
  %next = add i64 %i, {step}
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %exit
exit:
  ret void
}}
"""


def source(name, element, lanes=1, has_fma=True):
    """A module with one function that applies another to arrays, scalar or vector by vector."""
    e = Emitter(has_fma=has_fma)
    e.block = "loop"
    kind = element if lanes == 1 else f"<{lanes} x {element}>"
    plain, _, version = name.partition(":")
    inputs = ["%x", "%y"][: arity(name)]

    def place(array):
        return e.let(f"getelementptr {element}, ptr {array}, i64 %i")

    align = DTYPES[element]().itemsize
    values = [e.let(f"load {kind}, ptr {place(array)}, align {align}") for array in inputs]
    if version == "branching":
        result = branching(e, plain, *values, kind)
    else:
        result = (NEAR if version == "near" else FUNCTIONS)[plain](e, *values, kind)
    e.do(f"store {kind} {result}, ptr {place('%out')}, align {align}")
    parameters = ", ".join(f"ptr noalias {array}" for array in inputs)
    body = "\n".join(e.lines)
    text = LOOP.format(name="f", parameters=parameters, body=body, step=lanes, last=e.block)
    return "\n".join([*e.declared.values(), text])


def arity(name):
    """The number of operands of a function, or of a version of it: `sin:near`, `sin:branching`."""
    return 1 + (name.partition(":")[0] in BINARY)


@cache
def compiled(name, element, lanes, has_fma, where):
    with target.using_target(where):
        library = native.build(source(name, element, lanes, has_fma), cached=False)
    return library.function("f", None, *[ctypes.c_void_p] * (arity(name) + 1), ctypes.c_int64)


def run(name, *inputs, lanes=1, has_fma=True, where="native"):
    """The function of these arrays, whose length is a multiple of `lanes`, in native code."""
    element = {v: k for k, v in DTYPES.items()}[inputs[0].dtype.type]
    out = np.empty_like(inputs[0])
    arrays = [np.ascontiguousarray(x) for x in inputs]
    f = compiled(name, element, lanes, has_fma, where)
    f(*(x.ctypes.data for x in arrays), out.ctypes.data, out.size)
    return out


def ulps(result, exact):
    """Errors in units of the last place of the result's type."""
    with np.errstate(all="ignore"):
        near = exact.astype(result.dtype)
        unit = np.spacing(np.abs(near)).astype(exact.dtype)
        # a result just below the largest number may be rounded to infinity
        largest = np.finfo(result.dtype).max
        unit = np.where(
            np.isfinite(near), unit, largest - np.nextafter(largest, result.dtype.type(0))
        )
        errors = np.abs(result.astype(exact.dtype) - exact) / unit
        same = (np.isnan(result) & np.isnan(exact)) | (result == near)
    return np.where(same & ~np.isfinite(near), 0.0, np.where(np.isnan(errors), np.inf, errors))


def sample(dtype, count):
    """Bit patterns of all kinds, and numbers of common sizes."""
    rng = np.random.default_rng(7)
    if dtype == np.float32:
        bits = np.arange(0, 2**32, 2**32 // count, dtype=np.uint64).astype(np.uint32)
    else:
        bits = rng.integers(0, 2**64, count, dtype=np.uint64)
    limits = (1e-3, 0.5, 1.0, 2.0, 10.0, 100.0, 800.0, 65536.0)
    common = [rng.uniform(-limit, limit, count // 8) for limit in limits]
    common += [np.exp(rng.uniform(-80, 80, count // 8)), rng.uniform(0.5, 2.0, count // 8)]
    return np.concatenate([bits.view(dtype), np.concatenate(common).astype(dtype)])


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def log_of_one_and_exp(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus(x):
    return np.where(x > 20, x, log_of_one_and_exp(x))


#: name -> (reference, bound with fma, bound without), both bounds for float and double
UNARY = {
    "exp": (np.exp, 1.0, 1.25),
    "exp2": (np.exp2, 1.05, 1.25),
    "expm1": (np.expm1, 1.45, 1.5),
    "log": (np.log, 1.0, 1.0),
    "log2": (np.log2, 1.0, 2.0),
    "log10": (np.log10, 1.0, 1.9),
    "log1p": (np.log1p, 1.5, 1.5),
    "sigmoid": (sigmoid, 1.5, 1.5),
    "softplus": (softplus, 1.75, 1.75),
    "logsigmoid": (lambda x: -log_of_one_and_exp(-x), 1.75, 1.75),
    "silu": (lambda x: x * sigmoid(x), 2.4, 2.4),
    "tanh": (np.tanh, 1.4, 1.4),
    "sinh": (np.sinh, 1.75, 1.75),
    "cosh": (np.cosh, 1.4, 1.6),
    "asinh": (np.arcsinh, 1.85, 1.85),
    "acosh": (np.arccosh, 2.0, 2.0),
    "atanh": (np.arctanh, 2.15, 2.15),
    "sin": (np.sin, 0.95, 0.95),
    "cos": (np.cos, 0.95, 0.95),
    "tan": (np.tan, 2.4, 2.45),
    "asin": (np.arcsin, 1.75, 1.8),
    "acos": (np.arccos, 1.25, 1.25),
    "atan": (np.arctan, 2.15, 2.15),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.5, 1.5),
    "sqrt": (np.sqrt, 0.5, 0.5),
    "floor": (np.floor, 0.0, 0.0),
    "ceil": (np.ceil, 0.0, 0.0),
    "trunc": (np.trunc, 0.0, 0.0),
    "round": (np.round, 0.0, 0.0),
}
#: which have no reference in NumPy: these are tested apart
OTHERS = {"erf", "erfc", "gelu", "gelu_tanh"}


def test_every_function_is_tested():
    assert set(FUNCTIONS) == set(UNARY) | OTHERS | BINARY


@is_long
@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors(name, dtype):
    reference, *bounds = UNARY[name]
    x = sample(dtype, 60_000 if dtype == np.float32 else 12_000)
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64 if dtype == np.float32 else LONG))
    for has_fma, bound in zip((True, False), bounds, strict=True):
        result = run(name, x, has_fma=has_fma)
        errors = ulps(result, exact)
        worst = np.argmax(errors)
        assert errors[worst] <= bound, (x[worst], result[worst], exact[worst])
        some = ~np.isnan(result) & (exact != 0)
        if name == "logsigmoid":
            # 0 - 0 for large x, as PyTorch has it: not -0
            some &= result != 0
        np.testing.assert_array_equal(np.signbit(result[some]), np.signbit(exact[some]))


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40]
SPECIAL += [3.0, -3.0, 88.5, -88.5, 104.0, -104.0, 1e30, -1e30, 3e38, -3e38, 16777215.0, -1e-45]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(name, dtype):
    more = [5e-324, 709.5, -745.0, 1e300, -1e300] if dtype == np.float64 else []
    x = np.array(SPECIAL + more, dtype)
    with np.errstate(all="ignore"):
        exact = UNARY[name][0](x)
    result = run(name, x)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(exact))
    np.testing.assert_array_equal(np.isinf(result), np.isinf(exact))
    zero = (exact == 0) if name != "logsigmoid" else np.zeros(x.size, bool)
    np.testing.assert_array_equal(np.signbit(result[zero]), np.signbit(exact[zero]))
    usual = np.isfinite(exact)
    tolerance = {np.float32: 1e-5, np.float64: 1e-13}[dtype]
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(result[usual], exact[usual], rtol=tolerance, atol=tiny)


def test_powers_of_the_base_have_exact_logarithms():
    for dtype in (np.float32, np.float64):
        k = np.arange(-30, 38 if dtype == np.float32 else 300)
        np.testing.assert_array_equal(run("log2", np.ldexp(dtype(1), k)), k)
        tens = np.array([float(f"1e{i}") for i in k], dtype)
        np.testing.assert_array_equal(run("log10", tens), k)


def test_error_function_in_float():
    rng = np.random.default_rng(1)
    x = np.concatenate([sample(np.float32, 60_000), rng.uniform(-5, 5, 60_000).astype(np.float32)])
    with np.errstate(invalid="ignore"):
        exact = special.erf(x.astype(np.float64))
        tail = special.erfc(x.astype(np.float64))
    for has_fma in (True, False):
        assert np.max(ulps(run("erf", x, has_fma=has_fma), exact)) <= 1.25
        assert np.max(ulps(run("erfc", x, has_fma=has_fma), tail)) <= 3.8


def exact_values(f, x):
    """f in many digits, as an array of mpmath's numbers."""
    return [f(v) for v in map(float, x)]


def worst_ulps(result, exact):
    """The largest error of results against numbers of mpmath."""
    units = [np.spacing(np.abs(result.dtype.type(float(v)))) for v in exact]
    rows = zip(result, exact, units, strict=True)
    return max(float(abs(float(r) - v) / float(u)) for r, v, u in rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_error_function_and_gelu_in_many_digits(dtype):
    mp = pytest.importorskip("mpmath").mp.clone()
    mp.prec = 120
    root, factor = mp.sqrt(2), mp.sqrt(2 / mp.pi)

    def gelu_tanh(x):
        u = factor * (x + mp.mpf("0.044715") * mp.mpf(x) ** 3)
        return x / (1 + mp.exp(-2 * u))

    rng = np.random.default_rng(2)
    parts = rng.uniform(-6, 6, 300), rng.uniform(-1, 1, 300), 10 ** rng.uniform(-37, 1, 60)
    x = np.concatenate(parts).astype(dtype)
    near = x[x > -2]
    cases = {
        "erf": (mp.erf, 1.5, x),
        "erfc": (mp.erfc, 3.8, x),
        "gelu": (lambda v: v * mp.erfc(-v / root) / 2, 3.8, x),
        "gelu_tanh": (gelu_tanh, 6.0, near),
    }
    for name, (f, bound, points) in cases.items():
        exact = exact_values(f, points)
        for has_fma in (True, False):
            assert worst_ulps(run(name, points, has_fma=has_fma), exact) <= bound, name


def test_gelu_and_erf_at_the_edges():
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, -3e38], np.float32)
    nan = np.nan
    for name in ("gelu", "gelu_tanh"):
        result = run(name, x)
        np.testing.assert_array_equal(result[:5], [0.0, -0.0, np.inf, nan, nan])
        np.testing.assert_allclose(result[5:], [5e-41, -5e-41, 3e38, 0.0], rtol=1e-4)
        np.testing.assert_array_equal(np.signbit(result[[0, 1, 8]]), [False, True, True])
    np.testing.assert_array_equal(run("erf", x)[:5], [0.0, -0.0, 1.0, -1.0, nan])
    np.testing.assert_array_equal(run("erfc", x)[:5], [1.0, 1.0, 0.0, 2.0, nan])
    np.testing.assert_array_equal(np.signbit(run("erf", x))[:2], [False, True])


def test_angles_of_any_size():
    """Up to the largest double, and the one that is nearest to a multiple of pi / 2."""
    mp = pytest.importorskip("mpmath").mp.clone()
    mp.prec = 1400
    rng = np.random.default_rng(3)
    sizes = np.ldexp(rng.uniform(1, 2, 150), rng.integers(16, 1023, 150))
    nearest = 6381956970095103 * 2.0**797
    x = np.concatenate([[nearest, -nearest], sizes * rng.choice([-1, 1], 150)])
    for name, bound in (("sin", 0.95), ("cos", 0.95), ("tan", 2.4)):
        exact = exact_values(getattr(mp, name), x)
        for has_fma in (True, False):
            assert worst_ulps(run(name, x, has_fma=has_fma), exact) <= bound, name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NEAR)
def test_quick_versions_are_the_same(name, dtype):
    rng = np.random.default_rng(4)
    inputs = tuple(rng.uniform(-65536, 65536, (2, 4000)).astype(dtype))[: arity(name)]
    np.testing.assert_array_equal(run(f"{name}:near", *inputs), run(name, *inputs))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NEAR)
def test_branches_to_the_slow_version(name, dtype):
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(2, 1600)).astype(dtype)
    x[::50] *= dtype(1e30)
    inputs = (x, y)[: arity(name)]
    for lanes in (1, 8):
        result = run(f"{name}:branching", *inputs, lanes=lanes)
        np.testing.assert_array_equal(result, run(name, *inputs))
    assert np.any(result != run(f"{name}:near", *inputs)), "no argument was out of range"


BINARY_REFERENCES = {
    "pow": (np.power, 0.8, 0.8),
    "atan2": (np.arctan2, 2.15, 2.15),
    "hypot": (np.hypot, 1.25, 1.25),
    "fmod": (np.fmod, 0.0, 0.0),
    "remainder": (np.remainder, 0.5, 0.5),
}


@is_long
@pytest.mark.parametrize("name", BINARY_REFERENCES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors_of_two_operands(name, dtype):
    reference, *bounds = BINARY_REFERENCES[name]
    rng = np.random.default_rng(5)
    n = 10_000
    x = np.concatenate([rng.normal(size=n), np.exp(rng.uniform(-80, 80, n))])
    y = np.concatenate([rng.normal(size=n), np.exp(rng.uniform(-80, 80, n))])
    if name == "pow":
        x = np.concatenate([np.exp(rng.uniform(-5, 5, n)), 1 + rng.uniform(-1e-3, 1e-3, n)])
        y = np.concatenate([rng.uniform(-20, 20, n), rng.uniform(-80_000, 80_000, n)])
    x, y = x.astype(dtype), y.astype(dtype)
    with np.errstate(all="ignore"):
        exact = reference(x.astype(LONG), y.astype(LONG))
    for has_fma, bound in zip((True, False), bounds, strict=True):
        result = run(name, x, y, has_fma=has_fma)
        errors = ulps(result, exact)
        worst = np.argmax(errors)
        assert errors[worst] <= bound, (x[worst], y[worst], result[worst], exact[worst])


@pytest.mark.parametrize("name", BINARY_REFERENCES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values_of_two_operands(name, dtype):
    more = [5e-324, -5e-324, 1.7e308, -1.7e308, 2.0**53 - 1] if dtype == np.float64 else []
    values = np.array([*SPECIAL, 7.5, -16777217.0, *more], dtype)
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        exact = BINARY_REFERENCES[name][0](x, y)
    result = run(name, x, y)
    np.testing.assert_allclose(result, exact, rtol=1e-5, atol=0)
    # the sign of a remainder of 0 is the first operand's, as in C; NumPy takes the second's
    zero = (exact == 0) if name != "remainder" else (exact == 0) & (np.signbit(x) == np.signbit(y))
    np.testing.assert_array_equal(np.signbit(result[zero]), np.signbit(exact[zero]))


ALL = sorted(FUNCTIONS) + [f"{name}:near" for name in NEAR]


@pytest.mark.parametrize("name", ALL)
def test_all_code_computes_the_same(name):
    """Scalars and vectors, new CPUs and old: the same bits, for the same use of fma."""
    rng = np.random.default_rng(6)
    cases = (np.float32, 16, False, "x86-64"), (np.float64, 4, True, "x86-64-v3")
    for dtype, lanes, has_fma, where in cases:
        x, y = rng.normal(scale=30.0, size=(2, 480)).astype(dtype)
        values = np.array(SPECIAL, dtype)
        inputs = np.concatenate([x, values[:16]]), np.concatenate([y, values[7:23]])
        inputs = inputs[: arity(name)]
        expected = run(name, *inputs, has_fma=has_fma)
        vectors = run(name, *inputs, lanes=lanes, has_fma=has_fma)
        np.testing.assert_array_equal(vectors, expected)
        try:
            older = run(name, *inputs, has_fma=has_fma, where=where)
        except ValueError:
            continue
        np.testing.assert_array_equal(older, expected)


@pytest.mark.parametrize("name", ["exp", "sigmoid", "sin", "pow", "erf"])
def test_code_for_arm(name):
    ir = source(name, "float", 16) + source(name, "double", 8).replace("@f(", "@g(")
    lines = dict.fromkeys(line for line in ir.splitlines() if line.startswith(("declare", "@")))
    body = [line for line in ir.splitlines() if line not in lines]
    try:
        text = native.assembly_for("\n".join([*lines, *body]), "aarch64-unknown-linux-gnu")
    except native.NativeError as error:
        pytest.skip(str(error))
    assert "fmla" in text
    assert not re.search(r"^\tbl\t", text, re.M)


def test_loops_of_scalars_are_vectorised():
    for name in ("exp", "log", "tanh", "sigmoid", "erf", "sin:near"):
        with target.using_target("native"):
            library = native.build(source(name, "float"), cached=False)
        assert " x float>" in library.optimised_ir(), name


@pytest.mark.parametrize("kind", ["float", "<4 x double>"])
def test_what_is_beyond_the_quick_versions(kind):
    e = Emitter()
    for name, predicate in BEYOND.items():
        operands = ("%x", "%y") if name in BINARY else ("%x",)
        assert predicate(e, *operands, kind).startswith("%")
    assert set(BEYOND) == set(NEAR)


def test_which_targets_have_fma(monkeypatch):
    monkeypatch.setattr(target.platform, "machine", lambda: "x86_64")
    assert not target.has_fma(target.Target("x86-64", ""))
    assert not target.has_fma(target.Target("nehalem", "+sse4.2,-fma"))
    assert target.has_fma(target.Target("x86-64-v3", ""))
    assert target.has_fma(target.Target("znver4", "+avx,+fma"))
    monkeypatch.setattr(target.platform, "machine", lambda: "arm64")
    assert target.has_fma(target.Target("generic", ""))
