"""Prints how much of PyTorch's list of operations gives PyTorch's results.

python tests/opdb/score.py                        everything, with the scores at the end
python tests/opdb/score.py --only 'fft|linalg'    operations whose names match
python tests/opdb/score.py --rows grad,out        some rows
python tests/opdb/score.py --limit 5              at most five samples of each
python tests/opdb/score.py --json FILE            the differences, for other tools
"""

import argparse
import json
import multiprocessing
import re
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from opdb.entries import ENTRIES, key_of
from opdb.rows import run


def _one(task: tuple[int, int, int | None, str]) -> tuple[str, dict[str, str]]:
    number, seed, limit, rows = task
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    op = ENTRIES[number]
    return key_of(op), run(op, seed, limit, rows)


def scores(results: dict[str, dict[str, str]]) -> list[tuple[str, int, int]]:
    """Each row with a dtype: the number of operations right in it, and of those that have it."""
    table: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for found in results.values():
        whole: dict[str, bool] = defaultdict(bool)
        for label, text in found.items():
            row, dtype = label.split()
            shown = label if row in ("forward", "grad", "gradgrad") else row
            whole[shown] |= bool(text)
        for shown, wrong in whole.items():
            table[shown][0] += not wrong
            table[shown][1] += 1
    return [(row, right, all_of_it) for row, (right, all_of_it) in sorted(table.items())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a pattern for names of operations")
    parser.add_argument("--rows", default="", help="rows, separated by commas")
    parser.add_argument("--limit", type=int, help="samples of an operation and dtype at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tasks = [
        (number, options.seed, options.limit, options.rows)
        for number, op in enumerate(ENTRIES)
        if re.search(options.only, key_of(op))
    ]
    results: dict[str, dict[str, str]] = {}
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.jobs) if options.jobs > 1 else _Here() as pool:
        for name, found in pool.imap(_one, tasks):
            results[name] = found
            wrong = {label: text for label, text in found.items() if text}
            if wrong:
                print(name)
                for label, text in wrong.items():
                    print(f"    {label:<24}{text}", flush=True)
    print(f"\n{len(results)} operations, seed {options.seed}")
    print(f"{'row':<24}{'right':>8}{'of':>6}{'share':>9}")
    for row, right, count in scores(results):
        print(f"{row:<24}{right:>8}{count:>6}{right / count:>9.1%}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return any(text for found in results.values() for text in found.values())


class _Here:
    """A pool without processes."""

    def __enter__(self) -> "_Here":
        return self

    def __exit__(self, *_: Any) -> None: ...

    imap = staticmethod(map)


if __name__ == "__main__":
    sys.exit(main())
