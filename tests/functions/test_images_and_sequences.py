"""Known values of resampling, attention, CTC, bags of rows and distances."""

import math

import numpy as np
import pytest

import dynagrad as dg
import dynagrad.nn.functional as F


def test_linear_interpolation_meets_its_corners() -> None:
    x = dg.tensor([[[0.0, 1.0, 4.0]]])
    found = F.interpolate(x, size=5, mode="linear", align_corners=True)
    assert found.tolist() == [[[0.0, 0.5, 1.0, 2.5, 4.0]]]


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_constant_images_stay_constant(mode: str) -> None:
    x = dg.full((1, 2, 5, 7), 3.0)
    assert np.allclose(F.interpolate(x, size=(8, 3), mode=mode).numpy(), 3)


def test_identity_grid_gives_the_image() -> None:
    x = dg.arange(12.0).reshape(1, 1, 3, 4)
    theta = dg.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    grid = F.affine_grid(theta, (1, 1, 3, 4), align_corners=False)
    assert np.allclose(F.grid_sample(x, grid, align_corners=False).numpy(), x.numpy(), atol=1e-5)


def test_second_derivative_of_grid_sample() -> None:
    x = dg.arange(16.0, dtype=dg.float64).reshape(1, 1, 4, 4).pow(2)
    grid = dg.tensor([[[[0.1, 0.2]]]], dtype=dg.float64, requires_grad=True)

    def sample(points: dg.Tensor) -> dg.Tensor:
        return F.grid_sample(x, points, mode="bicubic", align_corners=True)

    assert dg.autograd.gradcheck(sample, (grid,))
    assert dg.autograd.gradgradcheck(sample, (grid,))


def test_attention_of_equal_keys_is_the_mean() -> None:
    q, k = dg.randn(1, 1, 2, 4), dg.ones(1, 1, 3, 4)
    v = dg.arange(12.0).reshape(1, 1, 3, 4)
    found = F.scaled_dot_product_attention(q, k, v)
    assert np.allclose(found.numpy(), v.numpy().mean(2, keepdims=True))
    nothing = F.scaled_dot_product_attention(q, k, v, dg.zeros(2, 3, dtype=dg.bool))
    assert not nothing.any()


def test_ctc_counts_alignments() -> None:
    # with equal probabilities 1/3, "a" in 3 steps has 6 alignments: aaa, aa-, -aa, a--, -a-, --a
    scores = dg.full((3, 1, 3), math.log(1 / 3), dtype=dg.float64)
    loss = F.ctc_loss(scores, dg.tensor([[1]]), [3], [1], reduction="sum")
    assert loss.item() == pytest.approx(-math.log(6 / 27))
    # a doubled label needs a blank between: only a-a
    loss = F.ctc_loss(scores, dg.tensor([[1, 1]]), [3], [2], reduction="sum")
    assert loss.item() == pytest.approx(-math.log(1 / 27))
    too_long = dg.tensor([[1, 1, 1]])
    assert F.ctc_loss(scores, too_long, [3], [3]).item() == math.inf
    assert F.ctc_loss(scores, too_long, [3], [3], zero_infinity=True).item() == 0


def test_bags() -> None:
    table = dg.arange(6.0).reshape(3, 2)
    index, starts = dg.tensor([0, 2, 1]), dg.tensor([0, 2, 2])
    assert F.embedding_bag(index, table, starts, mode="sum").tolist() == [[4, 6], [0, 0], [2, 3]]
    assert F.embedding_bag(index, table, starts, mode="max").tolist() == [[4, 5], [0, 0], [2, 3]]
    assert F.embedding_bag(index, table, starts).tolist() == [[2, 3], [0, 0], [2, 3]]


def test_distances() -> None:
    points = dg.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert np.allclose(dg.cdist(points, points[:2]).numpy(), [[0, 5], [5, 0], [1, math.sqrt(18)]])
    assert F.pdist(points, 1).tolist() == [7, 1, 6]
    many = dg.randn(40, 3, dtype=dg.float64)
    exact = dg.cdist(many, many, compute_mode="donot_use_mm_for_euclid_dist")
    assert np.allclose(dg.cdist(many, many).numpy(), exact.numpy(), atol=1e-7)
