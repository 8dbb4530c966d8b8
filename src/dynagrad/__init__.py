"""Automatic differentiation over a dynamic graph, in pure Python on NumPy, with PyTorch's API.

Importing this package loads NumPy and the tensor machinery; everything else is loaded when it is
first used (the names in lazy.py), so that the import stays about as quick as NumPy's.
"""

from importlib import import_module
from math import e as e, inf as inf, nan as nan, pi as pi
from typing import TYPE_CHECKING, Any

# --- The main surface: what `import dynagrad` loads, one block a module, lowest layer first. ---

# dtypes, sizes, devices, grad modes
from .lazy import LAZY as _LAZY, SUBMODULES as _SUBMODULES, UNLISTED as _UNLISTED
from .autograd.grad_mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from .core.dtype import (
    Size as Size,
    bfloat16 as bfloat16,
    bool_ as _bool,
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    complex64 as complex64,
    complex128 as complex128,
    contiguous_format as contiguous_format,
    device as device,
    dtype as dtype,
    finfo as finfo,
    legacy_contiguous_format as legacy_contiguous_format,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    get_default_dtype as get_default_dtype,
    iinfo as iinfo,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    set_default_dtype as set_default_dtype,
    sparse_bsc as sparse_bsc,
    sparse_bsr as sparse_bsr,
    sparse_coo as sparse_coo,
    sparse_csc as sparse_csc,
    sparse_csr as sparse_csr,
    strided as strided,
    uint8 as uint8,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
)

half, float, double = float16, float32, float64
cfloat, cdouble = complex64, complex128
short, int, long, bool = int16, int32, int64, _bool
newaxis = None

# elementwise and comparison
from .functions.bits import *
from .functions.comparison import *
from .functions.complex import *
from .functions.elementwise import *
from .functions.powers import *
from .functions.rounding import *
from .functions.selection import *
from .functions.special import *
from .functions.transcendental import *

# reduction and sorting
from .functions.cumulative import *
from .functions.extremes import *
from .functions.norms import *
from .functions.reduction import *
from .functions.sorting import *

# shape and indexing
from .functions.expansion import *
from .functions.gathering import *
from .functions.geometry import *
from .functions.joining import *
from .functions.parts import *
from .functions.reordering import *
from .functions.scattering import *
from .functions.shape import *
from .functions.splitting import *

# contraction, linalg, neural
from .functions.contraction import *
from .functions.neural.activation import *
from .functions.products import *
from .functions.neural import softmax as _softmax

log_softmax, softmax = _softmax.torch_log_softmax, _softmax.torch_softmax

# creation, conversion and random
from .functions.conversion import *
from .functions.creation import *
from .functions.from_data import *
from .functions.generator import *
from .functions.legacy import *
from .functions.random import *
from .functions.ranges import *
from .functions.settings import *

# the tensor itself
from .functions.printing import set_printoptions as set_printoptions
from .core.tensor import Tensor as Tensor
from .functions import methods as _methods  # noqa: F401 - gives Tensor its methods
from .functions.tensor_methods import *
from .functions.typename import *
from .core.quiet import hush as _hush
from .ops.compiled import provide as _provide

_hush()


# --- Loaded on first use (PEP 562). Each name stands here twice: for readers' tools, and to run. --

