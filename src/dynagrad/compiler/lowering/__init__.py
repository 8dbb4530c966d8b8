"""Lowerings: what the primitives of `ops` are in the operations of a graph. Imports graph and ops.

`LOWERINGS[primitive](g, *values, **metadata)` adds a call to the graph `g` (see `registry`). A
primitive, or a call, without a lowering is left to its NumPy kernel.
"""

from . import (
    comparison,
    contraction,
    cumulative,
    elementwise,
    extremes,
    indexing,
    joining,
    neural_activation,
    neural_classes,
    neural_convolution,
    neural_embedding,
    neural_loss,
    neural_normalization,
    neural_padding,
    neural_pooling,
    neural_recurrent,
    neural_softmax,
    norms,
    reduction,
    rounding,
    shape,
    transcendental,
)
from .registry import LOWERINGS, lowering

__all__ = [
    "LOWERINGS",
    "comparison",
    "contraction",
    "cumulative",
    "elementwise",
    "extremes",
    "indexing",
    "joining",
    "lowering",
    "neural_activation",
    "neural_classes",
    "neural_convolution",
    "neural_embedding",
    "neural_loss",
    "neural_normalization",
    "neural_padding",
    "neural_pooling",
    "neural_recurrent",
    "neural_softmax",
    "norms",
    "reduction",
    "rounding",
    "shape",
    "transcendental",
]
