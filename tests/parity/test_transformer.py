"""MultiheadAttention and transformers next to PyTorch: masks, modes, weights, gradients."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")

TOLERANCE = {"rtol": 1e-9, "atol": 1e-11}
pytestmark = pytest.mark.filterwarnings(
    "ignore:enable_nested_tensor is True", "ignore:The PyTorch API of nested tensors"
)


def same(ours: Any, theirs: Any, **tolerance: float) -> None:
    """Two tensors, or lists of them and None, agree."""
    if isinstance(theirs, list | tuple):
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, **tolerance)
    elif theirs is None:
        assert ours is None
    else:
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        np.testing.assert_allclose(a, b, **(tolerance or TOLERANCE))


def report(lib: Any, make: Any, run: Any) -> list[Any]:
    """What `run(lib, module, tensor)` returns, and the gradients of all that it made."""
    lib.manual_seed(3)
    module = make(lib).double()
    rng, leaves = np.random.default_rng(5), []

    def tensor(*shape: int) -> Any:
        leaves.append(lib.from_numpy(rng.normal(size=shape)).requires_grad_())
        return leaves[-1]

    lib.manual_seed(11)
    results = run(lib, module, tensor)
    results = list(results) if isinstance(results, tuple) else [results]
    shown = [r for r in results if r is not None]
    if any(r.requires_grad for r in shown):
        wanted = [t for t in (*leaves, *module.parameters()) if t.requires_grad]
        loss = sum((r * (r + 0.5)).nansum() for r in shown)
        results += lib.autograd.grad(loss, wanted, allow_unused=True)
    return results


def check(make: Any, run: Any) -> None:
    same(*[report(lib, make, run) for lib in (dg, torch)])


# --- attention ------------------------------------------------------------------------------------

HEADS = [
    {},
    {"bias": False, "add_zero_attn": True},
    {"add_bias_kv": True, "batch_first": True},
    {"kdim": 3, "vdim": 5},
    {"dropout": 0.3, "add_bias_kv": True, "add_zero_attn": True},
]


def masks(lib: Any, kind: str, floating: bool) -> dict[str, Any]:
    """Masks for 3 queries of 5 keys in a batch of 2 and 2 heads; the first key is always seen."""
    rng, found = np.random.default_rng(7), {}
    shapes = {"attn": (3, 5), "heads": (4, 3, 5), "padding": (2, 5)}
    for name, shape in shapes.items():
        if name in kind:
            mask = rng.random(shape) < 0.4
            mask[..., 0] = False
            value = np.where(mask, -np.inf, rng.normal(size=shape)) if floating else mask
            key = "key_padding_mask" if name == "padding" else "attn_mask"
            found[key] = lib.from_numpy(value)
    return found


@pytest.mark.parametrize("kw", HEADS, ids=str)
@pytest.mark.parametrize("kind", ["", "attn", "heads", "padding", "attn padding"])
@pytest.mark.parametrize("floating", [False, True])
def test_masks(kw: dict[str, Any], kind: str, floating: bool) -> None:
    def run(lib: Any, m: Any, tensor: Any) -> Any:
        first = kw.get("batch_first", False)
        q, k, v = [
            tensor(*((2, n) if first else (n, 2)), width)
            for n, width in ((3, 4), (5, m.kdim), (5, m.vdim))
        ]
        given = masks(lib, kind, floating)
        out, weights = m(q, k, v, **given)
        alone, _ = m(q, k, v, need_weights=False, **given)
        each, apart = m(q, k, v, average_attn_weights=False, **given)
        return out, weights, alone, each, apart

    check(lambda lib: lib.nn.MultiheadAttention(4, 2, **kw), run)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("mode", [True, False])
def test_one_tensor_and_unbatched(first: bool, mode: bool) -> None:
    def run(lib: Any, m: Any, tensor: Any) -> Any:
        m.train(mode)
        x, y = tensor(3, 2, 4), tensor(3, 4)
        causal = lib.nn.Transformer.generate_square_subsequent_mask(3, dtype=lib.float64)
        n = 2 if first else 3
        hint = m(x, x, x, attn_mask=causal[:n, :n], is_causal=True, need_weights=False)
        return *m(x, x, x), *m(y, y, y), *m(y, y, x[:, 0]), hint[0]

    check(lambda lib: lib.nn.MultiheadAttention(4, 2, batch_first=first), run)


# --- layers and stacks ----------------------------------------------------------------------------

LAYERS = [
    {},
    {"norm_first": True, "batch_first": True},
    {"activation": "gelu", "bias": False},
    {"activation": "tanh", "layer_norm_eps": 1e-2, "batch_first": True},
]
MODES = list(itertools.product(LAYERS, (True, False)))


def settings(lib: Any, kw: dict[str, Any]) -> dict[str, Any]:
    return {**kw, "activation": lib.tanh} if kw.get("activation") == "tanh" else kw


@pytest.mark.parametrize(("kw", "mode"), MODES, ids=str)
def test_layers(kw: dict[str, Any], mode: bool) -> None:
    def run(lib: Any, m: Any, tensor: Any) -> Any:
        m.train(mode)
        x, y, causal = tensor(3, 3, 4), tensor(3, 3, 4), lib.ones(3, 3).triu(1).bool()
        padding = lib.tensor([[False, False, True], [False, False, False], [False, True, True]])
        encoder, decoder = m
        a = encoder(x, causal)
        b = encoder(a, src_key_padding_mask=padding)
        c = decoder(y, b, tgt_mask=causal, memory_key_padding_mask=padding)
        return a, b, c, encoder(x[0]), decoder(y[0], c[1], memory_mask=causal)

    def make(lib: Any) -> Any:
        given = settings(lib, kw)
        kinds = (lib.nn.TransformerEncoderLayer, lib.nn.TransformerDecoderLayer)
        return lib.nn.ModuleList([kind(4, 2, 8, 0.2, **given) for kind in kinds])

    check(make, run)


@pytest.mark.parametrize(("kw", "mode"), MODES, ids=str)
def test_whole(kw: dict[str, Any], mode: bool) -> None:
    def run(lib: Any, m: Any, tensor: Any) -> Any:
        m.train(mode)
        x, y = tensor(3, 3, 4), tensor(3, 3, 4)
        causal = m.generate_square_subsequent_mask(3, dtype=lib.float64)
        padding = lib.tensor([[False, False, True], [False, False, False], [False, True, True]])
        return (
            m(x, y),
            m(x, y, src_mask=causal, tgt_mask=causal, memory_mask=causal.isinf()),
            m(x, y, tgt_mask=causal, tgt_is_causal=True, src_key_padding_mask=padding.double()),
            m(x[0], y[1]),
        )

    check(lambda lib: lib.nn.Transformer(4, 2, 2, 1, 8, 0.1, **settings(lib, kw)), run)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_padded_places_in_evaluation(aligned: bool, norm: bool, nested: bool) -> None:
    padding = [[False, False, True], [False, not aligned, aligned], [False, False, False]]

    def make(lib: Any) -> Any:
        layer = lib.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        last = lib.nn.LayerNorm(4) if norm else None
        return lib.nn.TransformerEncoder(layer, 2, last, enable_nested_tensor=nested).eval()

    def run(lib: Any, m: Any, tensor: Any) -> Any:
        x = tensor(3, 3, 4)
        with lib.no_grad():
            return m(x, src_key_padding_mask=lib.tensor(padding))

    check(make, run)


KINDS = {
    "MultiheadAttention": [(4, 2)],
    "TransformerEncoderLayer": [(4, 2), (4, 2, 8)],
    "TransformerDecoderLayer": [(4, 2, 8)],
    "Transformer": [(4, 2, 2, 2, 8)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_and_text(kind: str) -> None:
    for args in KINDS[kind]:
        made = []
        for lib in (dg, torch):
            lib.manual_seed(3)
            made.append(getattr(lib.nn, kind)(*args))
        ours, theirs = made
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_array_equal(a.detach(), b.detach())
        theirs_only = {k for k in vars(theirs) if not k.startswith("_")} - set(vars(ours))
        assert not theirs_only


def test_weights_of_other_widths() -> None:
    made = []
    for lib in (dg, torch):
        lib.manual_seed(3)
        made.append(lib.nn.MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True))
    ours, theirs = [m.state_dict() for m in made]
    assert list(ours) == list(theirs)
    same(list(ours.values()), list(theirs.values()), rtol=0, atol=0)


def told(f: Any) -> tuple[Any, list[str]]:
    """What a call raises and warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            f()
            error = None
        except Exception as raised:
            error = (type(raised).__name__, str(raised).split("\n")[0])
    return error, [f"{w.category.__name__}: {w.message}" for w in caught]


