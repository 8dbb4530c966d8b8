"""The steps that compiled.py measures, written once for dynagrad and PyTorch (`torch` is either).

Each is written as users write it: one function without arguments that clears the gradients, goes
forward and backward and updates. The builders start from the same seeds in both libraries.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from training import gpt, lenet


class Step(NamedTuple):
    """A step, and the tensors besides its result that show what it has done."""

    run: Callable[[], Any]
    watched: Callable[[], list[Any]]


def himmelblau(torch: Any) -> Step:
    """A step of Adam on Himmelblau's function."""
    x = torch.tensor([-4.0, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=1e-3)

    def step() -> None:
        value = (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return Step(step, lambda: [x])


def training_step(model: Any, optimizer: Any, loss: Callable[[], Any]) -> Step:
    """Clear, forward, backward, update."""

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return Step(step, lambda: list(model.parameters()))


def logistic_regression(torch: Any) -> Step:
    """The tutorials' logistic regression: two clouds of 100 points, BCELoss, SGD with momentum."""
    torch.manual_seed(0)
    data = torch.cat((torch.randn(100, 2) + 1.7, torch.randn(100, 2) - 1.7))
    target = torch.cat((torch.zeros(100), torch.ones(100)))
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Sigmoid())
    criterion = torch.nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training_step(model, optimizer, lambda: criterion(model(data).squeeze(), target))


def perceptron(torch: Any) -> Step:
    """784-128-10, batch 64, cross entropy, SGD."""
    torch.manual_seed(0)
    nn = torch.nn
    data, target = torch.randn(64, 784), torch.randint(0, 10, (64,))
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return training_step(model, optimizer, lambda: criterion(model(data), target))


def wide_perceptron(torch: Any) -> Step:
    """1024-4096-4096-10, batch 256, cross entropy, Adam."""
    torch.manual_seed(0)
    nn = torch.nn
    data, target = torch.randn(256, 1024), torch.randint(0, 10, (256,))
    model = nn.Sequential(
        *(nn.Linear(1024, 4096), nn.ReLU()),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 10)),
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    return training_step(model, optimizer, lambda: criterion(model(data), target))


def hessian(torch: Any) -> Step:
    """The Hessian of Rosenbrock's function of 50 numbers."""
    torch.manual_seed(0)
    x = torch.randn(50)

    def rosenbrock(x: Any) -> Any:
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    of = torch.func.hessian(rosenbrock)

    def step() -> Any:
        return of(x)

    return Step(step, list)


def elementwise(torch: Any) -> Step:
    """tanh(a * 2 + 1) * sigmoid(a), 4096 x 4096, forward."""
    torch.manual_seed(0)
    a = torch.rand(4096, 4096)

    def step() -> Any:
        return torch.tanh(a * 2 + 1) * torch.sigmoid(a)

    return Step(step, list)


def log_softmax(torch: Any) -> Step:
    """log_softmax and nll_loss on 4096 x 8192, forward and backward."""
    torch.manual_seed(0)
    functional = torch.nn.functional
    x = torch.randn(4096, 8192, requires_grad=True)
    target = torch.randint(0, 8192, (4096,))

    def step() -> None:
        x.grad = None
        functional.nll_loss(functional.log_softmax(x, dim=1), target).backward()

    return Step(step, lambda: [x.grad])


def layer_norm(torch: Any) -> Step:
    """A layer norm of 8192 x 1024, forward and backward."""
    torch.manual_seed(0)
    layer = torch.nn.LayerNorm(1024)
    x = torch.randn(8192, 1024, requires_grad=True)
    g = torch.randn(8192, 1024)

    def step() -> None:
        x.grad = None
        layer.zero_grad()
        layer(x).backward(g)

    return Step(step, lambda: [x.grad, layer.weight.grad, layer.bias.grad])


def convolution(torch: Any) -> Step:
    """A 3x3 convolution, 64 to 64 channels, on 8 x 64 x 56 x 56, forward and backward."""
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(64, 64, 3, padding=1)
    x = torch.randn(8, 64, 56, 56, requires_grad=True)
    g = torch.randn(8, 64, 56, 56)

    def step() -> None:
        x.grad = None
        layer.zero_grad()
        layer(x).backward(g)

    return Step(step, lambda: [x.grad, layer.weight.grad, layer.bias.grad])


def lenet_step(torch: Any) -> Step:
    """LeNet-5, batch 64, Adam."""
    torch.manual_seed(0)
    model, loss, optimizer = lenet(torch)
    return training_step(model, optimizer, loss(64))


def gpt_step(torch: Any) -> Step:
    """A GPT of 4 layers x 128, batch 12 x 64, AdamW."""
    torch.manual_seed(0)
    model, loss, optimizer = gpt(torch)
    return training_step(model, optimizer, loss(12))


def lstm(torch: Any) -> Step:
    """An LSTM 64 to 128, sequences of 32, batch 16, forward and backward."""
    torch.manual_seed(0)
    layer = torch.nn.LSTM(64, 128)
    x, g = torch.randn(32, 16, 64), torch.randn(32, 16, 128)

    def step() -> None:
        layer.zero_grad()
        layer(x)[0].backward(g)

    return Step(step, lambda: [p.grad for p in layer.parameters()])
