"""Jacobians: rows by reverse passes through one recorded graph, columns by a forward pass. Imports
core and functions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.carriers.batched import BatchLevel, enter, leave
from ..core.carriers.carrier import new_level
from ..core.carriers.dual import DualLevel, pack, tangent_part
from ..core.engine import run
from ..core.hooks import seen
from ..core.paths import nodes_below
from ..core.tensor import Tensor, edge_of, wrap
from ..core.watch import PLAIN, active
from ..functions.creation import zeros, zeros_like
from ..functions.joining import stack
from .differentiate import grad
from .function import BackwardCFunction
from .strict import CONSTANT_JACOBIAN, NO_PATH_TO_OUTPUT


def jacobian_rows(
    output: Tensor, number: int, points: tuple, create: bool, strict: bool, vectorize: bool
) -> list[Tensor]:
    """d output / d point for each of `points`, of shape (*output.shape, *point.shape).

    `number` is the output's number in error texts. Other arguments: as for `functional.jacobian`.
    """
    if vectorize:
        return _batched(output, points, create)
    if not output._a.size:
        raise RuntimeError(
            "stack expects a non-empty TensorList\n"
            f"Output {number} of the function has no elements: its Jacobian has no rows. Use "
            "vectorize=True for one of shape (0, ...)."
        )
    if edge_of(output) is None:
        return _zeros(output, points)
    if output._a.dtype.kind == "c":
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {output.dtype}\n"
            "Use vectorize=True, or take the real and the imaginary part as two outputs."
        )
    if strict or create or type(output._a) is not np.ndarray:
        return _recorded(output, number, points, create, strict)
    chunk = _rows_at_once(output)
    return _in_batches(output, points, chunk) if chunk > 1 else _plain(output, points)


def _zeros(output: Tensor, points: tuple) -> list[Tensor]:
    return [zeros(output._a.shape + p._a.shape, dtype=p.dtype) for p in points]


def _batched(output: Tensor, points: tuple, create: bool) -> list[Tensor]:
    """All rows by one pass under vmap."""
    if edge_of(output) is None:
        return _zeros(output, points)
    a = output._a
    weights = wrap(np.eye(a.size, dtype=a.dtype).reshape(a.size, *a.shape))
    found = grad(
        output,
        points,
        weights,
        retain_graph=True,
        create_graph=create,
        allow_unused=True,
        is_grads_batched=True,
    )
    return [
        (zeros((a.size, *p._a.shape), dtype=p.dtype) if g is None else g).reshape(
            a.shape + p._a.shape
        )
        for g, p in zip(found, points, strict=True)
    ]


#: the most elements that a batched pass may make of one array
BATCH_ELEMENTS = 1 << 20


def _rows_at_once(output: Tensor) -> int:
    """How many rows one batched pass takes without anybody noticing: 1 where a hook, a Function or
    a watcher would see batches, or where the arrays are so large that batching saves nothing.
    """
    if not PLAIN and active():
        return 1
    largest = 1
    for node in nodes_below([edge_of(output)]):
        if isinstance(node, BackwardCFunction) or not hasattr(node, "rule"):
            return 1
        if node.extra is not None or node.saved is None:
            return 1
        for value in node.saved:
            for part in value if type(value) is tuple else (value,):
                largest = max(largest, getattr(part, "size", 1))
    return min(output._a.size, BATCH_ELEMENTS // largest)


def _in_batches(output: Tensor, points: tuple, chunk: int) -> list[Tensor]:
    """The rows as bare arrays, `chunk` of them by each pass."""
    a = output._a
    matrices = [np.zeros((a.size, *p._a.shape), p._a.dtype) for p in points]
    for start in range(0, a.size, chunk):
        seeds = np.zeros((min(chunk, a.size - start), a.size), a.dtype)
        np.fill_diagonal(seeds[:, start:], 1)
        weights = wrap(seeds.reshape(-1, *a.shape))
        found = grad(
            output, points, weights, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        for g, matrix in zip(found, matrices, strict=True):
            if g is not None:
                matrix[start : start + chunk] = g._a
    return [wrap(m.reshape(a.shape + p._a.shape)) for m, p in zip(matrices, points, strict=True)]


def _seeds(output: Tensor) -> Any:
    """Each row's cotangent: one at one element of the output."""
    a = output._a
    for i in range(a.size):
        seed = np.zeros(a.shape, a.dtype)
        seed.reshape(-1)[i] = 1
        yield seed


