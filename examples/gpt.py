"""A small GPT learns to write like Shakespeare, letter by letter.

It reads eight of his sonnets (18, 29, 30, 55, 60, 73, 116 and 130, of 1609) in sonnets.txt, beside
this file: a Transformer that sees only what came before, with dropout, trained by AdamW under a
rate that rises and then falls along a cosine. The last sonnet is kept for testing.

    dynagrad run examples/gpt.py
    python examples/gpt.py               (where PyTorch is installed)
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
from _figures import BLUE, GREY, ORANGE, RED, add_compile, command_line, new_figure, save, tidy
from _progress import Training
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

CONTEXT, WIDTH, HEADS, LAYERS = 48, 64, 4, 2
BATCH, RATE = 16, 3e-3


class Text:
    """The sonnets as numbers, in a part for learning and a part for testing."""

    def __init__(self) -> None:
        """Read the file that lies beside this one."""
        text = (Path(__file__).parent / "sonnets.txt").read_text(encoding="utf-8")
        self.letters = sorted(set(text))
        numbers = {letter: i for i, letter in enumerate(self.letters)}
        whole = torch.tensor([numbers[letter] for letter in text])
        border = text.rindex("\n\n") + 2
        self.parts = {"train": whole[:border], "test": whole[border:]}

    def batch(self, part: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Random pieces, and the letters that follow each of their letters."""
        data = self.parts[part]
        starts = torch.randint(len(data) - CONTEXT, (count, 1))
        pieces = data[starts + torch.arange(CONTEXT + 1)]
        return pieces[:, :-1], pieces[:, 1:]

    def write(self, numbers: torch.Tensor) -> str:
        """The letters of some numbers."""
        return "".join(self.letters[i] for i in numbers.tolist())


