"""torch.backends.mha: whether attention may take shorter ways in evaluation.

Here it decides one thing: whether a TransformerEncoder sets the padded places of its result to 0
where PyTorch's nested tensors would.
"""

from contextvars import ContextVar

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]

_enabled: ContextVar[bool] = ContextVar("attention_fastpath", default=True)


def get_fastpath_enabled() -> bool:
    """Whether the short ways of attention are on."""
    return _enabled.get()


def set_fastpath_enabled(value: bool) -> None:
    """Switch the short ways of attention on or off."""
    _enabled.set(bool(value))
