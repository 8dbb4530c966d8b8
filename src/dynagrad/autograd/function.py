"""autograd.Function: operations with a derivative written by the user. Imports core
and ops.

The node of a Function holds its context; the context holds no result as a Tensor (results are saved
as arrays and rebuilt from the node), so that it makes no reference cycle.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..core.apply import to_dtype
from ..core.carriers.carrier import Carrier, in_memory, levels
from ..core.complaints import type_name
from ..core.hooks import seen
from ..core.pytree import flatten
from ..core.quiet import warn
from ..core.saved import Packed
from ..core.tape import (
    AccumulateGrad,
    Family,
    Meta,
    Node,
    Output,
    caller,
    grad_mode,
    stale_text,
    tick,
)
from ..core.tensor import Tensor, base_of, edge_of, family_of, new, with_edge, wrap
from ..core.views import FUNCTION_VIEW, MULTI_VIEW, written
from ..core.watch import PLAIN, Watcher, notify, overriding, watched_call, watchers
from ..ops.creation import full
from ..ops.rule import ANY, RULES, Save
from ..ops.shape import sum_to

_KEPT = RULES[full]._replace(kind="general", saves=(Save("meta", 0, frozenset()),), results=ANY)


class _Run(NamedTuple):
    """One run of a backward: ctx, what is saved (the engine may have freed the node's by now), the
    node, whether it is given values without history, and the run that it is within.
    """

    ctx: "FunctionCtx"
    kept: list
    node: Any
    bare: bool
    outer: "_Run | None"


#: the innermost backward that runs in this thread or task: one graph may be differentiated in
#: several threads, and once more within a backward of its own
_running: ContextVar[_Run | None] = ContextVar("function_running", default=None)


class FunctionCtx:
    """What forward leaves for backward; `ctx` in both. Any attribute may be set on it."""

    def __init__(self):
        self.needs_input_grad: tuple[bool, ...] = ()
        self._saving: tuple = ()
        self._saving_forward: tuple | None = None
        self._dirty: tuple = ()
        self._fixed: tuple = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or results of forward (Tensors or None): `ctx.saved_tensors` in backward."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type "
                    f"{type(t).__name__}\n"
                    "Set other values as attributes: ctx.value = value."
                )
        self._saving = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for `jvp`."""
        if not all(isinstance(t, Tensor) for t in tensors if t is not None):
            raise AssertionError(
                "save_for_forward expects all arguments to be tensors; you should save non-tensors "
                "as attributes on ctx."
            )
        self._saving_forward = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Declare inputs that forward wrote in place; they must be among its results."""
        _only_tensors("mark_dirty can only accept variables, but argument", tensors)
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declare results without a derivative."""
        _only_tensors("mark_non_differentiable only accepts variable arguments, but got", tensors)
        self._fixed = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """False: backward gets None, not zeros, for results that no gradient reached."""
        self._materialize = bool(value)

    @property
    def saved_tensors(self) -> tuple:
        """The tensors given to save_for_backward; RuntimeError once they are freed or if one was
        overwritten since.
        """
        run = _running.get()
        while run is not None and run.ctx is not self:
            run = run.outer
        if run is None:
            return tuple(self._saving)
        found = tuple(_restored(item, run.node) for item in run.kept)
        return tuple(None if t is None else wrap(t._a) for t in found) if run.bare else found

    saved_variables = saved_tensors


def _only_tensors(complaint: str, values: tuple) -> None:
    for i, t in enumerate(values):
        if t is not None and not isinstance(t, Tensor):
            raise RuntimeError(f"{complaint} {i} is of type {type(t).__name__}.")


class _Kept:
    """A saved tensor: its array, edge and family, and its number if it is a result."""

    __slots__ = ("array", "edge", "family", "kind", "number", "packed")

    def __init__(self, t: Tensor, number: int | None):
        self.array = t._a
        self.edge = None if number is not None else edge_of(t)
        self.family = family_of(t)
        self.number = number
        self.kind = type(t)
        self.packed: Packed | None = None  # by hooks; the array is not kept then


def _restored(item: _Kept | None, node: Any) -> Tensor | None:
    if item is None:
        return None
    if item.packed is None and item.family.cell.last > node.seq:
        edge = Output(node, item.number) if item.number is not None else item.edge
        raise RuntimeError(
            stale_text(node, item.family, edge, item.array, is_result=item.number is not None)
        )
    edge, array = item.edge, item.array
    if item.packed is not None:
        t = item.packed.tensor()
        if edge is None and item.number is None:
            return t
        array = t._a
    if item.number is not None:
        edge = Output(node, item.number)
    elif (
        item.packed is None
        and edge is not None
        and getattr(edge, "leaf", None) is not None
        and edge.leaf() is not None
    ):
        return edge.leaf()
    return with_edge(array, edge)


class BackwardCFunction(Node):
    """The node of one call of a Function; its class is named `<Function>Backward`. Attributes of
    ctx read through it.
    """

    __slots__ = ("ctx", "holds", "inputs", "results")
    rule = _KEPT
    function: type["Function"]

    def __getattr__(self, name: str) -> Any:
        if name in ("ctx", "family", "extra", "saved") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.ctx, name)

    @property
    def saved_tensors(self) -> tuple:
        """The tensors saved for backward."""
        if self.saved is None:
            raise RuntimeError(errors.FREED.format(node=type(self).__name__, place=self.place()))
        return tuple(_restored(item, self) for item in self.saved[0])

    def vjp(self, g, saved, edges):
        """Run the user's backward on Tensors."""
        create = any(isinstance(p, Tensor) for p in g)
        ctx = self.ctx
        given = [seen(p) for p in g]
        if ctx._materialize:
            given = [
                wrap(np.zeros(meta.shape, meta.dtype)) if p is None and meta is not None else p
                for p, meta in zip(given, self.metas, strict=True)
            ]
        # Without create_graph nothing is recorded here, but on tapes below a batch it may be.
        bare = not create and bool(levels.get())
        run = _running.set(_Run(ctx, saved[0], self, bare, _running.get()))
        token = grad_mode.set(create or (bare and grad_mode.get()))
        try:
            answer = self.function.backward(ctx, *given)
        finally:
            grad_mode.reset(token)
            _running.reset(run)
        return self._checked(answer if isinstance(answer, tuple) else (answer,), edges, create)

    def _checked(self, answer: tuple, edges: tuple, create: bool) -> list:
        name = type(self).__name__
        answer = fitting_count(name, answer, len(self.inputs))
        results = []
        for i, (a, meta) in enumerate(zip(answer, self.inputs, strict=True)):
            if meta is None:
                if a is not None:
                    raise RuntimeError(
                        f"function {name} returned a gradient different than None at position "
                        f"{i + 1}, but the corresponding forward input was not a Variable"
                    )
                continue
            if a is not None and not isinstance(a, Tensor):
                raise RuntimeError(
                    f"expected Variable or None (got {type_name(a)})\n"
                    f"This is gradient {i} of {name}."
                )
            if a is not None:
                a = _fitted(a, meta, name, i)
                a = np.conjugate(a) if a._a.dtype.kind == "c" else a
            results.append(a if a is None or create else a._a)
        return results


