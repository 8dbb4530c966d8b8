"""Views as copies next to PyTorch: names of nodes, strides, gradients; keyword spellings."""

import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

COPIES = [
    ("alias_copy", ()),
    ("as_strided_copy", ((2, 2), (1, 2))),
    ("diagonal_copy", (1,)),
    ("expand_copy", ((2, 4, 3, 2),)),
    ("narrow_copy", (0, 1, 2)),
    ("permute_copy", ((2, 0, 1),)),
    ("select_copy", (1, -1)),
    ("slice_copy", (0, 1, 9, 2)),
    ("split_copy", (3,)),
    ("split_with_sizes_copy", ((1, 3),)),
    ("squeeze_copy", ()),
    ("squeeze_copy", (1,)),
    ("squeeze_copy", ((0, 1),)),
    ("transpose_copy", (0, 1)),
    ("unbind_copy", (1,)),
    ("unfold_copy", (0, 2, 1)),
    ("unsafe_chunk", (2,)),
    ("unsafe_split", (3, 0)),
    ("unsafe_split_with_sizes", ((1, 3),)),
    ("unsqueeze_copy", (0,)),
    ("view_copy", ((12, 2),)),
]


def _of(lib, name: str, args: tuple) -> list:
    x = lib.arange(24.0, dtype=lib.float64).view(4, 3, 2).requires_grad_()
    results = getattr(lib, name)(x, *args)
    parts = list(results) if isinstance(results, tuple) else [results]
    whole = sum((p * p).sum() for p in parts)
    (g,) = lib.autograd.grad(whole, x)
    told = [(type(p.grad_fn).__name__, p.stride(), p._is_view(), p.tolist()) for p in parts]
    return [type(results).__name__, told, g.tolist()]


@pytest.mark.parametrize(("name", "args"), COPIES)
def test_copies(name: str, args: tuple) -> None:
    assert _of(dynagrad, name, args) == _of(torch, name, args)


SPELLINGS = [
    lambda lib, x: x.view(size=(3, 2)),
    lambda lib, x: x.reshape(shape=(3, 2)),
    lambda lib, x: lib.reshape(input=x, shape=(6,)),
    lambda lib, x: x.permute(dims=(1, 0)),
    lambda lib, x: lib.permute(x, dims=[1, 0]),
    lambda lib, x: x.expand(size=(4, 2, 3)),
    lambda lib, x: lib.broadcast_to(x, size=(4, 2, 3)),
    lambda lib, x: x.repeat(repeats=(2, 1)),
    lambda lib, x: x.tile(dims=(2,)),
    lambda lib, x: lib.flip(x, dims=(0,)),
    lambda lib, x: x.sum_to_size(size=(1, 3)),
    lambda lib, x: lib.hsplit(x, sections=3)[1],
    lambda lib, x: lib.vsplit(x, indices=(1,))[1],
    lambda lib, x: lib.tensor_split(x, sections=2)[1],
    lambda lib, x: lib.tensor_split(x, indices=(1,), dim=1)[1],
    lambda lib, x: x.split(split_size=1)[1],
]


@pytest.mark.parametrize("call", SPELLINGS, ids=range(len(SPELLINGS)))
def test_keyword_spellings(call) -> None:
    values = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    mine = call(dynagrad, dynagrad.tensor(values))
    other = call(torch, torch.tensor(values))
    assert mine.tolist() == other.tolist() and mine.stride() == other.stride()
