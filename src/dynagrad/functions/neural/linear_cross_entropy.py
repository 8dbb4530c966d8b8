"""A linear map and the cross entropy of its results, under PyTorch's name."""

from typing import Any

from ...core.overrides import overridable
from ...core.tensor import Tensor
from .. import elementwise, shape
from ..arguments import tensor
from .classes import cross_entropy
from .linear import linear

__all__: list[str] = []


@overridable
def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """cross_entropy(linear(input, linear_weight, linear_bias), target, ...).

    input (N, in) or (in,); linear_weight (C, in), or (C, d1, ..., in) for scores (N, C, d1, ...).
    ignore_index None is -100. options, PyTorch's choice of chunks, is accepted: the result is the
    same, the scores are held whole.
    """
    name = "linear_cross_entropy"
    x, w = tensor(name, input), tensor(name, linear_weight, 2, "linear_weight")
    y = tensor(name, target, 3, "target")
    _check(x, w, linear_bias)
    if y._a.dtype.kind in "fV" and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    classes, *sides, width = w._a.shape
    if sides:
        scores = linear(x, shape.reshape(w, (-1, width)))
        scores = shape.reshape(scores, (x._a.shape[0], classes, *sides))
        if linear_bias is not None:
            scores = elementwise.add(scores, linear_bias)
    else:
        scores = linear(x, w, linear_bias)
    return cross_entropy(
        scores,
        y,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _check(x: Tensor, w: Tensor, bias: Any) -> None:
    a, b = x._a.shape, w._a.shape
    if len(a) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(a)}")
    if len(b) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(b)}")
    if a[-1] != b[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{a[-1]} and {b[-1]}, respectively"
        )
    if len(b) > 2 and len(a) == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {b} requires batched input, "
            f"(N, {b[-1]}), got unbatched input with shape {a}"
        )
    if bias is not None and bias._a.shape != b[:-1]:
        raise RuntimeError(f"expected linear_bias shape {b[:-1]}, got {bias._a.shape}")
