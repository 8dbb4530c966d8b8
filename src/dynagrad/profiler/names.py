"""Names of events as PyTorch's profiler prints them, and the user's source lines. Imports core."""

import linecache
import re
import sys
from functools import lru_cache
from typing import Any, NamedTuple

from ..core.tape import LIBRARY, Node, class_name

#: public functions whose operation has another name in PyTorch
_OPERATIONS = {
    "getitem": "index",
    "setitem": "index_put_",
    "__getitem__": "index",
    "__setitem__": "index_put_",
    "cross_entropy": "cross_entropy_loss",
    "true_divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "divide": "div",
    "negative": "neg",
    "absolute": "abs",
}
#: between the words of a class name such as NllLossBackward0
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Line(NamedTuple):
    """A source line: its file and number; the empty file stands for an unknown place."""

    file: str
    number: int

    @property
    def text(self) -> str:
        """The line itself, without indentation; empty where the source cannot be read."""
        return linecache.getline(self.file, self.number).strip() if self.file else ""

    def __str__(self) -> str:
        return f"{self.file}:{self.number}" if self.file else "unknown"


UNKNOWN = Line("", 0)


@lru_cache(maxsize=4096)
def line_of(code: Any, lasti: int) -> Line:
    """The source line of an instruction."""
    if code is None:
        return UNKNOWN
    number = code.co_firstlineno
    for start, end, found in code.co_lines():
        if start <= lasti < end and found is not None:
            number = found
            break
    return Line(code.co_filename, number)


def call_stack(depth: int = 1) -> list[str]:
    """The user's frames, the innermost first, each as `file.py(12): function`."""
    stack = []
    frame = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        if not LIBRARY[code.co_filename]:
            stack.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return stack


#: what is no operation, by the function's qualified name
_OTHERS = {
    "Batches.__next__": "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
    "WorkerBatches.__next__": "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__",
}


@lru_cache(maxsize=4096)
def operation_of(qualified_name: str) -> str:
    """The operation of a public function: `aten::mul` for torch.mul and for `*`."""
    if qualified_name in _OTHERS:
        return _OTHERS[qualified_name]
    name = qualified_name.rpartition(".")[2]
    name = _OPERATIONS.get(name, name)
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    name = name.removeprefix("_").removeprefix("torch_")  # helpers that stand for public functions
    return f"aten::{name}"


@lru_cache(maxsize=4096)
def primitive_of(cls: type[Node]) -> str:
    """The operation that a node class records: `aten::nll_loss` for NllLossBackward0; the name
    itself for a user's Function.
    """
    name = re.sub(r"Backward\d*$", "", cls.__name__)
    if hasattr(cls, "function"):
        return name
    return f"aten::{'_' * (name == 'ToCopy')}{_WORDS.sub('_', name).lower()}"


@lru_cache(maxsize=4096)
def node_name(cls: type[Node]) -> str:
    """A node's name in the profile: `MulBackward0`."""
    name = class_name(cls)
    return name.removeprefix("torch::autograd::") if name.endswith("CopySlices") else name
