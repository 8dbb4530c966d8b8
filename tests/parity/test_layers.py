"""Layers that PyTorch's list of modules leaves out, against PyTorch: initial values, text, state,
results, gradients, in training and in evaluation.
"""

import copy
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

LINE, IMAGE, SOLID, ROWS = (2, 6, 8), (2, 4, 6, 6), (2, 3, 4, 4, 4), (5, 8)
#: name, arguments, shape of the input
LAYERS = [
    ("Upsample", {"scale_factor": 2}, LINE),
    ("Upsample", {"size": 5, "mode": "linear"}, LINE),
    ("Upsample", {"scale_factor": (2, 1.5), "mode": "bilinear", "align_corners": True}, IMAGE),
    ("Upsample", {"scale_factor": 1.7, "mode": "bicubic", "recompute_scale_factor": True}, IMAGE),
    ("Upsample", {"size": (3, 5, 6), "mode": "trilinear"}, SOLID),
    ("UpsamplingNearest2d", {"scale_factor": 2}, IMAGE),
    ("UpsamplingBilinear2d", {"size": (9, 4)}, IMAGE),
    ("PixelShuffle", {"upscale_factor": 2}, IMAGE),
    ("PixelUnshuffle", {"downscale_factor": 3}, IMAGE),
    ("ChannelShuffle", {"groups": 2}, IMAGE),
    ("Unfold", {"kernel_size": (2, 3), "dilation": 2, "padding": 1, "stride": (1, 2)}, IMAGE),
    ("Fold", {"output_size": (4, 5), "kernel_size": 2, "stride": (2, 1)}, (2, 12, 8)),
    ("FeatureAlphaDropout", {"p": 0.4}, IMAGE),
    ("CrossMapLRN2d", {"size": 3, "alpha": 0.5}, IMAGE),
    ("CrossMapLRN2d", {"size": 4, "alpha": 0.5, "beta": 0.6, "k": 2}, (2, 9, 3, 3)),
    ("CrossMapLRN2d", {"size": 5}, (2, 2, 3, 3)),
    ("SyncBatchNorm", {"num_features": 6}, LINE),
    ("SyncBatchNorm", {"num_features": 8, "momentum": None, "bias": False}, ROWS),
    ("BatchNorm1d", {"num_features": 8, "momentum": None}, ROWS),
    ("BatchNorm2d", {"num_features": 4, "track_running_stats": False}, IMAGE),
    ("LazyLinear", {"out_features": 3}, LINE),
    ("LazyLinear", {"out_features": 3, "bias": False}, ROWS),
    ("LazyConv2d", {"out_channels": 6, "kernel_size": 3, "groups": 2, "bias": False}, IMAGE),
    ("LazyConvTranspose1d", {"out_channels": 3, "kernel_size": 3, "stride": 2}, LINE),
    ("LazyBatchNorm1d", {"momentum": 0.3}, LINE),
    ("LazyBatchNorm2d", {"affine": False}, IMAGE),
    ("LazyBatchNorm3d", {"bias": False}, SOLID),
    ("LazyInstanceNorm1d", {"affine": True, "track_running_stats": True}, LINE),
    ("LazyInstanceNorm2d", {"track_running_stats": False}, IMAGE),
    ("LazyInstanceNorm3d", {}, SOLID),
    ("InstanceNorm1d", {"num_features": 2}, (2, 8)),
    ("Conv2d", {"in_channels": 4, "out_channels": 3, "kernel_size": 3, "padding": "same"}, IMAGE),
    ("ZeroPad2d", {"padding": (1, -1, 0, 2)}, IMAGE),
]
IDS = [f"{name}-{'-'.join(map(str, o.values()))}" for name, o, _ in LAYERS]


def seed_both(seed):
    dynagrad.manual_seed(seed)
    torch.manual_seed(seed)


def pair(name, options, seed=3):
    """The same module of either library, made from the same random numbers."""
    made = []
    for library in (dynagrad, torch):
        library.manual_seed(seed)
        made.append(getattr(library.nn, name)(**options))
    return made


def close(ours, theirs, rtol=1e-5, atol=2e-6):
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol, atol)


def both(array):
    return dynagrad.from_numpy(array.copy()), torch.from_numpy(array.copy())


def same_state(ours, theirs):
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    assert dict(a._metadata) == dict(b._metadata)
    for key in a:
        close(a[key], b[key])


def same_gradients(ours, theirs, x, y, a, b, rng):
    w, v = both(rng.standard_normal(a.shape).astype("float32"))
    (a * w).sum().backward()
    (b * v).sum().backward()
    close(x.grad, y.grad, 1e-4, 1e-5)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad, q.grad, 1e-4, 1e-5)


