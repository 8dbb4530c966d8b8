"""What the algorithms share: checks of their options, running an update, step counts. Imports core.

An algorithm is one function `update(p, g, state, *, ...)`: plain expressions on ndarrays that
return the new values of the parameter and of its state. `run` puts them into the arrays; large ones
go through it piece by piece, so that what an expression makes on its way stays in the processor's
cache.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.apply import scalar
from ..core.dtype import get_default_dtype
from ..core.quiet import WARNED
from ..core.tensor import Tensor, family_of, wrap

#: elements that an update treats at once: larger arrays go through in parts, whose temporaries stay
#: in the cache (measured from 16,384 to 16 million elements; this is the best for SGD and Adam)
BLOCK = 131072


def number(value: Any) -> Any:
    """A hyper-parameter as a Python number, also where it was given as a tensor of one element."""
    return value._a.item() if isinstance(value, Tensor) else value


def check_hyperparameter(text: str, value: Any, holds: bool, expected: str) -> None:
    """Raise ValueError in PyTorch's words unless a hyper-parameter is in its range."""
    if not holds:
        raise ValueError(f"{text}: {value}\nIt must be {expected}.")


def check_modes(
    *,
    foreach: Any = None,
    fused: Any = None,
    differentiable: bool = False,
    capturable: bool = False,
) -> None:
    """Check the arguments that choose among PyTorch's implementations; here there is one, so the
    others change nothing.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            "differentiable=True is not supported: the updates of dynagrad's optimizers are not "
            "recorded. To differentiate "
            "through a step, write it as an expression, as in p = p - lr * "
            "torch.autograd.grad(loss, p, create_graph=True)[0]"
        )
    if capturable:
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: ['cuda'].\n"
            "dynagrad computes on the CPU; leave out capturable=True"
        )


def check_scalar_tensor(name: str, value: Any, foreach: Any = None) -> None:
    """Raise ValueError unless a hyper-parameter given as a tensor has one element."""
    if isinstance(value, Tensor):
        if foreach:
            raise ValueError(
                f"{name} as a Tensor is not supported for capturable=False and foreach=True"
            )
        if value._a.size != 1:
            raise ValueError(f"Tensor {name} must be 1-element")


# --- running an update ----------------------------------------------------------------------------


def run(update: Callable, p: Any, g: Any, state: tuple, numbers: dict) -> None:
    """Write what `update(p, g, state, **numbers)` returns, (new p, *new state), into `p` and the
    arrays of `state`.
    """
    if p.size <= BLOCK:
        _run_once(update, p, g, state, numbers)
        return
    if not all(a.flags.c_contiguous for a in (p, *state) if a is not None):
        _run_once(update, p, g, state, numbers)
        return
    p, g = p.reshape(-1), g.reshape(-1)
    flat = [None if a is None else a.reshape(-1) for a in state]
    for start in range(0, p.size, BLOCK):
        part = slice(start, start + BLOCK)
        pieces = tuple([None if a is None else a[part] for a in flat])
        _run_once(update, p[part], g[part], pieces, numbers)


def _run_once(update: Callable, p: Any, g: Any, state: tuple, numbers: dict) -> None:
    try:
        made = update(p, g, state, **numbers)
    except WARNED:  # NumPy's warnings are exceptions here; nothing was written yet
        with np.errstate(all="ignore"):
            made = update(p, g, state, **numbers)
    p[...] = made[0]
    for array, value in zip(state, made[1:], strict=True):
        if array is not None:
            array[...] = value


def real_parts(array: Any) -> Any:
    """A complex array as a real one with a last dimension of 2, on the same memory."""
    return array[..., None].view(array.real.dtype)


class _Constants(dict):
    """Numbers as 0-d arrays of one dtype, made at first use: an array operand is the cheapest."""

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype

    def __missing__(self, value: Any) -> Any:
        self[value] = array = scalar(value, self.dtype)
        return array


class _ConstantsByType(dict):
    def __missing__(self, dtype: np.dtype) -> _Constants:
        self[dtype] = found = _Constants(dtype)
        return found


#: CONSTANTS[dtype][number]: for options, which stay; not for rates, which change
CONSTANTS = _ConstantsByType()


def with_gradients(
    group: dict[str, Any], place: tuple[Any, int]
) -> Iterator[tuple[Tensor, Any, Any]]:
    """The group's parameters that have a gradient: (parameter, its array, its gradient's array).

    After each of them its version is counted up: the algorithm has written it, at `place`.
    """
    for p in group["params"]:
        g = getattr(p, "_g", None)
        if g is not None:
            yield p, p._a, g._a
            family = p._v
            if family is None:
                family = family_of(p)
            family.cell.bump(place)


def counted(state: dict[str, Any]) -> float:
    """Count one step in `state["step"]`; the new count."""
    steps = state["step"]._a
    count = steps.item() + 1.0
    steps[...] = count
    return count


def new_count() -> Tensor:
    """A step count of 0: a 0-d tensor, float32 unless the default dtype is float64."""
    return wrap(np.zeros((), np.float64 if get_default_dtype().name == "float64" else np.float32))


def zeros_for(p: Tensor) -> Tensor:
    """Zeros of a parameter's shape, dtype and memory layout."""
    return wrap(np.zeros_like(p._a))
