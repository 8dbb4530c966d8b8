"""The methods of Tensor: one literal line each, so that a search finds them.

The marks for pyright: it takes these lines, which put a property or class method into the class,
for writes to a property of an instance. `tools/stubs.py` writes the types of all this."""

from ..core.tensor import Tensor
from . import (
    bits,
    comparison,
    complex,
    contraction,
    conversion,
    creation,
    cumulative,
    elementwise,
    expansion,
    extremes,
    from_data,
    gathering,
    geometry,
    indexing,
    legacy,
    norms,
    parts,
    powers,
    products,
    random,
    random_fills,
    reduction,
    reordering,
    rounding,
    scattering,
    selection,
    shape,
    sorting,
    special,
    splitting,
    tensor_methods,
    transcendental,
)
from .later import later
from .neural import activation, softmax

# --- elementwise and comparison (subject files: elementwise, comparison) --------------------------

Tensor.add = elementwise.add
Tensor.sub = elementwise.sub
Tensor.subtract = elementwise.subtract
Tensor.mul = elementwise.mul
Tensor.multiply = elementwise.multiply
Tensor.neg = elementwise.neg
Tensor.negative = elementwise.negative
Tensor.positive = elementwise.positive
Tensor.addcmul = elementwise.addcmul
Tensor.addcdiv = elementwise.addcdiv
Tensor.lerp = elementwise.lerp
Tensor.true_divide = elementwise.true_divide
Tensor.div = elementwise.div
Tensor.divide = elementwise.divide
Tensor.floor_divide = elementwise.floor_divide
Tensor.reciprocal = elementwise.reciprocal
Tensor.pow = powers.pow
Tensor.float_power = powers.float_power
Tensor.square = powers.square
Tensor.sqrt = powers.sqrt
Tensor.rsqrt = powers.rsqrt
Tensor.hypot = powers.hypot
Tensor.add_ = elementwise.add_
Tensor.sub_ = elementwise.sub_
Tensor.mul_ = elementwise.mul_
Tensor.div_ = elementwise.div_
Tensor.subtract_ = elementwise.subtract_
Tensor.multiply_ = elementwise.multiply_
Tensor.divide_ = elementwise.divide_
Tensor.true_divide_ = elementwise.true_divide_
Tensor.floor_divide_ = elementwise.floor_divide_
Tensor.neg_ = elementwise.neg_
Tensor.negative_ = elementwise.negative_
Tensor.reciprocal_ = elementwise.reciprocal_
Tensor.addcmul_ = elementwise.addcmul_
Tensor.addcdiv_ = elementwise.addcdiv_
Tensor.lerp_ = elementwise.lerp_
Tensor.pow_ = powers.pow_
Tensor.float_power_ = powers.float_power_
Tensor.square_ = powers.square_
Tensor.sqrt_ = powers.sqrt_
Tensor.rsqrt_ = powers.rsqrt_
Tensor.hypot_ = powers.hypot_

