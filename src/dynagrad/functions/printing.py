"""The text of a tensor, equal to PyTorch's to the character. Imports NumPy, nothing of ours.

Works on bare arrays, so that it knows nothing of the Tensor class. One repr takes three steps:
every value becomes a text of one common width (`_cells`), the texts are laid out in brackets
(`_lay_out`), and what else is known of the tensor follows as suffixes (`_append`).
"""

import math
import numbers
import operator
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class PrintOptions:
    """How tensors are printed; see `set_printoptions` for the meaning of each field."""

    def __init__(
        self,
        precision: int = 4,
        threshold: float = 1000,
        edgeitems: int = 3,
        linewidth: float = 80,
        sci_mode: bool | None = None,
    ):
        self.precision = precision
        self.threshold = threshold
        self.edgeitems = edgeitems
        self.linewidth = linewidth
        self.sci_mode = sci_mode


PRINT_OPTS = PrintOptions()
"""The options in force: one for the whole process, as in PyTorch."""

_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors are printed, as `torch.set_printoptions`.

    Args:
        precision: digits after the point (4).
        threshold: a tensor of more elements than this is summarised (1000).
        edgeitems: elements shown at either end of a summarised dimension (3).
        linewidth: characters a line may have before it is broken (80).
        profile: "default", "short" or "full"; sets every option before the others are applied.
            Any other value changes nothing, as in PyTorch.
        sci_mode: scientific notation always (True), never (False), or as the values ask (None).

    `None` keeps an option as it is, except `sci_mode`, which every call sets, as PyTorch does.

    Raises:
        ValueError, TypeError, OverflowError: an option no tensor could be printed with; nothing is
            changed. PyTorch raises the same types, but only when the next tensor is printed, and
            takes edgeitems below 0, for which it prints elements twice or fails.
    """
    base = PRINT_OPTS if profile is None else _PROFILES.get(profile, PRINT_OPTS)
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    options = PrintOptions(**{**vars(base), **changed, "sci_mode": sci_mode})
    _check(options)
    vars(PRINT_OPTS).update(vars(options))


def get_printoptions() -> dict[str, Any]:
    """The options in force, as a dict that `set_printoptions(**options)` takes back."""
    return dict(vars(PRINT_OPTS))


def _check(options: PrintOptions) -> None:
    for name, error in (("precision", ValueError), ("edgeitems", TypeError)):
        value = getattr(options, name)
        try:
            count = operator.index(value)
        except TypeError:
            raise error(
                f"{name} must be an integer, not {value!r}: give a count, 0 or more"
            ) from None
        if count < 0:
            raise ValueError(f"{name} must be 0 or more, not {value!r}")
    for name in ("threshold", "linewidth"):
        value = getattr(options, name)
        if not isinstance(value, numbers.Real):
            raise TypeError(f"{name} must be a number, not {value!r}")
    if not math.isfinite(options.linewidth):
        raise OverflowError(
            f"cannot convert linewidth {options.linewidth!r} to a number of characters: "
            "for lines that are never broken give a large integer, such as sys.maxsize"
        )


def format_tensor(
    array: np.ndarray,
    *,
    suffixes: Sequence[str] = (),
    prefix: str = "tensor(",
    contents: str | None = None,
) -> str:
    """The repr of a tensor that holds `array`.

    Args:
        array: the values; any shape, any dtype of torch's, ml_dtypes' ones included.
        suffixes: what follows the values, from `suffixes_for`.
        prefix: what precedes them; later lines are indented by its length. A subclass prints
            its name, `"MyTensor("`.
        contents: printed in place of the values, as `tensor_contents` of torch's `__repr__`.
    """
    values = _format_values(array, len(prefix)) if contents is None else contents
    return _append(prefix + values, suffixes, len(prefix))


def format_sparse(
    parts: Sequence[tuple[str, np.ndarray]], suffixes: Sequence[str], on_a_new_line: bool
) -> str:
    """The repr of a sparse tensor: indices and values by name, one below the other.

    `on_a_new_line`: where the suffixes begin, as those of COO tensors do.
    """
    indent = len("tensor(")
    texts = []
    for name, array in parts:
        start = f"{name}=tensor("
        values = _format_values(array, indent + len(start))
        size = "" if array.size else f", size={tuple(array.shape)}"
        texts.append(f"{start}{values}{size})")
    text = "tensor(" + (",\n" + " " * indent).join(texts)
    return _append(text, suffixes, indent, on_a_new_line)


def suffixes_for(
    dtype_name: str,
    default_dtype_name: str,
    shape: Sequence[int],
    *,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    device: str | None = None,
    tangent: str | None = None,
) -> list[str]:
    """What PyTorch prints after the values, in its order; empty for an ordinary tensor.

    Args:
        dtype_name: the tensor's dtype, torch's name without the module ("float64").
        default_dtype_name: the default floating dtype. Its tensors, complex ones of the same
            precision, int64 and bool show their dtype in their values, so it is not named.
            An empty tensor shows nothing, so all but the default dtype are named.
        shape: printed where the values do not show it.
        requires_grad: printed for leaves only: `grad_fn_name` says more.
        grad_fn_name: class name of the tensor's node ("AddBackward0"), or "Invalid" where
            PyTorch cannot tell it (a view from `unbind` whose base was modified in place).
        device: the device's text if it is to be named ("meta"), None for the CPU.
        tangent: str() of a dual tensor's tangent.
    """
    suffixes = []
    empty = 0 in shape
    meta = device is not None and device.startswith("meta")
    if device is not None:
        suffixes.append(f"device='{device}'")
    if meta or (len(shape) != 1 if empty else not PRINT_OPTS.edgeitems):
        suffixes.append(f"size={tuple(shape)}")
    if dtype_name != default_dtype_name:
        default_complex = "complex128" if default_dtype_name == "float64" else "complex64"
        if empty or meta or dtype_name not in ("int64", "bool", default_complex):
            suffixes.append(f"dtype=torch.{dtype_name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    return suffixes


def format_wrapped(kind: str, level: int, value: str, *, bdim: int | None = None) -> str:
    """The repr of a tensor inside a transform: `kind` is "BatchedTensor" or "GradTrackingTensor".

    `value` is the repr of the tensor within, `bdim` a batched tensor's batch dimension.
    """
    where = f"lvl={level}, " if bdim is None else f"lvl={level}, bdim={bdim}, "
    return f"{kind}({where}value=\n{textwrap.indent(value, '    ')}\n)"


def format_spec(
    array: np.ndarray, spec: str, as_repr: Callable[[], str], *, type_name: str = "Tensor"
) -> str:
    """`format(tensor, spec)`: that of the Python number for a 0-d Tensor, else `as_repr()`.

    As in PyTorch, only the Tensor class itself formats as its number: a 0-d Parameter, or another
    subclass, prints its repr.

    Raises:
        TypeError: a spec for a tensor that is not formatted as a number.
        ValueError: a spec that the Python number does not take, as from Python itself.
    """
    if array.ndim == 0 and type_name == "Tensor":
        return format(_as_builtin(array).item(), spec)
    if spec:
        raise TypeError(
            f"unsupported format string passed to {type_name}.__format__: {spec!r} for shape "
            f"{array.shape}. Only a 0-d Tensor takes one: format t.item() or one element, or "
            "set digits for all with set_printoptions(precision=...)"
        )
    return as_repr()


def _as_builtin(array: np.ndarray) -> np.ndarray:
    """`array` in a dtype of NumPy's own: bfloat16 and the float8s go to float32, exactly."""
    return array if array.dtype.kind in "fibuc" else array.astype(np.float32)


