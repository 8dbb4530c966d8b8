"""A variational autoencoder draws handwritten digits, and lays them out on a plane.

Its encoder turns a digit into a normal distribution over a plane, its decoder a point of the plane
into a digit; drawing the point as mean + deviation * noise lets gradients through (Kingma and
Welling, Auto-Encoding Variational Bayes, 2014). The digits come with scikit-learn.

    dynagrad run examples/vae.py
    python examples/vae.py               (where PyTorch is installed)
"""

from __future__ import annotations

import time

import torch
from _figures import BLUE, ORANGE, add_compile, command_line, new_figure, save, tidy
from _progress import Training
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

SIDE = 13


class VAE(nn.Module):
    """64 pixels, a plane, 64 pixels."""

    def __init__(self, width: int) -> None:
        """Both halves have two hidden layers."""
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 4)
        )
        self.decoder = nn.Sequential(
            nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 64)
        )

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and logarithms of the variances."""
        return self.encoder(images).chunk(2, dim=-1)

    def decode(self, points: torch.Tensor) -> torch.Tensor:
        """Images, grey values between 0 and 1."""
        return self.decoder(points).sigmoid()

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The two parts of the loss, each a mean over the images, in nats."""
        mean, log_variance = self.encode(images)
        points = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        error = F.binary_cross_entropy_with_logits(self.decoder(points), images, reduction="none")
        distance = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        return error.sum(dim=1).mean(), distance.sum(dim=1).mean()


def train(
    model: VAE, images: torch.Tensor, epochs: int, compiled: bool
) -> list[tuple[float, float]]:
    """The two parts of the loss of every epoch."""
    loader = DataLoader(TensorDataset(images), batch_size=100, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)

    def step(batch: torch.Tensor) -> torch.Tensor:
        error, distance = model(batch)
        optimizer.zero_grad()
        (error + distance).backward()
        optimizer.step()
        return torch.stack([error, distance]).detach()

    step = torch.compile(step) if compiled else step
    history = []
    with Training(epochs) as training:
        for epoch in range(1, epochs + 1):
            sums = torch.zeros(2)
            for (batch,) in loader:
                sums += len(batch) * step(batch)
            schedule.step()
            history.append(tuple((sums / len(images)).tolist()))
            training.advance(sum(history[-1]))
            if epoch == 1 or epoch % 10 == 0 or epoch == epochs:
                training.say(
                    f"epoch {epoch:3d}/{epochs}  loss {sum(history[-1]):.2f}"
                    f"  of which reconstruction {history[-1][0]:.2f}, distance {history[-1][1]:.2f}"
                )
    return history


def lay_out(model: VAE) -> torch.Tensor:
    """A picture of the decoder's digits on a grid from -2.5 to 2.5 in both directions."""
    ticks = torch.linspace(-2.5, 2.5, SIDE)
    down, right = torch.meshgrid(-ticks, ticks, indexing="ij")
    images = model.decode(torch.stack([right, down], dim=-1)).unflatten(-1, (8, 8))
    apart = F.pad(images, (1, 1, 1, 1))
    return apart.transpose(1, 2).reshape(10 * SIDE, 10 * SIDE)


@torch.no_grad()
def draw(model: VAE, images: torch.Tensor, labels: torch.Tensor, history: list) -> Figure:
    """The plane with the digits' means, the digits over it, and the losses."""
    figure = new_figure(15, 5.2)
    figure.get_layout_engine().set(wspace=0.08)
    left, middle, right = figure.subplots(1, 3)
    means, _ = model.encode(images)
    for digit in range(10):
        chosen = means[labels == digit]
        colour = colormaps["tab10"](digit)
        left.scatter(*chosen.T.numpy(), s=7, color=colour, alpha=0.6, linewidths=0)
        left.text(
            *chosen.median(dim=0).values.tolist(), str(digit), fontsize=11, weight="bold",
            ha="center", va="center",
            bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": colour},
        )  # fmt: skip
    left.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal")
    left.add_patch(Rectangle((-2.7, -2.7), 5.4, 5.4, fill=False, edgecolor="0.5"))
    tidy(left, "Where the encoder puts the digits", "first coordinate", "second coordinate")
    middle.imshow(lay_out(model).numpy(), cmap="gray_r", extent=(-2.7, 2.7, -2.7, 2.7))
    tidy(middle, "What the decoder draws there", "first coordinate", "second coordinate")
    epochs = range(1, len(history) + 1)
    right.plot(epochs, [sum(h) for h in history], color="black", label="sum")
    right.plot(epochs, [h[0] for h in history], "--", color=BLUE, label="reconstruction")
    right.plot(epochs, [h[1] for h in history], "-.", color=ORANGE, label="distance from normal")
    right.set_ylim(bottom=0)
    tidy(right, "Loss (negative lower bound)", "epoch", "nats per digit")
    right.legend(frameon=False)
    return figure


def main() -> None:
    """Train, print, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--epochs", type=int, default=100, help="passes over the data (100)")
    parser.add_argument("--width", type=int, default=128, help="hidden units a layer (128)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and noise (0)")
    add_compile(parser)
    options = parser.parse_args()

    digits = load_digits()
    images = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    torch.manual_seed(options.seed)
    model = VAE(options.width)
    print(f"torch {torch.__version__}: {len(images)} digits")

    started = time.perf_counter()
    history = train(model, images, options.epochs, options.compile)
    print(f"trained in {time.perf_counter() - started:.1f} s")

    with torch.no_grad():
        means, _ = model.encode(images)
        spread = means.std(dim=0).tolist()
    print(f"the means spread by {spread[0]:.2f} and {spread[1]:.2f}")
    save(draw(model, images, labels, history), options.out, "vae")


if __name__ == "__main__":
    main()