def _plain(output: Tensor, points: tuple) -> list[Tensor]:
    """The rows as bare arrays, written into place."""
    edge, keys = edge_of(output), [edge_of(p) for p in points]
    targets = dict.fromkeys(keys, False)
    rows = output._a.size
    matrices = [np.zeros((rows, *p._a.shape), p._a.dtype) for p in points]
    for i, seed in enumerate(_seeds(output)):
        found = run([edge], [seed], retain=True, create=False, targets=targets)
        for key, matrix in zip(keys, matrices, strict=True):
            g = found.get(key)
            if g is not None:
                matrix[i] = g
    return [
        wrap((np.conjugate(m) if m.dtype.kind == "c" else m).reshape(output._a.shape + p._a.shape))
        for m, p in zip(matrices, points, strict=True)
    ]


def _recorded(
    output: Tensor, number: int, points: tuple, create: bool, strict: bool
) -> list[Tensor]:
    """The rows as Tensors, recorded with `create`; independence is an error with `strict`."""
    edge, keys = edge_of(output), [edge_of(p) for p in points]
    targets = dict.fromkeys(keys, False)
    rows: list[list[Tensor]] = [[] for _ in points]
    for seed in _seeds(output):
        root = wrap(seed) if create else seed
        found = run([edge], [root], retain=True, create=create, targets=targets)
        for i, (key, point, column) in enumerate(zip(keys, points, rows, strict=True)):
            g = seen(found.get(key))
            if strict and g is None:
                raise RuntimeError(NO_PATH_TO_OUTPUT.format(output=number, i=i))
            if strict and create and edge_of(g) is None:  # pyright: ignore[reportArgumentType]
                raise RuntimeError(CONSTANT_JACOBIAN.format(i=i))
            column.append(zeros_like(point) if g is None else g)
    return [
        (column[0] if len(column) == 1 else stack(column)).reshape(output._a.shape + p._a.shape)
        for column, p in zip(rows, points, strict=True)
    ]


# --- forward mode ---------------------------------------------------------------------------------


def forward_columns(call: Callable[..., tuple], points: tuple) -> list[list[Tensor]]:
    """For each output of `call(*points)` its Jacobians by all points, of shape (*output.shape,
    *point.shape), by one forward pass with a batch of tangents: one for each element of a point.
    """
    sizes = [p._a.size for p in points]
    total = sum(sizes)
    with new_level(BatchLevel, total) as batch, new_level(DualLevel) as level:
        duals = []
        for i, p in enumerate(points):
            tangents = np.zeros((total, sizes[i]), p._a.dtype)
            start = sum(sizes[:i])
            tangents[start : start + sizes[i]] = np.eye(sizes[i])
            rows = wrap(tangents.reshape(total, *p._a.shape))
            duals.append(pack(level, p, enter(rows, batch)))
        outputs = call(*duals)
        shapes = [tuple(y._a.shape) for y in outputs]
        found = [tangent_part(y, level) for y in outputs]
        whole = [
            zeros((total, *y._a.shape), dtype=y.dtype) if t is None else leave(t, batch)
            for y, t in zip(outputs, found, strict=True)
        ]
    return [
        [
            part.movedim(0, -1).reshape(shape + p._a.shape)
            for part, p in zip(columns.split(sizes), points, strict=True)
        ]
        for columns, shape in zip(whole, shapes, strict=True)
    ]
