"""Modules against PyTorch's: initial values, results, gradients, text, state, errors."""

import copy
import inspect
import itertools
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402
from dynagrad import nn  # noqa: E402
from dynagrad.functions.generator import default_generator  # noqa: E402

A, B = (4, 6), (4, 6, 5)
LAYERS = [
    ("Identity", {}, B),
    ("Linear", {"in_features": 6, "out_features": 3}, A),
    ("Linear", {"in_features": 5, "out_features": 30, "bias": False}, B),
    ("ReLU", {}, B),
    ("ReLU", {"inplace": True}, B),
    ("ReLU6", {}, B),
    ("LeakyReLU", {}, B),
    ("LeakyReLU", {"negative_slope": 0.3}, B),
    ("ELU", {"alpha": 0.7}, B),
    ("CELU", {"alpha": 0.7}, B),
    ("SELU", {}, B),
    ("GELU", {}, B),
    ("GELU", {"approximate": "tanh"}, B),
    ("SiLU", {}, B),
    ("Mish", {}, B),
    ("Softplus", {"beta": 2.0, "threshold": 3.0}, B),
    ("Softsign", {}, B),
    ("Hardtanh", {"min_val": -0.5, "max_val": 0.7}, B),
    ("Hardsigmoid", {}, B),
    ("Hardswish", {}, B),
    ("Hardshrink", {"lambd": 0.4}, B),
    ("Softshrink", {"lambd": 0.4}, B),
    ("Tanhshrink", {}, B),
    ("LogSigmoid", {}, B),
    ("Threshold", {"threshold": 0.1, "value": 2.0}, B),
    ("PReLU", {}, B),
    ("PReLU", {"num_parameters": 6, "init": 0.1}, B),
    ("GLU", {"dim": 1}, B),
    ("Sigmoid", {}, B),
    ("Tanh", {}, B),
    ("Softmax", {"dim": 1}, B),
    ("Softmin", {"dim": -1}, B),
    ("LogSoftmax", {"dim": 0}, B),
    ("Softmax2d", {}, B),
    ("Flatten", {}, B),
    ("Flatten", {"start_dim": 0, "end_dim": 1}, B),
    ("Unflatten", {"dim": 1, "unflattened_size": (2, 3)}, B),
    ("LayerNorm", {"normalized_shape": 5}, B),
    ("LayerNorm", {"normalized_shape": (6, 5), "eps": 1e-3, "bias": False}, B),
    ("LayerNorm", {"normalized_shape": 5, "elementwise_affine": False}, B),
    ("GroupNorm", {"num_groups": 3, "num_channels": 6}, B),
    ("RMSNorm", {"normalized_shape": 5}, B),
]
#: where scale and shift are operations of their own
OTHER_NODE = {"GroupNorm"}
LAYER_IDS = [f"{name}-{'-'.join(map(str, o.values()))}" for name, o, _ in LAYERS]


def seed_both(seed):
    default_generator.manual_seed(seed)
    torch.manual_seed(seed)


def pair(name, options, seed=0):
    """The same module of either library, made from the same random numbers."""
    seed_both(seed)
    return getattr(nn, name)(**options), getattr(torch.nn, name)(**options)


def close(ours, theirs, rtol=1e-5, atol=1e-6):
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=atol)


def leaves(array):
    return (
        dynagrad.from_numpy(array.copy()).requires_grad_(),
        torch.from_numpy(array.copy()).requires_grad_(),
    )


