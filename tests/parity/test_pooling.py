"""Pooling, padding and shuffling against PyTorch: graphs, random geometries, error texts, draws."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from graph_calls import check, check_error, evaluate  # noqa: E402

import dynagrad  # noqa: E402
import dynagrad.nn.functional  # noqa: E402

RNG = np.random.default_rng(11)
LIBRARIES = ((torch, torch.nn.functional), (dynagrad, dynagrad.nn.functional))


def normal(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


# --- what is recorded, and derivatives ------------------------------------------------------------

LINES = """
F.max_pool1d(x,2) F.max_pool1d(x,3,2,1,return_indices=True)[0] F.avg_pool1d(x,2) T.max_pool1d(x,2)
F.adaptive_avg_pool1d(x,3) F.adaptive_avg_pool1d(x,1) F.adaptive_max_pool1d(x,3)
T.adaptive_max_pool1d(x,4)[0] F.local_response_norm(x,2) F.pad(x,(1,2),'reflect')
F.pad(x,(2,-1),'replicate') T.constant_pad_nd(x,(1,0,2,-1),2.) F.pad(x,(1,1))
F.max_unpool1d(*F.max_pool1d(x,2,return_indices=True),2)
""".split()
IMAGES = """
F.max_pool2d(x,2) F.max_pool2d(x,3,2,1) F.max_pool2d(x,2,1,dilation=2)
F.max_pool2d(x,7,ceil_mode=True)
F.avg_pool2d(x,2) F.avg_pool2d(x,3,2,1,count_include_pad=False) F.avg_pool2d(x,2,divisor_override=3)
F.adaptive_avg_pool2d(x,(3,None)) F.adaptive_avg_pool2d(x,1) F.adaptive_max_pool2d(x,(2,5))
F.adaptive_max_pool2d(x,4) F.max_pool2d_with_indices(x,2)[0] F.pixel_shuffle(x,2)
F.pixel_unshuffle(x,2) F.channel_shuffle(x,2) F.local_response_norm(x,3)
F.pad(x,(1,2,3,0),'reflect')
F.pad(x,(1,2,3,-4),'replicate') F.max_unpool2d(*F.max_pool2d(x,2,return_indices=True),2)
F.lp_pool2d(x.abs()+1,3.,2) F.lp_pool2d(x,float('inf'),2) T.pixel_shuffle(x,1)
""".split()
VOLUMES = """
F.max_pool3d(x,2) F.avg_pool3d(x,(1,2,2)) F.adaptive_avg_pool3d(x,(2,1,3))
F.adaptive_avg_pool3d(x,1)
F.adaptive_max_pool3d(x,2) F.pad(x,(1,1,0,1,1,0),'reflect') F.lp_pool3d(x.abs()+1,2.,2)
""".split()


@pytest.mark.parametrize("call", LINES)
def test_lines(call):
    check(call, x=normal(2, 3, 8))
    if "response" not in call:
        check(call, x=normal(4, 8, dtype="float32"), loose=4, order=1)


@pytest.mark.parametrize("call", IMAGES)
def test_images(call):
    check(call, x=normal(2, 8, 8, 8))
    if "response" not in call:
        check(call, x=normal(4, 8, 8, dtype="float32"), loose=8, order=1)


@pytest.mark.parametrize("call", VOLUMES)
def test_volumes(call):
    check(call, x=normal(2, 3, 4, 4, 4))


@pytest.mark.parametrize("call", ["F.pad(x,(1,2),'circular')", "F.pad(x,(1,2,-1,1),'circular')"])
def test_circular_padding(call):
    check(call, x=normal(2, 3, 4), nodes="top")


# --- random geometries, ties, nan and infinities --------------------------------------------------


def geometry(rng, rank):
    size = [int(n) for n in rng.integers(1, 6, rank)]
    return {
        "kernel_size": size,
        "stride": [int(n) for n in rng.integers(1, 5, rank)],
        "padding": [int(rng.integers(0, n // 2 + 1)) for n in size],
        "ceil_mode": bool(rng.integers(2)),
    }


def outcome(lib, functional, name, array, kw):
    """Results and the gradient, as arrays; the first line of an error instead."""
    x = lib.tensor(array).requires_grad_()
    try:
        results = getattr(functional, name)(x, **kw)
    except RuntimeError as error:
        return str(error).split("\n")[0]
    results = results if isinstance(results, tuple) else (results,)
    weights = np.arange(results[0].numel()).reshape(results[0].shape) % 7.0
    (gradient,) = lib.autograd.grad(results[0], x, lib.tensor(weights.astype(array.dtype)))
    return [t.detach().numpy() for t in (*results, gradient)]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_max_pool_of_any_geometry(rank, rng):
    for number in range(40):
        array = rng.integers(-4, 4, (2, 2, *rng.integers(4, 9, rank))).astype("float32")
        if number % 2:
            array[rng.random(array.shape) < 0.1] = np.nan
        if number % 4 == 0:
            array[rng.random(array.shape) < 0.8] = -np.inf
        kw = geometry(rng, rank) | {"dilation": int(rng.integers(1, 3)), "return_indices": True}
        theirs, ours = (outcome(*libs, f"max_pool{rank}d", array, kw) for libs in LIBRARIES)
        assert type(ours) is type(theirs), (ours, theirs)
        if isinstance(theirs, str):
            assert ours == theirs
            continue
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b, str(kw))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_avg_pool_of_any_geometry(rank, rng):
    for _ in range(30):
        array = rng.standard_normal((2, 2, *rng.integers(4, 9, rank)))
        kw = geometry(rng, rank) | {"count_include_pad": bool(rng.integers(2))}
        theirs, ours = (outcome(*libs, f"avg_pool{rank}d", array, kw) for libs in LIBRARIES)
        assert type(ours) is type(theirs), (ours, theirs)
        if isinstance(theirs, str):
            assert ours == theirs
            continue
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, err_msg=str(kw))


def test_channels_last_stays_so():
    for call in ("max_pool2d(x, 2)", "avg_pool2d(x, 2)", "adaptive_avg_pool2d(x, 1)"):
        strides = []
        for lib, functional in LIBRARIES:
            x = lib.ones(2, 4, 6, 6).to(memory_format=lib.channels_last)
            strides.append(eval(call, {**vars(functional), "x": x}).stride())
        assert strides[0] == strides[1], call


# --- draws ----------------------------------------------------------------------------------------

DRAWN = """
F.fractional_max_pool2d(x,2,3) F.fractional_max_pool2d(x,3,output_ratio=(0.5,0.6))
F.fractional_max_pool2d(x[0],2,3,return_indices=True)[1] F.dropout2d(x,0.3)
F.alpha_dropout(x,0.3,True)
F.feature_alpha_dropout(x,0.3,True) T.feature_dropout(x,0.3,True) T.native_dropout(x,0.3,True)[0]
T.dropout(x,0.3,True) T.feature_alpha_dropout_(x*1,0.3,True) F.dropout3d(x,0.4)
""".split()


@pytest.mark.parametrize("call", DRAWN)
def test_draws_are_pytorchs(call):
    x = normal(3, 4, 8, 8)
    values = []
    for ours, lib in ((True, dynagrad), (False, torch)):
        lib.manual_seed(5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values.append(evaluate(call, {"x": x}, (), ours)[0].detach().numpy())
    np.testing.assert_allclose(*values, rtol=1e-12, atol=1e-12)


# --- errors ---------------------------------------------------------------------------------------

BAD = """
F.max_pool2d(x,(2,2,2)) F.max_pool2d(x,2.5) F.max_pool2d(x,2,0) F.max_pool2d(x,2,dilation=0)
F.max_pool2d(x,9) F.max_pool2d(x,2,padding=2) F.max_pool2d(x[0,0],2) F.max_pool2d(x>0,2)
F.max_pool1d(x,2) F.max_pool1d(x[0],9) F.max_pool1d(x[0],(2,2)) F.max_pool1d(x[0].long(),2)
F.avg_pool1d(x,2) F.avg_pool2d(x[0,0],2) F.avg_pool2d(x,2,divisor_override=0)
F.avg_pool2d(x.int(),2)
F.avg_pool3d(x,9) F.adaptive_avg_pool2d(x,(2,2,2)) F.adaptive_avg_pool2d(x,(-1,2))
F.adaptive_max_pool2d(x,(-1,2)) F.adaptive_max_pool1d(x,3) F.fractional_max_pool2d(x,2)
F.fractional_max_pool2d(x,2,8) F.fractional_max_pool2d(x,2,(2,2,2)) F.max_unpool2d(x,x,2)
F.max_unpool2d(x,x.long()*0+999,2) F.max_unpool2d(x,x.long(),2,output_size=(4,4))
F.pixel_shuffle(x,2) F.pixel_shuffle(x,0) F.pixel_unshuffle(x,3) F.channel_shuffle(x,2)
F.channel_shuffle(x[0,0],1) F.local_response_norm(x[0,0],2) F.pad(x,(1,)) F.pad(x,(1,1),'reflect')
F.pad(x,(8,1,1,1),'reflect') F.pad(x,(1,1,1,1),'other') F.pad(x,(1,1,1,1),'reflect',value=1)
F.pad(x,(9,1,1,1),'circular') F.pad(x>0,(1,1,1,1),'replicate') F.pad(x,(-9,0)) F.pad(x,2)
T.constant_pad_nd(x,(1,)) T.dropout(x,2.,True) T.feature_dropout(x[0,0,0],0.5,True) F.dropout(x,1.5)
F.dropout(x.long(),0.5)
""".split()


@pytest.mark.parametrize("call", BAD)
def test_error_texts(call):
    ours, theirs = check_error(call, x=np.abs(normal(2, 3, 8, 8)))
    assert ours.split("\n")[0] == theirs.split("\n")[0]
