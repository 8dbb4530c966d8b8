"""dtypes, shapes and devices under PyTorch's names, and PyTorch's type promotion. Imports NumPy
only.

Promotion differs from NumPy's: a tensor with dimensions outranks a 0-d tensor, which outranks a
Python number, within one category (bool < integer < floating < complex); an integer tensor with a
floating tensor has the floating tensor's type. Source: PyTorch's "Tensor Attributes" notes and
`torch.result_type`.
"""

from typing import Any

import numpy as np

from ..extras import optional

BOOL, INTEGER, FLOATING, COMPLEX = range(4)
_CATEGORY = {"b": BOOL, "i": INTEGER, "u": INTEGER, "f": FLOATING, "c": COMPLEX, "V": FLOATING}


class dtype:  # noqa: N801 - PyTorch's name
    """The type of a tensor's elements, such as `torch.float32`."""

    __slots__ = ("_numpy", "category", "itemsize", "name")
    _numpy: np.dtype | None

    def __init__(self, name: str, numpy: np.dtype | None, category: int, itemsize: int):
        self.name = name
        self._numpy = numpy
        self.category = category
        self.itemsize = itemsize

    @property
    def numpy(self) -> np.dtype:
        """NumPy's dtype; bfloat16 needs the package ml_dtypes."""
        if self._numpy is None:
            self._numpy = _bfloat16()
        return self._numpy

    @property
    def is_floating_point(self) -> bool:
        """Whether it holds real numbers with a fraction."""
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        """Whether it holds complex numbers."""
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        """Whether it holds negative numbers."""
        return self.category != BOOL and not self.name.startswith("u")

    def to_real(self) -> "dtype":
        """The real dtype of the same precision."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> "dtype":
        """The complex dtype of the same precision."""
        return {"float64": complex128, "complex128": complex128}.get(self.name, complex64)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return _dtype_by_name, (self.name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def _make(name: str) -> dtype:
    numpy = np.dtype(name)
    return dtype(name, numpy, _CATEGORY[numpy.kind], numpy.itemsize)


float16, float32, float64 = _make("float16"), _make("float32"), _make("float64")
bfloat16 = dtype("bfloat16", None, FLOATING, 2)
int8, int16, int32, int64 = _make("int8"), _make("int16"), _make("int32"), _make("int64")
uint8, uint16, uint32, uint64 = _make("uint8"), _make("uint16"), _make("uint32"), _make("uint64")
bool_ = _make("bool")
complex64, complex128 = _make("complex64"), _make("complex128")

BY_NAME: dict[str, dtype] = {
    d.name: d
    for d in (
        *(float16, float32, float64, bfloat16, int8, int16, int32, int64),
        *(uint8, uint16, uint32, uint64, bool_, complex64, complex128),
    )
}
_BY_NUMPY: dict[np.dtype, dtype] = {d._numpy: d for d in BY_NAME.values() if d._numpy is not None}


def _dtype_by_name(name: str) -> dtype:
    return BY_NAME[name]


def _bfloat16() -> np.dtype:
    numpy = np.dtype(optional("ml_dtypes", "bfloat16", "torch.bfloat16").bfloat16)
    _BY_NUMPY[numpy] = bfloat16
    return numpy


def from_numpy_dtype(numpy: np.dtype) -> dtype:
    """The dtype of a NumPy dtype; TypeError for types that tensors cannot hold."""
    found = _BY_NUMPY.get(numpy)
    if found is None and numpy.isnative is False:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported. Convert it first: "
            "a.astype(a.dtype.newbyteorder('='))"
        )
    if found is None and numpy.name == "bfloat16":
        _bfloat16()
        found = _BY_NUMPY.get(numpy)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{numpy.type.__name__}. The only supported "
            "types are: float64, float32, float16, complex64, complex128, int64, int32, int16, "
            "int8, uint64, uint32, uint16, uint8, and bool."
        )
    return found


def category(numpy: np.dtype) -> int:
    """BOOL, INTEGER, FLOATING or COMPLEX."""
    return _CATEGORY[numpy.kind]


#: the default floating dtype, in a list of one
process_default = [float32]


def get_default_dtype() -> dtype:
    """The floating dtype that Python floats and factory functions get."""
    return process_default[0]


def set_default_dtype(d: dtype) -> None:
    """Set the default floating dtype; TypeError unless `d` is a floating dtype."""
    if not isinstance(d, dtype):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type, "
            f"got {d!r}"
        )
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    process_default[0] = d


_PROMOTED: dict[tuple[np.dtype, np.dtype], np.dtype] = {}
_COMPLEX_OF = {np.dtype("float64"): np.dtype("complex128")}


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The smallest dtype that holds both, by PyTorch's table."""
    if a is b:
        return a
    found = _PROMOTED.get((a, b))
    if found is None:
        found = _PROMOTED[a, b] = _promote(a, b)
    return found


