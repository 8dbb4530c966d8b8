"""Reverse-mode transforms: vjp, grad, grad_and_value, jacrev. Imports core and functions.

A transform gives its inputs places of their own on the tape and runs the engine down to them. What
the function reads from outside stays on the same tape, so that results remain differentiable by it;
the pass is recorded where there is something of that kind.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..autograd.grad_mode import enable_grad
from ..core.carriers.carrier import lifted
from ..core.dtype import FLOATING, category
from ..core.engine import run
from ..core.hooks import seen
from ..core.paths import nodes_below
from ..core.pytree import Spec, flatten, tree_map, unflatten
from ..core.tape import AccumulateGrad, Meta, grad_mode
from ..core.tensor import Tensor, edge_of, leaf_edge, wrap
from ..functions.joining import cat
from ..functions.shape import reshape, view_as
from ..functions.splitting import split
from .arguments import (
    basis,
    checked_argnums,
    checked_outputs,
    chosen,
    chunks,
    real_only,
    replaced,
    structure,
    tensor_leaves,
    without_aux,
)
from .vmapping import vmap


class Recording:
    """A call of a function by tensors with places of their own on the tape."""

    def __init__(self, func: Callable, args: tuple, argnums: Any, kwargs: dict):
        self.outer = grad_mode.get()
        leaves, self.spec = tensor_leaves(chosen(args, argnums))
        with enable_grad():
            # Nothing here keeps them: once they are gone, others see that their places are closed.
            inputs = [_traced(x) for x in leaves]
            self.inputs = [Meta(x._a) for x in inputs]
            self.edges = [edge_of(x) for x in inputs]
            given = replaced(args, argnums, unflatten(inputs, self.spec))
            self.result = func(*given, **kwargs)
        #: the places on the tape that are this call's alone
        self.own = {edge for edge in self.edges if type(edge) is AccumulateGrad}

    def released(self, x: Any) -> Any:
        """A result as the caller gets it: without a history that is this call's alone."""
        if not isinstance(x, Tensor) or edge_of(x) is None:
            return x
        return x if self.outer and self._reaches_beyond([edge_of(x)]) else wrap(x._a)

    def pull(self, outputs: list[Tensor], weights: list[Any], retain: bool) -> list[Tensor]:
        """The inputs' gradients of `sum(outputs * weights)`."""
        pairs = [
            (edge_of(y), w) for y, w in zip(outputs, weights, strict=True) if edge_of(y) is not None
        ]
        roots = [edge for edge, _ in pairs]
        create = grad_mode.get() and (
            any(edge_of(w) is not None for _, w in pairs) or self._reaches_beyond(roots)
        )
        given = [np.conjugate(w) if w._a.dtype.kind == "c" else w for _, w in pairs]
        found = run(
            roots,
            given if create else [w._a for w in given],
            retain=retain or create,
            create=create,
            targets=dict.fromkeys(self.edges, False),
        )
        grads = []
        for x, edge in zip(self.inputs, self.edges, strict=True):
            g = found.get(edge)
            grads.append(wrap(np.zeros(x.shape, x.dtype)) if g is None else seen(g))
        return [self.released(g) for g in grads] if create else grads

    def _reaches_beyond(self, roots: list) -> bool:
        if len(self.own) < len(set(self.edges)):  # an input has a history itself
            return True
        groups = [roots, *[node.edges for node in nodes_below(roots)]]
        return any(self._is_outside(e) for group in groups for e in group)

    def _is_outside(self, edge: Any) -> bool:
        """Whether an edge ends in a leaf of others, one that is still there."""
        return type(edge) is AccumulateGrad and edge not in self.own and edge.leaf() is not None


def _traced(x: Tensor) -> Tensor:
    """x with a place of its own on the tape of the innermost batch."""
    if category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            f"only Tensors of floating point dtype can require gradients\n"
            f"An argument to differentiate by is {x.dtype!r}; convert it, as in x.float()."
        )
    t = lifted(x)
    if edge_of(t) is not None:
        return view_as(t, t)
    t = wrap(t._a)
    t._e = leaf_edge(t)
    return t


def _ones(y: Tensor) -> Tensor:
    return wrap(np.ones(y._a.shape, y._a.dtype))


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """`func(*primals)` and a function that maps cotangents of the results to cotangents of the
    primals: v -> v^T J.

    The function may be called many times, under vmap too. With `has_aux`, `func` returns (output,
    aux), and (output, vjp_fn, aux) comes back. Source: torch.func.vjp.
    """
    argnums = tuple(range(len(primals)))
    return vjp_by(func, primals, argnums, has_aux)


