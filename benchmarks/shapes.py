"""Training with arguments of many shapes: whole runs, compiling included, next to PyTorch.

    python benchmarks/shapes.py [--only REGEX] [--rounds 3] [--inductor]

Each row is a training run of its own: the step gets batches of other sizes all the time. `compiled`
is the run under `dynagrad.compile` from its first call on, with nothing in the cache; `recorded` is
the same run when all its shapes have courses. The others run eagerly, and, with --inductor, under
torch.compile(dynamic=True). Processor time, that of child processes included; all take turns. Needs
torch installed.
"""

import argparse
import importlib
import os
import random
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
os.environ["DYNAGRAD_CACHE"] = "0"

from _machine import introduce  # noqa: E402 - threads are set before the libraries load

Step = Callable[..., Any]
COLUMNS = ("compiled", "eager", "PyTorch", "torch.compile", "recorded")


class Run(NamedTuple):
    """A step, what makes its arguments of a size, and the sizes that come."""

    step: Step
    data: Callable[[int], tuple[Any, ...]]
    sizes: list[int]


def perceptron(torch: Any, sizes: Iterable[int]) -> Run:
    """64-128-10, cross entropy, SGD."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return Run(step, lambda n: (torch.randn(n, 64), torch.randint(0, 10, (n,))), list(sizes))


def any_batch(torch: Any) -> Run:
    """Batches of 1 to 64, 2,000 steps."""
    rng = random.Random(0)
    return perceptron(torch, [rng.randint(1, 64) for _ in range(2000)])


def epochs(torch: Any) -> Run:
    """40 epochs of 49 batches of 64 and a last one of 24."""
    return perceptron(torch, ([64] * 49 + [24]) * 40)


def characters(torch: Any) -> Run:
    """A recurrent net over sequences of 2 to 20 characters, as a loop of Python, 1,000 steps."""
    torch.manual_seed(0)
    nn, rng = torch.nn, random.Random(0)
    embedding, inner = nn.Embedding(32, 32), nn.Linear(64, 64)
    first, last = nn.Linear(32, 64), nn.Linear(64, 32)
    layers = nn.ModuleList([embedding, inner, first, last])
    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)

    def step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        state = torch.zeros(x.shape[1], 64)
        loss = torch.zeros(())
        for t in range(x.shape[0]):
            state = torch.tanh(first(embedding(x[t])) + inner(state))
            loss = loss + nn.functional.cross_entropy(last(state), y[t])
        loss.backward()
        optimizer.step()

    def data(n: int) -> tuple[Any, ...]:
        return torch.randint(0, 32, (n, 8)), torch.randint(0, 32, (n, 8))

    return Run(step, data, [rng.randint(2, 20) for _ in range(1000)])


def graphs(torch: Any) -> Run:
    """Convolution of graphs, nearly each of another size, 2,000 steps."""
    torch.manual_seed(0)
    nn, rng = torch.nn, random.Random(0)
    first, last = nn.Linear(16, 32), nn.Linear(32, 4)
    optimizer = torch.optim.Adam([*first.parameters(), *last.parameters()], lr=1e-3)

    def step(x: Any, source: Any, target: Any, y: Any) -> None:
        optimizer.zero_grad()
        h = torch.relu(first(x))
        h = torch.zeros_like(h).index_add(0, target, h[source])
        nn.functional.cross_entropy(last(h).mean(0, keepdim=True), y).backward()
        optimizer.step()

    def data(n: int) -> tuple[Any, ...]:
        edges = torch.randint(0, n, (2, 3 * n))
        return torch.randn(n, 16), edges[0], edges[1], torch.randint(0, 4, (1,))

    return Run(step, data, [rng.randint(20, 20_000) for _ in range(2000)])


ROWS = {
    "MLP, batches of 1 to 64": any_batch,
    "MLP, epochs with a smaller last batch": epochs,
    "char-RNN, lengths 2 to 20": characters,
    "graphs, nearly all sizes new": graphs,
}


def seconds(step: Step, run: Run, torch: Any) -> float:
    """Processor time of a run of a step, child processes included."""
    torch.manual_seed(1)
    total, before = 0.0, children()
    for size in run.sizes:
        given = run.data(size)
        begin = time.process_time()
        step(*given)
        total += time.process_time() - begin
    return total + children() - before


def children() -> float:
    """Processor time of child processes that have ended: compilers of C."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Contest:
    """Who runs a row: each method is a whole run of new models."""

    def __init__(self, build: Callable[[Any], Run], ours: Any, torch: Any) -> None:
        self.build, self.ours, self.torch = build, ours, torch
        self.courses = 0

    def compiled(self) -> float:
        """From the first call on."""
        run = self.build(self.ours)
        step = self.ours.compile(run.step)
        found = seconds(step, run, self.ours)
        self.courses = len(step.variants)
        return found

    def recorded(self) -> float:
        """With a course for each shape."""
        run = self.build(self.ours)
        step = self.ours.compile(run.step, dynamic=False)
        for size in sorted(set(run.sizes)) * 3:
            step(*run.data(size))
        return seconds(step, run, self.ours)

    def eager(self) -> float:
        """Without a compiler."""
        run = self.build(self.ours)
        return seconds(run.step, run, self.ours)

    def pytorch(self) -> float:
        """PyTorch without its compiler."""
        run = self.build(self.torch)
        return seconds(run.step, run, self.torch)

    def inductor(self) -> float:
        """torch.compile(dynamic=True), from the first call on."""
        self.torch._dynamo.reset()
        run = self.build(self.torch)
        return seconds(self.torch.compile(run.step, dynamic=True), run, self.torch)


def show(name: str, contest: Contest, rounds: int, inductor: bool) -> None:
    """Measure a row, and print it."""
    ways = {"compiled": contest.compiled, "eager": contest.eager, "PyTorch": contest.pytorch}
    sizes = contest.build(contest.ours).sizes
    if len(set(sizes)) <= 256:
        ways["recorded"] = contest.recorded
    if inductor:
        ways["torch.compile"] = contest.inductor
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, whole in ways.items():
            if way != "torch.compile" or not times[way]:
                times[way].append(whole())
    found = {way: statistics.median(each) for way, each in times.items()}
    cells = [f"{found[way]:.2f} s" if way in found else "-" for way in COLUMNS]
    print(f"{name:40}" + "".join(f"{cell:>15}" for cell in cells))
    compiled = found["compiled"]
    ratios = [f"{compiled / found[way]:.2f}" if way in found else "" for way in COLUMNS[1:]]
    print(f"{'    ratio':40}{'':15}" + "".join(f"{ratio:>15}" for ratio in ratios))
    print(f"    {len(sizes)} steps of {len(set(sizes))} shapes, {contest.courses} courses recorded")


def main() -> None:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(
        description="Training with arguments of many shapes, next to PyTorch."
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose name matches")
    parser.add_argument("--inductor", action="store_true", help="torch.compile too, once each")
    options = parser.parse_args()
    torch, ours = (importlib.import_module(name) for name in ("torch", "dynagrad"))
    torch.set_num_threads(1)
    introduce(torch, None)
    print(f"{'run':40}" + "".join(f"{column:>15}" for column in COLUMNS))
    for name, build in ROWS.items():
        if re.search(options.only, name, re.IGNORECASE):
            show(name, Contest(build, ours, torch), options.rounds, options.inductor)


if __name__ == "__main__":
    main()
