"""What each loop and kernel has to do at least: operations and bytes. Imports backend, products,
report, schedule.
"""

import math
from typing import Any, NamedTuple

from ..codegen.products import work
from ..codegen.report import Part
from ..codegen.schedule import REDUCTIONS


class Cost(NamedTuple):
    """`operations` on numbers (a product and a sum are two; a division is 4, a function like exp
    20, as the compiler weighs them) and `bytes` read and written, each array once.
    """

    operations: int
    bytes: int


def cost(program: Any, part: Part) -> Cost:
    """The cost of one part of a program."""
    s, module = program.schedule, program.module
    group = s.groups[part.number]
    if group.kind == "call":
        return Cost(0, sum(_bytes(x) for x in group.values[0].inputs))
    if group.kind == "product":
        v = group.values[0]
        return Cost(2 * work(v), _bytes(v) + sum(_bytes(x) for x in v.inputs))
    if group.kind == "turn":
        return Cost(0, 2 * _bytes(group.values[0]))
    operations = sum(_operations(s, v) for v in group.values)
    written = module.written.get(part.number)
    places = () if written is None else written.places
    return Cost(operations, sum(_bytes_of_place(s, *place[:2]) for place in places))


def _operations(s: Any, v: Any) -> int:
    if v.op in REDUCTIONS:
        (x,) = v.inputs
        inline = 0 if x in s.home else s.own_cost(x)
        return x.size * (1 + inline)
    return v.size * s.own_cost(v)


def _bytes(v: Any) -> int:
    return v.size * v.dtype.itemsize


def _bytes_of_place(s: Any, kind: str, what: Any) -> int:
    if kind == "slot":
        slot = s.graph.slots[what]
        return math.prod(slot.shape) * slot.dtype.itemsize
    return _bytes(what) if kind in ("buffer", "constant") else 0
