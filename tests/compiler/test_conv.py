"""Convolutions and their gradients as native code, against PyTorch or sums in float64."""

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from kernel_calls import (  # noqa: E402
    BOTH_ENDS,
    POSIX,
    SCALARS,
    TARGETS,
    available,
    fenced,
    guarded,
    run,
)

from dynagrad.compiler.kernels.conv import Convolution, forward, grad_input  # noqa: E402
from dynagrad.compiler.kernels.conv_weight import grad_weight  # noqa: E402

EVERY_TARGET = pytest.mark.parametrize("target", available())


def taps(conv):
    """The taps of a kernel, and the part of the padded input that each meets."""
    (high, wide), (sh, sw), (dh, dw) = conv.out, conv.stride, conv.dilation
    for i in range(conv.kernel[0]):
        for j in range(conv.kernel[1]):
            rows = slice(i * dh, i * dh + (high - 1) * sh + 1, sh)
            columns = slice(j * dw, j * dw + (wide - 1) * sw + 1, sw)
            yield (i, j), (Ellipsis, rows, columns)


def by_groups(conv, x, channels):
    """The channels of an array (images, ...) or (outputs, ...) by groups."""
    each = x.shape[channels] // conv.groups
    return x.reshape(*x.shape[:channels], conv.groups, each, *x.shape[channels + 1 :])


def reference(conv, x, w, bias, g):
    """y, dx, dw, db in float64, by the definition: one tap of the kernel after the other."""
    (top, left), (h, width) = conv.padding, conv.size
    x, w, g = (v.astype(np.float64) for v in (x, w, g))
    wide = np.zeros((conv.images, conv.inputs, *conv.padded))
    wide[:, :, top : top + h, left : left + width] = x
    back, dw = np.zeros_like(wide), np.zeros_like(w)
    y = np.zeros(g.shape) + bias[:, None, None]
    inputs, outputs = by_groups(conv, wide, 1), by_groups(conv, y, 1)
    grads, backs = by_groups(conv, g, 1), by_groups(conv, back, 1)
    weights, dws = by_groups(conv, w, 0), by_groups(conv, dw, 0)
    for (i, j), met in taps(conv):
        tap = weights[..., i, j]
        outputs += np.einsum("ngihw,goi->ngohw", inputs[met], tap)
        backs[met] += np.einsum("ngohw,goi->ngihw", grads, tap)
        dws[..., i, j] = np.einsum("ngihw,ngohw->goi", inputs[met], grads)
    dx = back[:, :, top : top + h, left : left + width]
    return y, dx, dw, g.sum((0, 2, 3))


def all_kernels(conv, target, dtype, seed, cuts=(), place=guarded):
    """Compare all kernels of a convolution with the reference; `place` puts arrays in memory."""
    draw = np.random.default_rng(seed)
    shapes = {
        "x": (conv.images, conv.inputs, *conv.size),
        "w": (conv.outputs, conv.inputs // conv.groups, *conv.kernel),
        "g": (conv.images, conv.outputs, *conv.out),
        "bias": (conv.outputs,),
    }
    given = {k: place(draw.standard_normal(s).astype(dtype)) for k, s in shapes.items()}
    x, w, g, bias = (given[k] for k in ("x", "w", "g", "bias"))
    y, dx, dw, db = (place(np.full_like(v, np.nan)) for v in (g, x, w, bias))
    machine = TARGETS[target]
    run(forward("conv", conv, machine, bias=True), target, x, w, bias, y, cuts=cuts)
    run(grad_input("conv", conv, machine), target, g, w, dx, cuts=cuts)
    run(grad_weight("conv", conv, machine, bias=True), target, g, x, dw, db, cuts=cuts)
    wanted = reference(conv, x, w, bias, g)
    tolerance = {"f": 1e-5, "d": 1e-13}[dtype]
    for name, got, right in zip(("y", "dx", "dw", "db"), (y, dx, dw, db), wanted, strict=True):
        size = np.abs(right).max(initial=1.0)
        np.testing.assert_allclose(got / size, right / size, rtol=0, atol=tolerance, err_msg=name)


def any_convolution(chance, dtype):
    """A convolution of random sizes."""
    while True:
        groups = chance.choice([1, 1, 2, 3])
        kernel = chance.choice([(1, 1), (3, 3), (5, 5), (2, 3), (1, 7), (9, 9)])
        conv = Convolution(
            SCALARS[dtype],
            chance.choice([0, 1, 2, 3]),
            groups * chance.choice([1, 2, 4, 9, 16]),
            groups * chance.choice([1, 2, 3, 8, 10]),
            (chance.randint(1, 18), chance.randint(1, 40)),
            kernel,
            chance.choice([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)]),
            chance.choice([(0, 0), (1, 1), (2, 1), kernel]),
            chance.choice([(1, 1), (1, 1), (2, 1), (2, 3)]),
            groups,
        )
        if min(conv.out) > 0:
            return conv


@EVERY_TARGET
@pytest.mark.parametrize("case", range(8))
def test_any_convolution(case, target):
    chance = random.Random(case)
    dtype = chance.choice("fd")
    cuts = (chance.randint(0, 2), chance.randint(0, 6))
    all_kernels(any_convolution(chance, dtype), target, dtype, case, cuts)


