"""Random steps that read state in every way: compiled, they do what they do eagerly.

    python tests/compiler/soundness.py N [SEED] [--keep-going]

Each program is a module with a step and a caller, run twice: once with its step compiled, once
plain. Between the calls both are changed in the same ways. After each call results, exceptions,
parameters, gradients, buffers, optimiser state, containers, objects, random states, files and
output are compared: floats within 1e-5 (float32) or 1e-10 (float64) of the largest element. A
program that fails is cut down and printed. Where only rounding is amplified (the plain program
differs as much in the same places once each of its operations rounds otherwise), nothing is said.
"""

import argparse
import collections
import gc
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

from soundness_programs import Program, make_program, source_of
from soundness_state import Difference, differences
from soundness_world import World

import dynagrad

#: Calls after which something runs compiled, or a reason is given why not.
ENOUGH = 10
#: How much farther than rounding moves a plain program its compiled twin may be, and how often it
#: is moved.
SLACK, TIMES = 5.0, 6


class Failure(NamedTuple):
    """The call after which a program's two instances differ, and how."""

    call: int
    faults: list[str]


class Standing(NamedTuple):
    """What became of the calls of compiled functions: how many ran without their Python code."""

    compiled: int
    calls: int
    reasons: list[str]
    #: why recorded courses did not fit later calls, and where the step raised
    whys: list[str]

    @property
    def is_never_compiled(self) -> bool:
        """Whether nothing ran compiled, though many calls without errors were counted, and nothing
        says why.
        """
        return not (self.compiled or self.reasons or self.whys) and self.calls >= ENOUGH

    @property
    def is_excused(self) -> bool:
        """Whether explain() gives a reason, or a value that decides was another one."""
        return bool(self.reasons) or any(why.startswith("a check") for why in self.whys)


class Report(NamedTuple):
    """How a program went."""

    failure: Failure | None
    standing: Standing
    is_ill_conditioned: bool = False


def bound_of(program: Program) -> float:
    """How far floats may be apart."""
    lines = [source_of(program), *(s.text for block in program.calls for s in block)]
    single = any("float32" in text or ".float()" in text for text in lines)
    return 1e-5 if single or program.frame.dtype == "float32" else 1e-10


def texts(block: tuple) -> list[str]:
    """The statements of a block."""
    return [statement.text for statement in block]


def is_ill_conditioned(program: Program, call: int, found: list[Difference]) -> bool:
    """Whether rounding alone moves the plain program, wherever the compiled one differs, about as
    far as that is away.
    """
    bound = bound_of(program)
    farthest: dict[str, float] = {}
    for seed in range(1, TIMES + 1):
        plain, moved = World(program, None), World(program, None, noise=seed)
        try:
            for block in program.calls[: call + 1]:
                plain.call(texts(block))
                moved.call(texts(block))
            for one in differences(moved.state(), plain.state(), bound, least=0.0):
                farthest[one.path] = max(farthest.get(one.path, 0.0), one.distance)
        finally:
            plain.close()
            moved.close()
    return all(one.distance <= SLACK * farthest.get(one.path, 0.0) for one in found)


def why_stuck(program: Program, world: World) -> str:
    """Why the last call did not run compiled, if it is as the one before it and nothing says so:
    neither explain() nor a value that decides.
    """
    changes = any(part and part.name.endswith("(eager)") for part in program.parts)
    if changes or world.dynamic is not False:  # a further shape may stay eager for a while
        return ""
    last = [texts(block) for block in program.calls[-2:]]
    if len(last) < 2 or last[0] != last[1] or not world.counts:
        return ""
    if any(error or not entered for error, entered in world.history[-2:]):
        return ""
    standing = standing_of(world)
    if standing.is_excused:
        return ""
    return f"no course fits a call that is as the one before: {standing.whys}"


def standing_of(world: World) -> Standing:
    """How often an instance's compiled functions ran compiled, and why they did not."""
    reasons, whys = [], []
    for made in world.made:
        if not hasattr(made, "explain"):
            reasons.append("not compiled")
            continue
        explanation = made.explain()
        for reason in explanation.reasons:
            (whys if reason.text.startswith("raises ") else reasons).append(str(reason))
        whys += [course.why for course in explanation.courses if course.why]
    return Standing(world.ran_compiled, world.calls, reasons, whys)


def check(program: Program, compiled: Callable = dynagrad.compile, count: bool = True) -> Report:
    """Run both instances of a program, and compare them after each call."""
    bound = bound_of(program)
    plain, ours = World(program, None), World(program, compiled)
    ours.counts = count
    failure, ill = None, False
    try:
        for number, block in enumerate(program.calls):
            ours.call(texts(block))
            plain.call(texts(block))
            found = differences(ours.state(), plain.state(), bound)
            if found:
                ill = is_ill_conditioned(program, number, found)
                failure = None if ill else Failure(number, [str(one) for one in found])
                break
        standing = standing_of(ours)
        if not failure and standing.is_never_compiled:
            text = "no call ran compiled, and explain() gives no reason"
            failure = Failure(len(program.calls) - 1, [text])
        if not failure and not ill and (text := why_stuck(program, ours)):
            failure = Failure(len(program.calls) - 1, [text])
        return Report(failure, standing, ill)
    finally:
        ours.close()
        plain.close()


