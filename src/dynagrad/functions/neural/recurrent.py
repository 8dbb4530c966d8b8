"""Recurrent layers and cells under PyTorch's names.

A layer and direction is one node, as PyTorch's LSTM on a CPU is; where PyTorch records the steps of
a GRU and of a simple recurrence one by one, the one node has a name of its own.
"""

from typing import Any

import numpy as np

from ...core.apply import apply, to_dtype
from ...core.complaints import type_name
from ...core.overrides import overridable
from ...core.tensor import Tensor
from ...ops.elementwise import is_half
from ...ops.neural import recurrent as ops
from .. import elementwise, joining, shape, splitting, transcendental
from ..arguments import c_type, fixed, tensor
from ..copies import unsafe_chunk
from ..nodes import node, shown
from . import activation
from .dropout import dropout as drop
from .linear import linear

__all__ = [
    "gru",
    "gru_cell",
    "lstm",
    "lstm_cell",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
]

Lstm = node("MkldnnRnnLayerBackward0", ops.lstm_layer)
Gru = node("GruLayerBackward0", ops.gru_layer)
Rnn = node("RnnLayerBackward0", ops.rnn_layer)
shown(7, Lstm)
shown(6, Gru, Rnn)

#: the arguments of a layer of padded sequences, and of packed ones
PADDED = ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")
PADDED = (*PADDED, "batch_first")
PACKED = ("data", "batch_sizes", *PADDED[1:-1])
SINGLE = np.dtype(np.float32)


# --- layers ---------------------------------------------------------------------------------------


@overridable
def lstm(*args: Any, **kwargs: Any):
    """The layers of an LSTM: (output, h_n, c_n).

    lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first), or
    lstm(data, batch_sizes, hx, ..., bidirectional) for a packed sequence. hx is (h_0, c_0), each
    (layers * directions, N, .); params lists weight_ih, weight_hh, bias_ih, bias_hh (and weight_hr)
    of each layer and direction.
    """
    given = _arguments("lstm", args, kwargs)
    hx = _pair("lstm", given["hx"], "(h_0, c_0)")
    output, h, c = _layers("lstm", given, list(hx))
    return output, h, c


@overridable
def gru(*args: Any, **kwargs: Any):
    """The layers of a GRU: (output, h_n); the arguments are those of `lstm`, but hx is h_0."""
    return _of_one_state("gru", args, kwargs)


@overridable
def rnn_tanh(*args: Any, **kwargs: Any):
    """Layers h' = tanh(W x + b + U h + d): (output, h_n); the arguments are those of `gru`."""
    return _of_one_state("rnn_tanh", args, kwargs)


@overridable
def rnn_relu(*args: Any, **kwargs: Any):
    """Layers h' = relu(W x + b + U h + d): (output, h_n); the arguments are those of `gru`."""
    return _of_one_state("rnn_relu", args, kwargs)


def _pair(name: str, hx: Any, names: str) -> Any:
    """The two states of an LSTM."""
    if not isinstance(hx, list | tuple):
        raise TypeError(
            f"{name}(): argument 'hx' (position 2) must be tuple of Tensors, not "
            f"{type_name(hx)}\nGive a pair {names}."
        )
    if len(hx) != 2:
        raise RuntimeError(f"{name} expects two hidden states\nGive hx as a pair {names}.")
    return hx


def _of_one_state(name: str, args: tuple, kwargs: dict) -> tuple[Tensor, Tensor]:
    given = _arguments(name, args, kwargs)
    output, h = _layers(name, given, [tensor(name, given["hx"], 2, "hx")])
    return output, h