def fitting_count(name: str, answer: tuple, expected: int) -> tuple:
    """What a backward returned, without Nones too many; RuntimeError for another number."""
    if len(answer) > expected and all(a is None for a in answer[expected:]):
        answer = answer[:expected]
    if len(answer) != expected:
        raise RuntimeError(
            f"function {name} returned an incorrect number of gradients (expected {expected}, "
            f"got {len(answer)})\n"
            "backward returns one gradient (or None) for each argument of forward."
        )
    return answer


def _positional(forward: Any, args: tuple, kwargs: dict, skip: int, complete: bool) -> tuple:
    """The arguments with those given by name, and (`complete`) defaults, in their places; and what
    can only be given by name.
    """
    code = getattr(forward, "__code__", None)
    if code is None:
        return args, kwargs
    names = code.co_varnames[skip : code.co_argcount]
    defaults = forward.__defaults__ or ()
    known = dict(zip(names[len(names) - len(defaults) :], defaults, strict=False))
    values, left = list(args), dict(kwargs)
    for name in names[len(args) :]:
        if not (left.keys() & set(names)) and not complete:
            break
        if name not in left and name not in known:
            break
        values.append(left.pop(name) if name in left else known[name])
    return tuple(values), left


def _fitted(a: Tensor, meta: Meta, name: str, index: int) -> Tensor:
    from_shape, shape = a._a.shape, meta.shape
    if from_shape != shape:
        try:
            fits = np.broadcast_shapes(from_shape, shape) == from_shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - got "
                f"{list(from_shape)} but expected shape compatible with {list(shape)}"
            )
        a = sum_to(a, shape=shape)
    if a._a.dtype.kind == "c" and meta.dtype.kind != "c":
        raise RuntimeError(
            "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) "
            f"to be true, but got false.\n{name} returned a complex gradient for input {index}, "
            "which is real: return its real part."
        )
    return to_dtype(a, meta.dtype)


