"""Derivatives of functions next to PyTorch: Hessians, per-sample gradients, forward mode.

    python benchmarks/autograd.py [--rounds 15] [--only NAME]

Written and measured as `benchmarks/eager.py`: each row is one piece of work for both libraries,
which take turns in one process on one thread. Needs torch installed.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import Any

from eager import compare


def hessian(torch: Any) -> Callable[[], Any]:
    """autograd.functional.hessian of Rosenbrock's function of 50 parameters."""
    torch.manual_seed(0)
    x = torch.rand(50, dtype=torch.float64)

    def f(x):
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    return lambda: torch.autograd.functional.hessian(f, x)


def hessian_of_network(torch: Any) -> Callable[[], Any]:
    """autograd.functional.hessian of a perceptron 4-8-1 with 49 weights, 32 samples."""
    torch.manual_seed(0)
    data, target = torch.randn(32, 4), torch.randn(32, 1)
    weights = torch.randn(49)

    def f(p):
        hidden = torch.tanh(data @ p[:32].view(4, 8) + p[32:40])
        return ((hidden @ p[40:48].view(8, 1) + p[48] - target) ** 2).mean()

    return lambda: torch.autograd.functional.hessian(f, weights)


def jacobian(torch: Any) -> Callable[[], Any]:
    """autograd.functional.jacobian of a function of 20 to 40 numbers."""
    torch.manual_seed(0)
    x, weight = torch.randn(20), torch.randn(40, 20)
    return lambda: torch.autograd.functional.jacobian(lambda x: torch.tanh(weight @ x), x)


def network(torch: Any) -> tuple[Any, dict]:
    """A perceptron 64-128-10 and its parameters by name."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    return model, {name: p.detach() for name, p in model.named_parameters()}


def per_sample_gradients(torch: Any) -> Callable[[], Any]:
    """vmap(grad) of a perceptron 64-128-10 on a batch of 256."""
    model, parameters = network(torch)
    data, target = torch.randn(256, 64), torch.randint(0, 10, (256,))

    def loss(p, x, y):
        out = torch.func.functional_call(model, p, (x.unsqueeze(0),))
        return torch.nn.functional.cross_entropy(out, y.unsqueeze(0))

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    return lambda: each(parameters, data, target)


def jvp(torch: Any) -> Callable[[], Any]:
    """func.jvp of a perceptron 64-128-10 on a batch of 256, by its input."""
    model, parameters = network(torch)
    data, tangent = torch.randn(256, 64), torch.randn(256, 64)

    def f(x):
        return torch.func.functional_call(model, parameters, (x,))

    return lambda: torch.func.jvp(f, (data,), (tangent,))


#: the work, the number of repetitions that one measurement takes, the goal for the ratio
ROWS: dict[str, tuple[Callable, int, float]] = {
    "hessian, 50 parameters": (hessian, 10, 0.30),
    "hessian of a network": (hessian_of_network, 10, 0.30),
    "jacobian, 20 to 40": (jacobian, 20, 0.30),
    "per-sample gradients": (per_sample_gradients, 3, 0.80),
    "jvp of a perceptron": (jvp, 50, 0.50),
}


def main() -> int:
    """Measure all rows, or some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="torch")
    print(f"{'work':34}{'dynagrad':>13}{'PyTorch':>15}{'ratio':>8}")
    missed = 0
    for name, (build, repetitions, goal) in ROWS.items():
        if options.only and options.only not in name:
            continue
        ours, theirs = compare(build, repetitions, options.rounds)
        missed += ours / theirs > goal
        print(
            f"{name:34}{ours * 1e6:10.1f} us{theirs * 1e6:12.1f} us{ours / theirs:8.2f}   "
            f"(goal {goal:.2f})"
        )
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
