"""Indexing, gathering and scattering: views and copies, assignment, errors."""

import numpy as np
import pytest

import dynagrad as torch


def numbers(*shape: int) -> torch.Tensor:
    return torch.tensor(np.arange(np.prod(shape), dtype=np.float32).reshape(shape).tolist())


BASIC = [1, -1, (0, 1), (0, 1, 2), slice(1, None), (..., 0), None, (slice(None), None, 1), ..., ()]


@pytest.mark.parametrize("index", BASIC, ids=str)
def test_basic_indices_are_views_of_numpys_elements(index) -> None:
    x = numbers(2, 3, 4)
    y = x[index]
    assert y._base is x
    assert np.shares_memory(y._a, x._a)
    assert np.array_equal(y.numpy(), x.numpy()[index])


ADVANCED = [
    [0, 1],
    ([0, 1], [1, 2]),
    (slice(None), [2, 0]),
    (..., [[0, 3], [1, 1]]),
    ([0, 1], slice(None), [1, 2]),
    (slice(None), [0, 1], [1, 3]),
    np.array([True, False]),
    (slice(None), np.array([False, True, True])),
    (slice(None), np.arange(12).reshape(3, 4) % 2 == 0),
]


@pytest.mark.parametrize("index", ADVANCED, ids=str)
def test_index_arrays_are_copies_of_numpys_elements(index) -> None:
    x = numbers(2, 3, 4)
    y = x[index]
    assert y._base is None
    assert not np.shares_memory(y._a, x._a)
    assert y.is_contiguous()
    assert np.array_equal(y.numpy(), x.numpy()[index])


@pytest.mark.parametrize("index", [*BASIC, *ADVANCED], ids=str)
def test_assignment_writes_what_the_index_reads(index) -> None:
    x, expected = numbers(2, 3, 4), np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x[index] = 99
    expected[index] = 99
    assert np.array_equal(x.numpy(), expected)
    assert x._version == 1
    source = numbers(*x[index].shape) + 100
    x[index] = source
    expected[index] = source.numpy()
    assert np.array_equal(x.numpy(), expected)


def test_numbers_are_applied_before_index_arrays() -> None:
    assert numbers(2, 3, 4)[0, :, [0, 1]].shape == (3, 2)


