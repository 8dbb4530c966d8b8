"""Random programs of nested function transforms, against PyTorch.

PyTorch runs each one with plain operations in the place of Functions and checkpoints: it loses the
derivative of a Function's jvp, and has no checkpoints within transforms.
"""

import warnings

import pytest
from scenario import described, differences
from transform_programs import Machine, Program, drawn
from user_functions import numbers

import dynagrad

torch = pytest.importorskip("torch")


def outcome(library, program: Program, own: bool) -> list:
    """The result, and the gradient by what was captured."""
    return [
        described(part, library) for part in Machine(library, own).run(program, numbers(library, 3))
    ]


def check(program: Program) -> bool:
    """Whether PyTorch can run the program; if so, both agree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = outcome(torch, program, own=False)
        except RuntimeError:
            return False
    found = differences(outcome(dynagrad, program, own=True), theirs, str(program), tolerance=1e-9)
    assert not found, "\n".join(found)
    return True


#: programs that once came out otherwise
PINNED = [
    # a result of an inner batch that holds values of outer levels, and one that holds none
    ("transform", "jacfwd",
     ("transform", "grad",
      ("transform", "grad",
       ("transform", "vmap", ("input", 1), ("input", 0), ("input", 3), 2),
       ("input", 0), ("input", 0), 2),
      ("input", 0), ("input", 0), 4),
     ("input", 0), ("input", 0), 1),
    ("transform", "grad",
     ("transform", "jacfwd",
      ("block", "detach", ("transform", "vmap", ("input", 2), ("input", 1), ("input", 0), 2), 1),
      ("input", 1), ("input", 0), 2),
     ("input", 0), ("input", 0), 3),
    # a checkpoint within a batch; one of a value from outside of the transform
    ("transform", "hessian", ("block", "checkpoint", ("input", 1), 5), ("input", 0), ("input", 0),
     5),
    ("transform", "aux",
     ("transform", "grad", ("block", "checkpoint", ("input", 2), 1), ("input", 0), ("input", 1), 3),
     ("input", 0), ("input", 0), 4),
    # a Function's indices under three levels
    ("transform", "vmap",
     ("transform", "hessian", ("block", "Function", ("input", 2), 5), ("input", 1), ("input", 0),
      5),
     ("input", 0), ("input", 0), 2),
    # a Function of nothing that is batched; the derivative of a jvp by its direction, in a batch
    ("transform", "hessian",
     ("block", "Function", ("block", "captured", ("input", 1), 3), 4), ("input", 0), ("input", 0),
     1),
    ("transform", "jacrev",
     ("transform", "jvp", ("block", "captured", ("input", 2), 2), ("input", 0), ("input", 1), 4),
     ("input", 0), ("input", 0), 3),
    # a write to what was made after a value that all examples share; a determinant's Hessian
    ("transform", "vmap",
     ("transform", "grad", ("block", "write", ("input", 2), 3), ("input", 0), ("input", 0), 4),
     ("input", 0), ("input", 0), 0),
    ("transform", "hessian", ("unary", "det", ("block", "captured", ("input", 1), 5)),
     ("input", 0), ("input", 0), 3),
    # what is captured does not matter to the gradient
    ("transform", "grad",
     ("transform", "vmap", ("input", 0), ("block", "captured", ("input", 0), 4), ("input", 1), 2),
     ("input", 0), ("input", 0), 1),
    # an operation's derivative of third order
    ("transform", "grad",
     ("transform", "hessian", ("unary", "solve", ("input", 2)), ("input", 1), ("input", 0), 5),
     ("input", 0), ("input", 0), 0),
    # linearize of writes over saved values
    ("block", "module",
     ("transform", "linearize",
      ("transform", "vmap", ("block", "write", ("input", 1), 5), ("unary", "where", ("input", 1)),
       ("input", 1), 2),
      ("input", 0), ("input", 0), 4),
     5),
]  # fmt: skip


@pytest.mark.parametrize("program", PINNED, ids=range(len(PINNED)))
def test_pinned(program: Program) -> None:
    assert check(program)


def test_some_programs() -> None:
    ran = [check(drawn(seed)) for seed in range(150)]
    assert sum(ran) > 135


@pytest.mark.fuzz
@pytest.mark.parametrize("depth", (3, 4, 5, 6))
def test_programs(depth: int) -> None:
    ran = [check(drawn(seed, depth)) for seed in range(1000 * depth, 1000 * depth + 300)]
    assert sum(ran) > 200
