"""Softmax over very many classes in clusters by frequency. Imports linear, container and
functional.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ...core.tensor import Tensor
from ...functions.creation import empty, zeros
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """What AdaptiveLogSoftmaxWithLoss returns: the log-probability of each target, and the loss."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities over many classes, of which few are frequent: (N, in_features) and targets
    (N,) to (output (N,), loss).

    Classes are numbered from the most to the least frequent. The head tells the classes below
    cutoffs[0] apart, and the clusters between two cutoffs; each cluster has a projection to
    in_features // div_value^(i + 1) features. E. Grave et al., "Efficient softmax approximation for
    GPUs" (2017).
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        cutoffs = list(cutoffs)
        _check_cutoffs(cutoffs, n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        kind = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **kind)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **kind),
                    Linear(width, high - low, bias=False, **kind),
                )
            )

    def reset_parameters(self) -> None:
        self.head.reset_parameters()
        for projection in self.tail:
            for linear in projection.children():
                linear.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        _check_target(input_, target_)
        batched = target_.ndim > 0
        x: Any = input_ if batched else input_.unsqueeze(0)
        target: Any = target_ if batched else target_.unsqueeze(0)
        size = target.shape[0]
        output: Any = zeros(size, dtype=x.dtype)
        places: Any = target.new_empty(size)
        used = 0
        for i, (low, high) in enumerate(pairwise([0, *self.cutoffs])):
            mine = (target >= low) & (target < high)
            rows = mine.nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            used += rows.numel()
            if i == 0:
                places.index_copy_(0, rows, target[mine])
                continue
            logs = F.log_softmax(self.tail[i - 1](x.index_select(0, rows)), dim=1)
            places.index_fill_(0, rows, self.shortlist_size + i - 1)
            own = logs.gather(1, (target[mine] - low).unsqueeze(1))
            output.index_copy_(0, rows, own.squeeze(1))
        if used != size:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        logs = F.log_softmax(self.head(x), dim=1)
        output += logs.gather(1, places.unsqueeze(1)).squeeze()
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Any:
        """The log-probabilities of all classes, from the head's scores."""
        logs: Any = F.log_softmax(head_output, dim=1)
        out: Any = empty(head_output.shape[0], self.n_classes, dtype=input.dtype)
        out[:, : self.shortlist_size] = logs[:, : self.shortlist_size]
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            within = F.log_softmax(self.tail[i](input), dim=1)
            out[:, low:high] = within + logs[:, self.shortlist_size + i].unsqueeze(1)
        return out

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) to (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row, as log_prob(input).argmax(dim=1), with less work
        where it is a frequent one.
        """
        scores = self.head(input)
        found = scores.argmax(dim=1)
        rare = found >= self.shortlist_size
        if not rare.any():
            return found
        if rare.all():
            return self._get_full_log_prob(input, scores).argmax(dim=1)
        rows: Any = input
        found[rare] = self._get_full_log_prob(rows[rare], scores[rare]).argmax(dim=1)
        return found


def _check_cutoffs(cutoffs: list[int], classes: int) -> None:
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    rising = all(low < high for low, high in pairwise(cutoffs))
    whole = all(int(c) == c for c in cutoffs)
    if not (rising and whole and cutoffs[0] > 0 and cutoffs[-1] <= classes - 1):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
            "order, where each value is between 1 and n_classes-1\n"
            f"They are {cutoffs} with n_classes={classes}."
        )


def _check_target(x: Tensor, target: Tensor) -> None:
    rank = target.ndim
    if rank > 1:
        raise RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported\n"
            f"The target has {rank} dimensions."
        )
    if rank == 1 and x.shape[0] != target.shape[0]:
        raise RuntimeError(
            "Input and target should have the same size in the batch dimension.\n"
            f"They have {x.shape[0]} and {target.shape[0]}."
        )
    if x.ndim != rank + 1:
        raise RuntimeError(
            f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with size "
            f"{x.shape}"
        )
