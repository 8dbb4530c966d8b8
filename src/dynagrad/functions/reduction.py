"""Sums, means, products, variances and truth under PyTorch's names.

`dim` is an int, a tuple of ints, or None for all dimensions; negative ones count from the end, and
NumPy's spellings `axis` and `keepdims` are taken as well.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply, float32, float64, new, recording, to_dtype
from ..core.complaints import legacy_name, refuse_out
from ..core.dtype import COMPLEX, FLOATING, category, number_dtype, numpy_dtype
from ..core.out import check_cast, write_out
from ..core.overrides import ask_overrides, overridable
from ..core.quiet import WARNED, compute, warn
from ..core.tape import LIBRARY, Meta, caller, tick
from ..core.tensor import Tensor, edge_of, sync, wrap
from ..core.watch import PLAIN
from ..ops import reduction as ops
from ..ops.rule import RULES
from .arguments import many_dims, numpy_names, one_dim, tensor, truth
from .elementwise import div
from .nodes import node
from .shortcut import direct, made, shortcut, untracked

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "logsumexp",
    "mean",
    "nanmean",
    "nansum",
    "prod",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]

getframe = sys._getframe
INT64 = np.dtype("int64")


def all_or(dim: Any, ndim: int, name: str) -> tuple[int, ...] | None:
    """`dim` as axes of a reduction: None where it means all of them."""
    return None if dim is None else many_dims(dim, ndim, name)


def constant_of(fun: Callable, *arrays: Any, **kw: Any) -> Tensor:
    """A result without derivative."""
    return wrap(compute(RULES[fun], list(arrays), kw))


# --- the hot ones: sum and mean -------------------------------------------------------------------


def hot_reduction(
    whole: Callable, over: Callable, cast_over: Callable, torch_name: str, choose: Callable
) -> Callable[[Callable], Callable[..., Any]]:
    """Make the stub below it a reduction whose usual calls cost little more than NumPy's.

    `whole(x)` reduces all of a float32 or float64 array, `over(x, axes, keepdims)` serves
    every call, `cast_over` those in another dtype, which `choose(dtype, wanted)` gives or None.
    Loss code calls these at each step, so the fast path stores slots itself, like `unary` does;
    whatever is unusual (another dtype, out=, a subclass) takes `slow`.
    """

    def decorate(stub: Callable) -> Callable[..., Any]:
        name = stub.__name__
        all_of, along = RULES[whole].kernel, RULES[over].kernel
        all_node = node(f"{torch_name}Backward0", whole)
        along_node = node(f"{torch_name}Backward1", over)
        slow_nodes = {
            (is_all, is_cast): node(
                f"{torch_name}Backward{0 if is_all else 1}", cast_over if is_cast else over
            )
            for is_all in (True, False)
            for is_cast in (True, False)
        }

        def op(input, dim=..., keepdim=False, *, dtype=None, out=None, axis=..., keepdims=...):
            if axis is not ... or keepdims is not ...:
                return op(
                    input,
                    axis if dim is ... else dim,
                    keepdims if keepdims is not ... else keepdim,
                    dtype=dtype,
                    out=out,
                )
            if type(input) not in PLAIN or dtype is not None or out is not None:
                return slow(input, dim, keepdim, dtype, out)
            a = input._a
            d = a.dtype
            if (d is not float32 and d is not float64) or type(a) is not ndarray:
                return slow(input, dim, keepdim, None, None)
            try:
                if dim is ...:
                    if keepdim is not False:
                        return slow(input, dim, keepdim, None, None)
                    r = all_of(a)
                    cls = all_node
                else:
                    if type(keepdim) is not bool:
                        return slow(input, dim, keepdim, None, None)
                    n = a.ndim
                    if type(dim) is int and -n <= dim < n:
                        axes = (dim % n,)
                    else:
                        axes = many_dims(dim, n, name)
                    r = along(a, axes=axes, keepdims=keepdim)
                    cls = along_node
            except WARNED:
                return slow(input, dim, keepdim, None, None)
            v = input._v
            if v is not None and v.rebased:
                sync(input)
            t = new(Tensor)
            t._a = r
            t._v = None
            e = input._e
            if e is None or not recording():
                t._e = None
                return t
            t._e = node = new(cls)
            node.edges = (e,)
            meta = new(Meta)
            meta.shape = a.shape
            meta.dtype = d
            node.saved = (meta,)
            node.fix = node.extra = node.cells = None
            node.kw = None if cls is all_node else {"axes": axes, "keepdims": keepdim}
            frame = getframe(1)
            node.code = code = frame.f_code
            node.lasti = frame.f_lasti
            if LIBRARY[code.co_filename]:
                node.code, node.lasti = caller(2)
            node.seq = tick()
            return t

        def slow(input, dim, keepdim, dtype, out):
            if type(input) not in PLAIN:
                given = {"dim": dim, "keepdim": keepdim, "dtype": dtype, "out": out}
                plain = {"dim": ..., "keepdim": False, "dtype": None, "out": None}
                kw = {k: v for k, v in given.items() if v is not plain.get(k)}
                answer = ask_overrides(op, (input,), kw)
                if answer is not NotImplemented:
                    return answer
            x = tensor(name, input)
            keepdim = truth(name, keepdim, "keepdim", 2)
            wanted = choose(x._a.dtype, None if dtype is None else numpy_dtype(dtype))
            if dtype is None and isinstance(out, Tensor):
                if name == "mean":
                    check = refuse_out if dim is ... else check_cast
                    check(name, x._a.dtype, out._a.dtype)
                wanted = None if out._a.dtype == x._a.dtype else out._a.dtype
            axes = None if dim is ... else many_dims(dim, x._a.ndim, name)
            if wanted is not None and category(wanted) < FLOATING:
                if recording() and edge_of(x) is not None:
                    raise RuntimeError(
                        f"Autograd not support dtype: {legacy_name(wanted)}\n{name} of a tensor "
                        "that requires grad needs a floating dtype; detach() it first"
                    )
                result = constant_of(cast_over, x._a, axes=axes, keepdims=keepdim, dtype=wanted)
            else:
                cls = slow_nodes[dim is ..., wanted is not None]
                kw = {} if wanted is None else {"dtype": wanted}
                result = apply(cls, x, axes=axes, keepdims=keepdim, **kw)
            return result if out is None else write_out(name + of_dtype(dtype), out, result)

        op.__name__, op.__qualname__ = name, stub.__qualname__
        op.__doc__, op.__module__ = stub.__doc__, stub.__module__
        return op  # pyright: ignore[reportReturnType]

    return decorate


def _summing(dtype: np.dtype, wanted: np.dtype | None) -> np.dtype | None:
    """The dtype of a sum: integers and bools are added up in int64."""
    if wanted is None and category(dtype) < FLOATING:
        return INT64
    return None if wanted == dtype else wanted


def _averaging(dtype: np.dtype, wanted: np.dtype | None) -> np.dtype | None:
    """The dtype of a mean, which is none of integers."""
    chosen = dtype if wanted is None else wanted
    if category(chosen) < FLOATING:
        which = "Input" if wanted is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {which} dtype must be either a floating point "
            f"or complex dtype. Got: {legacy_name(chosen)}\nConvert the tensor, as in "
            "x.float().mean(), or give dtype=torch.float32"
        )
    return None if wanted == dtype else wanted


@hot_reduction(ops.total, ops.sum_over, ops.sum_as, "Sum", _summing)
def sum(input, dim: Any = ..., keepdim=False, *, dtype=None, out=None) -> Any:
    """The sum over `dim`, or of all elements; integers and bools give int64."""


@hot_reduction(ops.average, ops.mean_over, ops.mean_as, "Mean", _averaging)
def mean(input, dim: Any = ..., keepdim=False, *, dtype=None, out=None) -> Any:
    """The sum over `dim` divided by the number of terms; RuntimeError for integers."""


# --- sums and products ----------------------------------------------------------------------------


def of_dtype(dtype: Any) -> str:
    """The end of a name for `write_out`: a call with `dtype=` converts no more to that of out=."""
    return "" if dtype is None else ".dtype"


Nansum = node("NansumBackward0", ops.nansum_over)
ProdAll = node("ProdBackward0", ops.product)
ProdAlong = node("ProdBackward1", ops.product)


def converted(name: str, x: Tensor, dtype: Any, out: Any = None) -> Tensor:
    """The operand of a sum or product: in `dtype` or out's, integers without one in int64."""
    wanted = numpy_dtype(dtype) if dtype is not None else None
    if wanted is None and isinstance(out, Tensor):
        wanted = out._a.dtype
    wanted = _summing(x._a.dtype, wanted)
    if wanted is None:
        return x
    if category(wanted) < FLOATING and recording() and edge_of(x) is not None:
        raise RuntimeError(
            f"Autograd not support dtype: {legacy_name(wanted)}\n{name} of a tensor that requires "
            "grad needs a floating dtype; detach() it first"
        )
    return to_dtype(x, wanted)


