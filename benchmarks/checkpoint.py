"""Memory and time of checkpoints, beside PyTorch: a deep MLP, forward and backward.

    python benchmarks/checkpoint.py [--depth 64] [--width 256] [--rows 4096] [--repeats 5]

Each variant of each library runs in a process of its own, on one thread. The memory is how far the
resident set grows in one step above what the process held before it (read from /proc, so on Linux
only); the time is the median of some further steps. PyTorch's part is left out where it is not
installed.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VARIANTS = ("plain", "recomputed", "reentrant")
SOURCE = str(Path(__file__).resolve().parents[1] / "src")


def step(torch: Any, net: Any, x: Any, variant: str, segments: int) -> None:
    """One forward and backward pass."""
    if variant == "plain":
        y = net(x)
    else:
        sequential = torch.utils.checkpoint.checkpoint_sequential
        y = sequential(net, segments, x, use_reentrant=variant == "reentrant")
    y.sum().backward()


def resident(field: str) -> int:
    """The resident set (VmRSS) or its peak (VmHWM) in KB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def measure(library: str, variant: str, depth: int, width: int, rows: int, repeats: int) -> dict:
    """The peak memory (MB) and the time (s) of a step in this process."""
    torch = importlib.import_module(library)
    importlib.import_module(f"{library}.utils.checkpoint")
    if library == "torch":
        torch.set_num_threads(1)
    torch.manual_seed(0)
    parts: list = []
    for _ in range(depth):
        parts += [torch.nn.Linear(width, width), torch.nn.Tanh()]
    net = torch.nn.Sequential(*parts)
    x = torch.randn(rows, width, requires_grad=True)
    for p in net.parameters():  # the gradients' memory is not what is compared
        p.grad = torch.zeros_like(p)
    small = torch.randn(2, width, requires_grad=True)
    segments = round(depth**0.5)
    step(torch, net, small, variant, segments)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    step(torch, net, x, variant, segments)
    peak = resident("VmHWM")
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step(torch, net, x, variant, segments)
        times.append(time.perf_counter() - start)
    return {"memory": (peak - before) / 1024, "time": statistics.median(times)}


def main() -> None:
    """Run all variants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("depth", 64), ("width", 256), ("rows", 4096), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", nargs=2, metavar=("LIBRARY", "VARIANT"))
    given = parser.parse_args()
    sizes = (given.depth, given.width, given.rows, given.repeats)
    if given.only:
        print(json.dumps(measure(*given.only, *sizes)))
        return
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(filter(None, (SOURCE, os.environ.get("PYTHONPATH"))))
    print(f"{'library':10}{'variant':12}{'peak MB':>10}{'of plain':>10}{'ms':>10}{'of plain':>10}")
    for library in ("dynagrad", *(["torch"] if find_spec("torch") else [])):
        plain: dict = {}
        for variant in VARIANTS:
            out = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--only", library, variant],
                env={**os.environ, **threads, "PYTHONPATH": path},
                capture_output=True,
                text=True,
                check=True,
            )
            found = json.loads(out.stdout)
            plain = plain or found
            print(
                f"{library:10}{variant:12}{found['memory']:10.1f}"
                f"{found['memory'] / plain['memory']:10.2f}"
                f"{found['time'] * 1e3:10.1f}{found['time'] / plain['time']:10.2f}"
            )


if __name__ == "__main__":
    main()
