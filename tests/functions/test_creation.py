"""Tensors of sizes, ranges and data: values, sharing of memory, errors, old constructors."""

import warnings

import numpy as np
import pytest

import dynagrad as torch
from dynagrad.functions import factory


@pytest.fixture(autouse=True)
def _forget_warnings():
    factory.warned.clear()
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1, 2], torch.int64),
        ([1, 2.0], torch.float32),
        ([True, False], torch.bool),
        ([True, 2], torch.int64),
        ([1, 2j], torch.complex64),
        (3, torch.int64),
        (3.5, torch.float32),
        ([[1.0], [2.0]], torch.float32),
        ([], torch.float32),
        (np.float64(3), torch.float64),
        (np.arange(3, dtype=np.int16), torch.int16),
        ([np.int8(1), 2.5], torch.float32),
    ],
)
def test_dtype_is_inferred(data, dtype) -> None:
    t = torch.tensor(data)
    assert t.dtype is dtype
    assert t.tolist() == np.asarray(data).tolist()
    assert t.is_leaf and not t.requires_grad


def test_dtype_follows_the_default() -> None:
    torch.set_default_dtype(torch.float64)
    assert torch.tensor([1.5]).dtype is torch.float64
    assert torch.tensor([1j]).dtype is torch.complex128
    assert torch.zeros(2).dtype is torch.rand(2).dtype is torch.float64


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([[1, 2], [3, 4, 5]], ValueError, "expected sequence of length 2 at dim 1 .got 3"),
        ([[1, 2], 3], TypeError, "not a sequence"),
        (["a"], ValueError, "too many dimensions 'str'"),
        ("a", TypeError, "invalid data type 'str'"),
        ([None], RuntimeError, "Could not infer dtype of NoneType"),
        ([2**63], ValueError, "Overflow when unpacking long long"),
    ],
)
def test_data_that_are_no_tensor(data, error, text) -> None:
    with pytest.raises(error, match=text):
        torch.tensor(data)


def test_tensor_copies_and_warns_of_a_tensor() -> None:
    x = torch.ones(2)
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        y = torch.tensor(x)
    y.fill_(5)
    assert x.tolist() == [1, 1]
    array = np.ones(2)
    torch.tensor(array).fill_(5)
    assert array.tolist() == [1, 1]


def test_integers_cannot_require_grad() -> None:
    for make in (
        lambda: torch.tensor([1], requires_grad=True),
        lambda: torch.zeros(2, dtype=torch.int64, requires_grad=True),
        lambda: torch.arange(3, requires_grad=True),
    ):
        with pytest.raises(RuntimeError, match="^Only Tensors of floating point and complex"):
            make()
    assert torch.tensor([1.0], requires_grad=True).requires_grad


def test_from_numpy_shares_memory() -> None:
    array = np.zeros(3)
    t = torch.from_numpy(array)
    array[0] = 1
    t[1] = 2
    assert t.tolist() == array.tolist() == [1, 2, 0]
    assert torch.as_tensor(array).numpy() is not None
    assert np.shares_memory(torch.as_tensor(array).numpy(), array)
    assert not np.shares_memory(torch.as_tensor(array, dtype=torch.float32).numpy(), array)


def test_from_numpy_refuses_what_no_tensor_can_show() -> None:
    with pytest.raises(ValueError, match="At least one stride in the given numpy array"):
        torch.from_numpy(np.arange(3)[::-1])
    with pytest.raises(ValueError, match="byte order"):
        torch.from_numpy(np.ones(2, ">f4"))
    with pytest.raises(TypeError, match="can't convert np.ndarray of type numpy.str_"):
        torch.from_numpy(np.array(["a"]))
    with pytest.raises(ValueError, match="not a multiple of the element byte size"):
        torch.from_numpy(np.zeros(3, [("a", "i1"), ("b", "f4")])["b"])


def test_a_read_only_array_warns_once() -> None:
    array = np.ones(2)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        t = torch.from_numpy(array)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.from_numpy(array)
    with pytest.raises(ValueError, match="read-only"):
        t.fill_(1)


def test_a_list_of_arrays_warns() -> None:
    with pytest.warns(UserWarning, match="extremely slow"):
        t = torch.tensor([np.ones(2), np.zeros(2)])
    assert t.dtype is torch.float64 and t.tolist() == [[1, 1], [0, 0]]


