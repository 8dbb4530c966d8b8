"""Random numbers of CUDA devices, of which there are none. Imports nothing."""

from typing import Any, NoReturn

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def init(*args: Any, **kwargs: Any) -> NoReturn:
    """Refuse to use a CUDA device: AssertionError, as PyTorch built without CUDA."""
    raise AssertionError(
        "Torch not compiled with CUDA enabled\n"
        "dynagrad computes on the CPU: ask torch.cuda.is_available() first, or use device 'cpu'."
    )


def manual_seed(seed: int) -> None:
    """Seed the generator of the CUDA device, if there is one; the CPU's is left as it is."""
    int(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Seed the generator of the CUDA device at random, if there is one."""


seed_all = seed


def get_rng_state_all() -> list[Any]:
    """The states of the generators of all CUDA devices: none."""
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of a CUDA device's generator, once there is one: never."""


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of the generators of all CUDA devices: of none."""


get_rng_state = initial_seed = init
