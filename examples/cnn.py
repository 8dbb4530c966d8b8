"""A convolutional network reads handwritten digits, moved about while it learns.

The 1797 real digits (8 x 8 pixels) come with scikit-learn; nothing is downloaded. A fifth of them
is kept for testing. Each digit is shifted by up to a pixel, anew every time, by a data loader.

    dynagrad run examples/cnn.py
    python examples/cnn.py               (where PyTorch is installed)
"""

from __future__ import annotations

import time

import torch
from _figures import BLUE, RED, add_compile, command_line, new_figure, save, tidy
from _progress import Training
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split


class Shifted(Dataset):
    """The images of another data set, shifted by up to one pixel."""

    def __init__(self, images: Dataset) -> None:
        """`images`: pairs of an image and its label."""
        self.images = images

    def __len__(self) -> int:
        """As many as there are."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The image, moved, and its label."""
        image, label = self.images[index]
        down, right = torch.randint(3, (2,)).tolist()
        return F.pad(image, (1, 1, 1, 1))[:, down : down + 8, right : right + 8], label


class Network(nn.Module):
    """Two convolutions with a halving of the picture between them, and a linear reader."""

    def __init__(self) -> None:
        """16 and 32 channels."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
        )
        self.reader = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`images`: batch x 1 x 8 x 8; the result: a score for each digit."""
        return self.reader(self.features(images))


def load() -> tuple[Dataset, Dataset]:
    """The digits in two parts: to learn from, and to test with."""
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    whole = TensorDataset(images, torch.tensor(digits.target))
    return tuple(random_split(whole, [1437, 360]))


@torch.no_grad()
def evaluate(model: nn.Module, data: Dataset) -> tuple[float, torch.Tensor]:
    """The mean loss, and how often each digit (row) was read as each (column)."""
    model.eval()
    images, labels = next(iter(DataLoader(data, batch_size=len(data))))
    scores = model(images)
    counts = torch.zeros(10, 10, dtype=torch.long)
    pairs = (labels, scores.argmax(dim=1))
    counts.index_put_(pairs, torch.ones_like(labels), accumulate=True)
    return F.cross_entropy(scores, labels).item(), counts


def train(
    model: nn.Module, learnt: Dataset, tested: Dataset, epochs: int, compiled: bool
) -> list[tuple]:
    """Train with AdamW under one cycle of the rate; losses and accuracy after each epoch."""
    loader = DataLoader(Shifted(learnt), batch_size=64, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.01, total_steps=epochs * len(loader)
    )

    def step(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss.detach()

    step = torch.compile(step) if compiled else step
    history = []
    with Training(epochs * len(loader)) as training:
        for epoch in range(1, epochs + 1):
            model.train()
            total = 0.0
            for images, labels in loader:
                loss = step(images, labels)
                total += loss.item() * len(labels)
                training.advance(loss.item())
            test_loss, counts = evaluate(model, tested)
            right = counts.trace().item() / len(tested)
            history.append((total / len(learnt), test_loss, right))
            training.say(
                f"epoch {epoch:2d}/{epochs}  train loss {history[-1][0]:.3f}"
                f"  test loss {test_loss:.3f}  test {right:7.2%}"
            )
    return history


def draw(history: list[tuple], counts: torch.Tensor, filters: torch.Tensor) -> Figure:
    """The losses, the mistakes, and what the first layer looks for."""
    figure = new_figure(14, 4.8)
    left, middle, right = figure.subfigures(1, 3, width_ratios=(5, 5, 4))
    curves = left.subplots()
    epochs = range(1, len(history) + 1)
    curves.semilogy(epochs, [h[0] for h in history], "o-", color=BLUE, label="training, shifted")
    curves.semilogy(epochs, [h[1] for h in history], "s--", color=RED, label="test")
    curves.yaxis.set_major_formatter("{x:g}")
    tidy(curves, "Loss (cross entropy)", "epoch", "loss in nats per digit")
    curves.legend(frameon=False)
    table = middle.subplots()
    table.imshow(counts.numpy(), cmap="Blues")
    for row in range(10):
        for column in range(10):
            count = int(counts[row, column])
            if count:
                colour = "white" if count > 20 else "black" if row == column else RED
                table.text(column, row, count, ha="center", va="center", color=colour, fontsize=9)
    table.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="digit")
    table.set_title("Test digits, number of each reading")
    right.suptitle("The 16 filters of the first layer\n(blue: dark counts, red: light counts)")
    limit = filters.abs().max().item()
    for cell, kernel in zip(right.subplots(4, 4).ravel(), filters, strict=True):
        cell.imshow(kernel[0].numpy(), cmap="RdBu", vmin=-limit, vmax=limit)
        cell.set(xticks=[], yticks=[])
    return figure


def main() -> None:
    """Train, print, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--epochs", type=int, default=12, help="passes over the data (12)")
    parser.add_argument("--seed", type=int, default=0, help="seed of split and weights (0)")
    add_compile(parser)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    learnt, tested = load()
    model = Network()
    print(f"torch {torch.__version__}: {len(learnt)} digits to learn from,", end=" ")
    print(f"{len(tested)} to test with")

    started = time.perf_counter()
    history = train(model, learnt, tested, options.epochs, options.compile)
    print(f"trained in {time.perf_counter() - started:.1f} s")
    _, counts = evaluate(model, tested)
    right = counts.trace().item()
    print(f"test accuracy {right / len(tested):.2%} ({right} of {len(tested)})")
    filters = model.features[0].weight.detach()
    save(draw(history, counts, filters), options.out, "cnn")


if __name__ == "__main__":
    main()
