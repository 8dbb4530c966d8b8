"""What the drivers of PyTorch's lists of modules and of optimisers share: running the rows of an
entry, and printing scores.
"""

import argparse
import inspect
import json
import multiprocessing
import re
import sys
import warnings
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from opdb.known import KnownList
from opdb.translate import Untranslatable, flat, is_tensor, numbers
from opdb.trial import Different, Outcome, said, same_type

Results = dict[str, dict[str, str]]

# --- comparing ------------------------------------------------------------------------------------


class Missing(Exception):
    """What PyTorch has and this library does not."""


def together(mine: Callable[[], Any], other: Callable[[], Any]) -> tuple:
    """The values of two calls; empty where both refuse with errors of the same type."""
    theirs, ours = Outcome(other), Outcome(mine)
    if theirs.error is not None:
        if ours.error is None:
            raise Different(f"no error: PyTorch has {said(theirs.error)}")
        if not same_type(ours.error, theirs.error):
            raise Different(f"{said(ours.error)} where PyTorch has {said(theirs.error)}")
        return ()
    if ours.error is not None:
        raise Different(said(ours.error))
    return ours.value, theirs.value


def refusal(mine: Callable[[], Any], other: Callable[[], Any], pattern: str = "") -> str:
    """How two refusals differ: type, beginning of the text, PyTorch's pattern for the text."""
    theirs, ours = Outcome(other).error, Outcome(mine).error
    if theirs is None:
        return "" if ours is None else f"{said(ours)} where PyTorch has no error"
    if ours is None:
        return f"no error: PyTorch has {said(theirs)}"
    if not same_type(ours, theirs):
        return f"{said(ours)} where PyTorch has {said(theirs)}"
    if pattern and re.search(pattern, str(theirs)) and not re.search(pattern, str(ours)):
        return f"{said(ours)} where PyTorch says {pattern!r}"
    begins = _beginning(str(theirs))
    return "" if str(ours).startswith(begins) else f"{said(ours)} does not begin with {begins!r}"


def _beginning(text: str) -> str:
    """The first words of a message: what programs match."""
    return " ".join(text.strip().split("\n")[0].split(" ")[:4]).rstrip(".,:;")


def as_near(mine: Any, other: Any, exact: Any) -> bool:
    """Whether the largest error of each result is at most twice the largest of PyTorch's, or no
    more than some roundings of the largest element: a module makes several, one on the other.
    """
    for x, y, z in zip(flat(mine), flat(other), flat(exact), strict=True):
        if is_tensor(x) and x.dtype.is_floating_point:
            m, n, e = (numbers(t).astype(np.float64) for t in (x, y, z))
            if not (np.isfinite(m).all() and np.isfinite(n).all() and np.isfinite(e).all()):
                return False
            roundings = 4 * torch.finfo(y.dtype).eps * np.abs(e).max(initial=0)
            if np.abs(m - e).max(initial=0) > max(2 * np.abs(n - e).max(initial=0), roundings):
                return False
        elif is_tensor(x) and not np.array_equal(numbers(x), numbers(y)):
            return False
    return True


def plain(value: Any) -> Any:
    """A setting of either library as plain data: what can be compared and shown."""
    if is_tensor(value):
        kind = str(value.dtype).removeprefix("torch.")
        return kind, tuple(value.shape), bool(value.requires_grad), numbers(value).tolist()
    if isinstance(value, bool | int | float | complex | str) or value is None:
        return value
    if isinstance(value, list | tuple):
        items = [plain(v) for v in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, type):
        return f"class {value.__name__}"
    name = getattr(value, "__name__", "") if callable(value) else ""
    if name:
        return f"function {name}"
    text = re.sub(r"\bdynagrad\b", "torch", str(value))
    return f"{type(value).__name__} {re.sub(' at 0x[0-9a-f]+', '', text)}"


