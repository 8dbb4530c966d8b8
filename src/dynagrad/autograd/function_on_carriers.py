"""A Function inside transforms: its own `jvp` under forward mode, its own `vmap` or a generated one
under vmap. Imports core, functions and function.

The derivative of a Function is what its author wrote: a transform must not look into `forward`.
So each carrier is taken off, the call below it is a call of the Function again, and what the author
defined for this transform makes the carrier's part of the result.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.carriers.batched import Batched, BatchLevel, enter, leave
from ..core.carriers.carrier import Carrier, Level, levels, new_level, to_levels, under
from ..core.carriers.dual import Dual
from ..core.complaints import type_name
from ..core.pytree import flatten, spread, tree_map, unflatten
from ..core.tape import grad_mode
from ..core.tensor import Tensor, edge_of, wrap
from ..functions.creation import zeros_like
from ..functions.shape import movedim
from .function import Function, FunctionCtx, fitting_count, recorded_results

NEEDS_SETUP_CONTEXT = (
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, "
    "...), it must override the setup_context staticmethod.\n{name}.forward takes ctx: split it "
    "into forward(*args) and setup_context(ctx, inputs, output)."
)


class VmapInfo(NamedTuple):
    """What `Function.vmap` is told: the batch's size, and vmap's `randomness`."""

    batch_size: int
    randomness: str


def apply_on_carriers(cls: Any, args: tuple, kwargs: dict) -> Any:
    """`cls.apply` where some argument is on a carrier."""
    present = {level for level in _levels_of(args) if isinstance(level, Level)}
    top = max(present, key=lambda level: level.order)
    wanted = present | {level for level in levels.get() if level.order < top.order}
    args = tuple(
        [
            to_levels(a, wanted) if isinstance(a, Tensor) and edge_of(a) is not None else a
            for a in args
        ]
    )
    edges = tuple([edge_of(a) if isinstance(a, Tensor) else None for a in args])
    records = grad_mode.get() and any(e is not None for e in edges)
    bare = tree_map(_without_history, args)
    needs = tuple([e is not None for e in edges])
    if isinstance(top, BatchLevel):
        if cls.setup_context is Function.setup_context:
            raise RuntimeError(NEEDS_SETUP_CONTEXT.format(name=cls.__name__))
        output = _batched(cls, top, args, bare, kwargs)
        ctx = FunctionCtx()
        ctx.needs_input_grad = needs
        results = output if isinstance(output, tuple) else (output,)
        if records or _is_in_any(results, args):
            token = grad_mode.set(False)
            try:
                cls.setup_context(ctx, args, output)
            finally:
                grad_mode.reset(token)
    else:
        output, ctx = _pushed(cls, top, args, bare, kwargs, needs)
    ctx.needs_input_grad = needs
    outputs = output if isinstance(output, tuple) else (output,)
    made = recorded_results(cls, ctx, args, edges, outputs, records)
    return made if isinstance(output, tuple) else made[0]


def _levels_of(args: Any) -> list[Level]:
    return [
        level
        for a in flatten(args)[0]
        if isinstance(a, Tensor) and isinstance(a._a, Carrier)
        for level in a._a.levels
    ]


def _without_history(a: Any) -> Any:
    return wrap(a._a) if isinstance(a, Tensor) and edge_of(a) is not None else a


# --- vmap -----------------------------------------------------------------------------------------


def _batched(cls: Any, level: BatchLevel, args: tuple, bare: tuple, kwargs: dict) -> Any:
    own = cls.vmap is not Function.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and "
            "an overridden vmap staticmethod. Please set generate_vmap_rule=False or delete the "
            "overridden vmap staticmethod to avoid ambiguity."
        )
    if not own and not cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please "
            "override and implement the vmap staticmethod or set generate_vmap_rule=True."
        )
    leaves, spec = flatten(bare)
    taken = [_taken_off(a, level) for a in leaves]
    values = [value for value, _ in taken]
    if all(dim is None for _, dim in taken):
        with under(level):
            outputs, out_spec = flatten(cls.apply(*unflatten(values, spec), **kwargs))
        same = {id(v): a for v, a in zip(values, flatten(args)[0], strict=True)}
        return unflatten(
            [same[id(o)] if id(o) in same else _rebatched(o, None, level) for o in outputs],
            out_spec,
        )
    if not own:
        flags = tuple([dim is not None for _, dim in taken])
        call = GeneratedCall(cls, spec, flags, kwargs, level)
        with under(level):
            outputs = _generated(cls).apply(*values, call)
        entered = [_rebatched(o, 0, level) for o in outputs[: call.results]]
        return unflatten(entered, call.out_spec)
    in_dims = unflatten([dim for _, dim in taken], spec)
    info = VmapInfo(level.size, level.randomness)  # pyright: ignore[reportArgumentType]
    with under(level):
        answer = cls.vmap(info, in_dims, *unflatten(values, spec), **kwargs)
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise RuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with "
            f"pytree structure compatible with the output. {cls.__name__}.vmap returned "
            f"{type(answer).__name__}."
        )
    output, out_dims = answer
    outputs, out_spec = flatten(output)
    dims = spread(out_dims, out_spec)
    if dims is None:
        raise RuntimeError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) "
            f"tuple. Expected out_dims={out_dims} of {cls.__name__}.vmap to have the structure of "
            f"its output, with {len(outputs)} values."
        )
    given = zip(flatten(args)[0], taken, strict=True)
    same = {(id(value), dim): a for a, (value, dim) in given if isinstance(a, Tensor)}
    # A result that is an argument remains it: it may be marked as written in place.
    entered = [
        same[id(o), d] if (id(o), d) in same else _rebatched(o, d, level)
        for o, d in zip(outputs, dims, strict=True)
    ]
    return unflatten(entered, out_spec)


def _taken_off(a: Any, level: Level) -> tuple[Any, int | None]:
    """An argument below a vmap's level, and its batch dimension."""
    held = a._a if isinstance(a, Tensor) else None
    if type(held) is not Batched or held.level is not level:
        return a, None
    value = held.value if isinstance(held.value, Tensor) else wrap(held.value)
    return value, 0 if held.is_batched else None