class Function:
    """Base of operations with their own derivative.

    A subclass defines static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`, or
    `forward(*args)` with `setup_context(ctx, inputs, output)`; it is used as
    `MyFunction.apply(*args)`. Source: torch.autograd.Function.
    """

    generate_vmap_rule = False
    _on_carriers: Any  # by function_on_carriers

    def __init__(self, *args: Any, **kwargs: Any):
        warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
        )

    def __call__(self, *args: Any, **kwargs: Any):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method: class F(Function) with "
            "@staticmethod forward and backward, called as F.apply(...)."
        )

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls._backward_cls = type(
            f"{cls.__name__}Backward", (BackwardCFunction,), {"__slots__": (), "function": cls}
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the results; define it in a subclass."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
        """Fill ctx after a forward without ctx; define it in a subclass."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of all arguments of forward; define it in a subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the results; define it in a subclass."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *args: Any) -> Any:
        """The results on a batch, as (output, out_dims); define it in a subclass, or set
        `generate_vmap_rule = True`.

        info: batch_size and randomness; in_dims: the batch dimension of each argument, or None.
        """
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap static method "
            "or set generate_vmap_rule=True."
        )

    @classmethod
    def vjp(cls, ctx: Any, *grad_outputs: Any) -> Any:
        """Another name of backward."""
        return cls.backward(ctx, *grad_outputs)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward on `args` and record the call."""
        if overriding and watchers.get():
            answer = watched_call(cls.apply, args, kwargs)
            if answer is not NotImplemented:
                return answer
        has_ctx = cls.setup_context is Function.setup_context
        if kwargs or (not has_ctx and getattr(cls.forward, "__defaults__", None)):
            args, kwargs = _positional(cls.forward, args, kwargs, has_ctx, not has_ctx)
        if not PLAIN and any(map(_is_transformed, flatten(args)[0])):
            return cls._on_carriers(args, kwargs)
        ctx = FunctionCtx()
        edges = tuple([edge_of(a) if isinstance(a, Tensor) else None for a in args])
        records = grad_mode.get() and any(e is not None for e in edges)
        ctx.needs_input_grad = tuple(e is not None for e in edges)
        token = grad_mode.set(False)
        try:
            if has_ctx:
                output = cls.forward(ctx, *args, **kwargs)
            else:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
        finally:
            grad_mode.reset(token)
        outputs = output if isinstance(output, tuple) else (output,)
        made = recorded_results(cls, ctx, args, edges, outputs, records)
        return made if isinstance(output, tuple) else made[0]


def recorded_results(
    cls: Any, ctx: FunctionCtx, args: tuple, edges: tuple, outputs: tuple, records: bool
) -> tuple:
    """The results of one call, on the tape if it `records`."""
    tensors = [o for o in outputs if isinstance(o, Tensor)]
    for t in ctx._dirty:
        if not any(t is o for o in tensors):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as "
                "output. The inputs that are modified inplace must all be outputs of the Function."
            )
        if records and type(edge_of(t)) is AccumulateGrad:
            raise RuntimeError(
                errors.LEAF_INPLACE.replace("is being", "has been").format(
                    view="", op=f"{cls.__name__}.apply"
                )
            )
    aliased = [_own(o, ctx, args) if isinstance(o, Tensor) else o for o in outputs]
    if not records or not tensors:
        return tuple(aliased)
    node = new(cls._backward_cls)
    node.ctx = ctx
    node.edges = tuple([e for a, e in zip(args, edges, strict=True) if isinstance(a, Tensor)])
    node.inputs = tuple([Meta(a._a) if isinstance(a, Tensor) else None for a in args])
    node.fix = node.extra = node.kw = node.cells = None
    node.code, node.lasti = caller(2)
    node.results = len(outputs)
    node.metas = tuple([Meta(o._a) if isinstance(o, Tensor) else None for o in outputs])
    node.seq = tick()
    node.saved, node.holds = (), False
    for number, (given, own) in enumerate(zip(outputs, aliased, strict=True)):
        if not isinstance(own, Tensor):
            continue
        fixed = any(given is f for f in ctx._fixed) or own._a.dtype.kind not in "fcV"
        if any(given is d for d in ctx._dirty):
            written(own, Output(node, number), True)
            node.seq = tick()
        elif not fixed:
            own._e = Output(node, number)
            if base_of(own) is not None or own is not given:
                own._m = FUNCTION_VIEW if len(tensors) == 1 else MULTI_VIEW
    kept = [None if t is None else _Kept(t, _number(t, outputs)) for t in ctx._saving]
    node.saved = (kept,)
    node.holds = any(k is not None for k in kept)
    try:
        if not PLAIN:
            notify(Watcher.noted, node, args)
    finally:  # what was saved may be a result, which holds the node, which holds ctx
        ctx._saving = ctx._dirty = ctx._fixed = ()
        ctx._saving_forward = None
    return tuple(aliased)


