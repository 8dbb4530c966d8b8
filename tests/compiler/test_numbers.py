"""Floats as arguments that differ from call to call, and numbers that tensors gave: what is made of
them is what Python makes of them.
"""

import math
import operator
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import dynagrad as torch  # noqa: E402

INF, NAN = math.inf, math.nan
FEW = (0.25, 0.25, 1.5, -2.75, 0.5, 0.75, 1.5)
ALL = (*FEW, 0.0, -0.0, 1e300, INF, -INF, NAN, NAN, 1e-300, 3, True, 2.0, np.float64(0.5), 2**70)


def outcome(f: Callable, x: Any, n: Any) -> Any:
    """What a call gives, by the bit, or its error; with the gradient of its sum."""
    x = x.clone().requires_grad_() if x.is_floating_point() else x.clone()
    try:
        found = f(x, n)
        if isinstance(found, torch.Tensor) and found.requires_grad:
            found.sum().backward()
    except Exception as error:
        return type(error), str(error)
    parts = found if isinstance(found, tuple) else (found, x.grad)
    return [p if p is None else repr(p) if not _is_tensor(p) else _bits(p) for p in parts]


def _is_tensor(x: Any) -> bool:
    return isinstance(x, torch.Tensor)


def _bits(x: Any) -> Any:
    a = x.detach().numpy()
    return a.dtype, a.shape, np.where(np.isnan(a), 0, a).tobytes(), np.isnan(a).tobytes()


def check(f: Callable, values: tuple, x: Any = None) -> Any:
    """Compare the compiled function with the plain one for these numbers; the compiled one."""
    compiled = torch.compile(f, mode="bitwise")
    x = torch.tensor([0.5, -1.25, 3.0]) if x is None else x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in values:
            assert outcome(compiled, x, n) == outcome(f, x, n), n
    return compiled


#: arithmetic that takes any float with one course
ARITHMETIC = {
    "x * n": lambda x, n: x * n,
    "n * x": lambda x, n: n * x,
    "x + n": lambda x, n: x + n,
    "x - n": lambda x, n: x - n,
    "x / n": lambda x, n: x / n,
    "torch.mul": torch.mul,
    "x + (1 - n) * 0.5": lambda x, n: x + (1 - n) * 0.5,
    "result": lambda x, n: (x * n, n, -n),
    "type": lambda x, n: x * (2.0 if type(n) is float else 3.0) * n,
    "isinstance": lambda x, n: x * n if isinstance(n, float) else x,
    "not read": lambda x, n: x * 2,
}


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_float_that_differs_becomes_an_input(name: str, dtype: Any) -> None:
    f = ARITHMETIC[name]
    check(f, ALL, torch.tensor([0.5, -1.25, 3.0], dtype=dtype))
    compiled = check(f, (*FEW, *[0.1 * i for i in range(20)]))
    assert len(compiled.variants) == 2 and compiled.eager == 0


#: what wants to know the value
DECIDED = {
    "branch": lambda x, n: x * n if n > 0.6 else x + n,
    "math": lambda x, n: x * math.sin(n),
    "text": lambda x, n: (x * 2, f"{n:.3f}"),
    "int": lambda x, n: x * int(n),
    "round": lambda x, n: x * round(n),
    "floor": lambda x, n: x * math.floor(n),
    "divmod": lambda x, n: x * divmod(n, 0.4)[1],
    "reflected divmod": lambda x, n: x * divmod(4.0, n)[1],
    "key": lambda x, n: x * {0.25: 2.0, 1.5: 3.0}.get(n, 4.0),
    "member": lambda x, n: x * (2.0 if n in (0.25, 0.5) else 3.0),
    "set": lambda x, n: x * (2.0 if n in {0.25, 0.5} else 3.0),
    "truth": lambda x, n: x * 2 if n else x,
    "max": lambda x, n: x * max(n, 0.5),
    "class": lambda x, n: x * (2.0 if n.__class__ is float else 3.0),
    "complex": lambda x, n: x * (n * 1j).imag + (2j * n).imag + (1j + n).real,
    "power of a number": lambda x, n: x * (abs(n) + 0.1) ** 3 * 2.0**n,
    "identity": lambda x, n: x * n if n < 0.6 else x * (2.0 if n is FEW[2] else 3.0),
    "operator": lambda x, n: x * operator.mul(1j, n).imag,
    "scalar": lambda x, n: x * float(np.float64(2.0) * n),
    "real": lambda x, n: x * n.real + n.imag,
    "hex": lambda x, n: (x, n.hex()),
    "range": lambda x, n: x * len(range(int(n))),
    "clamp": lambda x, n: x.clamp(min=n),
    "full": lambda x, n: torch.full((3,), n) * x,
    "tensor": lambda x, n: torch.tensor(n) * x,
    "compare": lambda x, n: (x > n) * x,
    "alpha": lambda x, n: x.add(x, alpha=n),
}


@pytest.mark.parametrize("name", DECIDED)
def test_what_wants_the_value_gets_it(name: str) -> None:
    check(DECIDED[name], FEW)
    check(DECIDED[name], ALL)


