"""Random programs over the whole surface, run in lockstep with PyTorch: values, dtypes, strides,
memory, versions and errors after each step, gradients at the end.

A program is a list of steps (number of an expression, three numbers, a mode). Every number is valid
for every expression: operands are chosen by it from the tensors there are. What a step yields is
compared and joins them; a step that PyTorch refuses must be refused here with an error of its type,
and must change nothing.

After a step that agrees within rounding, this library's tensors get PyTorch's very bits, behind
autograd's back: otherwise a rounding error would grow from step to step, and meet the jumps of
floor, sort and comparisons.
"""

import re
import warnings
from functools import cache
from types import CodeType
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import torch

import dynagrad

SHAPES = [(2, 3), (3,), (2, 1), (), (2, 2, 3), (1, 3), (3, 3), (0, 3), (4,)]
KINDS = """
float64 float64 float64 float32 float32 int64 int64 bool float16 bfloat16 complex128 complex64 int32
uint8 int8 int16
""".split()
#: in eighths: exact in every floating dtype; no two neighbours equal
VALUES = [5, -10, 3, 15, -5, 9, -2, 7, -14, 2, 11, -6, 0, 12, -1, 4]

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


class Discrepancy(AssertionError):
    """A step at which the libraries part."""


def put(x: Any, index: Any, value: Any) -> Any:
    """x[index] = value."""
    x[index] = value
    return x


def _numbers(t: Any) -> np.ndarray:
    """The values of a tensor of either library."""
    if isinstance(t, torch.Tensor):
        t = t.detach().resolve_conj().resolve_neg()
        if t.dtype == torch.bfloat16:
            return t.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return t.numpy()
    t = t.detach()
    if t.dtype == dynagrad.bfloat16:
        return t.view(dynagrad.int16).numpy().view(ml_dtypes.bfloat16)
    return t.numpy()


#: relative tolerance by the name of the dtype; the absolute one is the same
CLOSE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 1e-5, "complex64": 1e-5}


def _leaf(lib: Any, kind: str, shape: tuple, start: int, grad: bool) -> Any:
    count = int(np.prod(shape))
    eighths = np.array([VALUES[(start + i) % len(VALUES)] for i in range(count)], np.float64)
    values = (eighths if "int" in kind else eighths / 8).reshape(shape)
    if kind.startswith("complex"):
        values = values + 1j * values[..., ::-1] if shape else values + 0.5j
    if kind == "bool":
        values = values > 0
    if kind == "uint8":
        values = np.abs(values)
    t = lib.tensor(values.tolist(), dtype=getattr(lib, kind)).reshape(shape).clone().detach()
    return t.requires_grad_(grad and (t.is_floating_point() or t.is_complex()))


@cache
def compiled(text: str) -> CodeType:
    """The code of an expression."""
    return compile(text, "<step>", "eval")


class Side:
    """The tensors of one library."""

    def __init__(self, lib: Any):
        self.lib = lib
        self.pool: list[Any] = [
            _leaf(lib, kind, shape, start, True)
            for kind, shape, start in (("float64", (2, 3), 0), ("float32", (3,), 3))
        ]
        self.pool += [_leaf(lib, "int64", (2, 3), 5, False), _leaf(lib, "float64", (3, 3), 2, True)]

    def scope(self, step: Step) -> dict[str, Any]:
        """The names that an expression uses."""
        lib, pool = self.lib, self.pool
        x, y, z = (pool[k % len(pool)] for k in (step.a, step.b, step.c))
        d = step.c % x.dim() if x.dim() else 0
        size = x.shape[d] if x.dim() else 1
        kind, shape = KINDS[step.b % len(KINDS)], SHAPES[step.a % len(SHAPES)]
        grad = step.c % 3 != 0
        return {
            **{"t": lib, "F": lib.nn.functional, "x": x, "y": y, "z": z, "n": step.b % 4, "d": d},
            "i": lib.tensor([step.a % max(size, 1), step.b % max(size, 1)]),
            "m": lib.tensor(np.arange(x.numel()) % 3 == step.b % 3).reshape(x.shape),
            **{"put": put, "leaf": lambda *_: _leaf(lib, kind, shape, step.c, grad)},
        }

    def run(self, step: Step) -> Any:
        """What a step yields, or the error it raises."""
        try:
            with self.lib.set_grad_enabled(not step.silent):
                found = eval(compiled(step.text), self.scope(step))  # noqa: S307 - our own tables
        except Exception as error:
            return error
        return list(found) if isinstance(found, tuple | list) else [found]

    def lacks(self, t: Any) -> bool:
        """Whether a result shall join the pool: it is small, and not there yet."""
        return t.numel() <= 400 and t.dim() <= 6 and not any(r is t for r in self.pool)


