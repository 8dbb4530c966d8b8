"""Forward-mode transforms: jvp, jacfwd, linearize; and hessian. Imports reverse and
autograd.forward_ad.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..autograd.forward_ad import check_tangent, packed
from ..autograd.grad_mode import enable_grad
from ..autograd.saved import saved_tensors_hooks
from ..core.carriers.carrier import Level, new_level
from ..core.carriers.dual import DualLevel, primal_part, tangent_part
from ..core.carriers.memory import copied
from ..core.pytree import flatten, tree_map, unflatten
from ..core.tensor import Tensor, wrap
from ..core.watch import enter
from ..functions.shape import movedim, reshape
from ..functions.splitting import split
from .arguments import (
    basis,
    checked_argnums,
    checked_outputs,
    chosen,
    real_only,
    replaced,
    structure,
    without_aux,
)
from .reverse import Recording, jacrev
from .vmapping import vmap


def jvp(
    func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple:
    """`func(*primals)` and its directional derivative J @ tangents, in one pass.

    strict: RuntimeError where a result does not depend on the primals, instead of zeros. With
    `has_aux`, `func` returns (output, aux), and (output, tangent, aux) comes back. Source:
    torch.func.jvp.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to "
            f"call f(*primals). Got {type(primals)}."
        )
    argnums = tuple(range(len(primals)))
    return jvp_by(func, primals, tangents, argnums, strict, has_aux)


def jvp_by(
    func: Callable,
    args: tuple,
    tangents: Any,
    argnums: Any,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple:
    """jvp by some of the arguments, `tangents` having their structure."""
    api = "jvp(f, primals, tangents)"
    primals, spec = flatten(chosen(args, argnums))
    given, tangent_spec = flatten(tangents)
    if spec != tangent_spec:
        raise RuntimeError(
            f"{api}: Expected primals and tangents to have the same python structure. For example, "
            "if primals is a tuple of 3 tensors, tangents also must be. Got primals with structure "
            f"{structure(spec)} and tangents with structure {structure(tangent_spec)}"
        )
    for argname, leaves in (("primals", primals), ("tangents", given)):
        if not leaves:
            raise RuntimeError(f"{api}: Expected {argname} to contain at least one Tensor.")
        for x in leaves:
            if not isinstance(x, Tensor):
                raise RuntimeError(
                    f"{api}: Expected {argname} to only contain Tensors, got {type(x)}"
                )
    for p, t in zip(primals, given, strict=True):
        check_tangent(p, t)
    with new_level(DualLevel) as level:
        try:
            duals = [packed(level, p, t) for p, t in zip(primals, given, strict=True)]
            result = func(*replaced(args, argnums, unflatten(duals, spec)))
            output, aux = without_aux(result, has_aux, api)
            outputs, out_spec = flatten(output)
            checked_outputs(outputs, api)
            pairs = [_unpacked(y, level, strict) for y in outputs]
            found = (
                unflatten([p for p, _ in pairs], out_spec),
                unflatten([t for _, t in pairs], out_spec),
            )
            if not has_aux:
                return found
            return *found, tree_map(lambda x: primal_part(x, level), aux)
        finally:
            level.end()  # pyright: ignore - a DualLevel


def _unpacked(y: Tensor, level: Level, strict: bool) -> tuple[Tensor, Tensor]:
    primal, tangent = primal_part(y, level), tangent_part(y, level)
    if tangent is None:
        if strict:
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the "
                "inputs. This is not allowed with strict=True."
            )
        tangent = wrap(np.zeros(primal._a.shape, primal._a.dtype))
    return primal, tangent


