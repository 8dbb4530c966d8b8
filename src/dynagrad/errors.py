"""Templates of error messages: what was given, what was expected, what to do. Imports the standard
library only.
"""

import linecache
import re
from types import CodeType
from typing import Any, NamedTuple


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

#: a dtype as C++ calls it, which some of PyTorch's messages quote
C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


def dtype_words(own: str, out: str) -> dict[str, str]:
    """Two dtypes in PyTorch's spellings: Float and Double, and in C++ (`c_own`, `c_out`)."""
    found = {}
    for key, name in (("own", own), ("out", out)):
        found |= {key: LEGACY_NAMES.get(name, name), f"c_{key}": C_NAMES.get(name, name)}
    return found


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


# --- out= -----------------------------------------------------------------------------------------

NO_CAST = (
    "result type {given} can't be cast to the desired output type {wanted}\n"
    "{name} writes into existing memory; convert that tensor first, as in x = x.float()"
)

OVERLAP = (
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    "memory location. Please clone() the tensor before performing the operation.\n"
    "{name} was given an expanded tensor of shape {shape}"
)

PARTIAL_OVERLAP = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
    "single memory location. Please clone() the tensor before performing the operation."
)

RESIZED = (
    "An output with one or more elements was resized since it had shape {given}, which does not "
    "match the required output shape {wanted}. This behavior is deprecated, and in a future "
    "PyTorch release outputs will not be resized unless they have zero elements. You can "
    "explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0)."
)

OUT_GRAD = (
    "{name}(): functions with out=... arguments don't support automatic differentiation, but one "
    "of the arguments requires grad. Drop out=, or compute under torch.no_grad()."
)

OUT_BATCHED = (
    "Batching rule not implemented for aten::{name}.out; the fallback path doesn't work on out= or "
    "view ops.\nInside a transform write out.copy_(result)."
)

OUT_ADVICE = "\n{name} does not convert: give another tensor as out=, or write out.copy_(result)"

OUT_EXACT = "Expected out tensor to have dtype {c_own}, but got {c_out} instead"


class OutRule(NamedTuple):
    """What a function takes as the dtype of `out=` that is not the result's own: nothing, or those
    that hold the result's category (`converts`), or the kinds `also`.
    """

    text: str
    converts: bool = False
    also: str = ""
    error: type[Exception] = RuntimeError


def _alike(names: str, *rule: Any, **options: Any) -> dict[str, OutRule]:
    return dict.fromkeys(names.split(), OutRule(*rule, **options))


_OF_MEDIAN = " (while checking arguments for median)"

