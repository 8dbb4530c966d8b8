"""Compiled steps next to PyTorch eager, torch.compile, JAX and C: one thread, in turns.

    python benchmarks/compiled.py [--rounds 15] [--only REGEX] [--jax-python PATH] [--quick]

Each row is a whole step as users write it, in a function given to `dynagrad.compile`. The others
run the same step: PyTorch eager, torch.compile, dynagrad eager, in a process of its own JAX (where
--jax-python names an interpreter that has it), and for one loop C by `gcc -O3 -march=native`. All
take turns, so that a change in the machine's load meets all, and processor time is counted, without
what other programs take. A row shows the medians, and below them the ratio of the compiled step's
time to each of the others with its goal. `agreement` is the largest difference from PyTorch eager
after 10 steps: of parameters or gradients as vectors, in proportion to their lengths. Needs torch
installed.
"""

import argparse
import gc
import importlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
for variable in (*THREADS, "TORCHINDUCTOR_COMPILE_THREADS"):
    os.environ[variable] = "1"

import _steps  # noqa: E402 - threads are set before the libraries load
from _accuracy import show_errors  # noqa: E402
from _machine import introduce  # noqa: E402
from _steps import Step  # noqa: E402

HERE = Path(__file__).resolve().parent
COLUMNS = ("compiled", "PyTorch", "torch.compile", "JAX", "eager", "C")
#: How long one measurement of quick work takes, in seconds.
MEASURED = 0.02


class Work(NamedTuple):
    """What is run, its name among JAX's steps, and the goals: seconds, ratios to the others."""

    build: Callable[[Any], Step]
    jax: str
    goals: dict[str, float]


ROWS = {
    "Himmelblau + Adam": Work(
        _steps.himmelblau, "himmelblau", {"compiled": 0.15e-6, "PyTorch": 0.002, "JAX": 0.03}
    ),
    "logistic regression": Work(
        _steps.logistic_regression,
        "logistic_regression",
        {"compiled": 1e-6, "PyTorch": 0.015, "JAX": 0.1},
    ),
    "MLP 784-128-10, batch 64": Work(
        _steps.perceptron, "perceptron", {"PyTorch": 0.33, "JAX": 1.0}
    ),
    "MLP 1024-4096-4096-10, batch 256": Work(
        _steps.wide_perceptron, "wide_perceptron", {"PyTorch": 0.5, "JAX": 1.0}
    ),
    "Hessian, 50 parameters": Work(_steps.hessian, "hessian", {"PyTorch": 0.01}),
    "tanh(2a+1)*sigmoid(a), 4096 x 4096": Work(
        _steps.elementwise, "elementwise", {"PyTorch": 0.08, "torch.compile": 0.3, "JAX": 0.3}
    ),
    "log-softmax + nll, 4096 x 8192": Work(_steps.log_softmax, "log_softmax", {"PyTorch": 0.2}),
    "layer norm, 8192 x 1024": Work(_steps.layer_norm, "layer_norm", {"PyTorch": 0.3}),
    "LeNet, batch 64, Adam": Work(_steps.lenet_step, "lenet", {"PyTorch": 0.35}),
    "3x3 convolution, 8 x 64 x 56 x 56": Work(_steps.convolution, "convolution", {"PyTorch": 1.0}),
    "GPT 4 x 128, 12 x 64, AdamW": Work(_steps.gpt_step, "gpt", {"PyTorch": 0.6, "JAX": 1.0}),
    "LSTM 64 to 128, 32 x 16": Work(_steps.lstm, "lstm", {"PyTorch": 0.3}),
}

#: First call to first compiled result: what is built, seconds, seconds from the disk cache.
FIRST = {
    "Himmelblau": ("himmelblau", 0.05, 0.02),
    "MLP": ("perceptron", 0.3, 0.05),
    "LeNet": ("lenet_step", 0.6, 0.1),
    "GPT": ("gpt_step", 1.5, 0.3),
}

