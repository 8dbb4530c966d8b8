"""How long `import dynagrad` takes, next to `import numpy` in fresh processes.

    python benchmarks/import_time.py [--rounds 15] [--limit 1.6]

The two take turns, so that a change in the machine's load meets both. Prints the medians and their
ratio; exits with status 1 if the ratio is above the limit.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

#: Bytecode is cached, as in any installation, whatever this shell says of it.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PYTHONPYCACHEPREFIX"] = os.path.join(tempfile.gettempdir(), "dynagrad-bytecode")
PROGRAM = "import time; s = time.perf_counter(); import {0}; print(time.perf_counter() - s)"


def seconds_to_import(package: str) -> float:
    """The time that importing `package` takes in a process of its own."""
    command = [sys.executable, "-c", PROGRAM.format(package)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT)
    return float(found.stdout)


def main() -> int:
    """Measure, print, compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, default=1.6, help="ratio that is still good")
    options = parser.parse_args()
    packages = ("numpy", "dynagrad")
    for package in packages:  # compile and read from disk once, unmeasured
        seconds_to_import(package)
    times: dict[str, list[float]] = {package: [] for package in packages}
    for _ in range(options.rounds):
        for package in packages:
            times[package].append(seconds_to_import(package))
    medians = {package: statistics.median(values) for package, values in times.items()}
    for package, median in medians.items():
        print(f"import {package:<10}{1000 * median:8.1f} ms")
    ratio = medians["dynagrad"] / medians["numpy"]
    verdict = "good" if ratio <= options.limit else "too slow"
    print(f"ratio            {ratio:8.2f}      (at most {options.limit}: {verdict})")
    return int(ratio > options.limit)


if __name__ == "__main__":
    sys.exit(main())
