"""torch.testing: assert_close, which compares within tolerances, and make_tensor.

Imports core and functions.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .core.dtype import check_device, dtype, promote, strided
from .core.storage import strides_of
from .core.tensor import Tensor, wrap
from .functions.conversion import get_device_of
from .functions.factory import converted, made, shape_of, type_of
from .functions.from_data import check_array
from .functions.generator import draws

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

#: (rtol, atol) of each floating dtype; a pair of dtypes has the larger ones
TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_NUMBERS = (int, float, complex, np.number)


@dataclass(frozen=True)
class _Options:
    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool
    msg: str | Callable[[str], str] | None

    def fail(self, text: str, place: str) -> None:
        """Raise AssertionError with the user's message, if there is one, or with the text."""
        if place:
            text += f"\n\nThe failure occurred for item {place}"
        raise AssertionError(self.msg(text) if callable(self.msg) else self.msg or text)


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    """Raise AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Tensors, arrays, numbers, and sequences and mappings of them. Without tolerances (both or none)
    they depend on the dtype: float32 1.3e-6 and 1e-5, float64 1e-7 both, integers 0. `msg` replaces
    the message, or makes another of it. TypeError for values of kinds that cannot be compared.
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
            f"{'rtol' if rtol is None else 'atol'}.\nGive both: one of them alone says little."
        )
    options = _Options(
        allow_subclasses,
        rtol,
        atol,
        equal_nan,
        check_device,
        check_dtype,
        check_layout,
        check_stride,
        msg,
    )
    _compare(actual, expected, options, "")


def _compare(actual: Any, expected: Any, options: _Options, place: str) -> None:
    text = (str, bytes)
    if isinstance(actual, Sequence) and isinstance(expected, Sequence):
        if not isinstance(actual, text) and not isinstance(expected, text):
            if len(actual) != len(expected):
                lengths = f"{len(actual)} != {len(expected)}"
                options.fail(f"The length of the sequences mismatch: {lengths}", place)
            for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
                _compare(a, e, options, f"{place}[{i}]")
            return
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        _compare_keys(actual, expected, options, place)
        for key in expected:
            _compare(actual[key], expected[key], options, f"{place}[{key!r}]")
        return
    if actual is None or expected is None:
        if actual is not expected:
            options.fail(f"None mismatch: {actual} is not {expected}", place)
    elif isinstance(actual, bool | np.bool_) and isinstance(expected, bool | np.bool_):
        if bool(actual) is not bool(expected):
            options.fail(f"Booleans mismatch: {actual} is not {expected}", place)
    elif isinstance(actual, _NUMBERS) and isinstance(expected, _NUMBERS):
        _compare_numbers(actual, expected, options, place)
    else:
        a, e = _tensor_likes(actual, expected, options)
        _compare_tensors(a, e, options, place)


def _compare_keys(actual: Mapping, expected: Mapping, options: _Options, place: str) -> None:
    missing = [key for key in expected if key not in actual]
    additional = [key for key in actual if key not in expected]
    if missing or additional:
        options.fail(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
            f"Additional keys in the actual mapping: {sorted(additional, key=str)}",
            place,
        )


def _tensor_likes(actual: Any, expected: Any, options: _Options) -> tuple[Tensor, Tensor]:
    """Both as tensors; TypeError unless they are tensors or arrays of related classes."""
    kinds = type(actual), type(expected)
    related = isinstance(actual, kinds[1]) or isinstance(expected, kinds[0])
    if not options.allow_subclasses:
        related = kinds[0] is kinds[1]
    if not related or not all(isinstance(x, Tensor | np.ndarray) for x in (actual, expected)):
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {kinds[0]} and {kinds[1]}.\n"
            "Compare tensors with tensors, arrays with arrays, numbers with numbers."
        )
    pair = []
    for x in (actual, expected):
        if not isinstance(x, Tensor):
            check_array(x)
        pair.append(x if isinstance(x, Tensor) else wrap(x))
    return pair[0], pair[1]


def _tolerances(options: _Options, *dtypes: str) -> tuple[float, float]:
    if options.rtol is not None and options.atol is not None:
        return options.rtol, options.atol
    pairs = [TOLERANCES.get(name, (0.0, 0.0)) for name in dtypes]
    return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


def _compare_numbers(actual: Any, expected: Any, options: _Options, place: str) -> None:
    kinds = type(actual), type(expected)
    if options.check_dtype and kinds[0] is not kinds[1]:
        options.fail(f"The (d)types do not match: {kinds[0]} != {kinds[1]}.", place)
    of_kind = {float: "float64", complex: "complex128", int: "int64"}
    rtol, atol = _tolerances(
        options, *[next((name for k, name in of_kind.items() if isinstance(x, k)), "float64")
                   for x in (actual, expected)]
    )  # fmt: skip
    both_nan = options.equal_nan and actual != actual and expected != expected
    difference = abs(actual - expected) if actual != expected else 0
    if actual == expected or both_nan:
        return
    if math.isfinite(difference) and difference <= atol + rtol * abs(expected):
        return
    options.fail(_scalar_text(actual, expected, difference, rtol, atol), place)


def _scalar_text(actual: Any, expected: Any, difference: Any, rtol: float, atol: float) -> str:
    exact = rtol == 0 and atol == 0
    relative = difference / abs(expected) if expected != 0 else math.inf
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\n"
        f"Expected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{'' if exact else f' (up to {atol} allowed)'}\n"
        f"Relative difference: {relative}{'' if exact else f' (up to {rtol} allowed)'}"
    )


def _compare_tensors(actual: Tensor, expected: Tensor, options: _Options, place: str) -> None:
    layouts = actual.layout, expected.layout
    if layouts != (strided, strided):
        if options.check_layout and layouts[0] is not layouts[1]:
            texts = " != ".join(map(repr, layouts))
            options.fail(f"The values for attribute 'layout' do not match: {texts}.", place)
        actual, expected = actual.detach().to_dense(), expected.detach().to_dense()
    for wanted, name, a, e in (
        (True, "shape", actual.shape, expected.shape),
        (options.check_device, "device", get_device_of(actual), get_device_of(expected)),
        (options.check_dtype, "dtype", actual.dtype, expected.dtype),
        (options.check_stride, "stride()", strides_of(actual._a), strides_of(expected._a)),
    ):
        if wanted and a != e:
            options.fail(f"The values for attribute '{name}' do not match: {a} != {e}.", place)
    rtol, atol = _tolerances(options, actual.dtype.name, expected.dtype.name)
    common = promote(actual._a.dtype, expected._a.dtype)
    if common.kind in "biu":
        common = np.dtype(np.int64)
    a, e = converted(actual._a, common), converted(expected._a, common)
    with np.errstate(all="ignore"):
        difference = np.abs(a - e)
        size = np.abs(e)
        close = (a == e) | (np.isfinite(difference) & (difference <= atol + rtol * size))
        if options.equal_nan:
            close |= np.isnan(a) & np.isnan(e)
        if close.all():
            return
        if not a.ndim:
            text = _scalar_text(a.item(), e.item(), difference.item(), rtol, atol)
        else:
            text = _mismatch_text(close, difference, size, rtol, atol)
    options.fail(text, place)


def _mismatch_text(close: Any, difference: Any, size: Any, rtol: float, atol: float) -> str:
    wrong = close.size - int(np.count_nonzero(close))
    exact = rtol == 0 and atol == 0
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!",
        "",
        f"Mismatched elements: {wrong} / {close.size} ({wrong / close.size:.1%})",
    ]
    relative = difference / (size if size.dtype.kind == "f" else size.astype(np.float32))
    if size.dtype.kind != "f":
        relative = relative.astype(np.float32)
    for name, values, allowed in (("absolute", difference, atol), ("relative", relative, rtol)):
        values = np.where(close, values.dtype.type(0), values)
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(values)), values.shape))
        limit = "" if exact else f" (up to {allowed} allowed)"
        lines.append(f"Greatest {name} difference: {values[index].item()} at index {index}{limit}")
    return "\n".join(lines)


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The old form of assert_close: no dtype is compared, nan equals nan."""
    given = [x if isinstance(x, Tensor) else wrap(np.asarray(x)) for x in (actual, expected)]
    assert_close(
        *given,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        msg=msg or None,
    )


