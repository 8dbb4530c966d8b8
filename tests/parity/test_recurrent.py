"""Recurrent layers and cells next to PyTorch's: values, gradients, states, masks, packed input."""

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")

CLOSE = {"float32": {"rtol": 2e-5, "atol": 1e-4}, "float64": {"rtol": 1e-10, "atol": 1e-12}}


def same(ours: Any, theirs: Any, **tolerance: float) -> None:
    """Two tensors, or nested tuples of them, agree."""
    if theirs is None or isinstance(theirs, tuple | list):
        assert type(ours) is type(theirs) or isinstance(theirs, tuple | list)
        for a, b in zip(ours or (), theirs or (), strict=True):
            same(a, b, **tolerance)
        return
    assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
    a, b = ours.detach().double().numpy(), theirs.detach().double().numpy()
    tolerance = tolerance or CLOSE.get(str(theirs.dtype).split(".")[-1], {})
    np.testing.assert_allclose(a, b, **tolerance)


def made(kind: str, *args: Any, seed: int = 3, **kw: Any) -> list[tuple[Any, Any]]:
    """The same module of both libraries, with the libraries."""
    found = []
    for lib in (dg, torch):
        lib.manual_seed(seed)
        found.append((lib, getattr(lib.nn, kind)(*args, **kw)))
    return found


def report(lib: Any, module: Any, run: Any, dtype: str = "float64") -> list[Any]:
    """The results of `run(lib, module, tensor)`, and the gradients of all that it made."""
    rng, leaves = np.random.default_rng(5), []

    def tensor(*shape: int, grad: bool = True) -> Any:
        t = lib.from_numpy(rng.normal(size=shape).astype(dtype))
        leaves.append(t.requires_grad_() if grad else t)
        return t

    lib.manual_seed(11)
    results = list(flat(run(lib, module.to(getattr(lib, dtype)), tensor)))
    wanted = [t for t in (*leaves, *module.parameters()) if t.requires_grad]
    loss = sum((r * (r + 0.5)).sum() for r in results if r.requires_grad)
    return [*results, *lib.autograd.grad(loss, wanted)]


def flat(thing: Any) -> Any:
    if isinstance(thing, tuple | list):
        for part in thing:
            yield from flat(part)
    elif thing is not None:
        yield thing


def check(pairs: list[tuple[Any, Any]], run: Any, dtype: str = "float64") -> None:
    ours, theirs = [report(lib, module, run, dtype) for lib, module in pairs]
    same(ours, theirs)


KINDS = ("RNN", "LSTM", "GRU")
SETTINGS = [
    {},
    {"bias": False},
    {"batch_first": True, "num_layers": 2},
    {"bidirectional": True},
    {"bidirectional": True, "num_layers": 2, "batch_first": True, "bias": False},
    {"num_layers": 3, "dropout": 0.4, "bidirectional": True},
]
CALLS = [(kind, kw) for kind, kw in itertools.product(KINDS, SETTINGS)]
CALLS += [("RNN", {"nonlinearity": "relu", "num_layers": 2})]
CALLS += [("LSTM", {"proj_size": 2, **kw}) for kw in SETTINGS]


def states(kind: str, module: Any, tensor: Any, n: int | None) -> Any:
    layers = module.num_layers * (2 if module.bidirectional else 1)
    lead = [layers] if n is None else [layers, n]
    h = tensor(*lead, module.proj_size or module.hidden_size)
    return (h, tensor(*lead, module.hidden_size)) if kind == "LSTM" else h


@pytest.mark.parametrize(("kind", "kw"), CALLS, ids=str)
def test_layers(kind: str, kw: dict[str, Any]) -> None:
    pairs = made(kind, 3, 4, **kw)
    check(pairs, lambda lib, m, tensor: m(tensor(5, 2, 3)))
    n = 5 if kw.get("batch_first") else 2
    check(pairs, lambda lib, m, tensor: m(tensor(5, 2, 3), states(kind, m, tensor, n)))
    check(pairs, lambda lib, m, tensor: m(tensor(5, 3)))
    check(pairs, lambda lib, m, tensor: m(tensor(5, 3, grad=False), states(kind, m, tensor, None)))


@pytest.mark.parametrize(("kind", "kw"), CALLS, ids=str)
@pytest.mark.parametrize("lengths", [(4, 2, 2, 1), (2, 4, 1, 3), (3, 3, 3, 3)], ids=str)
def test_packed(kind: str, kw: dict[str, Any], lengths: tuple[int, ...]) -> None:
    first = kw.get("batch_first", False)

    def run(lib: Any, m: Any, tensor: Any) -> Any:
        rnn = lib.nn.utils.rnn
        x = tensor(4, 4, 3)
        packed = rnn.pack_padded_sequence(x, list(lengths), first, enforce_sorted=False)
        out, hidden = m(packed, states(kind, m, tensor, 4) if lengths[0] == 2 else None)
        assert isinstance(out, rnn.PackedSequence)
        return *rnn.pad_packed_sequence(out, first, -1.5, 6), hidden, out.data

    check(made(kind, 3, 4, **kw), run)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kw", [{}, {"bidirectional": True, "num_layers": 2}], ids=str)