@pytest.mark.parametrize(("name", "options", "shape"), LAYERS, ids=LAYER_IDS)
def test_layers(name, options, shape, rng):
    ours, theirs = pair(name, options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for (_, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert np.array_equal(p.detach().numpy(), q.detach().numpy())
    x, y = leaves(rng.standard_normal(shape).astype("float32"))
    # An operation in between, for those that work in place.
    a, b = ours(x * 1), theirs(y * 1)
    close(a, b)
    if name not in OTHER_NODE:
        assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__
    weights = rng.standard_normal(a.shape).astype("float32")
    (a * dynagrad.from_numpy(weights)).sum().backward()
    (b * torch.from_numpy(weights)).sum().backward()
    close(x.grad, y.grad)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad, q.grad, 1e-4, 1e-5)


def test_bilinear(rng):
    ours, theirs = pair("Bilinear", {"in1_features": 3, "in2_features": 4, "out_features": 5})
    assert repr(ours) == repr(theirs)
    x, y = leaves(rng.standard_normal((6, 3)).astype("float32"))
    u, v = leaves(rng.standard_normal((6, 4)).astype("float32"))
    close(ours(x, u), theirs(y, v))


@pytest.mark.parametrize(
    "options",
    [{}, {"padding_idx": 2}, {"padding_idx": -1}, {"max_norm": 1.0}],
)
def test_embedding(options):
    ours, theirs = pair("Embedding", {"num_embeddings": 7, "embedding_dim": 4, **options})
    assert repr(ours) == repr(theirs)
    close(ours.weight, theirs.weight, 0)
    numbers = np.array([[1, 2, 2], [6, 0, 1]])
    a, b = ours(dynagrad.from_numpy(numbers)), theirs(torch.from_numpy(numbers))
    close(a, b)
    (a * a).sum().backward()
    (b * b).sum().backward()
    close(ours.weight.grad, theirs.weight.grad)
    table = np.arange(12, dtype="float32").reshape(3, 4)
    frozen = nn.Embedding.from_pretrained(dynagrad.from_numpy(table))
    assert not frozen.weight.requires_grad
    assert repr(frozen) == repr(torch.nn.Embedding.from_pretrained(torch.from_numpy(table)))


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout"])
def test_dropout(name):
    ours, theirs = pair(name, {"p": 0.3})
    assert repr(ours) == repr(theirs)
    x, y = leaves(np.ones((50, 7), "float32"))
    seed_both(4)
    close(ours(x), theirs(y))
    ours.eval()
    assert np.array_equal(ours(x).detach().numpy(), x.detach().numpy())


# --- losses ---------------------------------------------------------------------------------------

PLAIN, CLASSES, UNIT, SIGNS, POSITIVE = "plain", "classes", "unit", "signs", "positive"
LOSSES = [
    ("MSELoss", {}, PLAIN),
    ("L1Loss", {}, PLAIN),
    ("SmoothL1Loss", {"beta": 0.5}, PLAIN),
    ("HuberLoss", {"delta": 0.7}, PLAIN),
    ("BCELoss", {}, UNIT),
    ("BCEWithLogitsLoss", {}, PLAIN),
    ("BCEWithLogitsLoss", {"pos_weight": [1.0, 2.0, 0.5, 1.5, 3.0]}, PLAIN),
    ("NLLLoss", {}, CLASSES),
    ("NLLLoss", {"weight": [1.0, 2.0, 0.5, 1.5, 3.0], "ignore_index": 1}, CLASSES),
    ("CrossEntropyLoss", {}, CLASSES),
    ("CrossEntropyLoss", {"weight": [1.0, 2.0, 0.5, 1.5, 3.0], "label_smoothing": 0.1}, CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.2}, UNIT),
    ("MultiMarginLoss", {"margin": 0.8}, CLASSES),
    ("MultiMarginLoss", {"p": 2, "weight": [1.0, 2.0, 0.5, 1.5, 3.0]}, CLASSES),
    ("KLDivLoss", {}, UNIT),
    ("KLDivLoss", {"log_target": True}, PLAIN),
    ("PoissonNLLLoss", {}, POSITIVE),
    ("PoissonNLLLoss", {"log_input": False, "full": True}, POSITIVE),
    ("HingeEmbeddingLoss", {"margin": 0.5}, SIGNS),
    ("SoftMarginLoss", {}, SIGNS),
    ("MultiLabelSoftMarginLoss", {}, UNIT),
]
LOSS_IDS = [f"{name}-{'-'.join(o)}-{kind}" for name, o, kind in LOSSES]


def loss_inputs(kind, rng):
    x = rng.standard_normal((6, 5))
    y = rng.standard_normal((6, 5))
    if kind == UNIT:
        return 1 / (1 + np.exp(-x)), np.abs(np.sin(y))
    if kind == CLASSES:
        return x, rng.integers(0, 5, 6)
    if kind == SIGNS:
        return x, np.sign(y)
    if kind == POSITIVE:
        return np.abs(x), np.abs(y) * 3
    return x, y