def smaller(program: Program) -> Iterator[Program]:
    """Programs with one thing less."""
    for last in range(len(program.calls) - 1, 0, -1):
        yield program._replace(calls=program.calls[:last])
    for number in range(len(program.calls)):
        yield program._replace(calls=program.calls[:number] + program.calls[number + 1 :])
    for number, part in enumerate(program.parts):
        if part:
            parts = list(program.parts)
            parts[number] = None
            calls = tuple(
                tuple(one for one in block if one.part != number) for block in program.calls
            )
            yield program._replace(parts=tuple(parts), calls=calls)
    for number, block in enumerate(program.calls):
        for place in range(len(block)):
            if "result = " not in block[place].text:
                calls = list(program.calls)
                calls[number] = block[:place] + block[place + 1 :]
                yield program._replace(calls=tuple(calls))
    if program.frame.signature == "plain":
        usual = "step(torch.randn(5, 3), torch.randn(5, 4))"
        for number, block in enumerate(program.calls):
            simple = tuple(
                one._replace(
                    text=re.sub(r"(?<==\s)((trainer\.)?)step\(.*\)$", rf"\1{usual}", one.text)
                )
                for one in block
            )
            if simple != block:
                calls = (*program.calls[:number], simple, *program.calls[number + 1 :])
                yield program._replace(calls=calls)
    plain = dict(optimizer="SGD(learned, lr=0.05)", scheduler="", update="optimizer", options="")
    plain |= dict(loss="((h - y) ** 2).mean()", returned="loss", clearing="optimizer.zero_grad()")
    for name, value in plain.items():
        if getattr(program.frame, name) not in (value, ""):
            yield program._replace(frame=program.frame._replace(**{name: value}))


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The smallest program found that still fails."""
    while True:
        for candidate in smaller(program):
            if fails(candidate):
                program = candidate
                break
        else:
            return program


def fails_with(compiled: Callable) -> Callable[[Program], bool]:
    """What says whether a program's instances differ under a compiler."""

    def fails(program: Program) -> bool:
        try:
            return check(program, compiled, count=False).failure is not None
        except RuntimeError:  # a part is missing that another one needs
            return False

    return fails


def told(program: Program, failure: Failure) -> str:
    """A failing program as a script for reading: its module, its calls, and what differs."""
    head, _, module = source_of(program).partition("x_leaf = ")
    lines = [f"... (prelude, seed {program.frame.seed}, {program.frame.dtype})"]
    lines += ["x_leaf = " + module]
    for number, block in enumerate(program.calls[: failure.call + 1]):
        lines += [f"# call {number}", *texts(block)]
    lines += [f"after call {failure.call}:", *(f"    {fault}" for fault in failure.faults[:8])]
    return "\n".join(lines)


def without_place(reason: str) -> str:
    """A reason without file, line and the numbers of pieces."""
    return re.sub(r"_\d+\b", "_N", re.sub(r"^\S*:\d+: ", "", reason))


def run_many(first: int, count: int, keep_going: bool) -> int:
    """Run programs from a seed on; prints failures and a summary. How many fail."""
    failures = compiled = calls = 0
    reasons: collections.Counter[str] = collections.Counter()
    silent, ill = [], []
    for seed in range(first, first + count):
        program = make_program(seed)
        report = check(program)
        standing = report.standing
        ill += [seed] * report.is_ill_conditioned
        compiled, calls = compiled + standing.compiled, calls + standing.calls
        reasons.update({without_place(reason) for reason in standing.reasons})
        if not (standing.compiled or standing.reasons or standing.whys):
            silent.append(seed)
        if report.failure:
            failures += 1
            small = shrunk(program, fails_with(dynagrad.compile))
            failure = check(small).failure or report.failure
            names = ", ".join(part.name for part in program.parts if part)
            print(f"=== seed {seed} fails ({names})\n{told(small, failure)}\n", flush=True)
            if not keep_going:
                break
    print(
        f"{seed - first + 1} programs, {failures} failures, {len(ill)} ill-conditioned: {ill[:20]}"
    )
    print(f"{compiled} of {calls} calls ran compiled")
    print(f"{len(silent)} programs never ran compiled and give no reason: {silent[:20]}")
    for reason, number in reasons.most_common(40):
        print(f"{number:6} {reason}")
    return failures


def main() -> int:
    """Run the programs of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="how many programs")
    parser.add_argument("seed", type=int, nargs="?", default=0, help="the first one's seed")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at a failure")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    gc.freeze()  # programs collect garbage; what is there already need not be looked at
    return int(run_many(options.seed, options.count, options.keep_going) > 0)


if __name__ == "__main__":
    sys.exit(main())
