"""The comparison at the heart of gradcheck: recorded derivatives against differences, entry by
entry (slow mode) or weighed by random vectors (fast mode). Imports core and functions.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from ..functions.complex import imag, real
from ..functions.generator import Generator
from ..functions.random import rand
from .differences import (
    Choice,
    analytical,
    combined,
    differentiable,
    directions,
    floating,
    numerical,
    numerical_slopes,
    slope,
    tensors,
    vector_products,
)
from .mismatch import NOT_REENTRANT, mismatch, places, slow_mode


class GradcheckError(RuntimeError):
    """Raised by gradcheck and gradgradcheck where the derivatives differ."""


class Settings(NamedTuple):
    """The tolerances of one gradcheck."""

    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    check_dtypes: bool


class Part(NamedTuple):
    """A function, or the real or imaginary part of its complex outputs, with the outputs at the
    point.

    name: "real", "imaginary" or None; complex_at: the numbers of the complex outputs.
    """

    func: Callable
    outputs: tuple[Tensor, ...]
    name: str | None
    complex_at: frozenset[int]

    def name_of(self, output: int) -> str | None:
        """The part that counts of this output."""
        return self.name if output in self.complex_at else None


def parts(func: Callable, outputs: tuple[Tensor, ...]) -> Iterator[Part]:
    """The function itself or, if it has complex outputs, its imaginary and its real part."""
    complex_at = frozenset(i for i, y in enumerate(outputs) if y._a.dtype.kind == "c")
    if not complex_at:
        yield Part(func, outputs, None, complex_at)
        return
    for name, of in (("imaginary", imag), ("real", real)):

        def part(*args: Any, of: Callable = of) -> tuple:
            found = differentiable(func(*args))
            return tuple(of(y) if y._a.dtype.kind == "c" else y for y in found)

        chosen = tuple(of(y) if i in complex_at else y for i, y in enumerate(outputs))
        yield Part(part, chosen, name, complex_at)


def close(a: Any, b: Any, rtol: float, atol: float) -> bool:
    """Whether all entries agree: |a - b| <= atol + rtol |b|; nan agrees with nothing."""
    return bool(np.isclose(a, b, rtol, atol).all())


def check_zero(func: Callable, inputs: tuple, wanted: list[Tensor], eps: float) -> None:
    """Raise where a function none of whose outputs requires grad depends on its inputs."""
    for x in wanted:
        for number, matrix in enumerate(
            m for side in numerical_slopes(func, inputs, x, eps, floating) for m in side
        ):
            if np.any(matrix != 0):
                raise GradcheckError(
                    "Numerical gradient for function expected to be zero\n"
                    f"No output requires grad, yet one changes with an input of shape "
                    f"{tuple(x._a.shape)}: slopes of up to {np.abs(matrix).max():.6g} (matrix "
                    f"{number}). Is something detached, or computed under no_grad?"
                )


# --- slow mode ------------------------------------------------------------------------------------


def compare(part: Part, inputs: tuple, wanted: list[Tensor], s: Settings) -> None:
    """Raise GradcheckError where an entry of a Jacobian differs."""
    before = [x._a.copy() for x in wanted]
    expected = [numerical(part.func, inputs, x, s.eps, differentiable) for x in wanted]
    changed = [i for i, (x, a) in enumerate(zip(wanted, before, strict=True)) if np.any(x._a != a)]
    found = [_reentrant(y, wanted, s) for y in part.outputs]
    for i, x in enumerate(wanted):
        if not x._a.size:
            continue
        for o, y in enumerate(part.outputs):
            words = {"part": part.name_of(o), "changed": changed}
            check_pair(found[o][i], expected[i][o], x, y, (o, i), s, **words)


def check_pair(
    a: np.ndarray,
    n: np.ndarray,
    x: Tensor,
    y: Tensor,
    numbers: tuple[int, int],
    s: Settings,
    *,
    changed: Sequence[int] = (),
    **words: Any,
) -> None:
    """Raise GradcheckError where two matrices differ; `changed`: the inputs that the function
    wrote.
    """
    if not close(a, n, s.rtol, s.atol):
        raise GradcheckError(
            mismatch(a, n, *numbers, **words)
            + places(a, n, x._a.shape, y._a.shape, rtol=s.rtol, atol=s.atol)
            + "".join(
                f"The function changes input {i} in place: let it work on a copy.\n"
                for i in changed
            )
        )


def _reentrant(y: Tensor, wanted: list[Tensor], s: Settings) -> list[np.ndarray]:
    """The matrices of one output, after two passes agreed."""
    first, same_dtype = analytical(y, wanted)
    second, _ = analytical(y, wanted)
    _check_passes(first, second, same_dtype, s)
    return first


def _check_passes(first: list, second: list, same_dtype: bool, s: Settings) -> None:
    if s.check_dtypes and not same_dtype:
        raise GradcheckError(
            "Gradient has dtype mismatch\nA gradient has another dtype than its input."
        )
    largest = max(
        (float(np.max(np.abs(a - b), initial=0)) for a, b in zip(first, second, strict=True)),
        default=0,
    )
    if largest > s.nondet_tol:
        raise GradcheckError(
            NOT_REENTRANT.format(
                tolerance=s.nondet_tol, difference=largest, suggested=float(f"{2 * largest:.0e}")
            )
        )


# --- fast mode ------------------------------------------------------------------------------------


def unit_vector(t: Tensor, generator: Generator, *, is_complex: bool = False) -> np.ndarray:
    """A random vector of length 1 with positive entries, the same in every run, shaped as `t`."""
    a = t._a

    def draw() -> np.ndarray:
        v = rand(a.size, generator=generator)._a.astype(a.real.dtype)
        return v / np.linalg.norm(v) if v.size else v

    v = draw()
    if is_complex:
        v = v + 1j * draw()
    return v.reshape(a.shape)


def input_vectors(wanted: list[Tensor], generator: Generator) -> list[list[np.ndarray]]:
    """For each input a vector along each direction of its elements."""
    return [[unit_vector(x, generator) for _ in directions(x)] for x in wanted]


def numerical_products(
    func: Callable, inputs: tuple, x: Tensor, u: list, eps: float, choose: Choice
) -> list[np.ndarray]:
    """The differences of each output along the vectors `u` within `x`."""
    return combined(
        [
            slope(func, inputs, x, ..., eps * unit * v, eps, choose)
            for unit, v in zip(directions(x), u, strict=True)
        ]
    )


def along(g: Tensor | None, u: list) -> Any:
    """A gradient weighed by the vectors of its input."""
    if g is None:
        return 0.0 if len(u) == 1 else 0j
    a = g._a
    if len(u) == 1:
        return (a * u[0]).sum().item()
    return complex((a.real * u[0]).sum(), (a.imag * u[1]).sum())


def adjusted(atol: float, u: list, v: np.ndarray | None = None) -> float:
    """The tolerance of one weighed sum of entries."""
    return atol * float(u[0].sum()) * (1 if v is None else float(v.sum()))


def compare_fast(part: Part, inputs: tuple, wanted: list[Tensor], s: Settings) -> None:
    """Raise GradcheckError where the number v^T J u differs, for random vectors u and v."""
    generator = Generator()
    us = input_vectors(wanted, generator)
    vs = [unit_vector(y, generator) for y in part.outputs]
    expected = [
        numerical_products(part.func, inputs, x, u, s.eps, differentiable)
        for x, u in zip(wanted, us, strict=True)
    ]
    found = [_reentrant_products(y, wanted, v, s) for y, v in zip(part.outputs, vs, strict=True)]
    for i, (x, u) in enumerate(zip(wanted, us, strict=True)):
        if not x._a.size:
            continue
        for o, (y, v) in enumerate(zip(part.outputs, vs, strict=True)):
            n, a = (v.reshape(-1) * expected[i][o]).sum().item(), along(found[o][i], u)
            if close(a, n, s.rtol, adjusted(s.atol, u, v)):
                continue
            matrix = analytical(y, [x])[0][0]
            slopes = numerical(part.func, inputs, x, s.eps, differentiable)[o]
            raise fast_error(a, n, matrix, slopes, x, y, (o, i), s, part=part.name_of(o))


def fast_error(
    a: Any,
    n: Any,
    matrix: np.ndarray,
    slopes: np.ndarray,
    x: Tensor,
    y: Tensor,
    numbers: tuple[int, int],
    s: Settings,
    **words: Any,
) -> GradcheckError:
    """The error of fast mode, with what slow mode finds."""
    return GradcheckError(
        mismatch(a, n, *numbers, **words)
        + slow_mode(matrix, slopes, s.rtol, s.atol)
        + places(matrix, slopes, x._a.shape, y._a.shape, rtol=s.rtol, atol=s.atol)
    )


def _reentrant_products(
    y: Tensor, wanted: list[Tensor], v: np.ndarray, s: Settings
) -> list[Tensor | None]:
    first, second = (vector_products(y, wanted, v) for _ in range(2))
    same_dtype = all(
        g is None or g._a.dtype == x._a.dtype for g, x in zip(first, wanted, strict=True)
    )
    _check_passes([_array(g) for g in first], [_array(g) for g in second], same_dtype, s)
    return first


def _array(g: Tensor | None) -> np.ndarray:
    return np.zeros(()) if g is None else g._a


def check_zero_fast(func: Callable, inputs: tuple, wanted: list[Tensor], s: Settings) -> None:
    """check_zero along one vector an input."""
    for x, u in zip(wanted, input_vectors(wanted, Generator()), strict=True):
        for unit, v in zip(directions(x), u, strict=True):
            for d in slope(func, inputs, x, ..., s.eps * unit * v, s.eps, tensors):
                if not close(d, np.zeros_like(d), s.rtol, s.atol):
                    raise GradcheckError(
                        "Numerical gradient for function expected to be zero\nNo output requires "
                        "grad, yet one changes with an input. Is something detached, or computed "
                        "under no_grad?"
                    )
