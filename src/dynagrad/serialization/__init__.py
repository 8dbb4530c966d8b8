"""save and load: objects with tensors in a file, in PyTorch's own format.

That is a zip file of a pickle and of the memories that its tensors show. Files go both ways between
the two libraries. Tensors that share memory share it again when loaded. The pickle names things by
PyTorch's module paths; loading finds them in dynagrad.
"""

from .names import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .reading import get_unsafe_globals_in_checkpoint, load
from .writing import save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]
