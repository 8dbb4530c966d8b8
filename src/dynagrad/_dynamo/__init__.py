"""torch._dynamo for programs that set or reset PyTorch's compiler: there is none here; what they
set is kept and changes nothing. Imports compiler.
"""

from ..compiler import allow_in_graph, disable, is_compiling, list_backends, reset, set_stance
from . import config

__all__ = [
    "allow_in_graph",
    "config",
    "disable",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "reset",
    "set_stance",
]


def mark_dynamic(t: object, index: object, **options: object) -> None:
    """Tell the compiler that a size varies, which changes nothing."""


def mark_static(t: object, index: object = None) -> None:
    """Tell the compiler that a size is fixed, which changes nothing."""


def graph_break(msg: str = "") -> None:
    """Tell the compiler to stop here, which changes nothing."""
