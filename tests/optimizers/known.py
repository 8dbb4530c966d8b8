"""The known differences of optimisers and schedules."""

from pathlib import Path

from opdb.known import KnownList

KNOWN = KnownList(Path(__file__).parent / "known.txt")