Tensor.exp = transcendental.exp
Tensor.exp2 = transcendental.exp2
Tensor.expm1 = transcendental.expm1
Tensor.log = transcendental.log
Tensor.log2 = transcendental.log2
Tensor.log10 = transcendental.log10
Tensor.log1p = transcendental.log1p
Tensor.sin = transcendental.sin
Tensor.cos = transcendental.cos
Tensor.tan = transcendental.tan
Tensor.asin = transcendental.asin
Tensor.acos = transcendental.acos
Tensor.atan = transcendental.atan
Tensor.sinh = transcendental.sinh
Tensor.cosh = transcendental.cosh
Tensor.tanh = transcendental.tanh
Tensor.asinh = transcendental.asinh
Tensor.acosh = transcendental.acosh
Tensor.atanh = transcendental.atanh
Tensor.arcsin = transcendental.arcsin
Tensor.arccos = transcendental.arccos
Tensor.arctan = transcendental.arctan
Tensor.arcsinh = transcendental.arcsinh
Tensor.arccosh = transcendental.arccosh
Tensor.arctanh = transcendental.arctanh
Tensor.deg2rad = transcendental.deg2rad
Tensor.rad2deg = transcendental.rad2deg
Tensor.sinc = transcendental.sinc
Tensor.atan2 = transcendental.atan2
Tensor.arctan2 = transcendental.arctan2
Tensor.sigmoid = transcendental.sigmoid
Tensor.logit = transcendental.logit
Tensor.logaddexp = transcendental.logaddexp
Tensor.logaddexp2 = transcendental.logaddexp2
Tensor.xlogy = transcendental.xlogy
Tensor.ldexp = transcendental.ldexp
Tensor.exp_ = transcendental.exp_
Tensor.exp2_ = transcendental.exp2_
Tensor.expm1_ = transcendental.expm1_
Tensor.log_ = transcendental.log_
Tensor.log2_ = transcendental.log2_
Tensor.log10_ = transcendental.log10_
Tensor.log1p_ = transcendental.log1p_
Tensor.sin_ = transcendental.sin_
Tensor.cos_ = transcendental.cos_
Tensor.tan_ = transcendental.tan_
Tensor.asin_ = transcendental.asin_
Tensor.acos_ = transcendental.acos_
Tensor.atan_ = transcendental.atan_
Tensor.sinh_ = transcendental.sinh_
Tensor.cosh_ = transcendental.cosh_
Tensor.tanh_ = transcendental.tanh_
Tensor.asinh_ = transcendental.asinh_
Tensor.acosh_ = transcendental.acosh_
Tensor.atanh_ = transcendental.atanh_
Tensor.deg2rad_ = transcendental.deg2rad_
Tensor.rad2deg_ = transcendental.rad2deg_
Tensor.sinc_ = transcendental.sinc_
Tensor.sigmoid_ = transcendental.sigmoid_
Tensor.logit_ = transcendental.logit_
Tensor.xlogy_ = transcendental.xlogy_
Tensor.ldexp_ = transcendental.ldexp_
Tensor.atan2_ = transcendental.atan2_
Tensor.arcsin_ = transcendental.arcsin_
Tensor.arccos_ = transcendental.arccos_
Tensor.arctan_ = transcendental.arctan_
Tensor.arctan2_ = transcendental.arctan2_
Tensor.arcsinh_ = transcendental.arcsinh_
Tensor.arccosh_ = transcendental.arccosh_
Tensor.arctanh_ = transcendental.arctanh_

Tensor.maximum = selection.maximum
Tensor.minimum = selection.minimum
Tensor.fmax = selection.fmax
Tensor.fmin = selection.fmin
Tensor.clamp = selection.clamp
Tensor.clip = selection.clip
Tensor.clamp_min = selection.clamp_min
Tensor.clamp_max = selection.clamp_max
Tensor.clamp_ = selection.clamp_
Tensor.clip_ = selection.clip_
Tensor.clamp_min_ = selection.clamp_min_
Tensor.clamp_max_ = selection.clamp_max_

Tensor.floor = rounding.floor
Tensor.ceil = rounding.ceil
Tensor.trunc = rounding.trunc
Tensor.fix = rounding.fix
Tensor.round = rounding.round
Tensor.frac = rounding.frac
Tensor.abs = rounding.abs
Tensor.absolute = rounding.absolute
Tensor.sgn = rounding.sgn
Tensor.sign = rounding.sign
Tensor.copysign = rounding.copysign
Tensor.remainder = rounding.remainder
Tensor.fmod = rounding.fmod
Tensor.nan_to_num = rounding.nan_to_num
Tensor.heaviside = rounding.heaviside
Tensor.nextafter = rounding.nextafter
Tensor.floor_ = rounding.floor_
Tensor.ceil_ = rounding.ceil_
Tensor.trunc_ = rounding.trunc_
Tensor.fix_ = rounding.fix_
Tensor.round_ = rounding.round_
Tensor.frac_ = rounding.frac_
Tensor.abs_ = rounding.abs_
Tensor.absolute_ = rounding.absolute_
Tensor.sign_ = rounding.sign_
Tensor.sgn_ = rounding.sgn_
Tensor.copysign_ = rounding.copysign_
Tensor.remainder_ = rounding.remainder_
Tensor.fmod_ = rounding.fmod_
Tensor.nan_to_num_ = rounding.nan_to_num_
Tensor.heaviside_ = rounding.heaviside_
Tensor.nextafter_ = rounding.nextafter_

