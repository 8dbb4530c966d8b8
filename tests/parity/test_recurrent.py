"""Recurrent layers and cells next to PyTorch's: values, gradients, states, masks, packed input."""

import copy
import itertools
import pickle
import warnings
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kw", [{}, {"bidirectional": True, "batch_first": True}], ids=str)
def test_one_step_and_no_example(kind: str, kw: dict[str, Any]) -> None:
    check(made(kind, 3, 4, **kw), lambda lib, m, tensor: m(tensor(1, 1, 3)))
    n, steps = (0, 2) if kw else (2, 0)
    check(made(kind, 3, 4, **kw), lambda lib, m, tensor: m(tensor(n, steps, 3)))


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


# --- sequences ------------------------------------------------------------------------------------


def pair(run: Any) -> None:
    """The same report of both libraries."""
    same(*[list(flat(run(lib, lib.nn.utils.rnn))) for lib in (dg, torch)])


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_sequence(first: bool, side: str) -> None:
    def run(lib: Any, rnn: Any) -> Any:
        parts = [
            lib.arange(6.0).reshape(3, 2).requires_grad_(),
            lib.ones(1, 2, dtype=lib.float64),
            lib.ones(4, 2).requires_grad_(),
        ]
        padded = rnn.pad_sequence(parts, first, -2.0, side)
        (padded**2).sum().backward()
        flat_ = rnn.pad_sequence([lib.ones(2).long(), lib.ones(3).long()], first)
        wide = lib.ones(1, 1, requires_grad=True)
        spread = rnn.pad_sequence([lib.ones(2, 3), wide], first)
        spread.sum().backward()
        return padded, parts[0].grad, parts[2].grad, flat_, spread, wide.grad

    pair(run)


@pytest.mark.parametrize("first", [False, True])
def test_packing_and_back(first: bool) -> None:
    def run(lib: Any, rnn: Any) -> Any:
        x = lib.arange(24.0, requires_grad=True)
        shaped = x.reshape((2, 4, 3) if first else (4, 2, 3))
        packed = rnn.pack_padded_sequence(shaped, lib.tensor([2, 4]), first, enforce_sorted=False)
        assert type(packed.data.grad_fn).__name__ == "PackPaddedSequenceBackward0"
        padded, lengths = rnn.pad_packed_sequence(packed, first, 7.0, 5)
        (g,) = lib.autograd.grad((padded**3).sum(), x)
        parts = rnn.unpad_sequence(padded.clone(), lengths, first)
        whole = rnn.pack_sequence([lib.ones(3, 2), lib.zeros(2, 2)])
        return list(packed), padded, lengths, g, parts, list(whole), rnn.unpack_sequence(packed)

    pair(run)


def test_packed_sequences_are_values() -> None:
    for lib in (dg, torch):
        rnn = lib.nn.utils.rnn
        packed = rnn.pack_sequence([lib.ones(2), lib.ones(3)], enforce_sorted=False)
        assert packed._fields == ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
        assert packed.cpu() is packed and packed.to("cpu") is packed and not packed.is_cuda
        assert packed.double().data.dtype == lib.float64
        assert packed.to(lib.int8).data.dtype == packed.char().data.dtype == lib.int8
        assert rnn.invert_permutation(None) is None
        assert rnn.invert_permutation(lib.tensor([2, 0, 1])).tolist() == [1, 2, 0]
        copied = pickle.loads(pickle.dumps(packed))
        assert type(copied) is rnn.PackedSequence and copied.batch_sizes.tolist() == [2, 2, 1]
        made_by_hand = rnn.PackedSequence((packed.data, packed.batch_sizes))
        assert made_by_hand.sorted_indices is None


# --- complaints -----------------------------------------------------------------------------------