@overridable
@numpy_names
def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum over `dim` of the elements that are not nan."""
    x = tensor("nansum", input)
    if category(x._a.dtype) < FLOATING:
        return sum(x, dim, keepdim, dtype=dtype, out=out)
    if category(x._a.dtype) == COMPLEX:
        raise RuntimeError(
            "nansum on CPU does not support complex inputs\nSum x.real and x.imag one by one"
        )
    if dtype is None and isinstance(out, Tensor):
        refuse_out("nansum", x._a.dtype, out._a.dtype)
    x = converted("nansum", x, dtype, out)
    axes = all_or(dim, x._a.ndim, "nansum")
    result = apply(Nansum, x, axes=axes, keepdims=truth("nansum", keepdim, "keepdim", 2))
    return result if out is None else write_out("nansum" + of_dtype(dtype), out, result)


@overridable
@numpy_names
def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean over `dim` of the elements that are not nan; nan where there is none."""
    x = tensor("nanmean", input)
    if category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{legacy_name(x._a.dtype)}. Convert it first, as in x.float()"
        )
    axes = all_or(dim, x._a.ndim, "nanmean")
    total = nansum(x, dim, keepdim, dtype=dtype)
    numbers = constant_of(ops.count_nonzero, np.equal(x._a, x._a), axes=axes)._a
    result = div(total, wrap(numbers.reshape(total._a.shape)))
    return result if out is None else write_out("nanmean", out, result)