def with_tensors(options, from_numpy):
    return {
        k: from_numpy(np.array(v, "float64")) if isinstance(v, list) else v
        for k, v in options.items()
    }


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options", "kind"), LOSSES, ids=LOSS_IDS)
def test_losses(name, options, kind, reduction, rng):
    first, target = loss_inputs(kind, rng)
    x, y = leaves(first)
    ours = getattr(nn, name)(reduction=reduction, **with_tensors(options, dynagrad.from_numpy))
    theirs = getattr(torch.nn, name)(reduction=reduction, **with_tensors(options, torch.from_numpy))
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if name == "KLDivLoss" and reduction == "mean":
        pytest.skip("PyTorch warns that this mean is not the mathematical one")
    a = ours(x, dynagrad.from_numpy(target))
    b = theirs(y, torch.from_numpy(target))
    close(a, b, 1e-12, 1e-13)
    a.sum().backward()
    b.sum().backward()
    close(x.grad, y.grad, 1e-11, 1e-13)


THREE = [
    ("MarginRankingLoss", {"margin": 0.3}),
    ("CosineEmbeddingLoss", {"margin": 0.2}),
    ("TripletMarginLoss", {"margin": 0.8, "swap": True}),
    ("TripletMarginWithDistanceLoss", {"margin": 0.8}),
    ("GaussianNLLLoss", {"full": True}),
]


@pytest.mark.parametrize(("name", "options"), THREE, ids=[name for name, _ in THREE])
def test_losses_of_three(name, options, rng):
    ours, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    assert repr(ours) == repr(theirs)
    inputs = [leaves(rng.standard_normal((6, 5))) for _ in range(3)]
    if name == "MarginRankingLoss":
        signs = np.sign(rng.standard_normal((6, 5)))
        inputs[2] = dynagrad.from_numpy(signs), torch.from_numpy(signs)
    if name == "CosineEmbeddingLoss":
        signs = np.array([1.0, -1, 1, 1, -1, -1])
        inputs[2] = dynagrad.from_numpy(signs), torch.from_numpy(signs)
    if name == "GaussianNLLLoss":
        inputs[2] = leaves(np.abs(rng.standard_normal((6, 5))) + 0.1)
    a, b = ours(*[p for p, _ in inputs]), theirs(*[q for _, q in inputs])
    close(a, b, 1e-12)
    a.backward()
    b.backward()
    close(inputs[0][0].grad, inputs[0][1].grad, 1e-11, 1e-13)


def test_distances(rng):
    x, y = leaves(rng.standard_normal((6, 5)))
    u, v = leaves(rng.standard_normal((6, 5)))
    for name, options in (
        ("PairwiseDistance", {"p": 1.5, "keepdim": True}),
        ("CosineSimilarity", {}),
    ):
        ours, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
        assert repr(ours) == repr(theirs)
        close(ours(x, u), theirs(y, v), 1e-12)


def test_legacy_reductions_warn():
    for library in (nn, torch.nn):
        with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
            assert library.MSELoss(size_average=False).reduction == "sum"
        with pytest.warns(UserWarning, match="please use reduction='none' instead"):
            assert library.L1Loss(reduce=False).reduction == "none"


def test_a_loss_called_on_its_class():
    for from_numpy, library in ((dynagrad.from_numpy, nn), (torch.from_numpy, torch.nn)):
        logits, target = from_numpy(np.ones((3, 2), "float32")), from_numpy(np.array([0, 1, 1]))
        with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value"):
            library.CrossEntropyLoss(logits, target)


# --- signatures and names ------------------------------------------------------------------------

CLASSES_HERE = sorted(
    name
    for name in nn.__all__
    if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
)
#: PyTorch gives these signatures that name the overloads of another base, or none
OTHER_SIGNATURE = {"Sequential", "Module"}


