"""Random modules with a step, and what a caller does with it: programs for soundness.py.

A program is made of pieces (pieces.txt), each of which reads or writes state in its own way, of a
skeleton around them, and of blocks of statements, each of which ends with a call of the step. All
of it is text, so that a failing program can be printed, cut down and run by itself.
"""

import random
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

from soundness_phrases import (
    ARGUMENTS,
    BETWEEN,
    BETWEEN_OPTIMIZER,
    CLEARINGS,
    CONDITIONS,
    EXPRESSIONS,
    INPUTS,
    LOSSES,
    OPTIMIZERS,
    OUTER,
    PRELUDE,
    RETURNED,
    SCHEDULERS,
    SIGNATURES,
    UPDATES,
    WRAPPERS,
)

#: Calls with all that may come between them; then calls that are left in peace.
CALLS, STEADY = 9, 2


class Piece(NamedTuple):
    """One way of reading or writing state, as text with placeholders."""

    name: str
    top: str
    start: str
    step: str
    after: str
    result: str
    between: str


class Part(NamedTuple):
    """A piece in a program: its lines as they stand in it."""

    name: str
    top: str
    start: str
    step: str
    after: str
    result: str


class Statement(NamedTuple):
    """A statement of the caller, and the part that it belongs to (-1: none)."""

    text: str
    part: int = -1


class Frame(NamedTuple):
    """What stands around the parts: everything that one choice decides."""

    kind: str
    dtype: str
    seed: int
    signature: str
    clearing: str
    loss: str
    update: str
    returned: str
    optimizer: str
    scheduler: str
    schedule_inside: bool
    options: str


class Program(NamedTuple):
    """A module and its caller."""

    frame: Frame
    parts: tuple[Part | None, ...]
    calls: tuple[tuple[Statement, ...], ...]


def read_pieces() -> list[Piece]:
    """The pieces of pieces.txt."""
    text = Path(__file__).with_name("pieces.txt").read_text()
    pieces = []
    for block in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("\n")
        top, *sections = re.split(r"^-- ", rest, flags=re.MULTILINE)
        found = dict.fromkeys(("start", "step", "after", "result", "between"), "")
        for section in sections:
            title, _, lines = section.partition("\n")
            found[title] = lines.strip("\n")
        pieces.append(Piece(name, top.strip("\n"), **found))
    return pieces


PIECES = read_pieces()
#: How often each is chosen.
WEIGHTS = [1 if piece.name.endswith("(eager)") else 5 for piece in PIECES]


def filled(text: str, rng: random.Random, number: int) -> str:
    """The text with its placeholders filled."""
    text = re.sub("COND", lambda _: rng.choice(CONDITIONS), text)
    while "EXPR" in text:
        text = text.replace("EXPR", rng.choice(EXPRESSIONS), 1)
    text = re.sub(r"\bNUM\b", lambda _: repr(rng.randint(1, 30) / 16), text)
    return re.sub(r"_N\b", f"_{number}", text)


def indented(text: str, levels: int = 1) -> str:
    """The text further to the right."""
    return textwrap.indent(text, "    " * levels)


def make_part(piece: Piece, number: int, rng: random.Random) -> Part:
    """A piece as it stands in a program: plain, or in a function, loop or branch of its own."""
    top, step = piece.top, piece.step
    chance = rng.random()
    if step and chance < 0.25:
        step = WRAPPERS[rng.choice(list(WRAPPERS))].replace("{body}", indented(step))
    elif step and chance < 0.4:
        outer, step_line = OUTER[rng.choice(list(OUTER))]
        levels = 1 if "\n{body}" in outer else 2
        body = indented(step, levels)
        outer = outer.replace("    {body}" if levels == 2 else "{body}", body)
        top, step = f"{top}\n{outer}".strip(), step_line
    texts = (top, piece.start, step, piece.after, piece.result)
    return Part(piece.name, *(filled(text, rng, number) for text in texts))


def make_frame(rng: random.Random) -> Frame:
    """The skeleton."""
    kinds = ("training",) * 5 + ("function",) * 3 + ("module", "trainer", "evaluation", "factory")
    kind = rng.choice(kinds)
    update = rng.choice(("optimizer",) * 6 + ("closure", "no_grad", "data", "new data"))
    uses = kind not in ("function", "evaluation")
    return Frame(
        kind=kind,
        dtype=rng.choice(("float64", "float64", "float32")),
        seed=rng.randrange(1000),
        signature=rng.choice(("plain",) * 4 + ("extras", "batch")),
        clearing=rng.choice((*CLEARINGS, "", "late")),
        loss=rng.choice(LOSSES),
        update=update,
        returned=rng.choice(RETURNED),
        optimizer=rng.choice(OPTIMIZERS),
        scheduler=rng.choice(SCHEDULERS) if uses and rng.random() < 0.25 else "",
        schedule_inside=rng.random() < 0.5,
        options=rng.choice((", dynamic=False",) * 5 + ("", "", ", dynamic=True")),
    )


def given_arguments(frame: Frame, rng: random.Random, rows: int, usual: bool) -> str:
    """The arguments of one call."""
    kind = INPUTS[0] if usual else rng.choice(INPUTS)
    x, y = kind.replace("B", str(rows)), f"torch.randn({rows}, 4)"
    if rng.random() < (0.05 if usual else 0.3):
        x, y = rng.choice(ARGUMENTS)
    if frame.signature == "batch":
        return f'{{"x": {x}, "pair": (1, {y})}}'
    if frame.signature == "extras" and rng.random() < 0.4:
        extra = rng.choice(("0.5", "scale=2", "scale=2.0", "shift=torch.tensor(0.3)", "shift=None"))
        return f"{x}, {y}, {extra}"
    if usual:
        return f"{x}, {y}"
    return rng.choice((f"{x}, {y}", f"x={x}, y={y}", f"{x}, y={y}", f"*({x}, {y})"))


