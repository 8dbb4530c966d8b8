"""Single steps of recurrent layers. Imports module, init and functions."""

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...functions.neural import recurrent
from ...functions.shape import squeeze, unsqueeze
from .. import init
from ..parameter import Parameter, uninitialized
from .module import Module

__all__ = ["RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

#: the module that users find the cells in
HOME = f"{__package__}.rnn"


def draw_weights(layer: Any) -> None:
    """Draw the parameters of a layer or cell uniformly from [-1 / sqrt(hidden_size), 1 / sqrt(
    hidden_size)).
    """
    limit = 1.0 / math.sqrt(layer.hidden_size) if layer.hidden_size > 0 else 0
    for weight in layer.parameters():
        init.uniform_(weight, -limit, limit)


class RNNCellBase(Module):
    """What cells share: `weight_ih` (gates * hidden_size, input_size), `weight_hh` (gates *
    hidden_size, hidden_size), with `bias` also `bias_ih` and `bias_hh`; all begin uniform in
    [-1 / sqrt(hidden_size), 1 / sqrt(hidden_size)). As torch.nn.RNNCellBase.
    """

    __module__ = HOME

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows, kw = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(uninitialized(rows, input_size, **kw))
        self.weight_hh = Parameter(uninitialized(rows, hidden_size, **kw))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(uninitialized(rows, **kw)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values."""
        draw_weights(self)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _check_rank(self, what: str, value: Any) -> None:
        if value.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {value.dim()}D instead"
            )

    def _rows(self, input: Tensor, hx: Any) -> tuple[Tensor, Any]:  # noqa: A002
        """Input and h with a dimension for the batch; zeros for None."""
        self._check_rank("input", input)
        if hx is not None:
            self._check_rank("hidden", hx)
        x = input if input.dim() == 2 else unsqueeze(input, 0)
        if hx is None:
            return x, self._zeros(x)
        return x, hx if x is input else unsqueeze(hx, 0)

    def _zeros(self, x: Tensor) -> Tensor:
        return wrap(np.zeros((x._a.shape[0], self.hidden_size), x._a.dtype))


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu: input (N, input_size) and h
    (N, hidden_size), or both without N. As torch.nn.RNNCell.
    """

    __module__ = HOME

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:  # noqa: A002
        x, h = self._rows(input, hx)
        if self.nonlinearity == "tanh":
            result = recurrent.rnn_tanh_cell(x, h, *self._weights())
        elif self.nonlinearity == "relu":
            result = recurrent.rnn_relu_cell(x, h, *self._weights())
        else:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return result if x is input else squeeze(result, 0)


class GRUCell(RNNCellBase):
    """One step of `GRU`: input (N, input_size) and h (N, hidden_size), or both without N. As
    torch.nn.GRUCell.
    """

    __module__ = HOME

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:  # noqa: A002
        x, h = self._rows(input, hx)
        result = recurrent.gru_cell(x, h, *self._weights())
        return result if x is input else squeeze(result, 0)


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: input (N, input_size) and hx = (h, c), each (N, hidden_size), or all
    without N; returns (h', c'). As torch.nn.LSTMCell.
    """

    __module__ = HOME

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self,
        input: Tensor,  # noqa: A002
        hx: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        self._check_rank("input", input)
        x = input if input.dim() == 2 else unsqueeze(input, 0)
        if hx is None:
            states: Any = (self._zeros(x),) * 2
        else:
            for place, value in enumerate(hx):
                self._check_rank(f"hx[{place}]", value)
            states = hx if x is input else (unsqueeze(hx[0], 0), unsqueeze(hx[1], 0))
        h, c = recurrent.lstm_cell(x, states, *self._weights())
        return (h, c) if x is input else (squeeze(h, 0), squeeze(c, 0))