@pytest.mark.parametrize(("name", "options", "shape"), LAYERS, ids=IDS)
def test_layers(name, options, shape, rng):
    ours, theirs = pair(name, options)
    assert repr(ours) == repr(theirs)
    for _ in range(2):  # running statistics move
        x, y = both(rng.standard_normal(shape).astype("float32"))
        x.requires_grad_(), y.requires_grad_()
        seed_both(1)
        a, b = ours(x), theirs(y)
        close(a, b)
        assert type(ours).__name__ == type(theirs).__name__
        assert repr(ours) == repr(theirs)
        same_state(ours, theirs)
    same_gradients(ours, theirs, x, y, a, b, rng)
    ours.eval(), theirs.eval()
    close(ours(x), theirs(y))
    close(copy.deepcopy(ours)(x), theirs(y))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2}])
def test_unpooling_is_the_reverse_of_pooling(rank, options, rng):
    array = rng.standard_normal((2, 3, 7, 7, 7)[: rank + 2]).astype("float32")
    found = []
    for library, x in zip((dynagrad, torch), both(array), strict=True):
        x.requires_grad_()
        pooled, places = getattr(library.nn, f"MaxPool{rank}d")(**options, return_indices=True)(x)
        unpool = getattr(library.nn, f"MaxUnpool{rank}d")(**options)
        back = unpool(pooled, places, output_size=x.shape)
        (back * back).sum().backward()
        found.append((repr(unpool), back, x.grad))
    assert found[0][0] == found[1][0]
    close(found[0][1], found[1][1])
    close(found[0][2], found[1][2])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "sum", "padding_idx": -1},
        {"mode": "max", "max_norm": 1.0},
        {"mode": "sum", "norm_type": 1.0, "include_last_offset": True},
    ],
)
def test_embedding_bag(options):
    ours, theirs = pair("EmbeddingBag", {"num_embeddings": 7, "embedding_dim": 4, **options})
    assert repr(ours) == repr(theirs)
    same_state(ours, theirs)
    numbers, other_numbers = both(np.array([1, 6, 2, 2, 0, 5]))
    offsets, other_offsets = both(np.array([0, 2, 6] if len(options) == 3 else [0, 2]))
    a, b = ours(numbers, offsets), theirs(other_numbers, other_offsets)
    close(a, b)
    (a * a).sum().backward()
    (b * b).sum().backward()
    close(ours.weight.grad, theirs.weight.grad)


def test_embedding_bag_from_a_table():
    tables = both(np.arange(12, dtype="float32").reshape(4, 3))
    ours, theirs = (
        library.nn.EmbeddingBag.from_pretrained(table, mode="sum", padding_idx=0)
        for library, table in zip((dynagrad, torch), tables, strict=True)
    )
    assert repr(ours) == repr(theirs)
    assert not ours.weight.requires_grad
    rows, others = both(np.array([[1, 0, 2]]))
    close(ours(rows), theirs(others))
    weights, other_weights = both(np.array([[0.5, 9, 2]], "float32"))
    close(ours(rows, per_sample_weights=weights), theirs(others, per_sample_weights=other_weights))


@pytest.mark.parametrize("head_bias", [True, False])
@pytest.mark.parametrize("targets", [[0, 3, 11, 19, 2], [7, 8, 8], [1]], ids=str)
def test_adaptive_softmax(head_bias, targets, rng):
    options = {"cutoffs": [4, 10], "div_value": 2.0, "head_bias": head_bias}
    ours, theirs = pair(
        "AdaptiveLogSoftmaxWithLoss", {"in_features": 8, "n_classes": 20, **options}
    )
    assert repr(ours) == repr(theirs)
    same_state(ours, theirs)
    x, y = both(rng.standard_normal((len(targets), 8)).astype("float32"))
    x.requires_grad_(), y.requires_grad_()
    s, t = both(np.array(targets))
    a, b = ours(x, s), theirs(y, t)
    assert type(a)._fields == type(b)._fields
    close(a.output, b.output)
    close(a.loss, b.loss)
    a.loss.backward()
    b.loss.backward()
    close(x.grad, y.grad)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            close(p.grad, q.grad)
    close(ours.log_prob(x), theirs.log_prob(y))
    assert ours.predict(x).tolist() == theirs.predict(y).tolist()


def test_adaptive_softmax_of_one_sample(rng):
    ours, theirs = pair(
        "AdaptiveLogSoftmaxWithLoss", {"in_features": 8, "n_classes": 20, "cutoffs": [5]}
    )
    x, y = both(rng.standard_normal(8).astype("float32"))
    a, b = ours(x, dynagrad.tensor(9)), theirs(y, torch.tensor(9))
    assert a.output.shape == b.output.shape
    close(a.output, b.output)


def test_sync_batch_norm_is_made_of_others(rng):
    def made(nn):
        return nn.Sequential(
            nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3, momentum=None))
        )

    nets = []
    for library in (dynagrad, torch):
        library.manual_seed(0)
        net = made(library.nn)
        held = net[1].weight
        net = library.nn.SyncBatchNorm.convert_sync_batchnorm(net)
        assert net[1].weight is held
        nets.append(net)
    assert repr(nets[0]) == repr(nets[1])
    for _ in range(2):
        x, y = both(rng.standard_normal((4, 3)).astype("float32"))
        close(nets[0](x), nets[1](y))
    same_state(*nets)


