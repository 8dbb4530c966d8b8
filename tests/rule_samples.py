"""One sample call, or several, for every derivative rule: arrays, metadata, odd domains.

A NumPy function and a primitive without metadata, elementwise in its inputs, needs no entry:
`samples_of` makes one from its number of inputs and the domain in DOMAINS. The subjects in
`tests/samples/` have tables of their own, under the same names, which are added to these.
"""

import math
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path

import numpy as np
from rule_calls import (
    Call,
    apart,
    call,
    definite,
    given,
    imaginary,
    levels,
    lower,
    mask,
    ordered,
    real,
    regular,
    whole,
)

from dynagrad.ops.rule import Rule

#: where an elementwise function is defined and smooth, for each input; otherwise [-2, 2]
DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    "divide": ((-2, 2), (0.5, 2)),
    "reciprocal": ((0.5, 2),),
    "divide_or_zero": ((-2, 2), (0.5, 2)),
    "sqrt": ((0.5, 2),),
    "rsqrt": ((0.5, 2),),
    "log": ((0.5, 2),),
    "log2": ((0.5, 2),),
    "log10": ((0.5, 2),),
    "log1p": ((-0.5, 2),),
    "arcsin": ((-0.9, 0.9),),
    "arccos": ((-0.9, 0.9),),
    "arctanh": ((-0.9, 0.9),),
    "arccosh": ((1.2, 3),),
    "arccosh_root": ((1.2, 3),),
    "arctan2": ((0.5, 2), (0.5, 2)),
    "tan": ((-1, 1),),
    "hypot": ((0.5, 2), (0.5, 2)),
    "power": ((0.5, 2), (-2, 2)),
    "lgamma": ((0.5, 3),),
    "digamma": ((0.5, 3),),
    "erfinv": ((-0.9, 0.9),),
    "xlogy": ((0.5, 2), (0.5, 2)),
    "clamp": ((-2, 2), (-1.5, -0.5), (0.5, 1.5)),
    "remainder": ((0.6, 0.9), (1, 2)),
    "fmod": ((0.6, 0.9), (1, 2)),
    "frac": ((0.1, 0.9),),
    "absolute": ((0.5, 2),),
    "hardsigmoid": ((-4, 4),),
    "hardswish": ((-4, 4),),
    "copysign": ((0.5, 2), (0.5, 2)),
    "heaviside": ((0.5, 2), (-2, 2)),
}

REDUCED = ({"axes": (1,), "keepdims": True}, {"axes": (0, 2), "keepdims": False})
WHOLE = {"axes": None, "keepdims": False}
TWICE = [
    call(apart(3, 4), axis=1, keepdims=False),
    call(apart(3, 4), axis=0, keepdims=True),
    call(apart(5), axis=0, keepdims=True),
    call(real(), axis=0, keepdims=False),
]
RUNNING = [call(real(4, 2), axis=0, reverse=False), call(real(), axis=0, reverse=True)]
MOMENTS = [call(real(2, 3, 4), correction=1, **kw) for kw in (*REDUCED, WHOLE)]
EXTREMES = [call(apart(2, 3, 4), **kw) for kw in (*REDUCED, WHOLE)]
WINDOW = {"size": (2, 2), "stride": (1, 5), "offset": 1, "base_stride": (4, 1)}
OVERLAP = {"size": (3, 2), "stride": (1, 1), "offset": 2, "base_stride": (4, 1)}
PLACES = given([[0, 2, 0], [1, 1, 3]])
LOSSES = ("none", "sum", "mean")
TARGETS = given([2, 0, 1])

ROWS = [call(real(4, 3), given([0, 2, 2]), padding=p) for p in (None, 2, np.array([0, 2]))] + [
    call(real(4, 3), given([[0, 2, 2], [1, 3, 2]]), padding=2)
]

