"""Recurrent layers next to PyTorch: forward alone, and forward and backward, in turns, one thread.

    python benchmarks/recurrent.py [--rounds 15] [--only NAME]

The row shows the medians and the ratio of dynagrad's to PyTorch's. Needs torch installed.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from eager import compare


class Layer(NamedTuple):
    """A layer of this kind: input size, hidden size, length of the sequences, batch, settings."""

    kind: str
    inputs: int
    hidden: int
    length: int
    batch: int
    goal: float
    backward: bool = True
    settings: dict[str, Any] = {}


TWO_LAYERS = {"num_layers": 2, "bidirectional": True}
ROWS = {
    "LSTM 64 to 128, 32 x 16": Layer("LSTM", 64, 128, 32, 16, 0.8),
    "LSTM 64 to 128, 32 x 16, forward": Layer("LSTM", 64, 128, 32, 16, 1.2, backward=False),
    "GRU 64 to 128, 32 x 16": Layer("GRU", 64, 128, 32, 16, 0.8),
    "GRU 64 to 128, 32 x 16, forward": Layer("GRU", 64, 128, 32, 16, 1.0, backward=False),
    "RNN 64 to 128, 32 x 16": Layer("RNN", 64, 128, 32, 16, 0.8),
    "RNN 64 to 128, 32 x 16, forward": Layer("RNN", 64, 128, 32, 16, 1.0, backward=False),
    "LSTM 1 to 50, 12 x 32": Layer("LSTM", 1, 50, 12, 32, 1.0),
    "LSTM 256 to 256, 64 x 64": Layer("LSTM", 256, 256, 64, 64, 1.2),
    "LSTM 64 to 128, 32 x 1": Layer("LSTM", 64, 128, 32, 1, 1.2),
    "LSTM, 2 layers, both directions": Layer("LSTM", 64, 128, 32, 16, 1.0, settings=TWO_LAYERS),
}


def building(layer: Layer) -> Callable[[Any], Callable[[], Any]]:
    """What makes one call of the layer, with its backward pass if wanted, for either library."""

    def build(torch: Any) -> Callable[[], Any]:
        torch.manual_seed(0)
        kind = getattr(torch.nn, layer.kind)
        module = kind(layer.inputs, layer.hidden, **layer.settings)
        x = torch.randn(layer.length, layer.batch, layer.inputs)
        g = torch.randn(*module(x)[0].shape)

        def forward():
            with torch.no_grad():
                module(x)

        def step():
            module.zero_grad()
            module(x)[0].backward(g)

        return step if layer.backward else forward

    return build


def main() -> int:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    options = parser.parse_args()
    print(f"{'layer':36}{'dynagrad':>13}{'PyTorch':>15}{'ratio':>8}")
    missed = 0
    for name, layer in ROWS.items():
        if options.only and options.only not in name:
            continue
        size = layer.length * layer.batch * layer.hidden
        ours, theirs = compare(building(layer), max(1, 200_000 // size), options.rounds)
        missed += ours / theirs > layer.goal
        print(
            f"{name:36}{ours * 1e3:10.2f} ms{theirs * 1e3:12.2f} ms{ours / theirs:8.2f}   "
            f"(goal {layer.goal:.2f})"
        )
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