Tensor.bitwise_and = bits.bitwise_and
Tensor.bitwise_or = bits.bitwise_or
Tensor.bitwise_xor = bits.bitwise_xor
Tensor.bitwise_not = bits.bitwise_not
Tensor.bitwise_left_shift = bits.bitwise_left_shift
Tensor.bitwise_right_shift = bits.bitwise_right_shift
Tensor.gcd = bits.gcd
Tensor.lcm = bits.lcm
Tensor.bitwise_and_ = bits.bitwise_and_
Tensor.bitwise_or_ = bits.bitwise_or_
Tensor.bitwise_xor_ = bits.bitwise_xor_
Tensor.bitwise_not_ = bits.bitwise_not_
Tensor.bitwise_left_shift_ = bits.bitwise_left_shift_
Tensor.bitwise_right_shift_ = bits.bitwise_right_shift_
Tensor.gcd_ = bits.gcd_
Tensor.lcm_ = bits.lcm_

Tensor.eq = comparison.eq
Tensor.ne = comparison.ne
Tensor.lt = comparison.lt
Tensor.le = comparison.le
Tensor.gt = comparison.gt
Tensor.ge = comparison.ge
Tensor.not_equal = comparison.not_equal
Tensor.less = comparison.less
Tensor.less_equal = comparison.less_equal
Tensor.greater = comparison.greater
Tensor.greater_equal = comparison.greater_equal
Tensor.equal = comparison.equal
Tensor.isclose = comparison.isclose
Tensor.allclose = comparison.allclose
Tensor.isnan = comparison.isnan
Tensor.isinf = comparison.isinf
Tensor.isfinite = comparison.isfinite
Tensor.signbit = comparison.signbit
Tensor.isreal = comparison.isreal
Tensor.isposinf = comparison.isposinf
Tensor.isneginf = comparison.isneginf
Tensor.is_complex = comparison.is_complex
Tensor.is_floating_point = comparison.is_floating_point
Tensor.is_nonzero = comparison.is_nonzero
Tensor.logical_and = comparison.logical_and
Tensor.logical_or = comparison.logical_or
Tensor.logical_xor = comparison.logical_xor
Tensor.logical_not = comparison.logical_not
Tensor.eq_ = comparison.eq_
Tensor.ne_ = comparison.ne_
Tensor.not_equal_ = comparison.not_equal_
Tensor.lt_ = comparison.lt_
Tensor.less_ = comparison.less_
Tensor.le_ = comparison.le_
Tensor.less_equal_ = comparison.less_equal_
Tensor.gt_ = comparison.gt_
Tensor.greater_ = comparison.greater_
Tensor.ge_ = comparison.ge_
Tensor.greater_equal_ = comparison.greater_equal_
Tensor.logical_and_ = comparison.logical_and_
Tensor.logical_or_ = comparison.logical_or_
Tensor.logical_xor_ = comparison.logical_xor_
Tensor.logical_not_ = comparison.logical_not_

Tensor.erf = special.erf
Tensor.erfc = special.erfc
Tensor.erfinv = special.erfinv
Tensor.lgamma = special.lgamma
Tensor.digamma = special.digamma
Tensor.polygamma = special.polygamma_of
Tensor.erf_ = special.erf_
Tensor.erfc_ = special.erfc_
Tensor.erfinv_ = special.erfinv_
Tensor.lgamma_ = special.lgamma_
Tensor.digamma_ = special.digamma_
Tensor.polygamma_ = special.polygamma_

Tensor.conj = complex.conj
Tensor.conj_physical = complex.conj_physical
Tensor.resolve_conj = complex.resolve_conj
Tensor.resolve_neg = complex.resolve_neg
Tensor.is_conj = complex.is_conj
Tensor.is_neg = complex.is_neg
Tensor.angle = complex.angle
Tensor.conj_physical_ = complex.conj_physical_

Tensor.where = selection.where_method
Tensor.real = property(complex.real, complex.set_real)  # pyright: ignore
Tensor.imag = property(complex.imag, complex.set_imag)  # pyright: ignore

