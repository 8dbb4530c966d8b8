"""Pooling, padding and shuffling: values that need no other library to be known."""

import math

import dynagrad as torch
import dynagrad.nn.functional as F


def image(height=4, width=4):
    return torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)


def test_max_pool_and_its_places():
    values, places = F.max_pool2d(image(), 2, return_indices=True)
    assert values.flatten().tolist() == [5, 7, 13, 15]
    assert places.flatten().tolist() == [5, 7, 13, 15]
    assert places.dtype == torch.int64


def test_the_first_of_equal_elements_gets_the_gradient():
    x = torch.zeros(1, 1, 2, 2).requires_grad_()
    F.max_pool2d(x, 2).backward()
    assert x.grad.flatten().tolist() == [1, 0, 0, 0]


def test_nan_is_the_largest():
    x = torch.tensor([[[1.0, math.nan, 3.0, 4.0]]])
    values, places = F.max_pool1d(x, 4, return_indices=True)
    assert math.isnan(values.item())
    assert places.item() == 1


def test_an_infinite_cotangent_stays_where_it_belongs():
    x = image(2, 2).requires_grad_()
    (g,) = torch.autograd.grad(F.max_pool2d(x, 2), x, torch.full((1, 1, 1, 1), math.inf))
    assert g.flatten().tolist() == [0, 0, 0, math.inf]


def test_the_result_may_be_overwritten_but_not_the_input():
    x = image().requires_grad_()
    y = F.max_pool2d(x * 1, 2)
    y.relu_()
    y.sum().backward()
    assert x.grad.sum().item() == 4


def test_padding_counts_or_not():
    x = torch.ones(1, 1, 2, 2)
    assert F.avg_pool2d(x, 2, 2, 1).flatten().tolist() == [0.25] * 4
    assert F.avg_pool2d(x, 2, 2, 1, count_include_pad=False).flatten().tolist() == [1.0] * 4
    assert F.avg_pool2d(x, 2, divisor_override=2).item() == 2


def test_integers_are_cut_towards_zero():
    x = torch.tensor([[[-3, 0, 3, 4]]])
    assert F.avg_pool1d(x, 2).tolist() == [[[-1, 3]]]


def test_unpooling_undoes_pooling():
    x = image()
    values, places = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(values, places, 2)
    assert back.shape == x.shape
    assert back.sum().item() == 40


def test_adaptive_sizes():
    assert F.adaptive_avg_pool1d(torch.arange(5.0)[None], 2).tolist() == [[1, 3]]
    assert F.adaptive_max_pool1d(torch.arange(5.0)[None], 2).tolist() == [[2, 4]]
    assert F.adaptive_avg_pool2d(image(), (None, 1)).flatten().tolist() == [1.5, 5.5, 9.5, 13.5]


def test_pixels_go_and_return():
    x = torch.arange(16.0).reshape(1, 4, 2, 2)
    y = F.pixel_shuffle(x, 2)
    assert y[0, 0, 0].tolist() == [0, 4, 1, 5]
    assert torch.equal(F.pixel_unshuffle(y, 2), x)
    assert F.channel_shuffle(x, 2)[0, :, 0, 0].tolist() == [0, 8, 4, 12]


def test_padding_with_the_elements_themselves():
    x = torch.tensor([[1.0, 2, 3]])
    assert F.pad(x, (2, 1), "reflect").tolist() == [[3, 2, 1, 2, 3, 2]]
    assert F.pad(x, (2, 1), "replicate").tolist() == [[1, 1, 1, 2, 3, 3]]
    assert F.pad(x, (2, 1), "circular").tolist() == [[2, 3, 1, 2, 3, 1]]
    assert F.pad(x, (1, -1), value=9).tolist() == [[9, 1, 2]]
    assert torch.constant_pad_nd(x, (0, 1), 7).tolist() == [[1, 2, 3, 7]]


def test_names_at_the_root():
    x = image().requires_grad_()
    assert torch.max_pool2d(x, 2).shape == (1, 1, 2, 2)
    values, places = torch.adaptive_max_pool1d(x[0], 2)
    assert values.shape == places.shape == (1, 4, 2)


def test_under_vmap_each_example_is_pooled():
    x = torch.stack([image(), -image()])
    pooled = torch.vmap(lambda t: F.max_pool2d(t, 2))(x)
    assert torch.equal(pooled[1], F.max_pool2d(x[1], 2))