@pytest.mark.parametrize("name", CLASSES_HERE)
def test_signatures_and_homes(name):
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    assert ours.__module__.replace("dynagrad", "torch", 1) == theirs.__module__
    assert ours.__qualname__ == theirs.__qualname__
    if name not in OTHER_SIGNATURE:
        for method in ("__init__", "forward"):
            a, b = (
                [
                    (p.name, p.kind, getattr(p.default, "__name__", p.default))
                    for p in inspect.signature(getattr(c, method)).parameters.values()
                ]
                for c in (ours, theirs)
            )
            assert a == b


# --- init -----------------------------------------------------------------------------------------

FILLS = [
    ("uniform_", (-1.0, 2.0)),
    ("normal_", (1.0, 3.0)),
    ("trunc_normal_", (0.5, 1.0, -1.0, 1.0)),
    ("trunc_normal_", (0.0, 1.0, 1.0, 2.0)),
    ("trunc_normal_", (0.0, 2.0, -0.1, 0.2)),
    ("constant_", (3.5,)),
    ("ones_", ()),
    ("zeros_", ()),
    ("eye_", ()),
    ("xavier_uniform_", (2.0,)),
    ("xavier_normal_", ()),
    ("kaiming_uniform_", ()),
    ("kaiming_uniform_", (0, "fan_out", "relu")),
    ("kaiming_normal_", (0.2, "fan_in", "leaky_relu")),
    ("orthogonal_", (1.5,)),
    ("sparse_", (0.3, 0.5)),
]


@pytest.mark.parametrize("shape", [(7, 5), (3, 20), (5, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), FILLS, ids=[f"{n}{a}" for n, a in FILLS])
def test_init(name, arguments, dtype, shape, seed):
    x, y = dynagrad.from_numpy(np.empty(shape, dtype)), torch.from_numpy(np.empty(shape, dtype))
    seed_both(seed)
    assert getattr(nn.init, name)(x, *arguments) is x
    getattr(torch.nn.init, name)(y, *arguments)
    if name == "orthogonal_":
        close(x, y, 2e-5 if dtype == "float32" else 1e-9, 1e-6)
    else:
        assert np.array_equal(x.numpy(), y.numpy())
    assert default_generator._draws.rand((2,)).tolist() == torch.rand(2).tolist()


@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 3, 3), 1), ((6, 3, 3, 5), 2), ((2, 2, 1, 2, 3), 1)]
)
def test_dirac(shape, groups):
    x, y = dynagrad.from_numpy(np.ones(shape)), torch.ones(shape, dtype=torch.float64)
    assert np.array_equal(
        nn.init.dirac_(x, groups).numpy(), torch.nn.init.dirac_(y, groups).numpy()
    )


def test_gains():
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert nn.init.calculate_gain("leaky_relu", 0.5) == torch.nn.init.calculate_gain(
        "leaky_relu", 0.5
    )


WRONG_INIT = {
    "gain": lambda m, t: m.calculate_gain("relu7"),
    "slope": lambda m, t: m.calculate_gain("leaky_relu", "a"),
    "fan": lambda m, t: m.xavier_uniform_(t(np.ones(3))),
    "mode": lambda m, t: m.kaiming_normal_(t(np.ones((3, 3))), mode="fan"),
    "eye": lambda m, t: m.eye_(t(np.ones(3))),
    "sparse": lambda m, t: m.sparse_(t(np.ones(3)), 0.1),
    "orthogonal": lambda m, t: m.orthogonal_(t(np.ones(3))),
    "dirac": lambda m, t: m.dirac_(t(np.ones(3))),
    "groups": lambda m, t: m.dirac_(t(np.ones((3, 3, 3))), 2),
}


@pytest.mark.parametrize("case", WRONG_INIT)
def test_wrong_init(case):
    same_error(
        lambda: WRONG_INIT[case](nn.init, dynagrad.from_numpy),
        lambda: WRONG_INIT[case](torch.nn.init, torch.from_numpy),
    )


# --- the module -----------------------------------------------------------------------------------


def same_error(ours, theirs):
    with pytest.raises(Exception) as expected:
        theirs()
    with pytest.raises(Exception) as found:
        ours()
    assert isinstance(found.value, type(expected.value))
    text = (
        str(found.value)
        .replace("dynagrad.", "")
        .replace("torch.", "")
        .replace("nn.parameter.", "nn.")
    )
    wanted = str(expected.value).replace("torch.", "").replace("nn.parameter.", "nn.")
    assert text.startswith(wanted.split("\n")[0].split("\\n")[0].split(". ")[0])


