"""Throughput of a DataLoader with workers, beside PyTorch's.

    python benchmarks/data_loading.py [--items 10000] [--batch 64] [--workers 4] [--repeats 3]

Each item takes a millisecond of waiting, as reading a small file does, and is a tensor of 32
numbers. PyTorch's workers are processes; here they are threads, or with `--processes` as well. The
ratio is dynagrad's items a second over PyTorch's, from medians of whole passes, start of the
workers included.
"""

import argparse
import statistics
import time
from importlib.util import find_spec
from typing import Any

import dynagrad
import dynagrad.utils.data


class Items:
    """A data set whose items take time to read."""

    def __init__(self, torch: Any, count: int):
        self.row = torch.arange(32.0)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Any:
        time.sleep(1e-3)
        return self.row + i, i % 10


def seconds(torch: Any, options: argparse.Namespace, **more: Any) -> float:
    """The median time of a pass."""
    taken = []
    for _ in range(options.repeats):
        loader = torch.utils.data.DataLoader(
            Items(torch, options.items),
            options.batch,
            shuffle=True,
            num_workers=options.workers,
            **more,
        )
        begun = time.perf_counter()
        assert sum(len(y) for _, y in loader) == options.items
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", action="store_true", help="measure forked workers too")
    options = parser.parse_args()
    rows = {"dynagrad, threads": seconds(dynagrad, options)}
    if options.processes:
        rows["dynagrad, processes"] = seconds(dynagrad, options, multiprocessing_context="fork")
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        rows["PyTorch"] = seconds(torch, options)
    for name, taken in rows.items():
        ratio = f"  x {rows['PyTorch'] / taken:.2f}" if "PyTorch" in rows else ""
        print(f"{name:20} {options.items / taken:8.0f} items/s{ratio}")


if __name__ == "__main__":
    main()