FAULTS = {
    "heads": lambda lib, nn: nn.MultiheadAttention(5, 2),
    "no heads": lambda lib, nn: nn.MultiheadAttention(0, 2),
    "activation": lambda lib, nn: nn.TransformerEncoderLayer(4, 2, 8, activation="softplus"),
    "batch first": lambda lib, nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1),
    "norm first": lambda lib, nn: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, norm_first=True, batch_first=True), 1
    ),
    "odd": lambda lib, nn: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(3, 3, batch_first=True), 1
    ),
    "no bias": lambda lib, nn: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, bias=False, batch_first=True), 1
    ),
    "other layer": lambda lib, nn: nn.TransformerEncoder(nn.Linear(2, 2), 1),
    "d_model": lambda lib, nn: nn.Transformer(4, 2, 1, 1, 8, batch_first=True)(
        lib.zeros(3, 2, 5), lib.zeros(3, 2, 4)
    ),
    "batches": lambda lib, nn: nn.Transformer(4, 2, 1, 1, 8)(
        lib.zeros(3, 2, 4), lib.zeros(3, 3, 4)
    ),
    "causal alone": lambda lib, nn: nn.MultiheadAttention(4, 2)(
        *[lib.zeros(3, 2, 4)] * 3, is_causal=True
    ),
    "mask of numbers": lambda lib, nn: nn.TransformerEncoderLayer(4, 2, 8)(
        lib.zeros(3, 2, 4), lib.zeros(3, 3).long()
    ),
    "two kinds": lambda lib, nn: nn.MultiheadAttention(4, 2)(
        *[lib.zeros(3, 2, 4)] * 3, lib.zeros(2, 3).bool(), attn_mask=lib.zeros(3, 3)
    ),
    "rank": lambda lib, nn: nn.MultiheadAttention(4, 2)(*[lib.zeros(4)] * 3),
}