LOOP = """
#include <math.h>
void steps(float *x, float *m, float *v, double *power, long n)
{
    for (long k = 0; k < n; k++) {
        float p = x[0] * x[0] + x[1] - 11, q = x[0] + x[1] * x[1] - 7;
        float g[2] = {4 * p * x[0] + 2 * q, 2 * p + 4 * q * x[1]};
        power[0] *= 0.9;
        power[1] *= 0.999;
        float rate = 1e-3 / (1 - power[0]), root = sqrt(1 - power[1]);
        for (int i = 0; i < 2; i++) {
            m[i] += 0.1f * (g[i] - m[i]);
            v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
            x[i] -= rate * m[i] / (sqrtf(v[i]) / root + 1e-8f);
        }
    }
}
"""

#: What measures one contestant: repetitions -> seconds for each.
Clock = Callable[[int], float]


def clock(run: Callable[[], Any]) -> Clock:
    """Processor time for one repetition of a function."""

    def seconds(repetitions: int) -> float:
        start = time.process_time()
        for _ in repeat(None, repetitions):
            run()
        return (time.process_time() - start) / repetitions

    return seconds


class Jax:
    """JAX in a process of its own."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, HERE / "_jax_steps.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )
        self.version = self.answer()["version"]

    def answer(self) -> dict[str, Any]:
        """The next line that the process prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the process with JAX has ended; does --jax-python have jax installed?")
        return json.loads(line)

    def clock(self, work: str) -> Clock:
        """What measures one of its steps."""

        def seconds(repetitions: int) -> float:
            assert self.process.stdin is not None
            question = {"work": work, "repetitions": repetitions}
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            return self.answer()["seconds"]

        return seconds


def medians(clocks: dict[str, Clock], rounds: int, measured: float = MEASURED) -> dict[str, float]:
    """The median seconds of each, measured in turns."""
    counts = {}
    for name, seconds in clocks.items():
        seconds(4)  # compiles, and fills caches
        counts[name] = max(1, min(1_000_000, round(measured / max(seconds(1), 1e-9))))
        if counts[name] > 10:  # one call is too short to be measured well
            each = seconds(min(counts[name], 1000))
            counts[name] = max(1, min(1_000_000, round(measured / max(each, 1e-9))))
    times: dict[str, list[float]] = {name: [] for name in clocks}
    for _ in range(rounds):
        for name, seconds in clocks.items():
            gc.collect()
            times[name].append(seconds(counts[name]))
    return {name: statistics.median(found) for name, found in times.items()}


def difference(ours: list[Any], theirs: list[Any]) -> float:
    """The largest difference of a tensor, in proportion to its length as a vector.

    Single elements say little: Adam moves a parameter whose gradient is rounding noise by its whole
    learning rate, to either side.
    """
    found = 0.0
    for a, b in zip(ours, theirs, strict=True):
        a, b = (t.detach().double().numpy().ravel() for t in (a, b))
        found = max(found, math.sqrt((a - b) @ (a - b) / max(b @ b, 1e-60)))
    return found


def after(step: Step, run: Callable[[], Any], count: int = 10) -> list[Any]:
    """What the step's tensors and its result are after some calls."""
    result = None
    for _ in range(count):
        result = run()
    return [*step.watched(), *([] if result is None else [result])]


def measure(work: Work, libraries: "Libraries", rounds: int) -> tuple[dict[str, float], str]:
    """The median times of one row; the agreement after 10 steps, and whether it stayed eager."""
    ours, torch = libraries.dynagrad, libraries.torch
    reference, checked = work.build(torch), work.build(ours)
    run = ours.compile(checked.run)
    remark = f"agreement: {difference(after(checked, run), after(reference, reference.run)):.1e}"
    reason = reason_for_staying_eager(run, checked.run)
    remark += f"; stayed eager: {reason}" if reason else ""
    reference = checked = run = None
    clocks = {
        "compiled": clock(ours.compile(work.build(ours).run)),
        "PyTorch": clock(work.build(torch).run),
    }
    if libraries.inductor:
        clocks["torch.compile"] = clock(torch.compile(work.build(torch).run))
    if libraries.jax:
        clocks["JAX"] = libraries.jax.clock(work.jax)
    clocks["eager"] = clock(work.build(ours).run)
    return medians(clocks, rounds), remark


