"""From a primitive to a recorded operation: `apply` for any of them, `unary` and `binary` for the
hot elementwise ones.

NumPy's floating-point warnings are kept from the user in `quiet`; where the user has made NumPy
raise, a call is repeated under `np.errstate(all="ignore")`. The user's error state is never
written.
"""

import sys
from collections.abc import Callable
from functools import partial
from math import copysign
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy import ndarray

from .. import errors
from ..ops.elementwise import is_half
from ..ops.layout import in_order
from ..ops.rule import ANY, RULES, Rule
from ..ops.shape import cast
from .carriers.carrier import Carrier, lift
from .complaints import broadcast_error, not_a_tensor, not_for, refuse
from .dtype import FLOATING, category, number_dtype, result_type
from .out import write_out
from .overrides import ask_overrides, overrides
from .quiet import WARNED, compute, quietly
from .tape import LIBRARY, OWN_COPY, Meta, Node, Output, caller, grad_mode, node_class, tick
from .tensor import Tensor, family_of, sync, tell, wrap
from .watch import PLAIN, Watcher, notify, observed

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
#: what PyTorch's arithmetic takes as an operand
OPERANDS = (Tensor, int, float, complex, np.number, np.bool_)
new = object.__new__
getframe = sys._getframe
recording = grad_mode.get
float32, float64 = np.dtype("float32"), np.dtype("float64")

ToCopy = node_class("ToCopyBackward0", RULES[cast])
Unrecorded: Any = type(ToCopy.__name__, (ToCopy,), {"__slots__": (), "differentiable": False})


# --- Python numbers as arrays ---------------------------------------------------------------------

#: other classes of numbers may say what they are as operands (`operand(dtype)`)
PLAIN_NUMBERS = (float, int, bool, complex)
_SCALARS: dict[np.dtype, dict[Any, ndarray]] = {float32: {}, float64: {}}
_cached32 = _SCALARS[float32].get
_ZEROS = {dtype: np.zeros((), dtype) for dtype in _SCALARS}


def scalar(value: Any, dtype: np.dtype) -> ndarray:
    """A Python number as a 0-d array of `dtype`, cached: an array operand costs half of what a
    Python number does.

    Never cached: -0.0, which equals 0.0, and nan. Raises RuntimeError where the value does not fit.
    """
    cache = _SCALARS.get(dtype)
    if type(value) not in PLAIN_NUMBERS and hasattr(value, "operand"):
        return value.operand(dtype)
    if cache is not None:
        if not value and (type(value) is int or (type(value) is float and copysign(1, value) > 0)):
            return _ZEROS[dtype]
        if value in cache:
            return cache[value]
    try:
        with np.errstate(all="ignore"):
            array = np.array(value).astype(dtype) if dtype.kind in "fcV" else np.array(value, dtype)
    except OverflowError:
        raise RuntimeError(
            f"value cannot be converted to type {dtype.name} without overflow: {value}"
        ) from None
    if cache is not None and value and value == value and len(cache) < 4096:
        cache[value] = array
    return array


# --- apply ----------------------------------------------------------------------------------------