def is_view_of_many(x: torch.Tensor) -> bool:
    """Whether several of its elements lie in one place."""
    return any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape, strict=True))


class Pair:
    """A program's run on both sides."""

    def __init__(self) -> None:
        self.theirs, self.mine = Side(torch), Side(dynagrad)
        self.done: list[Step] = []
        #: the versions that tensors had when they joined: what a function does inside is its own
        self.joined = [(0, 0)] * len(self.mine.pool)
        #: tensors that differ in their last bits
        self.rounded: list[tuple[Any, torch.Tensor]] = []

    def run(self, program: list[Step]) -> None:
        """All steps, then the gradients."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for place, step in enumerate(program):
                if not self.is_defined(step):
                    continue
                try:
                    self.step(step)
                except Discrepancy as found:
                    raise Discrepancy(f"step {place}, {step.text}: {found}") from None
            self.gradients()

    def is_defined(self, step: Step) -> bool:
        """Whether PyTorch says what the step does (see the comments)."""
        pool = self.theirs.pool
        x, y, z = (pool[k % len(pool)] for k in (step.a, step.b, step.c))
        if step.table != "writing":
            return self.is_settled(step, x, y, z)
        memory = x.untyped_storage().data_ptr()
        # What `.data` shows is written behind the graph's back: no promise says what is used then.
        shared = sum(t.untyped_storage().data_ptr() == memory for t in pool) > 1
        if any(p.text == "x.data" for p in self.done) and (shared or not x.requires_grad):
            return False
        # The order in which overlapping operands are read and written is that of PyTorch's loops.
        if any(o is not x and o.untyped_storage().data_ptr() == memory for o in (y, z)):
            return False
        if is_view_of_many(x) or _overlaps(x):
            return False
        # Views of a view made under no_grad, and hidden writes to memory that graphs know, have
        # no promised history.
        sharing = [t for t in pool if t.untyped_storage().data_ptr() == memory]
        hidden = step.silent or not x.requires_grad or "logical_not_" in step.text
        # Under no_grad a tensor gets another shape, and the node that made it keeps the old one.
        if step.silent and _usable(x) and x.grad_fn is not None and RESHAPING.search(step.text):
            return False
        base = x if x._base is None else x._base
        views = [t for t in sharing if t._base is not None and t.requires_grad]
        if any(t._base is not base or (hidden and t._base.is_leaf) for t in views):
            return False
        if "detach_" in step.text and (x._base is not None or len(sharing) > 1):
            return False
        # It leaves a result the history of the values that it has overwritten.
        if "logical_not_" in step.text and x.requires_grad and not base.is_leaf:
            return False
        _ = _usable(x)
        return True

    def is_settled(self, step: Step, x: Any, y: Any, z: Any) -> bool:
        """Whether PyTorch does the same with every number of elements and in every build."""
        x, y, z = (
            t.detach() for t in (x, y, z)
        )  # a view that a write made invalid can be looked at
        # Which of equal elements is chosen, and gets the gradient.
        if UNSTABLE.search(step.text) and _has_equals(x, step.c):
            return False
        # Derivatives at nan: the loops' vectors and what is left of them at the end disagree. In
        # products an infinity makes nan of others' derivatives or not, as zeros let it.
        if FINITE.search(step.text) and not x.isfinite().all():
            return False
        # Results of reductions may have memory left over, in which windows find room.
        # Through overlapping elements a gradient is shared among windows by a convention.
        if "as_strided" in step.text and (x.numel() < 3 or _overlaps(x) or is_view_of_many(x)):
            return False
        # What stride a dimension of one element has, or of none; where a part without any begins.
        if "view(t." in step.text and x.dim() and (x.shape[-1] == 1 or not x.numel()):
            return False
        # The stride of a dimension of one element means nothing, yet orders what einsum returns.
        if "einsum" in step.text and any(t.shape[1:] == (1,) for t in (x, y)):
            return False
        # It does not compare indices with a dimension of no elements: it writes nowhere, or fails.
        if "index_fill" in step.text and x.dim() and not x.shape[step.c % x.dim()]:
            return False
        # It resizes its own result here, warns that this will be an error, and forgets the order.
        if "ldexp" in step.text and x.shape != y.shape and not y.is_contiguous():
            return False
        # Their derivatives take integers times `value`, or squares, in integers, which wrap.
        whole = [t for t in (x, y, z) if t.dtype not in DIFFERENTIABLE | {torch.bool}]
        if "value=2" in step.text and any((t * 2 != t.double() * 2).any() for t in whole):
            return False
        if "atan2" in step.text and any((-t * t != -(t.double() ** 2)).any() for t in whole):
            return False
        # How results lie in memory where an operand's elements lie in one place.
        is_laid_out_as_operands = step.table == "pointwise" or "_scatter(" in step.text
        return not (is_laid_out_as_operands and any(_overlaps(t) for t in (x, y, z)))

    def step(self, step: Step) -> None:
        """One step on both sides, compared."""
        before, bound = [t._version for t in self.mine.pool], self.bound(step)
        self.done.append(step)
        target = _numbers(self.theirs.pool[step.a % len(self.theirs.pool)])
        held = target.copy()
        theirs, mine = self.theirs.run(step), self.mine.run(step)
        if isinstance(theirs, Exception):
            # Its loops meet an index out of range, or the end of a source, in the midst of writing.
            target[...] = held
        if any(t.requires_grad and t.dtype not in DIFFERENTIABLE for t in self.theirs.pool):
            raise Abandoned
        if isinstance(theirs, Exception):
            if not isinstance(mine, Exception):
                if _lacks_kernel(theirs) or _slips(theirs, step):  # more is served here
                    if [t._version for t in self.mine.pool] != before:
                        raise Abandoned
                    return
                raise Discrepancy(f"no error where PyTorch has {_said(theirs)}")
            if not (_same_kind(mine, theirs) or _lacks_kernel(theirs) or _slips(theirs, step)):
                raise Discrepancy(f"{_said(mine)} where PyTorch has {_said(theirs)}")
            if [t._version for t in self.mine.pool] != before and step.table != "writing":
                raise Discrepancy("a refused step changed a tensor")
            return
        if isinstance(mine, Exception):
            # PyTorch finds that it has no kernel for a dtype only where there are elements.
            if _lacks_kernel(mine) and not any(t.numel() for t in theirs):
                raise Abandoned
            raise Discrepancy(f"{_said(mine)}; PyTorch has a result")
        if len(mine) != len(theirs):
            raise Discrepancy(f"{len(mine)} results instead of {len(theirs)}")
        for x, y in zip(mine, theirs, strict=True):
            if isinstance(y, torch.Tensor):
                self.join(x, y)
        for k, (x, y) in enumerate(zip(self.mine.pool, self.theirs.pool, strict=True)):
            self.compare(k, x, y, bound)
        self.share()

    def join(self, x: Any, y: torch.Tensor) -> None:
        """A result joins the pools, unless it is there."""
        places = [[k for k, t in enumerate(side.pool) if t is r] for side, r in
                  ((self.mine, x), (self.theirs, y))]  # fmt: skip
        if places[0] != places[1]:
            raise Discrepancy(f"the result is tensor {places[0]} instead of {places[1]}")
        if self.theirs.lacks(y):
            self.joined.append((x._version, y._version))
            self.mine.pool.append(x)
            self.theirs.pool.append(y)

    def bound(self, step: Step) -> float:
        """The least tolerance of what a step yields: ldexp computes the power of 2 in the dtype of
        the exponent, which may be less precise than the result's.
        """
        if "ldexp" not in step.text:
            return 0
        exponent = self.theirs.pool[step.b % len(self.theirs.pool)]
        return CLOSE.get(str(exponent.dtype).removeprefix("torch."), 0)

    def compare(self, k: int, x: Any, y: torch.Tensor, bound: float) -> None:
        """Everything that can be seen of a tensor."""
        if not isinstance(x, dynagrad.Tensor):
            raise Discrepancy(f"{type(x).__name__} instead of a tensor")
        said = [(str(t.dtype), tuple(t.shape), t.requires_grad) for t in (x, y)]
        if said[0] != said[1]:
            raise Discrepancy(f"{said[0]} instead of {said[1]}")
        was_written = [t._version > v for t, v in zip((x, y), self.joined[k], strict=True)]
        if was_written[0] != was_written[1]:
            raise Discrepancy(f"was written: {was_written[0]} instead of {was_written[1]}")
        if y.numel() and any(
            n > 1 and s != r for n, s, r in zip(y.shape, x.stride(), y.stride(), strict=True)
        ):
            raise Discrepancy(f"strides {tuple(x.stride())} instead of {tuple(y.stride())}")
        memory = y.untyped_storage().data_ptr()
        if y.dtype not in DIFFERENTIABLE and any(
            t.dtype in DIFFERENTIABLE and t.untyped_storage().data_ptr() == memory and t.numel()
            for t in self.theirs.pool
        ):
            return  # the bits of floats: of nan, for example, there are many
        if close(x, y, "values", bound) and y.dtype in DIFFERENTIABLE:
            self.rounded.append((x, y))

    def share(self) -> None:
        """This library's memory gets PyTorch's bits; who shares memory with whom is compared."""
        groups = []
        for side in (self.mine, self.theirs):
            places = [t.untyped_storage().data_ptr() if t.numel() else -k
                      for k, t in enumerate(side.pool)]  # fmt: skip
            groups.append([places.index(p) for p in places])
        if groups[0] != groups[1]:
            raise Discrepancy(f"shared memory: {groups[0]} instead of {groups[1]}")
        for x, y in self.rounded:
            _numbers(x)[...] = _numbers(y)
        self.rounded.clear()

    def gradients(self) -> None:
        """The gradients of all leaves, of everything that can be reached."""
        found = [_gradients(self.theirs), _gradients(self.mine)]
        writes = "modified by an inplace|has been modified inplace"
        if re.search(writes, str(found[0])) and not isinstance(found[1], Exception):
            found[0] = self.undisturbed()  # what formulas save is each library's own business
            if isinstance(found[0], Exception):
                return
        theirs, mine = found
        if any(re.search("logcumsumexp|prod", p.text) for p in self.done) and "nan" in str(mine):
            return  # they take a cotangent of nan or infinity for none where they find 0
        if isinstance(theirs, Exception) and not PROMISED.search(str(theirs)):
            return  # a formula of PyTorch's that does not take these dtypes or shapes
        if isinstance(theirs, Exception) or isinstance(mine, Exception):
            if not (isinstance(theirs, Exception) and isinstance(mine, Exception)):
                texts = [_said(f) if isinstance(f, Exception) else "a result" for f in found]
                raise Discrepancy(f"gradients: {texts[1]} where PyTorch has {texts[0]}")
            if not _same_kind(mine, theirs):
                raise Discrepancy(f"gradients: {_said(mine)} where PyTorch has {_said(theirs)}")
            return
        for k, (g, h) in enumerate(zip(mine, theirs, strict=True)):
            if (g is None) != (h is None):
                raise Discrepancy(f"gradient of leaf {k}: {g} instead of {h}")
            if h is not None:
                close(g, h, f"gradient of leaf {k}", self.roughest() * 100, self.is_complex())

    def is_complex(self) -> bool:
        """Whether gradients may have come through complex numbers."""
        return any(t.is_complex() and t.requires_grad for t in self.theirs.pool)

    def roughest(self) -> float:
        """The tolerance of the least precise dtype through which a gradient may have come."""
        kinds = {str(t.dtype).removeprefix("torch.") for t in self.theirs.pool if t.requires_grad}
        return max(CLOSE.get(kind, 1e-9) for kind in kinds | {"float64"})

    def undisturbed(self) -> Any:
        """PyTorch's gradients where writes do not touch what operations have saved."""
        side = Side(torch)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            for step in self.done:
                found = side.run(step)
                for t in [] if isinstance(found, Exception) else found:
                    if isinstance(t, torch.Tensor) and side.lacks(t):
                        side.pool.append(t)
            return _gradients(side)


