"""Errors of bad arguments, told in the terms of the function that was called. Imports dtype, tape,
tensor.

A check that raises by itself is left alone. What Python or NumPy raise somewhere inside (a missing
attribute, shapes that do not fit) says nothing about the call: `told` makes PyTorch's error of it.
"""

import inspect
import opcode
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from numpy import ndarray

from .. import errors
from .dtype import FLOATING, category, from_numpy_dtype
from .tape import LIBRARY
from .tensor import Tensor

RAISE = opcode.opmap["RAISE_VARARGS"]
RERAISE = opcode.opmap["RERAISE"]
NUMPY = np.__file__.removesuffix("__init__.py")
#: what Python and NumPy raise for arguments that nobody has checked
UNCHECKED = (
    TypeError,
    AttributeError,
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
)

NUMBER = (int, float, complex, np.number, np.bool_, Tensor)
INTEGER = (int, np.integer, Tensor)
#: parameters by name: the word PyTorch has for what they take, and the classes
WORDS: dict[str, tuple[str, tuple[type, ...]]] = {
    **dict.fromkeys(
        "input weight target mask index src source mat mat1 mat2 vec vec1 vec2 batch1 batch2 "
        "tensor tensor1 tensor2 real imag boundaries sorted_sequence A B abs angle x1 x2 input1 "
        "input2".split(),
        ("Tensor", (Tensor,)),
    ),
    **dict.fromkeys(
        "dim dim0 dim1 dim2 k chunks diagonal offset start_dim end_dim num_classes steps".split(),
        ("int", (*INTEGER, list, tuple)),
    ),
    **dict.fromkeys(
        "other end value fill_value exponent alpha beta negative_slope eps lambd threshold p rtol "
        "atol".split(),
        ("Number", NUMBER),
    ),
    **dict.fromkeys(
        "size dims normalized_shape repeats shifts".split(),
        ("tuple of ints", (*INTEGER, tuple, list)),
    ),
}
ANNOTATED: dict[Any, tuple[str, tuple[type, ...]]] = {
    Tensor: ("Tensor", (Tensor,)),
    int: ("int", INTEGER),
    float: ("float", (int, float, np.number, Tensor)),
    bool: ("bool", (bool, np.bool_)),
    str: ("str", (str,)),
}
#: NumPy's names of parameters, which PyTorch's functions take as well
NUMPY_NAMES = {
    "axis": "dim",
    "keepdims": "keepdim",
    "x": "input",
    "a": "input",
    "x1": "input",
    "x2": "other",
}


def in_own_names(f: Callable, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Keyword arguments with NumPy's names, which `f` does not know, in PyTorch's; None: there are
    none. (The functions of torch.nn.functional take PyTorch's alone.)
    """
    if NUMPY_NAMES.keys().isdisjoint(kwargs) or ".neural." in f.__module__:
        return None
    known = inspect.signature(f).parameters
    own = {
        NUMPY_NAMES[name] if name not in known and NUMPY_NAMES.get(name) in known else name: value
        for name, value in kwargs.items()
    }
    return None if own.keys() == kwargs.keys() or len(own) < len(kwargs) else own


def type_name(value: Any) -> str:
    """The class of `value` as PyTorch's messages write it: `list`, `numpy.ndarray`, `Tensor`."""
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def not_a_tensor(name: str, position: int, argument: str, value: Any) -> TypeError:
    """PyTorch's error for an argument that is no tensor."""
    hint = ". Make one first: torch.tensor(value) or torch.from_numpy(array)"
    return TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be Tensor, not "
        f"{type_name(value)}" + (hint if isinstance(value, list | tuple | ndarray) else "")
    )


def not_for(name: str, value: Any) -> TypeError:
    """Python's error for an operator's method that is called with something else than a tensor."""
    return TypeError(
        f"descriptor '{name}' for 'torch._C.TensorBase' objects doesn't apply to a "
        f"'{type_name(value)}' object"
    )


def broadcast_error(name: str, shapes: list[tuple]) -> RuntimeError | None:
    """PyTorch's error for shapes that do not broadcast; None if they do."""
    rank = max(map(len, shapes))
    for dim in range(1, rank + 1):
        found = [(s[-dim]) for s in shapes if len(s) >= dim and s[-dim] != 1]
        if len(set(found)) > 1:
            other = next(n for n in found if n != found[0])
            text = " and ".join(str(list(s)) for s in shapes)
            return RuntimeError(
                errors.BROADCAST.format(a=found[0], b=other, dim=rank - dim, op=name, shapes=text)
            )
    return None


def told(f: Callable, args: tuple, kwargs: dict, error: Exception) -> Exception | None:
    """The error to raise for a call `f(*args, **kwargs)` that failed with `error`; None: `error`
    itself.
    """
    trace: TracebackType | None = error.__traceback__
    if trace is None or _speaks_for_itself(trace):
        return None
    name = getattr(f, "__name__", str(f))
    if isinstance(error, MemoryError):
        return RuntimeError(
            f"DefaultCPUAllocator: can't allocate memory\n{name}() asked for more than there is: "
            f"{error}"
        )
    if "read-only" in str(error):
        return ValueError(
            f"{name}(): the tensor's memory is read-only\nIt belongs to a read-only NumPy array; "
            "write to tensor.clone()."
        )
    parameters = inspect.signature(f).parameters
    try:
        given = inspect.signature(f).bind(*args, **kwargs).arguments
    except TypeError as mismatch:
        return TypeError(_mismatch(name, str(mismatch), error))
    for position, (argument, value) in enumerate(given.items(), 1):
        parameter = parameters[argument]
        word, kinds = ANNOTATED.get(parameter.annotation) or WORDS.get(argument, ("", (object,)))
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if isinstance(value, kinds) or (value is None and parameter.default is None):
            continue
        if word == "Tensor":
            return not_a_tensor(name, position, argument, value)
        return TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be {word}, not "
            f"{type_name(value)}"
        )
    values = [v for v in given.values() if isinstance(v, Tensor)]
    if isinstance(error, ValueError) and values:
        unfit = broadcast_error(name, [v._a.shape for v in values])
        if unfit is not None:
            return unfit
    if isinstance(error, IndexError):
        return IndexError(_unfit(name, given, error))
    kind = RuntimeError if isinstance(error, ValueError | OverflowError) else TypeError
    return kind(_unfit(name, given, error))