def _arguments(name: str, args: tuple, kwargs: dict) -> dict[str, Any]:
    """The arguments by name; those of a packed sequence are one place further."""
    packed = "batch_sizes" in kwargs or (len(args) > 3 and isinstance(args[3], list | tuple))
    names = PACKED if packed else PADDED
    given: dict[str, Any] = {**dict(zip(names, args, strict=False)), **kwargs}
    if len(args) + len(kwargs) != len(names) or given.keys() != set(names):
        raise TypeError(
            f"{name}() received an invalid combination of arguments\nExpected are either "
            f"({', '.join(PADDED)}) or ({', '.join(PACKED)})."
        )
    return given


def _layers(name: str, given: dict[str, Any], hx: list[Tensor]) -> tuple[Tensor, ...]:
    """The last layer's output, and the last states of all layers."""
    packed = "data" in given
    x = tensor(name, given["data" if packed else "input"])
    directions = 2 if given["bidirectional"] else 1
    count = given["num_layers"]
    projected = name == "lstm" and hx[0]._a.shape[-1] != hx[1]._a.shape[-1]
    params = _grouped(given["params"], given["has_biases"], projected)
    if len(params) != count * directions:
        raise RuntimeError(
            "got an incorrect number of RNN parameters\nEach of the "
            f"{count * directions} layers and directions has weight_ih, weight_hh, with biases "
            "bias_ih and bias_hh, and with a projection weight_hr."
        )
    sizes = _sizes(given["batch_sizes"]) if packed else None
    batch_first = not packed and given["batch_first"]
    if batch_first:
        x = shape.transpose(x, 0, 1)
    _check(x, sizes, hx, params, count * directions)
    dtype = x._a.dtype
    if is_half(x._a):  # rounded once for each layer, as PyTorch's kernels do
        x, *hx = [to_dtype(t, SINGLE) for t in (x, *hx)]
        params = [[None if p is None else to_dtype(p, SINGLE) for p in group] for group in params]
    p = float(given["dropout"]) if given["train"] else 0.0
    states = [splitting.unbind(h, 0) for h in hx]
    ends: list[list[Tensor]] = [[] for _ in hx]
    for layer in range(count):
        outputs = []
        for k in range(layer * directions, (layer + 1) * directions):
            reverse = k - layer * directions == 1
            output, *last = _layer(name, x, [s[k] for s in states], params[k], sizes, reverse)
            outputs.append(output)
            for held, end in zip(ends, last, strict=True):
                held.append(end)
        x = outputs[0] if directions == 1 else joining.cat(outputs, -1)
        if p and layer < count - 1:
            x = drop(x, p)
    found = [x, *[joining.stack(held, 0) for held in ends]]
    if dtype != x._a.dtype:
        found = [to_dtype(t, dtype) for t in found]
    if batch_first:
        found[0] = shape.transpose(found[0], 0, 1)
    return tuple(found)


def _layer(name: str, x: Tensor, states: list, params: list, sizes: Any, reverse: bool) -> Any:
    *weights, r = params
    kw = {"sizes": sizes, "reverse": reverse}
    if name == "lstm":
        return apply(Lstm, x, *weights, *states, r, **kw)[:3]
    if name == "gru":
        return apply(Gru, x, *weights, *states, **kw)[:2]
    return apply(Rnn, x, *weights, *states, kind=name[4:], **kw)


def _grouped(params: Any, biases: bool, projected: bool) -> list[list[Any]]:
    """For each layer and direction its weights, biases and projection; None for what is absent."""
    each = (4 if biases else 2) + projected
    groups = [list(params[i : i + each]) for i in range(0, len(params), each)]
    if len(params) % each:
        raise RuntimeError(
            f"got an incorrect number of RNN parameters\nGiven were {len(params)}, which is no "
            f"multiple of {each}."
        )
    none = [None, None]
    return [[*g[:2], *(g[2:4] if biases else none), g[-1] if projected else None] for g in groups]


def _sizes(batch_sizes: Any) -> tuple[int, ...]:
    """How many sequences of a packed batch have each step."""
    t = tensor("lstm", batch_sizes, 2, "batch_sizes")
    return tuple(fixed(t._a, "batch_sizes cannot be batched").tolist())


