"""Sample calls of recurrent layers."""

from rule_calls import Call, call, real

PACKED = (3, 2, 2, 1)


def inputs(rows: tuple[int, ...], gates: int, states: int, out: int = 2) -> list:
    """x, the weights of x and h with their biases, and the states (the last of size 2)."""
    n = rows[1] if len(rows) > 1 else PACKED[0]
    first = [real(n, out), real(n, 2)][:states]
    weights = [real(2 * gates, 3), real(2 * gates, out), real(2 * gates), real(2 * gates)]
    return [real(*rows, 3), *weights, *first]


def calls(gates: int, states: int, **kw: object) -> list[Call]:
    """Both directions, of sequences of one length and of packed ones; without biases."""
    even, packed = inputs((3, 2), gates, states), inputs((8,), gates, states)
    last = [None] if states == 2 else []
    return [
        call(*even, *last, sizes=None, reverse=False, **kw),
        call(*even[:3], None, None, *even[5:], *last, sizes=None, reverse=True, **kw),
        call(*packed, *last, sizes=PACKED, reverse=False, **kw),
        call(*packed, *last, sizes=PACKED, reverse=True, **kw),
    ]


SAMPLES: dict[str, list[Call]] = {
    "lstm_layer": [
        *calls(4, 2),
        call(*inputs((3, 2), 4, 2, out=1), real(1, 2), sizes=None, reverse=True),
        call(*inputs((8,), 4, 2, out=1), real(1, 2), sizes=PACKED, reverse=False),
    ],
    "gru_layer": calls(3, 1),
    "rnn_layer": calls(1, 1, kind="tanh") + calls(1, 1, kind="relu")[:2],
}
KERNELS = {"lstm_layer": 3, "gru_layer": 2, "rnn_layer": 2}
