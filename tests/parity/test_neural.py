"""Activations, losses and layers against PyTorch."""

import re
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from graph_calls import check, check_error, evaluate, modules  # noqa: E402

import dynagrad  # noqa: E402

RNG = np.random.default_rng(3)


def normal(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


def unit(*shape, dtype="float64"):
    return RNG.uniform(0.05, 0.95, shape).astype(dtype)


# --- activations ----------------------------------------------------------------------------------

ACTIVATIONS = """
F.relu(x) F.relu6(x) F.leaky_relu(x) F.leaky_relu(x,0.3) F.elu(x) F.elu(x,0.5) F.selu(x) F.celu(x)
F.celu(x,2.) F.gelu(x) F.gelu(x,approximate='tanh') F.silu(x) F.mish(x) F.softplus(x)
F.softplus(x,2.,1.) F.softsign(x) F.hardtanh(x) F.hardtanh(x,-0.3,2) F.hardsigmoid(x)
F.hardswish(x) F.hardshrink(x) F.softshrink(x) F.softshrink(x,0.2) F.tanhshrink(x)
F.logsigmoid(x) F.sigmoid(x) F.tanh(x) F.glu(x) F.glu(x,0) F.threshold(x,0.1,20.) F.rrelu(x)
F.softmax(x,1) F.softmax(x,0) F.softmin(x,1) F.log_softmax(x,-1) F.log_softmax(x,0)
T.softmax(x,1) T.log_softmax(x,1) T.relu(x) x.relu() x.softmax(0) x.log_softmax(-1)
F.softmax(x,1,dtype=T.float64) F.log_softmax(x,1,dtype=T.float64) T.celu(x) T.selu(x)
""".split()


@pytest.mark.parametrize("call", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_activations(call, dtype):
    x = 3 * normal(4, 6, dtype=dtype)
    # PyTorch's derivative of hardsigmoid is the float32 number nearest to 1 / 6, and has no other
    flat = "hardsigmoid" in call
    check(call, x=x, loose=1e4 if flat and dtype == "float64" else 4, order=1 if flat else 2)


IN_PLACE = """
relu relu6 leaky_relu elu selu celu silu mish hardtanh hardsigmoid hardswish rrelu
""".split()


@pytest.mark.parametrize("name", IN_PLACE)
def test_activations_in_place(name):
    flat = name == "hardsigmoid"
    call = f"F.{name}(x * 1, inplace=True)"
    check(call, x=2 * normal(3, 4), order=1 if flat else 2, loose=1e4 if flat else 4)


def test_named_in_place_forms():
    for call in ("F.relu_(x * 1)", "T.relu_(x * 1)", "(x * 1).relu_()", "F.elu_(x * 1, 0.5)"):
        check(call, x=2 * normal(3, 4))
    check("F.threshold_(x * 1, 0.1, 2.0)", x=normal(3, 4))


SPECIAL = np.array([-np.inf, -1e4, -100.0, -20, -1e-20, -0.0, 0, 1e-20, 20, 100.0, 1e4, np.inf])


@pytest.mark.parametrize(
    "call",
    """F.relu(x) F.softplus(x) F.logsigmoid(x) F.sigmoid(x) F.elu(x) F.hardtanh(x) F.leaky_relu(x)
    F.hardshrink(x) F.softshrink(x) F.threshold(x,0,1) F.relu6(x)""".split(),
)
def test_extreme_values(call):
    check(call, x=SPECIAL, order=1)
    x = np.array([np.nan, 1.0])
    check(call, x=x, order=0)


def test_gradients_of_relu_stop_infinities():
    for ours in (True, False):
        result, (x,) = evaluate("F.relu(x)", {"x": np.array([-1.0, 2.0, 0.0])}, (), ours)
        g = result.grad_fn
        assert g is not None
        seed = np.array([np.inf, np.inf, np.nan])
        seed = dynagrad.from_numpy(seed) if ours else torch.from_numpy(seed)
        result.backward(seed)
        assert x.grad.tolist() == [0.0, np.inf, 0.0]


def test_softmax_far_out():
    x = np.array([[1e4, -1e4, 0.0], [-1e30, -1e30, -1e30], [np.inf, 0, 1], [-np.inf, 0, 1]])
    check("F.softmax(x, 1)", x=x, order=0)
    check("F.log_softmax(x, 1)", x=x, order=0)
    check("F.log_softmax(x, 1)", x=x[:2])


def test_shapes_of_activations():
    for call in ("F.relu(x)", "F.softmax(x, 0)", "F.gelu(x)", "F.log_softmax(x, -1)"):
        check(call, x=np.array(0.7), nodes="none")
        check(call, x=np.zeros((0, 3)), nodes="none")
    check("F.prelu(x, y)", x=normal(2, 4, 3), y=normal(4))
    check("F.prelu(x, y)", x=normal(2, 4), y=normal(1))
    check("F.prelu(x, y)", x=normal(4), y=normal(1))
    check("F.relu(x)", x=np.array([-1, 2]))
    check("F.hardtanh(x)", x=np.array([-3, 2, 0]))


def test_implicit_softmax_dimension():
    for shape in ((3,), (2, 3), (2, 3, 2)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            modules(True)["F"].softmax(dynagrad.from_numpy(np.zeros(shape)))
        assert "Implicit dimension choice for softmax" in str(caught[0].message)
        assert caught[0].filename == __file__
        check("F.softmax(x)", x=normal(*shape))


# --- losses ---------------------------------------------------------------------------------------

REDUCTIONS = ["mean", "sum", "none"]

#: call (R is the reduction), the names of tensors without gradient, and the tensors
LOSSES = [
    ("F.mse_loss(x, y, R)", "y", {"x": normal(4, 3), "y": normal(4, 3)}),
    ("F.mse_loss(x, y, R)", "", {"x": normal(4, 3), "y": normal(4, 3)}),
    ("F.mse_loss(x, y, R, weight=w)", "yw", {n: unit(4, 3) for n in "xyw"}),
    ("F.l1_loss(x, y, R)", "y", {"x": normal(4, 3), "y": normal(4, 3)}),
    ("F.smooth_l1_loss(x, y, R, beta=0.7)", "", {"x": normal(4, 3), "y": normal(4, 3)}),
    ("F.smooth_l1_loss(x, y, R, beta=0.0)", "y", {"x": normal(4, 3), "y": normal(4, 3)}),
    ("F.huber_loss(x, y, R, delta=0.7)", "", {"x": normal(4, 3), "y": normal(4, 3)}),
    ("F.binary_cross_entropy(x, y, R)", "y", {"x": unit(4, 3), "y": unit(4, 3)}),
    ("F.binary_cross_entropy(x, y, w, R)", "w", {n: unit(4, 3) for n in "xyw"}),
    ("F.binary_cross_entropy_with_logits(x, y, R)", "y", {"x": normal(4, 3), "y": unit(4, 3)}),
    (
        "F.binary_cross_entropy_with_logits(x, y, w, R, pos_weight=p)",
        "wp",
        {"x": normal(4, 3), "y": unit(4, 3), "w": unit(4, 3), "p": unit(3)},
    ),
    ("F.binary_cross_entropy_with_logits(x, y, R)", "", {"x": normal(4), "y": unit(4)}),
    ("F.kl_div(x, y, R)", "y", {"x": normal(4, 3), "y": unit(4, 3)}),
    ("F.kl_div(x, y, R)", "", {"x": normal(4, 3), "y": unit(4, 3)}),
    ("F.kl_div(x, y, R, log_target=True)", "", {"x": normal(4, 3), "y": normal(4, 3)}),
    ("F.poisson_nll_loss(x, y, R)", "y", {"x": normal(4, 3), "y": 3 * unit(4, 3)}),
    (
        "F.poisson_nll_loss(x, y, log_input=False, full=True, R)",
        "y",
        {"x": unit(4, 3), "y": 3 * unit(4, 3)},
    ),
    ("F.gaussian_nll_loss(x, y, v, R)", "y", {n: unit(4, 3) for n in "xyv"}),
    ("F.gaussian_nll_loss(x, y, v, R)", "y", {"x": unit(4, 3), "y": unit(4, 3), "v": unit(1, 3)}),
    (
        "F.gaussian_nll_loss(x, y, v, full=True, R)",
        "y",
        {"x": normal(4, 3), "y": normal(4, 3), "v": unit(4, 1)},
    ),
    (
        "F.hinge_embedding_loss(x, y, R)",
        "y",
        {"x": normal(6), "y": np.array([1.0, -1, 1, -1, -1, 1])},
    ),
    (
        "F.margin_ranking_loss(x, z, y, margin=0.3, R)",
        "y",
        {"x": normal(4), "z": normal(4), "y": np.array([1.0, -1, 1, -1])},
    ),
    (
        "F.cosine_embedding_loss(x, z, y, margin=0.1, R)",
        "y",
        {"x": normal(4, 5), "z": normal(4, 5), "y": np.array([1.0, -1, 1, -1])},
    ),
    ("F.soft_margin_loss(x, y, R)", "y", {"x": normal(4), "y": np.array([1.0, -1, 1, -1])}),
    ("F.multi_margin_loss(x, t, R)", "", {"x": normal(4, 3), "t": np.array([0, 2, 1, 1])}),
    (
        "F.multi_margin_loss(x, t, p=2, margin=0.8, weight=w, R)",
        "w",
        {"x": normal(4, 3), "t": np.array([0, 2, 1, 1]), "w": unit(3)},
    ),
    (
        "F.multilabel_margin_loss(x, t, R)",
        "",
        {"x": normal(3, 4), "t": np.array([[3, 0, -1, 1], [-1, 1, 1, 1], [2, -1, 0, 0]])},
    ),
    (
        "F.multilabel_soft_margin_loss(x, y, R)",
        "y",
        {"x": normal(3, 4), "y": np.round(unit(3, 4))},
    ),
    ("F.triplet_margin_loss(x, y, z, R)", "", {n: normal(4, 5) for n in "xyz"}),
    ("F.triplet_margin_loss(x, y, z, swap=True, p=1, R)", "", {n: normal(4, 5) for n in "xyz"}),
    ("F.triplet_margin_with_distance_loss(x, y, z, R)", "", {n: normal(4, 5) for n in "xyz"}),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("call", "fixed", "tensors"), LOSSES)
def test_losses(call, fixed, tensors, reduction):
    order = 1 if "multi_margin" in call or "multilabel_margin" in call else 2
    check(
        re.sub(r"\bR\b", f"reduction={reduction!r}", call), fixed, loose=4, order=order, **tensors
    )


def test_second_derivatives_that_pytorch_lacks():
    t = dynagrad.tensor([0, 2])
    x = dynagrad.tensor([[0.1, 0.7, -0.2], [0.5, 0.1, 0.2]], requires_grad=True)
    loss = modules(True)["F"].multi_margin_loss(x, t, p=2, reduction="sum")
    (first,) = dynagrad.autograd.grad(loss, x, create_graph=True)
    (second,) = dynagrad.autograd.grad(first[0, 1], x)
    np.testing.assert_allclose(second.numpy(), [[-2 / 3, 2 / 3, 0], [0, 0, 0]], rtol=1e-6)
    x = dynagrad.tensor([-1.0, 0.5], requires_grad=True)
    (first,) = dynagrad.autograd.grad(modules(True)["F"].hardsigmoid(x).sum(), x)
    np.testing.assert_allclose(first.numpy(), [1 / 6, 1 / 6], rtol=1e-6)


@pytest.mark.parametrize("call", ["F.mse_loss(x, y)", "F.binary_cross_entropy_with_logits(x, y)"])
def test_losses_in_float32(call):
    check(call, "y", x=normal(40, 3, dtype="float32"), y=unit(40, 3, dtype="float32"), loose=4)


def test_losses_far_out():
    x = np.array([-1000.0, -50, 0, 50, 1000])
    y = np.array([1.0, 0, 0.5, 1, 0])
    check("F.binary_cross_entropy_with_logits(x, y, reduction='none')", "y", x=x, y=y)
    p = np.array([0.0, 1, 0, 1, 0.5])
    check("F.binary_cross_entropy(x, y, reduction='none')", "y", x=p, y=y, order=1)


def test_sizes_that_broadcast():
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            getattr(modules(True)["F"], name)(dynagrad.ones(3), dynagrad.ones(3, 1))
        check(f"F.{name}(x, y)", x=normal(3), y=normal(3, 1), nodes="none")
        assert "Using a target size (torch.Size([3, 1]))" in str(caught[0].message)


CLASSES = [
    ("F.nll_loss(x, t, R)", (4, 3), (4,)),
    ("F.nll_loss(x, t, w, R)", (4, 3), (4,)),
    ("F.nll_loss(x, t, ignore_index=1, R)", (4, 3), (4,)),
    ("F.nll_loss(x, t, w, ignore_index=1, R)", (4, 3), (4,)),
    ("F.nll_loss(x, t, R)", (3,), ()),
    ("F.nll_loss(x, t, w, R)", (2, 3, 5), (2, 5)),
    ("F.nll_loss(x, t, ignore_index=2, R)", (2, 3, 5, 2), (2, 5, 2)),
    ("F.nll_loss(x, t, R)", (2, 3, 2, 2, 2), (2, 2, 2, 2)),
    ("F.cross_entropy(x, t, R)", (4, 3), (4,)),
    ("F.cross_entropy(x, t, w, ignore_index=0, R)", (4, 3), (4,)),
    ("F.cross_entropy(x, t, R)", (3,), ()),
    ("F.cross_entropy(x, t, w, R)", (2, 3, 5), (2, 5)),
    ("F.cross_entropy(x, t, label_smoothing=0.1, R)", (4, 3), (4,)),
    ("F.cross_entropy(x, t, w, label_smoothing=0.1, ignore_index=1, R)", (4, 3), (4,)),
    ("F.cross_entropy(x, t, label_smoothing=0.3, R)", (2, 3, 4), (2, 4)),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("call", "shape", "target"), CLASSES)
def test_class_losses(call, shape, target, reduction):
    t = np.array(RNG.integers(0, 3, target))
    call = call.replace("R)", f"reduction={reduction!r})")
    w = unit(3)
    used = {"w": w} if "w," in call else {}
    check(call, "w", x=normal(*shape), t=t, **used)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options", ["", ", weight=w", ", label_smoothing=0.2", ", w, label_smoothing=0.2"]
)
def test_cross_entropy_of_probabilities(options, reduction):
    call = f"F.cross_entropy(x, y{options}, reduction={reduction!r})"
    used = {"w": unit(3)} if "w" in options.replace("weight", "").replace("smoothing", "") else {}
    check(call, "wy", x=normal(4, 3), y=unit(4, 3), **used)
    check(call, "w", x=normal(4, 3, 2), y=unit(4, 3, 2), **used)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2), (2, 3, 2, 2), (3,)], ids=str)
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_no_target_counts(name, shape):
    array = normal(*shape)
    found = []
    for lib in (dynagrad, torch):
        x = lib.tensor(array.tolist(), requires_grad=True)
        target = lib.ones((2, *shape[2:]) if len(shape) > 1 else (), dtype=lib.long)
        loss = getattr(lib.nn.functional, name)(x, target, ignore_index=1)
        found.append((str(loss.item()), lib.autograd.grad(loss, x)[0].tolist()))
    assert found[0] == found[1]