SAMPLES: dict[str, list[Call]] = {
    # --- shape ---
    "sum_to": [call(real(2, 3, 4), shape=(3, 1)), call(real(3, 4), shape=())],
    "broadcast_to": [call(real(3, 1), shape=(2, 3, 4))],
    "reshape": [call(real(2, 6), shape=(3, 4))],
    "unsqueeze": [call(real(2, 3), axis=1)],
    "transpose": [call(real(2, 3, 4), axes=(2, 0, 1))],
    "broadcast_cast": [call(real(3, 1), shape=(2, 3, 4), dtype=np.dtype("float32"))],
    "cast": [call(real(2, 3), dtype=np.dtype("float32"))],
    "copy": [call(real(2, 3))],
    "contiguous": [call(lambda rng: rng.normal(size=(3, 2)).T)],
    "as_strided": [call(real(3, 4), **WINDOW), call(real(3, 4), **OVERLAP)],
    "scatter_strided": [
        call(real(2, 2), shape=(3, 4), **WINDOW),
        call(real(3, 2), shape=(3, 4), **OVERLAP),
    ],
    "write_strided": [call(real(3, 4), real(2, 2), **WINDOW)],
    "narrow": [call(real(2, 5), axis=1, start=1, length=3)],
    "widen": [call(real(2, 3), axis=1, start=1, total=5)],
    "sliced": [call(real(2, 7), axis=1, start=1, stop=6, step=2)],
    "unsliced": [call(real(2, 3), axis=1, start=1, stop=6, step=2, total=7)],
    "select": [call(real(2, 3, 4), axis=1, index=2)],
    "unselect": [call(real(2, 4), axis=1, index=2, total=3)],
    "diagonal": [call(real(3, 2, 4), offset=1, axis1=0, axis2=2)],
    "diagonal_copy": [call(real(3, 2, 4), offset=-1, axis1=0, axis2=2)],
    "undiagonal": [call(real(2, 3), offset=1, axis1=0, axis2=2, shape=(3, 2, 4))],
    "unfold": [call(real(2, 7), axis=1, size=3, step=2), call(real(5, 2), axis=0, size=3, step=1)],
    "fold": [call(real(2, 3, 3), axis=1, size=3, step=2, total=7)],
    # --- conversion ---
    "clone": [call(real(2, 3), axes=None), call(real(2, 3), axes=(1, 0))],
    "alias": [call(real(2, 3))],
    "real_part": [call(imaginary(2, 3))],
    "imag_part": [call(imaginary(2, 3))],
    "complex_of_parts": [call(real(2, 3), real(3))],
    "polar": [call(real(2, 3), real(3))],
    "sgn": [call(apart(2, 3))],
    "pairs": [call(imaginary(2, 3))],
    "unpaired": [call(real(3, 2))],
    "to_copy": [call(real(2, 3), dtype=np.dtype("float32"), axes=None)],
    "discard": [call(real(2, 3), real(3))],
    "fill": [call(real(2, 3), real()), call(real(2, 3), real(3))],
    # --- elementwise ---
    "keep": [call(real(2, 3), mask(2, 3))],
    "drop": [call(real(2, 3), mask(2, 3))],
    "where": [call(mask(2, 3), real(2, 3), real(3)), call(mask(2, 1), real(), real(2, 3))],
    "add_scaled": [call(real(2, 3), real(3), alpha=0.5)],
    "number_minus": [call(real(2, 3), number=1.5)],
    "minus_scaled": [call(real(2, 3), real(3), alpha=0.5)],
    "addcmul": [call(real(2, 3), real(3), real(2, 1), value=0.5)],
    "addcdiv": [call(real(2, 3), real(3), real(2, 1, low=0.5), value=0.5)],
    "lerp_number": [call(real(2, 3), real(3), weight=w) for w in (0.3, 0.8)],
    "power_scalar": [call(real(2, 3, low=0.5), exponent=n) for n in (3, 2, 1, 0, -1, 0.5, 2.5)]
    + [call(real(2, 3), exponent=n) for n in (2, 3)],
    "power_of": [call(real(2, 3), base=b) for b in (2.0, 0.5)],
    "clamp_number": [
        call(real(2, 9), low=low, high=high)
        for low, high in ((-1.0, 1.0), (None, 0.5), (-0.5, None))
    ],
    # --- rounding ---
    "round_decimals": [call(real(2, 3), decimals=1)],
    "ldexp": [call(real(2, 3), real(3), dtype=None)],
    "copysign_number": [call(real(2, 3, low=0.5), number=-1.0)],
    "divide_rounding": [call(real(2, 3), real(2, 3, low=0.5), mode=m) for m in ("floor", "trunc")],
    "remainder_of_number": [call(given(7.3), real(2, 3, low=2.0, high=2.3))],
    "remainder_number": [call(real(2, 3, low=0.1, high=0.9), number=1.0)],
    "fmod_number": [call(real(2, 3, low=0.1, high=0.9), number=1.0)],
    "nan_to_num": [call(real(2, 3), nan=0.0, posinf=None, neginf=None)],
    # --- transcendental, special ---
    "logit": [call(real(2, 3, low=0.2, high=0.8), eps=e) for e in (None, 1e-3)],
    "polygamma": [call(real(2, 3, low=0.5), n=n) for n in (1, 2)],
    # --- indexing ---
    "getitem": [
        call(real(3, 4), index=(slice(0, 3, 2), None, 1, ...)),
        call(real(3), index=(..., 0)),
    ],
    "ungetitem": [call(real(2, 1), index=(slice(0, 3, 2), None, 1, ...), shape=(3, 4))],
    "index": [
        call(real(4, 3), PLACES, axes=(0,)),
        call(real(2, 2, 3), PLACES, axes=(0, 1)),
        call(real(3, 4), PLACES, axes=(1,)),
        call(real(2, 3, 5, 2), PLACES, axes=(0, 3)),
        call(real(2, 4), given(2), axes=(1,)),
        call(real(), given([0, 0]), axes=(0,)),
    ],
    "unindex": [
        call(real(3), given([0, 0, 0]), axes=(0,), shape=()),
        call(real(2, 3, 3), PLACES, axes=(0,), shape=(4, 3)),
        call(real(2, 3, 5), PLACES, axes=(0, 2), shape=(2, 5, 2)),
    ],
    "clear": [
        call(real(), given([0]), axes=(0,)),
        call(real(4, 3), PLACES, axes=(0,)),
        call(real(2, 3, 4), PLACES, axes=(0, 2)),
        call(real(3, 4), PLACES, axes=(1,)),
    ],
    "put": [
        call(real(), given([0]), real(), axes=(0,), accumulate=False),
        call(real(), given([0, 0]), real(2), axes=(0,), accumulate=True),
        call(real(4, 3), given([0, 3]), real(2, 3), axes=(0,), accumulate=False),
        call(real(4, 3), PLACES, real(2, 3, 3), axes=(0,), accumulate=True),
        call(real(4, 3), PLACES, real(3), axes=(0,), accumulate=True),
        call(real(3, 4), given([1, 3]), real(), axes=(1,), accumulate=False),
        call(real(2, 5, 3), given([3, 0]), real(2, 5), axes=(0, 2), accumulate=False),
        call(real(2, 3, 4), PLACES, real(2, 1, 3), axes=(1, 2), accumulate=True),
    ],
    "gather": [
        call(real(2, 4), PLACES, axis=1),
        call(real(4, 3), PLACES, axis=0),
        call(real(), given([0, 0]), axis=0),
        call(real(3), given(1), axis=0),
        call(real(3), given(np.zeros(0, np.int64)), axis=0),
    ],
    "ungather": [
        call(real(2, 3), PLACES, axis=1, shape=(2, 4)),
        call(real(2), given([0, 0]), axis=0, shape=()),
    ],
    "erase": [call(real(2, 4), PLACES, axis=1), call(real(), given([0]), axis=0)],
    "scatter": [
        call(real(2, 4), given([[0, 2], [1, 3]]), real(2, 2), axis=1),
        call(real(2, 4), given([[0, 2], [1, 3]]), real(3, 5), axis=1),
        call(real(2, 4), given([[0, 2], [1, 3]]), real(), axis=1),
        call(real(), given([0]), real(1), axis=0),
    ],
    "scatter_add": [
        call(real(2, 4), PLACES, real(2, 3), axis=1),
        call(real(4, 3), PLACES, real(3, 3), axis=0),
        call(real(), given(0), real(), axis=0),
    ],
    "scatter_reduce": [
        call(apart(2, 4), PLACES, real(2, 3), axis=1, reduce=reduce, include_self=own)
        for reduce in ("prod", "amax", "amin")
        for own in (True, False)
    ],
    "scatter_mean": [
        call(real(2, 4), PLACES, real(2, 3), axis=1, mean=mean, include_self=own)
        for mean in (True, False)
        for own in (True, False)
    ],
    "masked": [call(real(2, 3), mask(3), keep=keep) for keep in (True, False)],
    "fill_where": [call(real(2, 3), mask(2, 1), real())],
    # --- running results ---
    "cumsum": [call(real(2, 4), axis=1, reverse=r) for r in (False, True)] + RUNNING,
    "cumprod": [call(real(2, 4), axis=1, reverse=r) for r in (False, True)] + RUNNING,
    "shift": [call(real(2, 4), axis=1, by=by, fill=1.0) for by in (1, -1)]
    + [call(real(), axis=0, by=1, fill=1.0)],
    "recur": [call(real(2, 5), real(2, 5), axis=1, step=step) for step in (1, -1)]
    + [call(real(4, 2), real(4, 2), axis=0, step=1), call(real(), real(), axis=0, step=1)],
    "logcumsumexp": [call(real(2, 4), axis=1), call(real(4, 2), axis=0), call(real(), axis=0)],
    "cummax": [call(apart(2, 5), axis=1), call(apart(4, 2), axis=0), call(real(), axis=0)],
    "cummin": [call(apart(2, 5), axis=1), call(apart(4, 2), axis=0), call(real(), axis=0)],
    # --- reductions ---
    "spread": [
        call(real(2, 1, 4), shape=(2, 3, 4), axes=(1,), keepdims=True),
        call(real(3), shape=(2, 3, 4), axes=(0, 2), keepdims=False),
        call(real(), shape=(2, 3), axes=None, keepdims=False),
        call(real(), shape=(70, 70), axes=None, keepdims=False),
    ],
    "sum_over": [call(real(2, 3, 4), **kw) for kw in (*REDUCED, WHOLE)],
    "sum_as": [call(real(2, 3, 4), dtype=np.dtype("float32"), **kw) for kw in REDUCED],
    "mean_over": [call(real(2, 3, 4), **kw) for kw in (*REDUCED, WHOLE)],
    "mean_as": [call(real(2, 3, 4), dtype=np.dtype("float32"), **kw) for kw in REDUCED],
    "total": [call(real(2, 3))],
    "average": [call(real(2, 3))],
    "nansum_over": [call(real(2, 3, 4), **kw) for kw in REDUCED],
    "product": [
        call(real(3, 4), axis=1, keepdims=False),
        call(real(3, 2), axis=None, keepdims=False),
        call(given([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]), axis=1, keepdims=True),
        call(real(3, 2), axis=None, keepdims=True),
        call(real(), axis=0, keepdims=False),
    ],
    "var_over": MOMENTS,
    "std_over": MOMENTS,
    "var_mean_over": MOMENTS,
    "std_mean_over": MOMENTS,
    "logsumexp_over": [call(real(2, 3, 4), **kw) for kw in REDUCED],
    # --- extremes and sorting ---
    "amax_over": EXTREMES,
    "amin_over": EXTREMES,
    "aminmax_over": EXTREMES,
    "maximum_of": [call(apart(2, 3)), call(real())],
    "minimum_of": [call(apart(2, 3)), call(real())],
    "max_along": TWICE,
    "min_along": TWICE,
    "sort": [call(apart(3, 4), axis=1, descending=d) for d in (False, True)]
    + [call(apart(4, 3), axis=0, descending=False), call(real(), axis=0, descending=True)],
    "topk": [call(apart(3, 4), k=2, axis=1, largest=x) for x in (False, True)]
    + [call(apart(4, 3), k=2, axis=0, largest=True), call(real(), k=1, axis=0, largest=True)],
    **dict.fromkeys(("unique", "unique_consecutive"), [call(apart(2, 4), axis=None)]),
    "kth": [
        call(a, k=2, axis=0, keepdims=k) for a in (apart(3), apart(3, 4)) for k in (False, True)
    ]
    + [call(real(), k=1, axis=0, keepdims=False)],
    "median_along": TWICE,
    "nanmedian_along": TWICE,
    "mode": TWICE,
    "median_of": [call(apart(3, 4))],
    "nanmedian_of": [call(apart(3, 4))],
    # --- joining ---
    "cat": [
        call(real(2, 3), real(2, 1), real(2, 2), axis=1),
        call(real(2, 3), real(0), real(1, 3), axis=0),
    ],
    "stack": [call(real(2, 3), real(2, 3), axis=1)],
    "split": [call(real(2, 6), axis=1, sizes=(1, 3, 2))],
    "unbind": [call(real(2, 3), axis=1)],
    "block_diag": [call(real(2, 3), real(2), real())],
    "repeat": [call(real(2, 3), repeats=(2, 1, 2))],
    "flip": [call(real(2, 3), axes=(0, 1))],
    "roll": [
        call(real(2, 3), shifts=(1, 2), axes=(0, 1)),
        call(real(2, 3), shifts=2, axes=None),
        call(real(2, 3), shifts=(1,), axes=(1,)),
    ],
    "rot90": [call(real(2, 3), k=k, axes=(0, 1)) for k in (1, 2, 3)],
    "diag_embed": [call(real(2, 3), offset=1, axis1=0, axis2=2)],
    "tril": [call(real(3, 4), k=1)],
    "triu": [call(real(3, 4), k=-1)],
    # --- norms ---
    "absolute_power": [call(apart(2, 3), exponent=n) for n in (1, 2, 3.5)],
    "signed_power": [call(apart(2, 3), exponent=n) for n in (1, 2, 3.5, 0)],
    "vector_norm": [
        call(apart(2, 3, 4), p=p, dtype=None, **kw)
        for p in (1, 2, 3.0, 0.5, float("inf"), -float("inf"))
        for kw in REDUCED
    ],
    "dist": [call(real(2, 3), real(2, 3), p=p) for p in (2, 1, 3.0, 0.5, math.inf)],
    "weight_norm": [
        call(real(2, 3, 4), real(2, 1, 1), axes=(1, 2)),
        call(real(2, 3), real(1, 3), axes=(0,)),
    ],
    # --- contraction, linalg ---
    "matmul": [
        call(real(*a), real(*b))
        for a, b in (
            ((2, 3, 4), (4, 2)),
            ((4,), (4,)),
            ((3, 4), (4,)),
            ((4,), (4, 2)),
            ((3, 1), (1, 2)),
            ((3, 4), (4, 1)),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 3)),
            ((3, 4), (2, 4, 3)),
            ((2, 1, 3, 4), (3, 4, 2)),
        )
    ],
    "outer": [call(real(2, 3), real(2, 4)), call(real(3), real(2, 4))],
    "mm": [call(real(2, 3), real(3, 4), flip=flip) for flip in ((False, False), (True, True))]
    + [call(real(2, 1), real(1, 3), flip=(False, True))],
    "addmm": [
        call(real(4), real(2, 3), real(3, 4), beta=beta, alpha=0.5, flip=(False, False))
        for beta in (1, 0, 2.0)
    ]
    + [call(real(3, 1), real(2, 3, 4), real(2, 4, 2), beta=2.0, alpha=1, flip=(False, False))],
    "affine": [call(real(4), real(2, 3), real(3, 4))],
    "addmv": [call(real(2), real(2, 3), real(3), beta=2.0, alpha=0.5)],
    "addbmm": [call(real(2, 4), real(5, 2, 3), real(5, 3, 4), beta=2.0, alpha=0.5)],
    "addr": [call(real(2, 3), real(2), real(3), beta=2.0, alpha=0.5)],
    "vdot": [call(real(4), real(4))],
    "swap": [call(real(2, 3, 4))],
    "diagonals": [call(real(3, 2, 3), labels=(0, 1, 0), output=(1, 0))],
    "embed_diagonals": [call(real(2, 3), shape=(3, 2, 3), labels=(0, 1, 0), output=(1, 0))],
    "trace": [call(real(3, 3))],
    "einsum": [
        call(real(2, 3), real(3, 4), inputs=((0, 1), (1, 2)), output=(2, 0)),
        call(real(2, 3), inputs=((0, 1),), output=(1,)),
        call(real(2, 3), real(3), real(3, 2), inputs=((0, 1), (1,), (1, 0)), output=(0,)),
    ],
    "cross": [call(real(2, 3), real(2, 3), axis=1), call(real(3), real(3, 2), axis=0)][:1],
    "triangle": [
        call(real(2, 3, 3), diagonal=d, upper=u) for d in (0, 0.5, 1) for u in (False, True)
    ],
    "eigh": [call(definite(3), upper=u) for u in (False, True)],
    "inverse": [call(regular(2, 3, 3))],
    "cofactors": [call(regular(3, 3))],
    "det": [call(regular(2, 3, 3))],
    "slogdet": [call(regular(2, 3, 3))],
    "solve": [
        call(regular(3, 3), real(2, 3, 2), vector=False),
        call(regular(2, 3, 3), real(3, 2), vector=False),
        call(regular(3, 3), real(2, 3), vector=True),
        call(regular(2, 3, 3), real(2, 3, 2), vector=False),
        call(regular(3, 3), real(3), vector=True),
    ],
    "solve_triangle": [
        call(lower(3), real(3, 2), upper=u, unit=unit)
        for u in (False, True)
        for unit in (False, True)
    ],
    # --- activations ---
    "gate": [call(real(2, 3), given([[1.0, 0, 1], [0, 1, 1]]))],
    "leaky_relu": [call(apart(2, 3), slope=0.1)],
    "hardtanh": [call(apart(2, 9), low=-1.0, high=1.0)],
    "threshold": [call(apart(2, 9), threshold=0.5, value=2.0)],
    "hardshrink": [call(apart(2, 9), lambd=0.5)],
    "softshrink": [call(apart(2, 9), lambd=0.5)],
    "prelu": [call(apart(2, 3), real(3))],
    "rrelu": [call(apart(2, 3), real(2, 3, low=0.1, high=0.3))],
    "elu": [call(apart(2, 9), alpha=1.5, scale=1.1, input_scale=0.9)],
    "softplus": [call(real(2, 9, low=-5, high=5), beta=2.0, threshold=8.0)],
    "glu": [call(real(2, 6), axis=1)],
    # --- embedding ---
    "take_rows": ROWS,
    "add_rows": [
        call(real(3, 2), given([0, 2, 2]), rows=4, padding=p) for p in (None, 0, np.array([0, 3]))
    ]
    + [call(real(2, 3, 2), given([[0, 2, 1], [2, 3, 0]]), rows=4, padding=2)],
    "take_rows_but": ROWS,
    # --- losses ---
    "scale_by": [call(real(2, 3), number=0.5)],
    "shift_by": [call(real(2, 3), number=0.5)],
    "floor_through": [call(real(2, 3), low=-3.0)],
    "mse": [call(real(2, 3), real(2, 3), reduction=r) for r in LOSSES],
    "huber": [call(real(2, 9), real(2, 9), delta=0.7, scale=1.3, reduction=r) for r in LOSSES],
    "bce": [
        call(real(2, 3, low=0.2, high=0.8), real(2, 3, low=0, high=1), w, reduction=r)
        for r in LOSSES
        for w in (None, real(2, 3))
    ],
    "bce_logits": [
        call(real(2, 3), real(2, 3, low=0, high=1), w, p, reduction=r)
        for r in LOSSES
        for w, p in ((None, None), (real(2, 3), real(3, low=0.5)))
    ],
    "soft_margin": [
        call(real(2, 3), given([[1.0, -1, 1], [-1, 1, 1]]), reduction=r) for r in LOSSES
    ],
    "nll": [
        call(real(3, 4), TARGETS, w, reduction=r, ignore=i)
        for r in LOSSES
        for w in (None, real(4, low=0.5))
        for i in (-100, 0)
    ]
    + [
        call(real(2, 4, 3), whole(2, 3, below=4), w, reduction=r, ignore=-100)
        for r in LOSSES
        for w in (None, real(4, low=0.5))
    ]
    + [
        call(real(4), given(2), w, reduction=r, ignore=-100)
        for r in LOSSES
        for w in (None, real(4, low=0.5))
    ],
    "nll_back": [
        call(real(), TARGETS, w, shape=(3, 4), reduction="mean", ignore=i)
        for w in (None, real(4, low=0.5))
        for i in (-100, 0)
    ]
    + [call(real(3), TARGETS, w, shape=(3, 4), reduction="none", ignore=0) for w in (None, real(4))]
    + [call(real(), given(2), real(4), shape=(4,), reduction="mean", ignore=-100)]
    + [
        call(real(*s), whole(2, 3, below=4), real(4), shape=(2, 4, 3), reduction=r, ignore=1)
        for s, r in (((), "sum"), ((2, 3), "none"))
    ],
    "multi_margin": [
        call(real(3, 4), TARGETS, w, p=p, margin=1.0, reduction=r)
        for r in LOSSES
        for p in (1, 2)
        for w in (None, real(4, low=0.5))
    ],
    "multilabel_margin": [
        call(real(2, 4), given([[1, 3, -1, 0], [0, -1, 2, 2]]), reduction=r) for r in LOSSES
    ],
    # --- normalization ---
    "standardize": [
        call(real(2, 3, 4), w, b, axes=(2,), eps=1e-5, affine=(1, 1, 4), parameter=(4,))
        for w, b in ((real(4), real(4)), (None, None), (real(4), None))
    ]
    + [
        call(
            real(2, 3, 4), real(3), real(3), axes=(0, 2), eps=1e-5, affine=(1, 3, 1), parameter=(3,)
        )
    ],
    "rescale": [
        call(real(2, 3, 4), w, b, real(3), real(3, low=0.5), eps=1e-5, affine=(1, 3, 1))
        for w, b in ((real(3), real(3)), (None, None))
    ],
    "softmax": [call(real(2, 3), axis=1)],
    "log_softmax": [call(real(2, 3), axis=1)],
    "log_softmax_back": [call(real(2, 3), real(2, 3), axis=1)],
}