Tensor.__add__ = elementwise.add.operator
Tensor.__radd__ = elementwise.add.operator
Tensor.__iadd__ = elementwise.add_
Tensor.__sub__ = elementwise.sub.operator
Tensor.__rsub__ = elementwise.minus_from
Tensor.__isub__ = elementwise.sub_
Tensor.__mul__ = elementwise.mul.operator
Tensor.__rmul__ = elementwise.mul.operator
Tensor.__imul__ = elementwise.mul_
Tensor.__truediv__ = elementwise.true_divide.operator
Tensor.__rtruediv__ = elementwise.divide_from
Tensor.__itruediv__ = elementwise.div_
Tensor.__floordiv__ = elementwise.floor_divide.operator
Tensor.__rfloordiv__ = elementwise.as_operator(elementwise.floor_divide, reflected=True)
Tensor.__ifloordiv__ = elementwise.floor_divide_
Tensor.__mod__ = elementwise.as_operator(rounding.remainder)
Tensor.__rmod__ = elementwise.as_operator(rounding.remainder, reflected=True)
Tensor.__imod__ = rounding.remainder_
Tensor.__pow__ = powers.power
Tensor.__rpow__ = powers.power_from
Tensor.__ipow__ = powers.pow_
Tensor.__neg__ = elementwise.neg
Tensor.__pos__ = elementwise.positive
Tensor.__abs__ = rounding.abs
Tensor.__invert__ = bits.invert
Tensor.__and__ = elementwise.as_operator(bits.bitwise_and)
Tensor.__rand__ = elementwise.as_operator(bits.bitwise_and, reflected=True)
Tensor.__iand__ = bits.bitwise_and_
Tensor.__or__ = elementwise.as_operator(bits.bitwise_or)
Tensor.__ror__ = elementwise.as_operator(bits.bitwise_or, reflected=True)
Tensor.__ior__ = bits.bitwise_or_
Tensor.__xor__ = elementwise.as_operator(bits.bitwise_xor)
Tensor.__rxor__ = elementwise.as_operator(bits.bitwise_xor, reflected=True)
Tensor.__ixor__ = bits.bitwise_xor_
Tensor.__lshift__ = elementwise.as_operator(bits.bitwise_left_shift)
Tensor.__rlshift__ = elementwise.as_operator(bits.bitwise_left_shift, reflected=True)
Tensor.__ilshift__ = bits.bitwise_left_shift_
Tensor.__rshift__ = elementwise.as_operator(bits.bitwise_right_shift)
Tensor.__rrshift__ = elementwise.as_operator(bits.bitwise_right_shift, reflected=True)
Tensor.__irshift__ = bits.bitwise_right_shift_
Tensor.__eq__ = comparison.eq.operator
Tensor.__ne__ = comparison.ne.operator
Tensor.__lt__ = comparison.lt.operator
Tensor.__le__ = comparison.le.operator
Tensor.__gt__ = comparison.gt.operator
Tensor.__ge__ = comparison.ge.operator

# --- reduction and sorting ------------------------------------------------------------------------

Tensor.sum = reduction.sum
Tensor.mean = reduction.mean
Tensor.nansum = reduction.nansum
Tensor.nanmean = reduction.nanmean
Tensor.prod = reduction.prod
Tensor.var = reduction.var
Tensor.std = reduction.std
Tensor.logsumexp = reduction.logsumexp
Tensor.any = reduction.any
Tensor.all = reduction.all
Tensor.count_nonzero = reduction.count_nonzero
Tensor.max = extremes.max
Tensor.min = extremes.min
Tensor.amax = extremes.amax
Tensor.amin = extremes.amin
Tensor.aminmax = extremes.aminmax
Tensor.argmax = extremes.argmax
Tensor.argmin = extremes.argmin
Tensor.norm = norms.norm
Tensor.dist = norms.dist
Tensor.cumsum = cumulative.cumsum
Tensor.cumprod = cumulative.cumprod
Tensor.logcumsumexp = cumulative.logcumsumexp
Tensor.cummax = cumulative.cummax
Tensor.cummin = cumulative.cummin
Tensor.diff = cumulative.diff
Tensor.cumsum_ = cumulative.cumsum_
Tensor.cumprod_ = cumulative.cumprod_
Tensor.sort = sorting.sort
Tensor.argsort = sorting.argsort
Tensor.msort = sorting.msort
Tensor.topk = sorting.topk
Tensor.kthvalue = sorting.kthvalue
Tensor.median = sorting.median
Tensor.nanmedian = sorting.nanmedian
Tensor.mode = sorting.mode
Tensor.quantile = sorting.quantile
Tensor.nanquantile = sorting.nanquantile
Tensor.unique = sorting.unique
Tensor.unique_consecutive = sorting.unique_consecutive
Tensor.bincount = sorting.bincount
Tensor.histc = sorting.histc

# --- shape and indexing ---------------------------------------------------------------------------

