"""What the examples that train share: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

try:
    from rich.progress import Progress
except ImportError:
    Progress = None


class Training:
    """The bar where there is a terminal and rich is installed; without them only the lines.

    with Training(400) as training:
        ... a step ...
        training.advance(loss)
        training.say("step 100  loss 2.3456")
    """

    def __init__(self, total: int, what: str = "training") -> None:
        """A bar of `total` steps."""
        self.what, self.total = what, total
        self.bar = Progress() if Progress is not None and sys.stdout.isatty() else None

    def __enter__(self) -> Training:
        """Put the bar up."""
        if self.bar is not None:
            self.task = self.bar.add_task(self.what, total=self.total)
            self.bar.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar down, also after an error."""
        if self.bar is not None:
            self.bar.stop()

    def advance(self, loss: float) -> None:
        """Move the bar by one step."""
        if self.bar is not None:
            self.bar.update(self.task, advance=1, description=f"{self.what}, loss {loss:.4f}")

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        if self.bar is None:
            print(line, flush=True)
        else:
            self.bar.console.print(line, highlight=False)
