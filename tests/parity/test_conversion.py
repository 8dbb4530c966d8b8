"""Conversion, copies and overwriting: values, history, gradients and errors as PyTorch's."""

import math

import numpy as np
import pytest
from side_by_side import assert_same, outcome

import dynagrad

torch = pytest.importorskip("torch")

GIVEN = """
l = torch.tensor([1.5, -2.5], requires_grad=True)
x = l * 1
i = torch.tensor([1, -2])
z = torch.tensor([1+2j, 0j, 1j])
zl = torch.tensor([1+2j], requires_grad=True)
p = torch.arange(24.).reshape(2, 3, 4).permute(2, 0, 1)
class MyT(torch.Tensor): pass
"""

CONVERSIONS = """
x.type()
i.type()
x.type('torch.DoubleTensor')
x.type(torch.DoubleTensor)
x.type(torch.float64)
x.type('torch.FooTensor')
x.type('float64')
x.type(torch.Tensor)
x.type(float)
x.type_as(torch.ones(1, dtype=torch.float64))
x.type_as(x) is x
x.to(torch.float64)
x.to(torch.int64)
x.to(torch.float32) is x
x.to(torch.float32, copy=True)
x.to(torch.ones(1, dtype=torch.float64))
x.to('cpu') is x
x.to('cpu', torch.float64)
x.to('cuda')
x.to(device='cpu', dtype=torch.float16)
x.to() is x
x.to(None) is x
x.to(float)
x.to(torch.float64, True, True)
x.to(torch.device('cpu'), non_blocking=True) is x
x.to(memory_format=torch.channels_last)
torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
p.to(torch.float64)
p.to(torch.float64, memory_format=torch.contiguous_format)
p.double()
torch.ones(1, 3).expand(4, 3).to(torch.float64)
l.to(torch.float32).is_leaf
x.cpu() is x
x.cuda()
x.float() is x
x.double()
x.half()
x.int()
x.long()
x.short()
x.char()
x.byte()
x.bool()
x.cfloat()
x.cdouble()
i.float()
i.bool()
i.long() is i
z.float()
z.bool()
z.int()
z.to(torch.float64)
z.cdouble()
zl.to(torch.float32)
l.clone()
i.clone()
p.clone()
p[:, :, ::2].clone()
torch.ones(1, 3).expand(4, 3).clone()
p.clone(memory_format=torch.contiguous_format)
torch.ones(2, 3).clone(memory_format=torch.channels_last)
torch.ones(2, 3, 4, 5).clone(memory_format=torch.channels_last)
torch.clone(x)
torch.clone(3)
x.fill_(3)
x.fill_(torch.tensor(3.))
x.fill_(x[0])
x.fill_(torch.tensor([3.]))
x.fill_(1j)
i.fill_(3.7)
i.fill_(float('nan'))
i.bool().fill_(3.7)
i.byte().fill_(300)
i.byte().fill_(-1)
torch.fill(x, 3)
torch.fill(i, 3)
torch.fill(x, torch.tensor(2.))
torch.fill_(x, 3)
x.zero_()
torch.zero_(x)
l.zero_()
l.fill_(1)
torch.ones(1, 2).expand(2, 2).zero_()
torch.ones(1, 2).expand(2, 2).fill_(3)
torch.ones(1, 2).expand(2, 2).uniform_()
x.copy_(torch.zeros(2))
x.copy_(x * 2)
x.copy_(torch.zeros(3))
x.copy_(torch.zeros(1))
x.copy_(3)
x.copy_([3, 2])
i.copy_(torch.tensor([1.5, -2.5]))
x.copy_(z[:2])
z.bool().copy_(z)
x.copy_(torch.zeros(2), True)
x.copy_(torch.zeros(2), non_blocking=True)
l.copy_(torch.zeros(2))
x.layout, x.device, x.itemsize, x.nbytes, x.get_device(), x.is_pinned(), x.is_shared()
x.is_cuda, x.is_cpu, x.is_sparse, x.is_quantized, x.is_meta, x.is_mkldnn, x.is_xla
x.layout == torch.sparse_coo, torch.strided, torch.channels_last
torch.promote_types(torch.int8, torch.uint8)
torch.promote_types(torch.float16, torch.int64)
torch.promote_types(torch.int8, 3)
torch.result_type(i, 1.0)
torch.result_type(1, 1.0)
torch.result_type(torch.tensor(1.), torch.tensor([1], dtype=torch.float16))
torch.result_type(i, 1j)
torch.can_cast(torch.float64, torch.int64)
torch.can_cast(torch.float64, torch.float16)
torch.can_cast(torch.int64, torch.bool)
torch.can_cast(torch.complex64, torch.float64)
torch.set_default_dtype(torch.int64)
torch.set_default_tensor_type(torch.LongTensor)
torch.is_tensor(3), torch.is_tensor(x)
torch.set_num_threads(0)
torch.set_num_threads(1.5)
torch.get_default_device()
torch.set_default_device('cpu')
MyT([1, 2])
MyT(2, 3).shape
MyT(x)
torch.Tensor(x)
torch.Tensor(l)
torch.Tensor(i)
type(MyT([1., 2.]) + 1)
type(MyT([1., 2.]).double())
type(MyT([1., 2.]).clone())
torch.Tensor._make_subclass(MyT, torch.ones(2))
torch.Tensor._make_subclass(MyT, torch.ones(2), True)
torch.Tensor._make_subclass(MyT, x, True)
torch.Tensor._make_subclass(MyT, i, True)
torch.Tensor._make_subclass(MyT, 3)
"""