INTEGERS = [call(whole(2, 9, below=7), whole(9, below=7))]
BITS = [call(whole(2, 9, below=64), whole(9, below=6))]
COMPARED = [call(whole(2, 9, below=3), whole(9, below=3)), call(real(3), real(2, 3))]
SOME_INFINITE = given([[1.5, math.inf, math.nan], [-math.inf, -0.0, 2.0]])
LEVELS = [call(levels(2, 3, 4), **kw) for kw in (*REDUCED, WHOLE)]
PLACE_OF = [
    call(apart(3, 4), axis=1, keepdims=False),
    call(apart(3, 4), axis=None, keepdims=False),
    call(apart(3, 4), axis=None, keepdims=True),
    call(apart(5), axis=0, keepdims=True),
    call(real(), axis=0, keepdims=False),
]

#: sample calls of the functions without a derivative
CONSTANTS: dict[str, list[Call]] = {
    "full": [call(real(3), shape=(2, 4), value=1.5, dtype=np.dtype("float64"))],
    "count_parts": [call(real(2, 4), PLACES, axis=1, include_self=own) for own in (True, False)],
    "nothing": [call(real(2, 3))],
    "not_negative": [call(imaginary(2, 3)), call(real(3))],
    **dict.fromkeys(("gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor"), INTEGERS),
    "invert": [call(whole(2, 3, below=9)), call(mask(3))],
    **dict.fromkeys(("left_shift", "right_shift"), BITS),
    **dict.fromkeys(
        ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), COMPARED
    ),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), COMPARED),
    "logical_not": [call(mask(2, 3))],
    **dict.fromkeys(("isnan", "isinf", "isfinite", "signbit", "is_number"), [call(SOME_INFINITE)]),
    **dict.fromkeys(("is_positive_infinity", "is_negative_infinity"), [call(SOME_INFINITE)]),
    "is_real": [call(imaginary(2, 3)), call(real(3))],
    "is_close": [
        call(levels(2, 3), levels(3), rtol=0.1, atol=0.2, equal_nan=nan) for nan in (False, True)
    ],
    "is_in": [
        call(whole(2, 3, below=6), whole(4, below=6), assume_unique=False, invert=invert)
        for invert in (False, True)
    ],
    **dict.fromkeys(("any_over", "all_over"), [call(mask(2, 3, 4), **kw) for kw in REDUCED]),
    "count_nonzero": [call(mask(2, 3), axes=axes) for axes in (None, (1,))],
    "tie_share": [
        call(levels(2, 3, 4), given(np.ones((2, 1, 4))), axes=(1,), keepdims=True, nan_ties=True),
        call(levels(2, 3, 4), given([1.0, 0.0, 1.0]), axes=(0, 2), keepdims=False),
        call(levels(2, 3), given(1.0), axes=None, keepdims=False, absolute=True),
    ],
    **dict.fromkeys(("argmax", "argmin"), PLACE_OF),
    "quantile_scale": [call(SOME_INFINITE, ignore_nan=ignore) for ignore in (True, False)],
    "quantile_places": [call(real(2, 3), how=how) for how in ("floor", "ceil", "nearest")],
    "searchsorted": [call(ordered(5), real(2, 3), right=right) for right in (True, False)]
    + [call(ordered(2, 5), real(2, 3), right=False)],
    "bincount": [call(given([0, 3, 1, 1]), length=5), call(given([0, 3, 1, 1]), real(4), length=5)],
    "histogram": [
        call(real(9), bins=4, low=-1.0, high=1.5),
        call(real(3, 3), bins=4, low=None, high=None),
    ],
    "target_weights": [
        call(real(3), given([2, 0, 3]), w, classes=4, ignore=i)
        for w in (None, real(4, low=0.5))
        for i in (-100, 0)
    ]
    + [call(real(), given(2), real(4, low=0.5), classes=4, ignore=-100)],
    "label_pairs": [call(real(2, 4), given([[1, 3, -1, 0], [0, -1, 2, 2]]))],
}