def apply(cls: type[Node], *inputs: Any, **kw: Any) -> Any:
    """Compute `cls.rule`'s primitive on Tensors (or arrays, which are constants) and record a node
    if one is wanted.

    Returns a Tensor, or a tuple of them for a primitive with several results.
    """
    rule = cls.rule
    arrays: list[Any] = []
    edges: list[Any] = []
    wanted = False
    for x in inputs:
        if isinstance(x, Tensor):
            v = x._v
            if v is not None and v.rebased:
                sync(x, cls.differentiable)
            e = x._e
            arrays.append(x._a)
            edges.append(e)
            if e is not None:
                wanted = True
        else:
            arrays.append(x)
            edges.append(None)
    if PLAIN:
        result = compute(rule, arrays, kw)
        if rule.ordered and type(result) is ndarray:
            first = arrays[0]
            if not first.flags.c_contiguous or (result.ndim > 1 and first.shape != result.shape):
                result = in_order(result, arrays)
    else:
        lift(inputs, arrays, edges)
        wanted = edges.count(None) < len(edges)
        result = observed(Watcher.computed, partial(compute, rule, arrays, kw), cls, inputs, kw)
        if rule.ordered and type(result) is ndarray and type(arrays[0]) is ndarray:
            result = in_order(result, arrays)
    wanted = wanted and cls.differentiable and recording()
    if rule.results == 1:
        if type(result) is not ndarray:
            if isinstance(result, Tensor):  # a constant of a tape below a batch
                return result
            if isinstance(result, np.generic):
                result = np.asarray(result)
        out = new(Tensor)
        out._a = result
        out._v = None
        out._e = note(cls, tuple(edges), inputs, arrays, (out._a,), kw) if wanted else None
        if type(result) is not ndarray and isinstance(result, Carrier):
            result.level.keep(out)
        return out
    outs = tuple([wrap(r) for r in result])
    for out in outs if not PLAIN else ():
        if isinstance(out._a, Carrier):
            out._a.level.keep(out)
    if wanted:
        node = note(cls, tuple(edges), inputs, arrays, tuple([o._a for o in outs]), kw)
        if rule.results == ANY:
            node.results = len(outs)
        node.metas = tuple([Meta(o._a) for o in outs])
        for number, out in enumerate(outs):
            if out._a.dtype.kind in "fcV":
                out._e = Output(node, number)
            elif any(save[:2] == ("out", number) for save in rule.saves):
                tell(Output(node, number), family_of(out))  # indices must not be written either
    return outs


def note(
    cls: type[Node],
    edges: tuple,
    inputs: tuple,
    arrays: list,
    results: tuple,
    kw: dict,
    *,
    tell: bool = True,
) -> Node:
    """A node of `cls` with what its rules need from this call; `tell` the watchers of it."""
    node = new(cls)
    node.edges = edges
    node.saved = saved_values(cls.rule, edges, arrays, results) if cls.rule.saves else ()
    node.fix = node.extra = node.cells = None
    node.kw = kw
    if cls.broadcasts:
        shape = results[0].shape
        for e, x in zip(edges, arrays):  # noqa: B905 - as many by construction
            if e is not None and x.shape != shape:
                node.fix = tuple(
                    [None if e is None else x.shape for e, x in zip(edges, arrays, strict=True)]
                )
                break
    if cls.holds and None in edges:
        node.cells = tuple(
            [
                (x._v or family_of(x)) if e is None and isinstance(x, Tensor) else None
                for e, x in zip(edges, inputs, strict=True)
            ]
        )
        if cls.rule.variadic and cls.rule.kind == "multilinear":
            unread(node)
    node.code, node.lasti = caller(3)
    node.seq = tick()
    if not PLAIN and tell:
        notify(Watcher.noted, node, inputs)
    return node


def unread(node: Node) -> None:
    """Where one factor alone has a derivative, nobody reads it: it may be overwritten."""
    alone = [i for i, e in enumerate(node.edges) if e is not None]
    if len(alone) == 1:
        cells = list(node.cells or ())
        cells[alone[0]] = OWN_COPY
        node.cells = tuple(cells)


def saved_values(rule: Rule, edges: tuple, arrays: list, results: tuple) -> tuple:
    """The values in `rule.saves`, None for those whose readers' inputs need no gradient."""
    saved = []
    for kind, index, users in rule.saves:
        if users:
            for i in users:
                if edges[i] is not None:
                    break
            else:
                saved.append(None)
                continue
        if kind == "out":
            saved.append(results[index])
        elif rule.variadic:
            saved.append(tuple(arrays) if kind == "in" else tuple([Meta(a) for a in arrays]))
        else:
            a = arrays[index]  # None: an array that the primitive may go without
            saved.append(a if kind == "in" or a is None else Meta(a))
    return tuple(saved)


# --- type promotion -------------------------------------------------------------------------------


def to_dtype(x: Tensor, dtype: np.dtype, recorded: bool = True) -> Tensor:
    """`x` in another dtype, recorded or below the graph; `x` itself where it has it already."""
    if x._a.dtype == dtype:
        return x
    if category(dtype) < FLOATING:
        return wrap(compute(RULES[cast], [x._a], {"dtype": dtype}))
    return apply(ToCopy if recorded else Unrecorded, x, dtype=dtype)