if TYPE_CHECKING:
    from . import accelerator as accelerator
    from . import amp as amp
    from . import autograd as autograd
    from . import backends as backends
    from . import compiler as compiler
    from . import cpu as cpu
    from . import cuda as cuda
    from . import distributions as distributions
    from . import distributed as distributed
    from . import explain as explain
    from . import fft as fft
    from . import func as func
    from . import hub as hub
    from . import jit as jit
    from . import linalg as linalg
    from . import masked as masked
    from . import mps as mps
    from . import multiprocessing as multiprocessing
    from . import nn as nn
    from . import onnx as onnx
    from . import optim as optim
    from . import profiler as profiler
    from . import random as random
    from . import serialization as serialization
    from . import signal as signal
    from . import sparse as sparse
    from . import special as special
    from . import testing as testing
    from . import types as types
    from . import utils as utils
    from . import version as version
    from . import xpu as xpu
    from .alias import alias_torch as alias_torch
    from .accelerator import AcceleratorError as AcceleratorError
    from .compiler import compile as compile
    from .cuda.memory import OutOfMemoryError as OutOfMemoryError
    from .functions.devices import get_device_module as get_device_module
    from .amp.autocast_mode import (
        autocast as autocast,
        autocast_decrement_nesting as autocast_decrement_nesting,
        autocast_increment_nesting as autocast_increment_nesting,
        clear_autocast_cache as clear_autocast_cache,
        get_autocast_cpu_dtype as get_autocast_cpu_dtype,
        get_autocast_dtype as get_autocast_dtype,
        get_autocast_gpu_dtype as get_autocast_gpu_dtype,
        is_autocast_cache_enabled as is_autocast_cache_enabled,
        is_autocast_cpu_enabled as is_autocast_cpu_enabled,
        is_autocast_enabled as is_autocast_enabled,
        set_autocast_cache_enabled as set_autocast_cache_enabled,
        set_autocast_cpu_dtype as set_autocast_cpu_dtype,
        set_autocast_cpu_enabled as set_autocast_cpu_enabled,
        set_autocast_dtype as set_autocast_dtype,
        set_autocast_enabled as set_autocast_enabled,
    )
    from .autograd.anomaly_mode import (
        is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
        is_anomaly_enabled as is_anomaly_enabled,
        set_anomaly_enabled as set_anomaly_enabled,
    )
    from .functions.bessel import i0 as i0, i0_ as i0_
    from .functions.windows import (
        bartlett_window as bartlett_window,
        blackman_window as blackman_window,
        hamming_window as hamming_window,
        hann_window as hann_window,
        kaiser_window as kaiser_window,
    )
    from .functions.histograms import histogram as histogram, histogramdd as histogramdd
    from .functions.spectrogram import istft as istft, stft as stft
    from .functions.statistics import (
        corrcoef as corrcoef,
        cov as cov,
        cumulative_trapezoid as cumulative_trapezoid,
        gradient as gradient,
        hash_tensor as hash_tensor,
        renorm as renorm,
        trapezoid as trapezoid,
        trapz as trapz,
    )
    from .functions.fractions import frexp as frexp
    from .functions.gamma import igamma as igamma, igammac as igammac, mvlgamma as mvlgamma
    from .functions.pathwise import (
        _dirichlet_grad as _dirichlet_grad,
        _sample_dirichlet as _sample_dirichlet,
        _standard_gamma as _standard_gamma,
        _standard_gamma_grad as _standard_gamma_grad,
    )
    from .functions.copies import (
        alias_copy as alias_copy,
        as_strided_copy as as_strided_copy,
        detach_copy as detach_copy,
        diagonal_copy as diagonal_copy,
        expand_copy as expand_copy,
        narrow_copy as narrow_copy,
        permute_copy as permute_copy,
        select_copy as select_copy,
        slice_copy as slice_copy,
        split_copy as split_copy,
        split_with_sizes_copy as split_with_sizes_copy,
        squeeze_copy as squeeze_copy,
        t_copy as t_copy,
        transpose_copy as transpose_copy,
        unbind_copy as unbind_copy,
        unfold_copy as unfold_copy,
        unsafe_chunk as unsafe_chunk,
        unsafe_split as unsafe_split,
        unsafe_split_with_sizes as unsafe_split_with_sizes,
        unsqueeze_copy as unsqueeze_copy,
        view_as_complex_copy as view_as_complex_copy,
        view_as_real_copy as view_as_real_copy,
        view_copy as view_copy,
    )
    from .functions.conversion import get_device as get_device
    from .functions.gathering import index_put_ as index_put_
    from .functions.geometry import as_strided_ as as_strided_
    from .functions.places import (
        argwhere as argwhere,
        nonzero_static as nonzero_static,
        unravel_index as unravel_index,
    )
    from .functions.questions import (
        is_distributed as is_distributed,
        is_same_size as is_same_size,
        is_signed as is_signed,
    )
    from .functions.tensor_methods import (
        detach as detach,
        detach_ as detach_,
        is_inference as is_inference,
    )
    from .functions.neural.convolution import (
        conv1d as conv1d,
        conv2d as conv2d,
        conv3d as conv3d,
        conv_tbc as conv_tbc,
        conv_transpose1d as conv_transpose1d,
        conv_transpose2d as conv_transpose2d,
        conv_transpose3d as conv_transpose3d,
        convolution as convolution,
    )
    from .functions.distances import cdist as cdist, pdist as pdist
    from .functions.neural.linear import bilinear as bilinear
    from .functions.neural.packing import (
        _pack_padded_sequence as _pack_padded_sequence,
        _pad_packed_sequence as _pad_packed_sequence,
    )
    from .functions.neural.recurrent import (
        gru as gru,
        gru_cell as gru_cell,
        lstm as lstm,
        lstm_cell as lstm_cell,
        rnn_relu as rnn_relu,
        rnn_relu_cell as rnn_relu_cell,
        rnn_tanh as rnn_tanh,
        rnn_tanh_cell as rnn_tanh_cell,
    )
    from .functions.neural.native_norms import (
        native_batch_norm as native_batch_norm,
        native_group_norm as native_group_norm,
        native_layer_norm as native_layer_norm,
    )
    from .functions.neural.distances import (
        cosine_similarity as cosine_similarity,
        pairwise_distance as pairwise_distance,
    )
    from .functions.neural.sampling_points import (
        affine_grid_generator as affine_grid_generator,
        grid_sampler as grid_sampler,
        grid_sampler_2d as grid_sampler_2d,
        grid_sampler_3d as grid_sampler_3d,
    )
    from .functions.neural.normalization import (
        group_norm as group_norm,
        layer_norm as layer_norm,
        rms_norm as rms_norm,
    )
    from .functions.linalg import (
        det as det,
        inverse as inverse,
        logdet as logdet,
        matrix_power as matrix_power,
    )
    from .functions.factorization import (
        cholesky_inverse as cholesky_inverse,
        cholesky_solve as cholesky_solve,
        geqrf as geqrf,
        ormqr as ormqr,
    )
    from .functions.triangular import (
        triangular_solve as triangular_solve,
    )
    from .functions.lu import (
        lu_unpack as lu_unpack,
    )
    from .functions.spectral import (
        matrix_exp as matrix_exp,
    )
    from .functions.older_linalg import (
        cholesky as cholesky,
        lu as lu,
        lu_solve as lu_solve,
        orgqr as orgqr,
        pca_lowrank as pca_lowrank,
        pinverse as pinverse,
        qr as qr,
        slogdet as slogdet,
        svd as svd,
        svd_lowrank as svd_lowrank,
        vander as vander,
    )
    from .functions.neural.adaptive import (
        adaptive_avg_pool1d as adaptive_avg_pool1d,
    )
    from .functions.neural.dropout import native_dropout as native_dropout
    from .functions.neural.padding import (
        constant_pad_nd as constant_pad_nd,
    )
    from .functions.neural.pooling import (
        avg_pool1d as avg_pool1d,
    )
    from .functions.neural.shuffling import (
        channel_shuffle as channel_shuffle,
        native_channel_shuffle as native_channel_shuffle,
        pixel_shuffle as pixel_shuffle,
        pixel_unshuffle as pixel_unshuffle,
    )
    from .functions.neural.at_root import (
        adaptive_max_pool1d as adaptive_max_pool1d,
        alpha_dropout as alpha_dropout,
        alpha_dropout_ as alpha_dropout_,
        batch_norm as batch_norm,
        binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
        cosine_embedding_loss as cosine_embedding_loss,
        ctc_loss as ctc_loss,
        dropout as dropout,
        dropout_ as dropout_,
        embedding as embedding,
        embedding_bag as embedding_bag,
        embedding_renorm_ as embedding_renorm_,
        feature_alpha_dropout as feature_alpha_dropout,
        feature_alpha_dropout_ as feature_alpha_dropout_,
        feature_dropout as feature_dropout,
        feature_dropout_ as feature_dropout_,
        hinge_embedding_loss as hinge_embedding_loss,
        instance_norm as instance_norm,
        kl_div as kl_div,
        margin_ranking_loss as margin_ranking_loss,
        max_pool1d as max_pool1d,
        max_pool1d_with_indices as max_pool1d_with_indices,
        max_pool2d as max_pool2d,
        max_pool3d as max_pool3d,
        poisson_nll_loss as poisson_nll_loss,
        triplet_margin_loss as triplet_margin_loss,
    )
    from .functions.older_linalg import (
        frobenius_norm as frobenius_norm,
        nuclear_norm as nuclear_norm,
    )
    from .functions.sparse.construction import (
        sparse_bsc_tensor as sparse_bsc_tensor,
        sparse_bsr_tensor as sparse_bsr_tensor,
        sparse_compressed_tensor as sparse_compressed_tensor,
        sparse_coo_tensor as sparse_coo_tensor,
        sparse_csc_tensor as sparse_csc_tensor,
        sparse_csr_tensor as sparse_csr_tensor,
    )
    from .functions.sparse.copies import (
        ccol_indices_copy as ccol_indices_copy,
        col_indices_copy as col_indices_copy,
        crow_indices_copy as crow_indices_copy,
        indices_copy as indices_copy,
        row_indices_copy as row_indices_copy,
        values_copy as values_copy,
    )
    from .functions.sparse.methods import resize_as_sparse_ as resize_as_sparse_
    from .functions.sparse.products import (
        dsmm as dsmm,
        hsmm as hsmm,
        hspmm as hspmm,
        saddmm as saddmm,
        smm as smm,
        spmm as spmm,
        sspaddmm as sspaddmm,
    )
    from .functions.symbolic import (
        sym_float as sym_float,
        sym_int as sym_int,
        sym_ite as sym_ite,
        sym_max as sym_max,
        sym_min as sym_min,
        sym_not as sym_not,
        sym_sqrt as sym_sqrt,
        sym_sum as sym_sum,
    )
    from .functions.control_flow import (
        cond as cond,
    )
    from .functions.files import (
        from_file as from_file,
    )
    from .functions.lobpcg import (
        lobpcg as lobpcg,
    )
    from .functions.removed import (
        eig as eig,
        lstsq as lstsq,
        matrix_rank as matrix_rank,
        solve as solve,
        symeig as symeig,
    )
    from .functions.questions import (
        is_storage as is_storage,
    )
    from .explain import explaining as explaining, why as why, why_alive as why_alive
    from .func import vmap as vmap
    from .serialization import load as load, save as save

__version__ = "0.1.0"

# compiled kernels for large arrays, loaded with the first of them
_provide(lambda: import_module(".compiler.eager", __name__).kernel)

_INSIDE = frozenset(
    {"core", "errors", "functions", "import_module", "lazy", "ops", "TYPE_CHECKING", "Any"}
)

# Not a literal: a type checker reads the imports above, and a list would be the same names again.
globals()["__all__"] = sorted(
    {name for name in globals() if not name.startswith("_") and name not in _INSIDE}
    | _SUBMODULES
    | set(_LAZY)
)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES or name in _UNLISTED:
        return import_module(f".{name}", __name__)  # which also sets the attribute
    if name in _LAZY:
        value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
        _hush()  # what has just been loaded too
        globals()[name] = value
        return value
    raise import_module(".alias", __name__).missing_attribute(__name__, name, __dir__())


def __dir__() -> list[str]:
    names = globals()
    return sorted({*names["__all__"], *(name for name in names if name.startswith("__"))})