#: rules whose derivative PyTorch defines otherwise than as that of the values
BY_DEFINITION = {
    "floor_through": "the cotangent passes a limit on purpose",
    "take_rows": "a padding row gets no gradient",
    "copysign": "PyTorch's derivative with respect to the sign is 0",
    "gate": "only values 0 and 1 of the gate are meant",
}

#: rules whose derivative has none of its own, in PyTorch as here
ONCE = {"ctc", "gamma_sample"}

#: rules that raise, because PyTorch has no derivative
REFUSING = {"floor_divide", "heaviside", "remainder_of_number", "unique", "unique_consecutive"}

#: rules that run kernels of their own on arrays and formulas on all else, with the number of their
#: results before what only the backward kernel reads
KERNELS: dict[str, int] = {}


for file in sorted((Path(__file__).parent / "samples").glob("[a-z]*.py")):
    subject = vars(import_module(f"samples.{file.stem}"))
    for name in ("DOMAINS", "SAMPLES", "CONSTANTS", "BY_DEFINITION", "KERNELS"):
        table, added = globals()[name], subject.get(name, {})
        assert not added.keys() & table.keys(), f"{file}: twice: {added.keys() & table.keys()}"
        table.update(added)
    REFUSING |= subject.get("REFUSING", set())


def key_of(rule: Rule) -> str:
    """The name of a rule in the tables; the module stands in front where two share a name."""
    return rule.fun.__name__


def samples_of(rule: Rule) -> list[Call] | None:
    """The sample calls of a rule; None if it needs an entry in SAMPLES and has none."""
    name = key_of(rule)
    if name in SAMPLES or rule.kind == "constant":
        return SAMPLES.get(name) or CONSTANTS.get(name)
    kernel = getattr(rule.fun, "__wrapped__", None)
    if kernel is None or rule.fun.__module__.startswith("numpy"):
        count = rule.fun.nin if isinstance(rule.fun, np.ufunc) else len(rule.vjps)
    else:
        parameters = signature(kernel).parameters.values()
        if any(p.kind in (Parameter.KEYWORD_ONLY, Parameter.VAR_POSITIONAL) for p in parameters):
            return None
        count = len(rule.params)
    if rule.kind != "elementwise":
        return None
    domains = DOMAINS.get(name, ((-2.0, 2.0),) * count)
    shapes = ((2, 9), (9,), (2, 1))
    draws = [real(*s, low=a, high=b) for s, (a, b) in zip(shapes, domains, strict=False)]
    return [call(*draws), call(*reversed(draws))][: 1 + (count > 1 and len(set(domains)) == 1)]
