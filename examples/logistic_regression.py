"""Logistic regression draws a border between two clouds of points.

A module, a loss and an optimiser with momentum. With a display a window shows the border as it
turns; without one an animated GIF is written.

    dynagrad run examples/logistic_regression.py
    python examples/logistic_regression.py   (where PyTorch is installed)
"""

from __future__ import annotations

import numpy as np
import torch
from _figures import BLUE, ORANGE, RED, Film, add_compile, command_line, tidy
from matplotlib.colors import LinearSegmentedColormap
from torch import nn

LOW, HIGH = -5.0, 5.0


class Border(nn.Module):
    """The chance that a point of the plane belongs to class 1."""

    def __init__(self) -> None:
        """One linear layer and the logistic function."""
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.chance = nn.Sigmoid()

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Chances of shape (n,) for points of shape (n, 2)."""
        return self.chance(self.linear(points)).squeeze(1)


def make_points(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two clouds of `count` points each, which overlap a little."""
    first = torch.normal(torch.tensor([-1.2, 1.0]).expand(count, 2), 1.2)
    second = torch.normal(torch.tensor([1.4, -0.8]).expand(count, 2), 1.2)
    return torch.cat((first, second)), torch.cat((torch.zeros(count), torch.ones(count)))


class Picture:
    """The plane coloured by the model's chances, beside the loss so far."""

    def __init__(self, film: Film, points: torch.Tensor, classes: torch.Tensor, steps: int) -> None:
        """Draw what does not change."""
        self.film, self.losses = film, []
        left, right = film.figure.subplots(1, 2, width_ratios=(1, 1.1))
        side = np.linspace(LOW, HIGH, 80, dtype=np.float32)
        grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        self.grid = torch.from_numpy(grid)
        shades = LinearSegmentedColormap.from_list("chances", [BLUE, "white", ORANGE])
        self.plane = left.imshow(
            np.full((80, 80), 0.5),
            cmap=shades, vmin=0, vmax=1, alpha=0.45, origin="lower",
            extent=(LOW, HIGH, LOW, HIGH), interpolation="bilinear",
        )  # fmt: skip
        for value, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "^")):
            chosen = points[classes == value].numpy()
            left.scatter(
                *chosen.T, s=26, color=colour, marker=marker, edgecolors="black", linewidths=0.4,
                label=f"class {value}",
            )  # fmt: skip
        (self.line,) = left.plot([], [], color="black", linewidth=2, label="chance 1/2")
        left.set(xlim=(LOW, HIGH), ylim=(LOW, HIGH))
        tidy(left, "", "first feature", "second feature")
        left.legend(loc="lower left")
        self.title = left.set_title("")
        (self.curve,) = right.plot([], [], color=RED, linewidth=2)
        right.set(xlim=(0, steps), ylim=(0, 1.2))
        tidy(right, "Loss (binary cross entropy)", "step", "loss")

    def update(self, step: int, model: Border, accuracy: float) -> None:
        """Move shades, border and curve to the present state and show them."""
        with torch.no_grad():
            self.plane.set_data(model(self.grid).reshape(80, 80).numpy())
        (a, b), c = model.linear.weight[0].tolist(), model.linear.bias.item()
        # The border is a x + b y + c = 0; walk along it from the point closest to the origin.
        x0, y0, reach = -a * c / (a * a + b * b), -b * c / (a * a + b * b), 2 * HIGH
        length = (a * a + b * b) ** 0.5
        ends = np.array([-reach, reach]) / length
        self.line.set_data(x0 - b * ends, y0 + a * ends)
        self.curve.set_data(range(len(self.losses)), self.losses)
        self.title.set_text(f"step {step}: {accuracy:.1%} on the right side")
        self.film.frame()


def main() -> None:
    """Learn, print, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=120, help="steps of training (120)")
    parser.add_argument("--lr", type=float, default=0.03, help="learning rate (0.03)")
    parser.add_argument("--seed", type=int, default=1, help="seed of data and weights (1)")
    parser.add_argument("--every", type=int, default=3, help="steps between two frames (3)")
    parser.add_argument("--no-window", action="store_true", help="write a GIF even with a display")
    add_compile(parser)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    points, classes = make_points(100)
    model, criterion = Border(), nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=0.9)
    film = Film(options.out, "logistic_regression", 10.5, 4.9, window=not options.no_window)
    picture = Picture(film, points, classes, options.steps)

    def learn() -> tuple[torch.Tensor, torch.Tensor]:
        chances = model(points)
        loss = criterion(chances, classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach(), (chances.ge(0.5).float() == classes).float().mean()

    learn = torch.compile(learn) if options.compile else learn
    for step in range(options.steps + 1):
        if step % options.every == 0:
            with torch.no_grad():
                accuracy = (model(points).ge(0.5).float() == classes).float().mean().item()
            picture.update(step, model, accuracy)
        loss, accuracy = learn()
        picture.losses.append(loss.item())
        if step % 20 == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}  accuracy {accuracy.item():.2%}")

    (a, b), c = model.linear.weight[0].tolist(), model.linear.bias.item()
    print(f"border: {a:.4f} x {b:+.4f} y {c:+.4f} = 0")
    film.finish()


if __name__ == "__main__":
    main()