class Libraries(NamedTuple):
    """Who takes part."""

    dynagrad: Any
    torch: Any
    inductor: bool
    jax: Jax | None


def c_loop(folder: str) -> Callable[[int], None] | None:
    """The loop in C, or None without gcc."""
    ctypes = importlib.import_module("ctypes")
    numpy = importlib.import_module("numpy")
    source, library = Path(folder, "loop.c"), Path(folder, "loop.so")
    source.write_text(LOOP)
    command = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", source, "-o", library, "-lm"]
    try:
        subprocess.run(command, check=True)
    except OSError:
        return None
    steps = ctypes.CDLL(str(library)).steps
    x = numpy.array([-4.0, 0.0], numpy.float32)
    held = [x, numpy.zeros(2, numpy.float32), numpy.zeros(2, numpy.float32), numpy.ones(2)]
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in held]

    def run(n: int) -> None:
        assert len(held) == 4  # the arrays live as long as the function
        steps(*pointers, ctypes.c_long(n))

    return run


def native_loop(libraries: Libraries, rounds: int, count: int = 100_000) -> dict[str, float] | None:
    """Seconds of a step in a native loop, ours and C's; None where there is no such loop."""
    loop = getattr(libraries.dynagrad.compiler, "loop", None)
    with tempfile.TemporaryDirectory() as folder:
        run = c_loop(folder)
        if loop is None or run is None:
            return None
        step = _steps.himmelblau(libraries.dynagrad).run
        both = {"compiled": lambda: loop(step, count), "C": lambda: run(count)}
        found = medians({name: clock(one) for name, one in both.items()}, rounds)
    return {name: seconds / count for name, seconds in found.items()}


def scaled(seconds: float) -> str:
    """A time with three digits and a unit."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            value = seconds * factor
            digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
            return f"{value:.{digits}f} {unit}"
    raise AssertionError("unreachable")


def show(name: str, found: dict[str, float], goals: dict[str, float], remark: str = "") -> int:
    """Print a row; how many goals it misses."""
    print(f"{name:36}" + "".join(f"{scaled(found[c]) if c in found else '-':>18}" for c in COLUMNS))
    cells, missed = [], 0
    for column in COLUMNS:
        value = found["compiled"] if column == "compiled" else None
        if value is None and column in found:
            value = found["compiled"] / found[column]
        if value is None:
            cells.append("")
            continue
        goal = goals.get(column)
        text = "" if column == "compiled" else f"{value:.3g}"
        if goal is not None:
            shown = scaled(goal) if column == "compiled" else f"{goal:g}"
            text += f" {'>' if value > goal else '<='} {shown}"
            missed += value > goal
        cells.append(text)
    print(f"{'    ratio, goal':36}" + "".join(f"{cell:>18}" for cell in cells))
    if remark:
        print(f"    {remark}")
    sys.stdout.flush()
    return missed


def first_calls(name: str) -> dict[str, Any]:
    """In a fresh process: the import of llvmlite, and how long calls take until they are quick.

    The first compiled result is the first call that is as quick as the later ones.
    """
    start = time.process_time()
    importlib.import_module("llvmlite.binding")
    imported = time.process_time() - start
    dynagrad = importlib.import_module("dynagrad")
    step = getattr(_steps, name)(dynagrad)
    run = dynagrad.compile(step.run)
    times = [clock(run)(1) for _ in range(12)]
    settled = statistics.median(times[6:])
    quick = next(i for i, seconds in enumerate(times) if seconds <= 3 * settled + 1e-4)
    return {
        "import": imported,
        "first": sum(times[: quick + 1]),
        "eager": reason_for_staying_eager(run, step.run),
    }


def reason_for_staying_eager(run: Callable[[], Any], step: Any) -> str:
    """Why a call now runs the step's Python code; empty if it does not."""
    entered = []

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is step.__code__:
            entered.append(frame.f_lineno)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    if not entered:
        return ""
    reasons = run.explain().reasons if hasattr(run, "explain") else ["it is not compiled"]
    return str(reasons[-1]) if reasons else "no reason is given"


