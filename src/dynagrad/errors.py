"""Templates of error messages: what was given, what was expected, what to do. Imports the standard
library only.
"""

import linecache
import re
from types import CodeType
from typing import Any


def source_line(code: CodeType | None, lasti: int) -> str:
    """The place of one bytecode instruction as `file:line` and, where the source can be read, its
    text.
    """
    if code is None:
        return "an unknown place"
    file, line, text = source_place(code, lasti)
    return f"{file}:{line}" + (f": {text}" if text else "")


def source_place(code: CodeType, lasti: int) -> tuple[str, int, str]:
    """The file, the line and its text (empty where it cannot be read) of one bytecode
    instruction.
    """
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= lasti < end and number is not None:
            line = number
            break
    return code.co_filename, line, linecache.getline(code.co_filename, line).strip()


def short_name(node_name: str) -> str:
    """A node's name as PyTorch's messages write it: `Exp` for ExpBackward0."""
    return re.sub(r"Backward\d*$", "", node_name)


def tensor_text(dtype: str, shape: Any) -> str:
    """A tensor's kind as PyTorch's messages write it: `[torch.FloatTensor [2, 3]]`."""
    return f"[torch.{LEGACY_NAMES.get(dtype, dtype)}Tensor {list(shape)}]"


LEGACY_NAMES = {
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "bfloat16": "BFloat16",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint8": "Byte",
    "bool": "Bool",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
}

BOOL_MINUS_BOOL = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
    "`logical_xor()` operator instead."
)

LEAF_INPLACE = (
    "a {view}leaf Variable that requires grad is being used in an in-place operation.\n"
    "{op} would overwrite a value whose gradient is asked for. Use the operation that makes a new "
    "tensor (without the _ at its end), or write inside `with torch.no_grad():`."
)

STALE = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: {tensor}{which} is at version {now}; expected version {seen} instead.\n"
    "  saved for backward at   {saved_at}\n"
    "  modified in place at    {changed_at}\n"
    "Hint: use the out-of-place form of the second line, or give the first one a .clone()."
)

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you "
    "call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
    "through the graph a second time or if you need to access saved tensors after calling "
    "backward.\n"
    "  freed node: {node}, made at {place}"
)

NOT_SCALAR = (
    "grad can be implicitly created only for scalar outputs\n"
    "The output has shape {shape}. Reduce it first (.sum(), .mean()), or pass a gradient of that "
    "shape: backward(gradient=...), grad(..., grad_outputs=...)."
)

NO_GRAD_FN = (
    "element {index} of tensors does not require grad and does not have a grad_fn\n{reason}"
)

UNUSED = (
    "The differentiated Tensor at index {index} appears to not have been used in the graph. Set "
    "allow_unused=True if this is the desired behavior.\n"
    "This tensor {what} is not on any path to the outputs. A slice or copy made after the "
    "computation is a new node: take the gradient of the original tensor, and slice that."
)

GRAD_SHAPE = (
    "Mismatch in shape: grad_output[{index}] has a shape of torch.Size({given}) and "
    "output[{index}] has a shape of torch.Size({expected}).\n"
    "A gradient has the shape of its output."
)

GRAD_BATCH_SHAPE = (
    "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
    "dimension. The sizes of the remaining dimensions are expected to match the shape of "
    "corresponding output, but a mismatch was detected: grad_output[{i}] has a shape of "
    "torch.Size({given}) and output[{i}] has a shape of torch.Size({expected})."
)

BROADCAST = (
    "The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension "
    "{dim}\n"
    "{op} was given the shapes {shapes}, which do not broadcast: sizes must be equal, or 1, "
    "dimension by dimension from the right."
)

_NO_GRAD_VIEW = (
    "A view was created in no_grad mode and {happened} inplace with grad mode enabled. {cause}\n"
    "  operation: {op}"
)
_AMBIGUOUS = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the no_grad block (if you "
    "don't want the inplace to be tracked) or both outside (if you want the inplace to be "
    "tracked)."
)
_SEVERAL = (
    "This view is the output of a function that returns multiple views. Such functions do not "
    "allow the output views to be modified inplace. You should replace the inplace operation by "
    "an out-of-place one."
)
#: why a view must not be written in place, or not be used once its base has been (`Tensor._m`)
VIEW_INPLACE = {
    "no_grad": _NO_GRAD_VIEW.replace("{cause}", _AMBIGUOUS),
    "multi_no_grad": _NO_GRAD_VIEW.replace("{cause}", _SEVERAL),
    "multi": "{node} is a view and {happened} inplace. " + _SEVERAL + "\n  operation: {op}",
}
VIEW_INPLACE["function"] = (
    "{node} is a view and {happened} inplace. This view was created inside a custom Function (or "
    "because an input was returned as-is) and the autograd logic to handle view+inplace would "
    "override the custom backward associated with the custom Function, leading to incorrect "
    "gradients. This behavior is forbidden. You can fix this by cloning the output of the custom "
    "Function.\n"
    "  operation: {op}"
)
VIEW_WRITTEN = "is being modified"
BASE_WRITTEN = "its base or another view of its base has been modified"

HOOKS_ON_FREED = (
    "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values "
    "of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to "
    "access saved variables after calling backward."
)
PACK_WRITES = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack "
    "hook cannot be modified by in-place operations as this can lead to unexpected side-effects. "
    "Please open an issue if you need to perform in-place operations on the input to a pack hook.\n"
    "Let the hook work on a copy: t.clone()."
)
