"""Padding: constants, reflections, repetitions or circles around the last dimensions. Imports
module and functional.

`padding` is one number for all sides, or (left, right), (left, right, top, bottom), (left, right,
top, bottom, front, back).
"""

from typing import Any

from ...core.tensor import Tensor
from .. import functional as F
from .module import Module
from .utils import _pair, _quadruple, _sextuple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Module):
    """What all padding modules share but the constant ones: how to pad, and the text."""

    __constants__ = ["padding"]
    padding: tuple[int, ...]
    _mode: str

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    """Circular padding, which checks the number of dimensions; a subclass names its rank."""

    _mode = "circular"
    _rank: int

    def _check_input_dim(self, input: Tensor) -> None:
        least = self._rank + 1
        if input.ndim not in (least, least + 1):
            raise ValueError(f"expected {least}D or {least + 1}D input (got {input.ndim}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPadNd):
    """The last dimension goes round in a circle: (N, C, W) or (C, W)."""

    _rank = 1

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _pair(padding)


class CircularPad2d(_CircularPadNd):
    """The last two dimensions go round in circles: (N, C, H, W) or (C, H, W)."""

    _rank = 2

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _quadruple(padding)


class CircularPad3d(_CircularPadNd):
    """The last three dimensions go round in circles: (N, C, D, H, W) or (C, D, H, W)."""

    _rank = 3

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _sextuple(padding)


class _ConstantPadNd(Module):
    """Padding with a value."""

    __constants__ = ["padding", "value"]
    padding: tuple[int, ...]

    def __init__(self, value: float):
        super().__init__()
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """A value on both sides of the last dimension."""

    def __init__(self, padding: Any, value: float):
        super().__init__(value)
        self.padding = _pair(padding)


class ConstantPad2d(_ConstantPadNd):
    """A value around the last two dimensions."""

    def __init__(self, padding: Any, value: float):
        super().__init__(value)
        self.padding = _quadruple(padding)


class ConstantPad3d(_ConstantPadNd):
    """A value around the last three dimensions."""

    def __init__(self, padding: Any, value: float):
        super().__init__(value)
        self.padding = _sextuple(padding)


class _ReflectionPadNd(_PadNd):
    """Padding with what stands on the other side of the border, without repeating the border."""

    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """The last dimension mirrored at its ends: (N, C, W) or (C, W)."""

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _pair(padding)


class ReflectionPad2d(_ReflectionPadNd):
    """The last two dimensions mirrored at their ends: (N, C, H, W) or (C, H, W)."""

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _quadruple(padding)


class ReflectionPad3d(_ReflectionPadNd):
    """The last three dimensions mirrored at their ends: (N, C, D, H, W) or (C, D, H, W)."""

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _sextuple(padding)


class _ReplicationPadNd(_PadNd):
    """Padding with the border's values."""

    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The ends of the last dimension repeated: (N, C, W) or (C, W)."""

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _pair(padding)


class ReplicationPad2d(_ReplicationPadNd):
    """The border of the last two dimensions repeated: (N, C, H, W) or (C, H, W)."""

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _quadruple(padding)


class ReplicationPad3d(_ReplicationPadNd):
    """The border of the last three dimensions repeated: (N, C, D, H, W) or (C, D, H, W)."""

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _sextuple(padding)


class ZeroPad1d(ConstantPad1d):
    """Zeros on both sides of the last dimension."""

    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Zeros around the last two dimensions."""

    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Zeros around the last three dimensions."""

    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"