def _number(t: Tensor, outputs: tuple) -> int | None:
    return next((i for i, o in enumerate(outputs) if o is t), None)


def _own(output: Tensor, ctx: FunctionCtx, args: tuple) -> Tensor:
    """A result that is an input (not written in place) becomes a new tensor on the same memory."""
    if any(output is a for a in args) and not any(output is d for d in ctx._dirty):
        t = wrap(output._a)
        t._v = Family(family_of(output).cell)
        return t
    return output


def once_differentiable(backward: Callable) -> Callable:
    """Decorator of a backward that must not be differentiated itself: that raises RuntimeError."""

    @wraps(backward)
    def wrapped(ctx: Any, *args: Any) -> Any:
        recording = grad_mode.get()
        token = grad_mode.set(False)
        try:
            answer = backward(ctx, *args)
        finally:
            grad_mode.reset(token)
        if not recording or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return answer
        answers = [_requiring(a) for a in (answer if isinstance(answer, tuple) else (answer,))]
        return _Refusing.apply(*answers)

    return wrapped


def _requiring(value: Any) -> Any:
    """The same values as a leaf that requires grad, so that what follows is recorded."""
    return value.detach().requires_grad_() if isinstance(value, Tensor) else value


def _is_transformed(x: Any) -> bool:
    """Whether it is a tensor inside of a transform."""
    return isinstance(in_memory(getattr(x, "_a", None)), Carrier)


class _Refusing(Function):
    """Passes values on; its backward raises."""

    @staticmethod
    def forward(ctx, *values: Any) -> Any:
        first, *rest = values
        return values if rest else first

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
