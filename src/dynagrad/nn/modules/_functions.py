"""The function behind CrossMapLRN2d. Imports autograd and functions."""

from typing import Any

from ...autograd.function import Function
from ...core.tensor import Tensor
from .. import functional as F

__all__ = ["CrossMapLRN2d"]


class CrossMapLRN2d(Function):
    """input (k + alpha / size sum of squares over channels nearby)^-beta, for input (N, C, H, W).

    The results and gradients are PyTorch's, which are not quite those of the formula: from the
    channel after the first window on, the first channel stays in every window, and the gradient
    sums over windows that begin one channel too early. `local_response_norm` follows the formula.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1
    ) -> Tensor:
        if input.ndim != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead.")
        reach = int((size - 1) / 2 + 1)
        squares = input * input
        total = _sums(squares, reach - 1, reach - 1)
        if total.shape[1] > reach:
            total[:, reach:] += squares[:, :1]
        scale = total * (alpha / size) + k
        output = scale.pow(-beta) * input
        ctx.save_for_backward(input, output, scale)
        ctx.size, ctx.alpha, ctx.beta = size, alpha, beta
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The gradient of the input."""
        input, output, scale = ctx.saved_tensors
        size, beta = ctx.size, ctx.beta
        before = int(size - (size - 1) / 2)
        ratios = _sums(grad_output * output / scale, before, size - 1 - before)
        direct = scale.pow(-beta) * grad_output
        return direct - (2 * ctx.alpha * beta / size) * input * ratios, None, None, None, None


def _sums(x: Any, before: int, after: int) -> Any:
    """Sums over `before` channels before each one, itself, and `after` channels after it; `after`
    may be -1.
    """
    channels = x.shape[1]
    padded: Any = F.pad(x, (0, 0, 0, 0, before, max(after, 0)))
    return sum(padded[:, i : i + channels] for i in range(before + after + 1))
