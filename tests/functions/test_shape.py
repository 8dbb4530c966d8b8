"""Views, joining and splitting: memory, errors, in-place forms, out=."""

import gc

import numpy as np
import pytest

import dynagrad as torch


def numbers(*shape: int) -> torch.Tensor:
    return torch.tensor(np.arange(np.prod(shape), dtype=np.float32).reshape(shape).tolist())


VIEWS = {
    "view": lambda x: x.view(6, 4),
    "reshape": lambda x: x.reshape(4, 6),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, -1)),
    "permute": lambda x: x.permute(2, 0, 1),
    "transpose": lambda x: x.transpose(0, 2),
    "mT": lambda x: x.mT,
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.transpose(0, 1).unsqueeze(1),
    "expand": lambda x: x.expand(5, 2, 3, 4),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(2, -1),
    "diagonal": lambda x: x.diagonal(1, 1, 2),
    "unfold": lambda x: x.unfold(2, 2, 1),
    "as_strided": lambda x: x.as_strided((2, 2), (1, 2), 3),
    "split": lambda x: x.split(2, 1)[1],
    "unbind": lambda x: x.unbind(1)[2],
    "chunk": lambda x: x.chunk(2)[1],
    "getitem": lambda x: x[1, :, 1:],
    "meshgrid": lambda x: torch.meshgrid(x[0, 0], x[0, 1], indexing="xy")[0],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_version_and_base(name: str) -> None:
    x = numbers(2, 3, 4)
    y = VIEWS[name](x)
    assert y._base is x
    assert np.shares_memory(y._a, x._a)
    assert y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    before = y._version
    x.mul_(2)
    assert y._version == x._version == before + 1
    assert np.array_equal(y.numpy(), VIEWS[name](x).numpy())


COPIES = {
    "reshape": lambda x: x.transpose(0, 1).reshape(-1),
    "contiguous": lambda x: x.mT.contiguous(),
    "cat": lambda x: torch.cat([x]),
    "stack": lambda x: torch.stack([x]),
    "repeat": lambda x: x.repeat(1, 1, 1),
    "flip": lambda x: x.flip(()),
    "roll": lambda x: x.roll(0),
    "rot90": lambda x: x.rot90(0),
    "tril": lambda x: x.tril(9),
    "diag": lambda x: x[0].diag(),
    "index": lambda x: x[[0, 1]],
    "mask": lambda x: x[x > -1],
    "index_select": lambda x: x.index_select(0, torch.tensor([0, 1])),
    "block_diag": lambda x: torch.block_diag(x[0]),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_own_their_memory(name: str) -> None:
    x = numbers(2, 3, 4)
    y = COPIES[name](x)
    assert y._base is None
    assert not np.shares_memory(y._a, x._a)


def test_an_expanded_tensor_can_be_read_and_not_written() -> None:
    x = torch.zeros(3, 1).expand(3, 4)
    assert x.sum().item() == 0
    with pytest.raises(RuntimeError, match="^unsupported operation: more than one element"):
        x.add_(1)


def test_a_tensor_that_fits_comes_back_itself() -> None:
    v = numbers(6)
    assert v.contiguous() is v
    assert v.flatten() is v
    assert torch.cartesian_prod(v) is v


def test_views_of_a_view_belong_to_its_base() -> None:
    x = numbers(2, 3, 4)
    assert x.view(6, 4)[1:].t()._base is x


@pytest.mark.parametrize(
    ("run", "kind", "text"),
    [
        (
            lambda x: x.view(5, 5),
            RuntimeError,
            r"^shape '\[5, 5\]' is invalid for input of size 24",
        ),
        (
            lambda x: x.mT.view(24),
            RuntimeError,
            "(?s)^view size is not compatible .*stride \\[12, 1, 4\\]",
        ),
        (lambda x: x.view(-2), RuntimeError, "^invalid shape dimension -2 at index 0"),
        (
            lambda x: x.expand(3, 3, 4),
            RuntimeError,
            r"Target sizes: \[3, 3, 4\].  Tensor sizes: \[2",
        ),
        (
            lambda x: torch.cat([x, x[0]]),
            RuntimeError,
            r"(?s)^Tensors must have .*\[3, 4\].*\[2, 3, 4\]",
        ),
        (
            lambda x: torch.cat([x.sum()]),
            RuntimeError,
            "^zero-dimensional tensor .at position 0. cannot",
        ),
        (lambda x: x.split([1, 2]), RuntimeError, "^split_with_sizes expects split_sizes to sum"),
        (lambda x: iter(x.sum()), TypeError, "^iteration over a 0-d tensor$"),
        (lambda x: len(x.sum()), TypeError, "^len.. of a 0-d tensor$"),
        (lambda x: x.size(3), IndexError, "^Dimension out of range"),
        (lambda x: "a" in x, RuntimeError, "^Tensor.__contains__ only supports Tensor or scalar"),
    ],
)
def test_errors(run, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        run(numbers(2, 3, 4))


def test_geometry() -> None:
    x = numbers(2, 3, 4)
    assert (x.dim(), x.ndimension(), x.numel(), x.nelement(), x.element_size()) == (3, 3, 24, 24, 4)
    assert (x.stride(), x.stride(0), x[1, 1:].storage_offset()) == ((12, 4, 1), 12, 16)
    assert x.size() == (2, 3, 4) and x.size(-1) == 4 and x.nbytes == 96
    assert x[1:].data_ptr() == x.data_ptr() + 48
    assert (x.untyped_storage().nbytes(), x.storage().size(), x.storage()[5]) == (96, 24, 5.0)
    assert torch.zeros(0, 3).stride() == (3, 1)


def test_resize_keeps_the_first_elements() -> None:
    x = numbers(6)
    address = x.data_ptr()
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x.data_ptr() == address
    assert x.resize_(7).tolist() == [0, 1, 2, 3, 4, 5, 0]
    with pytest.raises(RuntimeError, match="^cannot resize variables that require grad"):
        numbers(2).requires_grad_().resize_(3)


def test_shape_changes_in_place_are_recorded() -> None:
    x = numbers(2, 3).requires_grad_()
    y = x * 2
    assert y.t_() is y
    assert type(y.grad_fn).__name__ == "TBackward1"
    (y[0] * 3).sum().backward()
    assert x.grad.tolist() == [[6, 0, 0], [6, 0, 0]]
    with pytest.raises(RuntimeError, match="^a leaf Variable that requires grad"):
        x.unsqueeze_(0)


def test_out() -> None:
    x = numbers(2, 2)
    out = torch.zeros(4, 2)
    assert torch.cat([x, x], out=out) is out
    assert out.tolist() == x.tolist() * 2
    assert torch.tril(x, out=torch.zeros(2, 2)).tolist() == [[0, 0], [2, 3]]


def test_parts_of_one_split_must_not_be_written_where_a_gradient_is_recorded() -> None:
    x = numbers(4).requires_grad_() * 1
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        x.split(2)[0].mul_(2)


def test_only_some_parts_take_part_in_the_gradient() -> None:
    x = numbers(6).requires_grad_()
    first, second, third = x.split([1, 2, 3])
    (first.sum() + 2 * third.sum()).backward()
    assert second.tolist() == [1, 2]
    assert x.grad.tolist() == [1, 0, 0, 2, 2, 2]


def test_views_make_no_reference_cycles() -> None:
    gc.collect()
    gc.disable()
    try:
        x = numbers(2, 3).requires_grad_()
        (x.t()[1:].reshape(-1).unsqueeze(0) ** 2).sum().backward()
        del x
        assert gc.collect() == 0
    finally:
        gc.enable()
