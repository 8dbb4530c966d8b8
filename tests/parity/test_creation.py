"""Tensors made of sizes, of ranges and of data: the same as PyTorch's, bit for bit."""

import numpy as np
import pytest
from side_by_side import assert_same, outcome

import dynagrad

torch = pytest.importorskip("torch")

GIVEN = """
x = torch.ones(2, requires_grad=True)
i = torch.ones(2, dtype=torch.int64)
z = torch.ones(2, dtype=torch.complex64)
m = torch.arange(24.).reshape(2, 3, 4)
"""

DATA = """
torch.tensor([1, 2**63])
torch.tensor(2**64)
torch.tensor([-2**63-1])
torch.tensor([-2**63, 2**63-1])
torch.tensor([300], dtype=torch.int8)
torch.tensor([-1], dtype=torch.uint8)
torch.tensor([256], dtype=torch.uint8)
torch.tensor([2**63], dtype=torch.uint64)
torch.tensor([2**33], dtype=torch.int32)
torch.tensor([1.7, -1.7], dtype=torch.int64)
torch.tensor([1.7], dtype=torch.int8)
torch.tensor([float('nan')], dtype=torch.int64)
torch.tensor([1e300], dtype=torch.int64)
torch.tensor([1e300], dtype=torch.float32)
torch.tensor([1e6], dtype=torch.float16)
torch.tensor([0.1, 3], dtype=torch.float16)
torch.tensor([1j], dtype=torch.float32)
torch.tensor([1j], dtype=torch.bool)
torch.tensor([2, 0, 0.5], dtype=torch.bool)
torch.tensor([True, 2.5])
torch.tensor([True, 2])
torch.tensor([1, 2j])
torch.tensor([np.float32(1)])
torch.tensor([np.float64(1)])
torch.tensor(np.float64(1))
torch.tensor(np.int32(1))
torch.tensor([np.int32(1), 2])
torch.tensor([np.int32(1), 2.5])
torch.tensor([np.bool_(1)])
torch.tensor([np.float16(1), 2])
torch.tensor([torch.tensor(1., dtype=torch.float64), 2])
torch.tensor([torch.tensor(1), torch.tensor(2.5)])
torch.tensor([torch.tensor([1, 2]), torch.tensor([2, 3])])
torch.tensor([torch.tensor([1., 2]), torch.tensor([2., 3])])
torch.tensor([torch.tensor([1.]), 2])
torch.tensor([np.array(1.)])
torch.tensor([[1, 2], [3, 4, 5]])
torch.tensor([[1, 2], 3])
torch.tensor([1, [2]])
torch.tensor([1.0, [2]])
torch.tensor([[1, 2], [3, 'a']])
torch.tensor([[[1, 2], [3]]])
torch.tensor('abc')
torch.tensor(['a'])
torch.tensor(b'ab')
torch.tensor([None])
torch.tensor(None)
torch.tensor({1})
torch.tensor({1: 2})
torch.tensor(object())
torch.tensor([])
torch.tensor(())
torch.tensor([[], []])
torch.tensor([[], [1]])
torch.tensor([[1], []])
torch.tensor(range(3))
torch.tensor([range(3), range(3)])
torch.tensor([(1, 2), [3, 4]])
torch.tensor(x)
torch.tensor(x, requires_grad=True)
torch.tensor([1], requires_grad=True)
torch.tensor(3., requires_grad=True)
torch.tensor([1.], dtype=torch.int32, requires_grad=True)
torch.tensor(np.arange(6).reshape(2, 3).T)
torch.tensor(np.array(['a']))
torch.tensor(np.array([1.0], dtype='>f4'))
torch.tensor(np.arange(3)[::-1])
torch.tensor([1.], device='cuda')
torch.tensor([1.], dtype=float)
torch.tensor([1.], dtype='float32')
torch.tensor([1.], dtype=np.float32)
torch.as_tensor(x) is x
torch.as_tensor(x, dtype=torch.float64)
torch.as_tensor([1, 2], dtype=torch.float32)
torch.from_numpy([1])
torch.from_numpy(np.float32(3))
torch.from_numpy(np.arange(3)[::-1])
torch.from_numpy(np.array(['a']))
torch.from_numpy(np.zeros(3, dtype=[('a', 'i1'), ('b', 'f4')])['b'])
torch.from_numpy(np.broadcast_to(np.ones(1), (3,)))
torch.asarray([1, 2])
torch.asarray(x)
torch.asarray(x, requires_grad=False)
torch.asarray(x, copy=True, requires_grad=True)
torch.asarray(np.ones(2), dtype=torch.float32, copy=False)
torch.asarray([1.], copy=False)
torch.asarray(bytearray(b'abcd'))
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.float32)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int16, count=2, offset=2)
torch.frombuffer(bytearray(b'abcdefg'), dtype=torch.float32)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.float32, offset=8)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.float32, offset=-1)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.float32, count=3)
torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.float32, count=0)
torch.frombuffer([1], dtype=torch.float32)
x.new_tensor([1, 2])
i.new_tensor([1.5, 2])
x.new_tensor(x)
"""