def _check(x: Tensor, sizes: Any, hx: list[Tensor], params: list, count: int) -> None:
    """RuntimeError unless x, the states and the weights fit together."""
    a, first = x._a, params[0][0]._a
    rank = 3 if sizes is None else 2
    if a.ndim != rank:
        raise RuntimeError(f"input must have {rank} dimensions, got {a.ndim}")
    if a.shape[0] == 0 or sizes == ():
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if a.shape[-1] != first.shape[1]:
        raise RuntimeError(
            "input.size(-1) must be equal to input_size. "
            f"Expected {first.shape[1]}, got {a.shape[-1]}"
        )
    for t in (*[p for group in params for p in group], *hx):
        if t is not None and t._a.dtype != a.dtype:
            raise RuntimeError(
                "expected m1 and m2 to have the same dtype, but got: "
                f"{c_type(a.dtype)} != {c_type(t._a.dtype)}\nInput, hidden states and weights must "
                "have one dtype; convert, as in x.float()."
            )
    size = a.shape[1] if sizes is None else sizes[0]
    for place, h in enumerate(hx):
        width = params[0][1]._a.shape[1]
        if place:
            width = params[0][0]._a.shape[0] // 4
        if h._a.shape != (count, size, width):
            raise RuntimeError(
                f"Expected hidden[{place}] size {(count, size, width)}, got {list(h._a.shape)}"
            )


# --- cells ----------------------------------------------------------------------------------------


def _parts(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple:
    """The parts of the input and of h in the gates."""
    x, h = input._a, hx._a
    if x.shape[1] != w_ih._a.shape[1]:
        raise RuntimeError(
            f"input has inconsistent input_size: got {x.shape[1]} expected {w_ih._a.shape[1]}"
        )
    if x.shape[0] != h.shape[0]:
        raise RuntimeError(
            f"Input batch size {x.shape[0]} doesn't match hidden0 batch size {h.shape[0]}"
        )
    if h.shape[1] != w_hh._a.shape[1]:
        raise RuntimeError(
            f"hidden0 has inconsistent hidden_size: got {h.shape[1]}, expected {w_hh._a.shape[1]}"
        )
    return linear(input, w_ih, b_ih), linear(hx, w_hh, b_hh)


@overridable
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: (h', c') from input (N, I) and hx = (h, c)."""
    h, c = _pair("lstm_cell", hx, "(h, c)")
    of_x, of_h = _parts(input, h, w_ih, w_hh, b_ih, b_hh)
    i, f, g, o = unsafe_chunk(elementwise.add(of_h, of_x), 4, 1)
    sigmoid, tanh, mul = transcendental.sigmoid, transcendental.tanh, elementwise.mul
    cell = elementwise.add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)))
    return mul(sigmoid(o), tanh(cell)), cell


@overridable
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU: h' from input (N, I) and h (N, H)."""
    of_x, of_h = _parts(input, hx, w_ih, w_hh, b_ih, b_hh)
    x, h = unsafe_chunk(of_x, 3, 1), unsafe_chunk(of_h, 3, 1)
    add, mul, sigmoid = elementwise.add, elementwise.mul, transcendental.sigmoid
    reset, update = sigmoid(add(h[0], x[0])), sigmoid(add(h[1], x[1]))
    new = transcendental.tanh(add(x[2], mul(h[2], reset)))
    return add(mul(elementwise.sub(hx, new), update), new)


@overridable
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """tanh(W input + b + U h + d) for input (N, I) and h (N, H)."""
    return transcendental.tanh(elementwise.add(*_parts(input, hx, w_ih, w_hh, b_ih, b_hh)))


@overridable
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """relu(W input + b + U h + d) for input (N, I) and h (N, H)."""
    return activation.relu(elementwise.add(*_parts(input, hx, w_ih, w_hh, b_ih, b_hh)))
