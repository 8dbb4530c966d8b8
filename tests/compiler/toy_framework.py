"""A tiny framework for the tests of the census: what belongs to it is not the user's code."""

from contextlib import contextmanager
from typing import Any

FILE = __file__
epoch = [0]
enabled = [True]


class Tensor:
    """A number in a box."""

    def __init__(self, value: float, grad: Any = None) -> None:
        self.value = value
        self.grad = grad

    shape = property(lambda self: (3, 4))

    def __add__(self, other: Any) -> "Tensor":
        return Tensor(self.value + plain(other))

    def __mul__(self, other: Any) -> "Tensor":
        return Tensor(self.value * plain(other))

    __radd__, __rmul__ = __add__, __mul__

    def __len__(self) -> int:
        return 3

    def __bool__(self) -> bool:
        return self.value != 0

    def __gt__(self, other: Any) -> bool:
        return self.value > plain(other)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __iter__(self) -> Any:
        return iter([Tensor(self.value), Tensor(2 * self.value)])

    def __getitem__(self, key: Any) -> "Tensor":
        return Tensor(self.value)

    def item(self) -> "Number":
        return Number(self.value)


class Number(float):
    """A number that a tensor gave: its arithmetic is seen by the framework."""

    def __add__(self, other: Any) -> "Number":
        return Number(float(self) + float(other))

    def __mul__(self, other: Any) -> "Number":
        return Number(float(self) * float(other))

    __radd__, __rmul__ = __add__, __mul__

    def __format__(self, spec: str) -> str:
        return format(float(self), spec)


class Module:
    """A part of a model, of whose attributes the framework keeps count."""

    training = True

    def __setattr__(self, name: str, value: Any) -> None:
        epoch[0] += 1
        object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)  # type: ignore[attr-defined]

    def parameters(self) -> Any:
        for value in list(vars(self).values()):
            if isinstance(value, Tensor):
                yield value
            elif isinstance(value, Module):
                yield from value.parameters()


class Linear(Module):
    """Multiply and add."""

    def __init__(self, weight: float, bias: float) -> None:
        self.weight, self.bias = Tensor(weight), Tensor(bias)

    def forward(self, x: Any) -> Tensor:
        return x * self.weight + self.bias


class SGD:
    """Its settings lie in plain dictionaries."""

    def __init__(self, parameters: Any, lr: float) -> None:
        self.param_groups = [Group(params=list(parameters), lr=lr)]

    def zero_grad(self) -> None:
        for p in self.param_groups[0]["params"]:
            p.grad = None

    def step(self, closure: Any = None) -> Any:
        return None if closure is None else closure()


class Group(dict):
    """A dictionary that the framework watches."""


class no_grad:  # noqa: N801
    """Switch recording off."""

    def __enter__(self) -> None:
        enabled.append(False)

    def __exit__(self, *error: Any) -> None:
        enabled.pop()


@contextmanager
def scope() -> Any:
    yield


def plain(x: Any) -> float:
    return x.value if isinstance(x, Tensor) else float(x)


def tanh(x: Tensor) -> Tensor:
    return Tensor(x.value / (1 + abs(x.value)))


def stack(tensors: Any, scale: float = 1.0) -> Tensor:
    return Tensor(sum(plain(t) for t in tensors) * scale)


def apply(function: Any, *args: Any) -> Any:
    return function(*args)


def is_framework(file: str) -> bool:
    return file == FILE


def is_framework_object(thing: Any) -> bool:
    return isinstance(thing, Tensor | Module | SGD | Group)


def is_symbolic(thing: Any) -> bool:
    return type(thing) is Number


float32 = object.__new__(type("dtype", (), {"__module__": __name__}))