@pytest.fixture(autouse=True)
def _every_warning():
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@pytest.mark.parametrize("expression", CONVERSIONS.strip().splitlines())
def test_as_pytorch(expression: str) -> None:
    reference = outcome(torch, expression, GIVEN)
    torch.set_default_device(None)  # a mode of PyTorch's, which would stay on
    assert_same(reference, outcome(dynagrad, expression, GIVEN))


OWN_WORDS = """
x.to('float64')
x.to(other=x)
x.to('cpu', torch.float64, True, True, True)
x.fill_('a')
torch.result_type('a', 1)
"""


@pytest.mark.parametrize("expression", OWN_WORDS.strip().splitlines())
def test_errors_in_own_words(expression: str) -> None:
    reference = outcome(torch, expression, GIVEN)
    assert "error" in reference
    assert_same(reference, outcome(dynagrad, expression, GIVEN), own_words=True)


DTYPES = """
float16 float32 float64 int8 int16 int32 int64 uint8 bool complex64 complex128
""".split()
#: Values that each kind of dtype has; beyond int64 x86-64 has one answer, and NumPy the same.
NUMBERS = [0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 127.0, 100.9, float("inf"), float("-inf"), float("nan")]


@pytest.mark.parametrize("wanted", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
def test_every_pair_of_dtypes(given: str, wanted: str) -> None:
    values = NUMBERS if given.startswith(("f", "c")) else NUMBERS[:3] + [100, 7]
    if wanted in ("int8", "int16", "uint8") or "int" in wanted:
        values = [v for v in values if v == v and abs(v) != float("inf")]
    if wanted == "uint8":
        values = [v for v in values if v >= 0]
    made = f"torch.tensor({values!r}, dtype=torch.float64).to(torch.{given}).to(torch.{wanted})"
    names = {"inf": float("inf"), "nan": float("nan")}
    reference = outcome(torch, made, names=names)
    found = outcome(dynagrad, made, names=names)
    if "nan" in repr(reference["values"]):
        for r in (reference, found):  # the sign of a nan says nothing
            del r["bits"]
            r["values"] = repr(r["values"]).replace("-nan", "nan")
    assert found == reference


@pytest.mark.parametrize("wanted", ["int8", "int16", "int32", "int64", "uint8"])
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_out_of_range(given: str, wanted: str) -> None:
    """What x86-64 makes of numbers beyond the dtype, for single numbers and for vectors."""
    for count in (1, 70):
        made = (
            f"torch.tensor([300.7, -300.7, 70000., -70000.] * {count}, dtype=torch.{given})"
            f".to(torch.{wanted})"
        )
        assert_same(outcome(torch, made), outcome(dynagrad, made))
    for value in ("3e10", "-3e10"):
        made = f"torch.tensor([{value}], dtype=torch.{given}).to(torch.int64)"
        assert_same(outcome(torch, made), outcome(dynagrad, made))


GRADIENTS = """
lambda x: x.double() * x
lambda x: x.to(torch.float16).float() ** 2
lambda x: x.clone() * x
lambda x: (x * 3).to(torch.float64, copy=True) ** 3
lambda x: (x * 3).fill_(2.) * x
lambda x: (x * 3).fill_(x[0] * x[1]) * x
lambda x: torch.fill(x, x[0]) * x
lambda x: (x * 3).zero_() + x ** 2
lambda x: (x * 3).copy_(x ** 2) ** 2
lambda x: (x * 3).copy_((x ** 3).double()) ** 2
lambda x: (x * 3).copy_((x ** 3)[:1]) ** 2
lambda x: (x * 3).uniform_() * x
lambda x: (x * 3).bernoulli_(x * 0 + 0.5) * x
lambda x: torch.bernoulli(x * 0.1) * x ** 2
lambda x: torch.normal(x, x.detach()) * x
"""


@pytest.mark.parametrize("function", GRADIENTS.strip().splitlines())
def test_gradients_of_both_orders(function: str) -> None:
    found = []
    for module in (torch, dynagrad):
        module.manual_seed(0)
        x = module.tensor([1.5, 2.5, 0.25], requires_grad=True)
        y = eval(function, {"torch": module})(x)
        (first,) = module.autograd.grad(y.sum(), x, create_graph=True)
        second = None
        if first.requires_grad:
            (second,) = module.autograd.grad(first.sum(), x, allow_unused=True)
        found.append([None if g is None else g.detach().numpy() for g in (y, first, second)])
    for reference, ours in zip(*found, strict=True):
        if reference is None:
            assert ours is None or not ours.any()
        else:
            np.testing.assert_allclose(ours, reference, rtol=2e-6)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 4, 5, 2), (2, 1, 4, 4), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", ["channels_last", "channels_last_3d", "contiguous_format"])
def test_contiguous_in_a_format(shape, name):
    found = []
    for lib in (dynagrad, torch):
        format_ = getattr(lib, name)
        x = lib.arange(math.prod(shape)).double().reshape(shape).requires_grad_()
        try:
            y = x.contiguous(memory_format=format_)
        except RuntimeError as error:
            found.append(str(error).split("\n")[0])
            continue
        (y * y).sum().backward()
        told = [t.is_contiguous(memory_format=format_) for t in (x, y, y.exp())]
        found.append((y.stride(), y is x, told, (y + 1).stride(), y.tolist(), x.grad.tolist()))
    assert found[0] == found[1]
