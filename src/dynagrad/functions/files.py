"""Tensors whose memory is a file."""

import os
from typing import Any

import numpy as np

from ..core.overrides import explained
from ..core.tensor import Tensor
from .factory import check_options, default_float, made, type_of

__all__ = ["from_file"]


@explained
def from_file(
    filename: str,
    shared: bool | None = None,
    size: int | None = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The first `size` elements of a file as a tensor of one dimension.

    shared: writes go to the file, which is made, or made longer, where it is too short; else the
    file stays as it is, and writes are seen by this tensor alone.
    """
    check_options("from_file", device, layout, pin_memory)
    d = type_of("from_file", dtype, default_float())
    count = size or 0
    if not count:
        return made(np.empty(0, d), requires_grad)
    name, wanted = os.fspath(filename), count * d.itemsize
    if shared:
        with open(name, "ab") as file:
            file.truncate(max(wanted, file.tell()))
    try:
        have = os.stat(name).st_size
    except OSError as error:
        raise RuntimeError(
            f"unable to open file <{name}> in read-only mode: {error.strerror} ({error.errno})"
        ) from None
    if have < wanted:
        raise RuntimeError(
            f"file <{name}> size <{have}> is smaller than the required mapping size <{wanted}>\n"
            "With shared=True it is made longer."
        )
    memory = np.memmap(name, d, "r+" if shared else "c", shape=(count,))
    return made(memory.view(np.ndarray), requires_grad)