def _rebatched(output: Any, out_dim: Any, level: Level) -> Any:
    """A result of a batch, which is in dimension `out_dim`, inside of the level."""
    if not isinstance(output, Tensor):
        return output
    if out_dim is None:
        return level.lift(output)
    return enter(movedim(output, out_dim, 0) if out_dim else output, level)


class GeneratedCall:
    """One call of a Function whose vmap is generated: what `Generated` needs of it."""

    def __init__(self, cls: Any, spec: Any, flags: tuple, kwargs: dict, level: BatchLevel):
        self.cls = cls
        self.spec = spec
        self.flags = flags
        self.kwargs = kwargs
        self.size = level.size
        self.randomness = level.randomness
        self.out_spec: Any = None
        self.ctx = FunctionCtx()
        #: what the Function saved for backward, and for jvp: for each tensor its source ("in",
        #: "out" or None), number and whether it has the batch dimension
        self.saved: list[tuple] = []
        self.saved_forward: list[tuple] = []
        #: results without a derivative, and how many results there are; what the Function saved of
        #: its own comes behind them
        self.fixed: list[int] = []
        self.results = 0
        self.own = 0

    def on_batch(
        self, f: Callable, values: list, flags: Any, saved: tuple = (), sources: Any = ()
    ) -> list:
        """`f(values, level)` in a level of its own, with what was saved; the results below it."""
        with new_level(BatchLevel, self.size, self.randomness) as level:
            self.ctx._saving = tuple(
                [
                    enter(t, level) if t is not None and flag else t
                    for t, (*_, flag) in zip(saved, sources, strict=True)
                ]
            )
            given = [
                enter(v, level) if flag and isinstance(v, Tensor) else v
                for v, flag in zip(values, flags, strict=True)
            ]
            try:
                answer = f(given, level)
            finally:  # what was saved may be a result, whose node holds this
                self.ctx._saving = self.ctx._dirty = self.ctx._fixed = ()
                self.ctx._saving_forward = None
            results = list(answer) if isinstance(answer, tuple) else [answer]
            return [leave(r, level) if isinstance(r, Tensor) else r for r in results]

    def run_forward(self, given: list, level: Level) -> tuple:
        """The results of forward, and what the Function saved besides."""
        ctx = self.ctx
        args = unflatten(given, self.spec)
        output = self.cls.forward(*args, **self.kwargs)
        self.cls.setup_context(ctx, args, output)
        results, self.out_spec = flatten(output)
        self.fixed = [n for n, r in enumerate(results) if _is_in(r, ctx._fixed)]
        self.results = len(results)
        for_jvp = ctx._saving if ctx._saving_forward is None else ctx._saving_forward
        for t in (*ctx._saving, *for_jvp):
            if t is not None and not _is_in(t, given, results):
                results.append(t)
        self.own = len(results) - self.results
        self.saved = [_source(t, given, results, level) for t in ctx._saving]
        self.saved_forward = [_source(t, given, results, level) for t in for_jvp]
        return tuple(results)