SIZES = """
torch.zeros(-1)
torch.zeros(2, -3)
torch.zeros((2, 3.0))
torch.zeros(2.0)
torch.zeros('a')
torch.zeros()
torch.zeros(())
torch.zeros([2, 3])
torch.zeros(torch.tensor(2))
torch.zeros((torch.tensor(2), 3))
torch.zeros(np.int64(2))
torch.zeros(size=(2,))
torch.zeros([2], 3)
torch.zeros(True)
torch.zeros((2, None))
torch.zeros(2, dtype=torch.int64, requires_grad=True)
torch.zeros(2, 3, out=torch.empty(5))
torch.zeros(2, out=torch.empty(2), dtype=torch.int64)
torch.zeros(2, dtype=float)
torch.zeros(2, dtype='f')
torch.zeros(2, layout=torch.strided, device=torch.device('cpu'), pin_memory=False)
torch.ones(2, 0, 3)
torch.ones(-1)
torch.ones(2, dtype=torch.bool)
torch.ones(2, dtype=torch.complex128, requires_grad=True)
torch.full((2,), True)
torch.full((2,), 1)
torch.full((2,), 1.5)
torch.full((2,), 1j)
torch.full(2, 1)
torch.full((2,), torch.tensor(3))
torch.full((2,), torch.tensor(3.5, dtype=torch.float64))
torch.full((2,), torch.tensor(3.5, requires_grad=True))
torch.full((2,), torch.tensor([3.5, 1]))
torch.full((2,), 1.5, dtype=torch.int64)
torch.full((2,), 300, dtype=torch.uint8)
torch.full((2,), -1, dtype=torch.uint8)
torch.full((2,), 1e300)
torch.full((2,), 1e6, dtype=torch.float16)
torch.full((2,), 1e300, dtype=torch.float64)
torch.full((2,), float('inf'), dtype=torch.int64)
torch.full((2,), 'a')
torch.full_like(x, 3)
torch.full_like(i, 3.7)
torch.empty(2, 3, memory_format=torch.channels_last)
torch.empty_strided((2, 3), (1,))
torch.empty_strided((2, 3), (-1, 2))
torch.empty_strided((2, 3), (1, 2)).zero_()
torch.eye(2)
torch.eye(2, 3)
torch.eye(-1)
torch.eye(2, -1)
torch.eye(2.)
torch.eye(2, dtype=torch.bool)
torch.scalar_tensor(3)
torch.scalar_tensor(3j)
torch.scalar_tensor(3, dtype=torch.int8)
x.new_zeros(2, 3)
x.new_zeros((2, 3), dtype=torch.int64)
x.new_full((2,), 3)
i.new_full((2,), 3.5)
x.new_ones(2, dtype=torch.int64)
x.new_ones(2, requires_grad=True)
x.new_empty_strided((2, 2), (1, 2)).zero_()
x.new([1, 2])
i.new([1, 2])
x.new(3).fill_(0)
torch.ones_like(x)
torch.ones_like(x, dtype=torch.int64)
torch.ones_like(x, requires_grad=True)
torch.ones_like(i, requires_grad=True)
torch.zeros_like([1])
torch.zeros_like(m.permute(2, 0, 1))
torch.zeros_like(m.permute(2, 0, 1), memory_format=torch.contiguous_format)
torch.zeros_like(m[:, ::2])
torch.zeros_like(torch.ones(3, 1).expand(3, 4))
torch.zeros_like(torch.ones(1, 3).expand(4, 3))
torch.zeros_like(m.permute(2, 0, 1)[:, :1])
torch.zeros_like(torch.ones(2, 3, 4, 5), memory_format=torch.channels_last)
torch.empty_like(m.transpose(0, 2)).zero_()
torch.Tensor(2, 3).zero_()
torch.Tensor([1, 2])
torch.Tensor((1, 2))
torch.Tensor()
torch.Tensor(2.5)
torch.Tensor(torch.Size([2, 3])).shape
torch.Tensor(i)
torch.Tensor(np.ones(2))
torch.Tensor([[1, 2], [3, 4]])
torch.Tensor(None)
torch.Tensor('a')
torch.Tensor(-1)
torch.Tensor(1, 2.5)
torch.FloatTensor([1, 2])
torch.DoubleTensor(2, 3).shape
torch.LongTensor([1.5, 2])
torch.LongTensor(i)
torch.LongTensor(range(3))
torch.BoolTensor([0, 1])
torch.ByteTensor([1, 255])
torch.HalfTensor([1, 0.1])
torch.CharTensor([1]), torch.ShortTensor([1]), torch.IntTensor([1])
torch.FloatTensor(np.ones(2))
torch.FloatTensor()
torch.FloatTensor
torch.FloatTensor.dtype
isinstance(x, torch.FloatTensor), isinstance(x, torch.LongTensor)
isinstance(i, torch.LongTensor), isinstance(3, torch.LongTensor)
issubclass(torch.FloatTensor, torch.Tensor)
type(torch.FloatTensor(2)) is torch.Tensor
"""

