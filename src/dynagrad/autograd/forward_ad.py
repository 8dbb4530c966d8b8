"""Forward mode by hand: dual tensors within a level. Imports core.

with forward_ad.dual_level():
    dual = forward_ad.make_dual(primal, tangent)
    primal_out, jvp = forward_ad.unpack_dual(f(dual))
"""

from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple

from ..core.carriers.carrier import below, close_level, open_level, to_levels
from ..core.carriers.dual import FreeDualLevel, pack, primal_part, tangent_part
from ..core.dtype import FLOATING, category
from ..core.tensor import Tensor, edge_of

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_current: ContextVar[Any] = ContextVar("dual_level", default=None)


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Open the level in which dual tensors can be made; returns its number, 0.

    RuntimeError where one is open: levels do not nest here, func.jvp does. Source:
    torch.autograd.forward_ad.
    """
    if _current.get() is not None:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment\nA dual level is open already; "
            "torch.func.jvp nests."
        )
    _current.set(open_level(FreeDualLevel))
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level: tangents are dropped, dual tensors become their primals."""
    held = _current.get()
    if held is None:
        raise RuntimeError("Dual level must be a positive number\nNo level is open here.")
    if level not in (None, 0):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is "
            "not supported."
        )
    _current.set(None)
    close_level(held)
    held.end()


class dual_level:  # noqa: N801 - PyTorch's name
    """The level for the length of a with block, or of a decorated function."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exception: Any) -> None:
        exit_dual_level()

    def __call__(self, f: Any) -> Any:
        @wraps(f)
        def within(*args: Any, **kwargs: Any) -> Any:
            with dual_level():
                return f(*args, **kwargs)

        return within


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """`tensor` with a tangent: what is computed from it carries J @ tangent.

    Both must be floating or complex, of one shape. RuntimeError without a level.
    """
    held = _current.get()
    if held is None or level not in (None, 0):
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    for name, t in (("tensor", tensor), ("tangent", tangent)):
        if not isinstance(t, Tensor):
            raise AttributeError(
                f"{type(t).__name__!r} object has no attribute 'is_floating_point'\n"
                f"make_dual(): argument '{name}' must be a tensor."
            )
    check_tangent(tensor, tangent)
    tensor = primal_part(tensor, held)
    return packed(held, tensor, tangent)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The tensor's primal and tangent; the tangent is None where it has none."""
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"unpack_dual(): argument 'tensor' must be Tensor, not {type(tensor).__name__}"
        )
    held = _current.get()
    if held is None or level not in (None, 0):
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(primal_part(tensor, held), tangent_part(tensor, held))


def packed(level: Any, primal: Tensor, tangent: Tensor) -> Tensor:
    """primal + tangent * eps on a level, with the histories of both."""
    present = below(level).union(*[getattr(x._a, "levels", ()) for x in (primal, tangent)])
    primal, tangent = (
        x if edge_of(x) is None else to_levels(x, present) for x in (primal, tangent)
    )
    return pack(level, primal, tangent)


def check_tangent(primal: Tensor, tangent: Tensor) -> None:
    """Raise unless a tangent fits its primal."""
    for name, t in (("primal", primal), ("tangent", tangent)):
        if category(t._a.dtype) < FLOATING:
            raise ValueError(
                f"Expected {name} to be floating point or complex, but got: {t.dtype!r}"
            )
    if tangent._a.shape != primal._a.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(primal._a.shape)} while the "
            f"given forward gradient is of size {list(tangent._a.shape)}."
        )
    if tangent._a.dtype != primal._a.dtype:
        raise RuntimeError(
            f"Expected tangent to have the dtype of its primal, {primal.dtype!r}, but got: "
            f"{tangent.dtype!r}. Convert it with .to(primal.dtype)."
        )
