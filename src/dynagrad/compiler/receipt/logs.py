"""What happens at run time, for people: the logger "dynagrad.compiler". Standard library only.

DYNAGRAD_LOG=compiler (or 1) writes it to standard error: what is recorded, compiled, missed, given
up and found in the cache; +compiler (or debug) says more, -compiler only warnings. As in PyTorch's
TORCH_LOGS, names are separated by commas; others are ignored.
"""

import logging
import os

__all__ = ["log", "set_up"]

log = logging.getLogger("dynagrad.compiler")
_LEVELS = {
    **dict.fromkeys(("compiler", "1", "info", "all"), logging.INFO),
    **dict.fromkeys(("+compiler", "2", "debug", "+all"), logging.DEBUG),
    **dict.fromkeys(("-compiler", "warning"), logging.WARNING),
}


def set_up(wanted: str) -> logging.Handler | None:
    """Write the log to standard error at the level that a text like DYNAGRAD_LOG's asks for; None
    if it asks for nothing.
    """
    words = [word.strip().lower() for word in wanted.split(",")]
    levels = [_LEVELS[word] for word in words if word in _LEVELS]
    if not levels:
        return None
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[%(name)s] %(message)s"))
    log.addHandler(handler)
    log.setLevel(min(levels))
    log.propagate = False
    return handler


set_up(os.environ.get("DYNAGRAD_LOG", ""))