RANGES = """
torch.arange(5)
torch.arange(5.)
torch.arange(1, 2, 0.5)
torch.arange(1, 2.5)
torch.arange(5, 1)
torch.arange(5, 1, -1)
torch.arange(3, 3)
torch.arange(1, 5, 0)
torch.arange(0, 5, float('nan'))
torch.arange(0, float('inf'))
torch.arange(5, dtype=torch.float32)
torch.arange(5, dtype=torch.uint8)
torch.arange(0.5, 5, dtype=torch.int64)
torch.arange(torch.tensor(3))
torch.arange(torch.tensor(3.))
torch.arange(True)
torch.arange(5, dtype=torch.bool)
torch.arange(3, dtype=torch.complex64)
torch.arange('a')
torch.arange(end=3)
torch.arange(start=1, end=3)
torch.arange(1, end=3, step=2)
torch.arange(3, requires_grad=True)
torch.arange(3., requires_grad=True)
torch.arange(3, out=torch.empty(0))
torch.arange(3.5, out=torch.empty(0, dtype=torch.int64))
torch.arange(np.float32(3))
torch.arange(np.int64(3))
torch.arange(-3, 3, 2, dtype=torch.int32)
torch.range(0, 3)
torch.range(1, 2, 0.3)
torch.range(3, 1)
torch.range(0, 3, dtype=torch.int64)
torch.linspace(0, 1, 0)
torch.linspace(3, 10, 1)
torch.linspace(0, 1, -1)
torch.linspace(0, 1j, 3)
torch.linspace(0, 10, 5, dtype=torch.int64)
torch.linspace(torch.tensor(0.), torch.tensor(1.), 3)
torch.linspace(torch.tensor([0., 1]), 1, 3)
torch.linspace(0, 1, steps=3, dtype=torch.bool)
torch.linspace(start=0, end=1, steps=3, requires_grad=True)
torch.logspace(0, 2, 3)
torch.logspace(0, 2, 3, base=2)
torch.logspace(0, 2, 3, dtype=torch.int64)
torch.logspace(0, 10, 4, base=2, dtype=torch.int32)
torch.logspace(0, 1, 1), torch.logspace(0, 1, 0)
torch.logspace(0, 400, 3)
"""


