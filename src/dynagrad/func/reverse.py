"""Reverse-mode transforms. Imports core and functions."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..core.carrier import lifted
from ..core.engine import run
from ..core.paths import nodes_below
from ..core.pytree import flatten, unflatten
from ..core.tape import AccumulateGrad, grad_mode
from ..core.tensor import Tensor, edge_of, leaf_edge, wrap
from ..functions.shape import view_as


def traced(x: Tensor) -> Tensor:
    """x with a place of its own on the tape."""
    t = lifted(x)
    if edge_of(t) is not None:
        return view_as(t, t)
    t = wrap(t._a)
    t._e = leaf_edge(t)
    return t


def _reaches_beyond(roots: list, own: set) -> bool:
    """Whether something other than the transform's own inputs is behind these results."""
    for node in nodes_below(roots):
        for edge in node.edges:
            if type(edge) is AccumulateGrad and edge not in own:
                return True
    return any(type(edge) is AccumulateGrad and edge not in own for edge in roots)


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        outer = grad_mode.get()
        token = grad_mode.set(True)
        try:
            chosen, spec = flatten(args[argnums] if type(argnums) is int else tuple(args[i] for i in argnums))
            inputs = [traced(x) for x in chosen]
            part = unflatten(inputs, spec)
            given = list(args)
            if type(argnums) is int:
                given[argnums] = part
            else:
                for i, p in zip(argnums, part, strict=True):
                    given[i] = p
            y = func(*given, **kwargs)
            edges = [edge_of(x) for x in inputs]
            root = edge_of(y)
            create = outer and _reaches_beyond([root], set(edges))
            one = np.ones(y._a.shape, y._a.dtype)
            found = run([root], [wrap(one) if create else one], retain=create, create=create, targets=dict.fromkeys(edges))
            results = []
            for x, e in zip(inputs, edges, strict=True):
                g = found.get(e)
                results.append(g if isinstance(g, Tensor) else wrap(g))
            return unflatten(results, spec)
        finally:
            grad_mode.reset(token)
    return gradient
