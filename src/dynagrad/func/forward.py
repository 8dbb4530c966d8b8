"""Forward-mode transforms. Imports core and functions."""

from collections.abc import Callable
from typing import Any

from ..core.carrier import lifted, new_level
from ..core.dual import DualLevel, pack, primal_part, tangent_part
from ..core.tensor import edge_of
from ..functions.creation import zeros_like


def jvp(func: Callable, primals: tuple, tangents: tuple) -> Any:
    pairs = [
        (lifted(p), lifted(t)) if edge_of(p) is not None or edge_of(t) is not None else (p, t)
        for p, t in zip(primals, tangents, strict=True)
    ]
    with new_level(DualLevel) as level:
        duals = [pack(level, p, t) for p, t in pairs]
        out = func(*duals)
        p = primal_part(out, level)
        t = tangent_part(out, level)
        return p, zeros_like(p) if t is None else t
