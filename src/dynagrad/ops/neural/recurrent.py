"""Recurrent layers: one primitive for a layer and a direction. Imports NumPy only.

A layer's input is (L, N, I) with `sizes` None, or the rows (sum of sizes, I) of packed sequences.
On ndarrays the kernels do forward and backward; on all else the formulas, step by step.
Sources: Hochreiter, Schmidhuber, "Long short-term memory" (1997); Cho et al., "Learning phrase
representations using RNN encoder-decoder" (2014); Sak et al., "Long short-term memory recurrent
neural network architectures" (2014) for projections.
"""

import numpy as np

from ..batching import batch_size, with_batch
from ..rule import general, primitive
from ..shape import reshape
from . import recurrent_kernels as kernels
from .recurrent_formulas import Weights, layer, layer_back
from .recurrent_steps import sizes_of


@primitive
def lstm_layer(x, w, u, b, d, h, c, r, *, sizes, reverse):
    """An LSTM layer: results, last h, last c, and what its backward pass keeps."""
    return kernels.lstm(x, w, u, b, d, h, c, r, sizes, reverse)


@primitive
def gru_layer(x, w, u, b, d, h, *, sizes, reverse):
    """A GRU layer: results, last h, and what its backward pass keeps."""
    return kernels.gru(x, w, u, b, d, h, sizes, reverse)


@primitive
def rnn_layer(x, w, u, b, d, h, *, kind, sizes, reverse):
    """A layer h' = kind(w x + b + u h + d), kind tanh or relu: results and last h."""
    return kernels.rnn(x, w, u, b, d, h, kind, sizes, reverse)


# --- derivatives ----------------------------------------------------------------------------------


def _carrier(*values):
    """The first value that is no ndarray; None where the kernels serve."""
    return next((v for v in values if v is not None and type(v) is not np.ndarray), None)


def _in_rows(a):
    return a if a.ndim == 2 else reshape(a, shape=(a.shape[0] * a.shape[1], a.shape[2]))


def _by_formula(kind, gs, x, first, weights, sizes, reverse):
    gs = (_in_rows(gs[0]), *gs[1:])
    steps = sizes_of(x, sizes)
    gx, *rest = layer_back(kind, gs, _in_rows(x), first, weights, steps, reverse)
    return (reshape(gx, shape=x.shape), *rest)


def _lstm_vjp(g0, g1, g2, x, w, u, b, d, h, c, r, out0, out3, *, sizes, reverse, needs):
    if _carrier(g0, g1, g2, x, w, u, b, d, h, c, r, out3) is None:
        gs = (g0, g1, g2)
        return kernels.lstm_back(*gs, x, w, u, h, c, r, out0, out3, sizes, reverse, needs)
    weights = Weights(w, u, b, d, r)
    return _by_formula("lstm", (g0, g1, g2), x, (h, c), weights, sizes, reverse)


def _gru_vjp(g0, g1, x, w, u, b, d, h, out0, out2, *, sizes, reverse, needs):
    if _carrier(g0, g1, x, w, u, b, d, h, out2) is None:
        return kernels.gru_back(g0, g1, x, w, u, h, out0, out2, sizes, reverse, needs)
    return _by_formula("gru", (g0, g1), x, (h,), Weights(w, u, b, d), sizes, reverse)[:-1]


def _rnn_vjp(g0, g1, x, w, u, b, d, h, out0, *, kind, sizes, reverse, needs):
    if _carrier(g0, g1, x, w, u, b, d, h, out0) is None:
        return kernels.rnn_back(g0, g1, x, w, u, h, out0, kind, sizes, reverse, needs)
    return _by_formula(kind, (g0, g1), x, (h,), Weights(w, u, b, d), sizes, reverse)[:-1]


# --- batches --------------------------------------------------------------------------------------


def _batched(kind, values, flags, sizes, reverse):
    """A layer of a batch of examples: `values` are x, the weights w, u, b, d, the states, and r."""
    size = batch_size(values, flags)
    given = list(zip(values, flags, strict=True))
    r = values[7] if kind == "lstm" else None
    x = with_batch(*given[0], size)
    first = [with_batch(v, flag, size) for v, flag in given[5:7]]
    w, u, b, d = values[1:5]
    weights, shape = Weights(w, u, b, d, r), x.shape
    if len(shape) == 4:
        sizes = (shape[2],) * shape[1]
        x = reshape(x, shape=(size, shape[1] * shape[2], shape[3]))
    y, *lasts = layer(kind, x, first, weights, sizes, reverse)
    return (reshape(y, shape=(*shape[:-1], y.shape[-1])), *lasts)


def _nothing_kept(size):
    """The formulas compute again what the kernels keep."""
    return np.zeros((size, 0), np.int32)


def _lstm_batch(fun, values, flags, kw):
    found = _batched("lstm", values, flags, **kw)
    return (*found, _nothing_kept(batch_size(values, flags)))


def _gru_batch(fun, values, flags, kw):
    found = _batched("gru", values, flags, **kw)
    return (*found, _nothing_kept(batch_size(values, flags)))


def _rnn_batch(fun, values, flags, kw):
    return _batched(kw["kind"], values, flags, kw["sizes"], kw["reverse"])


general(lstm_layer, _lstm_vjp, joint=True, results=4, batch=_lstm_batch)
general(gru_layer, _gru_vjp, joint=True, results=3, batch=_gru_batch)
general(rnn_layer, _rnn_vjp, joint=True, results=2, batch=_rnn_batch)
