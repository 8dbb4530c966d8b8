"""Reductions, norms, extremes and running sums against PyTorch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from same_calls import as_array, both, check, check_error, inf, nan  # noqa: E402

RNG = np.random.default_rng(5)
A = RNG.standard_normal((3, 4))
B = RNG.standard_normal((2, 3, 4))
TIES = np.array([[1.0, 3.0, 3.0], [5.0, 2.0, 5.0]])
ZEROS = np.array([[0.0, 2.0, -3.0], [0.0, 0.0, 1.5]])

REDUCING = """
x.sum()
x.sum(0)
x.sum(-1, True)
x.sum((0, 1))
x.sum(())
x.sum(dim=None)
x.sum(dim=None, keepdim=True)
x.sum(axis=1, keepdims=True)
x.sum([0])
T.sum(x, 1)
x.mean()
x.mean(0)
x.mean(-1, keepdim=True)
x.mean((0, 1))
x.mean(())
x.mean(dim=None)
x.nansum()
x.nansum(0)
x.nanmean()
x.nanmean(1, True)
x.prod()
x.prod(0)
x.prod(-1, True)
x.var()
x.var(0)
x.var(1, False)
x.var(0, True, True)
x.var(unbiased=False)
x.var(False)
x.var((0, 1), correction=2)
x.var(0, correction=0.5)
x.std()
x.std(0)
x.std(-1, keepdim=True, correction=0)
T.var_mean(x)
T.var_mean(x, 0, keepdim=True)
T.std_mean(x)
T.std_mean(x, 1)
x.max()
x.max(0)
x.max(-1, True)
x.max(axis=0, keepdims=True)
x.max(x * 2)
x.min()
x.min(0)
x.min(1, keepdim=True)
T.min(x, x * x)
x.amax()
x.amax(0)
x.amax((0, 1), True)
x.amin(-1)
x.amin()
x.aminmax()
x.aminmax(dim=0)
x.aminmax(dim=1, keepdim=True)
x.argmax()
x.argmax(0)
x.argmin(1, True)
x.argmin(keepdim=True)
x.logsumexp(0)
x.logsumexp((0, 1), True)
x.logsumexp(-1)
x.norm()
x.norm(2)
x.norm('fro', 0)
x.norm(1)
x.norm(1, -1)
x.norm(inf)
x.norm(-inf)
x.norm(inf, 0, True)
x.norm(0)
x.norm(3)
x.norm(0.5)
x.norm(1.5, dim=1)
x.norm(3, (0, 1), keepdim=True)
T.norm(x, 2, 0)
T.dist(x, x * x)
T.dist(x, x * x, 1)
T.dist(x, x * x, inf)
T.dist(x, x[:1] * 2, 3)
x.cumsum(0)
x.cumsum(-1)
x.cumprod(0)
x.cumprod(-1)
x.logcumsumexp(0)
x.logcumsumexp(-1)
x.cummax(0)
x.cummin(-1)
x.diff()
x.diff(2)
x.diff(dim=0)
x.diff(prepend=x, append=x)
x.diff(0)
x.diff(9)
x.any()
x.any(0)
x.all(-1, True)
x.all((0, 1))
x.count_nonzero()
x.count_nonzero(0)
x.count_nonzero((0, 1))
x.t().sum(0)
x.t().mean()
x.t().cumsum(0)
""".strip().splitlines()

#: calls whose points lie where some derivative has a corner, in which PyTorch's choice counts
CORNERS = [c for c in REDUCING if "x * x" not in c and "[:1]" not in c]


@pytest.mark.parametrize("call", REDUCING)
def test_double(call):
    check(call, A, strict="_mean" not in call)


@pytest.mark.parametrize("call", CORNERS)
def test_ties(call):
    check(call, TIES, strict="_mean" not in call)


#: second derivatives at a zero, where PyTorch's formulas divide and give nan or drop terms
DIVIDES = ("prod", "norm(3", "norm(0.5", "norm(1.5", "norm('fro', 0", "norm(x, 2, 0")


@pytest.mark.parametrize("call", CORNERS)
def test_zeros(call):
    order = 1 if any(name in call for name in DIVIDES) else 2
    check(call, ZEROS, order=order, strict="_mean" not in call)


@pytest.mark.parametrize("call", REDUCING)
def test_float32(call):
    check(call, A.astype(np.float32), order=1, rtol=1e-5 if "dist" in call else 4e-6)


@pytest.mark.parametrize("call", [c for c in REDUCING if "x.t()" not in c and "log" not in c])
def test_half(call):
    if "norm" not in call and "dist" not in call and "(0, 1), True" not in call:
        check(call, np.abs(A).astype(np.float16), order=0, rtol=4e-3)


@pytest.mark.parametrize(
    "call",
    "x.sum(1) x.sum((0,2)) x.mean((0,2),True) x.prod(1) x.var((1,2)) x.max(1) x.amax((0,2)) "
    "x.logsumexp((0,2)) x.norm(2,(0,2)) x.cumsum(1) x.cumprod(1) x.logcumsumexp(1) x.cummax(1) "
    "x.std(1) x.transpose(0,2).sum(1) x.argmax(1) x.argmax() x.nansum((0,1)) x.diff(dim=1)".split(),
)
def test_middle_dimensions(call):
    check(call, B)


@pytest.mark.parametrize(
    "call",
    "x.sum() x.sum(0) x.sum(-1) x.mean() x.mean(0) x.prod() x.prod(0) x.max() x.max(0) x.amax() "
    "x.amax(0) x.aminmax() x.aminmax(dim=0) x.logsumexp(0) x.norm() x.norm(1,0) x.cumsum(0) "
    "x.cumprod(0) x.cummax(0) x.logcumsumexp(0) x.argmax() x.argmax(0) x.any() x.all(0) "
    "x.nansum() x.count_nonzero() x.var() x.std(correction=0) x.sum(0,True)".split(),
)
def test_scalars(call):
    check(call, np.array(1.5), order=1 if "var" in call else 2)


@pytest.mark.parametrize(
    "call",
    "x.sum() x.sum(1) x.sum(0) x.mean() x.mean(0) x.prod() x.prod(0) x.nansum() x.var() x.std(0) "
    "x.max(1) x.amax(1) x.norm() x.norm(2,0) x.norm(0) x.cumsum(0) x.cumprod(0) x.cummax(1) "
    "x.logcumsumexp(0) x.logsumexp(0) x.logsumexp(1) x.any() x.all() x.any(0) x.all(0) "
    "x.count_nonzero() x.argmax(1) x.diff(dim=0)".split(),
)
def test_empty(call):
    check(call, np.empty((0, 3)), order=1)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize(
    "call",
    [
        *"x.sum() x.sum(0) x.sum(1,True) x.prod() x.prod(0) x.cumsum(0) x.cumprod(1) x.nansum() "
        "x.max() x.max(0) x.min(1) x.amax(0) x.amin() x.aminmax() x.any() x.any(0) x.all(1) "
        "x.count_nonzero(0) x.cummax(0) x.logsumexp(0) x.max(x) x.diff()".split(),
        *"x.sum(dtype=T.float32) x.sum(0,dtype=T.int32) x.mean(dtype=T.float32) "
        "x.prod(dtype=T.float64) x.prod(0,dtype=T.int16) x.cumsum(0,dtype=T.float32) "
        "x.argmax() x.argmin(1) x.mean() x.mean(0) x.var() x.std(0) T.var_mean(x) x.norm() "
        "x.logcumsumexp(0) x.nanmean()".split(),
    ],
)
def test_integers(call, dtype):
    array = np.array([[1, 0, 3], [1, 2, 3]]).astype(dtype)
    _, _, ours, theirs = both(call, array)
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs))
        assert str(ours).startswith(str(theirs).split("\n")[0])
    else:
        check(call, array, order=0)


@pytest.mark.parametrize(
    "call",
    "x.sum() x.sum(0) x.mean() x.mean(1) x.prod() x.prod(0) x.cumsum(0) x.cumprod(1) x.var() "
    "x.var(0) x.std() x.norm() x.norm(2,0) x.norm(1) x.norm(3) T.var_mean(x) "
    "x.any(0) x.logsumexp(0)".split(),
)
def test_complex(call):
    check(call, A + 1j * A[::-1], order=1)


@pytest.mark.parametrize(
    "call",
    "x.sum(dtype=T.float32) x.sum(0,dtype=T.float32) x.mean(dtype=T.float32) "
    "x.mean(1,dtype=T.float32) x.prod(dtype=T.float32) x.cumsum(0,dtype=T.float32) "
    "x.nansum(dtype=T.float32)".split(),
)
def test_other_dtype(call):
    check(call, A, order=1, rtol=1e-6)


def test_norm_in_a_wider_dtype():
    check("T.norm(x, 2, dtype=T.float64)", A.astype(np.float32), order=1)
    check("T.norm(x, 3, 0, dtype=T.float64)", A.astype(np.float32), order=1)


@pytest.mark.parametrize(
    "call",
    "x.sum() x.nansum() x.nansum(0) x.nanmean() x.nanmean(0) x.mean() x.max() x.max(0) x.min(1) "
    "x.amax() x.amin(0) x.aminmax() x.argmax() x.argmin(0) x.cummax(0) x.cummin(1) x.cumsum(0) "
    "x.prod() x.any() x.logsumexp(0) x.norm(inf) x.var(0)".split(),
)
def test_nan(call):
    check(call, np.array([[1.0, nan, 3.0], [2.0, 5.0, nan]]), order=1)


@pytest.mark.parametrize(
    "values", [(-inf, 1.0), (-inf, -inf), (inf, 1.0), (inf, -inf), (900.0, 901.0)]
)
@pytest.mark.parametrize("call", ["x.logsumexp(0)", "x.logsumexp(())", "x.max()", "x.sum(0)"])
def test_infinities(call, values):
    if call == "x.logsumexp(())":
        call = "x.logsumexp((0,))"
    check(call, np.array(values), order=1)


@pytest.mark.parametrize("values", [(-inf, 1.0, 2.0), (1.0, -inf, 2.0), (900.0, 901.0, -5.0)])
def test_infinities_in_running_log_sums(values):
    check("x.logcumsumexp(0)", np.array(values), order=1)


@pytest.mark.parametrize("call", ["x.prod()", "x.cumprod(0)"])
def test_second_derivative_of_products_at_zeros(call):
    for values in ((0.0, 2.0, 3.0), (2.0, 0.0, 3.0), (0.0, 0.0, 3.0), (2.0, 3.0, 0.0)):
        x = torch.tensor(values, dtype=torch.float64)
        f = {"x.prod()": lambda t: t[0] * t[1] * t[2]}.get(
            call, lambda t: t[0] + 2 * t[0] * t[1] + 3 * t[0] * t[1] * t[2]
        )
        expected = torch.autograd.functional.hessian(f, x).numpy()
        np.testing.assert_allclose(hessian(call, np.array(values)), expected)


def hessian(call, values):
    """Our second derivatives of a product, or of the running products' sum with weights 1, 2, 3."""
    from dynagrad.autograd.differentiate import grad
    from dynagrad.core.tensor import wrap

    x, _, y, _ = both(call, values, requires_grad=True)
    weight = wrap(np.array(1.0) if y._a.ndim == 0 else np.array([1.0, 2.0, 3.0]))
    (g,) = grad(y, x, weight, create_graph=True)
    rows = [grad(g, x, wrap(row), retain_graph=True)[0]._a for row in np.eye(3)]
    return np.array(rows)