def _promote(a: np.dtype, b: np.dtype) -> np.dtype:
    if category(a) > category(b):
        a, b = b, a
    lower, higher = category(a), category(b)
    if lower == BOOL or (lower == INTEGER and higher > INTEGER):
        return b
    if lower == FLOATING and higher == COMPLEX:
        return np.dtype("complex128") if a == np.float64 else b
    if lower == higher == FLOATING and a.itemsize == b.itemsize == 2 and a != b:
        return np.dtype("float32")
    if lower == higher == FLOATING:
        return a if a.itemsize > b.itemsize else b
    return np.promote_types(a, b)


def complex_of(d: np.dtype) -> np.dtype:
    """The complex dtype of a floating dtype's precision."""
    return _COMPLEX_OF.get(d, np.dtype("complex64"))


def number_dtype(value: Any) -> np.dtype:
    """The dtype of a Python number in promotion: bool, int64, the default dtype, or its complex
    counterpart.
    """
    if isinstance(value, bool | np.bool_):
        return bool_.numpy
    if isinstance(value, int | np.integer):
        return int64.numpy
    default = process_default[0].numpy
    if isinstance(value, float | np.floating):
        return default
    if isinstance(value, complex | np.complexfloating):
        return complex_of(default)
    raise TypeError(f"a number was expected, got {type(value).__name__}")


def _combine(higher: np.dtype | None, lower: np.dtype | None) -> np.dtype | None:
    """A group of operands that outranks another takes its category into account, never its
    precision.
    """
    if higher is None or lower is None:
        return lower if higher is None else higher
    h, low = category(higher), category(lower)
    if h == COMPLEX:
        return higher
    if h == FLOATING:
        return complex_of(higher) if low == COMPLEX else higher
    if h == BOOL or low >= FLOATING:
        return promote(higher, lower)
    return higher


def result_type(operands: Any) -> np.dtype:
    """The dtype of an operation on arrays (ndarrays or payloads) and Python numbers."""
    groups: list[np.dtype | None] = [None, None, None]
    for x in operands:
        d = getattr(x, "dtype", None)
        if d is None or isinstance(x, np.generic):
            d, group = number_dtype(x), 2
        else:
            group = 0 if x.ndim else 1
        held = groups[group]
        groups[group] = d if held is None else promote(held, d)
    result = _combine(groups[0], _combine(groups[1], groups[2]))
    if result is None:
        raise ValueError("result_type needs at least one operand")
    return result


def numpy_dtype(d: Any) -> np.dtype:
    """NumPy's dtype for a `torch.dtype`, or for Python's bool, int, float, complex; TypeError for
    anything else.
    """
    if isinstance(d, dtype):
        return d.numpy
    found = {bool: bool_, int: int64, float: float64, complex: complex128}.get(d)
    if found is not None:
        return found.numpy
    raise TypeError(
        f"dtype must be a torch.dtype such as torch.float32, got {d!r} ({type(d).__name__})"
    )