def test_older_arguments():
    with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated"):
        modules(True)["F"].mse_loss(dynagrad.ones(3), dynagrad.ones(3), size_average=False)
    for args in ("size_average=False", "reduce=False", "size_average=True"):
        check(f"F.mse_loss(x, y, {args})", x=normal(3), y=normal(3))


def test_empty_batches():
    t = np.zeros(0, np.int64)
    check("F.cross_entropy(x, t)", x=np.zeros((0, 3)), t=t, order=1)
    check("F.cross_entropy(x, t, reduction='sum')", x=np.zeros((0, 3)), t=t, order=1)
    check("F.mse_loss(x, y)", x=np.zeros((0, 3)), y=np.zeros((0, 3)), order=1)


# --- linear, distances and layers -----------------------------------------------------------------

LINEAR = [
    ("F.linear(x, w, b)", (2, 3), (4, 3), (4,)),
    ("F.linear(x, w)", (2, 3), (4, 3), None),
    ("F.linear(x, w, b)", (5, 2, 3), (4, 3), (4,)),
    ("F.linear(x, w)", (5, 2, 3), (4, 3), None),
    ("F.linear(x, w, b)", (3,), (4, 3), (4,)),
    ("F.linear(x, w, b)", (6, 5, 2, 3), (4, 3), (4,)),
    ("F.linear(x, w)", (2, 3), (3,), None),
    ("F.linear(x, w, b)", (2, 3), (4, 3), ()),
    ("F.linear(x, w, b)", (2, 3), (4, 3), (1,)),
    ("F.linear(x, w, b)", (2, 3), (4, 3), (2, 4)),
    ("F.linear(x, w, b)", (0, 3), (4, 3), (4,)),
]