def jacfwd(
    func: Callable,
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable:
    """A function that computes the Jacobian of `func` by its arguments `argnums`, in forward mode:
    for y of shape Y and x of shape X a tensor of shape (*Y, *X).

    All columns are one batched pass; it is the better mode where there are fewer inputs than
    outputs. Source: torch.func.jacfwd.
    """

    @wraps(func)
    def jacobian(*args: Any) -> Any:
        real_only("jacfwd", flatten(args)[0], is_input=True)
        numbers = checked_argnums(argnums, len(args))
        inputs, in_spec = flatten(chosen(args, numbers))
        held: dict[str, Any] = {}

        def column(*tangents: Tensor) -> tuple:
            found = jvp_by(func, args, unflatten(list(tangents), in_spec), numbers, has_aux=has_aux)
            held["aux"] = found[2] if has_aux else None
            leaves, held["spec"] = flatten(found[1])
            real_only("jacfwd", leaves, is_input=False)
            if not has_aux:
                return tuple(leaves)
            auxiliary, held["aux"] = flatten(found[2])
            held["count"] = len(leaves)
            return (*leaves, *auxiliary)

        total = sum(x._a.size for x in inputs)
        columns = vmap(column, randomness=randomness)(*basis(inputs, range(total)))
        count = held.get("count", len(columns))
        blocks = [_by_input(c, inputs, in_spec) for c in columns[:count]]
        jacobians = unflatten(blocks, held["spec"])
        if not has_aux:
            return jacobians
        return jacobians, unflatten([c[0] for c in columns[count:]], held["aux"])

    return jacobian


def _by_input(column: Tensor, inputs: list, in_spec: Any) -> Any:
    """A block (all inputs' elements, *Y) cut into Jacobians (*Y, *X)."""
    sizes = [x._a.size for x in inputs]
    parts = split(column, sizes) if len(sizes) > 1 else (column,)
    found = []
    for part, x in zip(parts, inputs, strict=True):
        back = movedim(part, 0, -1)
        found.append(reshape(back, (*back._a.shape[:-1], *x._a.shape)))
    return unflatten(found, in_spec)


def hessian(func: Callable, argnums: Any = 0) -> Callable:
    """A function that computes the Hessian of `func`, the Jacobian of its gradient, forward over
    reverse: jacfwd(jacrev(func)). Source: torch.func.hessian.
    """
    return jacfwd(jacrev(func, argnums), argnums)


class _Copies(saved_tensors_hooks):
    """Operations save copies, also where hooks of users are forbidden."""

    def __init__(self):
        super().__init__(self.copied, lambda t: t)

    def __enter__(self) -> Any:
        enter(self)

    @staticmethod
    def copied(t: Tensor) -> Tensor:
        """The values with what levels below record of them, and no history here."""
        with enable_grad():
            return wrap(copied(t._a))


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """`func(*primals)` and the linear function of tangents jvp_fn(*tangents) = J @ tangents.

    `func` runs once: jvp_fn is the transpose of the recorded vjp, so that many tangents cost little
    each. It works under vmap too. Source: torch.func.linearize.
    """
    numbers = tuple(range(len(primals)))
    # Forward mode reads no value late: what func overwrites is not missed. So what is saved for the
    # vjp is copied.
    with _Copies():
        call = Recording(func, primals, numbers, {})
    outputs, out_spec = flatten(call.result)
    checked_outputs(outputs, "linearize(f, *primals)")
    inputs, in_spec = flatten(primals)
    zeros = tuple([wrap(np.zeros(y._a.shape, y._a.dtype)) for y in outputs])
    vjps = Recording(
        lambda *u: call.pull(outputs, list(u), True), zeros, tuple(range(len(zeros))), {}
    )
    vjps.own |= call.own

    def jvp_fn(*tangents: Any) -> Any:
        given, spec = flatten(tangents)
        if spec != in_spec:
            raise RuntimeError(
                f"Expected the tangents {structure(spec)} to have the same argspec as the primals "
                f"{structure(in_spec)}"
            )
        for i, (t, x) in enumerate(zip(given, inputs, strict=True)):
            for what, got, wanted in (
                ("shape", t.shape, x.shape),
                ("dtype", t.dtype, x.dtype),
            ):
                if got != wanted:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {got} in flattened pytree doesn't match the "
                        f"{what} {wanted} of the corresponding primal."
                    )
        return unflatten(vjps.pull(vjps.result, given, True), out_spec)

    return tree_map(call.released, call.result), jvp_fn
