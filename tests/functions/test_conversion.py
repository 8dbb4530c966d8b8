"""Conversion, copies, overwriting: identity, history, gradients, versions, layouts."""

import subprocess
import sys

import numpy as np
import pytest

import dynagrad as torch
from dynagrad.functions import factory
from dynagrad.ops.layout import memory_axes


@pytest.fixture(autouse=True)
def _forget_warnings():
    factory.warned.clear()


def test_nothing_to_do_gives_the_tensor_itself() -> None:
    x = torch.ones(2)
    for same in (x.to(torch.float32), x.float(), x.to("cpu"), x.cpu(), x.type_as(x), x.to(x)):
        assert same is x
    assert x.to(torch.float32, copy=True) is not x


def test_conversion_is_recorded() -> None:
    x = torch.tensor([1.5, 2.5], requires_grad=True)
    y = x.double()
    assert y.dtype is torch.float64 and y.grad_fn.name() == "ToCopyBackward0"
    (y * y).sum().backward()
    assert x.grad.dtype is torch.float32 and x.grad.tolist() == [3, 5]
    assert not x.long().requires_grad and x.long().tolist() == [1, 2]


def test_complex_to_real_warns_and_bool_does_not() -> None:
    z = torch.tensor([1 + 2j, 3j, 0j])
    assert z.bool().tolist() == [True, True, False]
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        assert z.float().tolist() == [1, 0, 0]


def test_unknown_types_and_devices() -> None:
    x = torch.ones(2)
    with pytest.raises(ValueError, match="invalid type: 'torch.FooTensor'"):
        x.type("torch.FooTensor")
    with pytest.raises(AssertionError, match="CUDA"):
        x.to("cuda:0")
    with pytest.raises(AssertionError, match="CUDA"):
        x.cuda()
    with pytest.raises(RuntimeError):
        x.to("float64")
    with pytest.raises(RuntimeError, match="accelerator"):
        x.pin_memory()


def test_clone_has_its_own_memory_and_passes_gradients() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.clone()
    assert y.grad_fn.name() == "CloneBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]
    with torch.no_grad():
        y.fill_(9)
    assert x.tolist() == [1, 2]


def test_layout_of_copies() -> None:
    x = torch.arange(24.0).reshape(2, 3, 4)
    assert x.permute(2, 0, 1).clone().stride() == (1, 12, 4)
    assert x.permute(2, 0, 1).clone(memory_format=torch.contiguous_format).stride() == (6, 3, 1)
    image = torch.zeros(2, 3, 4, 5)
    last = image.to(memory_format=torch.channels_last)
    assert last.stride() == (60, 1, 15, 3)
    assert last.to(memory_format=torch.channels_last) is last
    with pytest.raises(RuntimeError, match="required rank 4"):
        x.clone(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("shape", "strides", "axes"),
    [
        ((2, 3), (3, 1), (0, 1)),
        ((2, 3), (1, 2), (1, 0)),
        ((4, 3), (0, 1), (0, 1)),
        ((3, 4), (1, 0), (0, 1)),
        ((4, 2, 3), (1, 12, 4), (1, 2, 0)),
        ((), (), ()),
    ],
)
def test_memory_axes(shape, strides, axes) -> None:
    assert memory_axes(shape, strides) == axes


def test_fills_write_in_place_and_end_the_gradient() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    version = y._version
    assert y.fill_(5) is y and y._version == version + 1
    assert y.grad_fn.name() == "FillBackward2"
    (y * x).sum().backward()
    assert x.grad.tolist() == [5, 5]
    value = torch.tensor(2.0, requires_grad=True)
    z = torch.zeros(3)
    z.fill_(value)
    z.sum().backward()
    assert value.grad.item() == 3
    assert (x * 1).zero_().grad_fn.name() == "ZeroBackward0"


def test_fill_of_a_view_reaches_the_base() -> None:
    x = torch.ones(2, 2, requires_grad=True)
    y = x * 2
    y[0].zero_()
    assert y.tolist() == [[0, 0], [2, 2]]
    y.sum().backward()
    assert x.grad.tolist() == [[0, 0], [2, 2]]


def test_leaves_refuse_to_be_overwritten() -> None:
    x = torch.ones(2, requires_grad=True)
    for overwrite in (x.zero_, lambda: x.fill_(1), lambda: x.copy_(torch.ones(2)), x.normal_):
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
            overwrite()
    assert x.tolist() == [1, 1]


def test_numbers_that_do_not_fit() -> None:
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.zeros(1, dtype=torch.uint8).fill_(300)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.full((1,), 1e300)
    assert torch.full((1,), -1, dtype=torch.uint8).item() == 255


def test_copy_broadcasts_and_converts() -> None:
    x = torch.zeros(2, 3, dtype=torch.int64)
    x.copy_(torch.tensor([1.9, 2.1, -1.5]))
    assert x.tolist() == [[1, 2, -1]] * 2
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        x.copy_(torch.zeros(2))
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        x.copy_([1, 2, 3])
    source = torch.ones(3, requires_grad=True)
    y = torch.zeros(2, 3)
    y.copy_(source)
    assert type(y.grad_fn).__name__ == "CopyBackwards"
    y.sum().backward()
    assert source.grad.tolist() == [2, 2, 2]


def test_properties() -> None:
    x = torch.zeros(2, 3, dtype=torch.float64)
    assert x.device == torch.device("cpu") and x.layout is torch.strided
    assert (x.itemsize, x.nbytes, x.is_cpu, x.is_cuda) == (8, 48, True, False)


def test_promotion() -> None:
    assert torch.promote_types(torch.int8, torch.uint8) is torch.int16
    assert torch.result_type(torch.tensor([1, 2]), 1.0) is torch.float32
    assert torch.can_cast(torch.int64, torch.uint8)
    assert not torch.can_cast(torch.float32, torch.int64)
    with pytest.raises(TypeError, match="must be torch.dtype, not int"):
        torch.promote_types(torch.int8, 3)


def test_threads() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.get_num_threads() == 1
        np.testing.assert_allclose(np.ones((64, 64)) @ np.ones((64, 64)), 64)
    finally:
        torch.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive integer"):
        torch.set_num_threads(0)


def test_default_tensor_type() -> None:
    try:
        with pytest.warns(UserWarning, match="deprecated"):
            torch.set_default_tensor_type(torch.DoubleTensor)
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("call", ["x.bfloat16()", "x.to(torch.bfloat16)"])
def test_without_the_optional_packages(call) -> None:
    program = f"""
import sys
sys.modules |= dict.fromkeys(("ml_dtypes", "scipy"))
import dynagrad as torch
x = torch.ones(2)
assert x.half().dtype is torch.float16 and x.dtype != torch.bfloat16
try:
    {call}
except ImportError as error:
    assert "pip install 'dynagrad[bfloat16]'" in str(error)
else:
    raise AssertionError("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