def test_frombuffer_shares_memory() -> None:
    buffer = bytearray(np.arange(3, dtype=np.float32).tobytes())
    t = torch.frombuffer(buffer, dtype=torch.float32, offset=4)
    t.fill_(7)
    assert np.frombuffer(buffer, np.float32).tolist() == [0, 7, 7]


def test_sizes_in_every_form() -> None:
    shape = torch.Size([2, 3])
    for t in (
        torch.zeros(2, 3),
        torch.zeros((2, 3)),
        torch.zeros([2, 3]),
        torch.zeros(shape),
        torch.zeros(size=(2, 3)),
        torch.zeros(torch.tensor(2), 3),
        torch.zeros(np.int64(2), 3),
        torch.empty(2, 3),
        torch.Tensor(2, 3),
        torch.rand(2, 3),
    ):
        assert t.shape == shape and isinstance(t.shape, torch.Size)
    assert torch.zeros(()).shape == () and torch.zeros(0, 2).shape == (0, 2)


def test_negative_and_wrong_sizes() -> None:
    with pytest.raises(RuntimeError, match="negative dimension -1"):
        torch.ones(2, -1)
    with pytest.raises(TypeError, match="must be tuple of ints, not float"):
        torch.ones(2.0)
    with pytest.raises(TypeError, match="at pos 2"):
        torch.ones((2, "a"))


def test_only_the_cpu() -> None:
    assert torch.zeros(2, device="cpu").device == torch.device("cpu")
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        torch.zeros(2, device="cuda")


def test_out_keeps_its_dtype_and_takes_the_shape() -> None:
    out = torch.empty(0, dtype=torch.float64)
    assert torch.arange(3, out=out) is out
    assert out.tolist() == [0, 1, 2] and out.dtype is torch.float64
    version = out._version
    torch.zeros(3, out=out)
    assert out._version == version + 1
    with pytest.raises(RuntimeError, match="does not match dtype of out"):
        torch.zeros(3, out=out, dtype=torch.float32)


def test_ranges() -> None:
    assert torch.arange(1, 10, 4).tolist() == [1, 5, 9]
    assert torch.arange(3.0).dtype is torch.float32
    assert torch.arange(0, -3, -1).tolist() == [0, -1, -2]
    assert torch.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    assert torch.logspace(0, 2, 3).tolist() == [1, 10, 100]
    # The last value is computed from the end, and so hits it.
    t = torch.linspace(0.1, 0.7, 23)
    assert t[-1].item() == np.float32(0.7) and t[0].item() == np.float32(0.1)
    with pytest.raises(RuntimeError, match="step must be nonzero"):
        torch.arange(0, 3, 0)
    with pytest.raises(RuntimeError, match="inconsistent with step sign"):
        torch.arange(3, 0)
    with pytest.warns(UserWarning, match="deprecated"):
        assert torch.range(1, 3).tolist() == [1, 2, 3]


def test_like_keeps_the_layout() -> None:
    x = torch.zeros(2, 3).t()
    assert torch.ones_like(x).stride() == (1, 3)
    assert torch.ones_like(x, memory_format=torch.contiguous_format).stride() == (2, 1)
    assert torch.full_like(x, 3, dtype=torch.int64).dtype is torch.int64
    expanded = torch.zeros(1, 3).expand(4, 3)
    assert torch.empty_like(expanded).stride() == (3, 1)


def test_old_constructors() -> None:
    assert torch.Tensor([1, 2]).dtype is torch.float32
    assert torch.LongTensor([1, 2]).dtype is torch.int64
    assert type(torch.DoubleTensor(2, 3)) is torch.Tensor
    assert isinstance(torch.ones(1), torch.FloatTensor)
    assert not isinstance(torch.ones(1), torch.LongTensor)
    assert repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>"
    assert torch.ones(1).type() == "torch.FloatTensor"
    assert torch.ones(1).type("torch.LongTensor").dtype is torch.int64
    x = torch.ones(2)
    torch.Tensor(x).fill_(4)
    assert x.tolist() == [4, 4]


class Named(torch.Tensor):
    def __new__(cls, data, name):
        made = super().__new__(cls, data)
        made.name = name
        return made

    def __init__(self, data, name):
        super().__init__()


def test_subclasses_are_constructed() -> None:
    t = Named([1, 2], "weights")
    assert type(t) is Named and t.name == "weights" and t.dtype is torch.float32
    shared = torch.zeros(2)
    made = torch.Tensor._make_subclass(Named, shared, True)
    assert type(made) is Named and made.is_leaf and made.requires_grad
    with torch.no_grad():
        made.fill_(3)
    assert shared.tolist() == [3, 3]
