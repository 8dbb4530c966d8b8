"""Lists of known differences, each with its reason."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple


class Known(NamedTuple):
    """One line: patterns for the entry and for the row with what follows it, and the reason."""

    operation: str
    row: str
    reason: str

    def covers(self, operation: str, row: str) -> bool:
        """Whether a difference is this one."""
        return fnmatchcase(operation, self.operation) and fnmatchcase(row, self.row)


class KnownList:
    """The lines of a file: `entry | row | reason`."""

    def __init__(self, file: Path):
        self.lines: list[Known] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                operation, row, reason = (part.strip() for part in line.split("|", 2))
                assert reason, f"no reason: {line}"
                self.lines.append(Known(operation, row, reason))

    def reason_of(self, operation: str, row: str, text: str = "missing") -> str:
        """Why an entry differs in a row; empty if that is not known. Lines whose reason begins with
        "missing" stand for what does not exist yet, and for nothing else.
        """
        return next(
            (
                k.reason
                for k in self.lines
                if k.covers(operation, row) and _speaks_of(k.reason, text)
            ),
            "",
        )

    def unknown(self, operation: str, found: dict[str, str]) -> dict[str, str]:
        """The differences that no line names."""
        return {
            row: text
            for row, text in found.items()
            if text and not self.reason_of(operation, row, text)
        }

    def stale(self, results: dict[str, dict[str, str]]) -> list[Known]:
        """The lines that no difference needs."""
        wrong = [
            (name, row, text)
            for name, found in results.items()
            for row, text in found.items()
            if text
        ]
        return [
            k
            for k in self.lines
            if not any(
                k.covers(name, row) and _speaks_of(k.reason, text) for name, row, text in wrong
            )
        ]


def _speaks_of(reason: str, text: str) -> bool:
    """Whether a reason may stand for a difference."""
    return text.startswith("missing") or not reason.startswith("missing")


_LIST = KnownList(Path(__file__).parent / "known.txt")
KNOWN = _LIST.lines
reason_of, unknown, stale = _LIST.reason_of, _LIST.unknown, _LIST.stale