@pytest.mark.parametrize(
    ("channels", "size", "kernel", "padding"),
    [
        ((1, 6), (28, 28), (5, 5), (2, 2)),
        ((6, 16), (14, 14), (5, 5), (0, 0)),
        ((16, 20), (12, 56), (3, 3), (1, 1)),
        ((33, 9), (9, 17), (3, 3), (1, 1)),
        ((20, 40), (7, 7), (1, 1), (0, 0)),
        ((130, 5), (5, 30), (3, 3), (1, 1)),
    ],
)
def test_common_convolutions(channels, size, kernel, padding):
    conv = Convolution("float", 3, *channels, size, kernel, (1, 1), padding)
    all_kernels(conv, "native", "f", 1)


@pytest.mark.parametrize("width", [*range(1, 20), 24, 31, 32, 33])
def test_every_width_of_rows(width):
    """Vectors that end within a row, at its end, beyond it."""
    conv = Convolution("float", 1, 2, 3, (3, width), (3, 3), (1, 1), (1, 1))
    all_kernels(conv, available()[width % len(available())], "f", width)


@EVERY_TARGET
def test_depthwise_and_patches(target):
    all_kernels(
        Convolution("float", 2, 5, 5, (9, 21), (3, 3), padding=(1, 1), groups=5), target, "f", 2
    )
    all_kernels(Convolution("double", 2, 3, 7, (8, 12), (4, 4), (4, 4)), target, "d", 3)


@POSIX
@BOTH_ENDS
@EVERY_TARGET
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [(1, 3), (16, 5)])
def test_nothing_outside_of_the_arrays_is_touched(channels, stride, target, end):
    conv = Convolution("float", 2, *channels, (6, 19), (3, 3), (stride, stride), (0, 1))
    all_kernels(conv, target, "f", 7, place=lambda x: fenced(x, end=end))


def test_windows_that_reach_no_element_twice_or_none():
    """Rows and columns of the input that no window meets have zero gradients."""
    conv = Convolution("double", 1, 1, 1, (8, 9), (2, 2), (3, 3))
    all_kernels(conv, "native", "d", 4)


def test_an_epilogue_sees_each_result():
    conv = Convolution("float", 2, 3, 10, (9, 21), (3, 3), (1, 1), (1, 1))
    draw = np.random.default_rng(5)
    x = guarded(draw.standard_normal((2, 3, 9, 21)).astype(np.float32))
    w = guarded(draw.standard_normal((10, 3, 3, 3)).astype(np.float32))
    rest = guarded(draw.standard_normal((2, 10, 9, 21)).astype(np.float32))
    y = np.zeros_like(rest)

    def epilogue(e, value, row, column, kind):
        more = e.load(e.at("%rest", e.add(e.mul(row, 9 * 21), column)), kind)
        return e.call("maximum", kind, e.op("fadd", kind, value, more), "zeroinitializer")

    plan = forward("conv", conv, TARGETS["native"], epilogue=epilogue, operands=["rest"])
    run(plan, "native", x, w, y, rest)
    wanted = reference(conv, x, w, np.zeros(10), rest)[0] + rest
    np.testing.assert_allclose(y, np.maximum(wanted, 0), rtol=1e-4, atol=1e-5)


def test_infinities_reach_only_their_windows():
    """What vectors read beyond a window counts nowhere."""
    conv = Convolution("float", 1, 1, 1, (5, 19), (3, 3), (1, 1), (1, 1))
    x, w = np.zeros((1, 1, 5, 19), np.float32), np.ones((1, 1, 3, 3), np.float32)
    x[0, 0, 2, 18] = np.inf
    y, seen = np.zeros_like(x), np.zeros((5, 19), bool)
    seen[1:4, 17:] = True
    run(forward("conv", conv, TARGETS["native"]), "native", x, w, y)
    assert np.array_equal(np.isinf(y[0, 0]), seen)
    assert (y[0, 0][~seen] == 0).all()


@pytest.mark.parametrize("channels", [1, 16])
def test_elements_that_no_window_meets_may_be_nan(channels):
    conv = Convolution("float", 2, channels, 2, (5, 21), (2, 2), (3, 3))
    x = np.ones((2, channels, 5, 21), np.float32)
    x[:, :, 2], x[:, :, :, 2::3] = np.nan, np.nan
    g, dw = np.ones((2, 2, *conv.out), np.float32), np.zeros((2, channels, 2, 2), np.float32)
    run(grad_weight("conv", conv, TARGETS["native"]), "native", g, x, dw)
    assert (dw == 2 * conv.out[0] * conv.out[1]).all()


def test_torch_agrees():
    torch = pytest.importorskip("torch")
    conv = Convolution("double", 2, 4, 6, (11, 13), (3, 5), (2, 1), (1, 2), (1, 2), 2)
    draw = np.random.default_rng(6)
    x, w = draw.standard_normal((2, 4, 11, 13)), draw.standard_normal((6, 2, 3, 5))
    y = np.zeros((2, 6, *conv.out))
    run(forward("conv", conv, TARGETS["native"]), "native", x, w, y)
    f = torch.nn.functional.conv2d
    theirs = f(*map(torch.from_numpy, (x, w)), None, (2, 1), (1, 2), (1, 2), 2)
    np.testing.assert_allclose(y, theirs.numpy(), atol=1e-12)