def net(library):
    class Net(library.Module):
        def __init__(self):
            super().__init__()
            self.first = library.Linear(3, 4)
            self.layers = library.Sequential(
                OrderedDict(act=library.Tanh(), last=library.Linear(4, 2, bias=False))
            )
            self.shared = self.first
            self.register_parameter("none", None)
            self.more = library.ModuleList([library.Dropout(), library.Dropout()])
            self.named = library.ModuleDict({"b": library.ReLU(), "a": library.Flatten()})

        def forward(self, x):
            return self.layers(self.first(x))

    return Net()


def test_traversal_and_text():
    seed_both(1)
    ours, theirs = net(nn), net(torch.nn)
    assert repr(ours) == repr(theirs)
    for method, options in (
        ("named_parameters", {}),
        ("named_parameters", {"prefix": "p", "recurse": False}),
        ("named_parameters", {"remove_duplicate": False}),
        ("named_buffers", {}),
        ("named_children", {}),
        ("named_modules", {}),
        ("named_modules", {"prefix": "p", "remove_duplicate": False}),
    ):
        a, b = getattr(ours, method)(**options), getattr(theirs, method)(**options)
        assert [name for name, _ in a] == [name for name, _ in b], (method, options)
    assert len(list(ours.parameters())) == len(list(theirs.parameters()))
    assert [type(m).__name__ for m in ours.modules()] == [
        type(m).__name__ for m in theirs.modules()
    ]
    order, other = [], []
    ours.apply(lambda m: order.append(type(m).__name__))
    theirs.apply(lambda m: other.append(type(m).__name__))
    assert order == other
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    assert [n for n in dir(ours) if n in ("first", "none", "layers")] == ["first", "layers", "none"]