#: Functions that convert no result when they write it into `out=`, or not every one; any other
#: function converts within the result's category or to a higher one.
OUT_RULES: dict[str, OutRule] = {
    **_alike(
        "abs absolute bitwise_not ceil floor trunc fix round frac neg negative sign sgn "
        "conj_physical clamp.Scalar clamp_min.Scalar clamp_max.Scalar lerp.Tensor gelu hardshrink "
        "softshrink softplus hardtanh leaky_relu elu",
        "Found dtype {out} but expected {own}",
    ),
    **_alike(
        "addmm addmv baddbmm bmm mm cross linalg_cross softmax log_softmax argmax argmin isin "
        "aminmax norm linalg_vector_norm renorm tril triu msort diag qr svd triangular_solve "
        "gather scatter scatter_add scatter_reduce index_add index_copy index_reduce "
        "slice_scatter take_along_dim max.values max.indices min.values min.indices sort.values "
        "sort.indices topk.values topk.indices sum.dtype nansum.dtype prod.dtype mean.dtype "
        "cumsum.dtype cumprod.dtype linalg_matrix_power.product",
        OUT_EXACT,
    ),
    **_alike("signbit isposinf isneginf", "{name} does not support non-boolean outputs."),
    **_alike("any all", "{name} only supports bool tensor for result, got: {out}", also="bu"),
    **_alike(
        "amax amin",
        "Expected the dtype for input and out to match, but got {own} for input's dtype and {out} "
        "for out's dtype.",
    ),
    **_alike(
        "dot vdot matmul linalg_matmul",
        "result dtype {out} does not match input dtype {own}",
    ),
    "multi_dot": OutRule("multi_dot(): expected out tensor to have dtype {c_own} but got {c_out}"),
    **_alike(
        "tensordot inner",
        "tensordot: Expected the output tensor to have dtype {own}, but got an output tensor with "
        "dtype {out}",
    ),
    "mv": OutRule("addmv input tensors must have the same dtype, but got {out}, {own}, and {own}"),
    "addbmm": OutRule("self and mat2 must have the same dtype, but got {out} and {own}"),
    **_alike(
        "diff.copy logcumsumexp cummax.values cummax.indices cummin.values cummin.indices "
        "native_batch_norm",
        "expected scalar_type {own} but found {out}",
    ),
    **_alike(
        "quantile nanquantile", "quantile() out tensor must be same dtype as the input tensor"
    ),
    **_alike(
        "median.values nanmedian.values",
        "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'; but "
        "type torch.{out}Tensor does not equal torch.{own}Tensor" + _OF_MEDIAN,
    ),
    **_alike(
        "median.indices nanmedian.indices",
        "Expected tensor for argument #1 'indices' to have scalar type Long; but got "
        "torch.{out}Tensor instead" + _OF_MEDIAN,
    ),
    "kthvalue.values": OutRule("output values must be of same type as input"),
    "kthvalue.indices": OutRule("output indices must be of scalar type Long"),
    "mode.values": OutRule("expected scalar type '{own}' but got '{out}' for values output"),
    "mode.indices": OutRule("expected scalar type '{own}' but got '{out}' for indices output"),
    **_alike(
        "searchsorted bucketize",
        "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or "
        "Long(int64) depending on whether out_int32 flag is True, but we got output tensor's dtype "
        "{out} where {own} was expected",
    ),
    **_alike(
        "histc histogram",
        "torch.histogram: input tensor and hist tensor should have the same dtype, but got input "
        "{c_own} and hist {c_out}",
    ),
    **_alike(
        "complex polar",
        "Expected object of scalar type {own} but got scalar type {out} for argument 'out'",
    ),
    **_alike(
        "cat stack hstack vstack dstack column_stack",
        "torch.cat(): input types can't be cast to the desired output type {out}",
        converts=True,
        error=TypeError,
    ),
    **_alike(
        "var std",
        "\"std_cpu\" not implemented for '{out}'",
        also="fiub",
        error=NotImplementedError,
    ),
    **_alike(
        "nansum nanmean",
        "\"nansum_cpu\" not implemented for '{out}'",
        also="f",
        error=NotImplementedError,
    ),
    "normal": OutRule(
        "\"normal_kernel_cpu\" not implemented for '{out}'", also="fc", error=NotImplementedError
    ),
    "logsigmoid": OutRule("expected scalar type {own} but found {out}"),
    "heaviside": OutRule("heaviside is not yet implemented for tensors with different dtypes."),
    "hash_tensor": OutRule("Expected result to be of dtype uint64, but got {out}"),
    "index_select": OutRule("index_select(): self and result must have the same scalar type"),
    "logsumexp": OutRule(
        "logsumexp(): Expected floating point type for result tensor, but got: {out}", converts=True
    ),
    "masked_select": OutRule("masked_select(): self and result must have the same scalar type"),
    "mean": OutRule(
        "mean.dtype_out(): input types can't be cast to the desired output type {out}",
        converts=True,
    ),
    "multinomial": OutRule("multinomial expects Long tensor out, got: {out}"),
    "nan_to_num": OutRule("nan_to_num: dtype of out: {out} should be same as input: {own}"),
    "narrow_copy": OutRule("Expected self.dtype() == output.dtype() to be true, but got false."),
    "nonzero": OutRule(
        "nonzero: Expected out tensor to have scalar type {own} but got scalar type{out}"
    ),
    "take": OutRule(
        "take(): self and out expected to have the same dtype, but got self.dtype = {own} and "
        "out.dtype = {out}"
    ),
    "where": OutRule("Expected out type to be {own} but got {out}"),
    # linear algebra
    "linalg_multi_dot": OutRule(
        "multi_dot(): expected out tensor to have dtype {c_own} but got {c_out}"
    ),
    "linalg_vecdot": OutRule("linalg.vecdot: Expected out of dtype{own} but found {out}"),
    "linalg_norm": OutRule("linalg.norm expected out tensor dtype {own} but got: {out}"),
    "linalg_matrix_norm": OutRule(
        "linalg.matrix_norm expected out tensor dtype {own} but got: {out}"
    ),
}