def test_single_precision_of_larger_layers(kind: str, kw: dict[str, Any]) -> None:
    # wide enough that the products are cut into parts
    pairs = made(kind, 40, 128, **kw)
    check(pairs, lambda lib, m, tensor: m(tensor(6, 64, 40)), "float32")


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells(kind: str) -> None:
    def hx(m: Any, tensor: Any, *lead: int) -> Any:
        h = tensor(*lead, m.hidden_size)
        return (h, tensor(*lead, m.hidden_size)) if kind == "LSTMCell" else h

    for bias in (True, False):
        pairs = made(kind, 3, 4, bias)
        check(pairs, lambda lib, m, tensor: m(tensor(2, 3)))
        check(pairs, lambda lib, m, tensor: m(tensor(3)))
        check(pairs, lambda lib, m, tensor: m(tensor(2, 3), hx(m, tensor, 2)))
        check(pairs, lambda lib, m, tensor: m(tensor(3), hx(m, tensor)))
    if kind == "RNNCell":
        check(made(kind, 3, 4, nonlinearity="relu"), lambda lib, m, tensor: m(tensor(2, 3)))


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_graphs_of_cells(kind: str) -> None:
    def names(node: Any) -> list[Any]:
        parts = [names(n) for n, _ in node.next_functions if n is not None]
        return [type(node).__name__, *parts]

    results = [next(iter(flat(m(lib.ones(2, 3))))) for lib, m in made(kind, 3, 4)]
    ours, theirs = [names(r.grad_fn) for r in results]
    assert ours == theirs


@pytest.mark.parametrize(("kind", "kw"), CALLS, ids=str)
def test_parameters(kind: str, kw: dict[str, Any]) -> None:
    (_, ours), (_, theirs) = made(kind, 3, 4, **kw)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, p in theirs.named_parameters():
        np.testing.assert_array_equal(ours.get_parameter(name).detach(), p.detach())
    assert repr(ours) == repr(theirs)
    assert ours._all_weights == theirs._all_weights
    assert [[tuple(w.shape) for w in ws] for ws in ours.all_weights] == [
        [tuple(w.shape) for w in ws] for ws in theirs.all_weights
    ]
    assert ours.__constants__ == theirs.__constants__


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives(kind: str) -> None:
    def run(lib: Any, m: Any, tensor: Any) -> Any:
        x = tensor(3, 2, 3)
        y, h = m(x)
        loss = (y * y).sum() + sum((s**3).sum() for s in flat(h))
        (g,) = lib.autograd.grad(loss, x, create_graph=True)
        return g

    check(made(kind, 3, 4, num_layers=2, bidirectional=True), run)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_half(kind: str, dtype: str) -> None:
    results = []
    for lib, m in made(kind, 3, 4, num_layers=2):
        m.to(getattr(lib, dtype))
        x = lib.linspace(-1, 1, 30).reshape(5, 2, 3).to(getattr(lib, dtype)).requires_grad_()
        y, h = m(x)
        y.sum().backward()
        results.append((y, h, x.grad, m.weight_hh_l0.grad))
    same(*results, rtol=3e-2, atol=3e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_transforms(kind: str) -> None:
    module = made(kind, 3, 4)[0][1].double()
    params = dict(module.named_parameters())
    x = dg.randn(6, 5, 2, 3, dtype=dg.float64)

    def loss(p: Any, v: Any) -> Any:
        return dg.func.functional_call(module, p, (v,))[0].square().sum()

    alone = [dg.func.grad(loss)(params, v) for v in x]
    found = dg.func.vmap(dg.func.grad(loss), in_dims=(None, 0))(params, x)
    for name, value in found.items():
        same(value, dg.stack([g[name] for g in alone]), rtol=1e-9, atol=1e-10)
    _, pushed = dg.func.jvp(lambda v: loss(params, v), (x[0],), (x[1],))
    pulled = (dg.func.grad(lambda v: loss(params, v))(x[0]) * x[1]).sum()
    same(pushed, pulled, rtol=1e-9, atol=1e-10)


def test_modules_in_the_hands_of_users() -> None:
    (lib, m), _ = made("LSTM", 3, 4)
    x = lib.ones(2, 1, 3)
    expected = m(x)[0]
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        same(other(x)[0], expected)
        other.flatten_parameters()
        other.weight_ih_l0.data.zero_()
        assert not lib.equal(other(x)[0], expected)
        same(m(x)[0], expected)
    m.weight_hh_l0 = lib.nn.Parameter(lib.zeros(16, 4))
    assert m._flat_weights[1] is m.weight_hh_l0
    assert m.double()._flat_weights[1].dtype == lib.float64
