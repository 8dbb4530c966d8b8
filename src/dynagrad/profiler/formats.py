"""Times, bytes and tables as text. Imports nothing."""

from collections.abc import Sequence

UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0}
#: the least width of a column
COLUMN = 12


def time_text(microseconds: float, unit: str | None = None) -> str:
    """A time with the unit that suits it, or in the one given: `1.548ms`."""
    if unit is None:
        unit = next((name for name, size in UNITS.items() if microseconds >= size), "us")
    elif unit not in UNITS:
        raise ValueError(f"time_unit must be one of {', '.join(UNITS)}, but got {unit!r}")
    return f"{microseconds / UNITS[unit]:.3f}{unit}"


def bytes_text(number: int) -> str:
    """Bytes with the unit that suits them: `1.50 KB`."""
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if abs(number) >= 1 << power:
            return f"{number / (1 << power):.2f} {unit}"
    return f"{number} B"


def flops_unit(numbers: Sequence[int]) -> tuple[str, int]:
    """The unit in which the least of these numbers of operations, zeros aside, is at least one."""
    least = min((n for n in numbers if n), default=0)
    for power, unit in ((12, "TFLOPs"), (9, "GFLOPs"), (6, "MFLOPs"), (3, "KFLOPs")):
        if least >= 10**power:
            return unit, 10**power
    return "FLOPs", 1


def share_text(part: float, whole: float) -> str:
    """A part in percent of the whole: `47.37%`."""
    return f"{100 * part / whole if whole else 0:.2f}%"


def shortened(text: str, width: int | None) -> str:
    """The text, cut to a width."""
    return text if width is None or len(text) <= width else f"{text[: max(0, width - 3)]}..."


def layout(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    header: str | None = None,
    notes: Sequence[str] = (),
    left: Sequence[str] = (),
    first: int | None = None,
) -> str:
    """A table as PyTorch prints its own: columns set to the right (those in `left` to the left),
    between rules of dashes; `first`: the first column's width.
    """
    widths = [
        max(COLUMN, len(name), *(len(row[i]) for row in rows), 0) for i, name in enumerate(names)
    ]
    widths[0] = widths[0] if first is None else first
    rule = "".join("-" * width + "  " for width in widths)

    def line(cells: Sequence[str]) -> str:
        return "".join(
            (cell.ljust(width) if name in left else cell.rjust(width)) + "  "
            for name, cell, width in zip(names, cells, widths, strict=True)
        )

    lines = []
    if header is not None:
        lines += ["=" * len(rule), header]
    for note in notes:
        lines += ["=" * len(rule), note]
    return "\n".join([*lines, rule, line(names), rule, *map(line, rows), rule])