def vjp_by(func: Callable, primals: tuple, argnums: Any, has_aux: bool = False) -> tuple:
    """vjp by some of the arguments."""
    call = Recording(func, primals, argnums, {})
    output, aux = without_aux(call.result, has_aux, "vjp(f, *primals)")
    outputs, out_spec = flatten(output)
    checked_outputs(outputs, "vjp(f, *primals)")
    for y in outputs:
        if category(y._a.dtype) < FLOATING:
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                f"Tensor with dtype {y.dtype!r}"
            )

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        weights, spec = flatten(cotangents)
        if spec != out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {structure(spec)}, primal output: "
                f"{structure(out_spec)}"
            )
        _check_weights(outputs, weights)
        grads = call.pull(outputs, weights, retain_graph)
        found = unflatten(grads, call.spec)
        return found

    released = tree_map(call.released, output)
    return (released, vjp_fn, tree_map(call.released, aux)) if has_aux else (released, vjp_fn)


def _check_weights(outputs: list[Tensor], weights: list) -> None:
    for i, (y, w) in enumerate(zip(outputs, weights, strict=True)):
        if not isinstance(w, Tensor):
            raise RuntimeError(f"vjp_fn: cotangent {i} must be a Tensor, got {type(w)}")
        if w._a.shape != y._a.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {w.shape} and output[{i}] has "
                f"a shape of {y.shape}."
            )


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """A function that computes the gradient of a scalar function by its arguments `argnums`.

    With `has_aux`, `func` returns (output, aux) and (gradient, aux) comes back. Nests with itself
    and with every other transform. Source: torch.func.grad.
    """

    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = _gradient(func, args, argnums, has_aux, kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """As `grad`, returning (gradient, output), or (gradient, (output, aux)). Source:
    torch.func.grad_and_value.
    """

    @wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        return _gradient(func, args, argnums, has_aux, kwargs)

    return gradient_and_value


def _gradient(func: Callable, args: tuple, argnums: Any, has_aux: bool, kwargs: dict) -> tuple:
    argnums = checked_argnums(argnums, len(args))
    call = Recording(func, args, argnums, kwargs)
    y, aux = without_aux(call.result, has_aux, "grad_and_value(f)(*args)")
    if not isinstance(y, Tensor):
        raise RuntimeError(
            f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(y)}"
        )
    if y.ndim:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
            f"with {y.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )
    if category(y._a.dtype) > FLOATING:
        raise RuntimeError(
            "grad can be implicitly created only for real scalar outputs but got " + repr(y.dtype)
        )
    found = unflatten(call.pull([y], [_ones(y)], retain=has_aux), call.spec)
    value = call.released(y)
    return found, (value, tree_map(call.released, aux)) if has_aux else value


def jacrev(
    func: Callable,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """A function that computes the Jacobian of `func` by its arguments `argnums`, in reverse mode:
    for y of shape Y and x of shape X a tensor of shape (*Y, *X).

    All rows are one batched pass; `chunk_size` rows at a time where memory is short. Containers of
    outputs (and, below them, of inputs) keep their structure. Source: torch.func.jacrev.
    """
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @wraps(func)
    def jacobian(*args: Any) -> Any:
        real_only("jacrev", flatten(args)[0], is_input=True)
        numbers = checked_argnums(argnums, len(args))
        found = vjp_by(func, args, numbers, has_aux)
        output, vjp_fn = found[:2]
        outputs, out_spec = flatten(output)
        real_only("jacrev", outputs, is_input=False)
        count = sum(y._a.size for y in outputs)

        def rows(*cotangents: Tensor) -> tuple:
            return tuple(flatten(vjp_fn(unflatten(list(cotangents), out_spec)))[0])

        inputs, in_spec = flatten(chosen(args, numbers))
        groups = [vmap(rows)(*basis(outputs, part)) for part in chunks(count, chunk_size)]
        if not groups:
            groups = [tuple([wrap(np.zeros((0, *x._a.shape), x._a.dtype)) for x in inputs])]
        columns = [
            parts[0] if len(parts) == 1 else cat(parts) for parts in zip(*groups, strict=True)
        ]
        jacobians = _by_output(columns, outputs, inputs, out_spec, in_spec)
        return (jacobians, found[2]) if has_aux else jacobians

    return jacobian


def _by_output(
    columns: list[Tensor], outputs: list, inputs: list, out_spec: Spec, in_spec: Spec
) -> Any:
    """Blocks (all outputs' elements, *X) cut into Jacobians (*Y, *X), outputs outside, inputs
    inside.
    """
    sizes = [y._a.size for y in outputs]
    cut = [split(column, sizes) if len(sizes) > 1 else (column,) for column in columns]
    return unflatten(
        [
            unflatten(
                [
                    reshape(parts[k], (*y._a.shape, *x._a.shape))
                    for parts, x in zip(cut, inputs, strict=True)
                ],
                in_spec,
            )
            for k, y in enumerate(outputs)
        ],
        out_spec,
    )