#: a call, the shape that it fails on, and whether the messages begin alike
ERRORS = [
    ("x.max()", (0,)), ("x.max(0)", (0,)), ("x.min(1)", (2, 0)), ("x.amax()", (0,)),
    ("x.amax(1)", (2, 0)), ("x.aminmax()", (0,)), ("x.argmax()", (0,)), ("x.argmin(0)", (0,)),
    ("x.norm(inf)", (0,)), ("x.norm(-1)", (0,)), ("x.sum(5)", (2, 2)), ("x.max(-3)", (2, 2)),
    ("x.sum((0, 0))", (2, 2)), ("x.mean((0, -2))", (2, 2)), ("x.amax((1, 1))", (2, 2)),
    ("x.var(5)", (2, 2)), ("x.cumsum(2)", (2, 2)), ("x.cummax(2)", (2, 2)), ("x.sum(0, 1)", (2, 2)),
    ("x.diff()", ()), ("x.diff(-1)", (3,)), ("x.norm('abc')", (2, 2)), ("T.sum(3)", (2,)),
    ("T.sum([1])", (2,)), ("T.dist(x, 3)", (2,)), ("x.cumsum(1)", ()),
    ("x.max(x[0, :1].expand(3))", (2, 2)), ("x.norm(2, dtype=T.float16)", (2, 2)),
]  # fmt: skip


