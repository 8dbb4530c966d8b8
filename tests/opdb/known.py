"""The list of known differences, each with its reason."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "known.txt"


class Known(NamedTuple):
    """One line: patterns for the operation and for the row with its dtype, and the reason."""

    operation: str
    row: str
    reason: str

    def covers(self, operation: str, row: str) -> bool:
        """Whether a difference is this one."""
        return fnmatchcase(operation, self.operation) and fnmatchcase(row, self.row)


def _read() -> list[Known]:
    found = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            operation, row, reason = (part.strip() for part in line.split("|", 2))
            assert reason, f"no reason: {line}"
            found.append(Known(operation, row, reason))
    return found


KNOWN = _read()


def reason_of(operation: str, row: str) -> str:
    """Why an operation differs in a row; empty if that is not known."""
    return next((k.reason for k in KNOWN if k.covers(operation, row)), "")


def unknown(operation: str, found: dict[str, str]) -> dict[str, str]:
    """The differences that no line names."""
    return {row: text for row, text in found.items() if text and not reason_of(operation, row)}


def stale(results: dict[str, dict[str, str]]) -> list[Known]:
    """The lines that no difference needs."""
    wrong = [(name, row) for name, found in results.items() for row, text in found.items() if text]
    return [k for k in KNOWN if not any(k.covers(name, row) for name, row in wrong)]
