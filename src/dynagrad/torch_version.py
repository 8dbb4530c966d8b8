"""The type of `torch.__version__`: a text that compares as a version. Standard library only."""

import re
from typing import Any

__all__ = ["TorchVersion"]


class TorchVersion(str):
    """A version text whose order is that of versions, so that `torch.__version__ >= "2.4"` is true.

    It compares with texts and with tuples of numbers: by the release numbers, then by the local
    part behind `+`. Equality with a text is equality of the texts. A text without a release number
    compares as text. A pre-release suffix (`a0`, `rc1`) is not looked at.
    """

    __slots__ = ()

    def __lt__(self, other: Any) -> bool:
        mine, theirs = _keys(self, other)
        return mine < theirs

    def __le__(self, other: Any) -> bool:
        mine, theirs = _keys(self, other)
        return mine <= theirs

    def __gt__(self, other: Any) -> bool:
        mine, theirs = _keys(self, other)
        return mine > theirs

    def __ge__(self, other: Any) -> bool:
        mine, theirs = _keys(self, other)
        return mine >= theirs

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, str):
            return str.__eq__(self, other)
        mine, theirs = _keys(self, other)
        return mine == theirs

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _keys(version: str, other: Any) -> tuple[Any, Any]:
    text = ".".join(map(str, other)) if isinstance(other, tuple | list) else str(other)
    if not re.match(r"v?\d", text):
        return str(version), text
    return _key(version), _key(text)


def _key(text: str) -> tuple[list[int], str]:
    public, _, local = text.partition("+")
    release = re.match(r"v?(\d+(?:\.\d+)*)", public)
    numbers = [int(part) for part in release.group(1).split(".")] if release else []
    while numbers and not numbers[-1]:  # 2.13 and 2.13.0 are the same release
        numbers.pop()
    return numbers, local