@pytest.mark.parametrize("name", FAULTS)
def test_complaints(name: str) -> None:
    ours, theirs = [told(lambda lib=lib: FAULTS[name](lib, lib.nn)) for lib in (dg, torch)]
    assert ours == theirs


# --- ways of computing ----------------------------------------------------------------------------


def test_backends() -> None:
    def run(lib: Any) -> list[Any]:
        attention, cuda = lib.nn.attention, lib.backends.cuda
        kinds, f = attention.SDPBackend, lib.nn.functional.scaled_dot_product_attention
        q, said = lib.ones(1, 2, 3, 4, requires_grad=True), []
        for allowed in (kinds.MATH, [kinds.FLASH_ATTENTION], [kinds.MATH, kinds.FLASH_ATTENTION]):
            with attention.sdpa_kernel(allowed):
                said += [cuda.flash_sdp_enabled(), cuda.math_sdp_enabled()]
                said.append(type(f(q, q, q).grad_fn).__name__)
        with attention.sdpa_kernel(kinds.EFFICIENT_ATTENTION):
            said.append(told(lambda: f(q, q, q)))
        said += [cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled()]
        said.append(told(lambda: attention.sdpa_kernel(3).__enter__())[0])
        return [*said, {name: (int(kind), str(kind)) for name, kind in kinds.__members__.items()}]

    assert run(dg) == run(torch)


def test_only_the_kernel() -> None:
    q = dg.ones(2, 3, 4)
    with (
        dg.nn.attention.sdpa_kernel(dg.nn.attention.SDPBackend.FLASH_ATTENTION),
        pytest.raises(RuntimeError, match="No available kernel"),
    ):
        dg.nn.functional.scaled_dot_product_attention(q, q, q)


def test_fast_path_switch() -> None:
    assert dg.backends.mha.get_fastpath_enabled()
    layer = dg.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    encoder = dg.nn.TransformerEncoder(layer, 1).eval()
    x, padding = dg.ones(1, 2, 4), dg.tensor([[False, True]])
    dg.backends.mha.set_fastpath_enabled(False)
    try:
        with dg.no_grad():
            assert encoder(x, src_key_padding_mask=padding)[0, 1].abs().sum() > 0
    finally:
        dg.backends.mha.set_fastpath_enabled(True)
    with dg.no_grad():
        assert encoder(x, src_key_padding_mask=padding)[0, 1].abs().sum() == 0
