"""Calls of primitives lowered and run by the interpreter, beside their kernels."""

from typing import Any

import numpy as np

from dynagrad.compiler.graph import Graph, Value
from dynagrad.compiler.interpret import evaluate
from dynagrad.compiler.lowering import LOWERINGS
from dynagrad.ops.rule import RULES


def strides_of(a: np.ndarray) -> tuple[int, ...]:
    """An array's strides in elements."""
    return tuple(s // a.itemsize for s in a.strides)


def lowered(fun: Any, arrays: list, kw: dict) -> Any:
    """The results of a call by its lowering; NotImplemented where it has none for the call."""
    lower = LOWERINGS.get(fun)
    if lower is None:
        return NotImplemented
    g = Graph()
    given = [a for a in arrays if a is not None]
    each = iter([g.source(g.slot(a.shape, a.dtype, strides_of(a))) for a in given])
    values = [None if a is None else next(each) for a in arrays]
    result = lower(g, *values, **kw)
    if result is NotImplemented:
        return NotImplemented
    results = result if type(result) is tuple else (result,)
    assert all(isinstance(r, Value) for r in results)
    outs = [np.empty(r.shape, r.dtype) for r in results]
    for r, out in zip(results, outs, strict=True):
        g.write(g.slot(out.shape, out.dtype, strides_of(out)), r)
    evaluate(g, [*[np.array(a) for a in given], *outs])
    return outs


def computed(fun: Any, arrays: list, kw: dict) -> list[np.ndarray]:
    """The results of a call by the kernel."""
    with np.errstate(all="ignore"):
        result = RULES[fun].fun(*arrays, **kw)
    return [np.asarray(r) for r in (result if type(result) in (tuple, list) else (result,))]


def assert_agree(found: list, expected: list, rtol: dict[str, float]) -> None:
    """Shapes and dtypes are equal, and numbers within rounding of the largest of them."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if b.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
            continue
        size = np.abs(b[np.isfinite(b)]).max(initial=0)
        tolerance = rtol[b.dtype.name]
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=float(size) * tolerance)
