"""What a message calls an object: `torch.FloatTensor` for a tensor, the dotted name of its class
for the rest.
"""

from typing import Any

from ..core.tensor import Tensor
from .conversion import get_dtype_name

__all__ = ["typename"]


def typename(obj: Any) -> str:
    """The name of an object's type, or of a class or function, in full; a tensor's says its dtype,
    as torch.typename.
    """
    if isinstance(obj, Tensor):
        return get_dtype_name(obj)
    found = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(obj, "__module__", None) or type(obj).__module__
    return found.__qualname__ if module in ("", "builtins") else f"{module}.{found.__qualname__}"
