"""Histograms in one and in several dimensions under PyTorch's names."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.carriers.carrier import Carrier
from ..core.overrides import explained, overridable
from ..core.tensor import Tensor
from ..ops import histograms as ops
from .arguments import bounds, c_name, no_kernel, one_size, settled, tensor, write_same
from .elementwise import no_overload
from .joining import cat
from .nodes import node
from .ranges import linspace
from .return_types import return_type
from .spacing import spaced

__all__ = ["histogram", "histogramdd"]

Binned = node("NotImplemented", ops.binned)
HistogramResult = return_type("histogram", "hist", "bin_edges")
HistogramDDResult = return_type("histogramdd", "hist", "bin_edges")


def _check_served(x: Tensor) -> None:
    if x._a.dtype not in (np.float32, np.float64):
        raise no_kernel("histogramdd", x._a.dtype)


def _check_edges(points: Tensor, edges: Sequence[Tensor]) -> None:
    for d, e in enumerate(edges):
        if e._a.dtype != points._a.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but "
                f"got input with dtype {c_name(points._a.dtype)} and bins for dimension {d} with "
                f"dtype {c_name(e._a.dtype)}"
            )
        if e._a.ndim != 1:
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have one dimension, but got "
                f"{e._a.ndim} dimensions in the bins tensor for dimension {d}"
            )
        if not e._a.size:
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 "
                f"elements in the bins tensor for dimension {d}"
            )
    _check_counts([e._a.size - 1 for e in edges])


def _check_counts(counts: list[int]) -> None:
    for d, n in enumerate(counts):
        if n < 1:
            raise RuntimeError(
                f"torch.histogram(): bins must be > 0, but got {n} for dimension {d}"
            )


def _check_weight(points: Tensor, weight: Tensor) -> None:
    if weight._a.dtype != points._a.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
            f"should have the same dtype, but got input({c_name(points._a.dtype)}), and "
            f"weight({c_name(weight._a.dtype)})"
        )
    if (weight._a.shape or (1,)) != points._a.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            "input tensor excluding its innermost dimension, but got input with shape "
            f"{list(points._a.shape)} and weight with shape {list(weight._a.shape)}"
        )


def _even_edges(points: Tensor, counts: list[int], given: Any) -> list[Tensor]:
    """Edges of bins of one width in each column: over the range given, or that of the values."""
    rank = len(counts)
    _check_counts(counts)
    if given is None and points._a.size and isinstance(settled(points._a), Carrier):
        return _own_edges(points, counts)
    if given is not None:
        if len(given) != 2 * rank:
            raise RuntimeError(
                f"torch.histogramdd: for a {rank}-dimensional histogram range should have "
                f"{2 * rank} elements, but got {len(given)}"
            )
        ends = [(float(a), float(b)) for a, b in zip(given[::2], given[1::2], strict=True)]
    elif points._a.size:
        rows = settled(points._a).reshape(-1, rank)
        least, most = np.minimum.reduce(rows, 0), np.maximum.reduce(rows, 0)
        ends = list(zip(least.tolist(), most.tolist(), strict=True))
    else:
        ends = [(0.0, 1.0)] * rank
    edges = []
    for d, ((low, high), n) in enumerate(zip(ends, counts, strict=True)):
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(
                f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite"
            )
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} "
                f"for dimension {d}"
            )
        wider = 0.5 if low == high else 0.0
        edges.append(linspace(low - wider, high + wider, n + 1, dtype=points.dtype))
    return edges


def _own_edges(points: Tensor, counts: list[int]) -> list[Tensor]:
    """Edges of bins of one width in each column over the range of the values, for each example of
    a batch.
    """
    if not all(math.isfinite(end) for end in bounds(points._a)):
        raise RuntimeError("torch.histogramdd: the range of the values is not finite")
    found = []
    for column, n in zip(points.detach().reshape(-1, len(counts)).unbind(1), counts, strict=True):
        low, high = column.amin(), column.amax()
        wider = (low == high).to(column.dtype) * 0.5
        low, high = low - wider, high + wider
        found.append(spaced(low, high, n + 1, points._a.dtype))
    return found


def _counted(points: Tensor, edges: Sequence[Tensor], weight: Any, density: Any) -> Tensor:
    _check_served(points)
    if weight is not None:
        _check_weight(points, tensor("histogram", weight, argument="weight"))
        weight = weight.reshape(-1)
    rows = points.reshape(-1, len(edges))
    counts = tuple(e._a.size - 1 for e in edges)
    whole = edges[0] if len(edges) == 1 else cat(tuple(edges))
    return apply(Binned, rows, weight, whole.detach(), counts=counts, density=bool(density))


@explained
def histogram(
    input, bins: Any = 100, *, range: Any = None, weight=None, density=False, out: Any = None
):
    """How many elements, or how much of their weight, lie in each bin, and the bins' edges.

    bins: how many of one width, over `range` (by default that of the values), or a tensor of edges.
    density: the integral over all bins is 1.
    """
    x = tensor("histogram", input)
    points = x.reshape(-1, 1)
    if isinstance(bins, Tensor) and bins._a.ndim:
        if range is not None:
            raise no_overload("histogram", (x, bins))
        edges = [bins]
        _check_edges(points, edges)
    else:
        if isinstance(bins, bool) or one_size(bins) is None:
            raise no_overload("histogram", (x, bins))
        _check_served(points)
        edges = _even_edges(points, [int(one_size(bins) or 0)], range)
    if weight is not None and tensor("histogram", weight, argument="weight")._a.ndim != 1:
        weight = weight.reshape(-1)
    hist = _counted(points, edges, weight, density)
    if out is None:
        return HistogramResult(hist, edges[0].clone() if edges[0] is bins else edges[0])
    for name, given in zip(("hist", "bin_edges"), out, strict=True):
        if given._a.dtype != x._a.dtype:
            raise RuntimeError(
                f"torch.histogram: input tensor and {name} tensor should have the same dtype, but "
                f"got input {c_name(x._a.dtype)} and {name} {c_name(given._a.dtype)}"
            )
    return HistogramResult(
        write_same("histogram", out[0], hist), write_same("histogram", out[1], edges[0])
    )


@overridable
def histogramdd(input, bins: Any, range=None, weight=None, density=False):
    """How many points, the last dimension of `input`, lie in each bin of a grid, and its edges.

    bins: how many along all or along each dimension, or a tensor of edges for each.
    """
    x = tensor("histogramdd", input)
    if isinstance(bins, int) and not isinstance(bins, bool):
        bins = (bins,) * (x._a.shape[-1] if x._a.ndim else 1)
    if not isinstance(bins, list | tuple):
        raise no_overload("histogramdd", (x, bins))
    by_edges = any(isinstance(b, Tensor) for b in bins)
    for place, b in enumerate(bins):
        if by_edges and not isinstance(b, Tensor):
            kind = type(b).__name__
            raise TypeError(f"expected Tensor as element {place} in argument 1, but got {kind}")
    if x._a.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    if len(bins) != x._a.shape[-1]:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    edges: Sequence[Any] = bins
    if by_edges:
        _check_edges(x, edges)
    else:
        _check_counts([int(b) for b in bins])
        _check_served(x)
        edges = _even_edges(x, [int(b) for b in bins], range)
    hist = _counted(x, edges, weight, density)
    return HistogramDDResult(hist, tuple(edges))
