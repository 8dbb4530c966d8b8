"""Functions of torch itself whose namesakes at torch.nn.functional have other parameters."""

from ...core.overrides import overridable
from . import adaptive, pooling
from . import dropout as drops

__all__ = [
    "adaptive_max_pool1d",
    "alpha_dropout",
    "dropout",
    "feature_alpha_dropout",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
]

dropout = drops.torch_dropout
alpha_dropout = drops.torch_alpha_dropout
feature_alpha_dropout = drops.torch_feature_alpha_dropout


@overridable
def max_pool1d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
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
