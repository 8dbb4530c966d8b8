"""Lowerings of exponentials, logarithms and special functions. Imports ops."""

import numpy as np

from ...ops import logarithms, normal, special, transcendental
from ..ir.graph import Graph, Value
from .registry import HALF, SINGLE, lowering
from .terms import Term, formula, own_formula

own_formula(transcendental.logit, transcendental.sinc, in_single=True)
own_formula(transcendental.xlogy, transcendental.ldexp, transcendental.arccosh_root)
own_formula(logarithms.xlog1py, logarithms.entr)


def _single(op: str, g: Graph, x: Value) -> Value:
    """An operation of floating numbers, of float16 in float32."""
    if x.dtype.kind != "f":
        return NotImplemented
    return g.cast(g.map(op, g.cast(x, SINGLE)), HALF) if x.dtype == HALF else g.map(op, x)


@lowering(transcendental.sigmoid, moves=True)
def _sigmoid(g: Graph, x: Value) -> Value:
    return _single("sigmoid", g, x)


@lowering(special.erf)
def _erf(g: Graph, x: Value) -> Value:
    return _single("erf", g, x)


@lowering(special.erfc)
def _erfc(g: Graph, x: Value) -> Value:
    return _single("erfc", g, x)


@formula(normal.ndtr, floats=True)
def _ndtr(x: Term) -> Term:
    g = x.graph
    scaled = x.astype(np.float64) * -normal.ROOT_HALF
    return (Term(g, g.map("erfc", scaled.value)) * 0.5).astype(x.dtype)