def cases(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.fixture(autouse=True)
def _every_warning():
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@pytest.mark.parametrize("expression", cases(DATA) + cases(SIZES) + cases(RANGES))
def test_as_pytorch(expression: str) -> None:
    reference = outcome(torch, expression, GIVEN)
    assert_same(reference, outcome(dynagrad, expression, GIVEN))


#: PyTorch lists signatures, or says nothing useful: the type of the error is the same.
OWN_WORDS = """
torch.arange()
torch.arange(1, 2, 3, 4)
torch.linspace(0, 1)
torch.linspace(0, 1, 2.5)
torch.tensor()
torch.tensor(1, 2)
torch.tensor([1.], foo=1)
torch.frombuffer(bytearray(b'abcdefgh'))
torch.LongTensor(torch.ones(2))
torch.Tensor([1.], dtype=torch.float64)
torch.zeros(2, names=3, foo=1)
torch.zeros(2, layout=3)
"""


@pytest.mark.parametrize("expression", cases(OWN_WORDS))
def test_errors_in_own_words(expression: str) -> None:
    reference = outcome(torch, expression, GIVEN)
    assert "error" in reference
    assert_same(reference, outcome(dynagrad, expression, GIVEN), own_words=True)


DTYPES = ["float16", "float32", "float64"]


def bits(t) -> bytes:
    return t.numpy().tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_arange_bit_for_bit(dtype: str, rng: np.random.Generator) -> None:
    for _ in range(40):
        n, start, step = int(rng.integers(1, 90)), *rng.normal(0, 3, 2).tolist()
        arguments = start, start + step * (n - 0.5), step
        expected = torch.arange(*arguments, dtype=getattr(torch, dtype))
        found = dynagrad.arange(*arguments, dtype=getattr(dynagrad, dtype))
        assert bits(found) == bits(expected), arguments


@pytest.mark.parametrize("dtype", [*DTYPES, "int32", "complex64"])
@pytest.mark.parametrize("name", ["linspace", "logspace"])
def test_spaces_bit_for_bit(name: str, dtype: str, rng: np.random.Generator) -> None:
    if name == "logspace" and dtype == "complex64":
        pytest.skip("complex powers are the C++ library's own")
    for _ in range(40):
        n, start, end = int(rng.integers(0, 90)), *rng.normal(0, 2, 2).tolist()
        arguments = (start, end, n) if name == "linspace" else (start, end, n, 2.5)
        expected = getattr(torch, name)(*arguments, dtype=getattr(torch, dtype))
        found = getattr(dynagrad, name)(*arguments, dtype=getattr(dynagrad, dtype))
        assert bits(found) == bits(expected), arguments


@pytest.mark.parametrize("default", ["float64", "float16"])
def test_default_dtype(default: str) -> None:
    for module in (torch, dynagrad):
        module.set_default_dtype(getattr(module, default))
    try:
        for expression in (
            "torch.tensor([1.5])",
            "torch.tensor([1.5j])",
            "torch.zeros(2)",
            "torch.arange(2.)",
            "torch.full((2,), 1.5)",
            "torch.Tensor([1, 2])",
            "torch.eye(2)",
        ):
            if default == "float16" and "j" in expression:
                continue
            assert_same(outcome(torch, expression), outcome(dynagrad, expression))
    finally:
        for module in (torch, dynagrad):
            module.set_default_dtype(module.float32)
