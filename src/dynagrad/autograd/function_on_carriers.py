"""A Function inside transforms: its own `jvp` under forward mode, its own `vmap` or a generated one
under vmap. Imports function.

The derivative of a Function is what its author wrote: a transform must not look into `forward`.
So each carrier is taken off, the call below it is a call of the Function again, and what the author
defined for this transform makes the carrier's part of the result.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.batched import Batched, BatchLevel, enter, leave
from ..core.carrier import Carrier, Level, levels, new_level, to_levels, under
from ..core.dual import Dual
from ..core.pytree import flatten, tree_map, unflatten
from ..core.tape import grad_mode
from ..core.tensor import Tensor, edge_of, wrap
from ..functions.creation import zeros_like
from ..functions.shape import movedim
from .function import Function, FunctionCtx, recorded_results

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
    if isinstance(top, BatchLevel):
        if cls.setup_context is Function.setup_context:
            raise RuntimeError(NEEDS_SETUP_CONTEXT.format(name=cls.__name__))
        output = _batched(cls, top, bare, kwargs)
        ctx = FunctionCtx()
        if records:
            token = grad_mode.set(False)
            try:
                cls.setup_context(ctx, args, output)
            finally:
                grad_mode.reset(token)
    else:
        output, ctx = _pushed(cls, top, args, bare, kwargs)
    ctx.needs_input_grad = tuple(e is not None for e in edges)
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


def _batched(cls: Any, level: BatchLevel, args: tuple, kwargs: dict) -> Any:
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
    leaves, spec = flatten(args)
    taken = [_taken_off(a, level) for a in leaves]
    values = [value for value, _ in taken]
    if not own:
        flags = tuple([dim is not None for _, dim in taken])
        call = GeneratedCall(cls, spec, flags, kwargs, level)
        with under(level):
            outputs = Generated.apply(call, *values)
        return _rebatched(unflatten(list(outputs), call.out_spec), 0, level)
    in_dims = unflatten([dim for _, dim in taken], spec)
    info = VmapInfo(level.size, level.randomness)  # pyright: ignore[reportArgumentType]
    with under(level):
        answer = cls.vmap(info, in_dims, *unflatten(values, spec), **kwargs)
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise RuntimeError(
            f"Expected {cls.__name__}.vmap to return a tuple of (output, out_dims), got "
            f"{type(answer).__name__}"
        )
    output, out_dims = answer
    return _rebatched(output, out_dims, level)


def _taken_off(a: Any, level: Level) -> tuple[Any, int | None]:
    """An argument below a vmap's level, and its batch dimension."""
    held = a._a if isinstance(a, Tensor) else None
    if type(held) is not Batched or held.level is not level:
        return a, None
    value = held.value if isinstance(held.value, Tensor) else wrap(held.value)
    return value, 0 if held.is_batched else None


def _rebatched(output: Any, out_dims: Any, level: Level) -> Any:
    if isinstance(output, tuple):
        dims = out_dims if isinstance(out_dims, tuple | list) else (out_dims,) * len(output)
        return tuple([_rebatched(o, d, level) for o, d in zip(output, dims, strict=True)])
    if not isinstance(output, Tensor):
        return output
    if out_dims is None:
        return level.lift(output)
    return enter(movedim(output, out_dims, 0) if out_dims else output, level)


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
        #: what the Function saved: for each tensor its source ("in", "out" or "own"), number,
        #: value below the batch and whether it has the batch dimension
        self.saved: list = []
        self.fixed: list[int] = []

    def on_batch(self, f: Callable, values: list, flags: Any, saved: Any) -> list:
        """`f(*values)` within a level of its own, with what was saved; the results below it."""
        with new_level(BatchLevel, self.size, self.randomness) as level:
            if saved is not None:
                self.ctx._saving = tuple(
                    [
                        t if t is None or not flag else enter(t, level)
                        for t, (*_, flag) in zip(saved, self.saved, strict=True)
                    ]
                )
            given = [
                enter(v, level) if flag and isinstance(v, Tensor) else v
                for v, flag in zip(values, flags, strict=True)
            ]
            answer = f(given)
            results = list(answer) if isinstance(answer, tuple) else [answer]
            found = [leave(r, level) if isinstance(r, Tensor) else r for r in results]
            self.ctx._saving = ()
            return found


