"""`out=` as in PyTorch: which dtypes are converted, which refused and how; memory that is read and
written; strides; random values in the order of the memory.
"""

import warnings
from typing import Any

import pytest

import dynagrad

torch = pytest.importorskip("torch")

#: a call with out=o; x is a matrix of floats, i one of integers
SINGLE = """
torch.sin(x, out=o) | torch.abs(x, out=o) | torch.abs(x + 1j, out=o) |
torch.neg(x + 1j, out=o) | torch.floor(i, out=o) | torch.neg(x, out=o)
torch.add(x, i, out=o) | torch.eq(x, x, out=o) | torch.clamp(x, 0, out=o) | torch.pow(x, 2, out=o)
torch.clamp(x, x, out=o) | torch.lerp(x, x, 0.5, out=o) | torch.lerp(x, x, x, out=o)
torch.signbit(x, out=o) | torch.isposinf(x, out=o) | torch.heaviside(x, x, out=o)
torch.nan_to_num(x, out=o) | torch.where(x > 0, x, x, out=o) | torch.bitwise_not(i, out=o)
torch.cumsum(x, 0, out=o) | torch.cumprod(i, 0, out=o) | torch.cumsum(x, 0, dtype=f64, out=o)
torch.logcumsumexp(x, 0, out=o) | torch.msort(x, out=o) | torch.isin(x, x, out=o)
torch.diff(x, 0, out=o) | torch.diff(x, prepend=x[:, :1], out=o) | torch.softmax(x, 0, out=o)
torch.bernoulli(x.abs() / 9, out=o) | torch.normal(x, 1.0, out=o) | torch.tril(x, out=o)
torch.cat((x[:1], x[1:]), out=o) | torch.stack(tuple(x), out=o) | torch.gather(x, 0, i, out=o)
torch.mm(x, x[:, :3].t()[:3, :].t() @ x, out=o) | torch.searchsorted(x, x, out=o)
"""
REDUCED = """
torch.sum(x, 0, out=o) | torch.sum(i, 0, out=o) | torch.sum(x, 0, dtype=f32, out=o)
torch.mean(x, 0, out=o) | torch.mean(i, 0, out=o) | torch.prod(x, 0, out=o)
torch.nansum(x, 0, out=o) | torch.nanmean(x, 0, out=o) | torch.var(x, 0, out=o)
torch.std(x, 0, out=o) | torch.all(i, 0, out=o) | torch.any(i, 0, out=o) | torch.amax(x, 0, out=o)
torch.argmin(x, 0, out=o) | torch.logsumexp(x, 0, out=o) | torch.norm(x, dim=0, out=o)
torch.quantile(x, 0.5, 0, out=o) | torch.any(u, 0, out=o) | torch.norm(x, 1, 0, out=o)
"""
PAIRS = """
torch.max(x, 0, out=(o, p)) | torch.min(x, dim=0, out=[o, p]) | torch.sort(x, 0, out=(o, p))
torch.topk(x, 1, 0, out=(o, p)) | torch.kthvalue(x, 1, 0, out=(o, p)) | torch.mode(x, 0, out=(o, p))
torch.median(x, 0, out=(o, p)) | torch.nanmedian(x, 0, out=(o, p)) | torch.cummax(x, 0, out=(o, p))
torch.cummin(x, 0, out=(o, p)) | torch.sort(x, 0, out=(o, p, p)) | torch.topk(x, 1, out=o)
torch.aminmax(x, dim=0, out=(o, o.clone()))
"""
#: a holds 0 to 5, m is a square matrix, w is written
OVERLAPS = """
torch.exp(a, out=a) | torch.exp(a[1:], out=a[:-1]) | torch.add(a[1:], 1, out=a[:-1])
torch.add(m, m.t(), out=m) | m.add_(m.t()) | a[1:].mul_(a[:-1]) | a[1:].copy_(a[:-1])
torch.clamp(a[1:], 0, 3, out=a[:-1]) | torch.addcmul(a[1:], a[1:], a[1:], out=a[:-1])
torch.maximum(a[1:], a[1:], out=a[:-1]) | torch.cumsum(a[1:], 0, out=a[:-1]) | a[::2].add_(a[1::2])
torch.floor(a[1:], out=a[:-1]) | torch.pow(a[1:], 2, out=a[:-1]) | torch.fmod(a[1:], 2, out=a[:-1])
torch.mul(a, 2, out=torch.zeros(1).expand(6)) | torch.kthvalue(a, 2, out=(a, a.long()))
torch.sin(a.requires_grad_(), out=torch.zeros(6)) | torch.sin(a, out=3) | m.t().add_(m.t())
"""
DTYPES = ("float32", "float64", "int64", "int32", "bool", "uint8", "complex64")


