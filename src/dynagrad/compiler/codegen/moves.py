"""Elements of values that move, choose or combine elements of others. Imports elements, emit,
graph, index, pull.
"""

from collections.abc import Callable

import numpy as np

from ..ir.graph import Value
from . import elements
from .emit import Emitter, literal
from .index import ZERO, Index, row_major
from .pull import Condition, Reader, view_layout


def _constant(r: Reader, v: Value, flat: Index) -> str:
    return elements.number(v.dtype, v.data.reshape(-1)[flat.const])


def _iota(r: Reader, v: Value, flat: Index) -> str:
    strides = [1 if a == v.attrs[0] else 0 for a in range(v.ndim)]
    index, count = r.strided(flat, v.shape, strides), flat.lanes()
    found = r.number(index)
    return found if index.lanes() == count else r.splat(found, "i64", count)


def _reshape(r: Reader, v: Value, flat: Index) -> str:
    return r.at(v.inputs[0], flat)


def _view(r: Reader, v: Value, flat: Index) -> str:
    strides, offset = view_layout(v)
    index = r.strided(flat, v.shape, strides).shifted(offset)
    return r.repeated(v.inputs[0], index, flat.lanes())


def _pad(r: Reader, v: Value, flat: Index) -> str:
    x, fill = v.inputs
    before, _ = v.attrs
    count = flat.lanes()
    inside, total = [], ZERO
    parts = r.split(flat, v.shape)
    for part, b, n, step in zip(parts, before, x.shape, row_major(x.shape), strict=True):
        condition, index = r.within(part.shifted(-b), n)
        inside.append(condition)
        total = total.plus(index.times(step))
    condition = r.both(inside)
    found = r.repeated(x, total, count)
    if not condition.name:
        return found
    return r.chosen(v, condition, found, r.repeated(fill, ZERO, count), count)