def show_first(name: str, rounds: int) -> int:
    """Print the time to the first compiled result, without and with the disk cache."""
    work, *goals = FIRST[name]
    found: dict[str, list[float]] = {"cold": [], "cached": [], "import": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for state in ("cold", "cached"):
                answer = subprocess.run(
                    [sys.executable, "-W", "ignore", __file__, "--first", work],
                    env={**os.environ, "DYNAGRAD_CACHE_DIR": folder},
                    check=True,
                    capture_output=True,
                    text=True,
                )
                result = json.loads(answer.stdout)
                if result["eager"]:
                    print(f"first compiled result, {name}: n/a ({result['eager']})")
                    return 1
                found[state].append(result["first"])
                found["import"].append(result["import"])
    cold, cached, imported = (statistics.median(times) for times in found.values())
    signs = ["<=" if t <= goal else ">" for t, goal in zip((cold, cached), goals, strict=True)]
    print(
        f"first compiled result, {name:13}{scaled(cold):>18} {signs[0]} {scaled(goals[0])}, from "
        f"the disk cache {scaled(cached)} {signs[1]} {scaled(goals[1])}; import of llvmlite "
        f"{scaled(imported)}"
    )
    return signs.count(">")


def normals(libraries: Libraries, rounds: int) -> int:
    """Random normals, 4 million: time, and whether the bits are PyTorch's."""
    count = 4_000_000
    drawn = []
    for torch in (libraries.dynagrad, libraries.torch):
        torch.manual_seed(0)
        drawn.append(torch.randn(count).numpy().tobytes())
    found = medians(
        {
            "eager": clock(lambda: libraries.dynagrad.randn(count)),
            "PyTorch": clock(lambda: libraries.torch.randn(count)),
        },
        rounds,
    )
    found["compiled"] = found.pop("eager")
    same = drawn[0] == drawn[1]
    remark = f"the same bits: {'yes' if same else 'NO'}"
    return show("random normals, 4 million", found, {"PyTorch": 1.0}, remark) + (not same)


def chosen(options: argparse.Namespace, names: Iterator[str] | dict[str, Any]) -> list[str]:
    """The rows that are asked for."""
    return [name for name in names if re.search(options.only, name, re.IGNORECASE)]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose name matches")
    parser.add_argument("--jax-python", metavar="PATH", help="an interpreter that has JAX")
    parser.add_argument("--quick", action="store_true", help="3 rounds, without torch.compile")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--first", metavar="WORK", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Measure all rows, or some."""
    options = arguments()
    if options.first:
        print(json.dumps(first_calls(options.first)))
        return 0
    torch = importlib.import_module("eager").pytorch
    dynagrad = importlib.import_module("dynagrad")
    warnings.simplefilter("ignore")
    rounds = 3 if options.quick else options.rounds
    jax = Jax(options.jax_python) if options.jax_python else None
    libraries = Libraries(dynagrad, torch, not options.quick, jax)
    introduce(torch, jax.version if jax else None)
    print(f"{'work':36}" + "".join(f"{column:>18}" for column in COLUMNS))
    missed = 0
    for name in chosen(options, ROWS):
        found, remark = measure(ROWS[name], libraries, rounds)
        missed += show(name, found, ROWS[name].goals, remark)
        torch._dynamo.reset()
    for name in chosen(options, {"Himmelblau + Adam, native loop": None}):
        looped = native_loop(libraries, rounds)
        missed += show(name, looped, {"C": 1.3}) if looped else not print(f"{name}: n/a")
    for name in FIRST:
        if chosen(options, {f"first compiled result, {name}": None}):
            missed += show_first(name, min(rounds, 5))
    if chosen(options, {"vector math": None}):
        missed += show_errors(dynagrad)
    if chosen(options, {"random normals, 4 million": None}):
        missed += normals(libraries, rounds)
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
