"""What all functions that make tensors share: sizes, dtypes, options, numbers that must fit."""

import math
from typing import Any

import numpy as np

from ..core.carriers.memory import store
from ..core.complaints import legacy_name
from ..core.dtype import (
    BOOL,
    COMPLEX,
    FLOATING,
    category,
    channels_last,
    channels_last_3d,
    check_device,
    contiguous_format,
    dtype,
    layout,
    memory_format,
    number_dtype,
    numpy_dtype,
    strided,
)
from ..core.out import refuse_overlap, resize_out
from ..core.quiet import compute, warn
from ..core.tensor import Tensor, family_of, set_requires_grad, wrap
from ..ops.rule import RULES
from ..ops.shape import cast
from .arguments import c_type, one_size

INT64 = np.dtype("int64")
_PYTHON_TYPES = (float, int, bool, complex)

# --- sizes -----------------------------------------------------------------------------------


def shape_of(name: str, given: tuple, size: Any = None, *, position: int = 1) -> tuple[int, ...]:
    """The shape in f(2, 3), f((2, 3)), f([2, 3]), f(Size) or f(size=(2, 3)).

    TypeError for what is no size, RuntimeError for a negative one.
    """
    if size is not None:
        given = (size,)
    elif not given:
        raise TypeError(
            f'{name}() missing 1 required positional arguments: "size"\nGive ints or a tuple: '
            f"{name}(2, 3) or {name}((2, 3)); {name}(()) makes a tensor without dimensions."
        )
    items = given
    first = next(iter(given))
    if isinstance(first, list | tuple):
        if len(given) > 1:
            raise TypeError(
                f"{name}() takes 1 positional argument but {len(given)} were given\nGive either "
                "one tuple of sizes or separate ints."
            )
        items = first
    shape = tuple([one_size(n) for n in items])
    if None in shape:
        raise _no_size(name, items, shape.index(None), items is not given, position)
    if shape and min(shape) < 0:  # pyright: ignore[reportArgumentType]
        text = "zeros: Dimension size must be non-negative.\n" if name == "zeros" else ""
        negative = next(n for n in shape if n is not None and n < 0)
        raise RuntimeError(
            f"{text}Trying to create tensor with negative dimension {negative}: {list(shape)}\n"
            f"{name}() needs sizes of 0 or more."
        )
    return shape  # pyright: ignore[reportReturnType]


def _no_size(name: str, items: Any, at: int, in_sequence: bool, position: int) -> TypeError:
    kind = type(items[at]).__name__
    if at == 0 and not in_sequence:
        text = f"{name}(): argument 'size' (position {position}) must be tuple of ints, not {kind}"
    else:
        text = (
            f"{name}(): argument 'size' failed to unpack the object at pos {at + 1} with error "
            f'"type must be tuple of ints,but got {kind}"'
        )
    return TypeError(f"{text}\nSizes are ints; convert first, as in int(n).")


# --- dtypes and other options ----------------------------------------------------------------


def type_of(name: str, given: Any, default: np.dtype) -> np.dtype:
    """NumPy's dtype for `dtype=`: a torch.dtype, or Python's float, int, bool, complex.

    `default` stands for None; TypeError for anything else.
    """
    if given is None:
        return default
    if type(given) is dtype:
        return given.numpy
    if given in _PYTHON_TYPES:
        return numpy_dtype(given)
    raise TypeError(
        f"{name}(): argument 'dtype' must be torch.dtype, not {type(given).__name__}\n"
        f"It was {given!r}. The dtypes are torch.float32, torch.int64, ..."
    )


def default_float() -> np.dtype:
    """NumPy's dtype for the default floating dtype."""
    return number_dtype(0.0)


def check_options(name: str, device: Any, layout_: Any = None, pin_memory: Any = False) -> None:
    """Raise unless the device is the CPU, the layout strided and the memory ordinary."""
    if device is not None:
        check_device(device)
    if layout_ is not None and layout_ is not strided:
        if not isinstance(layout_, layout):
            raise TypeError(f"{name}(): argument 'layout' must be torch.layout, not {layout_!r}")
        raise RuntimeError(f"{name}(): dynagrad has the layout torch.strided only, not {layout_}")
    if pin_memory:
        raise RuntimeError(
            "Cannot access accelerator device when none is available.\npin_memory=True serves "
            "copies to a GPU; dynagrad computes on the CPU: leave it out."
        )


def axes_of(format_: Any, ndim: int) -> tuple[int, ...] | None:
    """The order in memory that a memory format asks for, slowest axis first; None: as the input."""
    if format_ is None:
        return None
    if not isinstance(format_, memory_format):
        raise TypeError(f"memory_format must be torch.memory_format, not {type(format_).__name__}")
    if format_ is contiguous_format:
        return tuple(range(ndim))
    for last, rank in ((channels_last, 4), (channels_last_3d, 5)):
        if format_ is last:
            if ndim != rank:
                raise RuntimeError(
                    f"required rank {rank} tensor to use {str(last).removeprefix('torch.')} format"
                    f"\nThe tensor has {ndim} dimensions."
                )
            return (0, *range(2, rank), 1)
    return None