def _format_values(array: np.ndarray, indent: int) -> str:
    if array.size == 0:
        return "[]"
    shown = array
    if array.size > PRINT_OPTS.threshold and array.ndim > 0:
        if PRINT_OPTS.edgeitems == 0:
            return "[...]"
        shown = _edges(array, PRINT_OPTS.edgeitems)
    cells, width = _cells(_as_builtin(shown))
    return _lay_out(cells, width, shown.shape, array.shape, indent)


def _edges(array: np.ndarray, count: int) -> np.ndarray:
    """The part of `array` that a summary shows: `count` indices at either end of each dimension."""
    kept = [np.arange(n) if n <= 2 * count else np.r_[:count, n - count : n] for n in array.shape]
    return array[np.ix_(*kept)]


def _cells(array: np.ndarray) -> tuple[list[str], int]:
    """One text a value, in C order, and the width that lines are measured with."""
    kind = array.dtype.kind
    if kind == "f":
        return _float_cells(array.ravel().tolist())
    if kind == "c":
        real, real_width = _float_cells(np.real(array).ravel().tolist())
        imag, imag_width = _float_cells(np.imag(array).ravel().tolist())
        return list(map(_join_complex, real, imag)), real_width + imag_width + 1
    texts = [str(value) for value in array.ravel().tolist()]
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts], width


