"""autocast: matrix products in 16 bits, what needs more digits in 32.

A watcher looks at every public function that is called in the region. Functions of LOWER get their
float32 arguments in the region's dtype, functions of FLOAT32 get 16-bit arguments in float32, and
functions of WIDEST get all in the widest dtype among them; the lists are those of PyTorch's CPU.
float64 and complex arguments are left alone. The conversions are recorded, so gradients arrive in
the dtype of the parameters.
"""

import functools
import warnings
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, NamedTuple

from ..core.dtype import BY_NAME, device
from ..core.dtype import dtype as DType  # noqa: N812 - `dtype` is a parameter's name here
from ..core.tape import grad_mode
from ..core.tensor import Tensor
from ..core.watch import Watcher, enter, leave
from ..functions.conversion import to

__all__ = [
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]

FLOAT16, BFLOAT16, FLOAT32 = BY_NAME["float16"], BY_NAME["bfloat16"], BY_NAME["float32"]
_NARROW = {FLOAT16, BFLOAT16}

#: functions computed in the region's dtype
LOWER = frozenset(
    "__matmul__ __rmatmul__ addbmm addmm baddbmm bmm chain_matmul conv1d conv2d conv3d "
    "conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d einsum linear matmul mm multi_dot "
    "gru gru_cell lstm lstm_cell multi_head_attention_forward prelu rnn_relu rnn_relu_cell "
    "rnn_tanh rnn_tanh_cell scaled_dot_product_attention tensordot vecdot".split()
)
#: functions computed in float32
IN_FLOAT32 = frozenset(
    "adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy "
    "binary_cross_entropy_with_logits cdist cholesky cholesky_ex cholesky_inverse cholesky_solve "
    "cond cosine_embedding_loss cross_entropy ctc_loss eig eigh eigvals eigvalsh fft fft2 fftn "
    "fractional_max_pool2d fractional_max_pool3d geqrf grid_sample grid_sampler grid_sampler_2d "
    "grid_sampler_3d hfft hfft2 hfftn hinge_embedding_loss householder_product huber_loss ifft "
    "ifft2 ifftn ihfft ihfft2 ihfftn inv inv_ex inverse irfft irfft2 irfftn kl_div l1_loss lstsq "
    "lu_solve lu_unpack margin_ranking_loss matrix_rank max_pool3d max_unpool1d max_unpool2d "
    "max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss "
    "nanquantile nll_loss orgqr ormqr pad pca_lowrank pinverse poisson_nll_loss polar prod qr "
    "quantile rfft rfft2 rfftn smooth_l1_loss soft_margin_loss solve stft svd svd_lowrank svdvals "
    "tensorinv tensorsolve trace triangular_solve triplet_margin_loss view_as_complex".split()
)
#: functions whose arguments are brought to one dtype
WIDEST = frozenset(("cat", "concat", "concatenate", "stack", "index_copy"))


class Modes(NamedTuple):
    """What a thread or task has set."""

    enabled: bool = False
    dtype: DType = BFLOAT16
    cuda_enabled: bool = False
    cuda_dtype: DType = FLOAT16
    cached: bool = True


_DEFAULT = Modes()
_modes: ContextVar[Modes] = ContextVar("autocast", default=_DEFAULT)
_nesting: ContextVar[int] = ContextVar("autocast_nesting", default=0)
_watcher: ContextVar["_Casting | None"] = ContextVar("autocast_watcher", default=None)