class Attention(nn.Module):
    """Each letter looks back at the letters before it."""

    def __init__(self, dropout: float) -> None:
        """One map makes queries, keys and values, another one joins the heads."""
        super().__init__()
        self.project, self.join = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("seen", torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).tril())
        self.is_watched, self.looks = False, torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x`: batch x letters x width."""
        batch, length, _ = x.shape
        heads = self.project(x).view(batch, length, 3, HEADS, WIDTH // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-2, -1) / math.sqrt(WIDTH / HEADS)
        scores = scores.masked_fill(~self.seen[:length, :length], -math.inf)
        weights = scores.softmax(dim=-1)
        if self.is_watched:
            self.looks = weights.detach()
        mixed = (self.dropout(weights) @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        return self.dropout(self.join(mixed))


class Block(nn.Module):
    """Attention, then a small network for each letter; both are added to what came in."""

    def __init__(self, dropout: float) -> None:
        """Each part normalises what it reads."""
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(WIDTH), Attention(dropout))
        self.network = nn.Sequential(
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 4 * WIDTH),
            nn.GELU(),
            nn.Linear(4 * WIDTH, WIDTH),
            nn.Dropout(dropout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The shape stays."""
        x = x + self.attention(x)
        return x + self.network(x)


class GPT(nn.Module):
    """Scores for the next letter after each letter of a text."""

    def __init__(self, letters: int, dropout: float) -> None:
        """Letters and places become vectors; the last map shares the letters' vectors."""
        super().__init__()
        self.letter, self.place = nn.Embedding(letters, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block(dropout) for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.score = nn.Linear(WIDTH, letters, bias=False)
        self.apply(self._start)
        self.score.weight = self.letter.weight

    @staticmethod
    def _start(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """`numbers`: batch x letters."""
        places = torch.arange(numbers.shape[1])
        return self.score(self.norm(self.blocks(self.letter(numbers) + self.place(places))))

    @torch.no_grad()
    def sample(self, start: torch.Tensor, count: int, temperature: float) -> torch.Tensor:
        """Continue a text by `count` letters, each drawn by its chance."""
        numbers = start[None]
        for _ in range(count):
            scores = self(numbers[:, -CONTEXT:])[:, -1] / temperature
            drawn = torch.multinomial(scores.softmax(dim=-1), 1)
            numbers = torch.cat([numbers, drawn], dim=1)
        return numbers[0]


def loss_of(model: GPT, pieces: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
    """The mean surprise at a letter, in nats."""
    return F.cross_entropy(model(pieces).flatten(0, 1), following.flatten())


def optimizer_of(model: GPT) -> torch.optim.AdamW:
    """AdamW that lets matrices decay, and neither offsets nor scales."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))


def train(
    model: GPT, text: Text, steps: int, compiled: bool
) -> tuple[list[float], dict[int, float]]:
    """The loss of every step, and the loss on the test sonnet every 50 steps."""
    optimizer, warm = optimizer_of(model), min(20, steps // 4)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def learn(pieces: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
        loss = loss_of(model, pieces, following)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss.detach()

    learn = torch.compile(learn) if compiled else learn
    losses, tested = [], {}
    with Training(steps) as training:
        for step in range(1, steps + 1):
            loss = learn(*text.batch("train", BATCH))
            losses.append(loss.item())
            training.advance(loss.item())
            if step == 1 or step % 50 == 0 or step == steps:
                model.eval()
                with torch.no_grad():
                    tested[step] = loss_of(model, *text.batch("test", 32)).item()
                model.train()
                training.say(
                    f"step {step:4d}/{steps}  train loss {loss.item():.3f}"
                    f"  test loss {tested[step]:.3f}"
                )
    return losses, tested


def draw(
    losses: list[float], tested: dict[int, float], looks: torch.Tensor, line: str, letters: int
) -> Figure:
    """The losses, and where one head looks while it reads a line."""
    figure = new_figure(13, 5.6)
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(losses) + 1), losses, color=BLUE, linewidth=1, label="training sonnets")
    left.plot(list(tested), list(tested.values()), "o--", color=RED, label="test sonnet")
    left.axhline(math.log(letters), color=GREY, linewidth=0.8, linestyle=":")
    left.annotate(
        "all letters equally likely", (len(losses), math.log(letters)), (0, -11),
        textcoords="offset points", color=GREY, fontsize=9, ha="right",
    )  # fmt: skip
    left.set_ylim(0, math.log(letters) + 0.2)
    tidy(left, "Loss (cross entropy)", "step", "surprise per letter in nats")
    left.legend(frameon=False, loc="lower left")
    shown = right.imshow(looks.numpy(), cmap="Blues", vmin=0)
    names = [letter if letter != " " else "\u2423" for letter in line]
    right.set_xticks(range(len(line)), names, fontsize=8)
    right.set_yticks(range(len(line)), names, fontsize=8)
    right.set_title("Where the first head of the last layer looks")
    right.set(xlabel="letter looked at", ylabel="letter being read")
    figure.colorbar(shown, ax=right, label="weight", shrink=0.8)
    right.axline((0, 0), slope=1, color=ORANGE, linewidth=0.6)
    return figure


def main() -> None:
    """Train, print, write a few lines, draw."""
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=800, help="steps of training (800)")
    parser.add_argument("--dropout", type=float, default=0.1, help="share set to zero (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and batches (0)")
    add_compile(parser)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    text = Text()
    model = GPT(len(text.letters), options.dropout)
    count = sum(p.numel() for p in model.parameters())
    print(f"torch {torch.__version__}: {count} parameters, {len(text.letters)} letters,", end=" ")
    print(f"{len(text.parts['train'])} of text to learn from, {len(text.parts['test'])} to test")

    started = time.perf_counter()
    losses, tested = train(model, text, options.steps, options.compile)
    print(f"trained in {time.perf_counter() - started:.1f} s")

    model.eval()
    line = "Shall I compare thee to a summer's day?"
    start = torch.tensor([text.letters.index(letter) for letter in line + "\n"])
    print(text.write(model.sample(start, 240, 0.6)))
    last = model.blocks[-1].attention[1]
    last.is_watched = True
    with torch.no_grad():
        model(start[None, :-1])
    looks = last.looks[0, 0]
    save(draw(losses, tested, looks, line, len(text.letters)), options.out, "gpt")


if __name__ == "__main__":
    main()
