"""The time of eager operations with compiled kernels, next to NumPy's formulas and to PyTorch.

    python benchmarks/kernels.py [--rounds 5] [--only PATTERN] [--sizes 1,4,16]

One thread. Each row is an operation on float32 arrays whose size is a multiple of the one from
which on its kernel is used: 1, 4 and 64 times that size by default. The three take turns, so that a
change in the machine's load meets all of them; the table shows dynagrad's time with kernels, and
its ratio to the time without them and to PyTorch's, each the least of all rounds. Compiling is not
counted; a last line says what the first large operation of a process costs. Needs torch and
llvmlite installed.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from _machine import introduce
from eager import pytorch

import dynagrad
from dynagrad.compiler import eager_kernels

#: name, the size from which on kernels are used, and an expression: m the library, F its
#: nn.functional, x an array of the size with rows of 256, g one like the result, v and w one row,
#: r images of 16 channels, 16 x 16, k filters for them, i class numbers; `back(y)` stands for the
#: derivatives of y, `step(name)` for a step of an optimizer, `double` for dtype=float64
WORK = """
rand               9984   m.rand(n)
rand float64       9984   m.rand(n, dtype=m.float64)
randn              9984   m.randn(n)
randn float64      9984   m.randn(n, dtype=m.float64)
bernoulli          9984   x.bernoulli_(0.3)
dropout            9984   F.dropout(x, 0.5)
softmax            16384  F.softmax(x, 1)
softmax back       16384  back(F.softmax(x, 1))
log softmax        16384  F.log_softmax(x, 1)
log softmax back   16384  back(F.log_softmax(x, 1))
cross entropy      16384  F.cross_entropy(x, i)
cross entropy back  16384  back(F.cross_entropy(x, i))
layer norm         8192   F.layer_norm(x, (256,), v, w)
layer norm back    8192   back(F.layer_norm(x, (256,), v, w))
batch norm         8192   F.batch_norm(r, None, None, training=True)
batch norm back    8192   back(F.batch_norm(r, None, None, training=True))
group norm         16384  F.group_norm(r, 4)
group norm back    8192   back(F.group_norm(r, 4))
sigmoid            32768  m.sigmoid(x)
silu               32768  F.silu(x)
silu back          32768  back(F.silu(x))
gelu               16384  F.gelu(x)
gelu back          16384  back(F.gelu(x))
gelu tanh          16384  F.gelu(x, approximate="tanh")
gelu tanh back     16384  back(F.gelu(x, approximate="tanh"))
erf                16384  m.erf(x)
erfc               16384  m.erfc(x)
softplus           16384  F.softplus(x)
logsigmoid         16384  F.logsigmoid(x)
mish               16384  F.mish(x)
prod               16384  x.prod(1)
prod of all        16384  x.prod()
SGD                65536  step("SGD")
SGD momentum       65536  step("SGD", momentum=0.9)
Adam               65536  step("Adam")
AdamW              65536  step("AdamW")
RMSprop            65536  step("RMSprop")
conv               8192   F.conv2d(r, k, padding=1)
conv back          8192   back(F.conv2d(r, k, padding=1))
max pool           16384  F.max_pool2d(r, 2)
max pool back      16384  back(F.max_pool2d(r, 2))
mean pool          16384  F.avg_pool2d(r, 2)
mean pool back     16384  back(F.avg_pool2d(r, 2))
"""
ROWS = [re.split(r"\s{2,}", line, maxsplit=2) for line in WORK.strip().splitlines()]
FIRST = """
import time, dynagrad
x = dynagrad.zeros(200, 200)
start = time.perf_counter(); dynagrad.softmax(x, 1)
print((time.perf_counter() - start) * 1e3)
"""


def scope(m: Any, n: int, wants_back: bool) -> dict[str, Any]:
    """The names of the expressions for one library."""
    m.manual_seed(0)
    x = m.randn(n // 256, 256, requires_grad=wants_back)
    r = m.randn(-(-n // 4096), 16, 16, 16, requires_grad=wants_back)
    v, w = (m.randn(256, requires_grad=wants_back) for _ in range(2))
    k = m.randn(32, 16, 3, 3, requires_grad=wants_back)
    names = {"m": m, "F": m.nn.functional, "n": n, "x": x, "r": r, "v": v, "w": w, "k": k}
    return names | {"i": m.randint(0, 256, (n // 256,))}


def prepared(m: Any, n: int, expression: str) -> Callable[[], Any]:
    """What is timed: the expression, the derivatives of what stands in `back`, or a step."""
    wants_back = expression.startswith("back(")
    names = scope(m, n, wants_back)
    if expression.startswith("step("):
        return stepper(m, names["x"].detach(), expression)
    if not wants_back:
        code = compile(expression, expression, "eval")
        return lambda: eval(code, names)
    y = eval(expression[5:-1], names)
    leaves = [
        t for key, t in names.items() if key in "xrvwk" and re.search(rf"\b{key}\b", expression)
    ]
    g = m.ones_like(y)
    return lambda: m.autograd.grad(y, leaves, g, retain_graph=True)


def stepper(m: Any, x: Any, expression: str) -> Callable[[], Any]:
    """Steps of an optimizer with one parameter."""

    def step(name: str, **options: Any) -> Callable[[], Any]:
        p = x.clone().requires_grad_()
        p.grad = x * 1e-3
        return getattr(m.optim, name)([p], lr=1e-3, **options).step

    return eval(expression, {"step": step})


def measured(torch: Any, n: int, expression: str, rounds: int) -> list[float]:
    """The least times of dynagrad with kernels and without, and of PyTorch, in seconds."""
    calls = [prepared(m, n, expression) for m in (dynagrad, dynagrad, torch)]
    best = [float("inf")] * 3
    for _ in range(rounds):
        for i, call in enumerate(calls):
            with eager_kernels(i != 1):
                call()
                repeats = 1 if best[i] > 1e-3 else 10
                start = time.perf_counter()
                for _ in range(repeats):
                    call()
                best[i] = min(best[i], (time.perf_counter() - start) / repeats)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="a regular expression for names")
    parser.add_argument("--sizes", default="1,4,64", help="multiples of the least size")
    options = parser.parse_args()
    torch = pytorch
    torch.set_num_threads(1)
    dynagrad.set_num_threads(1)
    introduce(torch, None)
    factors = [int(f) for f in options.sizes.split(",")]
    print(
        f"{'operation':<20}{'from':>7}",
        *[f"{f'x {f}':>12}{'NumPy':>7}{'torch':>7}" for f in factors],
    )
    for name, least, expression in ROWS:
        if not re.search(options.only, name):
            continue
        cells = []
        for factor in factors:
            n = -(-int(least) * factor // 4096) * 4096
            ours, numpy, theirs = measured(torch, n, expression, options.rounds)
            cells.append(f"{ours * 1e6:>9.1f} us{ours / numpy:>7.2f}{ours / theirs:>7.2f}")
        print(f"{name:<20}{least:>7}", *cells, flush=True)
    first = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, check=True)
    print(f"\nthe first large operation of a process, code cached: {float(first.stdout):.0f} ms")


if __name__ == "__main__":
    main()