@pytest.mark.parametrize("call, shape", ERRORS)
def test_errors(call, shape):
    ours, theirs = check_error(call, np.ones(shape))
    first = theirs.split("\n")[0].rstrip(".")
    assert ours.startswith(first[:60])


@pytest.mark.parametrize(
    "call",
    ["x.sum('a')", "x.max(dim=(0, 1))", "x.prod((0, 1))", "x.prod(None)", "x.logsumexp()",
     "x.cumsum()", "x.sum(dim=0.5)", "x.argmax((0, 1))", "x.var(0, unbiased=True, correction=1)",
     "x.all('b')", "x.max(0, 3)", "x.sum(foo=1)"],
)  # fmt: skip
def test_type_errors(call):
    check_error(call, np.ones((2, 2)))


@pytest.mark.parametrize(
    "shape, dim",
    [
        ((5000, 7), 0),
        ((3, 4000, 5), 1),
        ((7, 5000), 1),
        ((300, 40, 30), (0, 2)),
        ((90, 90, 9), None),
    ],
)
def test_long_float32_sums_are_as_accurate(shape, dim):
    x = (np.random.default_rng(1).random(shape) + 1).astype(np.float32)
    for call in ("sum", "mean"):
        text = f"x.{call}()" if dim is None else f"x.{call}({dim})"
        _, _, ours, theirs = both(text, x)
        exact = getattr(x.astype(np.float64), call)(dim)
        np.testing.assert_allclose(as_array(ours), exact, rtol=2e-6)
        assert ours._a.dtype == np.float32 and theirs.dtype == torch.float32
        _, _, flipped, _ = both(text.replace("x.", "x.mT.mT."), x)
        np.testing.assert_allclose(as_array(flipped), exact, rtol=2e-6)


@pytest.mark.parametrize("n", [3, 5000, 1_000_003])
def test_long_float32_norms_are_as_accurate(n):
    x = (np.random.default_rng(1).random(n) + 1).astype(np.float32)
    for call in ("x.norm()", "x.norm(keepdim=True)", "x.var()", "x.logsumexp(0)"):
        _, _, ours, theirs = both(call, x)
        exact = both(call, x.astype(np.float64))[3].numpy()
        np.testing.assert_allclose(as_array(ours), exact, rtol=2e-6)
        assert as_array(ours).shape == tuple(theirs.shape)
