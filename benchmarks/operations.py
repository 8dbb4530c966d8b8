"""The time of single operations next to PyTorch eager, at three sizes, one thread.

    python benchmarks/operations.py [--rounds 7] [--only PATTERN] [--sizes 10,1000,100000]

The operations that programs use most, on float32 matrices of 10, 1,000 and 100,000 elements,
forward. The two libraries take turns, so that a change in the machine's load meets both, and
processor time is counted, without what other programs take. The table shows the median of the
ratios of dynagrad's time to PyTorch's, and dynagrad's time. Needs torch installed.

What bounds the rows, in microseconds on a core with AVX2:

- at 10 elements, NumPy's calls: 0.3 to 0.45 for a ufunc, 1.0 for one that broadcasts, reduces or
  chooses (`where`), while PyTorch's whole operation takes 1.0 to 1.3. One call wins, two are even,
  four (sigmoid: negative, exp, add, divide) are behind, and so is all that is made of more: norms,
  softmax, cross entropy, topk.
- at 100,000 elements, memory: one pass is as quick in both (14 for a sum of two matrices, 9 for a
  negation), and PyTorch needs one where NumPy's formulas need three (lerp, addcmul) to sixteen
  (gelu). Products along rows are the worst row: they need the matrix turned.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from eager import pytorch

import dynagrad

SIZES = {10: (2, 5), 1000: (25, 40), 100_000: (250, 400)}

#: name, expression over: t the library, F its nn.functional, x, y matrices, p a positive one,
#: v a row, i indices of rows, j of elements along dim 1, k class numbers, m a mask, w weights
WORK = """
add            x + y
sub            x - y
mul            x * y
div            x / p
add number     x + 2.5
mul number     x * 2.5
power          x ** 2
square root    t.sqrt(p)
exp            t.exp(x)
log            t.log(p)
sin            t.sin(x)
cos            t.cos(x)
tanh           t.tanh(x)
sigmoid        t.sigmoid(x)
relu           t.relu(x)
gelu           F.gelu(x)
silu           F.silu(x)
softplus       F.softplus(x)
leaky relu     F.leaky_relu(x)
abs            t.abs(x)
neg            -x
floor          t.floor(x)
erf            t.erf(x)
clamp          t.clamp(x, -0.5, 0.5)
maximum        t.maximum(x, y)
where          t.where(m, x, y)
less           x < y
equal          x == y
and            m & m
addcmul        t.addcmul(x, y, p)
lerp           t.lerp(x, y, 0.3)
add row        x + v
add in place   x.add_(y, alpha=1e-9)
sum            x.sum()
sum dim        x.sum(1)
mean           x.mean()
mean dim       x.mean(0)
max            x.max()
max dim        x.max(1)
amax           x.amax(1)
argmax         x.argmax(1)
var            x.var(1)
std            x.std()
prod           p.prod(1)
norm           x.norm()
logsumexp      t.logsumexp(x, 1)
cumsum         x.cumsum(1)
any            m.any()
softmax        t.softmax(x, 1)
log softmax    t.log_softmax(x, 1)
cross entropy  F.cross_entropy(x, k)
mse            F.mse_loss(x, y)
row            x[1]
rows           x[i]
by mask        x[m]
gather         t.gather(x, 1, j)
index select   t.index_select(x, 0, i)
scatter add    t.scatter_add(x, 1, j, y)
masked fill    x.masked_fill(m, 0.0)
embedding      F.embedding(i, x)
matmul         x @ w
bmm            t.bmm(x[None], w[None])
linear         F.linear(x, y, None)
outer          t.outer(v, v)
sort           x.sort(1)
argsort        x.argsort(1)
topk           x.topk(2, 1)
cat            t.cat([x, y])
stack          t.stack([x, y])
transposed     x.t().contiguous()
reshape        x.reshape(-1)
clone          x.clone()
layer norm     F.layer_norm(x, (x.shape[1],))
batch norm     F.batch_norm(x, None, None, training=True)
group norm     F.group_norm(x[None], 1)
dropout        F.dropout(x, 0.5)
to double      x.double()
"""
ROWS = [re.split(r"\s{2,}", line, maxsplit=1) for line in WORK.strip().splitlines()]


def scope(torch: Any, shape: tuple[int, int]) -> dict[str, Any]:
    """The names of the expressions for one library."""
    torch.manual_seed(0)
    rows, columns = shape
    x, y = torch.randn(rows, columns), torch.randn(rows, columns)
    return {
        **{"t": torch, "F": torch.nn.functional, "x": x, "y": y, "p": x.abs() + 0.5},
        **{"v": torch.randn(columns), "i": torch.randint(0, rows, (rows,)), "m": x > 0},
        **{"j": torch.randint(0, columns, (rows, columns)), "w": torch.randn(columns, rows)},
        "k": torch.randint(0, columns, (rows,)),
    }


def seconds(step: Callable[[], Any], repetitions: int) -> float:
    """The processor's time for one repetition."""
    start = time.process_time()
    for _ in range(repetitions):
        step()
    return (time.process_time() - start) / repetitions


def step(torch: Any, text: str, shape: tuple[int, int]) -> Callable[[], Any]:
    """What one library does for an expression."""
    return eval(f"lambda: {text}", scope(torch, shape))  # noqa: S307 - our own table


def ratio(text: str, shape: tuple[int, int], rounds: int) -> tuple[float, float]:
    """The median ratio of the times, and the median time of dynagrad in seconds."""
    steps = [step(torch, text, shape) for torch in (dynagrad, pytorch)]
    for one in steps:
        one()
        one()
    repetitions = max(1, int(2e-3 / max(seconds(steps[1], 3), 1e-7)))
    pairs = [[seconds(one, repetitions) for one in steps] for _ in range(rounds)]
    ratios = [mine / other for mine, other in pairs]
    return statistics.median(ratios), statistics.median(mine for mine, _ in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="a pattern for names of operations")
    parser.add_argument("--sizes", default="10,1000,100000", help="numbers of elements")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    print(f"{'operation':<16}" + "".join(f"{size:>20,}" for size in sizes))
    found: dict[int, list[tuple[float, str]]] = {size: [] for size in sizes}
    for name, text in ROWS:
        if not re.search(options.only, name):
            continue
        line = f"{name:<16}"
        for size in sizes:
            one, time = ratio(text, SIZES[size], options.rounds)
            found[size].append((one, name))
            line += f"{one:>9.2f}{time * 1e6:>8.1f} us"
        print(line, flush=True)
    for size, measured in found.items():
        slow = ", ".join(f"{name} {one:.1f}" for one, name in sorted(measured)[::-1] if one > 3)
        print(
            f"{size:>8,}: median {statistics.median(one for one, _ in measured):.2f}, "
            f"above 3: {slow or 'none'}"
        )
    print(f"all: median {statistics.median(one for m in found.values() for one, _ in m):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
