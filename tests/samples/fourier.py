"""Sample calls of Fourier transforms, and of the counts and norms of samples."""

import numpy as np
from rule_calls import call, given, imaginary, real

EDGES = given(np.array([-1, 0, 0.5, 1, -0.5, 0.5, 2]))
NORMS = ("backward", "forward", "ortho")

SAMPLES = {
    "c2c": [
        call(imaginary(3, 4), axes=(1,), inverse=False, norm="backward"),
        call(imaginary(3, 4), axes=(0, 1), inverse=True, norm="ortho"),
    ],
    "r2c": [
        *[call(real(3, 5), axes=(1,), norm=norm) for norm in NORMS],
        call(real(4, 6), axes=(1, 0), norm="backward"),
    ],
    "c2r": [
        *[call(imaginary(3, 3), axes=(1,), length=5, norm=norm) for norm in NORMS],
        call(imaginary(4, 3), axes=(0, 1), length=4, norm="backward"),
    ],
    "weigh_pairs": [call(imaginary(2, 3), axis=1, length=n, factor=2.0) for n in (4, 5)],
    "binned": [call(real(5, 2), None, EDGES, counts=(3, 2), density=False)],
    "renorm": [call(real(3, 4), p=p, axes=(1,), maxnorm=1.0) for p in (1.5, 2.0, 3.0)],
}
#: PyTorch has no derivative of counts
REFUSING = {"binned"}
CONSTANTS = {
    "first_places": [call(real(2, 3), size=size, fill=-1) for size in (4, 9)],
    "nonzero_places": [call(real(2, 3)), call(real())],
    "xor_bits": [call(real(3, 4), axes=(1,), keepdims=False)],
}
