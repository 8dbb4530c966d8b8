"""Names for annotations: what PyTorch's functions take. Imports core."""

import builtins
import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias, Union

from .core.dtype import device as _device
from .core.tensor import Tensor

__all__ = ["Device", "FileLike", "Number"]

_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_int, _float, _bool, _complex = builtins.int, builtins.float, builtins.bool, builtins.complex
_size: TypeAlias = Sequence[builtins.int]
_layout: TypeAlias = Any
#: a number
Number: TypeAlias = builtins.int | builtins.float | builtins.bool
#: what names a device
Device: TypeAlias = Union[_device, str, builtins.int, None]  # noqa: UP007 - printed as PyTorch's
#: a path or an open file
FileLike: TypeAlias = Union[str, os.PathLike[str], IO[bytes]]  # noqa: UP007
