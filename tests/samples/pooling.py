"""Sample calls of pooling, padding and shuffling primitives."""

import numpy as np
from rule_calls import apart, call, real, whole

from dynagrad.ops.neural.pooling import Window

APART = (Window(2, 2, 0, 1, 2), Window(2, 2, 0, 1, 3))
OVER = (Window(3, 2, 1, 1, 2), Window(2, 1, 0, 2, 4))
CUBE = (Window(2, 2, 0, 1, 1), Window(2, 1, 1, 1, 3), Window(1, 1, 0, 1, 3))
LARGE = (Window(5, 5, 0, 1, 1), Window(6, 6, 0, 1, 1))
FLAT = {"include": True, "divisor": None}
INSIDE = {"include": False, "divisor": None}


def numbers(*shape, below):
    """Integers without repetition within each plane of the last dimension."""
    return lambda rng: np.stack(
        [rng.permutation(below)[: shape[-1]] for _ in range(int(np.prod(shape[:-1])))]
    ).reshape(shape)


def inner(*shape):
    """Taps of a window of 3 x 2 elements that are not in its first row."""
    return lambda rng: rng.integers(2, 6, shape)


POOLED = [
    call(apart(2, 4, 6), windows=APART),
    call(apart(2, 3, 6), windows=OVER),
    call(apart(1, 2, 2, 3), windows=CUBE),
    call(apart(2, 5, 6), windows=LARGE),
]
SAMPLES = {
    "max_windows": POOLED,
    "max_and_taps": POOLED,
    "from_taps": [
        call(real(2, 2, 3), whole(2, 2, 3, below=4), windows=APART, sizes=(4, 6)),
        call(real(2, 2, 4), inner(2, 2, 4), windows=OVER, sizes=(4, 6)),
    ],
    "avg_windows": [
        call(real(2, 4, 6), windows=APART, **FLAT),
        call(real(2, 3, 6), windows=OVER, **FLAT),
        call(real(2, 3, 6), windows=OVER, **INSIDE),
        call(real(1, 2, 2, 3), windows=CUBE, include=True, divisor=3),
    ],
    "spread_avg": [
        call(real(2, 2, 3), windows=APART, sizes=(4, 6), **FLAT),
        call(real(2, 2, 4), windows=OVER, sizes=(3, 6), **INSIDE),
    ],
    "pick_planes": [call(real(2, 3, 4), whole(2, 2, 3, below=12), rank=2)],
    "unpick_planes": [call(real(2, 2, 3), whole(2, 2, 3, below=12), sizes=(3, 4))],
    "max_back": [call(real(2, 2, 3), real(2, 3, 4), whole(2, 2, 3, below=12), rank=2)],
    "unpool_planes": [call(real(2, 3), numbers(2, 3, below=7), sizes=(7,))],
    "rearrange": [
        call(real(2, 8, 2, 3), rank=3, split=(2, 2, 2, 2, 3), axes=(0, 3, 1, 4, 2), last=(2, 4, 6))
    ],
    "pad_constant": [
        call(real(2, 3), widths=((1, 0), (0, 2)), value=1.5),
        call(real(3, 4), widths=((-1, 1), (0, -2)), value=0.0),
    ],
    "pad_edges": [
        call(real(2, 4), widths=((2, 3),), mode="reflect"),
        call(real(2, 3, 4), widths=((2, 1), (-1, 2)), mode="replicate"),
        call(real(2, 3, 4), widths=((2, 1), (-1, 2)), mode="circular"),
    ],
    "add_edges": [
        call(real(2, 9), widths=((2, 3),), mode="reflect", sizes=(4,)),
        call(real(2, 6, 5), widths=((2, 1), (-1, 2)), mode="circular", sizes=(3, 4)),
    ],
}
CONSTANTS = {
    "places_of_taps": [
        call(whole(2, 2, 3, below=4), windows=APART, sizes=(4, 6)),
    ],
    "adaptive_max_places": [call(real(2, 5, 4), sizes=(3, 2))],
    "fractional_max_places": [
        call(real(2, 3, 7, 6), real(2, 3, 2, low=0, high=1), kernel=(2, 2), sizes=(3, 3))
    ],
}
