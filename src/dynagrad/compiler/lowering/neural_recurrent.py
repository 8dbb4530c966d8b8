"""Lowerings of recurrent layers: the formulas of their cells, step after step. Imports
ops.neural.recurrent.

The rules of these layers run the same formulas on a traced step, so that what they compute again of
the forward pass is known already.
"""

from typing import Any

from ...ops.neural import recurrent as ops
from ...ops.neural.recurrent_formulas import Weights, in_rows, last, walk
from ...ops.neural.recurrent_steps import Steps, sizes_of
from ..ir.graph import Graph
from .registry import Unlowered
from .terms import Term, formula

#: layers of more steps than this are left to their kernels: their graphs would be long
LONGEST = 128


def _walked(kind: str, x: Any, first: Any, weights: Weights, sizes: Any, reverse: bool) -> Any:
    """The steps of a layer, and what `walk` found."""
    steps = Steps(sizes_of(x, sizes), reverse)
    if len(steps.sizes) > LONGEST or not x.size:
        raise Unlowered
    rows = x if x.ndim == 2 else x.reshape(x.shape[0] * x.shape[1], x.shape[2])
    return steps, walk(kind, rows, first, weights, steps)


def _results(x: Any, steps: Steps, found: Any) -> tuple:
    """The results of all steps, and the last states."""
    by_state = list(zip(*[states for states, _, _ in found], strict=True))
    y = in_rows(by_state[0], steps)
    return (y.reshape(*x.shape[:-1], y.shape[-1]), *[last(parts, steps) for parts in by_state])


def _memory(g: Graph, steps: Steps, groups: list[list[list[Any]]]) -> Term:
    """What the kernel keeps for its backward pass: for each group the parts of each step, in the
    order of rows, as the bits of integers.
    """
    flat = []
    for group in groups:
        for parts in group[::-1] if steps.reverse else group:
            flat += [g.reshape(part.value, (part.size,)) for part in parts]
    whole = g.concatenate(flat, 0)
    return Term(g, g.bitcast(whole, f"i{min(whole.dtype.itemsize, 8)}"))


@formula(ops.lstm_layer, floats=True)
def _lstm(
    x: Any, w: Any, u: Any, b: Any, d: Any, h: Any, c: Any, r: Any, *, sizes: Any, reverse: bool
) -> tuple:
    steps, found = _walked("lstm", x, (h, c), Weights(w, u, b, d, r), sizes, reverse)
    kept = [k for _, k, _ in found]
    gates, tops = [list(k[:4]) for k in kept], [[k[4]] for k in kept]
    cells = [[states[1]] for states, _, _ in found]
    return (*_results(x, steps, found), _memory(x.graph, steps, [gates, cells, tops]))


@formula(ops.gru_layer, floats=True)
def _gru(x: Any, w: Any, u: Any, b: Any, d: Any, h: Any, *, sizes: Any, reverse: bool) -> tuple:
    steps, found = _walked("gru", x, (h,), Weights(w, u, b, d), sizes, reverse)
    kept = [k for _, k, _ in found]  # reset, update, the part of h, new
    gates, parts = [[k[0], k[1], k[3]] for k in kept], [[k[2]] for k in kept]
    return (*_results(x, steps, found), _memory(x.graph, steps, [gates, parts]))


@formula(ops.rnn_layer, floats=True)
def _rnn(
    x: Any, w: Any, u: Any, b: Any, d: Any, h: Any, *, kind: str, sizes: Any, reverse: bool
) -> tuple:
    steps, found = _walked(kind, x, (h,), Weights(w, u, b, d), sizes, reverse)
    return _results(x, steps, found)