def promoted(inputs: Any, *, floating: bool = False, recorded: bool = True) -> list[Tensor]:
    """Tensors and Python numbers as Tensors of their common dtype; `floating`: at least the default
    floating dtype; `recorded`: whether the graph learns of the conversion.
    """
    dtype = result_type([x._a if isinstance(x, Tensor) else x for x in inputs])
    if floating and category(dtype) < FLOATING:
        dtype = number_dtype(0.0)
    return [
        to_dtype(x, dtype, recorded) if isinstance(x, Tensor) else of_number(_operand(x, dtype))
        for x in inputs
    ]


def of_number(array: ndarray) -> Tensor:
    """A Python number as a Tensor; watchers can tell it from the user's tensors."""
    t = wrap(array)
    if not PLAIN:
        t._is_number = True
    return t


def _operand(number: Any, dtype: np.dtype) -> ndarray:
    """A Python number as an operand: an integer out of the dtype's range wraps, as in PyTorch's
    arithmetic.
    """
    return np.array(number).astype(dtype) if dtype.kind in "iu" else scalar(number, dtype)


# --- the hot elementwise operations ---------------------------------------------------------------


def unary(
    fun: Callable, torch_name: str | None = None, *, integers: bool = False
) -> Callable[[Callable[P, Any]], Callable[P, Tensor]]:
    """Make the stub below it (name, docstring) the operation `fun` on one tensor.

    `integers`: the result of an integer tensor is an integer tensor; otherwise it has the default
    floating dtype.
    """

    def decorate(stub: Callable[P, Any]) -> Callable[P, Tensor]:
        name = stub.__name__
        rule = RULES[fun]
        cls = node_class(torch_name or f"{name.capitalize()}Backward0", rule)
        keeps = tuple((kind, index) for kind, index, _ in rule.saves)
        if not set(keeps) <= {("in", 0), ("out", 0)}:
            raise ValueError(f"{name}: use apply, the rule saves {keeps}")
        kernel = rule.kernel
        is_ufunc = isinstance(fun, np.ufunc) and kernel is fun
        keeps_in, keeps_out, keeps_both = (
            (("in", 0),) == keeps,
            (("out", 0),) == keeps,
            len(keeps) == 2,
        )

        def op(input, *, out=None):  # noqa: A002 - PyTorch's name
            if type(input) not in PLAIN or out is not None:
                return slow(input, out)
            a = input._a
            dtype = a.dtype
            if dtype is not float32 and dtype is not float64:
                return slow(input, None)
            try:
                of = kernel if type(a) is ndarray else fun
                r = of(a, out=...) if is_ufunc and not a.ndim else of(a)
            except WARNED:
                r = compute(rule, [a], {})
            if type(r) is not ndarray and isinstance(r, np.generic):
                r = np.asarray(r)
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
            t._e = n = new(cls)
            n.edges = (e,)
            n.saved = (
                (r,)
                if keeps_out
                else (a,)
                if keeps_in
                else saved_values(rule, (e,), [a], (r,))
                if keeps_both
                else ()
            )
            n.fix = n.extra = n.kw = n.cells = None
            frame = getframe(1)
            n.code = code = frame.f_code
            n.lasti = frame.f_lasti
            if LIBRARY[code.co_filename]:
                n.code, n.lasti = caller(2)
            n.seq = tick()
            return t

        def slow(input, out):  # noqa: A002
            if type(input) not in PLAIN:
                answer = ask_overrides(op, (input,), {} if out is None else {"out": out})
                if answer is not NotImplemented:
                    return answer
            if not isinstance(input, Tensor):
                raise not_a_tensor(name, 1, "input", input)
            kind = category(input._a.dtype)
            x = input
            if kind < FLOATING and not integers:
                x = wrap(input._a.astype(number_dtype(0.0)))
            elif kind == 0 and name == "square":
                x = wrap(input._a.astype(np.int64))
            refuse(name, kind)
            result = apply(cls, x)
            if out is None:
                return result
            is_part = category(result._a.dtype) < kind  # abs of complex numbers
            return write_out(f"{name}.real" if is_part else name, out, result, (input,))

        return _named(op, stub)

    return decorate


