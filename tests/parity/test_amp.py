"""Mixed precision against PyTorch's: which dtype every operation has in a region, the modes, and
GradScaler.
"""

import copy
import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from opdb.entries import ENTRIES, counterpart, key_of  # noqa: E402
from opdb.translate import Untranslatable, flat, is_tensor, numbers, ours  # noqa: E402

import dynagrad  # noqa: E402

LIBRARIES = (dynagrad, torch)
NARROW = {torch.float32: torch.bfloat16, torch.bfloat16: torch.bfloat16}

#: where the dtypes differ, and why
KNOWN = {
    "linalg.matrix_power": "powers by repeated squaring; PyTorch inverts in float32 and multiplies",
    "nn.functional.linear_cross_entropy": "its loss is float32; PyTorch's in chunks is not",
    "svd_lowrank": "float32 throughout; PyTorch multiplies in 16 bits between decompositions",
    "pca_lowrank": "the same",
    "tensordot": "16 bits also where the result is one number, which PyTorch sums in float32",
}


def results(op, sample):
    """The dtypes and values of a call in a region; the type of the error if there is one."""
    try:
        with torch.autocast("cpu"):
            their_value = op.op(sample.input, *sample.args, **sample.kwargs)
    except Exception:
        return None
    mine = counterpart(op.op, op.name)
    args = ours((sample.input, *sample.args))
    kwargs = ours(sample.kwargs)
    with dynagrad.autocast("cpu"):
        value = mine(*args, **kwargs)
    return value, their_value


def described(value):
    return [str(x.dtype).rpartition(".")[2] for x in flat(value) if is_tensor(x)]


FEW = [op for k, op in enumerate(ENTRIES) if k % 8 == 0]
TREATED = {
    *("matmul", "mm", "bmm", "addmm", "baddbmm", "addbmm", "einsum", "tensordot", "prod", "trace"),
    *("__rmatmul__", "linalg.vecdot", "linalg.multi_dot", "linalg.inv", "linalg.svd", "cdist"),
    *("nn.functional.linear", "nn.functional.conv2d", "nn.functional.prelu", "cat", "stack", "mv"),
    *("nn.functional.scaled_dot_product_attention", "nn.functional.mse_loss", "index_copy"),
    *("nn.functional.cross_entropy", "nn.functional.pad", "nn.functional.grid_sample", "qr"),
    *("nn.functional.layer_norm", "nn.functional.batch_norm", "nn.functional.group_norm", "outer"),
    *("nn.functional.bilinear", "nn.functional.max_pool3d", "nn.functional.avg_pool2d", "addr"),
    *("softmax", "log_softmax", "nn.functional.gelu", "nn.functional.embedding", "quantile"),
    *("nn.functional.multi_head_attention_forward", "nn.functional.conv_transpose2d", "addmv"),
}


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "op", [op for op in ENTRIES if op.name in TREATED or op in FEW], ids=key_of
)
def test_dtypes_in_a_region(op, kind):
    if kind not in op.supported_dtypes("cpu") or op.name in KNOWN:
        pytest.skip("not of this dtype")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in list(op.sample_inputs("cpu", kind))[:4]:
            try:
                found = results(op, sample)
            except Untranslatable:
                continue
            if found is None:
                continue
            value, other = found
            assert described(value) == described(other)
            if op.name in TREATED:
                for x, y in zip(flat(value), flat(other), strict=True):
                    if is_tensor(x) and x.dtype.is_floating_point:
                        a, b = numbers(x).astype(np.float64), numbers(y).astype(np.float64)
                        scale = np.abs(b[np.isfinite(b)]).max(initial=1e-3)
                        np.testing.assert_allclose(a, b, rtol=3e-2, atol=1e-2 * scale)


def train(t, kind, scaled):
    t.manual_seed(0)
    model = t.nn.Sequential(t.nn.Linear(6, 16), t.nn.ReLU(), t.nn.LayerNorm(16), t.nn.Linear(16, 3))
    optimiser = t.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = t.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3, enabled=scaled)
    x = (t.arange(48.0).view(8, 6) % 7) / 7
    y = t.arange(8) % 3
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        with t.autocast("cpu", dtype=getattr(t, kind)):
            loss = t.nn.functional.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
        losses.append(loss.item())
    return losses, scaler.state_dict(), str(model[0].weight.grad.dtype)[-7:]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_a_model_trains_to_the_same_losses(kind, scaled):
    (mine, state, dtype), (other, their_state, their_dtype) = (
        train(t, kind, scaled) for t in LIBRARIES
    )
    np.testing.assert_allclose(mine, other, rtol=2e-2 if kind == "bfloat16" else 2e-3)
    assert state == their_state
    assert dtype == their_dtype


def modes(t):
    return (
        t.is_autocast_enabled("cpu"),
        str(t.get_autocast_dtype("cpu")).rpartition(".")[2],
        t.is_autocast_enabled(),
        t.is_autocast_cache_enabled(),
    )


