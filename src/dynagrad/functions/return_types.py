"""Named results of functions that return several tensors: `torch.return_types.max(...)`."""

from collections import namedtuple
from typing import Any

_BY_NAME: dict[str, type] = {}


def return_type(name: str, *fields: str) -> Any:
    """A named tuple that prints and pickles as PyTorch's structure of that name."""
    cls = namedtuple(name, fields, module="torch.return_types")
    cls.__repr__ = _show
    cls.__reduce__ = _reduce  # pyright: ignore[reportAttributeAccessIssue]
    cls.__doc__ = f"The results of {name.replace('linalg_', 'linalg.')}: {', '.join(fields)}."
    _BY_NAME[name] = cls
    return cls


def _show(self) -> str:
    items = ",\n".join(
        f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True)
    )
    return f"torch.return_types.{type(self).__name__}(\n{items})"


def _reduce(self) -> tuple:
    return _rebuild, (type(self).__name__, *self)


def _rebuild(name: str, *values: Any) -> Any:
    return _BY_NAME[name](*values)