@pytest.mark.parametrize(("call", "x", "w", "b"), LINEAR)
@pytest.mark.parametrize("fixed", ["", "x", "w", "b", "xb"])
def test_linear(call, x, w, b, fixed):
    tensors = {"x": normal(*x), "w": normal(*w)} | ({} if b is None else {"b": normal(*b)})
    check(call, fixed, **tensors)


def test_layout_of_weight_gradients():
    for call in ("F.linear(x, w, b)", "F.linear(x, w)", "x @ w.t()", "T.addmm(b, x, w.t())"):
        tensors = {"x": normal(5, 3), "w": normal(4, 3), "b": normal(4)}
        result, leaves = evaluate(call, tensors, (), True)
        result.sum().backward()
        assert leaves[1].grad._a.flags.c_contiguous


def test_bilinear():
    check("F.bilinear(x, y, w, b)", x=normal(2, 3), y=normal(2, 4), w=normal(5, 3, 4), b=normal(5),
          nodes="top")  # fmt: skip


LAYERS = [
    ("F.cosine_similarity(x, y)", {"x": normal(3, 4), "y": normal(3, 4)}, "all"),
    ("F.cosine_similarity(x, y, dim=0)", {"x": normal(3, 4), "y": normal(3, 4)}, "all"),
    ("F.pairwise_distance(x, y)", {"x": normal(3, 4), "y": normal(3, 4)}, "all"),
    ("F.pairwise_distance(x, y, p=1, keepdim=True)", {"x": normal(3, 4), "y": normal(4)}, "none"),
    ("F.normalize(x)", {"x": normal(3, 4)}, "all"),
    ("F.normalize(x, p=3, dim=0)", {"x": normal(3, 4)}, "all"),
    ("F.layer_norm(x, (4,))", {"x": normal(3, 4)}, "none"),
    ("F.layer_norm(x, (4,), w, b)", {"x": normal(3, 4), "w": normal(4), "b": normal(4)}, "all"),
    (
        "F.layer_norm(x, (2, 4), w, b)",
        {"x": normal(3, 2, 4), "w": normal(2, 4), "b": normal(2, 4)},
        "all",
    ),
    ("F.batch_norm(x, None, None, training=True)", {"x": normal(5, 4)}, "all"),
    (
        "F.batch_norm(x, None, None, w, b, training=True)",
        {"x": normal(5, 4, 2), "w": normal(4), "b": normal(4)},
        "all",
    ),
    (
        "F.batch_norm(x, m, v, w, b)",
        {"x": normal(5, 4, 2), "w": normal(4), "b": normal(4), "m": normal(4), "v": unit(4)},
        "all",
    ),  # fmt: skip
    ("F.batch_norm(x, m, v)", {"x": normal(5, 4), "m": normal(4), "v": unit(4)}, "all"),
    ("F.group_norm(x, 2, w, b)", {"x": normal(3, 4, 2), "w": normal(4), "b": normal(4)}, "none"),
    ("F.instance_norm(x)", {"x": normal(3, 4, 5)}, "none"),
    # as many channels as numbers in a row
    (
        "F.instance_norm(x, weight=w, bias=b)",
        {"x": normal(2, 5, 5), "w": normal(5), "b": normal(5)},
        "none",
    ),
    ("F.group_norm(x, 2, w, b)", {"x": normal(3, 4, 4), "w": normal(4), "b": normal(4)}, "none"),
    ("F.rms_norm(x, (4,), w)", {"x": normal(3, 4), "w": normal(4)}, "none"),
    ("F.pad(x, (1, 2))", {"x": normal(2, 3)}, "all"),
    ("F.pad(x, (1, -1, 0, 2), value=7.0)", {"x": normal(2, 3)}, "all"),
    ("F.pad(x, (2, 1), 'reflect')", {"x": normal(2, 3, 4)}, "all"),
    ("F.pad(x, (2, 1), 'replicate')", {"x": normal(2, 3, 4)}, "all"),
    ("F.pad(x, (2, 1), 'circular')", {"x": normal(2, 3, 4)}, "none"),
    ("F.pad(x, (2, 1, 1, 1), 'reflect')", {"x": normal(2, 3, 4, 5)}, "none"),
    ("F.embedding(t, w)", {"t": np.array([[1, 2], [2, 4]]), "w": normal(5, 3)}, "all"),
    (
        "F.embedding(t, w, padding_idx=2)",
        {"t": np.array([1, 2, 2, 0, 1]), "w": normal(5, 3)},
        "all",
    ),
]