class Generated(Function):
    """A Function on a batch, by its own forward, backward and jvp on single examples."""

    generate_vmap_rule = True

    @staticmethod
    def forward(call: GeneratedCall, *leaves: Any) -> tuple:
        """Run the Function's forward on the batch."""

        def on_examples(given: list) -> Any:
            args = unflatten(given, call.spec)
            output = call.cls.forward(*args, **call.kwargs)
            call.cls.setup_context(call.ctx, args, output)
            results, call.out_spec = flatten(output)
            call.saved = [_source(t, given, results) for t in call.ctx._saving]
            fixed = call.ctx._fixed
            call.fixed = [n for n, r in enumerate(results) if any(r is t for t in fixed)]
            return tuple(results)

        return tuple(call.on_batch(on_examples, list(leaves), call.flags, None))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        """Save what the Function saved, as this call's own inputs and results."""
        call, *leaves = inputs
        ctx.call = call
        ctx.set_materialize_grads(call.ctx._materialize)
        kept = []
        for source, number, value, _ in call.saved:
            kept.append(
                leaves[number] if source == "in" else output[number] if source == "out" else value
            )
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)
        ctx.mark_non_differentiable(*[output[number] for number in call.fixed])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        """Run the Function's backward on the batch; gradients of what all examples share are
        summed.
        """
        call = ctx.call
        call.ctx.needs_input_grad = ctx.needs_input_grad[1:]
        found = call.on_batch(
            lambda given: call.cls.backward(call.ctx, *given),
            list(grads),
            [g is not None for g in grads],
            ctx.saved_tensors,
        )
        return (
            None,
            *[
                g if g is None or flag else g.sum(0)
                for g, flag in zip(found, call.flags, strict=False)
            ],
        )

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> tuple:
        """Run the Function's jvp on the batch."""
        call = ctx.call
        flags = [flag and t is not None for flag, t in zip(call.flags, tangents, strict=True)]
        return tuple(
            call.on_batch(
                lambda given: call.cls.jvp(call.ctx, *given),
                list(tangents),
                flags,
                ctx.saved_tensors,
            )
        )


def _source(t: Any, inputs: list, outputs: list) -> tuple:
    """Where a saved tensor comes from, its value below the batch, whether it is batched."""
    if t is None:
        return "own", 0, None, False
    held = t._a
    batched = type(held) is Batched and held.is_batched
    for source, group in (("in", inputs), ("out", outputs)):
        for number, other in enumerate(group):
            if t is other:
                return source, number, None, batched or source == "out"
    value = _taken_off(t, held.level)[0] if type(held) is Batched else t
    return "own", 0, value, batched


# --- forward mode ---------------------------------------------------------------------------------


def _pushed(cls: Any, level: Level, args: tuple, bare: tuple, kwargs: dict) -> tuple[Any, Any]:
    """The Function on dual numbers: its results as dual numbers, and the context with the saved
    ones among them.
    """
    primals = tuple([_primal(a, level) for a in bare])
    ctx = FunctionCtx()
    with under(level):
        if cls.setup_context is Function.setup_context:
            output = cls.forward(ctx, *primals, **kwargs)
        else:
            output = cls.apply(*primals, **kwargs)
            cls.setup_context(ctx, primals, output)
    outputs = output if isinstance(output, tuple) else (output,)
    tangents = [_tangent(a, p, level, ctx) for a, p in zip(bare, primals, strict=True)]
    saving = ctx._saving
    if ctx._saving_forward is not None:
        ctx._saving = ctx._saving_forward
    with under(level):
        answer = cls.jvp(ctx, *tangents)
    ctx._saving = saving
    parts = answer if isinstance(answer, tuple) else (answer,)
    if len(parts) != len(outputs):
        raise RuntimeError(
            f"{cls.__name__}.jvp returned {len(parts)} tangents for {len(outputs)} results; it "
            "returns one (or None) for each result of forward."
        )
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


def _dual(cls: Any, output: Any, tangent: Any, number: int, level: Level) -> Any:
    if not isinstance(output, Tensor) or output._a.dtype.kind not in "fcV":
        return output
    if tangent is not None and not isinstance(tangent, Tensor):
        raise RuntimeError(
            f"{cls.__name__}.jvp: expected Tensor or None for tangent {number}, got "
            f"{type(tangent).__name__}"
        )
    if tangent is not None and tangent._a.shape != output._a.shape:
        raise RuntimeError(
            f"{cls.__name__}.jvp returned a tangent of shape {list(tangent._a.shape)} for result "
            f"{number} of shape {list(output._a.shape)}"
        )
    return wrap(Dual(level, output._a, None if tangent is None else tangent._a))


Function._on_carriers = classmethod(apply_on_carriers)  # pyright: ignore - declared in function