def _speaks_for_itself(trace: TracebackType) -> bool:
    """Whether an exception comes from a check of ours, or from code that is not ours (a user's
    function).
    """
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if LIBRARY[code.co_filename]:
        return code.co_code[trace.tb_lasti] in (RAISE, RERAISE)
    return not code.co_filename.startswith(NUMPY)


def _mismatch(name: str, text: str, error: Exception) -> str:
    """Python's text about missing, superfluous or unknown arguments, in PyTorch's form where one is
    missing.
    """
    if text.startswith("missing a required"):
        argument = text.split("'")[1]
        return f'{name}() missing 1 required positional arguments: "{argument}"'
    said = str(error)
    return f"{name}() {said.partition('() ')[2]}" if "() " in said else f"{name}(): {text}"


def _unfit(name: str, given: dict[str, Any], error: Exception) -> str:
    kinds = ", ".join(f"{argument}={_shown(value)}" for argument, value in given.items())
    return (
        f"{name}() received an invalid combination of arguments - got ({kinds})\n"
        f"They do not fit together, or one of them is of a wrong type or size. Within: {error}"
    )


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{from_numpy_dtype(value._a.dtype)}{list(value._a.shape)}"
    text = repr(value)
    return text if len(text) <= 60 else type_name(value)


_NO_BOOL = frozenset(
    "abs absolute ceil floor trunc fix round floor_divide remainder fmod div rshift gcd lcm "
    "addcmul addcdiv lerp".split()
)
_NO_COMPLEX = frozenset(
    "lt le gt ge less less_equal greater greater_equal ceil floor trunc fix round floor_divide "
    "remainder fmod div atan2 copysign xlogy erf erfc erfinv lgamma digamma hypot nextafter "
    "logaddexp2 deg2rad rad2deg".split()
)


def refuse_out(name: str, own: np.dtype, out: np.dtype, text: str | None = None) -> None:
    """Raise for a tensor given as `out=` whose dtype PyTorch does not convert a result to.

    `errors.OUT_RULES` has the functions that convert none, by name or overload (`sort.values`,
    `cumsum.dtype`); `text` speaks for one that is not there.
    """
    rule = errors.OUT_RULES.get(name) or (errors.OutRule(text) if text else None)
    if rule is None or own == out or out.kind in rule.also:
        return
    if not (rule.converts and category(own) <= category(out)):
        words = errors.dtype_words(from_numpy_dtype(own).name, from_numpy_dtype(out).name)
        told = (rule.text + errors.OUT_ADVICE).format(name=name.partition(".")[0], **words)
        raise rule.error(told)


def legacy_name(d: np.dtype) -> str:
    """A dtype as PyTorch's messages write it: Float, Long, ..."""
    return errors.LEGACY_NAMES.get(from_numpy_dtype(d).name, d.name)


def refuse(name: str, kind: int) -> None:
    """Raise for the operations that PyTorch refuses for tensors of this category."""
    if kind == 0 and name in ("neg", "negative"):
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    if kind == 0 and name in ("sub", "subtract", "rsub"):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
            "trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    if (kind == 0 and name in _NO_BOOL) or (kind > FLOATING and name in _NO_COMPLEX):
        given = "Bool" if kind == 0 else "ComplexFloat"
        raise NotImplementedError(
            f"\"{name}_cpu\" not implemented for '{given}'\n"
            f"{name} needs real numbers; convert the tensor first, as in "
            + ("x.int()" if kind == 0 else "x.real or x.abs()")
        )
