"""Convolutions next to PyTorch: forward and backward of one layer, in turns, one thread.

    python benchmarks/convolution.py [--rounds 9] [--only NAME]

The row shows the medians and the ratio of dynagrad's to PyTorch's. Needs torch installed.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from eager import compare


class Layer(NamedTuple):
    """A convolution: input (N, C, *S), outputs, kernel, and its settings."""

    shape: tuple[int, ...]
    outputs: int
    kernel: int
    settings: dict[str, int]
    goal: float
    transposed: bool = False


SAME = {"padding": 1}
ROWS = {
    "3x3, 64 to 64, 8 x 56 x 56": Layer((8, 64, 56, 56), 64, 3, SAME, 2.5),
    "3x3, 256 to 256, 8 x 14 x 14": Layer((8, 256, 14, 14), 256, 3, SAME, 2.5),
    "3x3, 512 to 512, 8 x 7 x 7": Layer((8, 512, 7, 7), 512, 3, SAME, 2.5),
    "3x3, stride 2, 64 to 128": Layer((8, 64, 56, 56), 128, 3, {"stride": 2, "padding": 1}, 2.5),
    "7x7, stride 2, 3 to 64, 8 x 224": Layer(
        (8, 3, 224, 224), 64, 7, {"stride": 2, "padding": 3}, 2.5
    ),
    "1x1, 64 to 256, 8 x 56 x 56": Layer((8, 64, 56, 56), 256, 1, {}, 2.5),
    "3x3, 8 groups": Layer((8, 64, 56, 56), 64, 3, {"padding": 1, "groups": 8}, 2.5),
    "3x3, depthwise": Layer((8, 64, 56, 56), 64, 3, {"padding": 1, "groups": 64}, 5),
    "LeNet, first layer, 64 x 28 x 28": Layer((64, 1, 28, 28), 6, 5, {"padding": 2}, 2.5),
    "LeNet, second layer, 64 x 14 x 14": Layer((64, 6, 14, 14), 16, 5, {}, 2.5),
    "LeNet, one image": Layer((1, 1, 28, 28), 6, 5, {"padding": 2}, 2.5),
    "conv1d, 16 x 32 x 1000, kernel 9": Layer((16, 32, 1000), 64, 9, {"padding": 4}, 2.5),
    "conv3d, 2 x 16 x 16^3": Layer((2, 16, 16, 16, 16), 32, 3, SAME, 5),
    "transposed 4x4, stride 2, 64 to 32": Layer(
        (8, 64, 28, 28), 32, 4, {"stride": 2, "padding": 1}, 2.5, transposed=True
    ),
}


def building(layer: Layer) -> Callable[[Any], Callable[[], Any]]:
    """What makes one step of the layer, forward and backward, for either library."""

    def build(torch: Any) -> Callable[[], Any]:
        torch.manual_seed(0)
        n, c, *places = layer.shape
        groups = layer.settings.get("groups", 1)
        rank = len(places)
        front = (c, layer.outputs) if layer.transposed else (layer.outputs, c // groups)
        x = torch.randn(n, c, *places, requires_grad=True)
        w = torch.randn(*front, *[layer.kernel] * rank, requires_grad=True)
        b = torch.randn(layer.outputs, requires_grad=True)
        f = getattr(torch, f"conv_transpose{rank}d" if layer.transposed else f"conv{rank}d")
        g = torch.randn(*f(x, w, b, **layer.settings).shape)

        def step():
            x.grad = w.grad = b.grad = None
            f(x, w, b, **layer.settings).backward(g)

        return step

    return build


def main() -> int:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    options = parser.parse_args()
    print(f"{'layer':36}{'dynagrad':>13}{'PyTorch':>15}{'ratio':>8}")
    missed = 0
    for name, layer in ROWS.items():
        if options.only and options.only not in name:
            continue
        size = 1
        for n in layer.shape:
            size *= n
        ours, theirs = compare(building(layer), max(1, 100_000 // size), options.rounds)
        missed += ours / theirs > layer.goal
        print(
            f"{name:36}{ours * 1e3:10.2f} ms{theirs * 1e3:12.2f} ms{ours / theirs:8.2f}   "
            f"(goal {layer.goal:.2f})"
        )
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
