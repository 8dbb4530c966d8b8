"""Named results of functions that return several tensors: `torch.return_types.max(...)`."""

from operator import itemgetter
from typing import Any

_BY_NAME: dict[str, type] = {}


class _Structure(tuple):
    """A tuple whose items have names; it prints and pickles as PyTorch's structures do. (A named
    tuple compiles source text: twenty of them would be a thirtieth of the package's import.)
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __new__(cls, *values: Any) -> Any:
        return tuple.__new__(cls, values)

    def __repr__(self) -> str:
        named = zip(self._fields, self, strict=True)
        items = ",\n".join(f"{field}={value!r}" for field, value in named)
        return f"torch.return_types.{type(self).__name__}(\n{items})"

    def __reduce__(self) -> tuple:
        return _rebuild, (type(self).__name__, *self)


def return_type(name: str, *fields: str) -> Any:
    """A class of tuples that prints and pickles as PyTorch's structure of that name."""
    members: dict[str, Any] = {f: property(itemgetter(i)) for i, f in enumerate(fields)}
    members |= {
        "__slots__": (),
        "__module__": "torch.return_types",
        "__doc__": f"The results of {name.replace('linalg_', 'linalg.')}: {', '.join(fields)}.",
        "_fields": fields,
    }
    cls = _BY_NAME[name] = type(name, (_Structure,), members)
    return cls


def _rebuild(name: str, *values: Any) -> Any:
    return _BY_NAME[name](*values)
