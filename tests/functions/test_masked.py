"""Reductions and normalisations under a mask: what is left out counts as the identity."""

import math

import pytest

import dynagrad as torch

X = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
MASK = torch.tensor([[True, False, True], [False, False, False]])


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("sum", (1,), [4, 0]),
        ("prod", (1,), [3, 1]),
        ("amax", (1,), [3, -math.inf]),
        ("amin", (1,), [1, math.inf]),
        ("argmax", (1,), [2, 0]),
        ("argmin", (1,), [0, 0]),
        ("mean", (1,), [2, math.nan]),
        ("median", (1,), [1, math.nan]),
        ("norm", (1, 1), [4, 0]),
        ("var", (1,), [2, math.nan]),
        ("cumsum", (1,), [[1, 1, 4], [0, 0, 0]]),
        ("cumprod", (1,), [[1, 1, 3], [1, 1, 1]]),
        ("normalize", (1, 1), [[0.25, 0, 0.75], [0, 0, 0]]),
    ],
)
def test_values(name: str, args: tuple, expected: list) -> None:
    found = getattr(torch.masked, name)(X, *args, mask=MASK)
    assert torch.allclose(found, torch.tensor(expected).to(found.dtype), equal_nan=True)


def test_softmax_of_what_is_left() -> None:
    found = torch.masked.softmax(X, 1, mask=MASK)[0]
    odds = math.exp(2)
    assert torch.allclose(found, torch.tensor([1 / (1 + odds), 0, odds / (1 + odds)]))


def test_the_gradient_passes_where_the_mask_holds() -> None:
    x = X.clone().requires_grad_()
    torch.masked.sum(x * x, mask=MASK).backward()
    assert torch.equal(x.grad, torch.where(MASK, 2 * X, 0))


def test_a_mask_broadcasts_but_has_no_more_dimensions() -> None:
    assert torch.masked.sum(X, 0, mask=MASK[0]).tolist() == [5, 0, -3]
    with pytest.raises(IndexError, match="expected broadcastable mask"):
        torch.masked.sum(X[0], mask=MASK)
    with pytest.raises(ValueError, match="Could not infer output dtype"):
        torch.masked.mean(torch.ones(2, dtype=torch.int64))
    with pytest.raises(NotImplementedError, match="identity of amax"):
        torch.masked.amax(MASK, mask=MASK)