Tensor.size = geometry.size
Tensor.stride = geometry.stride
Tensor.storage_offset = geometry.storage_offset
Tensor.numel = geometry.numel
Tensor.nelement = geometry.numel
Tensor.dim = geometry.dim
Tensor.ndimension = geometry.dim
Tensor.element_size = geometry.element_size
Tensor.data_ptr = geometry.data_ptr
Tensor.untyped_storage = geometry.untyped_storage
Tensor.storage = geometry.storage
Tensor.t_ = geometry.t_
Tensor.transpose_ = geometry.transpose_
Tensor.swapaxes_ = geometry.swapaxes_
Tensor.swapdims_ = geometry.swapdims_
Tensor.unsqueeze_ = geometry.unsqueeze_
Tensor.squeeze_ = geometry.squeeze_
Tensor.as_strided_ = geometry.as_strided_
Tensor.resize_ = geometry.resize_
Tensor.resize_as_ = geometry.resize_as_
Tensor.set_ = geometry.set_
Tensor.nbytes = property(geometry.nbytes)  # pyright: ignore
Tensor.itemsize = property(geometry.element_size)  # pyright: ignore
Tensor.view = shape.view
Tensor.view_as = shape.view_as
Tensor.reshape = shape.reshape
Tensor.reshape_as = shape.reshape_as
Tensor.flatten = shape.flatten
Tensor.unflatten = shape.unflatten
Tensor.ravel = shape.ravel
Tensor.contiguous = shape.contiguous
Tensor.is_contiguous = shape.is_contiguous
Tensor.permute = shape.permute
Tensor.transpose = shape.transpose
Tensor.swapaxes = shape.swapaxes
Tensor.swapdims = shape.swapdims
Tensor.t = shape.t
Tensor.adjoint = shape.adjoint
Tensor.movedim = shape.movedim
Tensor.moveaxis = shape.moveaxis
Tensor.squeeze = shape.squeeze
Tensor.unsqueeze = shape.unsqueeze
Tensor.expand = expansion.expand
Tensor.expand_as = expansion.expand_as
Tensor.sum_to_size = expansion.sum_to_size
Tensor.broadcast_to = expansion.broadcast_to
Tensor.T = property(shape.numpy_T)  # pyright: ignore
Tensor.mT = property(shape.matrix_T)  # pyright: ignore
Tensor.H = property(shape.matrix_H)  # pyright: ignore
Tensor.mH = property(shape.adjoint)  # pyright: ignore
Tensor.narrow = parts.narrow
Tensor.select = parts.select
Tensor.diagonal = parts.diagonal
Tensor.unfold = parts.unfold
Tensor.as_strided = parts.as_strided
Tensor.select_scatter = parts.select_scatter
Tensor.slice_scatter = parts.slice_scatter
Tensor.diagonal_scatter = parts.diagonal_scatter
Tensor.fill_diagonal_ = parts.fill_diagonal_
Tensor.as_strided_scatter = parts.as_strided_scatter
Tensor.split = splitting.split
Tensor.split_with_sizes = splitting.split_with_sizes
Tensor.chunk = splitting.chunk
Tensor.tensor_split = splitting.tensor_split
Tensor.hsplit = splitting.hsplit
Tensor.vsplit = splitting.vsplit
Tensor.dsplit = splitting.dsplit
Tensor.unbind = splitting.unbind
Tensor.__iter__ = splitting.iterate
Tensor.__len__ = splitting.length
Tensor.__contains__ = splitting.contains
Tensor.__reversed__ = splitting.backwards
Tensor.repeat = reordering.repeat
Tensor.tile = reordering.tile
Tensor.repeat_interleave = reordering.repeat_interleave
Tensor.flip = reordering.flip
Tensor.fliplr = reordering.fliplr
Tensor.flipud = reordering.flipud
Tensor.rot90 = reordering.rot90
Tensor.roll = reordering.roll
Tensor.diag = reordering.diag
Tensor.diag_embed = reordering.diag_embed
Tensor.diagflat = reordering.diagflat
Tensor.tril = reordering.tril
Tensor.tril_ = reordering.tril_
Tensor.triu = reordering.triu
Tensor.triu_ = reordering.triu_
Tensor.__getitem__ = indexing.getitem
Tensor.__setitem__ = indexing.setitem
Tensor.__delitem__ = indexing.delitem
Tensor.index_select = gathering.index_select
Tensor.index_add = gathering.index_add
Tensor.index_add_ = gathering.index_add_
Tensor.index_copy = gathering.index_copy
Tensor.index_copy_ = gathering.index_copy_
Tensor.index_fill = gathering.index_fill
Tensor.index_fill_ = gathering.index_fill_
Tensor.index_put = gathering.index_put
Tensor.index_put_ = gathering.index_put_
Tensor.take = gathering.take
Tensor.put = gathering.put
Tensor.put_ = gathering.put_
Tensor.masked_select = gathering.masked_select
Tensor.masked_fill = gathering.masked_fill
Tensor.masked_fill_ = gathering.masked_fill_
Tensor.masked_scatter = gathering.masked_scatter
Tensor.masked_scatter_ = gathering.masked_scatter_
Tensor.nonzero = gathering.nonzero
Tensor.gather = scattering.gather
Tensor.take_along_dim = scattering.take_along_dim
Tensor.scatter = scattering.scatter
Tensor.scatter_ = scattering.scatter_
Tensor.scatter_add = scattering.scatter_add
Tensor.scatter_add_ = scattering.scatter_add_
Tensor.scatter_reduce = scattering.scatter_reduce
Tensor.scatter_reduce_ = scattering.scatter_reduce_
Tensor.index_reduce = scattering.index_reduce
Tensor.index_reduce_ = scattering.index_reduce_