def test_modes_nest_and_are_restored():
    found = []
    for t in LIBRARIES:
        seen = [modes(t)]
        with t.autocast("cpu"):
            seen.append(modes(t))
            with t.autocast("cpu", dtype=t.float16, cache_enabled=False):
                seen.append(modes(t))
                with t.autocast("cpu", enabled=False):
                    seen.append(modes(t))
                    seen.append(str((t.ones(2, 2) @ t.ones(2, 2)).dtype)[-7:])
                seen.append(str((t.ones(2, 2) @ t.ones(2, 2)).dtype)[-7:])
            seen.append(modes(t))

        @t.autocast("cpu")
        def product(a, t=t):
            return t.mm(a, a)

        seen += [modes(t), str(product(t.ones(2, 2)).dtype)[-8:], str(t.mm(t.eye(2), t.eye(2)))]
        seen.append(str((t.ones(2, 2).double() @ t.ones(2, 2).double()).dtype)[-7:])
        found.append(seen)
    assert found[0] == found[1]


def test_weights_are_converted_once():
    for cached, nodes in ((True, 1), (False, 2)):
        for t in LIBRARIES:
            w = t.ones(2, 2, requires_grad=True)
            x = t.ones(2, 2)
            with t.autocast("cpu", cache_enabled=cached):
                a, b = x @ w, x @ w
            converted = {y.grad_fn.next_functions[1][0] for y in (a, b)}
            assert len(converted) == nodes
            (a.sum() + b.sum()).backward()
            assert w.grad.tolist() == [[4, 4], [4, 4]]
            assert w.grad.dtype == t.float32


@pytest.mark.parametrize("given", [None, "float32"])
def test_functions_of_ones_own(given):
    found = []
    for t in LIBRARIES:
        seen = []
        cast = {} if given is None else {"cast_inputs": getattr(t, given)}

        class Product(t.autograd.Function):
            @staticmethod
            @t.amp.custom_fwd(device_type="cpu", **cast)
            def forward(ctx, a, b, t=t, seen=seen):
                seen.append((str(a.dtype)[-8:], t.is_autocast_enabled("cpu")))
                ctx.save_for_backward(a, b)
                return a @ b

            @staticmethod
            @t.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g, t=t, seen=seen):
                seen.append((str(g.dtype)[-8:], t.is_autocast_enabled("cpu")))
                a, b = ctx.saved_tensors
                return (g @ b.t()).to(a.dtype), (a.t() @ g).to(b.dtype)

        a = t.ones(2, 2, requires_grad=True)
        with t.autocast("cpu"):
            y = Product.apply(a * 1, t.ones(2, 2).bfloat16() if given else t.ones(2, 2))
        y.sum().backward()
        found.append((seen, a.grad.tolist()))
    assert found[0] == found[1]


def with_infinite_gradient(t, scaler, optimiser, p, value):
    optimiser.zero_grad()
    scaler.scale(p.sum() * value).backward()
    scaler.step(optimiser)
    scaler.update()
    return scaler.get_scale(), p.detach().tolist(), scaler.state_dict()


def test_infinite_steps_are_left_out_and_the_factor_adapts():
    found = []
    for t in LIBRARIES:
        p = t.ones(2, requires_grad=True)
        optimiser = t.optim.SGD([p], lr=0.1)
        scaler = t.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
        values = (1.0, float("inf"), 2.0, 3.0, float("nan"), 1.0)
        seen = [with_infinite_gradient(t, scaler, optimiser, p, v) for v in values]
        scaler.scale([p.sum(), (p * 2,)])[0].backward()
        scaler.unscale_(optimiser)
        seen.append(p.grad.tolist())
        scaler.update(8.0)
        seen.append(scaler.get_scale())
        clone = pickle.loads(pickle.dumps(scaler))
        seen.append(clone.state_dict())
        fresh = t.amp.GradScaler("cpu")
        fresh.load_state_dict(copy.deepcopy(scaler.state_dict()))
        seen.append((fresh.get_scale(), fresh.is_enabled()))
        found.append(seen)
    assert found[0] == found[1]


@pytest.mark.parametrize("value", [1.0, float("inf")])
def test_sparse_gradients_are_unscaled(value):
    found = []
    for t in LIBRARIES:
        table = t.nn.Embedding.from_pretrained(t.ones(5, 2), freeze=False, sparse=True)
        optimiser = t.optim.SGD(table.parameters(), lr=1.0)
        scaler = t.amp.GradScaler("cpu", init_scale=4.0)
        scaler.scale(table(t.tensor([1, 1, 3])).sum() * value).backward()
        scaler.unscale_(optimiser)
        grad = table.weight.grad.to_dense().tolist()
        scaler.step(optimiser)
        scaler.update()
        found.append((grad, table.weight.tolist(), scaler.get_scale()))
    assert repr(found[0]) == repr(found[1])


def scaler_in_use(t):
    p = t.ones(2, requires_grad=True)
    optimiser = t.optim.SGD([p], lr=0.1)
    scaler = t.amp.GradScaler("cpu")
    scaler.scale(p.sum()).backward()
    return scaler, optimiser, p


def twice_unscaled(t):
    scaler, optimiser, _ = scaler_in_use(t)
    scaler.unscale_(optimiser)
    scaler.unscale_(optimiser)


