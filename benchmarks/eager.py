"""Eager speed next to PyTorch: the same programs on both, in one process, in turns, one thread.

    python benchmarks/eager.py [--rounds 15] [--only NAME]

Each row is one piece of work, written once for both (`torch` is a parameter). The two take turns,
so that a change in the machine's load meets both; the row shows the medians and the ratio of
dynagrad's to PyTorch's. Needs torch installed.
"""

import argparse
import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

try:
    import torch as pytorch  # noqa: E402 - threads are set before the libraries load
except ImportError:
    sys.exit("this comparison needs PyTorch: .venv/bin/python -m pip install torch==2.13.0")

import dynagrad  # noqa: E402

pytorch.set_num_threads(1)


def seed_graph(torch: Any) -> Callable[[], Any]:
    """a = w + x; b = w + 1; y = a * b; y.backward()."""
    w = torch.tensor([1.0], requires_grad=True)
    x = torch.tensor([2.0], requires_grad=True)

    def step():
        a = torch.add(w, x)
        b = torch.add(w, 1)
        y = torch.mul(a, b)
        y.backward()

    return step


def himmelblau(torch: Any) -> Callable[[], Any]:
    """One step of Adam on Himmelblau's function."""
    x = torch.tensor([-4.0, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=1e-3)

    def step():
        value = (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return step


def logistic_regression(torch: Any) -> Callable[[], Any]:
    """A step of logistic regression: 200 x 2, Linear, Sigmoid, BCELoss, SGD with momentum."""
    torch.manual_seed(0)
    data = torch.randn(200, 2)
    target = (data.sum(1) > 0).float()
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Sigmoid())
    loss_of = torch.nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step():
        loss = loss_of(model(data).squeeze(), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def perceptron(torch: Any) -> Callable[[], Any]:
    """A step of a perceptron 784-128-10: batch 64, cross entropy, SGD."""
    torch.manual_seed(0)
    data, target = torch.randn(64, 784), torch.randint(0, 10, (64,))
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        loss = loss_of(model(data), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def elementwise(torch: Any) -> Callable[[], Any]:
    """tanh(a * 2 + 1) * sigmoid(a), 4096 x 4096, forward."""
    torch.manual_seed(0)
    a = torch.rand(4096, 4096)

    def step():
        return torch.tanh(a * 2 + 1) * torch.sigmoid(a)

    return step


def long_chain(torch: Any) -> Callable[[], Any]:
    """100,000 operations one after the other, then backward."""
    x = torch.ones(4, requires_grad=True)

    def step():
        y = x
        for _ in range(50_000):
            y = y * 1.0001 + 0.5
        y.sum().backward()

    return step


#: the work, the number of repetitions that one measurement takes, the goal for the ratio
ROWS: dict[str, tuple[Callable, int, float]] = {
    "seed graph": (seed_graph, 3000, 0.30),
    "himmelblau": (himmelblau, 400, 0.20),
    "logistic regression": (logistic_regression, 400, 0.25),
    "perceptron": (perceptron, 60, 0.75),
    "elementwise": (elementwise, 1, 0.80),
    "long chain": (long_chain, 1, 0.50),
}


def seconds(step: Callable[[], Any], repetitions: int) -> float:
    """The time of one repetition."""
    start = time.perf_counter()
    for _ in range(repetitions):
        step()
    return (time.perf_counter() - start) / repetitions


def compare(build: Callable, repetitions: int, rounds: int) -> tuple[float, float]:
    """The median times of dynagrad and PyTorch, measured in turns."""
    steps = [build(dynagrad), build(pytorch)]
    for step in steps:
        step()
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for held, step in zip(times, steps, strict=True):
            gc.collect()
            held.append(seconds(step, repetitions))
    return statistics.median(times[0]), statistics.median(times[1])


def million(_: Any = None) -> None:
    """A chain of 1,000,000 operations: built, differentiated and freed, five times; memory must not
    grow.
    """
    x = dynagrad.ones(1, requires_grad=True)
    peaks = []
    for _ in range(5):
        y = x
        for _ in range(1_000_000):
            y = y + x
        y.backward()
        del y
        gc.collect()
        peaks.append(resident())
    print(
        f"{'1,000,000 operations, 5 rounds':34}resident MB after each: "
        f"{' '.join(f'{p:.0f}' for p in peaks)}"
    )


def higher_order(_: Any = None) -> None:
    """10,000 steps with create_graph=True and gradients kept, gc disabled: live objects and memory
    must stay flat.
    """
    x = dynagrad.tensor([1.0, 2.0], requires_grad=True)
    gc.collect()
    gc.disable()
    marks = []
    for i in range(10_001):
        (x**3).sum().backward(create_graph=True)
        x.grad.sum().backward()
        x.grad = None
        if i % 2500 == 0:
            marks.append((len(gc.get_objects()), resident()))
    gc.enable()
    text = " ".join(f"{n}/{mb:.0f}" for n, mb in marks)
    print(f"{'10,000 steps with create_graph':34}live objects/resident MB: {text}")


def kept_graphs() -> None:
    """What stays in memory of 200 leaves of 0.4 MB whose gradient was made with create_graph=True,
    each dropped before the next; the collector runs. Each library in a process of its own.
    """
    kept = []
    for name in ("dynagrad", "torch"):
        program = (
            f"import gc, os, {name} as torch\n"
            "def resident():\n"
            "    gc.collect()\n"
            "    return int(open('/proc/self/statm').read().split()[1]) * 4096 / 1e6\n"
            "def step():\n"
            "    x = torch.randn(100_000, requires_grad=True)\n"
            "    (x**3).sum().backward(create_graph=True)\n"
            "step(); before = resident()\n"
            "for _ in range(200): step()\n"
            "print(resident() - before)\n"
        )
        found = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True
        )
        kept.append(float(found.stdout))
    print(
        f"{'200 dropped graphs, memory kept':34}{kept[0]:10.1f} MB{kept[1]:12.1f} MB   (goal: none)"
    )


def resident() -> float:
    """Resident memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def chain_memory() -> None:
    """Peak memory of the long chain, each in a process of its own."""
    peaks = []
    for name in ("dynagrad", "torch"):
        program = (
            f"import resource; import {name} as torch\n"
            "x = torch.ones(4, requires_grad=True); (x * 1.0001 + 0.5).sum().backward()\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "y = x\n"
            "for _ in range(50_000):\n    y = y * 1.0001 + 0.5\n"
            "y.sum().backward()\n"
            "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
        )
        peaks.append(float(os.popen(f'{sys.executable} -c "{program}"').read()))
    print(
        f"{'long chain, peak memory':34}{peaks[0]:10.1f} MB{peaks[1]:12.1f} "
        f"MB{peaks[0] / peaks[1]:8.2f}   (goal 1.00)"
    )


def main() -> int:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    options = parser.parse_args()
    print(f"{'work':34}{'dynagrad':>13}{'PyTorch':>15}{'ratio':>8}")
    missed = 0
    for name, (build, repetitions, goal) in ROWS.items():
        if options.only and options.only not in name:
            continue
        ours, theirs = compare(build, repetitions, options.rounds)
        ratio = ours / theirs
        missed += ratio > goal
        unit, factor = ("us", 1e6) if theirs < 0.05 else ("ms", 1e3)
        print(
            f"{name:34}{ours * factor:10.2f} {unit}{theirs * factor:12.2f} {unit}{ratio:8.2f}   "
            f"(goal {goal:.2f})"
        )
    for name, check in {
        "memory": chain_memory,
        "million": million,
        "create_graph": higher_order,
        "kept": kept_graphs,
    }.items():
        if not options.only or options.only in name:
            check()
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