@pytest.mark.parametrize(("call", "tensors", "nodes"), LAYERS)
def test_layers(call, tensors, nodes):
    check(call, "mv", nodes=nodes, loose=10, **tensors)


def test_running_statistics():
    a = {"x": normal(5, 4, 2)}
    found = []
    for ours in (True, False):
        m = modules(ours)
        mean, var = m["T"].zeros(4, dtype=m["T"].float64), m["T"].ones(4, dtype=m["T"].float64)
        x = m["T"].from_numpy(a["x"].copy())
        m["F"].batch_norm(x, mean, var, training=True, momentum=0.3)
        found.append((mean.tolist(), var.tolist()))
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize(
    "call",
    """F.dropout(x) F.dropout(x,0.2) F.dropout(x,0.) F.dropout(x,1.) F.dropout(x,training=False)
    F.dropout1d(x,0.4) F.dropout2d(x[None],0.4) F.dropout(x.transpose(0,1),0.3)
    F.gumbel_softmax(x[0]) F.gumbel_softmax(x[0],hard=True) F.rrelu(x,training=True)
    F.alpha_dropout(x,0.3,training=True)""".split(),
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_layers(call, dtype):
    found = []
    x = normal(3, 4, 5, dtype=dtype)
    for ours in (True, False):
        m = modules(ours)
        m["T"].manual_seed(11)
        result = evaluate(call, {"x": x}, (), ours)[0]
        found.append(result.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-7)


# --- errors ---------------------------------------------------------------------------------------

F32, I64 = np.float32, np.int64


def zeros(*shape, dtype=F32):
    return np.zeros(shape, dtype)


ERRORS = [
    ("F.linear(x, y, z)", zeros(2, 3), zeros(4, 5), zeros(4)),
    ("F.linear(x, y, z)", zeros(2, 3), zeros(4, 3), zeros(5)),
    ("F.linear(x, y, z)", zeros(2, 3, dtype=I64), zeros(4, 3), zeros(4)),
    ("F.linear(x, y, z)", zeros(2, 3), zeros(4, 3, dtype="f8"), zeros(4)),
    ("F.linear(x, y, z)", zeros(2, 3), zeros(4, 3), zeros(4, dtype="f8")),
    ("F.linear(x, y)", zeros(3), zeros(4, 5)),
    ("F.linear([1.0], x)", zeros(4, 5)),
    ("F.softmax(x, 5)", zeros(2, 3)),
    ("F.softmax(x, 1)", zeros(2, 3, dtype=I64)),
    ("F.log_softmax(x, 1)", zeros(2, 3, dtype=I64)),
    ("F.relu(x)", zeros(2, dtype=bool)),
    ("F.relu('a')",),
    ("F.gelu(x)", zeros(2, dtype=I64)),
    ("F.gelu(x, approximate='x')", zeros(2)),
    ("F.elu(x)", zeros(2, dtype=I64)),
    ("F.hardtanh(x, 1, -1)", zeros(2)),
    ("F.celu(x, 0.0)", zeros(2)),
    ("F.glu(x)", zeros(3)),
    ("F.glu(x)", zeros()),
    ("F.softshrink(x, -1)", zeros(2)),
    ("F.prelu(x, y)", zeros(2, 3), zeros(2)),
    ("F.prelu(x, y)", zeros(2, 3), zeros(1, 1)),
    ("F.mse_loss(x, y)", zeros(3), zeros(4)),
    ("F.mse_loss(x, y)", zeros(3, dtype=I64), zeros(3, dtype=I64)),
    ("F.mse_loss(x, y, reduction='x')", zeros(3), zeros(3)),
    ("F.mse_loss(x, y, weight=z)", zeros(3), zeros(3), zeros(2)),
    ("F.smooth_l1_loss(x, y, beta=-1.0)", zeros(3), zeros(3)),
    ("F.huber_loss(x, y, delta=-1.0)", zeros(3), zeros(3)),
    ("F.binary_cross_entropy(x, y)", zeros(3), zeros(3, 1)),
    ("F.binary_cross_entropy(x + 2, y)", zeros(3), zeros(3)),
    ("F.binary_cross_entropy(x, y)", zeros(3), zeros(3, dtype=I64)),
    ("F.binary_cross_entropy(x, y)", zeros(3), zeros(3, dtype="f8")),
    ("F.binary_cross_entropy_with_logits(x, y)", zeros(3), zeros(3, 1)),
    ("F.binary_cross_entropy_with_logits(x, y)", zeros(3), zeros(3, dtype=I64)),
    ("F.nll_loss(x, y + 5)", zeros(2, 3), zeros(2, dtype=I64)),
    ("F.nll_loss(x, y - 1)", zeros(2, 3), zeros(2, dtype=I64)),
    ("F.nll_loss(x, y)", zeros(2, 3), zeros(2)),
    ("F.nll_loss(x, y)", zeros(2, 3), zeros(3, dtype=I64)),
    ("F.nll_loss(x, y)", zeros(2, 3), zeros(2, 1, dtype=I64)),
    ("F.nll_loss(x, y)", zeros(2, 3, 4), zeros(2, 3, dtype=I64)),
    ("F.nll_loss(x, y)", zeros(2, 3, dtype=I64), zeros(2, dtype=I64)),
    ("F.nll_loss(x, y, z)", zeros(2, 3), zeros(2, dtype=I64), zeros(2)),
    ("F.nll_loss(x, y, z)", zeros(2, 3), zeros(2, dtype=I64), zeros(3, dtype="f8")),
    ("F.nll_loss(x, y)", zeros(), zeros(dtype=I64)),
    ("F.cross_entropy(x, y + 5)", zeros(2, 3), zeros(2, dtype=I64)),
    ("F.cross_entropy(x, y)", zeros(2, 3), zeros(2)),
    ("F.cross_entropy(x, y)", zeros(2, 3), zeros(2, 3, dtype=I64)),
    ("F.cross_entropy(x, y)", zeros(2, 3), zeros(2, dtype="i4")),
    ("F.cross_entropy(x, y)", zeros(2, 3), zeros(3, dtype=I64)),
    ("F.cross_entropy(x, y, ignore_index=1)", zeros(2, 3), zeros(2, 3)),
    ("F.cross_entropy(x, y, label_smoothing=2.0)", zeros(2, 3), zeros(2, 3)),
    ("F.cross_entropy(x, [1, 2])", zeros(2, 3)),
    ("F.gaussian_nll_loss(x, x, y - 1)", zeros(2, 3), zeros(2)),
    ("F.gaussian_nll_loss(x, x, y)", zeros(2, 3), zeros(2, 2)),
    ("F.margin_ranking_loss(x, y, x)", zeros(2), zeros(3, 1)),
    ("F.cosine_embedding_loss(x, x, x)", zeros(2)),
    ("F.multi_margin_loss(x, y + 7)", zeros(2, 3), zeros(2, dtype=I64)),
    ("F.multi_margin_loss(x, y)", zeros(2, 3), zeros(3, dtype=I64)),
    ("F.multi_margin_loss(x, y, p=3)", zeros(2, 3), zeros(2, dtype=I64)),
    ("F.soft_margin_loss(x, y)", zeros(2), zeros(3)),
    ("F.triplet_margin_loss(x, x, y)", zeros(2, 3), zeros(3)),
    ("F.triplet_margin_loss(x, x, x, margin=-1)", zeros(2, 3)),
    ("F.dropout(x, 1.5)", zeros(2)),
    ("F.dropout(x)", zeros(2, dtype=I64)),
    ("F.embedding(y + 9, x)", zeros(3, 2), zeros(2, dtype=I64)),
    ("F.embedding(y, x)", zeros(3, 2), zeros(2)),
    ("F.embedding(y, x)", zeros(3), zeros(2, dtype=I64)),
    ("F.embedding(y, x, padding_idx=7)", zeros(3, 2), zeros(2, dtype=I64)),
    ("F.layer_norm(x, (4,))", zeros(2, 3)),
    ("F.batch_norm(x, None, None, training=True)", zeros(1, 3)),
    ("F.batch_norm(x, y, y)", zeros(2, 3), zeros(2)),
    ("F.batch_norm(x, None, None)", zeros(2, 3)),
    ("F.group_norm(x, 2)", zeros(2, 3)),
    ("F.pad(x, (1,))", zeros(2, 3)),
    ("F.pad(x, (1, 1, 1, 1, 1, 1))", zeros(2, 3)),
    ("F.pad(x, (-4, 0))", zeros(2, 3)),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case[0])
def test_errors(case):
    ours, theirs = check_error(case[0], **dict(zip("xyz", case[1:], strict=False)))
    if "[1" not in case[0]:
        assert ours.startswith(theirs.split("\n")[0][:60]), theirs
