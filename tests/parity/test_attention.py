"""Attention of several heads against PyTorch: every choice of masks, biases and projections."""

import itertools

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
import torch.nn.functional as theirs  # noqa: E402

import dynagrad as dg  # noqa: E402
import dynagrad.nn.functional as ours  # noqa: E402


def twin(t):
    """The same tensor for this library."""
    if not isinstance(t, torch.Tensor):
        return t
    r = dg.from_numpy(t.detach().numpy().copy())
    return r.requires_grad_() if t.requires_grad else r


@pytest.mark.parametrize(
    ("batch", "separate", "extra", "mask", "weights"),
    list(
        itertools.product(
            (0, 2), (False, True), (False, True), (None, "bool", "float"), (False, True)
        )
    ),
)
def test_several_heads(batch, separate, extra, mask, weights):
    torch.manual_seed(1)

    def draw(*sizes):
        return torch.randn(*sizes, dtype=torch.float64, requires_grad=True)

    width, rows, length = 4, 3, 5
    middle = (batch,) if batch else ()
    tensors = [draw(n, *middle, width) for n in (rows, length, length)]
    given = {"training": True, "need_weights": weights}
    if mask is not None:
        given["attn_mask"] = (
            draw(rows, length) if mask == "float" else torch.rand(rows, length) < 0.2
        )
        excluded = torch.rand(*middle, length) < 0.2
        floating = torch.zeros(excluded.shape, dtype=torch.float64).masked_fill(excluded, -9.0)
        given["key_padding_mask"] = floating if mask == "float" else excluded
    packed = None if separate else draw(3 * width, width)
    if separate:
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        given |= {name: draw(width, width) for name in names}
        given["use_separate_proj_weight"] = True
    sides = [draw(1, 1, width), draw(1, 1, width)] if extra else [None, None]
    rest = [packed, draw(3 * width), *sides, extra, 0.3, draw(width, width), draw(width)]
    arguments = [*tensors, width, 2, *rest]
    known = [twin(a) for a in arguments]
    named = {name: twin(a) for name, a in given.items()}
    torch.manual_seed(2)
    dg.manual_seed(2)
    a, shares = theirs.multi_head_attention_forward(*arguments, **given)
    b, own_shares = ours.multi_head_attention_forward(*known, **named)
    assert a.stride() == b.stride() and a.grad_fn.name() == b.grad_fn.name()
    np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), 1e-10, 1e-12)
    assert (shares is None) == (own_shares is None)
    if weights:
        np.testing.assert_allclose(
            own_shares.detach().numpy(), shares.detach().numpy(), 1e-10, 1e-12
        )
    a.sin().sum().backward()
    b.sin().sum().backward()
    for x, y in zip([*arguments, *given.values()], [*known, *named.values()], strict=True):
        if isinstance(x, torch.Tensor) and x.grad is not None:
            np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), 1e-9, 1e-11)