# --- contraction, linalg, neural ------------------------------------------------------------------

Tensor.matmul = contraction.matmul
Tensor.mm = contraction.mm
Tensor.mv = contraction.mv
Tensor.bmm = contraction.bmm
Tensor.dot = contraction.dot
Tensor.vdot = contraction.vdot
Tensor.addmm = contraction.addmm
Tensor.addmv = contraction.addmv
Tensor.addbmm = contraction.addbmm
Tensor.baddbmm = contraction.baddbmm
Tensor.addr = contraction.addr
Tensor.addmm_ = contraction.addmm_
Tensor.addmv_ = contraction.addmv_
Tensor.addbmm_ = contraction.addbmm_
Tensor.baddbmm_ = contraction.baddbmm_
Tensor.addr_ = contraction.addr_
Tensor.__matmul__ = contraction.matmul
Tensor.__rmatmul__ = contraction.rmatmul
Tensor.inner = products.inner
Tensor.outer = products.outer
Tensor.ger = products.ger
Tensor.kron = products.kron
Tensor.cross = products.cross
Tensor.trace = products.trace
Tensor.relu = activation.relu
Tensor.relu_ = activation.relu_
Tensor.prelu = activation.prelu
Tensor.hardshrink = activation.hardshrink
Tensor.softmax = softmax.torch_softmax
Tensor.log_softmax = softmax.torch_log_softmax

# --- creation, conversion and random --------------------------------------------------------------

Tensor.__new__ = staticmethod(legacy.construct)
Tensor._make_subclass = staticmethod(legacy.make_subclass)
Tensor.new = legacy.new_of_type
Tensor.new_empty = creation.new_empty
Tensor.new_zeros = creation.new_zeros
Tensor.new_ones = creation.new_ones
Tensor.new_full = creation.new_full
Tensor.new_empty_strided = creation.new_empty_strided
Tensor.new_tensor = from_data.new_tensor
Tensor.to = conversion.to
Tensor.type_as = conversion.type_as
Tensor.cpu = conversion.cpu
Tensor.cuda = conversion.cuda
Tensor.clone = conversion.clone
Tensor.copy_ = conversion.copy_
Tensor.fill_ = conversion.fill_
Tensor.zero_ = conversion.zero_
Tensor.get_device = conversion.get_device
Tensor.is_pinned = conversion.is_pinned
Tensor.pin_memory = conversion.pin_memory
Tensor.share_memory_ = later("sharing", "share_memory_")
Tensor.half = conversion.half
Tensor.bfloat16 = conversion.bfloat16
Tensor.double = conversion.double
Tensor.char = conversion.char
Tensor.short = conversion.short
Tensor.long = conversion.long
Tensor.byte = conversion.byte
Tensor.cfloat = conversion.cfloat
Tensor.cdouble = conversion.cdouble
Tensor.float = conversion.float_
Tensor.int = conversion.int_
Tensor.bool = conversion.bool_
Tensor.type = legacy.type_
Tensor.is_cpu = property(conversion.yes)  # pyright: ignore
Tensor.is_cuda = property(conversion.no)  # pyright: ignore
Tensor.is_sparse = property(conversion.no)  # pyright: ignore
Tensor.is_sparse_csr = property(conversion.no)  # pyright: ignore
Tensor.is_quantized = property(conversion.no)  # pyright: ignore
Tensor.is_mkldnn = property(conversion.no)  # pyright: ignore
Tensor.is_meta = property(conversion.no)  # pyright: ignore
Tensor.is_xla = property(conversion.no)  # pyright: ignore
Tensor.is_xpu = property(conversion.no)  # pyright: ignore
Tensor.is_mps = property(conversion.no)  # pyright: ignore
Tensor.is_nested = property(conversion.no)  # pyright: ignore
Tensor.is_vulkan = property(conversion.no)  # pyright: ignore
Tensor.is_ipu = property(conversion.no)  # pyright: ignore
Tensor.is_mtia = property(conversion.no)  # pyright: ignore
Tensor.is_maia = property(conversion.no)  # pyright: ignore
Tensor.is_shared = later("sharing", "is_shared")
Tensor.device = property(conversion.get_device_of)  # pyright: ignore
Tensor.layout = property(conversion.get_layout)  # pyright: ignore
Tensor.bernoulli = random.bernoulli
Tensor.multinomial = random.multinomial
Tensor.uniform_ = random_fills.uniform_
Tensor.normal_ = random_fills.normal_
Tensor.random_ = random_fills.random_
Tensor.bernoulli_ = random_fills.bernoulli_
Tensor.exponential_ = random_fills.exponential_
Tensor.cauchy_ = random_fills.cauchy_
Tensor.log_normal_ = random_fills.log_normal_
Tensor.geometric_ = random_fills.geometric_