def _short_prod(input, dim=..., keepdim=False):
    a = input._a
    if a.dtype.kind != "f" or type(keepdim) is not bool:
        return None
    if dim is ...:
        return direct(ProdAll, input, {"axis": None, "keepdims": keepdim})
    if type(dim) is not int or not -a.ndim <= dim < a.ndim:
        return None
    return direct(ProdAlong, input, {"axis": dim % a.ndim, "keepdims": keepdim})


@shortcut(_short_prod)
@overridable
@numpy_names
def prod(input, dim: Any = ..., keepdim=False, *, dtype=None, out=None):
    """The product along `dim` (an int), or of all elements; integers and bools give int64."""
    x = converted("prod", tensor("prod", input), dtype, out)
    axis = None if dim is ... else one_dim(dim, x._a.ndim, "prod")
    cls = ProdAll if axis is None else ProdAlong
    result = apply(cls, x, axis=axis, keepdims=truth("prod", keepdim, "keepdim", 2))
    return result if out is None else write_out("prod" + of_dtype(dtype), out, result)


# --- variances ------------------------------------------------------------------------------------

Var = node("VarBackward0", ops.var_over)
Std = node("StdBackward0", ops.std_over)
VarMean = node("VarMeanBackward0", ops.var_mean_over)
StdMean = node("StdMeanBackward0", ops.std_mean_over)


def _short_deviation(cls: Any) -> Callable[..., Any]:
    kernel = cls.rule.kernel

    def short(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
        a = input._a
        if unbiased is not None or type(keepdim) is not bool or type(correction) is not int:
            return None
        if a.dtype.kind != "f":
            return None
        if dim is None:
            n, axes = a.size, None
        elif type(dim) is int:
            n, axes = a.shape[dim], (dim % a.ndim,) if a.ndim > 1 else None
        else:
            return None
        if n <= correction or type(input) not in PLAIN:
            return None
        if untracked(input):
            return made(kernel(a, axes=axes, keepdims=keepdim, correction=correction))
        return apply(cls, input, axes=axes, keepdims=keepdim, correction=correction)

    return short


def _deviation(name: str, cls: Any, input, dim, unbiased, keepdim, correction) -> Any:
    """One of the four: var(unbiased), var(dim, unbiased, keepdim), var(dim, correction=...)."""
    x = tensor(name, input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not ...:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: unbiased and correction say "
            "the same; give correction=1 for unbiased=True, correction=0 for unbiased=False"
        )
    if unbiased is not None:
        correction = 1 if truth(name, unbiased, "unbiased", 2) else 0
    elif correction is ... or correction is None:
        correction = 1
    if category(x._a.dtype) < FLOATING:
        which = name if name.endswith("_mean") else "std and var"
        raise RuntimeError(
            f"{which} only support floating point and complex dtypes\n{name} was given "
            f"{legacy_name(x._a.dtype)}; convert the tensor first, as in x.float()"
        )
    axes = all_or(dim, x._a.ndim, name)
    n = ops.count(x._a.shape, axes)
    if n > correction:
        axes = None if axes is not None and len(axes) == x._a.ndim else axes
    else:  # whose derivative depends on whether dimensions are given
        warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            f"reduction factor (input numel divided by output numel): {n} terms, correction "
            f"{correction}."
        )
    keepdim = truth(name, keepdim, "keepdim", 3)
    return apply(cls, x, axes=axes, keepdims=keepdim, correction=correction)