def make_call(frame: Frame, rng: random.Random, usual_rows: int, steady: bool) -> Statement:
    """One call of the step; a steady one is as most are."""
    usual = steady or rng.random() < 0.85
    rows = usual_rows if steady or rng.random() < 0.85 else rng.choice((1, 2, 3, 5, 7, 0))
    arguments = given_arguments(frame, rng, rows, usual)
    text = f"result = {'trainer.' if frame.kind == 'trainer' else ''}step({arguments})"
    if "y[:, :3]" in arguments:
        text = f"y = torch.randn({rows}, 4); {text}"
    if not steady and rng.random() < 0.05:
        text = f"with torch.no_grad(): {text}"
    return Statement(text)


def make_program(seed: int) -> Program:
    """The program that belongs to a seed."""
    rng = random.Random(seed)
    frame = make_frame(rng)
    count = rng.choice((1, 1, 1, 2, 2, 3))
    chosen = list(dict.fromkeys(rng.choices(PIECES, WEIGHTS, k=count)))
    parts = tuple(make_part(piece, n, rng) for n, piece in enumerate(chosen, 1))
    own = [
        (line, n)
        for n, piece in enumerate(chosen)
        for line in filled(piece.between, rng, n + 1).splitlines()
    ]
    general = list(BETWEEN)
    if frame.kind not in ("function", "evaluation"):
        general += BETWEEN_OPTIMIZER
    rows = rng.choice((5, 5, 5, 2, 1, 40))
    calls = []
    for number in range(CALLS + STEADY):
        steady, block = number >= CALLS, []
        if not steady and number > 1 and rng.random() < 0.4:
            for _ in range(rng.choice((1, 1, 2))):
                if own and rng.random() < 0.65:
                    text, part = rng.choice(own)
                    block.append(Statement(text, part))
                else:
                    block.append(Statement(filled(rng.choice(general), rng, 0)))
        if frame.clearing == "" and rng.random() < 0.5:
            block.append(Statement("for p in learned: p.grad = None"))
        block.append(make_call(frame, rng, rows, steady))
        if frame.kind == "function" and rng.random() < 0.7:
            block.append(Statement("differentiate(result)"))
        if frame.scheduler and not frame.schedule_inside:
            block.append(Statement("scheduler.step()"))
        calls.append(tuple(block))
    return Program(frame, parts, tuple(calls))


def body_of(program: Program) -> str:
    """The lines of the step."""
    frame, parts = program.frame, [part for part in program.parts if part]
    trains = frame.kind not in ("function", "evaluation", "module")
    lines = [part.start for part in parts]
    if frame.signature == "batch":
        lines.insert(0, 'x, y = batch["x"], batch["pair"][1]')
    if trains and frame.clearing != "late":
        lines.append(frame.clearing)
    lines.append("h = x @ weight + bias")
    lines.append(SIGNATURES[frame.signature][1])
    lines += [part.step for part in parts]
    lines.append(f"loss = {frame.loss}")
    if trains:
        if frame.clearing == "late":
            lines.append("optimizer.zero_grad()")
        lines.append("loss.backward()")
        lines += [part.after for part in parts]
        lines.append(UPDATES[frame.update])
        if frame.scheduler and frame.schedule_inside:
            lines.append("scheduler.step()")
    results = [part.result for part in parts if part.result]
    returned = frame.returned
    lines.append(f"return {returned if not results else ', '.join([f'({returned})', *results])}")
    return "\n".join(line for line in lines if line)


def source_of(program: Program) -> str:
    """The module's text."""
    frame = program.frame
    tops = [part.top for part in program.parts if part and part.top]
    lines = [PRELUDE.strip().replace("SEED", str(frame.seed)), *tops]
    if frame.kind not in ("function", "evaluation"):
        lines.append(f"optimizer = torch.optim.{frame.optimizer}")
    if frame.scheduler:
        lines.append(f"scheduler = torch.optim.lr_scheduler.{frame.scheduler}")
    signature, body = SIGNATURES[frame.signature][0], body_of(program)
    plain = f"def step({signature}):\n{indented(body)}"
    compile_it = f"step = compiled(step{frame.options})"
    if frame.kind == "trainer":
        method = f"class Trainer:\n    @compiled\n    def step(self, {signature}):\n"
        lines.append(f"{method}{indented(body, 2)}\ntrainer = Trainer()")
    elif frame.kind == "evaluation":
        lines.append(f"@torch.no_grad()\n{plain}\n{compile_it}")
    elif frame.kind == "factory":
        inner = indented(f"{plain}\nreturn compiled(step)")
        lines.append(f"def made():\n{inner}\nstep = made()")
    elif frame.kind == "module":
        forward = f"class Net(nn.Module):\n    def forward(self, {signature}):\n{indented(body, 2)}"
        train = (
            "net = Net()\nrun = compiled(net)\ndef step(*args, **kwargs):\n"
            f"    optimizer.zero_grad()\n    out = run(*args, **kwargs)\n    differentiate(out)\n"
            f"{indented(UPDATES[frame.update])}\n    return out"
        )
        lines.append(f"{forward}\n{train}")
    else:
        lines.append(f"{plain}\n{compile_it}")
    return "\n\n".join(lines) + "\n"