BAD_STATES = {
    "missing": lambda s: {k: v for k, v in s.items() if k != "first.bias"},
    "unexpected": lambda s: {**s, "first.more": s["first.bias"], "other": s["first.bias"]},
    "size": lambda s: {**s, "first.bias": s["first.weight"]},
    "number": lambda s: {**s, "first.bias": 3.0},
    "all": lambda s: {"first.weight": s["first.bias"], "new.x": s["first.bias"]},
    "list": lambda s: [1, 2],
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_loading_bad_states(case):
    ours, theirs = net(nn), net(torch.nn)
    change = BAD_STATES[case]
    with pytest.raises(Exception) as expected:
        theirs.load_state_dict(change(theirs.state_dict()))
    with pytest.raises(type(expected.value)) as found:
        ours.load_state_dict(change(ours.state_dict()))
    assert str(found.value).replace("dynagrad.", "torch.") == str(expected.value)
    if case in ("missing", "unexpected"):
        a = ours.load_state_dict(change(ours.state_dict()), strict=False)
        b = theirs.load_state_dict(change(theirs.state_dict()), strict=False)
        assert repr(a) == repr(b)


def assign(name, value):
    return lambda m, lib, t: setattr(m, name, value(lib, t))


MISUSE = {
    "no attribute": lambda m, lib, t: m.absent,
    "parameter by tensor": lambda m, lib, t: setattr(m.first, "weight", t(np.ones(2))),
    "parameter by number": lambda m, lib, t: setattr(m.first, "weight", 3),
    "module by number": assign("first", lambda lib, t: 3),
    "buffer by number": lambda m, lib, t: (
        m.register_buffer("b", t(np.ones(2))),
        setattr(m, "b", 3),
    ),
    "parameter name": lambda m, lib, t: m.register_parameter("a.b", None),
    "no parameter name": lambda m, lib, t: m.register_parameter("", None),
    "parameter number": lambda m, lib, t: m.register_parameter(3, None),
    "parameter twice": lambda m, lib, t: m.register_parameter("forward", None),
    "no parameter": lambda m, lib, t: m.register_parameter("p", 3),
    "parameter not a leaf": lambda m, lib, t: m.register_parameter("p", t(np.ones(2))),
    "buffer name": lambda m, lib, t: m.register_buffer("a.b", None),
    "buffer number": lambda m, lib, t: m.register_buffer("b", 3),
    "buffer twice": lambda m, lib, t: m.register_buffer("first", None),
    "module name": lambda m, lib, t: m.add_module("a.b", lib.ReLU()),
    "no module": lambda m, lib, t: m.add_module("a", 3),
    "module twice": lambda m, lib, t: m.add_module("forward", lib.ReLU()),
    "arguments": lambda m, lib, t: lib.Module(3),
    "keywords": lambda m, lib, t: lib.Module(a=3),
    "train": lambda m, lib, t: m.train(1),
    "no forward": lambda m, lib, t: lib.Module()(3),
    "submodule": lambda m, lib, t: m.get_submodule("layers.nothing"),
    "no submodule": lambda m, lib, t: m.get_submodule("first.weight"),
    "get_parameter": lambda m, lib, t: m.get_parameter("first.none"),
    "get no parameter": lambda m, lib, t: m.get_parameter("first.in_features"),
    "get_buffer": lambda m, lib, t: m.get_buffer("first.weight"),
    "to int": lambda m, lib, t: m.to(t(np.ones(1, int)).dtype),
    "hooks mixed": lambda m, lib, t: (
        m.register_full_backward_hook(print),
        m.register_backward_hook(print),
    ),
    "sequential index": lambda m, lib, t: m.layers[2],
    "sequential add": lambda m, lib, t: m.layers + 3,
    "sequential times": lambda m, lib, t: m.layers * 0,
    "sequential insert": lambda m, lib, t: m.layers.insert(7, lib.ReLU()),
    "list index": lambda m, lib, t: m.more[-3],
    "list extend": lambda m, lib, t: m.more.extend(3),
    "dict update": lambda m, lib, t: m.named.update(3),
    "dict pairs": lambda m, lib, t: m.named.update([("a",)]),
    "dict items": lambda m, lib, t: m.named.update([3]),
    "list call": lambda m, lib, t: lib.ParameterList()(3),
    "dict call": lambda m, lib, t: lib.ParameterDict()(3),
    "dict key": lambda m, lib, t: lib.ParameterDict()[3],
    "dropout": lambda m, lib, t: lib.Dropout(1.5),
    "hardtanh": lambda m, lib, t: lib.Hardtanh(1.0, 0.0),
    "unflatten": lambda m, lib, t: lib.Unflatten(1, (2.0,)),
    "padding": lambda m, lib, t: lib.Embedding(3, 2, padding_idx=4),
    "margin": lambda m, lib, t: lib.TripletMarginLoss(margin=0),
    "multi margin": lambda m, lib, t: lib.MultiMarginLoss(p=3),
    "groups": lambda m, lib, t: lib.GroupNorm(4, 6),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse(case):
    misuse = MISUSE[case]
    same_error(
        lambda: misuse(net(nn), nn, dynagrad.from_numpy),
        lambda: misuse(net(torch.nn), torch.nn, torch.from_numpy),
    )


def early(library, value):
    class Early(library.Module):
        def __init__(self):
            self.part = value
            super().__init__()

    return Early()


def test_assignment_before_init():
    for ours, theirs in (
        (nn.ReLU(), torch.nn.ReLU()),
        (nn.Linear(1, 1).weight, torch.nn.Linear(1, 1).weight),
    ):
        same_error(lambda ours=ours: early(nn, ours), lambda theirs=theirs: early(torch.nn, theirs))


def containers(library, from_numpy):
    s = library.Sequential(library.Linear(2, 2), library.ReLU(), library.Linear(2, 2))
    yield s[1:]
    yield s[-1]
    yield s + library.Sequential(library.Tanh())
    yield s * 2
    s.append(library.Tanh()).insert(1, library.Sigmoid()).extend([library.ELU()])
    yield s
    del s[1]
    s[0] = library.Identity()
    yield s
    yield s.pop(1)
    s += library.Sequential(library.Mish())
    yield s
    modules = library.ModuleList(
        [library.ReLU(), library.ReLU(), library.Linear(2, 2), library.ReLU()]
    )
    modules.insert(1, library.Tanh())
    yield modules
    modules += [library.ReLU()]
    yield modules[2:]
    yield modules + [library.SELU()]
    del modules[1:3]
    yield modules
    yield library.ModuleList()
    named = library.ModuleDict([("x", library.ReLU()), ("w", library.Linear(1, 1))])
    named.update({"z": library.Tanh(), "y": library.GELU()})
    named.pop("x")
    yield named
    t = from_numpy(np.ones((2, 3), "float32"))
    listed = library.ParameterList([t, library.Parameter(t), 3, "a"])
    yield listed
    yield listed[1:]
    yield library.ParameterDict({"b": t, "a": t, "c": 3})
    yield library.ParameterDict(OrderedDict(b=t)) | library.ParameterDict([("d", t)])
    yield library.Sequential(library.Sequential(library.Sequential()), modules, named)


def test_containers():
    ours = containers(nn, dynagrad.from_numpy)
    for a, b in zip(ours, containers(torch.nn, torch.from_numpy), strict=True):
        assert repr(a).replace("dynagrad.", "torch.") == repr(b)
        assert list(a.state_dict()) == list(b.state_dict())


def test_parameters(rng):
    array = rng.standard_normal((2, 2)).astype("float32")
    ours, theirs = (
        library.Parameter(from_numpy(array))
        for library, from_numpy in ((nn, dynagrad.from_numpy), (torch.nn, torch.from_numpy))
    )
    assert repr(ours) == repr(theirs)
    assert repr(copy.deepcopy(ours)) == repr(theirs)
    assert repr(ours * 2) == repr(theirs * 2)
    assert repr(nn.Parameter(ours.detach(), requires_grad=False)) == repr(
        torch.nn.Parameter(theirs.detach(), requires_grad=False)
    )


# --- hooks ----------------------------------------------------------------------------------------


def hooked(library, from_numpy):
    """What hooks see and change, as a list of values."""
    seen = []

    def value(t):
        return None if t is None else t.detach().numpy().tolist()

    m = library.Linear(2, 2)
    with_values = from_numpy(np.array([[0.5, -1.0], [2.0, 0.25]], "float32"))
    m.load_state_dict({"weight": with_values, "bias": with_values[0]})
    x = from_numpy(np.array([[1.0, 2.0]], "float32")).requires_grad_()
    m.register_forward_pre_hook(lambda m, args: seen.append(("pre", len(args))))
    m.register_forward_pre_hook(
        lambda m, args, kwargs: (tuple(a * 2 for a in args), kwargs), with_kwargs=True
    )
    m.register_forward_hook(lambda m, args, out: seen.append(("post", value(args[0]), value(out))))
    first = m.register_forward_hook(lambda m, args, out: out * 3, prepend=True)
    m.register_forward_hook(
        lambda m, args, kwargs, out: seen.append(("keywords", sorted(kwargs))), with_kwargs=True
    )
    m.register_full_backward_pre_hook(lambda m, out: seen.append(("bpre", value(out[0]))))
    m.register_full_backward_hook(
        lambda m, ins, outs: seen.append(("full", value(ins[0]), value(outs[0])))
    )
    m.register_full_backward_hook(lambda m, ins, outs: (ins[0] * 10,))
    out = m(x)
    seen.append(value(out))
    out.sum().backward()
    seen.append((value(x.grad), value(m.weight.grad)))
    first.remove()
    seen.append(value(m(x)))
    return seen


def test_hooks():
    assert hooked(nn, dynagrad.from_numpy) == hooked(torch.nn, torch.from_numpy)


def globally_hooked(library, from_numpy):
    seen = []
    module = library.modules.module
    handles = [
        module.register_module_forward_pre_hook(
            lambda m, a: seen.append(("pre", type(m).__name__))
        ),
        module.register_module_forward_hook(
            lambda m, a, o: seen.append(("post", type(m).__name__))
        ),
        module.register_module_full_backward_hook(
            lambda m, i, o: seen.append(("back", type(m).__name__))
        ),
        module.register_module_parameter_registration_hook(lambda m, n, p: seen.append(n)),
        module.register_module_module_registration_hook(lambda m, n, c: seen.append(n)),
        module.register_module_buffer_registration_hook(lambda m, n, b: seen.append(n)),
    ]
    try:
        m = library.Sequential(library.Linear(2, 2), library.Tanh())
        m.register_buffer("b", None)
        m(from_numpy(np.ones((1, 2), "float32")).requires_grad_()).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    m(from_numpy(np.ones((1, 2), "float32")))
    return seen


def test_global_hooks():
    assert globally_hooked(nn, dynagrad.from_numpy) == globally_hooked(torch.nn, torch.from_numpy)


def test_hooks_without_inputs_that_require_grad():
    found = []
    for library, from_numpy in ((nn, dynagrad.from_numpy), (torch.nn, torch.from_numpy)):
        m = library.Linear(2, 2)
        seen = []
        m.register_full_backward_hook(lambda m, i, o, seen=seen: seen.append((i, o[0].tolist())))
        with pytest.warns(UserWarning, match="Full backward hook is firing when"):
            m(from_numpy(np.ones((1, 2), "float32"))).sum().backward()
        found.append(seen)
    assert found[0] == found[1]


# --- utilities and training -----------------------------------------------------------------------


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.0, float("inf")])
def test_clip_grad_norm(norm, rng):
    pairs = [leaves(rng.standard_normal(shape)) for shape in ((3, 2), (4,), ())]
    for p, q in pairs:
        g = rng.standard_normal(p.shape)
        p.grad, q.grad = dynagrad.from_numpy(np.asarray(g)), torch.from_numpy(np.array(g))
    for limit in (100.0, 0.7):
        a = nn.utils.clip_grad_norm_([p for p, _ in pairs], limit, norm)
        b = torch.nn.utils.clip_grad_norm_([q for _, q in pairs], limit, norm)
        close(a, b, 1e-12)
        for p, q in pairs:
            close(p.grad, q.grad, 1e-12)
    nn.utils.clip_grad_value_([p for p, _ in pairs], 0.1)
    torch.nn.utils.clip_grad_value_([q for _, q in pairs], 0.1)
    for p, q in pairs:
        close(p.grad, q.grad, 1e-12)