#: errors of a backward pass that PyTorch's documentation promises
PROMISED = re.compile("modified by an inplace operation|no_grad mode|does not require grad")


#: what has gradients; PyTorch lets some writes make integers require them
DIFFERENTIABLE = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
DIFFERENTIABLE |= {torch.complex128, torch.complex64}


class Abandoned(Exception):
    """A write that PyTorch has no kernel for was done here, or one there that makes no sense: the
    two can go no further.
    """


def _overlaps(x: torch.Tensor) -> bool:
    """Whether two elements of a strided tensor may share a place (as after unfold)."""
    reach = 0
    for s, n in sorted(zip(x.stride(), x.shape, strict=True)):
        if n > 1:
            if s <= reach:
                return True
            reach += s * (n - 1)
    return False


#: what chooses among equal elements in no promised order
UNSTABLE = re.compile(r"kthvalue|quantile|median\(d\)")
RESHAPING = re.compile(r"\b(t|unsqueeze|squeeze|transpose|swapaxes)_\(")
FINITE = re.compile(r"prod|logcumsumexp|'amax'|hardtanh|hardshrink|elu\(x\)|logit")


def _has_equals(x: torch.Tensor, number: int) -> bool:
    """Whether elements along dimension d (see Side.scope) or, for a quantile, all, are equal."""
    x = x.detach().double() if not x.is_complex() else x.detach().abs()
    rows = [x.flatten()] if x.dim() < 2 else [*x.movedim(number % x.dim(), -1).flatten(0, -2)]
    return any(len(row.nan_to_num(nan=7e9).unique()) < len(row) for row in rows)


