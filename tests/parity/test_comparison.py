"""Comparisons and tests of elements against PyTorch: values, dtypes, shapes."""

import numpy as np
import pytest

import dynagrad
from dynagrad.core.tensor import Tensor, wrap

torch = pytest.importorskip("torch")

VALUES = [0.0, -0.0, 1.0, -1.0, 1.0 + 1e-9, 2.5, float("inf"), float("-inf"), float("nan")]
NAMES = "eq ne lt le gt ge not_equal less less_equal greater greater_equal".split()
OPERATORS = [
    "x == y",
    "x != y",
    "x < y",
    "x <= y",
    "x > y",
    "x >= y",
    "x == 1",
    "2.5 > x",
    "x != 1",
]
TESTS = "isnan isinf isfinite isposinf isneginf signbit isreal logical_not".split()
DTYPES = ["bool", "uint8", "int64", "float16", "float32", "float64"]


def run(module, text, arrays):
    tensors = [torch.from_numpy(a.copy()) if module is torch else wrap(a.copy()) for a in arrays]
    result = eval(text, {"m": module, **dict(zip("xy", tensors, strict=False))})
    if isinstance(result, Tensor):
        return result._a
    return result.numpy() if isinstance(result, torch.Tensor) else result


def same(text, *arrays):
    """The two libraries give the same value, dtype and shape."""
    ours, theirs = run(dynagrad, text, arrays), run(torch, text, arrays)
    assert type(ours) is type(theirs)
    if isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs, strict=True)
    else:
        assert ours == theirs


@pytest.mark.parametrize(
    "text", OPERATORS + [f"m.{n}(x, y)" for n in NAMES] + [f"x.{n}(y)" for n in NAMES]
)
@pytest.mark.parametrize("shapes", [((9, 1), (9,)), ((9,), ()), ((0,), (1,))], ids=str)
def test_comparisons(text, shapes):
    x, y = (np.resize(np.array(VALUES), s) if 0 not in s else np.zeros(s) for s in shapes)
    same(text, x, y)
    same(text, x.astype(np.float32), y)


@pytest.mark.parametrize(
    "text", [*OPERATORS, "m.logical_and(x, y)", "m.logical_or(x, y)", "m.logical_xor(x, y)"]
)
@pytest.mark.parametrize("first", DTYPES)
def test_comparisons_of_types(text, first):
    for second in DTYPES:
        same(text, np.array([0, 1, 1]).astype(first), np.array([1, 0, 1]).astype(second))


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("dtype", [*DTYPES[1:], "complex64"])
def test_of_one_tensor(name, dtype):
    if dtype == "complex64" and name in ("isposinf", "isneginf", "signbit"):
        pytest.skip("not defined for complex numbers; the errors are compared elsewhere")
    values = np.array(VALUES if np.dtype(dtype).kind in "fc" else [0, 1, 2]).astype(dtype)
    same(f"m.{name}(x)", values)


@pytest.mark.parametrize("method", ["isclose", "allclose"])
@pytest.mark.parametrize("rest", ["", ", rtol=0.1", ", atol=2.0", ", equal_nan=True"])
def test_closeness(method, rest):
    x = np.array(VALUES)
    same(f"m.{method}(x, y{rest})", x, x + 1e-9)
    same(f"x.{method}(y{rest})", x[:6], x[:6] * 1.05)
    same(f"m.{method}(x, y{rest})", np.repeat(x, 9), np.tile(x, 9))
    same(f"m.{method}(x, y{rest})", np.array([1, 2, 30]), np.array([1, 3, 31]))


@pytest.mark.parametrize(
    "text",
    ["m.equal(x, y)", "x.equal(x)", "m.is_floating_point(x)", "m.is_complex(x)", "m.isin(x, y)"]
    + ["m.isin(x, y, invert=True)", "m.isin(x, 1)", "m.where(x > 1)", "x == 'a'", "x != None"]
    + ["x == [1, 2]", "x.eq_(y)", "x.lt_(2)", "x.logical_not_()", "m.is_nonzero(x[:1].clone())"],
)
def test_others(text):
    x, y = np.array([1.0, 2.0, 3.0]), np.array([3.0, 3.0, 1.0])
    if "where" in text:
        ours, theirs = run(dynagrad, text, [x]), run(torch, text, [x])
        np.testing.assert_array_equal(ours[0]._a, theirs[0].numpy(), strict=True)
    else:
        same(text, x, y)
