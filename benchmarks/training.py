"""Whole steps of training next to PyTorch: zero_grad, forward, loss, backward, optimizer step.

    python benchmarks/training.py [--rounds 15] [--only NAME] [--check]

Times: both libraries in one process on one thread, in turns; the medians and their ratio. Memory:
each library in a process of its own; how far the resident set grows above what the process held
after building and one small step (read from /proc, so on Linux only), the gradients and the
optimizer's state made before. Needs torch installed.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = str(Path(__file__).resolve().parents[1] / "src")


class Work(NamedTuple):
    """A model, a batch maker, and the goals: ratios of the time and of the memory."""

    build: Callable[[Any], tuple[Any, Callable[[int], Any], Any]]
    size: int
    time: float
    memory: float


def lenet(torch: Any) -> tuple[Any, Callable[[int], Any], Any]:
    """LeNet-5 on 28 x 28 pictures, with ReLU and max pooling, cross entropy, Adam."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def loss(count: int) -> Callable[[], Any]:
        images, labels = torch.randn(count, 1, 28, 28), torch.randint(10, (count,))
        return lambda: nn.functional.cross_entropy(model(images), labels)

    return model, loss, optimizer


def gpt(torch: Any, width: int = 128, heads: int = 4, layers: int = 4, letters: int = 65) -> Any:
    """A GPT of 4 layers x 128 on pieces of 64 letters, cross entropy, AdamW."""
    nn, functional = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            batch, length, _ = x.shape
            parts = self.project(x).split(width, dim=2)
            q, k, v = (p.view(batch, length, heads, -1).transpose(1, 2) for p in parts)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.join(y.transpose(1, 2).contiguous().view(batch, length, width))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.attention, self.ln_2 = (
                nn.LayerNorm(width),
                Attention(),
                nn.LayerNorm(width),
            )
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letter, self.place = nn.Embedding(letters, width), nn.Embedding(64, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm, self.score = nn.LayerNorm(width), nn.Linear(width, letters, bias=False)
            self.score.weight = self.letter.weight

        def forward(self, numbers: Any) -> Any:
            x = self.letter(numbers) + self.place(torch.arange(numbers.shape[1]))
            return self.score(self.norm(self.blocks(x)))

    model = GPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)

    def loss(count: int) -> Callable[[], Any]:
        numbers = torch.randint(letters, (count, 65))
        read, following = numbers[:, :-1], numbers[:, 1:]
        return lambda: functional.cross_entropy(
            model(read).reshape(-1, letters), following.reshape(-1)
        )

    return model, loss, optimizer


ROWS = {
    "LeNet, batch 64, Adam": Work(lenet, 64, 1.4, 1.0),
    "GPT 4 x 128, 12 x 64, AdamW": Work(gpt, 12, 1.2, 1.0),
}


def stepping(loss: Callable[[], Any], optimizer: Any) -> Callable[[], Any]:
    """One step of training on one batch."""

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def building(work: Work) -> Callable[[Any], Callable[[], Any]]:
    """What makes one step in either library."""

    def build(torch: Any) -> Callable[[], Any]:
        torch.manual_seed(0)
        _, loss, optimizer = work.build(torch)
        return stepping(loss(work.size), optimizer)

    return build


def resident(field: str) -> int:
    """The resident set (VmRSS) or its peak (VmHWM) in KB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def growth(library: str, work: Work) -> float:
    """By how many MB the resident set grows over some steps in this process."""
    torch = importlib.import_module(library)
    if library == "torch":
        torch.set_num_threads(1)
    torch.manual_seed(0)
    _, loss, optimizer = work.build(torch)
    small, whole = stepping(loss(1), optimizer), stepping(loss(work.size), optimizer)
    small()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    for _ in range(3):
        whole()
    return (resident("VmHWM") - before) / 1024


def grown(library: str, name: str) -> float:
    """`growth` in a process of its own."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(filter(None, (SOURCE, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, __file__, "--memory", library, name],
        env={**os.environ, **threads, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> int:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--memory", nargs=2, metavar=("LIBRARY", "NAME"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(json.dumps(growth(options.memory[0], ROWS[options.memory[1]])))
        return 0
    compare = importlib.import_module("eager").compare
    print(f"{'step':36}{'dynagrad':>13}{'PyTorch':>15}{'ratio':>8}")
    missed = 0
    for name, work in ROWS.items():
        if options.only and options.only not in name:
            continue
        ours, theirs = (1e3 * seconds for seconds in compare(building(work), 3, options.rounds))
        mine, other = (grown(library, name) for library in ("dynagrad", "torch"))
        for what, unit, a, b, goal in (
            ("time", "ms", ours, theirs, work.time),
            ("memory", "MB", mine, other, work.memory),
        ):
            missed += a / b > goal
            label = f"{name}, {what}"
            print(f"{label:36}{a:10.2f} {unit}{b:12.2f} {unit}{a / b:8.2f}   (goal {goal:.2f})")
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