def _usable(t: Any) -> bool:
    try:
        t.grad_fn  # noqa: B018 - PyTorch raises for views that a write made invalid
    except RuntimeError:
        return False
    return True


def close(x: Any, y: torch.Tensor, what: str, bound: float = 0, is_complex: bool = False) -> bool:
    """Raise unless the numbers agree within `bound`, or the rounding of their dtype; True if they
    differ in their last bits.
    """
    m, n = _numbers(x), _numbers(y)
    if m.dtype == n.dtype and m.shape == n.shape and m.tobytes() == n.tobytes():
        return False
    if m.dtype.kind not in "fcV":
        same = np.array_equal(m, n)
    else:
        bound = max(bound, CLOSE.get(str(y.dtype).removeprefix("torch."), 1e-9))
        wide = np.complex128 if m.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            m, n = m.astype(wide), n.astype(wide)
            if (
                wide is np.complex128 or is_complex
            ):  # which part of a product of infinities is nan: as compiled
                m, n = (np.where(np.isfinite(v), v, np.nan) for v in (m, n))
            size = np.abs(n[np.isfinite(n)]).max(initial=1.0)
            same = np.isclose(m, n, bound, bound * size, equal_nan=True).all()
    if not same:
        raise Discrepancy(f"{what}: {m.tolist()} instead of {n.tolist()} ({y.dtype})")
    return True


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}"


