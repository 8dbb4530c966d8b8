"""Steps of optimizers next to PyTorch: a small GPT's parameters, and a thousand tiny tensors.

    python benchmarks/optimizers.py [--rounds 15] [--only NAME]

Written and measured as `benchmarks/eager.py`: each row is one piece of work for both libraries,
which take turns in one process on one thread; PyTorch runs what it chooses by itself on the CPU,
and in the rows named so its foreach and fused variants. Needs torch installed.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from eager import compare


def gpt(torch: Any) -> list[Any]:
    """The parameters of 4 blocks of width 128: 52 tensors with 0.8 million numbers."""
    torch.manual_seed(0)
    shapes = [(65, 128), (64, 128), (128,), (128,)]
    for _ in range(4):
        shapes += [(128,), (128,), (384, 128), (384,), (128, 128), (128,)]
        shapes += [(128,), (128,), (512, 128), (512,), (128, 512), (128,)]
    return with_gradients(torch, [torch.randn(shape) * 0.02 for shape in shapes])


def tiny(torch: Any) -> list[Any]:
    """A thousand tensors of 4 to 64 numbers."""
    torch.manual_seed(0)
    return with_gradients(torch, [torch.randn(4 * (1 + i % 16)) for i in range(1000)])


def large(torch: Any) -> list[Any]:
    """One matrix of 4 million numbers."""
    torch.manual_seed(0)
    return with_gradients(torch, [torch.randn(2048, 2048)])


def with_gradients(torch: Any, tensors: list[Any]) -> list[Any]:
    """Parameters with gradients."""
    params = [torch.nn.Parameter(t) for t in tensors]
    for p in params:
        p.grad = torch.randn(*p.shape) * 0.01
    return params


def work(
    make: Callable[[Any], list[Any]], name: str, **options: Any
) -> Callable[[Any], Callable[[], Any]]:
    """A row: the steps of one optimizer."""

    def made(torch: Any) -> Callable[[], Any]:
        given = {k: v for k, v in options.items() if torch.__name__ == "torch" or k[0] != "f"}
        return getattr(torch.optim, name)(make(torch), **given).step

    return made


ROWS = {
    "GPT, AdamW": work(gpt, "AdamW", lr=1e-3),
    "GPT, AdamW, PyTorch's foreach": work(gpt, "AdamW", lr=1e-3, foreach=True),
    "GPT, AdamW, PyTorch's fused": work(gpt, "AdamW", lr=1e-3, fused=True),
    "GPT, Adam": work(gpt, "Adam", lr=1e-3),
    "GPT, SGD with momentum": work(gpt, "SGD", lr=1e-2, momentum=0.9),
    "tiny, AdamW": work(tiny, "AdamW", lr=1e-3),
    "tiny, AdamW, PyTorch's foreach": work(tiny, "AdamW", lr=1e-3, foreach=True),
    "tiny, AdamW, PyTorch's fused": work(tiny, "AdamW", lr=1e-3, fused=True),
    "tiny, SGD": work(tiny, "SGD", lr=1e-2),
    "tiny, SGD with momentum": work(tiny, "SGD", lr=1e-2, momentum=0.9),
    "tiny, RMSprop": work(tiny, "RMSprop", lr=1e-2),
    "large, AdamW": work(large, "AdamW", lr=1e-3),
    "large, SGD with momentum": work(large, "SGD", lr=1e-2, momentum=0.9),
}


def main() -> int:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="rows whose name contains this")
    options = parser.parse_args()
    print(f"{'work':34}{'dynagrad':>13}{'PyTorch':>15}{'ratio':>8}")
    for name, build in ROWS.items():
        if options.only and options.only not in name:
            continue
        ours, theirs = compare(build, 5, options.rounds)
        print(f"{name:34}{ours * 1e6:10.1f} us{theirs * 1e6:12.1f} us{ours / theirs:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
