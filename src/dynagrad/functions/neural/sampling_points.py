"""Images at arbitrary points under PyTorch's names."""

from ...core.apply import apply
from ...core.overrides import overridable
from ...core.quiet import warn
from ...ops.neural import sampling_points as ops
from ..arguments import check_scalar_type, no_kernel, tensor
from ..nodes import node

__all__ = ["affine_grid_generator", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d"]

GridSampler = {
    2: node("GridSampler2DBackward0", ops.grid_sample),
    3: node("GridSampler3DBackward0", ops.grid_sample),
}
AffineGrid = node("AffineGridGeneratorBackward0", ops.affine_grid)

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
_CORNERS = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


@overridable
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """input (N, C, H, W) or (N, C, D, H, W) at the points grid (N, ..., 2 or 3), in [-1, 1].

    The last dimension of grid holds x, y (and z): x counts along the last dimension of input.
    """
    if mode not in MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warn(_CORNERS)
    return _grid_sample("grid_sampler", input, grid, mode, padding_mode, bool(align_corners))


@overridable
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """grid_sample with numbers for its modes: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border,
    2 reflection.
    """
    modes = _by_number(interpolation_mode, padding_mode)
    return _grid_sample("grid_sampler", input, grid, *modes, align_corners)


@overridable
def grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners):
    """grid_sampler of images (N, C, H, W)."""
    modes = _by_number(interpolation_mode, padding_mode)
    return _grid_sample("grid_sampler_2d", input, grid, *modes, align_corners, 4)


@overridable
def grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners):
    """grid_sampler of volumes (N, C, D, H, W)."""
    modes = _by_number(interpolation_mode, padding_mode)
    return _grid_sample("grid_sampler_3d", input, grid, *modes, align_corners, 5)


def _by_number(mode: int, padding: int) -> tuple[str, str]:
    return MODES[mode] if 0 <= mode < 3 else MODES[0], PADDINGS[padding]


def _grid_sample(name, input, grid, mode, padding, align, wanted=None):
    x, points_ = tensor(name, input), tensor(name, grid, 2, "grid")
    a, b = x._a, points_._a
    ndim, given = a.ndim, f"input with sizes {list(a.shape)} and grid with sizes {list(b.shape)}"
    if ndim == 0 or b.ndim == 0 or a.shape[0] != b.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got {given}"
        )
    if b.shape[-1] != ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {ndim - 2} in last dimension, but got "
            f"grid with sizes {list(b.shape)}"
        )
    if ndim not in (4, 5) or b.ndim != ndim or wanted not in (None, ndim):
        raise RuntimeError(
            f"grid_sampler(): expected {f'{wanted}D' if wanted else '4D or 5D'} input and grid "
            f"with same number of dimensions, but got {given}"
        )
    for dim, n in enumerate(a.shape[2:], 2):
        if n <= 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                f"has sizes {list(a.shape)} with dimension {dim} being empty"
            )
    if ndim == 5 and mode == "bicubic":
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if a.dtype.kind not in "fV":
        raise no_kernel(f"grid_sampler_{ndim - 2}d_cpu_kernel_impl", a.dtype)
    advice = "input and grid must have the same dtype: convert one, as in grid.to(input.dtype)."
    check_scalar_type(a.dtype, b.dtype, advice)
    return apply(GridSampler[ndim - 2], x, points_, mode=mode, padding=padding, align=bool(align))


@overridable
def affine_grid(theta, size, align_corners=None):
    """The points that affine maps theta (N, 2, 3) or (N, 3, 4) make of an image of `size`.

    size is (N, C, H, W) or (N, C, D, H, W); the result is grid_sample's grid.
    """
    t = tensor("affine_grid", theta)
    if align_corners is None:
        warn(_CORNERS)
    if t._a.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {t.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    rank = len(size) - 2
    if t._a.ndim != 3 or t._a.shape[1:] != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size "
            f"{size}. Got {t.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return affine_grid_generator(t, size, bool(align_corners))


@overridable
def affine_grid_generator(theta, size, align_corners):
    """affine_grid without its defaults."""
    t = tensor("affine_grid_generator", theta)
    n, sizes = size[0], tuple(int(m) for m in size[2:])
    if t._a.shape[0] != n:
        rank = len(sizes)
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{n}, {rank + 1}] but "
            f"got: [{t._a.shape[0]}, {rank + 1}]."
        )
    return apply(AffineGrid, t, sizes=sizes, align=bool(align_corners))