def _put_deviation(name: str, out: Tensor, result: Tensor, input: Tensor) -> Tensor:
    is_complex = category(input._a.dtype) == COMPLEX
    return write_out(f"{name}.complex" if is_complex else name, out, result)


@shortcut(_short_deviation(Var))
@overridable
@numpy_names
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=..., out=None):
    """The variance over `dim`: sum(|x - mean|^2) / (n - correction), correction 1 by default."""
    result = _deviation("var", Var, input, dim, unbiased, keepdim, correction)
    return result if out is None else _put_deviation("var", out, result, input)


@shortcut(_short_deviation(Std))
@overridable
@numpy_names
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=..., out=None):
    """The standard deviation over `dim`: the root of the variance; its derivative at 0 is 0."""
    result = _deviation("std", Std, input, dim, unbiased, keepdim, correction)
    return result if out is None else _put_deviation("std", out, result, input)


@overridable
@numpy_names
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=...):
    """Variance and mean over `dim`, as a pair."""
    return _deviation("var_mean", VarMean, input, dim, unbiased, keepdim, correction)


@overridable
@numpy_names
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=...):
    """Standard deviation and mean over `dim`, as a pair."""
    return _deviation("std_mean", StdMean, input, dim, unbiased, keepdim, correction)


# --- log-sum-exp ----------------------------------------------------------------------------------

Logsumexp = node("LogsumexpBackward0", ops.logsumexp_over)


def _short_logsumexp(input, dim, keepdim=False):
    a = input._a
    if a.dtype.kind != "f" or type(dim) is not int or type(keepdim) is not bool:
        return None
    if not -a.ndim <= dim < a.ndim:
        return None
    return direct(Logsumexp, input, {"axes": (dim % a.ndim,), "keepdims": keepdim})


@shortcut(_short_logsumexp)
@overridable
@numpy_names
def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(x))) over `dim`, without overflow; integers give the default floating dtype."""
    x = tensor("logsumexp", input)
    if category(x._a.dtype) < FLOATING:
        x = to_dtype(x, number_dtype(0.0))
    axes = many_dims(dim, x._a.ndim, "logsumexp")
    keepdim = truth("logsumexp", keepdim, "keepdim", 3)
    result = apply(Logsumexp, x, axes=axes, keepdims=keepdim)
    return result if out is None else write_out("logsumexp", out, result)


# --- truth and counts -----------------------------------------------------------------------------


def _short_truth(fun: Callable) -> Callable[..., Any]:
    kernel = RULES[fun].kernel

    def short(input, dim=None, keepdim=False):
        a = input._a
        if type(input) not in PLAIN or type(a) is not ndarray or type(keepdim) is not bool:
            return None
        if a.dtype.kind != "b" or (dim is not None and type(dim) is not int):
            return None
        if dim is None:
            return made(kernel(a, axes=None, keepdims=keepdim))
        if not -a.ndim <= dim < a.ndim:
            return None
        return made(kernel(a, axes=(dim % a.ndim,), keepdims=keepdim))

    return short


def _truth(name: str, fun: Callable, input, dim, keepdim, out) -> Tensor:
    x = tensor(name, input)
    # as PyTorch has it: these two alone take an empty tuple for no dimension
    axes = () if dim in ((), []) else all_or(dim, x._a.ndim, name)
    keepdim = truth(name, keepdim, "keepdim", 2)
    result = constant_of(fun, x._a, axes=axes, keepdims=keepdim)
    if x._a.dtype == np.uint8 and (out is None or tensor(name, out)._a.dtype != np.bool_):
        result = wrap(result._a.astype(np.uint8))
    return result if out is None else write_out(name, out, result)


@shortcut(_short_truth(ops.any_over))
@overridable
@numpy_names
def any(input, dim=None, keepdim=False, *, out=None):
    """Whether some element over `dim` is not zero (bool; uint8 for uint8)."""
    return _truth("any", ops.any_over, input, dim, keepdim, out)


@shortcut(_short_truth(ops.all_over))
@overridable
@numpy_names
def all(input, dim=None, keepdim=False, *, out=None):
    """Whether every element over `dim` is not zero (bool; uint8 for uint8)."""
    return _truth("all", ops.all_over, input, dim, keepdim, out)


@overridable
@numpy_names
def count_nonzero(input, dim=None):
    """The number of elements over `dim` that are not zero."""
    x = tensor("count_nonzero", input)
    return constant_of(ops.count_nonzero, x._a, axes=all_or(dim, x._a.ndim, "count_nonzero"))
