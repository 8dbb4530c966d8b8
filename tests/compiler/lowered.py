"""Calls of primitives lowered and run by the interpreter, beside their kernels."""

from typing import Any, NamedTuple

import numpy as np
from rule_samples import samples_of

from dynagrad.compiler.ir.graph import Graph
from dynagrad.compiler.ir.interpret import evaluate
from dynagrad.compiler.lowering import LOWERINGS
from dynagrad.ops.rule import RULES

#: why primitives have no lowering
WITHOUT = {
    "there is no operation for it, and its kernel is not plain arithmetic": (
        "gcd lcm nextafter frexp xor_bits scatter_reduce"
    ),
    "complex numbers are left to their kernels": (
        "complex_of_parts polar pairs unpaired c2c r2c c2r weigh_pairs"
    ),
    "the graph has no running operation": "cumsum recur cumprod logcumsumexp cummax cummin",
    "the graph does not sort": (
        "sort topk kth median_along nanmedian_along mode median_of nanmedian_of searchsorted "
        "histogram binned"
    ),
    "the shape of the result depends on the data": "unique unique_consecutive nonzero_places",
    "it looks for elements one after the other": "first_places",
    "LAPACK computes it": (
        "solve_triangle cholesky_info cholesky cholesky_solve cholesky_inverse qr geqrf reflectors "
        "unreflectors reflect ldl_factor ldl_solve exchange permutation triangles packed lu_factor "
        "lu lu_solve zero_pivot inverse solve cofactors det slogdet over_gaps eigh eig only_values "
        "svd matrix_rank pinv lstsq beside corner matrix_exp"
    ),
    "a series or a table in float64, in branches by the size of elements": (
        "erfinv lgamma digamma polygamma erfcx log_ndtr ndtri gammainc gammaincc multigammaln zeta "
        "i0 i0e i1 i1e airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 spherical_bessel_j0 "
        "modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 "
        "scaled_modified_bessel_k0 scaled_modified_bessel_k1 standard_gamma_grad dirichlet_grad"
    ),
    "a recurrence as long as the data say": (
        "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v "
        "chebyshev_polynomial_w shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u "
        "shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w hermite_polynomial_h "
        "hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p"
    ),
    "it draws random numbers": "gamma_sample",
    "sequences or lists of the data's lengths": (
        "ctc_labels ctc ctc_slope label_pairs multilabel_margin bag_winners bag_max"
    ),
    "places that depend on the data, window by window": (
        "adaptive_max_places fractional_max_places sum_taps spread_taps weigh_taps sample_weights "
        "sample_places grid_sample"
    ),
    "sparse patterns": "values_at put_values combine_rows pair_rows",
}

#: relative tolerances; coarse ones for kernels that are less exact
RTOL = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3}


class Given(NamedTuple):
    """A call: arrays (None: an absent one) and metadata."""

    arrays: list
    metadata: dict[str, Any]

    def of(self, kind: str) -> "Given":
        """The floating numbers in another dtype."""
        with np.errstate(all="ignore"):
            return Given([_as(a, kind) for a in self.arrays], self.metadata)

    def with_numbers(self, numbers: np.ndarray, rng: Any, some: bool) -> "Given":
        """The floating numbers, or one in each array, replaced by some of these."""

        def replaced(a):
            if a is None or a.dtype.kind != "f":
                return a
            if not some:
                return rng.choice(numbers, a.shape)
            a = a.copy()
            if a.size:
                a.reshape(-1)[rng.integers(a.size)] = rng.choice(numbers)
            return a

        return Given([replaced(a) for a in self.arrays], self.metadata)

    def of_shape(self, size: tuple[int, ...]) -> "Given":
        """Arrays of one shape."""
        return Given(
            [None if a is None else np.resize(a, size) for a in self.arrays], self.metadata
        )


def _as(a, kind):
    return a.astype(kind) if a is not None and a.dtype.kind == "f" else a


class Sample(NamedTuple):
    """A sample call of a rule."""

    arrays: tuple
    metadata: dict[str, Any]
    call: Any

    def drawn(self, rng: np.random.Generator) -> Given:
        """The call on arrays."""
        arrays = [None if a is None else np.asarray(a) for a in self.call.drawn(rng)]
        return Given(arrays, self.metadata)


def calls_of(rule: Any) -> list[Sample]:
    """The sample calls of a rule."""
    return [Sample(call.arrays, call.metadata, call) for call in samples_of(rule) or []]


def strides_of(a: np.ndarray) -> tuple[int, ...]:
    """An array's strides in elements."""
    return tuple(s // a.itemsize for s in a.strides)


def row_major(a: np.ndarray) -> tuple[int, ...]:
    """The strides of an array's copy in the order of rows."""
    return strides_of(np.empty(a.shape, a.dtype))


def lowered(
    fun: Any, arrays: list, kw: dict, numbers: dict | None = None, run: Any = evaluate
) -> Any:
    """The results of a call by its lowering; None where it does not cover the call.

    `numbers` become values that are known only when the graph runs, which `run` does.
    """
    g = Graph()
    given = [np.asarray(a) for a in arrays if a is not None]
    each = iter([g.source(g.slot(a.shape, a.dtype, row_major(a))) for a in given])
    values = [None if a is None else next(each) for a in arrays]
    later = dict(kw)
    for name, n in (numbers or {}).items():
        later[name] = None if n is None else g.source(g.slot((), np.float64, ()))
        given += [] if n is None else [np.array(n)]
    result = LOWERINGS[fun](g, *values, **later)
    if result is NotImplemented:
        return None
    results = result if type(result) is tuple else (result,)
    outs = [np.empty(r.shape, r.dtype) for r in results]
    for r, out in zip(results, outs, strict=True):
        g.write(g.slot(out.shape, out.dtype, strides_of(out)), r)
    run(g, [*[np.array(a, order="C") for a in given], *outs])
    return outs


def computed(fun: Any, arrays: list, kw: dict) -> list[np.ndarray] | None:
    """The results of a call by the kernel; None where it refuses."""
    arrays = [None if a is None else np.array(a) for a in arrays]
    with np.errstate(all="ignore"):
        try:
            result = RULES[fun].fun(*arrays, **kw)
        except (TypeError, ValueError, IndexError, RuntimeError, OverflowError):
            return None
    return [np.asarray(r) for r in (result if type(result) in (tuple, list) else (result,))]


def assert_agree(found: Any, expected: Any, *, coarse: bool = False) -> None:
    """Shapes and dtypes are equal, and numbers within rounding of the largest of them."""
    assert len(found) == len(expected)
    dtypes = [b.dtype for b in expected if b.dtype.kind == "f"]
    for place, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if place > 1 and b.dtype.kind == "i" and dtypes and b.itemsize == dtypes[0].itemsize:
            a, b = a.view(dtypes[0]), b.view(dtypes[0])  # numbers as the bits of integers
        if b.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
            continue
        size = np.abs(b[np.isfinite(b)]).max(initial=0)
        rtol = 1e-3 if coarse else RTOL[b.dtype.name]
        np.testing.assert_allclose(a, b, rtol=rtol, atol=float(size) * rtol)
