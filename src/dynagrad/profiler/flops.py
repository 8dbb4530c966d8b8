"""Floating-point operations of the operations that PyTorch counts. Imports nothing."""

from math import prod

_ELEMENTWISE = ("aten::add", "aten::mul")


def flops_of(name: str, shapes: list) -> int:
    """The floating-point operations of a call, by its inputs' shapes; 0 for what is not counted.

    A matrix product of (m, k) and (k, n) counts 2mkn, an elementwise operation one for each element
    of its first input's shape broadcast with the second's.
    """
    tensors = [s for s in shapes if isinstance(s, list)]
    if name in ("aten::mm", "aten::bmm") and len(tensors) >= 2:
        return _product(tensors[0], tensors[1])
    if name in ("aten::addmm", "aten::baddbmm") and len(tensors) >= 3:
        return _product(tensors[1], tensors[2])
    if name in _ELEMENTWISE and tensors:
        return prod(_broadcast(tensors[0], tensors[1] if len(tensors) > 1 else []))
    return 0


def _product(a: list, b: list) -> int:
    if not a or not b:
        return 0
    columns = b[-1] if len(b) > 1 else 1
    return 2 * prod(a) * columns


def _broadcast(a: list, b: list) -> list:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    shorter = [1] * (len(longer) - len(shorter)) + shorter
    return [max(m, n) for m, n in zip(longer, shorter, strict=True)]