class _Casting(Watcher):
    """Converts the arguments of the functions in the lists."""

    def __init__(self) -> None:
        #: parameters that were converted already, with the result, by identity and dtype
        self.converted: dict[tuple[int, DType], tuple[Tensor, Tensor]] = {}

    @property
    def casts(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the region is in force."""
        return _modes.get().enabled

    def called(self, f: Callable, args: tuple, kwargs: dict) -> Any:
        """The function's result for converted arguments, if it is in a list."""
        modes = _modes.get()
        if not modes.enabled:
            return NotImplemented
        name = f.__name__
        if name in _EXCEPTIONS and _EXCEPTIONS[name](args, kwargs):
            return NotImplemented
        if name in LOWER:
            wanted = modes.dtype
        elif name in IN_FLOAT32:
            wanted = FLOAT32
        elif name in WIDEST:
            wanted = _widest((args, kwargs), modes.dtype)
        else:
            return NotImplemented
        return f(*self._cast(args, wanted), **self._cast(kwargs, wanted))

    def _cast(self, value: Any, wanted: DType) -> Any:
        if isinstance(value, Tensor):
            return self._converted(value, wanted) if _takes_part(value) else value
        if type(value) in (tuple, list):
            return type(value)(self._cast(v, wanted) for v in value)
        if type(value) is dict:
            return {name: self._cast(v, wanted) for name, v in value.items()}
        return value

    def _converted(self, t: Tensor, wanted: DType) -> Tensor:
        if t.dtype is wanted:
            return t
        keep = (
            _modes.get().cached
            and wanted in _NARROW
            and t.dtype is FLOAT32
            and t.is_leaf
            and t.requires_grad
            and grad_mode.get()
        )
        if not keep:
            return to(t, wanted)
        known = self.converted.get((id(t), wanted))
        if known is None or known[0] is not t:
            known = self.converted[id(t), wanted] = (t, to(t, wanted))
        return known[1]


def _takes_part(t: Tensor) -> bool:
    return t.dtype in _NARROW or t.dtype is FLOAT32


def _given(args: tuple, kwargs: dict, place: int, name: str, default: Any) -> Any:
    return args[place] if len(args) > place else kwargs.get(name, default)


def _sums_nothing(args: tuple, kwargs: dict) -> bool:
    """Whether an einsum multiplies no matrices: all shared indices are in the result."""
    equation = args[0]
    if not isinstance(equation, str):
        return False
    operands, arrow, result = equation.replace(" ", "").partition("->")
    if not arrow:
        letters = operands.replace(",", "")
        result = {c for c in letters if letters.count(c) == 1}
    terms = operands.split(",")
    shared = {c for c in operands if c.isalpha() and sum(c in term for term in terms) > 1}
    return shared <= set(result)


def _contracts_nothing(args: tuple, kwargs: dict) -> bool:
    dims = _given(args, kwargs, 2, "dims", 2)
    return dims == 0 or dims in ([[], []], ([], []))


def _pads_with_a_constant(args: tuple, kwargs: dict) -> bool:
    return _given(args, kwargs, 2, "mode", "constant") not in ("reflect", "replicate")


def _wants_indices(args: tuple, kwargs: dict) -> bool:
    return bool(_given(args, kwargs, 6, "return_indices", False))


def _carries_on_in_float32(args: tuple, kwargs: dict) -> bool:
    """Gated layers: PyTorch multiplies in 16 bits, and its results are of the input's dtype."""
    x = args[0] if args else next(iter(kwargs.values()))
    return isinstance(x, Tensor) and x.dtype is FLOAT32


def _is_packed_in_float32(args: tuple, kwargs: dict) -> bool:
    packed = "batch_sizes" in kwargs or (len(args) > 1 and isinstance(args[1], Tensor))
    return packed and _carries_on_in_float32(args, kwargs)


#: calls of functions in the lists that PyTorch makes of others, which are in none
_EXCEPTIONS: dict[str, Callable[[tuple, dict], bool]] = {
    "einsum": _sums_nothing,
    "tensordot": _contracts_nothing,
    "pad": _pads_with_a_constant,
    "max_pool3d": _wants_indices,
    "gru": _carries_on_in_float32,
    "gru_cell": _carries_on_in_float32,
    "lstm_cell": _carries_on_in_float32,
    "lstm": _is_packed_in_float32,
}


def _widest(value: Any, narrow: DType) -> DType:
    """float32 if any tensor is, else the region's dtype."""
    if isinstance(value, Tensor):
        return FLOAT32 if value.dtype is FLOAT32 else narrow
    if type(value) is dict:
        value = tuple(value.values())
    if type(value) in (tuple, list) and any(_widest(v, narrow) is FLOAT32 for v in value):
        return FLOAT32
    return narrow


# --- the region ------------------------------------------------------------------------------


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows a kind of device; only the CPU is ever there."""
    _check_name(device_type)
    return device(device_type).type in ("cpu", "cuda", "mps", "xpu", "hpu", "mtia", "xla")


def _check_name(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


class autocast:  # noqa: N801 - PyTorch's name
    """A region, or a function it decorates, in which matrix products are computed in 16 bits.

    `dtype` is torch.bfloat16 or torch.float16 (CPU: bfloat16 by default); another one warns and
    switches the region off, and so does "cuda". `enabled=False` within a region switches it off.
    Weights are converted once a region with `cache_enabled`. RuntimeError for other devices.

    P. Micikevicius et al., "Mixed precision training" (2018).
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        _check_name(device_type)
        if not is_autocast_available(device_type):
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'"
            )
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = (
            is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        )
        if enabled and device_type == "cuda":
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2
            )
            enabled = False
        elif enabled and self.fast_dtype not in _NARROW:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\nCPU "
                "Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._entered: list[Token] = []

    def __enter__(self) -> "autocast":
        self._entered.append(_modes.set(_modes.get()))
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, *error: Any) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        before = self._entered.pop().old_value
        _set(before if isinstance(before, Modes) else _DEFAULT)

    def __call__(self, func: Any) -> Any:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you "
                "mean to use autocast as a context manager? For example:\n"
                "    with torch.autocast(device_type=...):\n        output = model(input)"
            )

        @functools.wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return inside


