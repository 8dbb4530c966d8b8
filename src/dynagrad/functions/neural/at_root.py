"""Functions of torch itself whose namesakes at torch.nn.functional have other parameters."""

from typing import Any

from ...core.overrides import overridable
from ...core.tensor import Tensor
from ..arguments import tensor
from . import adaptive, pooling
from .dropout import check_probability, drop

__all__ = [
    "adaptive_max_pool1d",
    "alpha_dropout",
    "alpha_dropout_",
    "dropout",
    "dropout_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
]


@overridable
def max_pool1d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False) -> Tensor:
    """The largest element of each window; see nn.functional.max_pool1d."""
    return pooling.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def max_pool1d_with_indices(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window, and its place."""
    return pooling.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def max_pool2d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window; see nn.functional.max_pool2d."""
    return pooling.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def max_pool3d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window; see nn.functional.max_pool3d."""
    return pooling.max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def adaptive_max_pool1d(input, output_size):
    """The largest elements of output_size intervals, and their places."""
    return adaptive.adaptive_max_pool1d_with_indices(input, output_size)


# --- dropout --------------------------------------------------------------------------------------


def _root(name: str, input: Any, p: float, train: bool, inplace: bool, **kinds: bool) -> Tensor:
    x = tensor(name, input)
    check_probability(p, RuntimeError)
    return drop(name, x, p, train, inplace, **kinds)


@overridable
def dropout(input, p, train):
    """dropout if `train`."""
    return _root("dropout", input, p, train, False)


@overridable
def dropout_(input, p, train):
    """dropout in place."""
    return _root("dropout", input, p, train, True)


@overridable
def feature_dropout(input, p, train):
    """dropout of whole channels (dimension 1)."""
    return _root("feature_dropout", input, p, train, False, channels=True)


@overridable
def feature_dropout_(input, p, train):
    """feature_dropout in place."""
    return _root("feature_dropout", input, p, train, True, channels=True)


@overridable
def alpha_dropout(input, p, train):
    """alpha_dropout if `train`."""
    return _root("alpha_dropout", input, p, train, False, alpha=True)


@overridable
def alpha_dropout_(input, p, train):
    """alpha_dropout in place."""
    return _root("alpha_dropout", input, p, train, True, alpha=True)


@overridable
def feature_alpha_dropout(input, p, train):
    """feature_alpha_dropout if `train`."""
    return _root("feature_alpha_dropout", input, p, train, False, channels=True, alpha=True)


@overridable
def feature_alpha_dropout_(input, p, train):
    """feature_alpha_dropout in place."""
    return _root("feature_alpha_dropout", input, p, train, True, channels=True, alpha=True)