class Generated(Function):
    """A Function on a batch, by its own forward, backward and jvp on single examples. Its inputs
    are the leaves of the Function's, then the call.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(*inputs: Any) -> tuple:
        """Run the Function's forward on the batch."""
        *leaves, call = inputs
        return tuple(call.on_batch(call.run_forward, leaves, call.flags))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        """Save what the Function saved, as this call's own inputs and results."""
        *leaves, call = inputs
        ctx.call = call
        ctx.set_materialize_grads(call.ctx._materialize)
        groups = {"in": leaves, "out": output, None: [None]}
        ctx.save_for_backward(*[groups[source][n] for source, n, _ in call.saved])
        ctx.save_for_forward(*[groups[source][n] for source, n, _ in call.saved_forward])
        ctx.mark_non_differentiable(
            *[output[n] for n in call.fixed], *(output[call.results :] if call.own else ())
        )

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        """Run the Function's backward on the batch; gradients of what all examples share are
        summed.
        """
        call = ctx.call
        call.ctx.needs_input_grad = ctx.needs_input_grad[:-1]
        given = list(grads[: call.results])
        found = call.on_batch(
            lambda given, _: call.cls.backward(call.ctx, *given),
            given,
            [g is not None for g in given],
            ctx.saved_tensors,
            call.saved,
        )
        found = fitting_count(
            f"{call.cls.__name__}GeneratedBackward", tuple(found), len(call.flags)
        )
        summed = [
            g if flag or not isinstance(g, Tensor) else g.sum(0)
            for g, flag in zip(found, call.flags, strict=True)
        ]
        return (*summed, None)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple:
        """Run the Function's jvp on the batch."""
        call = ctx.call
        given = list(tangents[:-1])
        found = call.on_batch(
            lambda given, _: call.cls.jvp(call.ctx, *given),
            given,
            [flag and t is not None for flag, t in zip(call.flags, given, strict=True)],
            ctx.saved_tensors,
            call.saved_forward,
        )
        _check_tangents(found, call.results)
        return (*found, *[None] * call.own)


def _generated(cls: Any) -> type[Generated]:
    """`Generated` under a name that says whose vmap it is."""
    if "_generated" not in cls.__dict__:
        cls._generated = type(f"{cls.__name__}Generated", (Generated,), {})
    return cls._generated


def _is_in_any(some: tuple, args: tuple) -> bool:
    return any(_is_in(x, args) for x in some if isinstance(x, Tensor))


def _is_in(t: Any, *groups: Any) -> bool:
    return any(t is other for group in groups for other in group)


def _source(t: Any, inputs: list, outputs: list, level: Level) -> tuple:
    """Where a saved tensor comes from, and whether it has the batch dimension outside."""
    if t is None:
        return None, 0, False
    for number, other in enumerate(inputs):
        if t is other:
            return "in", number, _taken_off(t, level)[1] is not None
    return "out", next(n for n, other in enumerate(outputs) if t is other), True


