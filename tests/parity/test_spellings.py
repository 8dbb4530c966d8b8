"""NumPy's names of arguments, odd arguments of public functions, and warnings, against PyTorch."""

import warnings

import pytest

torch = pytest.importorskip("torch")

from scenario import failure  # noqa: E402

import dynagrad  # noqa: E402
from dynagrad.functions import factory  # noqa: E402

LIBRARIES = (torch, dynagrad)
X = [[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]]

#: calls whose results agree
SAME = """
T.cat([x, x], axis=1)
T.concat([x, x], axis=0)
T.stack([x, x], axis=-1)
T.softmax(x, axis=1)
x.softmax(axis=0)
T.log_softmax(x, axis=-1)
T.squeeze(x[None], axis=0)
x.unsqueeze(axis=1)
T.chunk(x, 2, axis=0)[1]
T.gather(x, axis=1, index=T.tensor([[0], [2]]))
T.repeat_interleave(x, 2, axis=1)
T.fft.fft(x, axis=0).real
T.linalg.vector_norm(x, axis=1, keepdims=True)
T.renorm(x, 2, axis=0, maxnorm=1.0)
T.index_select(x, axis=1, index=T.tensor([2]))
T.vander(x[0])
T.vander(x[0], 5, increasing=True)
T.vander(x[0].long(), 0)
T.vander(x[0] > 0, 1)
T.bilinear(x, x, T.ones(4, 3, 3))
F.embedding_bag(T.tensor([1, 0, 1]), x, T.tensor([0, 1, 2]), mode="sum", include_last_offset=True)
F.embedding_bag(T.tensor([1, 0, 1]), x, T.tensor([0, 2, 2]), mode='sum', include_last_offset=True)
F.grid_sample(x[None, None], T.full((1, 1, 1, 2), float('nan')), align_corners=False)
F.grid_sample(x[None, None], T.full((1, 1, 1, 2), float('nan')), 'bicubic', align_corners=True)
F.grid_sample(x[None, None], T.full((1, 1, 1, 2), float('nan')), 'nearest', align_corners=True)
"""

#: calls that both refuse
REFUSED = """
F.softmax(x, axis=1)
T.softmax(x)
T.cat([x, x], axis=5)
T.chunk(x, axis=1)
T.max(x, x, True)
T.min(x, x, keepdim=True)
T.linalg.matrix_power(T.eye(2), 1.5)
T.linalg.norm(x, dim=(0, 1, 2))
T.vander(x)
T.vander(x[0], -1)
T.vander(x[0], 2.5)
"""

#: calls that warn
WARNED = """
T.meshgrid(x[0], x[1])
x[0].T
x[None].T
x.sum().T
"""


def value(call, T):
    names = {"T": T, "F": T.nn.functional, "x": T.tensor(X)}
    return eval(call, names)


@pytest.mark.parametrize("call", SAME.strip().splitlines())
def test_results(call) -> None:
    theirs, ours = (value(call, T) for T in LIBRARIES)
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    torch.testing.assert_close(
        torch.tensor(ours.tolist()), torch.tensor(theirs.tolist()), equal_nan=True
    )


@pytest.mark.parametrize("call", REFUSED.strip().splitlines())
def test_errors(call) -> None:
    kinds = []
    for T in LIBRARIES:
        with pytest.raises(Exception) as caught:
            value(call, T)
        kinds.append(failure(caught.value)[0])
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("call", WARNED.strip().splitlines())
def test_warnings(call) -> None:
    factory.warned.clear()
    with pytest.warns(UserWarning, match=r"meshgrid|T` on tensors|\.T is deprecated"):
        value(call, dynagrad)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value(call, dynagrad)  # once in a process


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_layout_of_the_gradient_of_a_leaf(dtype) -> None:
    strides = []
    for T in LIBRARIES:
        x = T.ones(3, 4, 5, dtype=getattr(T, dtype), requires_grad=True)
        (x.permute(2, 0, 1) * 2).abs().sum().backward()
        strides.append(x.grad.stride())
    assert strides[0] == strides[1] == (20, 5, 1)


def test_older_names() -> None:
    assert dynagrad.legacy_contiguous_format is dynagrad.contiguous_format