def _set(modes: Modes) -> None:
    """Set the modes; while they are on, a watcher looks on."""
    _modes.set(modes)
    present = _watcher.get()
    if modes.enabled and present is None:
        watcher = _Casting()
        enter(watcher)
        _watcher.set(watcher)
    elif not modes.enabled and present is not None and _nesting.get() == 0:
        leave(present)
        _watcher.set(None)


# --- the parts, as torch has them at its root ------------------------------------------------


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is on, for "cpu" or "cuda" (the default)."""
    return _modes.get().enabled if device_type == "cpu" else _modes.get().cuda_enabled


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Switch autocast on or off for a kind of device; the older form names CUDA by silence."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    field = "enabled" if device_type == "cpu" else "cuda_enabled"
    _set(_modes.get()._replace(**{field: bool(enabled)}))


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype of regions that name none."""
    if not is_autocast_available(device_type):
        raise RuntimeError(f"unsupported autocast device_type '{device_type}'")
    modes = _modes.get()
    return modes.dtype if device_type == "cpu" else modes.cuda_dtype


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Choose the dtype of regions that name none."""
    field = "dtype" if device_type == "cpu" else "cuda_dtype"
    _modes.set(_modes.get()._replace(**{field: dtype}))


def is_autocast_cpu_enabled() -> bool:
    """The older name of is_autocast_enabled("cpu")."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """The older name of set_autocast_enabled("cpu", enabled)."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> DType:
    """The older name of get_autocast_dtype("cpu")."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: DType) -> None:
    """The older name of set_autocast_dtype("cpu", dtype)."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> DType:
    """The older name of get_autocast_dtype("cuda")."""
    return get_autocast_dtype("cuda")


def is_autocast_cache_enabled() -> bool:
    """Whether converted weights are kept until the outermost region ends."""
    return _modes.get().cached


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Choose whether converted weights are kept."""
    _modes.set(_modes.get()._replace(cached=bool(enabled)))


def clear_autocast_cache() -> None:
    """Forget the converted weights."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher.converted.clear()


def autocast_increment_nesting() -> int:
    """Count a region that begins."""
    _nesting.set(_nesting.get() + 1)
    return _nesting.get()


def autocast_decrement_nesting() -> int:
    """Count a region that ends; the number that are left."""
    _nesting.set(_nesting.get() - 1)
    return _nesting.get()


# --- autograd.Function -----------------------------------------------------------------------


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str, cast_inputs: DType | None = None
) -> Callable:
    """Decorates the forward of an autograd.Function: with `cast_inputs` its floating arguments are
    converted, and it runs outside the region; custom_bwd then does the same.
    """
    _check_name(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        if cast_inputs is None:
            ctx._fwd_used_autocast = on
            return fwd(*args, **kwargs)
        ctx._fwd_used_autocast = False
        if not on:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_floating(args, cast_inputs), **_floating(kwargs, cast_inputs))

    return decorated


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorates the backward of an autograd.Function whose forward custom_fwd decorates: it runs
    with autocast as the forward did.
    """
    _check_name(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(*args, **kwargs)

    return decorated


def _floating(value: Any, wanted: DType) -> Any:
    """A value with all floating tensors in it but float64's converted."""
    if isinstance(value, Tensor):
        return to(value, wanted) if _takes_part(value) else value
    if isinstance(value, dict):
        return {_floating(k, wanted): _floating(v, wanted) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_floating(v, wanted) for v in value)
    return value