def test_parameters_as_a_vector():
    ours, theirs = pair("Linear", {"in_features": 3, "out_features": 2})
    a = nn.utils.parameters_to_vector(ours.parameters())
    b = torch.nn.utils.parameters_to_vector(theirs.parameters())
    close(a, b)
    assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__
    nn.utils.vector_to_parameters((a * 2).detach(), ours.parameters())
    torch.nn.utils.vector_to_parameters((b * 2).detach(), theirs.parameters())
    close(ours.weight, theirs.weight)


@pytest.mark.parametrize("algorithm", ["SGD", "Adam"])
def test_training(algorithm, rng):
    x = rng.standard_normal((64, 8)).astype("float32")
    y = rng.integers(0, 3, 64)
    found = []
    seed_both(9)
    for library, lib_nn in ((dynagrad, nn), (torch, torch.nn)):
        model = lib_nn.Sequential(lib_nn.Linear(8, 16), lib_nn.Tanh(), lib_nn.Linear(16, 3))
        optimizer = getattr(library.optim, algorithm)(model.parameters(), lr=0.01)
        criterion = lib_nn.CrossEntropyLoss()
        losses = []
        for _ in range(30):
            optimizer.zero_grad()
            loss = criterion(model(library.from_numpy(x)), library.from_numpy(y))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


MIXED = list(itertools.product(("float32", "float64", "int64", "complex64"), repeat=3))


@pytest.mark.parametrize("shape", [(2,), (1, 2), (3, 1, 2)])
def test_linear_says_which_dtypes_do_not_fit(shape):
    for x, w, b in MIXED:
        for bias in (b, None):
            if x == w == (bias or w):
                continue
            texts = []
            for t in (torch, dynagrad):
                given = [t.ones(s, dtype=getattr(t, n)) for s, n in ((shape, x), ((3, 2), w))]
                with pytest.raises(RuntimeError) as caught:
                    last = None if bias is None else t.ones(3, dtype=getattr(t, bias))
                    t.nn.functional.linear(*given, last)
                texts.append(str(caught.value).splitlines()[0])
            assert texts[0] == texts[1], (x, w, bias)
