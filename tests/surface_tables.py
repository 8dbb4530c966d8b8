"""The expressions that random programs are made of (see surface_programs.py)."""

from typing import NamedTuple

# x, y, z: tensors; n: a small number; d: a dimension of x; k: a number for y's place; i: indices
# into dimension d of x; m: a mask of x's shape; t: the library; F: its nn.functional
#
# Four are written so that PyTorch promises what they do: whether conj shares memory it leaves open,
# polar's derivative by a length is read off the result, which gives the wrong sign where the length
# is negative (here it is read off the angle), ldexp's takes powers of integers in integers, which
# wrap, and kron does not notice that an operand is overwritten.
POINTWISE = """
t.add(x, y) | x - y | x * y | x / y | x + n | n - x | x * 0.5 | x / (n + 1) | -x | x ** 2 | 2 ** x
x ** y
x // y | x % y | x // 2 | t.fmod(x, y) | t.remainder(x, n + 1) | t.floor_divide(x, y)
t.true_divide(x, y)
t.div(x, y, rounding_mode='floor') | t.div(x, y, rounding_mode='trunc') | t.add(x, y, alpha=2)
t.sub(x, y, alpha=n)
x.abs() | x.sign() | x.sgn() | x.square() | x.sqrt() | x.rsqrt() | x.reciprocal() | x.exp()
x.log() | x.log1p() | x.expm1()
x.sin() | x.cos() | x.tanh() | x.atan() | x.asinh() | x.sigmoid() | x.erf() | x.floor() | x.ceil()
x.round() | x.trunc() | x.frac()
t.exp2(x) | t.log2(x) | t.sinc(x) | t.logit(x, 0.1) | t.nan_to_num(x) | t.deg2rad(x)
t.positive(x) | x.angle()
t.maximum(x, y) | t.minimum(x, y) | t.fmax(x, y) | x.clamp(-1, 1) | x.clamp(min=0)
x.clamp(max=0.5) | t.clamp(x, y, z) | t.clamp(x, min=y)
t.where(x > 0, x, y) | t.where(m, x, 0.5) | t.where(m, 1, x) | t.lerp(x, y, 0.25)
t.lerp(x, y, z) | t.addcmul(x, y, z) | t.addcmul(x, y, z, value=2) | t.addcdiv(x, y, z)
t.hypot(x, y) | t.atan2(x, y) | t.copysign(x, y) | t.copysign(x, -1) | t.heaviside(x, y)
t.xlogy(x, y) | t.logaddexp(x, y) | t.ldexp(x, y.clamp(0, 6))
x > y | x <= y | x == y | x != y | x > 0 | x == n | x.isnan() | x.isfinite() | t.isclose(x, y)
x.logical_not() | t.logical_and(x, y) | t.logical_xor(x, y)
x & y | x | y | x ^ y | ~x | x << 1 | x >> n | t.gcd(x, y) | t.bitwise_and(x, n)
x.real | x.imag | x.conj().clone() | t.conj_physical(x) | t.complex(x, y)
t.polar(x.abs(), y.clone())
x.isreal() | t.view_as_real(x)
F.relu(x) | F.gelu(x) | F.silu(x) | F.softplus(x) | F.leaky_relu(x, 0.1) | F.elu(x)
F.hardtanh(x) | F.hardsigmoid(x) | F.logsigmoid(x) | F.softsign(x) | F.threshold(x, 0.1, 20.0)
F.hardshrink(x) | F.mish(x)
"""
REDUCING = """
x.sum() | x.sum(d) | x.sum(d, keepdim=True) | x.mean() | x.mean(d) | x.prod() | x.prod(d)
x.var() | x.std(d) | x.var(d, unbiased=False)
x.max() | x.min() | x.max(d) | x.min(d) | x.amax(d) | x.amin(d, keepdim=True) | x.argmax(d)
x.argmin() | x.aminmax(dim=d) | x.median() | x.median(d) | x.nanmedian() | x.kthvalue(1, d)
x.all() | x.any(d) | x.count_nonzero() | x.norm() | x.norm(1, d) | t.linalg.vector_norm(x, 3)
x.logsumexp(d) | t.nansum(x) | t.nanmean(x, d) | t.std_mean(x) | x.trace()
x.cumsum(d) | x.cumprod(d) | x.cummax(d) | x.logcumsumexp(d) | t.diff(x, dim=d) | x.softmax(d)
x.log_softmax(d) | F.normalize(x, dim=d)
x.sort(dim=d, stable=True) | x.argsort(dim=d, stable=True) | x.unique() | x.flip(d)
t.sort(x, dim=d, descending=True, stable=True).values | x.quantile(0.5) | t.histc(x, 4, -2, 2)
t.bincount(x)
"""
SHAPING = """
x.reshape(-1) | x.view(-1) | x.unsqueeze(d) | x.squeeze() | x.squeeze(d) | x.t() | x.mT | x.T
x.transpose(0, d) | x.permute(tuple(range(x.dim())[::-1])) | x.movedim(0, d) | x.flatten()
x.ravel()
x[0] | x[-1:] | x[..., 0] | x[None] | x[..., ::2] | x[1:] | x.narrow(d, 0, 1) | x.select(d, 0)
x.diagonal() | x.unfold(d, 2, 1) | x.expand(2, *x.shape) | x.expand_as(y) | x.unbind(d)[0]
x.split(1, d)[n % 2] | x.chunk(2, d)[0] | x.tensor_split(2, d)[1]
x.detach() | x.clone() | x.contiguous() | x.data | x.view_as(x) | x.as_strided((2, 2), (1, 1))
x.swapaxes(0, d) | x.view(t.int32) | x.view(t.uint8) | x.view(t.float64) | x.unflatten(d, (1, -1))
x.broadcast_to((2, *x.shape))
x.double() | x.float() | x.long() | x.bool() | x.half() | x.bfloat16() | x.to(t.complex128)
x.to(y.dtype) | x.type_as(y) | x.int() | x.to(t.uint8)
t.cat([x, y]) | t.cat([x, y], d) | t.stack([x, y]) | t.stack([x, x], d) | t.hstack([x, y])
t.vstack([x, y]) | t.column_stack([x, y]) | t.cat([x, x, y], -1)
x.repeat(2, *[1] * x.dim()) | x.tile(2) | x.repeat_interleave(2, dim=d if x.dim() else None)
x.roll(1, d) | x.flip(0) | x.rot90() | x.tril() | x.triu(1) | x.diag() | x.diag_embed()
t.atleast_2d(x) | t.zeros_like(x) | t.full_like(x, 2) | t.broadcast_tensors(x, y)[0]
t.meshgrid(x, y, indexing='ij')[0]
F.pad(x, (1, 1)) | F.pad(x, (1, 0), value=0.5) | F.pad(x, (-1, 1))
"""
INDEXING = """
x[i] | x[i, ...] | x[m] | x[..., [0, 0]] | x[None, ..., -1] | x.index_select(d, i)
x.gather(d, x.argsort(dim=d, stable=True)) | x.take(i)
t.take_along_dim(x, x.argsort(dim=d, stable=True), d) | x.masked_select(m) | x.nonzero()
t.argwhere(x)
x.masked_fill(m, 0.5) | x.masked_fill(m, n) | x.index_add(d, i, x.index_select(d, i))
x.index_copy(d, i[:1], x.index_select(d, i[:1])) | x.index_fill(d, i, 2)
x.scatter(d, x.argsort(dim=d, stable=True), x) | x.scatter(d, x.argsort(dim=d, stable=True), 2)
x.scatter_add(d, x.argsort(dim=d, stable=True), x)
x.scatter_reduce(d, x.argsort(dim=d, stable=True), x, 'amax') | x.masked_scatter(m, y)
x.put(i, x.take(i)) | t.select_scatter(x, y, d, 0) | t.slice_scatter(x, y, d, 0, 1)
t.diagonal_scatter(x, y)
t.searchsorted(t.tensor([-1.0, 0.0, 1.0], dtype=t.float64), x.detach()) | t.isin(x, y)
t.tensor_split(x, i.clamp(0, 2).sort().values, d)[0] | F.one_hot(i) | F.embedding(i, x)
"""
PRODUCTS = """
x @ y | x.mm(y) | x.mv(y) | x.dot(y) | t.outer(x, y) | t.matmul(x.mT, x)
t.einsum('ij,kj->ik', x, y) | t.addmm(z, x, y) | t.bmm(x, y) | t.inner(x, y)
t.tensordot(x, y, 1) | t.kron(x.clone(), y.clone()) | F.linear(x, y) | t.linalg.cross(x, y)
t.cdist(x, y) | F.mse_loss(x, y) | F.l1_loss(x, y, reduction='none') | F.smooth_l1_loss(x, y)
F.layer_norm(x, x.shape[-1:]) | t.addmv(z, x, y) | t.baddbmm(z, x, y) | t.vdot(x, y)
"""
WRITING = """
x.add_(y) | x.mul_(y) | x.sub_(y, alpha=2) | x.div_(y) | x.add_(1) | x.mul_(0.5) | x.pow_(2)
x.floor_divide_(2) | x.remainder_(2) | x.neg_() | x.abs_() | x.tanh_() | x.sin_() | x.exp_()
x.sigmoid_() | x.sqrt_() | x.floor_() | x.round_() | x.relu_() | x.reciprocal_() | x.square_()
x.copy_(y) | x.zero_() | x.fill_(0.5) | x.fill_(n) | x.clamp_(-1, 1) | x.clamp_(min=y)
x.masked_fill_(m, 0.25) | x.index_fill_(d, i, n)
x.index_add_(d, i, x.detach().clone().index_select(d, i))
x.scatter_(d, x.detach().argsort(dim=d, stable=True), 0.5) | x.lerp_(y, 0.5) | x.addcmul_(y, z)
x.addcdiv_(y, z) | x.logical_not_() | x.eq_(y) | x.gt_(0) | x.bitwise_and_(y) | x.bitwise_xor_(1)
x.fill_diagonal_(1)
put(x, 0, 0.5) | put(x, slice(0, 1), y) | put(x, Ellipsis, y) | put(x, m, 0.125) | put(x, i, y)
put(x, (Ellipsis, -1), 0.25) | put(x, (Ellipsis, slice(None, None, 2)), n) | put(x, None, y)
x.t_() | x.unsqueeze_(d) | x.squeeze_() | x.transpose_(0, d) | x.cumsum_(d) | x.tril_()
x.detach_() | x.swapaxes_(0, d) | x.masked_scatter_(m, y.detach().clone())
x.index_copy_(d, i[:1], x.detach().clone().index_select(d, i[:1])) | x.clip_(max=1) | x.xlogy_(y)
x.hypot_(y) | x.float_power_(2)
"""
CREATING = """
leaf(x, y) | t.arange(n + 1) | t.ones(2, 3) | t.linspace(0, 1, 4) | t.eye(3) | t.full((2, 1), 0.5)
x.new_zeros(2, 3) | x.new_tensor([1, 2]) | t.tensor(n) | t.tensor(0.5) | t.empty(0)
t.as_tensor(x) | x.new_full((3,), n)
"""


def _split(text: str) -> list[str]:
    """The expressions of a table; ` | ` divides them, `x | y` is written with no divider at all."""
    joined = " | ".join(line.strip() for line in text.strip().splitlines())
    return joined.replace("x | y | x ^ y", "x.__or__(y) | x ^ y").split(" | ")


TABLES = {
    name.lower(): _split(globals()[name])
    for name in "POINTWISE REDUCING SHAPING INDEXING PRODUCTS WRITING CREATING".split()
}
#: how often each table is drawn from
WEIGHTS = {"pointwise": 6, "shaping": 4, "writing": 4, "reducing": 2, "indexing": 2, "products": 1}
WEIGHTS["creating"] = 2


class Step(NamedTuple):
    """One step: which expression of which table, numbers that choose operands, and a mode."""

    table: str
    number: int
    a: int
    b: int
    c: int
    silent: bool

    @property
    def text(self) -> str:
        """The expression."""
        return TABLES[self.table][self.number % len(TABLES[self.table])]
