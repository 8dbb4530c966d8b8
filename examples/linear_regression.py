"""A straight line learns to go through noisy points, written out by hand.

No module and no optimiser: two numbers, a loss, and a step against the gradient. With a display a
window shows the line as it moves; without one an animated GIF is written.

    dynagrad run examples/linear_regression.py
    python examples/linear_regression.py     (where PyTorch is installed)
"""

from __future__ import annotations

import torch
from _figures import BLUE, RED, Film, command_line, tidy


def make_points(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points around the line y = 1.5 x + 4."""
    x = torch.rand(count, 1) * 6 - 2
    return x, 1.5 * x + 4 + 0.8 * torch.randn(count, 1)


def least_squares(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Slope and offset of the best line, from its closed form."""
    dx, dy = x - x.mean(), y - y.mean()
    slope = (dx * dy).sum() / (dx * dx).sum()
    return slope.item(), (y.mean() - slope * x.mean()).item()


class Picture:
    """The points with the line, beside the loss so far."""

    def __init__(self, film: Film, x: torch.Tensor, y: torch.Tensor, steps: int) -> None:
        """Draw what does not change."""
        self.film, self.losses = film, []
        left, right = film.figure.subplots(1, 2)
        left.scatter(x.numpy(), y.numpy(), s=22, color=BLUE, alpha=0.75, label="data")
        self.ends = torch.tensor([[-2.2], [4.2]])
        slope, offset = least_squares(x, y)
        best = (slope * self.ends + offset).numpy()
        left.plot(self.ends.numpy(), best, ":", color="0.35", linewidth=2, label="least squares")
        (self.line,) = left.plot([], [], color=RED, linewidth=2.5, label="learnt line")
        tidy(left, "", "x", "y")
        left.set_ylim(-3, 13)
        left.legend(frameon=False, loc="upper left")
        self.title = left.set_title("")
        (self.curve,) = right.plot([], [], color=RED, linewidth=2)
        right.set(xlim=(0, steps), yscale="log", ylim=(0.1, 40))
        tidy(right, "Loss (half the mean squared error)", "step", "loss")

    def update(self, step: int, w: torch.Tensor, b: torch.Tensor) -> None:
        """Move line and curve to the present state and show them."""
        with torch.no_grad():
            self.line.set_data(self.ends.numpy(), (self.ends * w + b).numpy())
        self.curve.set_data(range(len(self.losses)), self.losses)
        self.title.set_text(f"step {step}:  y = {w.item():.3f} x + {b.item():.3f}")
        self.film.frame()


def main() -> None:
    """Learn, print, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=120, help="steps of gradient descent (120)")
    parser.add_argument("--lr", type=float, default=0.06, help="learning rate (0.06)")
    parser.add_argument("--seed", type=int, default=10, help="seed of data and start (10)")
    parser.add_argument("--every", type=int, default=3, help="steps between two frames (3)")
    parser.add_argument("--no-window", action="store_true", help="write a GIF even with a display")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    x, y = make_points(60)
    w = torch.randn(1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    film = Film(options.out, "linear_regression", 10.5, 4.4, window=not options.no_window)
    picture = Picture(film, x, y, options.steps)

    for step in range(options.steps + 1):
        loss = (0.5 * (y - (x * w + b)) ** 2).mean()
        picture.losses.append(loss.item())
        if step % 20 == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}  w {w.item():.4f}  b {b.item():.4f}")
        if step % options.every == 0:
            picture.update(step, w, b)
        loss.backward()
        with torch.no_grad():
            w -= options.lr * w.grad
            b -= options.lr * b.grad
        w.grad.zero_()
        b.grad.zero_()

    slope, offset = least_squares(x, y)
    print(f"learnt        w {w.item():.4f}  b {b.item():.4f}")
    print(f"least squares w {slope:.4f}  b {offset:.4f}")
    film.finish()


if __name__ == "__main__":
    main()