# --- forward mode ---------------------------------------------------------------------------------


def _pushed(
    cls: Any, level: Level, args: tuple, bare: tuple, kwargs: dict, needs: tuple
) -> tuple[Any, Any]:
    """The Function on dual numbers: its results as dual numbers, and the context with the saved
    ones among them.
    """
    primals = tuple([_primal(a, level) for a in bare])
    ctx = FunctionCtx()
    ctx.needs_input_grad = needs
    has_ctx = cls.setup_context is Function.setup_context
    if has_ctx and _levels_of(primals):
        raise RuntimeError(NEEDS_SETUP_CONTEXT.format(name=cls.__name__))
    with under(level):
        output = None if has_ctx else cls.apply(*primals, **kwargs)
        token = grad_mode.set(False)
        try:
            if has_ctx:
                output = cls.forward(ctx, *primals, **kwargs)
            else:
                cls.setup_context(ctx, primals, output)
        finally:
            grad_mode.reset(token)
    outputs = output if isinstance(output, tuple) else (output,)
    tangents = [_tangent(a, p, level, ctx) for a, p in zip(bare, primals, strict=True)]
    saving = ctx._saving
    if ctx._saving_forward is not None:
        ctx._saving = ctx._saving_forward
    with under(level):
        answer = cls.jvp(ctx, *tangents)
    ctx._saving = saving
    parts = answer if isinstance(answer, tuple) else (answer,)
    _check_tangents(parts, len(outputs))
    duals: list[Any] = []
    for number, (o, t) in enumerate(zip(outputs, parts, strict=True)):
        duals.append(_dual(cls, o, t, number, level))
    for i, p in enumerate(primals):  # written in place: the argument itself holds the result
        for number, o in enumerate(outputs):
            if o is p and any(o is d for d in ctx._dirty):
                args[i]._a = duals[number]._a
                duals[number] = args[i]
    exchange = {id(p): a for p, a in zip(primals, args, strict=True)}
    exchange |= {id(o): d for o, d in zip(outputs, duals, strict=True)}
    ctx._saving = tuple([exchange.get(id(t), t) for t in ctx._saving])
    ctx._dirty = tuple([exchange.get(id(t), t) for t in ctx._dirty])
    ctx._fixed = tuple([exchange.get(id(t), t) for t in ctx._fixed])
    return (tuple(duals) if isinstance(output, tuple) else duals[0]), ctx


def _primal(a: Any, level: Level) -> Any:
    if isinstance(a, Tensor) and type(a._a) is Dual and a._a.level is level:
        return wrap(a._a.primal)
    return a


def _tangent(a: Any, primal: Any, level: Level, ctx: FunctionCtx) -> Any:
    if not isinstance(a, Tensor):
        return None
    held = a._a
    if type(held) is Dual and held.level is level and held.tangent is not None:
        return wrap(held.tangent)
    return zeros_like(primal) if ctx._materialize and held.dtype.kind in "fcV" else None


def _check_tangents(tangents: Any, count: int) -> None:
    if len(tangents) != count:
        raise RuntimeError(
            "Function's jvp returned an invalid number of forward gradients (expected "
            f"{count} but got {len(tangents)})\n"
            "jvp returns a tangent (or None) for each result of forward."
        )


def _dual(cls: Any, output: Any, tangent: Any, number: int, level: Level) -> Any:
    if not isinstance(output, Tensor) or output._a.dtype.kind not in "fcV":
        return output
    if tangent is not None and not isinstance(tangent, Tensor):
        raise RuntimeError(
            f"expected Variable or None (got {type_name(tangent)}) for grad output {number}.\n"
            f"{cls.__name__}.jvp returns tensors."
        )
    if tangent is not None and tangent._a.shape != output._a.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(output._a.shape)} while the "
            f"given forward gradient is of size {list(tangent._a.shape)}: result {number} of "
            f"{cls.__name__}."
        )
    return wrap(Dual(level, output._a, None if tangent is None else tangent._a))


Function._on_carriers = classmethod(apply_on_carriers)  # pyright: ignore - declared in function
