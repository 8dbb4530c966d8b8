"""Views as copies, unsafe parts, coordinates, and what writes to out= and to saved indices say."""

import gc
import weakref

import pytest

import dynagrad as torch


def test_a_copy_shares_nothing_and_differentiates_as_its_view() -> None:
    x = torch.arange(6.0).view(2, 3).requires_grad_()
    copied = torch.permute_copy(x, (1, 0))
    assert copied._base is None and copied.stride() == (2, 1)
    assert type(copied.grad_fn).__name__ == "PermuteBackward0_copy"
    (g,) = torch.autograd.grad(copied, x, torch.arange(6.0).view(3, 2))
    assert g.tolist() == [[0, 2, 4], [1, 3, 5]]
    with torch.no_grad():
        copied.zero_()
    assert x[0, 1] == 1


def test_parts_in_new_memory_share_one_node() -> None:
    x = torch.arange(4.0).requires_grad_()
    first, second = torch.split_with_sizes_copy(x, [1, 3])
    assert first.grad_fn is second.grad_fn
    (g,) = torch.autograd.grad((first * 2).sum() + (second * 3).sum(), x)
    assert g.tolist() == [2, 3, 3, 3]


def test_unsafe_parts_show_the_memory_but_may_be_written() -> None:
    x = torch.ones(4, requires_grad=True)
    y = x * 1
    first, _ = torch.unsafe_split(y, 2)
    assert first.data_ptr() == y.data_ptr() and not first._is_view()
    first.mul_(3)  # of a split that autograd takes for views this is an error
    (g,) = torch.autograd.grad(first.sum(), x)
    assert g.tolist() == [3, 3, 0, 0]


def test_copies_inside_of_transforms() -> None:
    x = torch.arange(6.0).view(2, 3)
    rows = torch.func.vmap(lambda r: torch.unsqueeze_copy(r, 0))(x)
    assert rows.shape == (2, 1, 3) and torch.equal(rows[:, 0], x)
    value, tangent = torch.func.jvp(torch.t_copy, (x,), (x * 2,))
    assert torch.equal(value, x.t()) and torch.equal(tangent, 2 * x.t())


def test_copies_leave_no_cycle() -> None:
    gc.disable()
    try:
        x = torch.ones(3, requires_grad=True)
        y = torch.expand_copy(x, (2, 3))
        alive = weakref.ref(y)
        del y
        assert alive() is None
    finally:
        gc.enable()


def test_coordinates() -> None:
    rows, columns = torch.unravel_index(torch.tensor([4, 1]), (2, 3))
    assert rows.tolist() == [1, 0] and columns.tolist() == [1, 1]
    with pytest.raises(TypeError, match="integer dtype"):
        torch.unravel_index(torch.ones(1), (2,))
    found = torch.nonzero_static(torch.tensor([0, 5, 0, 7]), size=3)
    assert found.tolist() == [[1], [3], [-1]]


@pytest.mark.parametrize("use", ["getitem", "select", "gather", "put"])
def test_an_overwritten_index_is_an_error(use: str) -> None:
    x, i = torch.arange(3.0, requires_grad=True), torch.tensor([2, 0])
    if use == "getitem":
        y = x[i]
    elif use == "select":
        y = torch.index_select(x, 0, i)
    elif use == "gather":
        y = torch.gather(x, 0, i)
    else:
        y = torch.index_put(x, (i,), torch.ones(2))
    i.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_products_with_zeros_have_all_derivatives() -> None:
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([0.0, 3.0, 5.0], dtype=torch.float64, requires_grad=True)
    i = torch.zeros(3, dtype=torch.int64)
    assert torch.autograd.gradgradcheck(
        lambda a, b: torch.scatter_reduce(a, 0, i, b, "prod"), (x, v)
    )


def test_out_is_refused_where_memory_overlaps() -> None:
    x = torch.ones(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to"):
        torch.take(x, torch.tensor([0, 1]), out=torch.empty(1).expand(2))
    with pytest.raises(RuntimeError, match="some elements of the input tensor"):
        torch.gather(x, 0, torch.tensor([0, 1, 2]), out=x)
    with pytest.warns(UserWarning, match="was resized since it had shape"):
        torch.cat([x, x], out=torch.empty(1))