def _lacks_kernel(error: BaseException) -> bool:
    """Whether PyTorch has just not built this operation for the dtype."""
    lacks = (
        r"not implemented for|not supported|unsupported|does not support|Unsupported|not support"
    )
    return bool(re.search(lacks, str(error)))


def _slips(error: BaseException, step: Step) -> bool:
    """Whether a step of PyTorch's own inside a function fails for how its memory lies, or one that
    has no derivative is refused as if it had.
    """
    own = re.search(r"view size is not compatible|setStorage", str(error))
    is_comparison = re.search(r"(eq|gt|logical_not)_\(", step.text)
    return bool(is_comparison or (own and not re.search(r"view\(|as_strided", step.text)))


def _same_kind(mine: BaseException, other: BaseException) -> bool:
    kind = next(c for c in type(other).__mro__ if c.__module__ == "builtins")
    return isinstance(mine, kind)


def _gradients(side: Side) -> Any:
    lib = side.lib
    roots = [t for t in side.pool if t.requires_grad and _usable(t)]
    leaves = [t for t in roots if t.is_leaf and t._base is None]
    total = 0
    try:
        for k, t in enumerate(roots):
            part = lib.view_as_real(t).sum() if t.is_complex() else t.sum()
            total = total + part.double() * (0.5 + k)
        if not roots or not leaves:
            return []
        return list(lib.autograd.grad(total, leaves, allow_unused=True))
    except RuntimeError as error:
        return error


def check(program: list[Step]) -> None:
    """Fail with the first discrepancy of a program."""
    try:
        Pair().run(program)
    except Abandoned:
        return
