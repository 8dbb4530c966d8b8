"""What gradcheck checks on request: forward mode against differences, batched passes against single
ones. Imports core, functions and the comparison.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.carriers.batched import BatchLevel, enter, leave
from ..core.carriers.carrier import new_level
from ..core.carriers.dual import DualLevel, pack, tangent_part
from ..core.tensor import Tensor, wrap
from ..functions.complex import complex as complex_of
from ..functions.complex import imag, real
from ..functions.creation import zeros_like
from ..functions.generator import Generator
from ..functions.joining import stack
from ..functions.random import randn_like
from .comparing import (
    GradcheckError,
    Settings,
    adjusted,
    check_pair,
    close,
    fast_error,
    input_vectors,
    numerical_products,
)
from .differences import floating, numerical
from .differentiate import grad
from .mismatch import BATCHED, BATCHED_FORWARD

# --- forward mode ---------------------------------------------------------------------------------


def check_forward(
    func: Callable, inputs: tuple, s: Settings, *, fast: bool, undefined: bool
) -> None:
    """Raise GradcheckError where a directional derivative by forward mode differs."""
    for part, arguments, name, complex_at in _parts(func, inputs):
        (_compare_fast if fast else _compare)(part, arguments, name, complex_at, s)
        if undefined:
            _check_undefined(part, arguments)


def _parts(
    func: Callable, inputs: tuple
) -> Iterator[tuple[Callable, tuple, str | None, frozenset[int]]]:
    """The function or, if inputs are complex, the function of their imaginary and of their real
    parts alone; with the name of the part and the numbers of the complex inputs.
    """
    places = {i: x for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad}
    complex_places = {i for i, x in places.items() if x._a.dtype.kind == "c"}
    if not complex_places:
        yield func, inputs, None, frozenset()
        return
    complex_at = frozenset(n for n, i in enumerate(places) if i in complex_places)
    for name, of, other in (("imaginary", imag, real), ("real", real, imag)):
        rest = {i: other(places[i]).detach().clone() for i in complex_places}
        chosen = tuple(
            of(x).detach().clone().requires_grad_() if i in complex_places else x
            for i, x in enumerate(inputs)
        )

        def part(*args: Any, rest: dict = rest, is_real: bool = name == "real") -> Any:
            whole = [
                x
                if i not in rest
                else complex_of(x, rest[i])
                if is_real
                else complex_of(rest[i], x)
                for i, x in enumerate(args)
            ]
            return func(*whole)

        yield part, chosen, name, complex_at


def _tangents(func: Callable, inputs: tuple, given: dict[int, Tensor]) -> list[np.ndarray]:
    """The outputs' tangents for tangents of the inputs at some places, flat."""
    with new_level(DualLevel) as level:
        outputs = floating(func(*_duals(inputs, given, level)))
        found = [tangent_part(y, level) for y in outputs]
    return [
        np.zeros(y._a.size, y._a.dtype) if t is None else np.array(t._a).reshape(-1)
        for y, t in zip(outputs, found, strict=True)
    ]


def _duals(inputs: tuple, given: dict[int, Tensor], level: Any) -> list:
    """The inputs without their history, those at the places of `given` with its tangents."""
    duals = []
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor):
            x = x.detach()
            x = pack(level, x, given[i]) if i in given else x
        duals.append(x)
    return duals


def _places(inputs: tuple) -> list[int]:
    return [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]


def _analytical(func: Callable, inputs: tuple, place: int) -> list[np.ndarray]:
    """d output / d input for each output, by one forward pass a row."""
    a = inputs[place]._a
    rows = []
    for element in np.ndindex(a.shape):
        tangent = np.zeros_like(a)
        tangent[element] = 1
        rows.append(_tangents(func, inputs, {place: wrap(tangent)}))
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _compare(
    func: Callable, inputs: tuple, name: str | None, complex_at: frozenset[int], s: Settings
) -> None:
    outputs = floating(func(*inputs))
    for i, place in enumerate(_places(inputs)):
        x = inputs[place]
        if not x._a.size:
            _tangents(func, inputs, {place: zeros_like(x)})  # a Function must have a jvp even so
            continue
        expected = numerical(func, inputs, x, s.eps, floating)
        found = _analytical(func, inputs, place)
        part = name if i in complex_at else None
        for o, y in enumerate(outputs):
            check_pair(found[o], expected[o], x, y, (o, i), s, part=part, forward=True)


