"""Random programs of views and in-place writes, against PyTorch to the second derivative."""

import random

import pytest

pytest.importorskip("torch")

from expressions import LIBRARIES, check_same, derivatives, outcome  # noqa: E402

STEPS = [
    "y.mul_(2)",
    "y[0].add_(1)",
    "z = y.view(-1); z[1:3] *= 2",
    "z = y.transpose(0, 1); z.add_(x.transpose(0, 1))",
    "y[:, 1:] = m[1:]",
    "z = y[0]; z[1] = 5",
    "y[x > 0] = s",
    "y[L([0, 1]), L([1, 2])] += 1",
    "z = y.unsqueeze(0); z.mul_(y.detach().clone())",
    "z = y.diagonal(0, 1, 2); z.mul_(3)",
    "y = y * x",
    "y = y.flip(0)",
    "y = y[..., [0, 1, 3, 2]]",
    "z = y.narrow(1, 0, 2); z[0] = m[:2]",
    "z = y.permute(2, 0, 1); z[0].mul_(2)",
    "y.masked_fill_(y > 1, 0.5)",
    "z = y.unfold(2, 2, 2); z.add_(1)",
    "z = y.flatten(1); z[:, ::3] = v[:4]",
    "y.index_add_(1, L([0, 0]), x[:, :2])",
    "y.scatter_(2, L([[[0]]]), v[:1].view(1, 1, 1))",
]


@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(60))
def test_random_programs(number: int, seed: int) -> None:
    choose = random.Random(seed)
    steps = [choose.choice(STEPS) for _ in range(choose.randint(2, 6))]
    program = "; ".join(["y = x * 1", *steps, "y"])
    torch = LIBRARIES[0]
    scope, result = outcome(program, torch, True)
    if isinstance(result, str):
        assert isinstance(outcome(program, LIBRARIES[1], True)[1], str), result
        return
    try:
        derivatives(torch, scope, result)
    except RuntimeError as error:  # an overwritten value: both must say so
        with pytest.raises(RuntimeError, match=str(error)[:40]):
            check_derivatives(program)
        return
    check_same(program, strides=False)


def check_derivatives(program: str) -> None:
    scope, result = outcome(program, LIBRARIES[1], True)
    assert isinstance(result, list)
    derivatives(LIBRARIES[1], scope, result)
