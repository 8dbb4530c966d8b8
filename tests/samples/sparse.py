"""Sample calls of the values and products of sparse arrays."""

import numpy as np
from rule_calls import call, real

from dynagrad.ops.sparse.patterns import Coo

ONCE = Coo(np.array([[0, 0, 1, 3], [1, 2, 0, 2]]), (4, 3), True)
TWICE = Coo(np.array([[3, 0, 1, 0, 3], [2, 1, 0, 1, 2]]), (4, 3))
HYBRID = Coo(np.array([[2, 0, 2]]), (3, 2))
EMPTY = Coo(np.zeros((2, 0), np.int64), (4, 3))

SAMPLES = {
    "values_at": [
        call(real(4, 3), pattern=ONCE),
        call(real(4, 3), pattern=TWICE),
        call(real(3, 2), pattern=HYBRID),
    ],
    "put_values": [
        call(real(4), pattern=ONCE),
        call(real(5), pattern=TWICE),
        call(real(3, 2), pattern=HYBRID),
    ],
    "combine_rows": [
        call(real(4), real(3, 2), pattern=ONCE),
        call(real(5), real(3, 2), pattern=TWICE),
        call(real(0), real(3, 2), pattern=EMPTY),
    ],
    "pair_rows": [
        call(real(4, 2), real(3, 2), pattern=ONCE),
        call(real(4, 2), real(3, 2), pattern=TWICE),
    ],
}
