"""torch.random: the default generator, its seed and its state. Imports functions only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .functions.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


@contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, device_type: str = "cuda", **names: Any
) -> Iterator[None]:
    """Restore the default generator's state on leaving the block; also a decorator.

    `devices` names further devices, of which there are none: only an empty list, or None, is taken.
    """
    if not enabled:
        yield
        return
    if devices:
        raise RuntimeError(
            f"fork_rng was given the devices {list(devices)}; dynagrad computes on the CPU, whose "
            "state is always kept. Leave devices= away."
        )
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