def _join_complex(real: str, imag: str) -> str:
    imag = imag.lstrip()
    return f"{real}{imag}j" if imag[0] == "-" else f"{real}+{imag}j"


def _float_cells(values: list[float]) -> tuple[list[str], int]:
    # Zeros, infinities and nan have no say in the notation or in the width.
    ordinary = [value for value in values if value and math.isfinite(value)]
    pattern = _notation(ordinary)
    width = max([len(pattern % value) for value in ordinary], default=1)
    texts = [
        (pattern % value if math.isfinite(value) else str(value)).rjust(width) for value in values
    ]
    return texts, width


def _notation(ordinary: list[float]) -> str:
    """The %-pattern all values share: scientific, whole ("3.") or fixed point."""
    if not ordinary:
        return "%.0f."
    whole = all([value.is_integer() for value in ordinary])
    scientific = PRINT_OPTS.sci_mode
    if scientific is None:
        sizes = [abs(value) for value in ordinary]
        largest, smallest = max(sizes), min(sizes)
        scientific = largest > 1e8 or largest / smallest > 1000 or smallest < 1e-4
    if scientific:
        return f"%.{PRINT_OPTS.precision:d}e"
    return "%.0f." if whole else f"%.{PRINT_OPTS.precision:d}f"


def _lay_out(
    cells: list[str],
    width: int,
    shown: tuple[int, ...],
    full: tuple[int, ...],
    indent: int,
) -> str:
    """Bracket `cells`, innermost dimension first; dots where `full` is longer than `shown`."""
    blocks = cells
    for depth in range(len(shown) - 1, -1, -1):
        n = shown[depth]
        inner = depth == len(shown) - 1
        groups = [blocks[i : i + n] for i in range(0, len(blocks), n)]
        if n < full[depth]:
            for group in groups:
                group.insert(PRINT_OPTS.edgeitems, " ..." if inner else "...")
        margin = " " * (indent + depth + 1)
        if inner:
            fit = max(1, int((PRINT_OPTS.linewidth - indent - depth) // (width + 2)))
            groups = [
                [", ".join(group[i : i + fit]) for i in range(0, len(group), fit)]
                for group in groups
            ]
        # Blank lines set blocks apart, one more for each dimension outwards from the matrix.
        separator = "," + "\n" * max(1, len(shown) - 1 - depth) + margin
        blocks = [f"[{separator.join(group)}]" for group in groups]
    return blocks[0]


def _append(text: str, suffixes: Sequence[str], indent: int, on_a_new_line: bool = False) -> str:
    """`text`, the suffixes, broken where a line would pass the line width, and `)`."""
    parts = [text]
    # PyTorch counts two characters too many for a line of values, and a suffix at its full
    # length even when it has line breaks of its own.
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if on_a_new_line or used + len(suffix) + 2 > PRINT_OPTS.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            used = indent + len(suffix)
            on_a_new_line = False
        else:
            parts.append(", " + suffix)
            used += len(suffix) + 2
    parts.append(")")
    return "".join(parts)
