"""A multilayer perceptron learns to read handwritten digits.

The 1797 real digits (8 x 8 pixels) come with scikit-learn; nothing is downloaded. A fifth of them
is kept for testing. The same file runs on dynagrad and on PyTorch and prints the same losses:

    dynagrad run examples/digits.py
    python examples/digits.py            (where PyTorch is installed)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from _figures import BLUE, RED, add_compile, command_line, new_figure, save, tidy
from _progress import Training
from matplotlib.figure import SubFigure
from matplotlib.ticker import LogLocator, NullLocator
from sklearn.datasets import load_digits
from torch import nn


@dataclass
class Data:
    """Images in rows of 64 grey values between 0 and 1, and their labels."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


@dataclass
class History:
    """Losses and accuracies after each epoch."""

    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)


def load(seed: int) -> Data:
    """Load the digits and keep a random fifth of them for testing."""
    digits = load_digits()
    images = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    test, train = order[:360], order[360:]
    return Data(images[train], labels[train], images[test], labels[test])


def build() -> nn.Sequential:
    """The network: 64 pixels, 128 hidden units, 10 digits."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def evaluate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """The mean loss and the share of right answers."""
    with torch.no_grad():
        scores = model(images)
        loss = nn.functional.cross_entropy(scores, labels)
        right = (scores.argmax(dim=1) == labels).float().mean()
    return loss.item(), right.item()


def train_epoch(step: Callable, data: Data, batch_size: int) -> None:
    """One pass over the training digits in a new random order."""
    order = torch.randperm(len(data.train_labels))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        step(data.train_images[batch], data.train_labels[batch])


def say(training: Training, number: int, epochs: int, history: History) -> None:
    """Print a line after the first epoch and after every fifth."""
    if number == 1 or number % 5 == 0 or number == epochs:
        training.say(
            f"epoch {number:3d}/{epochs}"
            f"  train loss {history.train_loss[-1]:.4f}"
            f"  test loss {history.test_loss[-1]:.4f}"
            f"  train {history.train_accuracy[-1]:7.2%}"
            f"  test {history.test_accuracy[-1]:7.2%}"
        )


def train(model: nn.Module, data: Data, epochs: int, batch_size: int, compiled: bool) -> History:
    """Train with momentum and a learning rate that falls along half a cosine."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    criterion = nn.CrossEntropyLoss()

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step = torch.compile(step) if compiled else step
    history = History()
    with Training(epochs) as training:
        for number in range(1, epochs + 1):
            train_epoch(step, data, batch_size)
            schedule.step()
            loss, accuracy = evaluate(model, data.train_images, data.train_labels)
            history.train_loss.append(loss)
            history.train_accuracy.append(accuracy)
            loss, accuracy = evaluate(model, data.test_images, data.test_labels)
            history.test_loss.append(loss)
            history.test_accuracy.append(accuracy)
            training.advance(history.train_loss[-1])
            say(training, number, epochs, history)
    return history


def draw_curves(area: SubFigure, history: History) -> None:
    """Loss above, accuracy below."""
    above, below = area.subplots(2, 1, sharex=True)
    epochs = range(1, len(history.train_loss) + 1)
    above.semilogy(epochs, history.train_loss, color=BLUE, label="training digits")
    above.semilogy(epochs, history.test_loss, "--", color=RED, label="test digits")
    above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    above.yaxis.set_major_formatter("{x:g}")
    above.yaxis.set_minor_locator(NullLocator())
    tidy(above, "Loss (cross entropy)", "", "loss")
    above.legend(frameon=False)
    for values, style, colour in (
        (history.train_accuracy, "-", BLUE),
        (history.test_accuracy, "--", RED),
    ):
        below.plot(epochs, [100 * value for value in values], style, color=colour)
    below.axhline(97, color="0.6", linewidth=0.8)
    below.annotate("97 %", (1, 97), (0, 2), textcoords="offset points", color="0.4", fontsize=8)
    below.set_ylim(top=100.5)
    tidy(below, "Accuracy", "epoch", "right answers in %")


def draw_digits(area: SubFigure, data: Data, predictions: torch.Tensor) -> None:
    """Test digits with what the network reads; its mistakes framed and named."""
    rows, columns = 6, 9
    right = predictions == data.test_labels
    wrong_ones = [index for index, ok in enumerate(right.tolist()) if not ok]
    right_ones = [index for index, ok in enumerate(right.tolist()) if ok]
    chosen = wrong_ones[: rows * columns]
    # Right ones from all over the test set fill the other cells.
    step = max(1, len(right_ones) // (rows * columns))
    chosen = sorted(chosen + right_ones[::step][: rows * columns - len(chosen)])
    area.suptitle(
        f"{len(chosen)} of {len(right)} test digits, among them all {len(wrong_ones)} mistakes"
        if len(wrong_ones) <= rows * columns
        else f"{len(chosen)} of {len(wrong_ones)} mistakes"
    )
    cells = area.subplots(rows, columns).ravel()
    for cell in cells[len(chosen) :]:
        cell.axis("off")
    for index, cell in zip(chosen, cells, strict=False):
        cell.imshow(data.test_images[index].reshape(8, 8).numpy(), cmap="gray_r")
        cell.set(xticks=[], yticks=[])
        read, label = int(predictions[index]), int(data.test_labels[index])
        if read == label:
            cell.set_title(f"{read}", fontsize=9, color="0.35", pad=3)
            cell.spines[:].set_color("0.85")
        else:
            cell.set_title(f"{read}, is {label}", fontsize=9, color=RED, weight="bold", pad=3)
            cell.spines[:].set(color=RED, linewidth=3)


def main() -> None:
    """Train, print, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--epochs", type=int, default=30, help="passes over the data (30)")
    parser.add_argument("--batch-size", type=int, default=64, help="digits per step (64)")
    parser.add_argument("--seed", type=int, default=0, help="seed of split and weights (0)")
    add_compile(parser)
    options = parser.parse_args()

    data = load(options.seed)
    torch.manual_seed(options.seed)
    model = build()
    print(f"torch {torch.__version__}: {len(data.train_labels)} digits to learn from,", end=" ")
    print(f"{len(data.test_labels)} to test with")

    started = time.perf_counter()
    history = train(model, data, options.epochs, options.batch_size, options.compile)
    seconds = time.perf_counter() - started

    with torch.no_grad():
        predictions = model(data.test_images).argmax(dim=1)
    right = int((predictions == data.test_labels).sum())
    total = len(predictions)
    print(f"trained in {seconds:.1f} s")
    print(f"test accuracy {right / total:.2%} ({right} of {total})")

    figure = new_figure(13, 6.5)
    curves, digits = figure.subfigures(1, 2, width_ratios=(5, 8))
    draw_curves(curves, history)
    draw_digits(digits, data, predictions)
    save(figure, options.out, "digits")


if __name__ == "__main__":
    main()
