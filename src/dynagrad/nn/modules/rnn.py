"""Recurrent layers. Imports module, functions, rnn_cells and utils.rnn."""

import numbers
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.quiet import warn
from ...core.tensor import Tensor, wrap
from ...core.watch import watchers
from ...functions.gathering import index_select
from ...functions.neural import recurrent
from ...functions.shape import squeeze, unsqueeze
from ..parameter import Parameter, uninitialized
from ..utils.rnn import PackedSequence
from .module import Module
from .rnn_cells import GRUCell, LSTMCell, RNNCell, RNNCellBase, draw_weights

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

#: how many rows of weights each unit has
GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
FUNCTIONS = {
    "LSTM": recurrent.lstm,
    "GRU": recurrent.gru,
    "RNN_TANH": recurrent.rnn_tanh,
    "RNN_RELU": recurrent.rnn_relu,
}


def _check_type(name: str, value: Any, wanted: type) -> None:
    if not isinstance(value, wanted):
        raise TypeError(f"{name} should be of type {wanted.__name__}, got: {type(value).__name__}")


def apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    """The slices of a tensor along a dimension in another order."""
    return index_select(tensor, dim, permutation)


class RNNBase(Module):
    """What recurrent layers share: their parameters, checks and the call. As torch.nn.RNNBase.

    For layer k and direction ("" or "_reverse") there are `weight_ih_lk` (gates * hidden_size,
    inputs), `weight_hh_lk` (gates * hidden_size, hidden_size or proj_size), with `bias` also
    `bias_ih_lk`, `bias_hh_lk`, and with `proj_size` `weight_hr_lk` (proj_size, hidden_size); all
    begin uniform in [-1 / sqrt(hidden_size), 1 / sqrt(hidden_size)).
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]
    __jit_unused_properties__ = ["all_weights"]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._flat_weight_refs: list[Any] = []
        self._check_settings(dropout)
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(2 if bidirectional else 1):
                names = self._add_layer(layer, direction, device, dtype)
                self._flat_weights_names.extend(names)
                self._all_weights.append(names)
        self._init_flat_weights()
        self.reset_parameters()

    def _check_settings(self, dropout: Any) -> None:
        kinds = isinstance(dropout, numbers.Number), isinstance(dropout, bool)
        if kinds != (True, False) or not 0 <= self.dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                "element being zeroed"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                "num_layers=1"
            )
        _check_type("bias", self.bias, bool)
        _check_type("batch_first", self.batch_first, bool)
        for name in ("input_size", "hidden_size"):
            _check_type(name, getattr(self, name), int)
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    def _add_layer(self, layer: int, direction: int, device: Any, dtype: Any) -> list[str]:
        """Make the parameters of a layer and a direction; their names."""
        rows, out = GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        width = out * (2 if self.bidirectional else 1) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (out, self.hidden_size)
        names = []
        for kind, shape in shapes.items():
            names.append(f"{kind}_l{layer}{'_reverse' if direction else ''}")
            setattr(self, names[-1], Parameter(uninitialized(*shape, device=device, dtype=dtype)))
        return names

    def _init_flat_weights(self) -> None:
        self._update_flat_weights()
        self._flat_weight_refs = [weak(w) for w in self._flat_weights]
        self.flatten_parameters()

    def __setattr__(self, name: str, value: Any) -> None:
        names = self.__dict__.get("_flat_weights_names")
        if names and name in names and "_flat_weights" in self.__dict__:
            self._flat_weights[names.index(name)] = value
        super().__setattr__(name, value)

    def flatten_parameters(self) -> None:
        """Do nothing: on the CPU the parameters need not lie one behind the other."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        self._flat_weight_refs = []
        made = super()._apply(fn, recurse)
        self._init_flat_weights()
        return made

    def reset_parameters(self) -> None:
        """Draw the initial values."""
        draw_weights(self)

    def _update_flat_weights(self) -> None:
        """Take up weights that were exchanged, as by `functional_call` and parametrizations."""
        self._flat_weights = [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    # --- checks

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:  # noqa: A002
        """Raise unless the input has the dtype, rank and size that the layer takes."""
        first: Any = self._flat_weights[0]
        if input.dtype != first.dtype and not any(w.casts for w in watchers.get()):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({first.dtype}). "
                f"Convert input: input.to({first.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        rank = 3 if batch_sizes is None else 2
        if input.ndim != rank:
            raise RuntimeError(f"input must have {rank} dimensions, got {input.ndim}")
        if input._a.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input._a.shape[-1]}"
            )

    def _expected_size(self, input: Tensor, batch_sizes: Any, width: int) -> tuple[int, int, int]:  # noqa: A002
        if batch_sizes is not None:
            count = int(batch_sizes[0])
        else:
            count = input._a.shape[0 if self.batch_first else 1]
        return self.num_layers * (2 if self.bidirectional else 1), count, width

    def get_expected_hidden_size(
        self,
        input: Tensor,  # noqa: A002
        batch_sizes: Tensor | None,
    ) -> tuple[int, int, int]:
        """The size that the initial hidden states must have for an input."""
        return self._expected_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self,
        hx: Tensor,
        expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:
        """Raise unless the states have the expected size."""
        if hx._a.shape != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx._a.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:  # noqa: A002
        """Raise unless input and states fit the layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states of the examples in another order."""
        return hx if permutation is None else apply_permutation(hx, permutation)

    # --- the call

    def _zeros(self, input: Tensor, count: int) -> Any:  # noqa: A002
        """Initial states of zeros."""
        layers = self.num_layers * (2 if self.bidirectional else 1)
        return wrap(np.zeros((layers, count, self.hidden_size), input._a.dtype))

    def _unbatched_states(self, hx: Any, batched: bool) -> Any:
        """Given states with a dimension for the batch; RuntimeError where their rank is wrong."""
        rank = 3 if batched else 2
        if hx.dim() != rank:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx should also be {rank}-D but got {hx.dim()}-D tensor"
            )
        return hx if batched else unsqueeze(hx, 1)

    def _without_batch(self, hidden: Any) -> Any:
        return squeeze(hidden, 1)

    def _forward(self, input: Any, hx: Any = None) -> Any:  # noqa: A002 - PyTorch's name
        self._update_flat_weights()
        if isinstance(input, PackedSequence):
            return self._of_packed(input, hx)
        if input.dim() not in (2, 3):
            name, rest = type(self).__name__, " tensor" if self.mode.startswith("RNN") else ""
            raise ValueError(
                f"{name}: Expected input to be 2D or 3D, got {input.dim()}D{rest} instead"
            )
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = unsqueeze(input, batch_dim)  # noqa: A001
        if hx is None:
            hx = self._zeros(input, input._a.shape[batch_dim])
        else:
            hx = self._unbatched_states(hx, batched)
        self.check_forward_args(input, hx, None)
        output, hidden = self._called(input, hx, None)
        if not batched:
            return squeeze(output, batch_dim), self._without_batch(hidden)
        return output, hidden

    def _of_packed(self, sequence: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, sizes, order, back = sequence
        if hx is None:
            hx = self._zeros(data, int(sizes[0]))
        else:
            hx = self.permute_hidden(hx, order)
        self.check_forward_args(data, hx, sizes)
        output, hidden = self._called(data, hx, sizes)
        return PackedSequence(output, sizes, order, back), self.permute_hidden(hidden, back)

    def _called(self, input: Tensor, hx: Any, batch_sizes: Any) -> tuple[Tensor, Any]:  # noqa: A002
        f = FUNCTIONS[self.mode]
        weights, dropout = self._flat_weights, self.dropout
        kw = (self.bias, self.num_layers, dropout, self.training, self.bidirectional)
        if batch_sizes is None:
            output, *hidden = f(input, hx, weights, *kw, self.batch_first)
        else:
            output, *hidden = f(input, batch_sizes, hx, weights, *kw)
        return output, hidden[0] if len(hidden) == 1 else tuple(hidden)

    # --- representation, copies

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False}
        for name, value in (usual | {"dropout": 0, "bidirectional": False}).items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text

    def __getstate__(self) -> dict[str, Any]:
        self._update_flat_weights()
        state = self.__dict__.copy()
        del state["_flat_weight_refs"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("proj_size", 0)
        self._flat_weight_refs = [weak(w) for w in self._flat_weights]


def weak(weight: Any) -> Any:
    """A weak reference to a weight; None for None."""
    return None if weight is None else weakref.ref(weight)


NO_PROJECTION = "proj_size argument is only supported for LSTM, not RNN or GRU"


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or relu with nonlinearity="relu".

    Input (L, N, input_size), with batch_first (N, L, input_size), without a batch (L, input_size),
    or a PackedSequence; hx (layers * directions, N, hidden_size), zeros by default. Returns the
    output (L, N, directions * hidden_size) and the last hidden states. As torch.nn.RNN.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError(NO_PROJECTION)
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:  # noqa: A002
        return self._forward(input, hx)


class GRU(RNNBase):
    """Layers of gated recurrent units: r, z = sigmoid(W x + b + U h + d) of their parts,
    n = tanh(W_n x + b_n + r (U_n h + d_n)), h' = (1 - z) n + z h.

    Input, hx and results are those of `RNN`. K. Cho et al., "Learning phrase representations using
    RNN encoder-decoder for statistical machine translation" (2014). As torch.nn.GRU.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError(NO_PROJECTION)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:  # noqa: A002
        return self._forward(input, hx)


class LSTM(RNNBase):
    """Layers of long short-term memory: i, f, o = sigmoid and g = tanh of their parts of
    W x + b + U h + d; c' = f c + i g; h' = o tanh(c'), projected by W_hr with proj_size.

    Input is that of `RNN`; hx is (h_0, c_0), and the result (output, (h_n, c_n)). S. Hochreiter,
    J. Schmidhuber, "Long short-term memory" (1997). As torch.nn.LSTM.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:  # noqa: A002
        return self._forward(input, hx)

    def get_expected_cell_size(
        self,
        input: Tensor,  # noqa: A002
        batch_sizes: Tensor | None,
    ) -> tuple[int, int, int]:
        """The size that the initial cells must have for an input."""
        return self._expected_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:  # noqa: A002
        """Raise unless input, hidden states and cells fit the layer."""
        self.check_input(input, batch_sizes)
        sizes = (self.get_expected_hidden_size, self.get_expected_cell_size)
        for place, size in enumerate(sizes):
            text = f"Expected hidden[{place}] size {{}}, got {{}}"
            self.check_hidden_size(hidden[place], size(input, batch_sizes), text)

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states and cells of the examples in another order."""
        if permutation is None:
            return hx
        return apply_permutation(hx[0], permutation), apply_permutation(hx[1], permutation)

    def _zeros(self, input: Tensor, count: int) -> Any:  # noqa: A002
        cells = super()._zeros(input, count)
        if not self.proj_size:
            return cells, cells
        return wrap(np.zeros((*cells._a.shape[:2], self.proj_size), cells._a.dtype)), cells

    def _unbatched_states(self, hx: Any, batched: bool) -> Any:
        rank = 3 if batched else 2
        ranks = (hx[0].dim(), hx[1].dim())
        if ranks != (rank, rank):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {rank}-D but got "
                f"({ranks[0]}-D, {ranks[1]}-D) tensors"
            )
        return hx if batched else (unsqueeze(hx[0], 1), unsqueeze(hx[1], 1))

    def _without_batch(self, hidden: Any) -> Any:
        return squeeze(hidden[0], 1), squeeze(hidden[1], 1)