FAULTS = {
    "too few lengths": "rnn.pack_padded_sequence(z(4, 3, 2), [4, 3])",
    "empty sequence": "rnn.pack_padded_sequence(z(4, 3, 2), [4, 3, 0])",
    "unsorted": "rnn.pack_padded_sequence(z(4, 3, 2), [3, 4, 1])",
    "nothing": "rnn.pack_padded_sequence(z(4, 0, 2), [])",
    "vector": "rnn.pack_padded_sequence(z(4), [3, 2, 1])",
    "lengths of rank 2": "rnn.pack_padded_sequence(z(4, 3, 2), lib.tensor([[3, 2, 1]]))",
    "no sequences": "rnn.pad_sequence([])",
    "no list": "rnn.pad_sequence(3)",
    "widths": "rnn.pad_sequence([z(2, 2), z(3, 3)])",
    "wider": "rnn.pad_sequence([z(2, 1), z(3, 3)])",
    "more dimensions": "rnn.pad_sequence([z(2), z(3, 1)])",
    "one number": "rnn.pad_sequence([z(2), z()])",
    "no tensor": "rnn.pad_sequence([z(2, 2), [1]])",
    "side": "rnn.pad_sequence([z(2), z(3)], padding_side='top')",
    "unsorted list": "rnn.pack_sequence([z(2, 2), z(3, 2)])",
    "short": "rnn.pad_packed_sequence(rnn.pack_sequence([z(3, 2)]), total_length=2)",
    "input size": "nn.LSTM(2, 2)(z(3, 2, 5))",
    "rank": "nn.GRU(2, 2)(z(2))",
    "cell size": "nn.LSTM(2, 2)(z(3, 2, 2), (z(1, 2, 2), z(1, 3, 2)))",
    "hidden size": "nn.LSTM(2, 2)(z(3, 2, 2), (z(1, 3, 2), z(1, 2, 2)))",
    "state": "nn.RNN(2, 2)(z(3, 2, 2), z(1, 3, 2))",
    "ranks of states": "nn.LSTM(2, 2)(z(3, 2, 2), (z(2, 2), z(2, 2)))",
    "states without batch": "nn.LSTM(2, 2)(z(3, 2), (z(1, 1, 2), z(1, 1, 2)))",
    "rank of state": "nn.GRU(2, 2)(z(3, 2), z(1, 1, 2))",
    "dtype": "nn.LSTM(2, 2)(z(3, 2, 2).double())",
    "no steps": "nn.LSTM(2, 2)(z(0, 2, 2))",
    "packed size": "nn.GRU(2, 2)(rnn.pack_sequence([z(3, 5)]))",
    "dropout": "nn.LSTM(2, 2, dropout=1.5)",
    "dropout that drops nothing": "nn.LSTM(2, 2, dropout=0.5)",
    "float size": "nn.LSTM(2.0, 2)",
    "no size": "nn.LSTM(0, 2)",
    "projection": "nn.LSTM(2, 2, proj_size=2)",
    "projected GRU": "nn.GRU(2, 2, proj_size=1)",
    "nonlinearity": "nn.RNN(2, 2, nonlinearity='x')",
    "bias": "nn.LSTM(2, 2, bias=1)",
    "batch_first": "nn.LSTM(2, 2, 1, True, 1)",
    "layers": "nn.LSTM(2, 2, 0)",
    "mode": "nn.RNNBase('X', 2, 2)",
    "argument": "nn.LSTM(2, 2, foo=True)",
    "cell rank": "nn.RNNCell(2, 3)(z(1, 1, 2))",
    "cell input": "nn.GRUCell(2, 3)(z(1, 5))",
    "cell batch": "nn.GRUCell(2, 3)(z(2, 2), z(3, 3))",
    "cell state rank": "nn.LSTMCell(2, 3)(z(2, 2), (z(1, 2, 3), z(2, 3)))",
    "cell states": "lib.lstm_cell(z(2, 3), [z(2, 2)], z(8, 3), z(8, 2))",
    "cell nonlinearity": "nn.RNNCell(2, 3, nonlinearity='x')(z(1, 2))",
    "one state": "lib.lstm(z(4, 2, 3), (z(1, 2, 2),), [z(8, 3)] * 2, False, 1, 0.0, *[False] * 3)",
}


@pytest.mark.parametrize("name", FAULTS)
def test_complaints(name: str) -> None:
    told = []
    for lib in (dg, torch):
        scope = {"lib": lib, "nn": lib.nn, "rnn": lib.nn.utils.rnn, "z": lib.zeros}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                eval(FAULTS[name], scope)
                error = None
            except Exception as raised:
                error = (type(raised).__name__, str(raised).split("\n")[0])
        told.append((error, [str(w.message) for w in caught]))
    assert told[0] == told[1]
    assert told[0] != (None, [])


def test_lengths_beyond_the_padding() -> None:
    # PyTorch reads past the end of the memory
    with pytest.raises(RuntimeError, match="at most 4"):
        dg.nn.utils.rnn.pack_padded_sequence(dg.zeros(4, 2, 1), [5, 4])
