"""What was made of a compiled function, for people. Imports nothing of the compiler."""

from typing import Any


class Explanation:
    """What `explain()` returns: `str()` of it is the text; `reasons` say why calls stayed eager."""

    def __init__(self, compiled: Any) -> None:
        self.name = getattr(compiled.function, "__qualname__", type(compiled.function).__name__)
        self.reasons = list(compiled.reasons)
        self.variants = list(compiled.variants)

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self.variants)} compiled courses"]
        for number, variant in enumerate(self.variants):
            lines.append(f"course {number}: {len(variant.graph.values)} values")
            lines += [f"  guard: {guard.text}" for guard in variant.guards]
            lines += [f"  check: {check.text}" for check in variant.graph.checks]
        lines += [f"eager: {reason}" for reason in self.reasons]
        return "\n".join(lines)