def test_data_parallel_runs_its_module(rng):
    nets = [library.nn.DataParallel(pair_of) for library, pair_of in zip(
        (dynagrad, torch), pair("Linear", {"in_features": 3, "out_features": 2}), strict=True
    )]  # fmt: skip
    assert repr(nets[0]) == repr(nets[1])
    same_state(*nets)
    x, y = both(rng.standard_normal((4, 3)).astype("float32"))
    close(nets[0](x), nets[1](y))
    assert nets[0].module.in_features == 3
    assert nets[0].device_ids == nets[1].device_ids


def test_output_size_of_a_transposed_convolution(rng):
    options = {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "stride": 3, "padding": 1}
    ours, theirs = pair("ConvTranspose2d", options)
    x, y = both(rng.standard_normal((2, 3, 4, 4)).astype("float32"))
    for size in ([10, 12], [2, 2, 11, 11]):
        a, b = ours(x, output_size=size), theirs(y, output_size=size)
        close(a, b)
        assert list(a.shape[2:]) == size[-2:]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradients_of_convolutions_by_themselves(rank, rng):
    size, kernel = (2, 4, 6, 6, 6)[: rank + 2], (6, 2, 3, 3, 3)[: rank + 2]
    settings = {"stride": 2, "padding": 1, "groups": 2}
    x, y = both(rng.standard_normal(size))
    w, v = both(rng.standard_normal(kernel))
    g, h = both(rng.standard_normal((2, 6, 3, 3, 3)[: rank + 2]))
    for which in ("input", "weight"):
        name = f"conv{rank}d_{which}"
        first = (size, w, g) if which == "input" else (x, kernel, g)
        second = (size, v, h) if which == "input" else (y, kernel, h)
        ours, theirs = (
            getattr(library.nn.grad, name)(*given, **settings)
            for library, given in ((dynagrad, first), (torch, second))
        )
        close(ours, theirs, 1e-10)


def test_options_of_linear_cross_entropy(rng):
    for library in (dynagrad, torch):
        options = library.nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:2")
        assert repr(options) == (
            "LinearCrossEntropyOptions(allow_retain_graph=False, batch_chunk_size=None, "
            "chunking_method='aspect_ratio:2', acc_policy='auto', acc_dtype=None)"
        )
    options = {"in_features": 5, "num_classes": 7, "bias": True, "label_smoothing": 0.1}
    ours, theirs = pair("LinearCrossEntropyLoss", options)
    assert repr(ours) == repr(theirs)
    x, y = both(rng.standard_normal((4, 5)).astype("float32"))
    t, u = both(np.array([0, 6, 2, 3]))
    close(ours(x, t), theirs(y, u))


def test_a_container_says_that_it_is_old():
    for library in (dynagrad, torch):
        with pytest.warns(FutureWarning, match="`nn.Container` is deprecated"):
            net = library.nn.Container(a=library.nn.ReLU())
        assert [name for name, _ in net.named_children()] == ["a"]


def test_initial_values_of_a_weight_that_lies_otherwise():
    weights = []
    for library in (dynagrad, torch):
        conv = library.nn.Conv2d(3, 4, 3).to(memory_format=library.channels_last)
        library.manual_seed(5)
        conv.reset_parameters()
        weights.append(conv.weight)
    close(*weights, 0, 0)


def test_paths_that_programs_import():
    for library in (dynagrad, torch):
        modules = library.nn.modules
        assert issubclass(library.nn.Conv2d, modules.conv._ConvNd)
        assert issubclass(library.nn.ConvTranspose2d, modules.conv._ConvTransposeNd)
        assert issubclass(library.nn.BatchNorm2d, modules.batchnorm._BatchNorm)
        assert issubclass(library.nn.InstanceNorm2d, modules.instancenorm._InstanceNorm)
        assert issubclass(library.nn.MaxPool2d, modules.pooling._MaxPoolNd)
        assert issubclass(library.nn.MSELoss, modules.loss._Loss)
        assert issubclass(library.nn.NLLLoss, modules.loss._WeightedLoss)
        assert issubclass(library.nn.LazyLinear, modules.lazy.LazyModuleMixin)
        assert modules.utils._pair(3) == (3, 3)
        assert modules.utils._triple([1, 2, 3]) == (1, 2, 3)
        assert modules.utils._ntuple(4)(0) == (0, 0, 0, 0)
        assert modules.utils._reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
        assert modules.utils._list_with_default([None, 3], [4, 5, 6]) == [5, 3]
        assert library.nn._reduction.get_enum("sum") == 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert library.nn._reduction.legacy_get_string(False, None) == "sum"
        assert library.nn.common_types._size_2_t == int | tuple[int, int]