def _compare_fast(
    func: Callable, inputs: tuple, name: str | None, complex_at: frozenset[int], s: Settings
) -> None:
    outputs = floating(func(*inputs))
    places = _places(inputs)
    vectors = input_vectors([inputs[p] for p in places], Generator())
    for i, (place, u) in enumerate(zip(places, vectors, strict=True)):
        x = inputs[place]
        if not x._a.size:
            _tangents(func, inputs, {place: zeros_like(x)})  # a Function must have a jvp even so
            continue
        expected = numerical_products(func, inputs, x, u, s.eps, floating)
        found = _tangents(func, inputs, {place: wrap(u[0])})
        for o, y in enumerate(outputs):
            if close(found[o], expected[o], s.rtol, adjusted(s.atol, u)):
                continue
            matrix = _analytical(func, inputs, place)[o]
            slopes = numerical(func, inputs, x, s.eps, floating)[o]
            words = {"part": name if i in complex_at else None, "forward": True}
            raise fast_error(found[o], expected[o], matrix, slopes, x, y, (o, i), s, **words)


def _check_undefined(func: Callable, inputs: tuple) -> None:
    """A missing tangent must count as one of zeros."""
    places = _places(inputs)
    tangents = {p: randn_like(inputs[p]).detach() for p in places}
    for i, place in enumerate(places):
        present = {p: t for p, t in tangents.items() if p != place}
        if not present:
            continue
        expected = _tangents(func, inputs, {**present, place: zeros_like(inputs[place]).detach()})
        for o, (found, wanted) in enumerate(
            zip(_tangents(func, inputs, present), expected, strict=True)
        ):
            if not close(found, wanted, 1e-5, 1e-8):
                raise GradcheckError(
                    f"Mismatch in tangent values for output with index: {o} when input: "
                    f"{inputs[place]!r} has an undefined tangent value.\nGot: {wrap(found)!r} but "
                    f"expected: {wrap(wanted)!r}\nThe jvp of a Function gets None for input {i} "
                    "then, which stands for zeros."
                )


# --- batched passes -------------------------------------------------------------------------------


@contextmanager
def _without_fallback_warnings() -> Iterator[None]:
    """Batching in a loop is as good as any other here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        yield


def check_batched(outputs: tuple[Tensor, ...], wanted: list[Tensor]) -> None:
    """Raise GradcheckError where a backward pass under vmap differs from single ones."""
    for o, y in enumerate(outputs):
        weights = [randn_like(y).detach() for _ in range(2)]
        keep = {"retain_graph": True, "allow_unused": True}
        single = [grad(y, wanted, w, **keep) for w in weights]
        with _without_fallback_warnings():
            try:
                found = grad(y, wanted, stack(weights), is_grads_batched=True, **keep)
            except RuntimeError as error:
                raise GradcheckError(
                    f"While computing batched gradients, got: {error}\n\n{BATCHED}"
                ) from error
        for i, (g, pair) in enumerate(zip(found, zip(*single, strict=True), strict=True)):
            rows = [zeros_like(wanted[i]) if part is None else part for part in pair]
            rows = wrap(np.stack([r._a for r in rows]))
            _check_batch(zeros_like(rows) if g is None else g, rows, o, i, BATCHED)


def check_batched_forward(func: Callable, inputs: tuple) -> None:
    """Raise GradcheckError where a forward-mode pass under vmap differs from single ones."""
    for i, place in enumerate(_places(inputs)):
        tangents = [randn_like(inputs[place]).detach() for _ in range(2)]
        single = [_tangents(func, inputs, {place: t}) for t in tangents]
        with _without_fallback_warnings():
            try:
                found = _batch_of_tangents(func, inputs, place, stack(tangents))
            except RuntimeError as error:
                raise GradcheckError(
                    f"While computing batched gradients, got: {error}\n\n{BATCHED_FORWARD}"
                ) from error
        for o, (t, pair) in enumerate(zip(found, zip(*single, strict=True), strict=True)):
            rows = wrap(np.stack(pair))
            t = zeros_like(rows) if t is None else t.reshape(rows._a.shape)
            _check_batch(t, rows, o, i, BATCHED_FORWARD)


def _batch_of_tangents(func: Callable, inputs: tuple, place: int, tangents: Tensor) -> list:
    with new_level(BatchLevel, tangents._a.shape[0]) as batch, new_level(DualLevel) as level:
        duals = _duals(inputs, {place: enter(tangents, batch)}, level)
        found = [tangent_part(y, level) for y in floating(func(*duals))]
        return [None if t is None else leave(t, batch) for t in found]


def _check_batch(found: Tensor, expected: Tensor, o: int, i: int, text: str) -> None:
    if not close(found._a, expected._a, 1e-5, 1e-8):
        raise GradcheckError(
            f"For output {o} and input {i}:\n\n{text}\nGot:\n{found.detach()!r}\n\n"
            f"Expected:\n{expected!r}\n"
        )
