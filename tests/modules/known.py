"""The known differences of modules."""

from pathlib import Path

from opdb.known import KnownList

KNOWN = KnownList(Path(__file__).parent / "known.txt")