def _concatenate(r: Reader, v: Value, flat: Index) -> str:
    (axis,) = v.attrs
    count = flat.lanes()
    after = row_major(v.shape)[axis]
    length = v.shape[axis]
    lead, middle, rest = r.split(flat, (v.size // (after * length), length, after))
    low, high = middle.bounds()
    offset, found = 0, ""
    for x in v.inputs:
        n = x.shape[axis]
        if high >= offset and low < offset + n:
            _, index = r.within(middle.shifted(-offset), n)
            place = lead.times(n * after).plus(index.times(after)).plus(rest)
            element = r.repeated(x, place, count)
            if found:
                found = r.chosen(v, r.at_least(middle, offset), element, found, count)
            else:
                found = element
        offset += n
    return found


def _write_slice(r: Reader, v: Value, flat: Index) -> str:
    x, part = v.inputs
    count = flat.lanes()
    inside, total = [], ZERO
    indices = r.split(flat, v.shape)
    for index, (start, n, step), by in zip(indices, v.attrs[0], row_major(part.shape), strict=True):
        condition, place = _met(r, index, start, n, step)
        inside.append(condition)
        total = total.plus(place.times(by))
    condition = r.both(inside)
    found = r.repeated(part, total, count)
    return r.chosen(v, condition, found, r.at(x, flat), count) if condition.name else found


def _met(r: Reader, index: Index, start: int, count: int, step: int) -> tuple[Condition, Index]:
    """Whether a slice has an index, and as which of its elements."""
    rest = index.shifted(-start)
    if step < 0:
        rest, step = rest.times(-1), -step
    if step == 1 or count == 1:
        return r.within(rest, count)
    condition, rest = r.within(rest, (count - 1) * step + 1)
    place, over = r.divided(rest, step)
    if over == ZERO:
        return condition, place
    lanes = over.lanes()
    kind = elements.wide("i64", lanes)
    fits = r.e.compare("eq", kind, r.number(over), literal(kind, 0))
    return r.both([condition, Condition(fits, lanes)]), place


def _take(r: Reader, v: Value, flat: Index) -> str:
    x, index = v.inputs
    (axis,) = v.attrs
    n, after = x.shape[axis], row_major(x.shape)[axis]
    lead, middle, rest = r.split(flat, (v.size // (index.size * after), index.size, after))
    row = r.row(index, middle, n)
    place = lead.times(n * after).plus(row.times(after)).plus(rest)
    return r.repeated(x, place, flat.lanes())


def _take_along(r: Reader, v: Value, flat: Index) -> str:
    x, index = v.inputs
    (axis,) = v.attrs
    strides = [0 if a == axis else s for a, s in enumerate(row_major(x.shape))]
    row = r.row(index, flat, x.shape[axis]).times(row_major(x.shape)[axis])
    return r.repeated(x, r.strided(flat, v.shape, strides).plus(row), flat.lanes())


def _reduction(r: Reader, v: Value, flat: Index) -> str:
    """One after another, in row-major order: for few elements."""
    (x,) = v.inputs
    (axes,) = v.attrs
    kept = [a for a in range(x.ndim) if a not in axes]
    steps = row_major(x.shape)
    base = r.strided(flat, v.shape, [steps[a] for a in kept])
    found: list[str] = []
    for place in np.ndindex(*[x.shape[a] for a in axes]):
        offset = sum(i * steps[a] for i, a in zip(place, axes, strict=True))
        found.append(r.at(x, base.shifted(offset)))
    if v.op in ("argmax", "argmin"):
        return _first_best(r, v, found)
    return fold(r.e, v, found, r.contract)


#: what a reduction does with two elements
COMBINE = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}
COMBINE |= {"any": "bitor", "all": "bitand"}


def fold(e: Emitter, v: Value, found: list[str], contract: bool) -> str:
    """A reduction of registers."""
    total = found[0]
    for x in found[1:]:
        total = elements.apply(e, COMBINE[v.op], v.dtype, (total, x), contract)
    return total


def better(r: Reader, v: Value, x: str, best: str) -> str:
    """Whether an element comes before the best so far for `argmax` or `argmin`: NaN does."""
    dtype = v.inputs[0].dtype
    how = "gt" if v.op == "argmax" else "lt"
    found = elements.apply(r.e, how, dtype, (x, best), False)
    if dtype.kind != "f":
        return found
    is_nan = elements.apply(r.e, "isnan", dtype, (x,), False)
    was_number = r.e.op("xor", "i1", elements.apply(r.e, "isnan", dtype, (best,), False), "true")
    return r.e.op("or", "i1", found, r.e.op("and", "i1", is_nan, was_number))


def _first_best(r: Reader, v: Value, found: list[str]) -> str:
    kind = elements.register(v.inputs[0].dtype)
    best, at = found[0], "0"
    for i, x in enumerate(found[1:], 1):
        is_better = better(r, v, x, best)
        best = r.e.select(is_better, kind, x, best)
        at = r.e.select(is_better, "i64", str(i), at)
    return at


def _matmul(r: Reader, v: Value, flat: Index) -> str:
    """A sum of few products."""
    x, y = v.inputs
    count = flat.lanes()
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    batch, row, column = r.split(flat, (v.size // (m * n), m, n))
    total = ""
    for i in range(k):
        a = r.repeated(x, batch.times(m * k).plus(row.times(k)).shifted(i), count)
        b = r.repeated(y, batch.times(k * n).plus(column).shifted(i * n), count)
        product = elements.apply(r.e, "mul", v.dtype, (a, b), r.contract, count)
        both = (total, product)
        total = elements.apply(r.e, "add", v.dtype, both, r.contract, count) if total else product
    return total


RULES: dict[str, Callable[[Reader, Value, Index], str]] = {
    "constant": _constant,
    "iota": _iota,
    "reshape": _reshape,
    **dict.fromkeys(("transpose", "broadcast", "slice", "strided"), _view),
    "pad": _pad,
    "concatenate": _concatenate,
    "write_slice": _write_slice,
    "take": _take,
    "take_along": _take_along,
    **dict.fromkeys((*COMBINE, "argmax", "argmin"), _reduction),
    "matmul": _matmul,
}