def made(array: Any, requires_grad: Any = False) -> Tensor:
    """A new leaf; RuntimeError if an integer tensor shall require grad."""
    t = wrap(array)
    if requires_grad:
        need_gradients(t)
    return t


def need_gradients(t: Tensor) -> Tensor:
    """Let a new tensor require grad, in the words of the functions that make tensors."""
    if category(t._a.dtype) < FLOATING:
        raise RuntimeError(
            "Only Tensors of floating point and complex dtype can require gradients\n"
            f"requires_grad=True was given for {t.dtype!r}; add dtype=torch.float32."
        )
    set_requires_grad(t, True)
    return t


def into(name: str, out: Any, array: np.ndarray, given: Any, requires_grad: Any = False) -> Tensor:
    """Put new values into the tensor `out=`: resized if need be, in its own dtype.

    `given` is the argument dtype=, which must not contradict out's.
    """
    if not isinstance(out, Tensor):
        raise TypeError(
            f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}\n"
            "Give a tensor to write into, or leave out= away."
        )
    if given is not None and type_of(name, given, INT64) != out._a.dtype:
        raise RuntimeError(
            f"dtype {legacy_name(numpy_dtype(given))} does not match dtype of out parameter "
            f"({legacy_name(out._a.dtype)})\nLeave dtype= away: the tensor out= has its own."
        )
    refuse_overlap(out._a, name)
    if name in ("arange", "range"):
        resize_out(out, array)
    elif out._a.shape != array.shape:  # without a warning, as in PyTorch
        out._a = np.empty(array.shape, out._a.dtype)
    store(out, converted(array, out._a.dtype))
    family_of(out).cell.bump()
    return need_gradients(out) if requires_grad else out


# --- numbers and arrays ----------------------------------------------------------------------


def number(name: str, value: Any, position: int, argument: str) -> Any:
    """A Python number, also from a NumPy scalar or a tensor without dimensions and history."""
    if type(value) in _PYTHON_TYPES:
        return value
    if isinstance(value, Tensor) and value._a.ndim == 0 and value._e is None:
        return value._a.item()
    if isinstance(value, np.number | np.bool_):
        return value.item()
    if isinstance(value, int | float | complex):
        return value
    raise TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be Number, not "
        f"{type(value).__name__}"
        + ("\nA tensor counts as a number if it has no dimensions and does not require grad."
           if isinstance(value, Tensor) else "\nGive an int, a float or a complex number.")
    )  # fmt: skip


def fitting(given: Any, d: np.dtype) -> Any:
    """A Python number as one of dtype `d`; RuntimeError where it does not fit.

    A negative number becomes its complement in an unsigned dtype, as in C.
    """
    kind = category(d)
    if kind == BOOL:
        return bool(given)
    value, fits = given, True
    if isinstance(given, complex) and kind < COMPLEX:
        value, fits = given.real, given.imag == 0
    if kind < FLOATING:
        fits = fits and (isinstance(value, int) or math.isfinite(value))
        if fits:
            value = int(value)
            info = np.iinfo(d)
            least = -int(info.max) if d.kind == "u" else int(info.min)
            fits = least <= value <= int(info.max)
            if value < 0 and d.kind == "u":
                value += 1 << info.bits
    elif kind == FLOATING and fits and math.isfinite(value) and d.itemsize <= 4:
        fits = abs(value) <= (float(np.finfo(d).max) if d.kind == "f" else _BFLOAT16_MAX)
    if not fits:
        raise RuntimeError(
            f"value cannot be converted to type {c_type(d)} without "
            f"overflow\n{given!r} was given for a tensor of dtype torch.{d.name}."
        )
    return value


_BFLOAT16_MAX = float.fromhex("0x1.fep127")


def converted(array: Any, d: np.dtype) -> Any:
    """An array in another dtype, as PyTorch converts it; itself where it has it already."""
    if array.dtype == d:
        return array
    warn_of_lost_part(array.dtype, d)
    return compute(RULES[cast], [array], {"dtype": d})


def warn_of_lost_part(given: np.dtype, wanted: np.dtype) -> None:
    """Warn where complex values become real."""
    if given.kind == "c" and category(wanted) != COMPLEX and category(wanted) != BOOL:
        warn_once(
            "Casting complex values to real discards the imaginary part. Take x.real or x.abs() "
            "where that is meant."
        )


#: the warnings given already, which PyTorch gives once in a process
warned: set[str] = set()
#: what set_warn_always was told
always = {"on": False}


def warn_once(text: str) -> None:
    """Give a warning, at the line of the user's code, unless it was given before."""
    if text in warned and not always["on"]:
        return
    warned.add(text)
    warn(text)