def make_tensor(
    *shape,
    dtype: dtype,
    device="cpu",
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of uniform random values in [low, high), from the default generator.

    By default -9 to 9, for unsigned integers 0 to 9. exclude_zero: zeros are replaced by the
    smallest positive value; noncontiguous: the last dimension has stride 2.
    """
    check_device(device)
    sizes = shape_of("make_tensor", shape) if shape else ()
    d = type_of("make_tensor", dtype, np.dtype(np.float32))
    noncontiguous = noncontiguous and math.prod(sizes) > 1
    if noncontiguous:
        sizes = tuple(2 * n if i == len(sizes) - 1 else n for i, n in enumerate(sizes))
    stream = draws("make_tensor", None)
    if d == np.bool_:
        array = stream.randint(
            0 if low is None else int(low), 2 if high is None else int(high), sizes, d
        )
    elif d.kind in "iu":
        first = (0 if d.kind == "u" else -9) if low is None else math.ceil(low)
        array = stream.randint(first, 10 if high is None else math.ceil(high), sizes, d)
    else:
        bounds = -9.0 if low is None else float(low), 9.0 if high is None else float(high)
        array = stream.uniform(sizes, d, *bounds)
    if exclude_zero:
        tiny = 1 if d.kind in "biu" else np.finfo(d).tiny
        array[array == 0] = tiny
    if noncontiguous:
        array = array[..., 1::2]
    return made(array, requires_grad)
