"""Adam walks down Himmelblau's function from several starts.

The function has four minima, each of value 0; where a walk ends depends on where it starts.

    dynagrad run examples/himmelblau.py
    python examples/himmelblau.py        (where PyTorch is installed)
"""

from __future__ import annotations

import numpy as np
import torch
from _figures import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    add_compile,
    command_line,
    new_figure,
    save,
    tidy,
)
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import Normal, Stroke

MINIMA = (
    (3.0, 2.0),
    (-2.805118, 3.131313),
    (-3.779310, -3.283186),
    (3.584428, -1.848127),
)
STARTS = ((-4.0, 0.0), (0.0, 0.0), (0.5, -4.5), (-0.5, 4.5), (4.5, 4.5), (-1.0, -1.5))
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)


def himmelblau(x, y):
    """The function, of Tensors or of arrays: (x^2 + y - 11)^2 + (x + y^2 - 7)^2."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def walk(
    starts: torch.Tensor, steps: int, lr: float, compiled: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Follow Adam from all starts at once.

    Adam treats each number by itself and the sum's gradient in a point is that point's own, so the
    walks do not touch each other. Returns the places (steps + 1, starts, 2) and values there.
    """
    points = starts.clone().requires_grad_()
    optimizer = torch.optim.Adam([points], lr=lr)

    def step() -> torch.Tensor:
        value = himmelblau(points[:, 0], points[:, 1])
        optimizer.zero_grad()
        value.sum().backward()
        optimizer.step()
        return value.detach()

    step = torch.compile(step) if compiled else step
    places, values = [], []
    for _ in range(steps):
        places.append(points.detach().clone())
        values.append(step())
    places.append(points.detach())
    values.append(himmelblau(points[:, 0], points[:, 1]).detach())
    return torch.stack(places), torch.stack(values)


def nearest_minimum(x: float, y: float) -> tuple[float, float]:
    """The minimum that is closest to a point."""
    return min(MINIMA, key=lambda place: (place[0] - x) ** 2 + (place[1] - y) ** 2)


def draw_map(axes: Axes, places: np.ndarray) -> None:
    """The contour map with every walk on it."""
    side = np.linspace(-5.5, 5.5, 300)
    x, y = np.meshgrid(side, side)
    height = himmelblau(x, y)
    levels = np.geomspace(1, 900, 13)
    shades = LinearSegmentedColormap.from_list("heights", ["#FFFFFF", "#9A9AA5"])
    axes.contourf(x, y, np.log(height + 1), np.log(levels + 1), cmap=shades, extend="both")
    axes.contour(x, y, height, levels, colors="#7A7A85", linewidths=0.5)
    outline = [Stroke(linewidth=4, foreground="white"), Normal()]
    for number, colour in zip(range(places.shape[1]), COLOURS * 9, strict=False):
        path = places[:, number]
        label = f"from ({path[0, 0]:g}, {path[0, 1]:g})"
        axes.plot(*path.T, color=colour, linewidth=2.2, path_effects=outline, label=label)
        axes.plot(*path[0], "o", color=colour, markeredgecolor="white", markersize=9)
    axes.plot(
        *np.array(MINIMA).T, "*", color="white", markeredgecolor="black", markersize=16, zorder=5
    )
    tidy(axes, "Adam's paths; dots are starts, stars are minima", "x", "y")
    axes.set_aspect("equal")


def draw_values(axes: Axes, values: np.ndarray) -> None:
    """The function's value along each walk."""
    for number, colour in zip(range(values.shape[1]), COLOURS * 9, strict=False):
        axes.semilogy(np.maximum(values[:, number], 1e-14), color=colour, linewidth=1.8)
    tidy(axes, "Value along the way", "step", "f(x, y)")


def main() -> None:
    """Walk, print, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=1000, help="steps of each walk (1000)")
    parser.add_argument("--lr", type=float, default=0.02, help="Adam's learning rate (0.02)")
    add_compile(parser)
    options = parser.parse_args()

    starts = torch.tensor(STARTS)
    places, values = walk(starts, options.steps, options.lr, options.compile)
    for start, end, value in zip(starts.tolist(), places[-1].tolist(), values[-1], strict=True):
        x, y = nearest_minimum(*end)
        print(
            f"from ({start[0]:5.1f}, {start[1]:5.1f}) to ({end[0]:7.4f}, {end[1]:7.4f})"
            f"  f = {value.item():.4f}  nearest minimum ({x:7.4f}, {y:7.4f})"
        )

    figure = new_figure(13, 6.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    draw_map(left, places.numpy())
    draw_values(right, values.numpy())
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    save(figure, options.out, "himmelblau")


if __name__ == "__main__":
    main()
