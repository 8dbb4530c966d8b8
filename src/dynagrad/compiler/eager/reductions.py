"""Products of rows: NumPy multiplies one element after the other. Imports library, code."""

import numpy as np

from .code import Kernel, Module
from .library import FLOATS, Family, chunk_of

__all__ = ["KERNELS"]


def _write_products(k: Kernel) -> None:
    """(x, out, count): the product of each row, lane by lane and then of the lanes."""
    x, out, count = k.argument(0), k.argument(1), k.argument(2, "i64")
    ones = k.constant(1.0)

    def row(number: str, _: list[str]) -> None:
        start = k.at(x, k.mul(number, count))

        def some(i: str, mask: str | None, values: list[str]) -> list[str]:
            return [k.op("fmul", k.kind, values[0], k.read(start, i, mask, ones))]

        (total,) = k.along(count, some, ((k.kind, ones),))
        value = k.folded(total, lambda kind, a, b: k.op("fmul", kind, a, b))
        k.store(value, k.at(out, number))

    k.loop("%begin", "%end", 1, row)


def _write(module: Module) -> None:
    for letter, scalar in FLOATS.items():
        module.kernel(f"products_{letter}", scalar, _write_products)


_family = Family(_write)


def products(x: np.ndarray) -> np.ndarray:
    """The products of the rows of a contiguous matrix of float32 or float64."""
    rows, count = x.shape
    out = np.empty(rows, x.dtype)
    _family.run(f"products_{x.dtype.char}", rows, chunk_of(count), x, out, count)
    return out


KERNELS = {"products": (products, _family, ("products_f",))}
