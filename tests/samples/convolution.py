"""Sample calls of convolutions."""

from rule_calls import call, real

ONE = {"stride": (1,), "padding": (0,), "dilation": (1,), "groups": 1}
TWO = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
FLAT = {"stride": (1, 1), "padding": (1, 0), "dilation": (1, 1), "groups": 1}
POINTS = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 2}
WIDE = {"stride": (3,), "padding": (2,), "dilation": (1,), "groups": 1}
WINDOWS = {"kernel": (2, 3), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}

SAMPLES = {
    "convolve": [
        call(real(2, 3, 6), real(4, 3, 3), real(4), **ONE, size=(4,)),
        call(real(2, 4, 5, 6), real(6, 2, 2, 3), real(6), **TWO, size=(3, 6)),
        call(real(2, 3, 4, 4), real(2, 3, 3, 2), None, **FLAT, size=(4, 3)),
        call(real(2, 4, 2, 3), real(2, 2, 1, 1), real(2), **POINTS, size=(2, 3)),
        call(real(9, 1, 7), real(2, 1, 3), None, **WIDE, size=(3,)),
        call(
            real(1, 2, 3, 2, 3),
            real(2, 2, 2, 1, 2),
            real(2),
            stride=(1, 1, 1),
            padding=(0, 1, 0),
            dilation=(1, 1, 1),
            groups=1,
            size=(2, 4, 2),
        ),
    ],
    "convolve_back": [
        call(real(2, 4, 4), real(4, 3, 3), real(3), **ONE, size=(6,)),
        call(real(2, 6, 3, 6), real(6, 2, 2, 3), real(4), **TWO, size=(5, 6)),
        call(real(2, 2, 4, 3), real(2, 3, 3, 2), None, **FLAT, size=(4, 4)),
        call(real(2, 2, 2, 3), real(2, 2, 1, 1), real(4), **POINTS, size=(2, 3)),
        call(real(9, 2, 3), real(2, 1, 3), None, **WIDE, size=(7,)),
        call(real(1, 5, 4), real(5, 1, 3), real(1), **ONE, size=(6,)),
    ],
    "convolve_taps": [
        call(real(2, 3, 6), real(2, 4, 4), **ONE, size=(3,)),
        call(real(2, 4, 5, 6), real(2, 6, 3, 6), **TWO, size=(2, 3)),
        call(real(9, 1, 7), real(9, 2, 3), **WIDE, size=(3,)),
    ],
    "im2col": [
        call(real(2, 2, 5, 6), **WINDOWS, size=(3, 2)),
        call(real(2, 5, 6), **WINDOWS, size=(3, 2)),
    ],
    "col2im": [
        call(real(2, 12, 6), **WINDOWS, size=(3, 2), shape=(5, 6)),
        call(real(12, 6), **WINDOWS, size=(3, 2), shape=(5, 6)),
    ],
}