def calls(text: str) -> list[str]:
    return [c.strip() for line in text.strip().splitlines() for c in line.split("|")]


def outcome(lib: Any, call: str, shape: tuple, dtype: str, places: str) -> tuple:
    """What a call comes to: dtype, values and strides of what is written, or the error."""
    x = lib.tensor([[0.5, -1.25, 2.0, 3.5], [1.0, 4.0, -2.5, 0.25], [-0.75, 2.5, 1.5, -3.0]])
    names = {
        "torch": lib,
        "x": x,
        "i": lib.tensor([[2, 0, 1, 1], [0, 1, 2, 0], [1, 2, 0, 2]]),
        "u": lib.tensor([[1, 0, 2, 0]], dtype=lib.uint8),
        "o": lib.zeros(shape, dtype=getattr(lib, dtype)),
        "p": lib.zeros(shape, dtype=getattr(lib, places)),
        "a": lib.arange(6.0),
        "m": lib.arange(4.0).reshape(2, 2),
        "f32": lib.float32,
        "f64": lib.float64,
    }
    lib.manual_seed(3)
    try:
        result = eval(call, names)
    except Exception as error:
        return type(error), str(error).strip()
    results = result if isinstance(result, tuple) else (result,)
    return tuple((str(r.dtype), r.tolist(), r.stride()) for r in results)


def compare(call: str, shape: tuple, dtype: str, places: str = "int64") -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, other = (outcome(lib, call, shape, dtype, places) for lib in (dynagrad, torch))
    if isinstance(other[0], type):
        assert isinstance(mine[0], type), f"no error where PyTorch has {other}"
        assert issubclass(mine[0], other[0]), (mine, other)
        assert mine[1][:24] == other[1][:24]
        return
    assert not isinstance(mine[0], type), mine
    for (kind, values, strides), (kind_there, values_there, strides_there) in zip(
        mine, other, strict=True
    ):
        assert (kind, strides) == (kind_there, strides_there)
        expected = torch.tensor(values_there, dtype=torch.complex128)
        torch.testing.assert_close(torch.tensor(values, dtype=torch.complex128), expected)


@pytest.mark.parametrize("call", calls(SINGLE))
def test_dtypes(call: str) -> None:
    for dtype in DTYPES:
        compare(call, (3, 4), dtype)


@pytest.mark.parametrize("call", calls(REDUCED) + calls(PAIRS))
def test_dtypes_of_reductions(call: str) -> None:
    for dtype in DTYPES:
        compare(call, (4,), dtype)
    compare(call, (4,), "float32", "int32")


@pytest.mark.parametrize("call", calls(OVERLAPS))
def test_memory_read_and_written(call: str) -> None:
    compare(call, (4,), "float32")


@pytest.mark.parametrize(
    "fill",
    [
        lambda lib, o: lib.randn(8, 4, out=o),
        lambda lib, o: lib.rand(8, 4, out=o),
        lambda lib, o: lib.normal(1.0, 2.0, (8, 4), out=o),
        lambda lib, o: lib.bernoulli(lib.full((8, 4), 0.5), out=o),
    ],
    ids=["randn", "rand", "normal", "bernoulli"],
)
def test_random_values_in_the_order_of_memory(fill: Any) -> None:
    drawn = []
    for lib in (dynagrad, torch):
        lib.manual_seed(7)
        drawn.append(fill(lib, lib.zeros(4, 8).t()))
    mine, other = drawn
    assert mine.stride() == other.stride() == (1, 8)
    torch.testing.assert_close(torch.tensor(mine.tolist()), other)


def test_another_size_is_mended_with_a_warning() -> None:
    for lib in (dynagrad, torch):
        x = lib.zeros(2, 3).t()
        o = lib.zeros(5)
        with pytest.warns(UserWarning, match="An output with one or more elements was resized"):
            assert lib.sin(x, out=o) is o
        assert o.shape == (3, 2)
        assert o.stride() == (1, 3)
        empty = lib.empty(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert lib.quantile(x, lib.tensor([0.1, 0.5]), 0, out=empty).stride() == (2, 1)