@pytest.mark.parametrize(
    ("run", "kind", "text"),
    [
        (lambda x: x[5], IndexError, "^index 5 is out of bounds for dimension 0 with size 2$"),
        (
            lambda x: x[0, ..., -5],
            IndexError,
            "^index -5 is out of bounds for dimension 2 with size 4$",
        ),
        (lambda x: x[0, 0, 0, 0], IndexError, "^too many indices for tensor of dimension 3"),
        (lambda x: x[::-1], ValueError, "^step must be greater than zero"),
        (lambda x: x[1.0], IndexError, "^only integers, slices .*got float"),
        (lambda x: x[[0, 7]], IndexError, "^index 7 is out of bounds for dimension 0 with size 2"),
        (lambda x: x[torch.tensor([1.0])], IndexError, "^tensors used as indices must be long"),
        (lambda x: x[torch.tensor([True])], IndexError, r"^The shape of the mask \[1\] at index 0"),
        (lambda x: x.sum()[0], IndexError, "^invalid index of a 0-dim tensor"),
        (
            lambda x: x.gather(0, torch.tensor([0])),
            RuntimeError,
            "^Index tensor must have the same",
        ),
        (
            lambda x: x[0].gather(0, torch.tensor([[3]])),
            RuntimeError,
            "^index 3 is out of bounds for dimension 0 with size 3",
        ),
        (
            lambda x: x[0].gather(0, torch.tensor([[0.0]])),
            RuntimeError,
            "^gather\\(\\): Expected dtype int32/int64 for index",
        ),
        (lambda x: x.index_select(0, torch.tensor([2])), IndexError, "^index out of range in self"),
    ],
)
def test_errors_of_reading(run, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        run(numbers(2, 3, 4))


@pytest.mark.parametrize(
    ("index", "value", "kind", "text"),
    [
        (0, torch.zeros(5), RuntimeError, r"Target sizes: \[3, 4\].  Tensor sizes: \[5\]"),
        (
            [0, 1],
            torch.zeros(3),
            RuntimeError,
            r"^shape mismatch: value tensor of shape \[3\] cannot",
        ),
        (
            [0],
            torch.zeros(4, dtype=torch.float64),
            RuntimeError,
            "^Index put requires the source and",
        ),
        (0, [1.0], TypeError, "^can't assign a list to a torch.FloatTensor"),
        (0, 1j, RuntimeError, "^value cannot be converted to type float without overflow"),
        ((0, 0, 9), 1, IndexError, "^index 9 is out of bounds for dimension 2 with size 4"),
        (7, 1, IndexError, "^index 7 is out of bounds for dimension 0 with size 2"),
    ],
)
def test_errors_of_writing(index, value, kind: type[Exception], text: str) -> None:
    x = numbers(2, 3, 4)
    with pytest.raises(kind, match=text):
        x[index] = value
    assert np.array_equal(x.numpy(), np.arange(24).reshape(2, 3, 4))


def test_assignment_is_recorded() -> None:
    x = numbers(4).requires_grad_()
    y = x * 1
    y[1] = 5
    y[[2, 3]] = x[:2] * 3
    assert y.tolist() == [0, 5, 0, 3]
    y.sum().backward()
    assert x.grad.tolist() == [4, 3, 0, 0]
    with pytest.raises(RuntimeError, match="^a view of a leaf Variable that requires grad"):
        x[0] = 1


def test_equal_places_add_up() -> None:
    x = torch.zeros(3).index_put((torch.tensor([0, 0, 2]),), torch.ones(3), accumulate=True)
    assert x.tolist() == [2, 0, 1]
    w = torch.zeros(5, 2, requires_grad=True)
    w[torch.tensor([[1, 1], [4, 1]])].sum().backward()
    assert w.grad.tolist() == [[0, 0], [3, 3], [0, 0], [0, 0], [1, 1]]


def test_many_equal_places_add_up_in_every_layout() -> None:
    i = torch.tensor([0, 2, 2, 1, 0, 2])
    for dim in range(3):
        x = torch.zeros(3, 3, 3)
        source = torch.ones(*[6 if d == dim else 3 for d in range(3)])
        total = x.transpose(0, 2).index_add(dim, i, source).sum([d for d in range(3) if d != dim])
        assert total.tolist() == [18, 9, 27]


def test_scatter_takes_as_much_of_the_source_as_the_index_names() -> None:
    source = numbers(3, 3).requires_grad_()
    x = torch.zeros(2, 4).scatter(1, torch.tensor([[3, 0]]), source)
    assert x.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]
    x.sum().backward()
    assert source.grad.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_a_product_with_zeros_has_the_gradient_of_its_other_factors() -> None:
    x = torch.ones(1, requires_grad=True)
    v = torch.tensor([0.0, 2.0, 3.0], requires_grad=True)
    x.scatter_reduce(0, torch.tensor([0, 0, 0]), v, "prod").backward()
    assert (x.grad.tolist(), v.grad.tolist()) == ([0], [6, 0, 0])


def test_a_maximum_shares_its_gradient_among_equals() -> None:
    v = torch.tensor([4.0, 4.0, 1.0], requires_grad=True)
    torch.zeros(1).scatter_reduce(0, torch.tensor([0, 0, 0]), v, "amax").backward()
    assert v.grad.tolist() == [0.5, 0.5, 0]


def test_numbers_without_dimensions() -> None:
    s = torch.tensor(2.0)
    i = torch.tensor([0])
    assert s.index_fill(0, i, 3.0).item() == 3
    assert s.index_add(0, i, torch.tensor(4.0)).item() == 6
    assert s.gather(0, i).tolist() == [2]
    assert s.take(i).tolist() == [2]
    assert s.masked_fill(torch.tensor(True), 5).item() == 5


def test_where_elements_are_not_zero() -> None:
    x = torch.tensor([[0, 3], [4, 0]])
    assert torch.nonzero(x).tolist() == [[0, 1], [1, 0]]
    assert [i.tolist() for i in torch.nonzero(x, as_tuple=True)] == [[0, 1], [1, 0]]
    assert torch.argwhere(x).tolist() == [[0, 1], [1, 0]]


def test_out() -> None:
    x, out = numbers(2, 3), torch.zeros(1, 3)
    assert torch.index_select(x, 0, torch.tensor([1]), out=out) is out
    assert out.tolist() == [[3, 4, 5]]
    assert torch.gather(x, 1, torch.tensor([[2], [0]]), out=torch.zeros(2, 1)).tolist() == [
        [2],
        [3],
    ]
