"""Sample calls of attention, resampling, CTC, bags of rows and distances."""

import numpy as np
from rule_calls import Call, apart, call, given, real

from dynagrad.ops.neural.resampling import Axis


def axis(mode: str, size: int, count: int, **settings: object) -> Axis:
    """One dimension resampled from `size` to `count`."""
    given = {"align": False, "factor": None, "wide": False, "double": True, **settings}
    return Axis(mode, size, count, **given)  # pyright: ignore


GRID = {"sizes": (3, 4), "align": False}
TAPS = given([[[0, 5], [3, 3], [1, 11]]])
POINTS = real(1, 2, 3, 2, low=-0.9, high=0.9)
BAGS = given([0, 0, 2, 2])
ROWS = given([1, 3, 0, 3])
HALF = 0.5
LABELS = given([[0, 1, 0, 2, 0], [0, 2, 0, 0, 0]])


def scores(rng: np.random.Generator) -> np.ndarray:
    """Log-probabilities (5, 2, 3)."""
    x = rng.normal(size=(5, 2, 3))
    return x - np.log(np.exp(x).sum(2, keepdims=True))


CTC = {"blank": 0, "zero_infinity": False}
SAMPLES: dict[str, list[Call]] = {
    "matmul_in_single": [call(real(2, 3, 4), real(4, 2)), call(real(3), real(3))],
    "resample": [
        call(real(2, 2, 4, 5), axes=(axis(mode, 4, 6), axis(mode, 5, 3)), back=back)
        for mode in ("nearest", "linear", "cubic", "area")
        for back in (False,)
    ]
    + [
        call(real(1, 2, 7), axes=(axis("linear", 5, 7, align=True),), back=True),
        call(real(1, 1, 30), axes=(axis("cubic", 30, 4, wide=True),), back=False),
    ],
    "sum_taps": [call(real(1, 2, 12), real(1, 3, 2), TAPS)],
    "spread_taps": [call(real(1, 2, 3), real(1, 3, 2), TAPS, size=12)],
    "weigh_taps": [call(real(1, 2, 3), real(1, 2, 12), TAPS)],
    "sample_weights": [
        call(POINTS, mode=m, padding=p, orders=(0, o), **GRID)
        for m, p, o in (("bilinear", "zeros", 0), ("bicubic", "border", 0), ("bicubic", "zeros", 1))
    ],
    "grid_sample": [
        call(real(2, 2, 3, 4), real(2, 2, 3, 2, low=-1.4, high=1.4), mode=m, padding=p, align=a)
        for m, p, a in (
            ("bilinear", "zeros", False),
            ("bilinear", "reflection", True),
            ("bicubic", "border", False),
        )
    ],
    "affine_grid": [call(real(2, 2, 3), sizes=(2, 3), align=a) for a in (True, False)],
    "add_affine_grid": [call(real(2, 2, 3, 2), sizes=(2, 3), align=True)],
    "safe_softmax": [call(real(2, 3))],
    "attention": [
        call(real(2, 3, 4), real(2, 5, 4), real(2, 5, 2), m, scale=HALF) for m in (None, real(3, 5))
    ],
    "ctc": [call(scores, LABELS, given([5, 4]), given([2, 1]), **CTC)],
    "ctc_slope": [
        call(scores, real(5, 2, 5), real(2), LABELS, given([5, 4]), given([2, 1]), **CTC)
    ],
    "take_shared_rows": [call(real(4, 3), given([0, 2, 1]), padding=None)],
    "bag_sum": [call(real(4, 2), real(4), ROWS, BAGS, bags=3)],
    "shared_bag_sum": [call(real(4, 2), real(4), given([1, 3, 0, 2]), BAGS, bags=3)],
    "bag_max": [call(apart(4, 2), ROWS, BAGS, bags=3)],
    "cdist": [call(real(2, 3, 4), real(5, 4), p=p) for p in (1.0, 2.0, 3.5, float("inf"))],
    "euclidean_dist": [call(real(2, 3, 4), real(5, 4))],
    "pdist": [call(real(4, 3), p=p) for p in (2.0, 3.0)],
}
CONSTANTS: dict[str, list[Call]] = {
    "sample_places": [call(POINTS, mode="bilinear", padding="zeros", **GRID)],
    "ctc_labels": [call(given([[1, 2], [2, 0]]), blank=0)],
    "uses": [call(given([0, 2, 2, 1]))],
    "bag_winners": [call(apart(4, 2), ROWS, BAGS, bags=3)],
}
BY_DEFINITION = {
    "ctc": "the derivative is that of the scores before log_softmax",
    "take_shared_rows": "a row's gradient is divided by the number of its uses",
    "shared_bag_sum": "a row's gradient is divided by the number of its uses",
}
REFUSING = {"ctc_slope"}

KERNELS = {"attention": 1, "standardize": 1}