@pytest.mark.parametrize("dtype", [torch.float16, torch.int64, torch.bool, torch.complex64])
def test_other_dtypes(dtype: Any) -> None:
    for f in (ARITHMETIC["x * n"], ARITHMETIC["x + n"], ARITHMETIC["x / n"]):
        check(f, ALL, torch.tensor([1, 2, 3]).to(dtype))


def test_keywords_and_containers() -> None:
    def f(x: Any, *, scale: float, options: dict) -> Any:
        return x * scale + options["shift"]

    compiled = torch.compile(f)
    x = torch.ones(3)
    for n in FEW:
        given = {"shift": 1.0}
        assert compiled(x, scale=n, options=given).tolist() == f(x, scale=n, options=given).tolist()
    assert len(compiled.variants) == 2
    assert "any float" in str(compiled.explain())


def test_a_step_with_a_rate_that_falls() -> None:
    def run(compile_it: bool) -> Any:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 3)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)

        def step(x: Any, weight: float) -> Any:
            optimizer.zero_grad()
            loss = (layer(x) ** 2).mean() * weight + layer.bias.abs().sum() * (1 - weight)
            loss.backward()
            optimizer.step()
            return loss.detach()

        wanted = torch.compile(step) if compile_it else step
        losses = [wanted(torch.ones(5, 4), 1 / (k + 1)).item() for k in range(12)]
        return wanted, losses

    compiled, losses = run(True)
    torch.testing.assert_close(torch.tensor(losses), torch.tensor(run(False)[1]))
    assert len(compiled.variants) == 2
    assert compiled.variants[1].course.runs >= 8


def test_a_backward_pass_keeps_the_number_of_its_call() -> None:
    f = torch.compile(lambda x, n: x * n + n)
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    for n in (2.0, 3.0, 4.0):
        f(x, n)
    first, second = f(x, 5.0), f(x, 7.0)
    assert torch.autograd.grad(first.sum(), x)[0].tolist() == [5.0, 5.0]
    assert torch.autograd.grad(second.sum(), x)[0].tolist() == [7.0, 7.0]


@pytest.mark.parametrize("name", [n for n in DECIDED if n not in ("tensor", "range")])
def test_numbers_that_tensors_gave(name: str) -> None:
    f = DECIDED[name]
    check(lambda x, n: f(x.detach(), (x.detach()[:1] * n).item()), FEW)


_SCALARS = [
    np.float32(0.1), np.float16(0.1), np.float64(0.1), np.int64(3), np.int8(3), np.uint8(2),
    np.bool_(True), np.complex64(1j),
]  # fmt: skip
_BINARY = [eval(f"lambda a, b: a {sign} b") for sign in "+ - * / // % ** < <= > >= == !=".split()]  # noqa: S307


@pytest.mark.parametrize("scalar", _SCALARS, ids=lambda s: type(s).__name__)
def test_numpy_scalars_beside_numbers_that_tensors_gave(scalar: Any) -> None:
    def told(f: Callable, *pair: Any) -> Any:
        try:
            found = f(*pair)
        except TypeError as error:
            return type(error)
        return type(found), repr(found)

    def step(x: torch.Tensor) -> Any:
        n = x.sum().item()
        found = [told(f, *pair) for f in _BINARY for pair in ((scalar, n), (n, scalar))]
        array = np.ones(2, np.float32)
        found += [told(f, np.array([scalar]), n) for f in _BINARY]
        found += [repr(array + n), repr(n * array), repr(np.where([True, False], n, array))]
        array += n
        return [*found, repr(array), repr(np.sqrt(n)), repr(np.add(scalar, n))]

    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in (0.1, 0.1, 0.7):
            assert compiled(torch.ones(2) * k) == step(torch.ones(2) * k)


def test_a_total_keeps_its_dtype() -> None:
    kept = {"t": np.float32(0.1)}

    @torch.compile
    def step(x: torch.Tensor) -> None:
        kept["t"] += x.sum().item()

    expected = kept["t"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            x = torch.ones(2) * 0.1 * k
            step(x)
            expected += x.sum().item()
            assert (type(kept["t"]), kept["t"]) == (np.float32, expected)


def test_the_class_of_a_number_that_a_tensor_gave() -> None:
    check(lambda x, n: x * (2.0 if type(x.sum().item()) is float else 3.0), FEW)


def test_an_int_stays_a_constant() -> None:
    compiled = torch.compile(lambda x, n: x * n)
    assert [compiled(torch.ones(1), n).item() for n in (1, 2, 1, 2)] == [1, 2, 1, 2]
    assert len(compiled.variants) == 2
    with pytest.warns(UserWarning, match="an int is a constant of its course"):
        for n in range(12):
            compiled(torch.ones(1), n)


def test_the_stack_keeps_its_counts() -> None:
    number = 123.456
    before = sys.getrefcount(float)
    check(lambda x, n: x * (n if type(n) is float else 3.0), (0.1, 0.2, number, *FEW) * 20)
    assert abs(sys.getrefcount(float) - before) < 200
