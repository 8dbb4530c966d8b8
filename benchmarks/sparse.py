"""Sparse matrices next to PyTorch: products, their gradients, and tables with sparse gradients, in
turns, one thread.

    python benchmarks/sparse.py [--rounds 15] [--only NAME] [--without-scipy]

The row shows the medians and the ratio of dynagrad's to PyTorch's. Needs torch installed.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from eager import compare

from dynagrad.ops.sparse import products


class Graph(NamedTuple):
    """A product of a random graph's adjacency matrix with the features of its nodes."""

    nodes: int
    edges: int
    width: int
    goal: float
    layout: str = "coo"
    backward: bool = True
    of_values: bool = False


ROWS = {
    "COO, 100k edges x 64": Graph(10_000, 100_000, 64, 1.5),
    "COO, 100k edges x 64, forward": Graph(10_000, 100_000, 64, 1.5, backward=False),
    "CSR, 100k edges x 64": Graph(10_000, 100_000, 64, 1.5, "csr"),
    "CSR, 100k edges x 64, forward": Graph(10_000, 100_000, 64, 2.0, "csr", backward=False),
    "COO, 5k edges x 16": Graph(1_000, 5_000, 16, 1.0),
    "COO, 5k edges x 16, by values": Graph(1_000, 5_000, 16, 1.0, of_values=True),
    "COO, 50 edges x 4": Graph(10, 50, 4, 1.0),
}


def building(row: Graph) -> Callable[[Any], Callable[[], Any]]:
    """What makes one call of the product, with its backward pass if wanted, for either library."""

    def build(torch: Any) -> Callable[[], Any]:
        rng = np.random.default_rng(0)
        shape = (row.nodes, row.nodes)
        places = torch.tensor(rng.integers(0, row.nodes, (2, row.edges)))
        values = torch.tensor(rng.standard_normal(row.edges).astype(np.float32))
        matrix = torch.sparse_coo_tensor(places, values, shape).coalesce()
        if row.layout == "csr":
            matrix = matrix.to_sparse_csr()
        places, values = (matrix.indices(), matrix.values()) if row.of_values else (None, None)
        if values is not None:
            values.requires_grad = True
        dense = (row.nodes, row.width)
        x = torch.tensor(rng.standard_normal(dense).astype(np.float32), requires_grad=True)
        g = torch.tensor(rng.standard_normal(dense).astype(np.float32))

        def forward():
            with torch.no_grad():
                torch.sparse.mm(matrix, x)

        def step():
            x.grad = None
            torch.sparse.mm(matrix, x).backward(g)

        def step_by_values():
            x.grad = values.grad = None
            torch.sparse.mm(torch.sparse_coo_tensor(places, values, shape), x).backward(g)

        return step_by_values if row.of_values else step if row.backward else forward

    return build


def embedding(torch: Any) -> Callable[[], Any]:
    """A step of SparseAdam on a table of 100,000 rows, of which 1,024 are used."""
    torch.manual_seed(0)
    table = torch.nn.Embedding(100_000, 32, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.01)
    index = torch.randint(0, 100_000, (1024,))

    def step():
        optimizer.zero_grad()
        table(index).sum().backward()
        optimizer.step()

    return step


def main() -> int:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--without-scipy", action="store_true")
    options = parser.parse_args()
    products._Found.done = options.without_scipy
    warnings.simplefilter("ignore")
    rows: dict[str, tuple] = {n: (building(r), r.edges * r.width, r.goal) for n, r in ROWS.items()}
    rows["SparseAdam, 1,024 of 100k rows"] = (embedding, 32_768, 1.0)
    print(f"{'product':36}{'dynagrad':>13}{'PyTorch':>15}{'ratio':>8}")
    missed = 0
    for name, (build, size, goal) in rows.items():
        if options.only and options.only not in name:
            continue
        ours, theirs = compare(build, max(1, 400_000 // size), options.rounds)
        missed += ours / theirs > goal
        print(
            f"{name:36}{ours * 1e3:10.2f} ms{theirs * 1e3:12.2f} ms{ours / theirs:8.2f}   "
            f"(goal {goal:.2f})"
        )
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
