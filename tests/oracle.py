"""What makes PyTorch quick where it only answers questions."""

from typing import Any


def seed_the_cpu_alone(torch: Any) -> None:
    """Leave the generators of devices that nobody uses alone when a seed is set: for each of them
    PyTorch writes the whole stack down, for an error to come, which takes longer than most tests.
    """
    for device in (torch.cuda, torch.mtia, torch.xpu):
        device.manual_seed_all = lambda seed: None


def forget_the_caller(*modules: Any) -> None:
    """Spare PyTorch's lists of samples the search of the stack for the unittest that draws them."""
    for module in modules:
        module.extract_test_fn = lambda: None