class Size(tuple):
    """The shape of a tensor: a tuple of its dimensions' sizes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for size in self:
            n *= size
        return n

    def __getitem__(self, index):  # pyright: ignore[reportIncompatibleMethodOverride]
        result = tuple.__getitem__(self, index)
        return Size(result) if isinstance(index, slice) else result

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, n):
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __reduce__(self):
        return Size, (tuple(self),)


class device:  # noqa: N801 - PyTorch's name
    """Where a tensor lives. There is one: `device('cpu')`."""

    __slots__ = ("index", "type")
    _KNOWN = (
        "cpu",
        *("cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia"),
        *("xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
    )

    def __init__(self, type: Any = None, index: int | None = None):  # noqa: A002 - PyTorch's name
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int) and not isinstance(type, bool):
            if type >= 0:
                raise RuntimeError(
                    "Cannot access accelerator device when none is available.\n"
                    f"The number {type} stands for an accelerator; dynagrad computes on the CPU."
                )
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {_kind(type)}")
        name, colon, number = type.partition(":")
        if not type:
            raise RuntimeError("Device string must not be empty")
        is_number = number.isdigit() and (number == "0" or number[0] != "0")
        if (name in self._KNOWN or not name) and colon and not is_number:
            raise RuntimeError(f"Invalid device string: '{type}'")
        if index is not None and index < 0:
            raise RuntimeError(f"Device index must not be negative\nIt was {index}.")
        if name not in self._KNOWN:
            raise RuntimeError(
                f"Expected one of {', '.join(self._KNOWN)} device type at start of device string: "
                f"{type}"
            )
        if colon and index is not None:
            raise RuntimeError(
                "type (string) must not include an index because index was passed explicitly: "
                f"{type}"
            )
        self.type = name
        self.index = int(number) if colon else index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (
            ")" if self.index is None else f", index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type,) if self.index is None else (self.type, self.index)


def _kind(value: Any) -> str:
    return type(value).__name__


CPU = device("cpu")


def check_device(d: Any) -> None:
    """Raise unless `d` is None or the CPU."""
    if d is None or d is CPU:
        return
    d = device(d)
    advice = "dynagrad computes on the CPU; use device='cpu'"
    if d.type in ("cuda", "xpu"):
        raise AssertionError(f"Torch not compiled with {d.type.upper()} enabled: {advice}")
    if d.type != "cpu":
        raise RuntimeError(f"PyTorch is not linked with support for {d.type} devices: {advice}")


class layout:  # noqa: N801 - PyTorch's name
    """How a tensor lies in memory: always `torch.strided`."""

    __slots__ = ("_name",)

    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class memory_format(layout):  # noqa: N801 - PyTorch's name
    """The order of a tensor's dimensions in memory, such as `torch.channels_last`."""

    __slots__ = ()


strided = layout("strided")
# Layouts that no tensor here has, for programs that ask `x.layout == torch.sparse_coo`.
sparse_coo, sparse_csr, sparse_csc = (
    layout("sparse_coo"),
    layout("sparse_csr"),
    layout("sparse_csc"),
)
sparse_bsr, sparse_bsc = layout("sparse_bsr"), layout("sparse_bsc")
contiguous_format = legacy_contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


class finfo:  # noqa: N801 - PyTorch's name
    """The limits of a floating dtype: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type: dtype | None = None):  # noqa: A002 - PyTorch's name
        d = get_default_dtype() if type is None else type
        if not isinstance(d, dtype) or d.category < FLOATING:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'{d!r}'"
            )
        d = d.to_real()
        info = (
            optional("ml_dtypes", "bfloat16", "torch.bfloat16").finfo(d.numpy)
            if d is bfloat16
            else np.finfo(d.numpy)
        )
        self.dtype, self.bits = d.name, d.itemsize * 8
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = 10.0 ** -int(info.precision)

    def __repr__(self) -> str:
        fields = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        values = ", ".join(f"{name}={getattr(self, name):g}" for name in fields)
        return f"finfo({values}, dtype={self.dtype})"


class iinfo:  # noqa: N801 - PyTorch's name
    """The limits of an integer dtype: bits, min, max."""

    def __init__(self, type: dtype):  # noqa: A002 - PyTorch's name
        if not isinstance(type, dtype) or type.category != INTEGER:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'{type!r}'"
            )
        info = np.iinfo(type.numpy)
        self.dtype, self.bits, self.min, self.max = (
            type.name,
            info.bits,
            int(info.min),
            int(info.max),
        )

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
