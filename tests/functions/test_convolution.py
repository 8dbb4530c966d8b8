"""Convolutions against their definition: sums over windows, written out in loops."""

import itertools

import numpy as np
import pytest

import dynagrad as torch


def by_definition(x, w, b, stride, padding, dilation, groups):
    """y[n, o, l] = b[o] + sum_ck x[n, c, l * stride + k * dilation - padding] w[o, c, k]."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0)] * 2 + [(p, p) for p in padding])
    o, c, *kernel = w.shape
    every = zip(x.shape[2:], kernel, stride, dilation, strict=True)
    size = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in every]
    y = np.zeros((len(x), o, *size), x.dtype)
    for n, out, *place in np.ndindex(*y.shape):
        first = out // (o // groups) * c
        for channel, *tap in np.ndindex(c, *kernel):
            at = [place[i] * stride[i] + tap[i] * dilation[i] for i in range(rank)]
            y[n, out, *place] += x[n, first + channel, *at] * w[out, channel, *tap]
        y[n, out, *place] += b[out]
    return y


SETTINGS = [
    *itertools.product(((1,), (2,)), ((0,), (2,)), ((1,), (2,)), (1, 2)),
    ((2, 1), (1, 2), (1, 2), 1),
    ((1, 1), (1, 0), (1, 1), 4),
    ((1, 2, 1), (0, 1, 1), (1, 1, 1), 2),
]
SIZES = {1: ((7,), (3,)), 2: ((5, 6), (2, 3)), 3: ((3, 4, 3), (2, 2, 3))}


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), SETTINGS)
@pytest.mark.parametrize("count", [1, 9])
def test_definition(stride, padding, dilation, groups, count):
    rank = len(stride)
    places, kernel = SIZES[rank]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 4, *places))
    w = rng.normal(size=(8, 4 // groups, *kernel))
    b = rng.normal(size=8)
    convolve = getattr(torch, f"conv{rank}d")
    transpose = getattr(torch, f"conv_transpose{rank}d")
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
    y = convolve(tx, tw, tb, stride, padding, dilation, groups)
    np.testing.assert_allclose(
        y.detach().numpy(), by_definition(x, w, b, stride, padding, dilation, groups), 1e-12, 1e-12
    )
    # the transpose is the gradient by the input
    g = torch.tensor(rng.normal(size=y.shape))
    y.backward(g)
    reached = [
        (m - 1) * s - 2 * p + d * (k - 1) + 1
        for m, s, p, d, k in zip(y.shape[2:], stride, padding, dilation, kernel, strict=True)
    ]
    more = tuple([n - m for n, m in zip(places, reached, strict=True)])
    back = transpose(g, tw.detach(), None, stride, padding, more, groups, dilation)
    np.testing.assert_allclose(tx.grad.numpy(), back.numpy(), 1e-12, 1e-12)


def test_large_images_are_worked_on_in_parts():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 16, 90, 100))
    w = rng.normal(size=(4, 16, 3, 3))
    tx, tw = (torch.tensor(a, requires_grad=True) for a in (x, w))
    y = torch.conv2d(tx, tw, padding=1)
    some = by_definition(x[1:2, :, 40:50, 60:70], w, np.zeros(4), (1, 1), (0, 0), (1, 1), 1)
    np.testing.assert_allclose(y.detach().numpy()[1:2, :, 41:49, 61:69], some, 1e-11, 1e-11)
    y.sum().backward()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [
        [padded[:, :, i : i + 90, j : j + 100].sum((0, 2, 3)) for j in range(3)] for i in range(3)
    ]
    np.testing.assert_allclose(tw.grad.numpy(), np.broadcast_to(np.moveaxis(taps, 2, 0), w.shape))
    inner = w.sum((0, 2, 3))[None, :, None, None]
    np.testing.assert_allclose(
        tx.grad.numpy()[:, :, 1:-1, 1:-1], np.broadcast_to(inner, (3, 16, 88, 98))
    )


def test_same_padding_keeps_the_size():
    x = torch.ones(1, 1, 6)
    w = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    y = torch.conv1d(x, w, padding="same")
    assert y.tolist() == [[[9.0, 10.0, 10.0, 10.0, 6.0, 3.0]]]


def test_fold_sums_what_unfold_takes_apart():
    fold, unfold = torch.nn.functional.fold, torch.nn.functional.unfold
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    columns = unfold(x, 2)
    assert columns[0, :, 0].tolist() == [0.0, 1.0, 4.0, 5.0]
    met = torch.tensor([1.0, 2.0, 2.0, 1.0])
    assert fold(columns, (4, 4), 2).tolist() == (x * torch.outer(met, met)).tolist()


def test_results_do_not_share_memory():
    x = torch.ones(1, 2, 3, 3)
    columns = torch.nn.functional.unfold(x, 1)
    columns.zero_()
    assert x.sum() == 18


def test_half_precision_is_rounded_once():
    x = torch.full((1, 1, 4096), 0.1).half()
    w = torch.full((1, 1, 4096), 0.1).half()
    exact = float(np.float16(0.1)) ** 2 * 4096
    assert torch.conv1d(x, w).item() == np.float16(exact)