# --- the tensor itself: representation, conversion to NumPy, copies (subject file: tensor_methods)

Tensor.__repr__ = tensor_methods.tensor_repr
Tensor.__format__ = tensor_methods.tensor_format
Tensor.item = tensor_methods.item
Tensor.tolist = tensor_methods.tolist
Tensor.__bool__ = tensor_methods.tensor_bool
Tensor.__int__ = tensor_methods.tensor_int
Tensor.__float__ = tensor_methods.tensor_float
Tensor.__complex__ = tensor_methods.tensor_complex
Tensor.__index__ = tensor_methods.tensor_index
Tensor.numpy = tensor_methods.numpy
Tensor.__array__ = tensor_methods.array
Tensor.__dlpack__ = tensor_methods.dlpack
Tensor.__dlpack_device__ = tensor_methods.dlpack_device
Tensor.detach = tensor_methods.detach
Tensor.detach_ = tensor_methods.detach_
Tensor.requires_grad_ = tensor_methods.requires_grad_
Tensor.data = property(tensor_methods.get_data, tensor_methods.set_data)  # pyright: ignore
Tensor.grad = property(tensor_methods.get_grad, tensor_methods.set_grad, tensor_methods.del_grad)  # pyright: ignore
Tensor.grad_dtype = property(tensor_methods.get_grad_dtype, tensor_methods.set_grad_dtype)  # pyright: ignore
Tensor.name = property(tensor_methods.get_name, tensor_methods.set_name)  # pyright: ignore
Tensor.volatile = property(tensor_methods.get_volatile, tensor_methods.set_volatile)  # pyright: ignore
Tensor.is_inference = tensor_methods.is_inference
Tensor.__deepcopy__ = tensor_methods.deepcopy
Tensor.__reduce_ex__ = tensor_methods.reduce_ex
Tensor.__init_subclass__ = classmethod(tensor_methods.init_subclass)  # pyright: ignore
Tensor.__torch_function__ = classmethod(tensor_methods.torch_function)  # pyright: ignore
Tensor.as_subclass = tensor_methods.as_subclass

# --- methods whose modules are loaded at their first use ------------------------------------------

