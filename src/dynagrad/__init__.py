"""Automatic differentiation over a dynamic graph, in pure Python on NumPy, with PyTorch's API.

Importing this package loads NumPy and the tensor machinery; everything else is loaded when it is
first used (`_SUBMODULES`, `_LAZY` below), so that the import stays about as quick as NumPy's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# --- The main surface: what `import dynagrad` loads, one block a module, lowest layer first. ---

# dtypes, sizes, devices, grad modes
from .autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core.dtype import (
    Size,
    bfloat16,
    channels_last,
    channels_last_3d,
    complex64,
    complex128,
    contiguous_format,
    device,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    layout,
    memory_format,
    preserve_format,
    set_default_dtype,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .core.dtype import bool_ as bool
from .core.dtype import complex64 as cfloat
from .core.dtype import complex128 as cdouble
from .core.dtype import float16 as half
from .core.dtype import float32 as float
from .core.dtype import float64 as double
from .core.dtype import int16 as short
from .core.dtype import int32 as int
from .core.dtype import int64 as long

# elementwise and comparison
from .functions.bits import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    gcd,
    gcd_,
    lcm,
    lcm_,
)
from .functions.comparison import (
    allclose,
    eq,
    equal,
    ge,
    greater,
    greater_equal,
    gt,
    is_complex,
    is_floating_point,
    is_nonzero,
    isclose,
    isfinite,
    isin,
    isinf,
    isnan,
    isneginf,
    isposinf,
    isreal,
    le,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    not_equal,
    signbit,
)
from .functions.complex import (
    angle,
    complex,
    conj,
    conj_physical,
    conj_physical_,
    imag,
    is_conj,
    is_neg,
    polar,
    real,
    resolve_conj,
    resolve_neg,
    view_as_complex,
    view_as_real,
)
from .functions.elementwise import (
    add,
    addcdiv,
    addcmul,
    div,
    divide,
    floor_divide,
    lerp,
    mul,
    multiply,
    neg,
    neg_,
    negative,
    negative_,
    positive,
    reciprocal,
    reciprocal_,
    rsub,
    sub,
    subtract,
    true_divide,
)
from .functions.powers import (
    float_power,
    hypot,
    pow,
    rsqrt,
    rsqrt_,
    sqrt,
    sqrt_,
    square,
    square_,
)
from .functions.rounding import (
    abs,
    abs_,
    absolute,
    ceil,
    ceil_,
    copysign,
    fix,
    fix_,
    floor,
    floor_,
    fmod,
    frac,
    frac_,
    heaviside,
    nan_to_num,
    nan_to_num_,
    nextafter,
    remainder,
    round,
    round_,
    sgn,
    sign,
    trunc,
    trunc_,
)
from .functions.selection import (
    clamp,
    clamp_,
    clamp_max,
    clamp_max_,
    clamp_min,
    clamp_min_,
    clip,
    clip_,
    fmax,
    fmin,
    maximum,
    minimum,
    where,
)
from .functions.special import (
    digamma,
    erf,
    erf_,
    erfc,
    erfc_,
    erfinv,
    lgamma,
    polygamma,
)
from .functions.transcendental import (
    acos,
    acos_,
    acosh,
    acosh_,
    arccos,
    arccos_,
    arccosh,
    arccosh_,
    arcsin,
    arcsin_,
    arcsinh,
    arcsinh_,
    arctan,
    arctan2,
    arctan_,
    arctanh,
    arctanh_,
    asin,
    asin_,
    asinh,
    asinh_,
    atan,
    atan2,
    atan_,
    atanh,
    atanh_,
    cos,
    cos_,
    cosh,
    cosh_,
    deg2rad,
    deg2rad_,
    exp,
    exp2,
    exp2_,
    exp_,
    expm1,
    expm1_,
    ldexp,
    ldexp_,
    log,
    log10,
    log10_,
    log1p,
    log1p_,
    log2,
    log2_,
    log_,
    logaddexp,
    logaddexp2,
    logit,
    logit_,
    rad2deg,
    rad2deg_,
    sigmoid,
    sigmoid_,
    sin,
    sin_,
    sinc,
    sinc_,
    sinh,
    sinh_,
    tan,
    tan_,
    tanh,
    tanh_,
    xlogy,
    xlogy_,
)

# reduction and sorting
from .functions.cumulative import (
    cummax,
    cummin,
    cumprod,
    cumsum,
    diff,
    logcumsumexp,
)
from .functions.extremes import (
    amax,
    amin,
    aminmax,
    argmax,
    argmin,
    max,
    min,
)
from .functions.norms import (
    dist,
    norm,
)
from .functions.reduction import (
    all,
    any,
    count_nonzero,
    logsumexp,
    mean,
    nanmean,
    nansum,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)
from .functions.sorting import (
    argsort,
    bincount,
    bucketize,
    histc,
    kthvalue,
    median,
    mode,
    msort,
    nanmedian,
    nanquantile,
    quantile,
    searchsorted,
    sort,
    topk,
    unique,
    unique_consecutive,
)

# shape and indexing
from .functions.expansion import broadcast_shapes, broadcast_tensors, broadcast_to
from .functions.gathering import (
    argwhere,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    masked_fill,
    masked_scatter,
    masked_select,
    nonzero,
    put,
    take,
)
from .functions.geometry import numel
from .functions.joining import (
    block_diag,
    cartesian_prod,
    cat,
    column_stack,
    combinations,
    concat,
    concatenate,
    dstack,
    hstack,
    meshgrid,
    row_stack,
    stack,
    vstack,
)
from .functions.parts import (
    as_strided,
    as_strided_scatter,
    diagonal,
    diagonal_scatter,
    narrow,
    select,
    select_scatter,
    slice_scatter,
)
from .functions.reordering import (
    diag,
    diag_embed,
    diagflat,
    flip,
    fliplr,
    flipud,
    repeat_interleave,
    roll,
    rot90,
    tile,
    tril,
    tril_indices,
    triu,
    triu_indices,
)
from .functions.scattering import (
    gather,
    index_reduce,
    scatter,
    scatter_add,
    scatter_reduce,
    take_along_dim,
)
from .functions.shape import (
    adjoint,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    flatten,
    moveaxis,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from .functions.splitting import (
    chunk,
    dsplit,
    hsplit,
    split,
    split_with_sizes,
    tensor_split,
    unbind,
    vsplit,
)

# contraction, linalg, neural
from .functions.contraction import (
    addbmm,
    addmm,
    addmv,
    addr,
    baddbmm,
    bmm,
    dot,
    matmul,
    mm,
    mv,
    vdot,
)
from .functions.linalg import det, inverse, logdet, matrix_power
from .functions.linalg import pinv as pinverse
from .functions.linalg import torch_qr as qr
from .functions.linalg import torch_slogdet as slogdet
from .functions.linalg import torch_svd as svd
from .functions.neural.activation import (
    celu,
    celu_,
    hardshrink,
    prelu,
    relu,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    threshold,
    threshold_,
)
from .functions.neural.softmax import torch_log_softmax as log_softmax
from .functions.neural.softmax import torch_softmax as softmax
from .functions.neural.classes import cosine_similarity, pairwise_distance
from .functions.neural.layers import group_norm, layer_norm, rms_norm
from .functions.products import (
    chain_matmul,
    cross,
    einsum,
    ger,
    inner,
    kron,
    outer,
    tensordot,
    trace,
)

# creation, conversion and random
from .functions.conversion import can_cast, clone, fill, fill_, promote_types, result_type, zero_
from .functions.creation import (
    empty,
    empty_like,
    empty_strided,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    scalar_tensor,
    zeros,
    zeros_like,
)
from .functions.from_data import as_tensor, asarray, from_numpy, frombuffer, tensor
from .functions.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .functions.legacy import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    set_default_tensor_type,
)
from .functions.random import (
    bernoulli,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from .functions.ranges import arange, linspace, logspace, range
from .functions.settings import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    is_tensor,
    set_default_device,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    use_deterministic_algorithms,
)

# the tensor itself
from .core.printing import set_printoptions
from .core.tensor import Tensor
from .functions import methods as _methods  # gives Tensor its methods
from .functions.tensor_methods import from_dlpack


# --- Loaded on first use (PEP 562). Each name stands here twice: for readers' tools, and to run.

if TYPE_CHECKING:
    from . import autograd, linalg, nn, optim, random, testing, utils
    from .alias import alias_torch

_SUBMODULES = frozenset({"autograd", "linalg", "nn", "optim", "random", "testing", "utils"})
"""Modules below this one that `dynagrad.name` loads."""

_LAZY = {"alias_torch": "alias"}
"""Names of the surface, each with the module that `dynagrad.name` loads it from."""

__version__ = "0.1.0"

__all__ = [
    "alias_torch",
    "autograd",
    "nn",
    "optim",
    "random",
    "testing",
    "utils",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)  # which also sets the attribute
    if name in _LAZY:
        value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
        globals()[name] = value
        return value
    raise import_module(".alias", __name__).missing_attribute(__name__, name, __dir__())


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