def binary(
    fun: Callable,
    torch_name: str | None = None,
    *,
    floating: bool = False,
    numbers: bool = False,
    scaled: Callable | None = None,
) -> Callable[[Callable], Any]:
    """Make the stub below it the operation `fun` on two tensors, or a tensor and a Python number,
    with promotion.

    `floating`: integers are converted to the default floating dtype (division). `numbers`: the
    first operand may be a number too, as in torch.sub(1, x). `scaled`: what serves a call with
    `alpha=` (input, other, alpha); others refuse it. The product's attribute `operator` is the same
    operation for `Tensor.__add__`: where it cannot serve the other operand it returns
    NotImplemented, so that Python asks that operand.
    """

    def decorate(stub: Callable) -> Any:
        op = make(stub, False)
        op.operator = make(stub, True)
        return op

    def make(stub: Callable, is_operator: bool) -> Any:
        name = stub.__name__
        rule = RULES[fun]
        cls = node_class(torch_name or f"{name.capitalize()}Backward0", rule)
        differentiable = rule.kind != "constant"
        is_ufunc = isinstance(fun, np.ufunc)
        keeps = bool(rule.saves)
        # multiplication and division save (y, x): x for y's cotangent, y for x's and, in a
        # division, for both
        saves_yx = tuple((s.kind, s.index) for s in rule.saves) == (
            ("in", 1),
            ("in", 0),
        ) and rule.saves[1].users == {1}
        saves_y_always = saves_yx and 1 in rule.saves[0].users

        def op(input, other, *, out=None, alpha=1):  # noqa: A002 - PyTorch's name
            kind = type(other)
            if type(input) not in PLAIN or out is not None or alpha != 1:
                return slow(input, other, out, alpha)
            a = input._a
            dtype = a.dtype
            if kind is type(input) or kind in PLAIN:
                b = other._a
                if b.dtype is not dtype:
                    return slow(input, other, None, 1)
                v = other._v
                if v is not None and v.rebased:
                    sync(other, differentiable)
                eb = other._e
            elif kind is float or kind is int:
                kind = float
                eb = None
                if dtype is float32:
                    b = _cached32(other)
                    if b is None:
                        b = scalar(other, dtype)
                elif dtype is float64:
                    b = scalar(other, dtype)
                else:
                    return slow(input, other, None, 1)
            else:
                return slow(input, other, None, 1)
            if dtype is not float32 and dtype is not float64:
                return slow(input, other, None, 1)
            try:
                # `out=...` keeps 0-d results arrays, at a fifth of what converting them back costs
                r = fun(a, b) if a.ndim or not is_ufunc else fun(a, b, out=...)
            except (ValueError, *WARNED):
                r = again(a, b)
            if type(r) is not ndarray:
                r = np.asarray(r) if isinstance(r, np.generic) else r
            elif (d := r.ndim) > 1 and (not a.flags.c_contiguous or (d > 2 and a.shape != r.shape)):
                r = in_order(r, (a, b))
            v = input._v
            if v is not None and v.rebased:
                sync(input, differentiable)
            t = new(Tensor)
            t._a = r
            t._v = None
            ea = input._e
            if (ea is None and eb is None) or not differentiable or not recording():
                t._e = None
                return t
            t._e = n = new(cls)
            n.edges = (ea, eb)
            if saves_yx:
                n.saved = (
                    b if ea is not None or saves_y_always else None,
                    a if eb is not None else None,
                )
            elif keeps:
                n.saved = saved_values(rule, (ea, eb), [a, b], (r,))
            else:
                n.saved = ()
            if ea is None:
                n.cells = (family_of(input), None) if keeps else None
            elif eb is None and kind in PLAIN:
                n.cells = (None, family_of(other)) if keeps else None
            else:
                n.cells = None
            n.fix = None if kind is float or a.shape == b.shape else (a.shape, b.shape)
            n.extra = n.kw = None
            frame = getframe(1)
            n.code = code = frame.f_code
            n.lasti = frame.f_lasti
            if LIBRARY[code.co_filename]:
                n.code, n.lasti = caller(2)
            n.seq = tick()
            return t

        def again(a, b):
            error = broadcast_error(name, [a.shape, b.shape])
            if error is not None:
                raise error from None
            return compute(rule, [a, b], {})

        def slow(input, other, out, alpha):  # noqa: A002
            if not PLAIN or overrides(type(input)) or overrides(type(other)):
                rest = ({} if out is None else {"out": out}) | (
                    {} if alpha == 1 else {"alpha": alpha}
                )
                answer = ask_overrides(op, (input, other), rest)
                if answer is not NotImplemented:
                    return answer
            if is_operator and not isinstance(other, OPERANDS):
                return NotImplemented
            if not isinstance(input, Tensor) and (is_operator or not numbers):
                if is_operator:
                    raise not_for(f"__{name}__", input)
                raise not_a_tensor(name, 1, "input", input)
            for position, argument, x in ((1, "input", input), (2, "other", other)):
                if not isinstance(x, OPERANDS):
                    raise not_a_tensor(name, position, argument, x)
            if alpha != 1:
                if scaled is None:
                    raise TypeError(f"{name}() got an unexpected keyword argument 'alpha'")
                result = scaled(input, other, alpha)
                return result if out is None else write_out(name, out, result, (input, other))
            if name == "sub":
                kinds = [
                    result_type([v._a if isinstance(v, Tensor) else v]).kind for v in (input, other)
                ]
                if kinds == ["b", "b"]:
                    raise RuntimeError(errors.BOOL_MINUS_BOOL)
                if "b" in kinds:
                    refuse(name, 0)
            x, y = promoted((input, other), floating=floating, recorded=differentiable)
            refuse(name, category(x._a.dtype))
            error = broadcast_error(name, [x._a.shape, y._a.shape])
            if error is not None:
                raise error
            result = apply(cls, x, y)
            if fun in ARITHMETIC and is_half(result._a):
                _round_once(result, fun, input, other)
            return result if out is None else write_out(name, out, result, (input, other))

        return _named(op, stub)

    return decorate