def unscaled_after_step(t):
    scaler, optimiser, _ = scaler_in_use(t)
    scaler.step(optimiser)
    scaler.unscale_(optimiser)


def twice_stepped(t):
    scaler, optimiser, _ = scaler_in_use(t)
    scaler.step(optimiser)
    scaler.step(optimiser)


def without_gradients(t):
    scaler, optimiser, p = scaler_in_use(t)
    p.grad = None
    scaler.step(optimiser)


def with_half_gradients(t):
    scaler, _, _ = scaler_in_use(t)
    p = t.ones(2, requires_grad=True, dtype=t.float16)
    p.sum().backward()
    scaler.unscale_(t.optim.SGD([p], lr=0.1))


WRONG = {
    "no such device": lambda t: t.autocast("tpu"),
    "no text": lambda t: t.autocast(3),
    "no function": lambda t: t.autocast("cpu")(3),
    "unscaled twice": twice_unscaled,
    "unscaled after": unscaled_after_step,
    "stepped twice": twice_stepped,
    "no gradients": without_gradients,
    "half gradients": with_half_gradients,
    "not used": lambda t: t.amp.GradScaler("cpu").step(t.optim.SGD([t.ones(1)], 0.1)),
    "not used to update": lambda t: t.amp.GradScaler("cpu").update(),
    "nothing to update": lambda t: scaler_in_use(t)[0].update(),
    "shrinks": lambda t: t.amp.GradScaler("cpu", growth_factor=0.5),
    "grows": lambda t: t.amp.GradScaler("cpu", backoff_factor=2.0),
    "of a number": lambda t: t.amp.GradScaler("cpu").scale(3),
    "empty": lambda t: t.amp.GradScaler("cpu").load_state_dict({}),
    "closure": lambda t: scaler_in_use(t)[0].step(scaler_in_use(t)[1], closure=lambda: 0),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    caught = []
    for t in LIBRARIES:
        with pytest.raises(Exception) as error:
            WRONG[name](t)
        caught.append(error.value)
    assert type(caught[0]) is type(caught[1])
    assert str(caught[0]).split("\n")[0].startswith(str(caught[1]).split("\n")[0].split(" Did")[0])


def test_what_is_not_there_warns_and_is_off():
    for t in LIBRARIES:
        with pytest.warns(UserWarning, match="CUDA is not available"):
            region = t.autocast("cuda")
        with region:
            assert not t.is_autocast_enabled()
        with pytest.warns(UserWarning, match="CUDA is not available"):
            assert not t.amp.GradScaler().is_enabled()
        with pytest.warns(UserWarning, match="target dtype is not supported"):
            t.autocast("cpu", dtype=t.float32)
        with pytest.warns(FutureWarning, match=r"`torch.cpu.amp.autocast\(args...\)` is d"):
            assert t.cpu.amp.autocast().device == "cpu"
        with pytest.warns(FutureWarning, match=r"`torch.cuda.amp.GradScaler\(args...\)` is depr"):
            t.cuda.amp.GradScaler(enabled=False)


RECURRENT = {
    "LSTM": lambda nn: nn.LSTM(4, 3),
    "GRU": lambda nn: nn.GRU(4, 3),
    "RNN": lambda nn: nn.RNN(4, 3),
    "relu": lambda nn: nn.RNN(4, 3, nonlinearity="relu"),
    "LSTMCell": lambda nn: nn.LSTMCell(4, 3),
    "GRUCell": lambda nn: nn.GRUCell(4, 3),
    "RNNCell": lambda nn: nn.RNNCell(4, 3),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(name, kind, packed):
    if packed and name.endswith("Cell"):
        pytest.skip("a cell takes one step")
    if packed and (name, kind) == ("LSTM", "bfloat16"):
        pytest.skip("PyTorch multiplies matrices of two dtypes there, and fails")
    found = []
    for t in LIBRARIES:
        t.manual_seed(0)
        layer = RECURRENT[name](t.nn)
        x = t.randn(2, 4) if name.endswith("Cell") else t.randn(5, 2, 4)
        x = x.to(getattr(t, kind))
        if packed:
            x = t.nn.utils.rnn.pack_padded_sequence(x, t.tensor([5, 3]))
        with t.autocast("cpu"):
            result = layer(x)
        out, *states = result if isinstance(result, tuple) else (result,)
        out = out.data if packed else out
        states = states[0] if states and isinstance(states[0], tuple) else states
        (out.float() ** 2).sum().backward()
        weight = next(layer.parameters())
        assert str(weight.grad.dtype) == "torch.float32"
        numbers_of = [*out.float().flatten().tolist(), *weight.grad.flatten().tolist()]
        found.append((str(out.dtype), [str(s.dtype) for s in states], numbers_of))
        if kind == "bfloat16" and not name.endswith("Cell"):
            with (
                t.autocast("cpu", enabled=False),
                pytest.raises(ValueError, match="RNN input dtyp"),
            ):
                layer(x)
    assert found[0][:2] == found[1][:2]
    np.testing.assert_allclose(found[0][2], found[1][2], atol=0.05, rtol=0.05)