def unequal(mine: Any, other: Any, words: str) -> None:
    """Raise Different unless two pieces of plain data are equal (nan equals nan)."""
    if repr(mine) == repr(other) or mine == other:
        return
    if isinstance(mine, dict) and isinstance(other, dict):
        lacking, more = [k for k in other if k not in mine], [k for k in mine if k not in other]
        if lacking or more:
            raise Different(f"{words}: lacks {lacking}, has {more} more")
        for key in other:
            unequal(mine[key], other[key], f"{words}[{key!r}]")
        return
    raise Different(f"{words}: {_short(mine)} instead of {_short(other)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 240 else text[:240] + "..."


def signature(function: Callable) -> list[tuple]:
    """The parameters of a function: name, kind, default."""
    found = []
    for p in inspect.signature(function).parameters.values():
        default = "none" if p.default is p.empty else plain(p.default)
        found.append((p.name, p.kind.name, default))
    return found


# --- running --------------------------------------------------------------------------------------


def judged(rows: Iterable[tuple[str, Callable[[], Any]]], only: str = "") -> dict[str, str]:
    """Runs rows: each label (`row`, then with what) with the difference found or an empty text."""
    found: dict[str, str] = {}
    chosen = only.split(",") if only else []
    for label, test in rows:
        if chosen and label.split(" ")[0] not in chosen:
            continue
        try:
            test()
            text = ""
        except Missing as error:
            text = f"missing: {error}"
        except Different as different:
            text = str(different)
        except Untranslatable as error:
            text = f"not translated: {error}"
        except Exception as error:  # the driver itself, or PyTorch's samples, failed
            text = f"driver: {said(error)}"
        found[label] = found.get(label) or text
    return found


def each(samples: Sequence[Any], test: Callable[[Any], None]) -> None:
    """Runs a test with every sample; raises Different with the first difference and how many."""
    found = []
    for number, sample in enumerate(samples):
        try:
            test(sample)
        except Different as different:
            found.append(f"sample {number}: {different}")
    if found:
        raise Different(f"{len(found)} of {len(samples)}: {found[0]}")


def spread(found: list, limit: int | None, place: str = "") -> list:
    """At most `limit` of these, spread evenly from a beginning that `place` decides."""
    if limit is None or len(found) <= limit:
        return found
    first = zlib.crc32(place.encode())
    return [found[(first + i * len(found) // limit) % len(found)] for i in range(limit)]


# --- scores ---------------------------------------------------------------------------------------


def scores(results: Results) -> list[tuple[str, int, int]]:
    """Each row: the number of entries right in it, and of those that have it."""
    table: dict[str, list[int]] = {}
    for found in results.values():
        whole: dict[str, bool] = defaultdict(bool)
        for label, text in found.items():
            whole[label.split(" ")[0]] |= bool(text)
        for row, wrong in whole.items():
            counts = table.setdefault(row, [0, 0])
            counts[0] += not wrong
            counts[1] += 1
    return [(row, right, count) for row, (right, count) in table.items()]


def _print(results: Results, known: KnownList) -> None:
    missing = {
        name
        for name, found in results.items()
        if any(t.startswith("missing") for t in found.values())
    }
    print(f"\n{len(results)} entries, of which {len(missing)} are missing here")
    print(f"{'row':<20}{'right':>7}{'of':>6}{'share':>9}")
    for row, right, count in scores(results):
        print(f"{row:<20}{right:>7}{count:>6}{right / count:>9.1%}")
    if missing:
        print("\nmissing:", ", ".join(sorted(missing)))
    news = [
        f"    {name} | {label} | {text}"
        for name, found in results.items()
        for label, text in known.unknown(name, found).items()
        if name not in missing
    ]
    print("\nnot in known.txt:", *news, sep="\n") if news else print("\nall differences are known")


def main(
    text: str, names: Sequence[str], run: Callable[..., dict[str, str]], known: KnownList
) -> int:
    """The command: runs entries, prints their differences and the share of each row."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="a pattern for names of entries")
    parser.add_argument("--rows", default="", help="rows, separated by commas")
    parser.add_argument("--limit", type=int, help="samples of each at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where to write the differences")
    options = parser.parse_args()
    chosen = [name for name in names if re.search(options.only, name)]
    tasks = [(run, name, options.seed, options.limit, options.rows) for name in chosen]
    results: Results = {}
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.jobs) if options.jobs > 1 else _Here() as pool:
        for name, found in zip(chosen, pool.imap(_one, tasks), strict=True):
            results[name] = found
            wrong = {label: words for label, words in found.items() if words}
            if all(words.startswith("missing") for words in wrong.values()):
                continue
            print(name)
            for label, words in wrong.items():
                mark = "known " if known.reason_of(name, label, words) else ""
                print(f"    {label:<32}{mark}{words}", flush=True)
    _print(results, known)
    if not (options.only or options.rows or options.limit):
        for line in known.stale(results):
            print(f"no longer fails: {line.operation} | {line.row} | {line.reason}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return any(known.unknown(name, found) for name, found in results.items())


def _one(task: tuple) -> dict[str, str]:
    run, *given = task
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return run(*given)


class _Here:
    """A pool without processes."""

    def __enter__(self) -> "_Here":
        return self

    def __exit__(self, *_: Any) -> None: ...

    imap = staticmethod(map)


__all__ = [
    "Different",
    "Missing",
    "as_near",
    "each",
    "judged",
    "main",
    "plain",
    "refusal",
    "said",
    "scores",
    "signature",
    "spread",
    "together",
    "unequal",
]

if __name__ == "__main__":
    sys.exit("run modules/score.py or optimizers/score.py")