#: what PyTorch computes in float32 for 16-bit floats and a Python number
ARITHMETIC = {np.multiply, np.divide}


def _round_once(result: Tensor, fun: Callable, *operands: Any) -> None:
    """16-bit floats with a Python number: the number is not rounded first, as in PyTorch."""
    if type(result._a) is ndarray and not all(isinstance(x, Tensor) for x in operands):
        wide = [np.asarray(x._a if isinstance(x, Tensor) else x, float32) for x in operands]
        result._a[...] = quietly(fun, *wide)


def with_number(fun: Callable, torch_name: str, keyword: str) -> Callable[[F], F]:
    """Put a quick path before a general operation (input, other): a floating tensor with a plain
    Python number.

    `fun` is a primitive of one array that takes the number as metadata `keyword`; its rule saves
    nothing or the input.
    """

    def decorate(general: F) -> F:
        rule = RULES[fun]
        cls = node_class(torch_name, rule)
        kernel = rule.kernel
        if not {(kind, index) for kind, index, _ in rule.saves} <= {("in", 0)}:
            raise ValueError(f"{general.__name__}: use apply, the rule saves {rule.saves}")
        keeps = bool(rule.saves)

        def op(input, other):  # noqa: A002 - PyTorch's name
            if type(input) not in PLAIN:
                return general(input, other)
            kind = type(other)
            a = input._a
            dtype = a.dtype
            if (dtype is not float32 and dtype is not float64) or (
                kind is not int and kind is not float
            ):
                return general(input, other)
            if type(a) is not ndarray:
                return general(input, other)
            kw = {keyword: other}
            try:
                r = kernel(a, **kw)
            except WARNED:
                r = compute(rule, [a], kw)
            if type(r) is not ndarray:
                r = np.asarray(r)
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
            t._e = n = new(cls)
            n.edges = (e,)
            n.saved = (a,) if keeps else ()
            n.fix = n.extra = n.cells = None
            n.kw = kw
            frame = getframe(1)
            n.code = code = frame.f_code
            n.lasti = frame.f_lasti
            if LIBRARY[code.co_filename]:
                n.code, n.lasti = caller(2)
            n.seq = tick()
            return t

        return _named(op, general)

    return decorate


def _named(op: Callable, stub: F) -> F:
    op.__name__ = stub.__name__
    op.__qualname__ = stub.__qualname__
    op.__doc__ = stub.__doc__
    op.__module__ = stub.__module__
    op.__wrapped__ = stub  # pyright: ignore[reportFunctionMemberAccess] - inspect.signature looks here
    return op  # pyright: ignore[reportReturnType]