Tensor.frexp = later("fractions", "frexp")
Tensor.i0 = later("bessel", "i0")
Tensor.i0_ = later("bessel", "i0_")
Tensor.igamma = later("gamma", "igamma")
Tensor.igamma_ = later("gamma", "igamma_")
Tensor.igammac = later("gamma", "igammac")
Tensor.igammac_ = later("gamma", "igammac_")
Tensor.mvlgamma = later("gamma", "mvlgamma")
Tensor.mvlgamma_ = later("gamma", "mvlgamma_")
Tensor.narrow_copy = later("copies", "narrow_copy")
Tensor.unsafe_chunk = later("copies", "unsafe_chunk")
Tensor.unsafe_split = later("copies", "unsafe_split")
Tensor.unsafe_split_with_sizes = later("copies", "unsafe_split_with_sizes")
Tensor.argwhere = later("places", "argwhere")
Tensor.nonzero_static = later("places", "nonzero_static")
Tensor.is_same_size = later("questions", "is_same_size")
Tensor.is_signed = later("questions", "is_signed")
Tensor.is_distributed = later("questions", "is_distributed")
Tensor.is_set_to = later("questions", "is_set_to")
Tensor.dim_order = later("questions", "dim_order")
Tensor.const_data_ptr = later("questions", "const_data_ptr")
Tensor.to_dense = later("questions", "to_dense")
Tensor.dense_dim = later("questions", "dense_dim")
Tensor.sparse_dim = later("questions", "sparse_dim")
Tensor.sparse_mask = later("sparse.construction", "sparse_mask")
Tensor.to_sparse = later("sparse.construction", "to_sparse")
Tensor.to_sparse_bsc = later("sparse.construction", "to_sparse_bsc")
Tensor.to_sparse_bsr = later("sparse.construction", "to_sparse_bsr")
Tensor.to_sparse_coo = later("sparse.construction", "to_sparse_coo")
Tensor.to_sparse_csc = later("sparse.construction", "to_sparse_csc")
Tensor.to_sparse_csr = later("sparse.construction", "to_sparse_csr")
Tensor.ccol_indices = later("sparse.methods", "ccol_indices")
Tensor.coalesce = later("sparse.methods", "coalesce")
Tensor.col_indices = later("sparse.methods", "col_indices")
Tensor.crow_indices = later("sparse.methods", "crow_indices")
Tensor.indices = later("sparse.methods", "indices")
Tensor.is_coalesced = later("sparse.methods", "is_coalesced")
Tensor.row_indices = later("sparse.methods", "row_indices")
Tensor.values = later("sparse.methods", "values")
Tensor._coalesced_ = later("sparse.methods", "coalesced_", "_coalesced_")
Tensor._indices = later("sparse.methods", "bare_indices", "_indices")
Tensor._values = later("sparse.methods", "bare_values", "_values")
Tensor._nnz = later("sparse.methods", "nnz", "_nnz")
Tensor.smm = later("sparse.products", "smm")
Tensor.sspaddmm = later("sparse.products", "sspaddmm")
Tensor.resize_as_sparse_ = later("sparse.methods", "resize_as_sparse_")
Tensor.sparse_resize_ = later("sparse.methods", "sparse_resize_")
Tensor.sparse_resize_and_clear_ = later("sparse.methods", "sparse_resize_and_clear_")
Tensor.resize = later("questions", "resize")
Tensor.resize_as = later("questions", "resize_as")
Tensor.apply_ = later("questions", "apply_")
Tensor.map_ = later("questions", "map_")
Tensor.map2_ = later("questions", "map2_")
Tensor.module_load = later("questions", "module_load")
Tensor.eig = later("removed", "eig")
Tensor.symeig = later("removed", "symeig")
Tensor.solve = later("removed", "solve")
Tensor.lstsq = later("removed", "lstsq")
Tensor.reinforce = later("removed", "reinforce")
Tensor.stft = later("spectrogram", "stft")
Tensor.istft = later("spectrogram", "istft")
Tensor.corrcoef = later("statistics", "corrcoef")
Tensor.cov = later("statistics", "cov")
Tensor.hash_tensor = later("statistics", "hash_tensor")
Tensor.histogram = later("histograms", "histogram")
Tensor.renorm = later("statistics", "renorm")
Tensor.renorm_ = later("statistics", "renorm_")
Tensor.det = later("linalg", "det")
Tensor.inverse = later("linalg", "inverse")
Tensor.logdet = later("linalg", "logdet")
Tensor.matrix_power = later("linalg", "matrix_power")
Tensor.cholesky_inverse = later("factorization", "cholesky_inverse")
Tensor.cholesky_solve = later("factorization", "cholesky_solve")
Tensor.geqrf = later("factorization", "geqrf")
Tensor.ormqr = later("factorization", "ormqr")
Tensor.triangular_solve = later("triangular", "triangular_solve")
Tensor.matrix_exp = later("spectral", "matrix_exp")
Tensor.cholesky = later("older_linalg", "cholesky")
Tensor.lu = later("older_linalg", "lu")
Tensor.lu_solve = later("older_linalg", "lu_solve")
Tensor.orgqr = later("older_linalg", "orgqr")
Tensor.pinverse = later("older_linalg", "pinverse")
Tensor.qr = later("older_linalg", "qr")
Tensor.slogdet = later("older_linalg", "slogdet")
Tensor.svd = later("older_linalg", "svd")
