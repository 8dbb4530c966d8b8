"""Images at other sizes under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.complaints import type_name
from ...core.overrides import overridable
from ...core.quiet import warn
from ...core.tensor import Tensor
from ...ops.neural import resampling as ops
from ..arguments import no_kernel, tensor
from ..nodes import node

ALIGNING = ("linear", "bilinear", "bicubic", "trilinear")
WIDE = ("bilinear", "bicubic", "lanczos")
#: the kernel of each mode, and the number of dimensions that it is for (0: 1 to 3)
KERNELS = {
    "nearest": ("nearest", 0),
    "nearest-exact": ("nearest-exact", 0),
    "area": ("area", 0),
    "linear": ("linear", 1),
    "bilinear": ("linear", 2),
    "trilinear": ("linear", 3),
    "bicubic": ("cubic", 2),
    "lanczos": ("lanczos", 2),
}
_NAMES = {
    "nearest": "UpsampleNearest{}D",
    "nearest-exact": "UpsampleNearestExact{}D",
    "linear": "UpsampleLinear{}D",
    "bilinear": "UpsampleBilinear{}D",
    "trilinear": "UpsampleTrilinear{}D",
    "bicubic": "UpsampleBicubic{}D",
    "area": "AdaptiveAvgPool{}D",
    "bilinear wide": "UpsampleBilinear{}DAa",
    "bicubic wide": "UpsampleBicubic{}DAa",
    "lanczos wide": "UpsampleLanczos{}DAa",
}
Resample = {
    (mode, rank): node(f"{name.format(rank)}Backward0", ops.resample)
    for mode, name in _NAMES.items()
    for rank in (1, 2, 3)
    if KERNELS[mode.removesuffix(" wide")][1] in (0, rank)
}

# --- interpolate ----------------------------------------------------------------------------------


@overridable
def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """input (N, C, d1, ...) at another size, or at `scale_factor` times its size.

    mode: "nearest", "nearest-exact", "area", "linear" (3-D), "bilinear", "bicubic", "lanczos" (4-D)
    or "trilinear" (5-D). antialias widens the kernel where the image shrinks.
    """
    x = tensor("interpolate", input)
    _check_mode(x, mode, align_corners, antialias)
    spatial = x._a.shape[2:]
    sizes, factors = _sizes(spatial, size, scale_factor, recompute_scale_factor)
    kernel, rank = _kernel(x, mode, antialias)
    _check_input(x, mode, sizes)
    wide = " wide" if antialias else ""
    double = x._a.dtype.itemsize in (1, 8)  # bytes too, as PyTorch does
    _refuse_dtype(x, kernel, wide)
    axes = tuple(
        ops.Axis(kernel, n, m, bool(align_corners), f, antialias, double)
        for n, m, f in zip(spatial, sizes, factors, strict=True)
    )
    return apply(Resample[mode + wide, rank], x, axes=axes, back=False)


def _check_mode(x: Tensor, mode: str, align_corners: Any, antialias: bool) -> None:
    if mode not in ALIGNING:
        if align_corners is not None and mode != "lanczos":
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: "
                "linear | bilinear | bicubic | trilinear"
            )
        if mode == "lanczos" and not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
        if mode == "lanczos" and align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
    if antialias and not (mode in WIDE and x._a.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            f"a 4-D tensor as input\nGiven were mode {mode!r} and a {x._a.ndim}-D tensor."
        )


def _kernel(x: Tensor, mode: str, antialias: bool) -> tuple[str, int]:
    """The kernel of a mode and the number of dimensions; NotImplementedError if they disagree."""
    ndim = x._a.ndim
    kernel, rank = KERNELS.get(mode, (None, 0))
    if kernel is not None and 3 <= ndim <= 5:
        if rank in (0, ndim - 2):
            return kernel, ndim - 2
        if kernel == "linear":
            raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {rank + 2}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: "
        "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact "
        f"(got {mode})"
    )


def _sizes(spatial: tuple, size: Any, factor: Any, recompute: Any) -> tuple[list, list]:
    """The sizes of the result, and the scales that overrule their ratios (None: they do not)."""
    if size is not None and factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        sizes = _each("size", size, spatial, int)
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return sizes, [None] * len(sizes)
    factors = _each("scale_factor", factor, spatial, float)
    sizes = [math.floor(n * f) for n, f in zip(spatial, factors, strict=True)]
    return sizes, [None] * len(sizes) if recompute else factors


#: what messages call an argument: the other side, its value, its form
_WORDS = {
    "size": ("output", "output size of", "output size in (o1, o2, ...,oK)"),
    "scale_factor": ("scale_factor", "scale_factor of shape", "scale_factor in (s1, s2, ...,sK)"),
}


def _each(name: str, given: Any, spatial: tuple, kind: Any) -> list:
    """An argument for each spatial dimension, from a sequence or one value."""
    if isinstance(given, list | tuple):
        if len(given) != len(spatial):
            other, what, form = _WORDS[name]
            raise ValueError(
                f"Input and {other} must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(spatial)} and {what} {given}. Please provide "
                f"input tensor in (N, C, d1, d2, ...,dK) format and {form} format."
            )
    else:
        given = [given] * len(spatial)
    numbers = (int, np.integer) if kind is int else (int, float, np.number)
    values = []
    for v in given:
        if isinstance(v, Tensor) and v._a.ndim == 0 and kind is int and len(given) > 1:
            v = v._a.item()
        if not isinstance(v, numbers) or isinstance(v, bool):
            raise TypeError(
                f"interpolate() received an invalid combination of arguments - {name} must be "
                f"{kind.__name__} or a tuple of them, not {type_name(v)}"
            )
        values.append(kind(v))
    return values


def _check_input(x: Tensor, mode: str, sizes: list) -> None:
    a = x._a
    rank = a.ndim - 2
    if mode == "area":
        if min(sizes) < 0:
            raise RuntimeError(
                f"adaptive_avg_pool{rank}d: elements of output_size must be greater than or equal "
                f"to 0 but received {{{', '.join(map(str, sizes))}}}"
            )
        return
    if min(sizes) <= 0 or min(a.shape[2:]) <= 0:
        names = "DHW"[-rank:]
        given, wanted = (
            ", ".join(f"{name}: {n}" for name, n in zip(names, s, strict=True))
            for s in (a.shape[2:], sizes)
        )
        joint = " and" if rank == 1 else ""
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({given}){joint} "
            f"output ({wanted})"
        )
    if 0 in a.shape[1:]:
        raise RuntimeError(
            f"Non-empty {a.ndim}D data tensor expected but got a tensor with sizes {list(a.shape)}"
        )


def _refuse_dtype(x: Tensor, kernel: str, wide: str) -> None:
    dtype = x._a.dtype
    bytes_too = x._a.ndim == 4 or kernel.startswith("nearest")
    if dtype.kind in "fV" or (dtype == np.uint8 and kernel != "area" and bytes_too):
        return
    name = "index_ranges_weights" if wide else f"indices_weights_{kernel.partition('-')[0]}"
    name = "adaptive_avg_pool2d" if kernel == "area" else f"compute_{name}"
    raise no_kernel(name, dtype)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """interpolate under its old name."""
    warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """interpolate in mode "nearest"."""
    warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """interpolate in mode "bilinear" with align_corners."""
    warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead."
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
