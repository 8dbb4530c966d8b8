"""An LSTM forecasts how many people will fly, two years ahead.

The series is Box and Jenkins' classic: international airline passengers, month by month from
January 1949 to December 1960. The network reads the logarithms of a year and predicts the next
month; the last two years are kept for testing, and forecast from its own predictions alone.

    dynagrad run examples/lstm.py
    python examples/lstm.py              (where PyTorch is installed)
"""

from __future__ import annotations

import time

import torch
from _figures import BLUE, GREY, RED, add_compile, command_line, new_figure, save, tidy
from _progress import Training
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# Thousands of passengers, a year a line; G. E. P. Box and G. M. Jenkins, Time Series Analysis, 1970
PASSENGERS = """
112 118 132 129 121 135 148 148 136 119 104 118
115 126 141 135 125 149 170 170 158 133 114 140
145 150 178 163 172 178 199 199 184 162 146 166
171 180 193 181 183 218 230 242 209 191 172 194
196 196 236 235 229 243 264 272 237 211 180 201
204 188 235 227 234 264 302 293 259 229 203 229
242 233 267 269 270 315 364 347 312 274 237 278
284 277 317 313 318 374 413 405 355 306 271 306
315 301 356 348 355 422 465 467 404 347 305 336
340 318 362 348 363 435 491 505 404 359 310 337
360 342 406 396 420 472 548 559 463 407 362 405
417 391 419 461 472 535 622 606 508 461 390 432
"""
YEAR, HELD = 12, 24


class Forecaster(nn.Module):
    """A year of numbers in, the next one out; both are taken relative to the year's first."""

    def __init__(self, width: int) -> None:
        """One recurrent layer and a map from its last state."""
        super().__init__()
        self.lstm = nn.LSTM(1, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, years: torch.Tensor) -> torch.Tensor:
        """`years`: batch x 12."""
        first = years[:, :1]
        states, _ = self.lstm((years - first).unsqueeze(-1))
        return (first + self.head(states[:, -1])).squeeze(-1)


def windows(series: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Every year of the series, and the month after it."""
    pieces = series.unfold(0, YEAR + 1, 1)
    return pieces[:, :-1], pieces[:, -1]


@torch.no_grad()
def forecast(model: Forecaster, year: torch.Tensor, months: int) -> torch.Tensor:
    """Continue a year by its own predictions."""
    for _ in range(months):
        year = torch.cat([year, model(year[None, -YEAR:])])
    return year[YEAR:]


def train(model: Forecaster, known: torch.Tensor, epochs: int, compiled: bool) -> list[float]:
    """The mean loss of every epoch."""
    years, following = windows(known)
    loader = DataLoader(TensorDataset(years, following), batch_size=20, shuffle=True)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=max(1, epochs // 3), gamma=0.3)

    def step(batch: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        loss = criterion(model(batch), wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    step = torch.compile(step) if compiled else step
    losses = []
    with Training(epochs) as training:
        for epoch in range(1, epochs + 1):
            total = 0.0
            for batch, wanted in loader:
                total += step(batch, wanted).item() * len(wanted)
            schedule.step()
            losses.append(total / len(years))
            training.advance(losses[-1])
            if epoch == 1 or epoch % 10 == 0 or epoch == epochs:
                training.say(f"epoch {epoch:3d}/{epochs}  loss {losses[-1]:.4f}")
    return losses


def draw(series: torch.Tensor, fitted: torch.Tensor, ahead: torch.Tensor, losses: list) -> Figure:
    """The series with what was predicted, beside the loss."""
    figure = new_figure(13, 5)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    months = [1949 + i / 12 for i in range(len(series))]
    left.plot(months, series.tolist(), color=GREY, label="passengers")
    left.plot(months[YEAR:-HELD], fitted.tolist(), color=BLUE, label="predicted one month ahead")
    left.plot(
        months[-HELD:], ahead.tolist(), "--", color=RED, label="forecast made in December 1958"
    )
    left.axvspan(months[-HELD], months[-1], color=RED, alpha=0.07, linewidth=0)
    left.annotate("kept for testing", (months[-HELD], 120), (4, 0), textcoords="offset points")
    left.set_ylim(bottom=0)
    tidy(left, "International airline passengers", "year", "passengers per month in thousands")
    left.legend(frameon=False, loc="upper left")
    right.semilogy(range(1, len(losses) + 1), losses, color=BLUE)
    tidy(right, "Training loss", "epoch", "mean squared error of the scaled logarithm")
    return figure


def main() -> None:
    """Train, forecast, print, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--epochs", type=int, default=60, help="passes over the data (60)")
    parser.add_argument("--width", type=int, default=32, help="size of the hidden state (32)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and order (0)")
    add_compile(parser)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    series = torch.tensor([float(number) for number in PASSENGERS.split()])
    logs = series.log()
    mean, std = logs[:-HELD].mean(), logs[:-HELD].std()
    scaled = (logs - mean) / std
    known = scaled[:-HELD]
    model = Forecaster(options.width)
    print(f"torch {torch.__version__}: {len(known)} months to learn from, {HELD} to test with")

    started = time.perf_counter()
    losses = train(model, known, options.epochs, options.compile)
    print(f"trained in {time.perf_counter() - started:.1f} s")

    with torch.no_grad():
        fitted = (model(windows(known)[0]) * std + mean).exp()
    ahead = (forecast(model, known[-YEAR:], HELD) * std + mean).exp()
    truth, last = series[-HELD:], series[-HELD - YEAR : -HELD]
    naive = torch.cat([last, last])
    for name, guess in (("forecast", ahead), ("last year repeated", naive)):
        error = ((guess - truth) / truth).abs().mean().item()
        print(f"{name}: {100 * error:.1f} % off in the mean, two years ahead")
    print(
        f"December 1960: {ahead[-1].item():.0f} forecast, {truth[-1].item():.0f} flown (thousands)"
    )
    save(draw(series, fitted, ahead, losses), options.out, "lstm")


if __name__ == "__main__":
    main()
