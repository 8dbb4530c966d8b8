"""The optimisers of PyTorch's list, their configurations, and the training they are given."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from listed import Missing
from opdb.translate import is_tensor, numbers, ours
from torch.testing._internal.common_optimizers import optim_db

import dynagrad

ENTRIES = {info.name: info for info in optim_db if info.name != "SparseAdam"}

F32, F64 = torch.float32, torch.float64
STEPS = 10


class Config(NamedTuple):
    """One way to make an optimiser."""

    text: str
    options: dict[str, Any]


def here(name: str) -> type:
    """This library's optimiser of that name."""
    found = getattr(dynagrad.optim, name, None)
    if found is None:
        raise Missing(f"dynagrad.optim.{name}")
    return found


def configs(info: Any) -> list[Config]:
    """PyTorch's configurations, those for GPUs too, each with every choice of implementation: what
    PyTorch refuses on a CPU must be refused.
    """
    found = [Config(given.desc, given.kwargs) for given in info.optim_inputs_func("cuda")]
    flags = [flag for flag in info.supported_impls if flag != "differentiable"]
    for given in list(found):
        for flag in flags:
            found.append(Config(f"{given.text}, {flag}", {**given.options, flag: True}))
    if "foreach" in flags:
        found.append(Config("not foreach", {"foreach": False}))
    return found


def made(name: str, params: Any, options: dict[str, Any], mine: bool) -> Any:
    """An optimiser; the tensors among its options are its own."""
    kind = here(name) if mine else getattr(torch.optim, name)
    given = {k: ours(v) if mine else copy.deepcopy(v) for k, v in options.items()}
    return kind(params, **given)


# --- what is trained ------------------------------------------------------------------------------

SHAPES = ((3,), (4, 5), (2, 3, 4), (), (5, 2), (6,))
FLAT = ((4, 5), (5, 4), (3, 3), (1, 6), (5, 2), (6, 2))  # for Muon, which takes matrices alone
CONTIGUOUS = ((3,), (4, 5), (2, 3, 4), (), (10,), (6,))  # for LBFGS: PyTorch's refuses others
LARGE = ((200, 180), (70, 80), (30, 50))  # an update may take large ones in parts
TRANSPOSED, WITHOUT, SOMETIMES = 4, 5, 2


class Course:
    """Parameters and their gradients at each step: plain arrays, the same for both libraries.

    One parameter lies transposed in memory, one never has a gradient, one only at even steps.
    """

    def __init__(self, seed: int, dtype: str, shapes: tuple = SHAPES):
        rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.start = [_drawn(rng, shape, dtype) for shape in shapes]
        self.grads = [[_drawn(rng, shape, dtype) for shape in shapes] for _ in range(STEPS)]

    def params(self, lib: Any, dtype: str = "") -> list:
        """New parameters."""
        found = []
        for number, array in enumerate(self.start):
            if number == TRANSPOSED:
                t = lib.asarray(array.T.copy()).to(_of(lib, dtype or self.dtype)).t()
            else:
                t = lib.asarray(array.copy()).to(_of(lib, dtype or self.dtype))
            found.append(t.detach().requires_grad_())
        return found

    def give(self, params: list, step: int) -> None:
        """Set the gradients of a step."""
        for number, (p, array) in enumerate(zip(params, self.grads[step], strict=True)):
            lib = torch if isinstance(p, torch.Tensor) else dynagrad
            if number == WITHOUT or (number == SOMETIMES and step % 2):
                p.grad = None
            else:
                grad = lib.empty_like(p.detach())  # as the backward pass lays it out
                p.grad = grad.copy_(lib.asarray(array.copy()))


def _of(lib: Any, dtype: str) -> Any:
    return getattr(lib, dtype)


def _drawn(rng: np.random.Generator, shape: tuple, dtype: str) -> np.ndarray:
    array = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        array = array + 1j * rng.standard_normal(shape)
    return np.asarray(array, dtype)


def valley(params: list, course: Course) -> Callable[[], Any]:
    """A closure: a curved loss of all parameters, with its gradients."""
    lib = torch if isinstance(params[0], torch.Tensor) else dynagrad
    targets = [
        lib.asarray(a.copy()).to(p.dtype) for a, p in zip(course.grads[0], params, strict=True)
    ]

    def closure() -> Any:
        for p in params:
            p.grad = None
        loss = 0
        for number, (p, target) in enumerate(zip(params, targets, strict=True)):
            if number != WITHOUT:
                distance = (p - target).abs()
                loss = loss + (distance**2 * (1 + number)).sum() + (distance**4).sum() / 4
        loss.backward()
        return loss

    return closure


# --- moving a state from one library to the other -------------------------------------------------


def to_torch(value: Any) -> Any:
    """A state of this library as one of PyTorch's, in own memory."""
    if is_tensor(value):
        a = numbers(value)
        copied = np.copy(a, order="K")
        return torch.from_numpy(copied) if a.ndim else torch.tensor(a[()])
    if isinstance(value, dict):
        return {k: to_torch(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(to_torch(v) for v in value)
    return value


def to_ours(value: Any) -> Any:
    """A state of PyTorch's as one of this library, in own memory."""
    return ours(value)
