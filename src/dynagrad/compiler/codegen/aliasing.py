"""Whether slots overlap in memory: a step that writes some of them before it has read all others
must know. Imports native.

A program keeps the addresses that it found to be good; a call looks at those that have changed.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..ir.graph import Slot
from ..native import llvm as native

#: `i32 overlap(ptr slots, ptr state, i64 n)`: whether a slot that is written early overlaps another
#: one. `state` has five rows of n: addresses that are good, where slots begin and end beside their
#: addresses, whether they are written early, and whether they are used.
_IR = """\
define i32 @overlap(ptr %slots, ptr %state, i64 %n) nounwind {
entry:
  %low = getelementptr i64, ptr %state, i64 %n
  %high = getelementptr i64, ptr %low, i64 %n
  %early = getelementptr i64, ptr %high, i64 %n
  %used = getelementptr i64, ptr %early, i64 %n
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i1, %next ]
  %ap = getelementptr i64, ptr %slots, i64 %i
  %a = load i64, ptr %ap
  %sp = getelementptr i64, ptr %state, i64 %i
  %s = load i64, ptr %sp
  %same = icmp eq i64 %a, %s
  br i1 %same, label %next, label %changed
changed:
  %lp = getelementptr i64, ptr %low, i64 %i
  %l = load i64, ptr %lp
  %hp = getelementptr i64, ptr %high, i64 %i
  %h = load i64, ptr %hp
  %begin = add i64 %a, %l
  %end = add i64 %a, %h
  %ep = getelementptr i64, ptr %early, i64 %i
  %e = load i64, ptr %ep
  br label %other
other:
  %j = phi i64 [ 0, %changed ], [ %j1, %more ]
  %bp = getelementptr i64, ptr %slots, i64 %j
  %b = load i64, ptr %bp
  %mp = getelementptr i64, ptr %low, i64 %j
  %m = load i64, ptr %mp
  %kp = getelementptr i64, ptr %high, i64 %j
  %k = load i64, ptr %kp
  %fp = getelementptr i64, ptr %early, i64 %j
  %f = load i64, ptr %fp
  %up = getelementptr i64, ptr %used, i64 %j
  %u = load i64, ptr %up
  %from = add i64 %b, %m
  %to = add i64 %b, %k
  %c1 = icmp ult i64 %begin, %to
  %c2 = icmp ult i64 %from, %end
  %c3 = icmp ne i64 %i, %j
  %w = or i64 %e, %f
  %z = and i64 %w, %u
  %c4 = icmp ne i64 %z, 0
  %d1 = and i1 %c1, %c2
  %d2 = and i1 %c3, %c4
  %bad = and i1 %d1, %d2
  br i1 %bad, label %found, label %more
more:
  %j1 = add i64 %j, 1
  %jm = icmp ult i64 %j1, %n
  br i1 %jm, label %other, label %next
found:
  ret i32 1
next:
  %i1 = add i64 %i, 1
  %im = icmp ult i64 %i1, %n
  br i1 %im, label %each, label %good
good:
  %size = mul i64 %n, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %state, ptr %slots, i64 %size, i1 false)
  ret i32 0
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""


@cache
def _library() -> native.Library:
    return native.build(_IR, opt=1)


def address() -> int:
    """Where the function is."""
    return _library().address("overlap")


def reach(slot: Slot) -> tuple[int, int]:
    """The bytes of a slot, beside its address: from the first to behind the last."""
    if 0 in slot.shape:
        return 0, 0
    size = slot.dtype.itemsize
    steps = [(n - 1) * s * size for n, s in zip(slot.shape, slot.strides, strict=True)]
    return sum(s for s in steps if s < 0), sum(s for s in steps if s > 0) + size


def state(slots: Sequence[Slot], early: set[int], used: set[int]) -> np.ndarray:
    """What `overlap` reads and keeps."""
    found = np.zeros((5, len(slots)), np.int64)
    found[0] = -1
    for i, slot in enumerate(slots):
        found[1:, i] = (*reach(slot), i in early, i in used)
    return found


def are_apart(slots: Sequence[Slot], written: set[int], table: np.ndarray) -> bool:
    """Whether no slot that is written overlaps another one."""
    places = [
        (address + low, address + high, i)
        for i, (address, (low, high)) in enumerate(
            zip(table.tolist(), map(reach, slots), strict=True)
        )
        if high > low
    ]
    return not any(
        a < d and c < b and i != j for a, b, i in places if i in written for c, d, j in places
    )
