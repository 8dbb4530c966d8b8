"""Random programs over the whole surface, in lockstep with PyTorch (see surface_programs.py)."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from surface_programs import check  # noqa: E402 - imports the oracle
from surface_tables import TABLES, WEIGHTS, Step  # noqa: E402

WEIGHTED = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
CHUNK = 250

steps = st.builds(
    Step,
    st.sampled_from(WEIGHTED),
    st.integers(0, 999),
    *[st.integers(0, 59)] * 3,
    st.sampled_from([False] * 9 + [True]),
)
programs = st.lists(steps, min_size=2, max_size=30)


def step(text: str, a: int, b: int, c: int, silent: bool = False) -> Step:
    """The step of an expression; a change of the tables moves its number, not the program."""
    table = next(name for name, texts in TABLES.items() if text in texts)
    return Step(table, TABLES[table].index(text), a, b, c, silent)


def drawn(source: random.Random) -> list[Step]:
    """A random program of 2 to 30 steps."""
    return [
        Step(
            source.choice(WEIGHTED),
            source.randrange(1000),
            *[source.randrange(60) for _ in "abc"],
            source.random() < 0.1,
        )
        for _ in range(source.randint(2, 30))
    ]


#: programs that once came out otherwise than in PyTorch
PINNED: list[list[Step]] = [
    [step("t.baddbmm(z, x, y)", 0, 0, 0)],  # the error of a dimension that is not there
    # operands given by keyword; comparisons in place; what may write a leaf
    [step("t.eye(3)", 0, 0, 0), step("x.clamp_(min=y)", 4, 3, 0)],
    [step("t.ones(2, 3)", 0, 0, 0), step("x.eq_(y)", 4, 1, 0)],
    [step("x.logical_not_()", 0, 0, 0)],
    [step("t.broadcast_tensors(x, y)[0]", 0, 1, 0)],  # the tensor itself
    [step("x.unique()", 0, 0, 0)],  # it requires grad, and has none
    # several views made under no_grad
    [step("x.chunk(2, d)[0]", 3, 3, 2, True), step("F.hardtanh(x)", 4, 0, 0)],
    # a view with no sure history, read by what has no derivative
    [
        step("t.exp2(x)", 0, 0, 0),
        step("x.unbind(d)[0]", 4, 0, 0),
        step("x.square_()", 4, 0, 0),
        step("t.logical_xor(x, y)", 5, 5, 0),
    ],
    # what is not saved may be overwritten, what is saved must not
    [step("t.eye(3)", 0, 0, 0), step("t.copysign(x, y)", 3, 4, 0), step("x.fill_(n)", 4, 1, 0)],
    [step("x.min()", 1, 0, 0), step("x.softmax(d)", 4, 0, 0), step("x.fill_(n)", 5, 1, 0)],
    [step("n - x", 0, 0, 0), step("x.t_()", 0, 0, 0, True)],  # a leaf of another shape by now
    [step("x.min()", 1, 0, 0), step("put(x, None, y)", 4, 4, 0)],  # onto itself
    # memory is ordered by the operands' strides, or in rows
    [step("x.t()", 3, 0, 0), step("t.add(x, y)", 4, 3, 0), step("t.add(x, y)", 3, 4, 0)],
    [
        step("x.t()", 0, 0, 0),
        step("x.cumsum(d)", 4, 0, 0),
        step("x.sort(dim=d, stable=True)", 4, 0, 0),
    ],
    [step("x.t()", 0, 0, 0), step("2 ** x", 4, 0, 0), step("F.logsigmoid(x)", 4, 0, 0)],
    [step("x.t()", 0, 0, 0), step("x.masked_fill(m, 0.5)", 4, 0, 0), step("x[i]", 4, 0, 0)],
    [step("x.t()", 0, 0, 0), step("x.index_fill(d, i, 2)", 4, 0, 0), step("x.flip(d)", 4, 0, 0)],
    [step("x[..., ::2]", 0, 0, 0), step("t.select_scatter(x, y, d, 0)", 4, 1, 0)],
    # dtypes: of a number's place, of the exponent, of what is expanded first
    [step("t.tensor(0.5)", 0, 0, 0), step("t.logaddexp(x, y)", 2, 4, 0)],
    [step("t.ldexp(x, y.clamp(0, 6))", 0, 1, 0)],
    [step("x.to(t.uint8)", 2, 0, 0), step("x.clamp(-1, 1)", 4, 0, 0)],
    [step("x.sum()", 0, 0, 0), step("F.l1_loss(x, y, reduction='none')", 4, 1, 0)],
    [step("x.bool()", 0, 0, 0), step("x.all()", 4, 0, 0), step("t.lerp(x, y, z)", 0, 0, 5)],
    # which of several errors comes first
    [step("put(x, i, y)", 2, 0, 0), step("put(x, i, y)", 0, 26, 0), step("x.mv(y)", 0, 0, 0)],
    [step("x.sum()", 0, 0, 0), step("x.mv(y)", 4, 1, 0), step("x.unflatten(d, (1, -1))", 4, 0, 0)],
    [
        step("x.sum()", 0, 0, 0),
        step("t.slice_scatter(x, y, d, 0, 1)", 4, 0, 0),
        step("x.mT", 4, 0, 0),
    ],
    # a cotangent of nan where a derivative is 0
    [
        step("x.sqrt()", 1, 0, 0),
        step("t.diagonal_scatter(x, y)", 3, 4, 0),
        step("x.sqrt()", 5, 0, 0),
    ],
    [step("x.min()", 1, 0, 0), step("x.var()", 4, 0, 0)],
    # a base of another shape: its views have a new history, those made under no_grad none
    [
        step("x.trunc()", 0, 0, 0),
        step("x.select(d, 0)", 4, 0, 0, True),
        step("x.swapaxes_(0, d)", 4, 0, 1),
        step("x.tril()", 0, 0, 0),
    ],
    # three operands: the first says how the result lies in memory; a part of complex numbers
    [step("x.T", 3, 0, 0), step("t.addcmul(x, y, z)", 3, 4, 4)],
    [step("x.T", 3, 0, 0), step("t.addcmul(x, y, z)", 1, 4, 3)],
    [step("x.mT", 0, 0, 0), step("x.var()", 0, 0, 0), step("t.complex(x, y)", 5, 4, 0)],
    # no element is divided, or looked for
    [
        step("x.kthvalue(1, d)", 3, 0, 0),
        step("t.tensor_split(x, i.clamp(0, 2).sort().values, d)[0]", 2, 0, 0),
        step("t.div(x, y, rounding_mode='trunc')", 6, 5, 0),
    ],
    [
        step("t.tensor_split(x, i.clamp(0, 2).sort().values, d)[0]", 0, 0, 0),
        step("F.embedding(i, x)", 4, 0, 0),
    ],
    [
        step("t.tensor_split(x, i.clamp(0, 2).sort().values, d)[0]", 0, 0, 0),
        step("put(x, i, y)", 4, 1, 1),
    ],
    # broadcast over three dimensions
    [
        step("x.unflatten(d, (1, -1))", 3, 0, 1),
        step("x.T", 4, 0, 0),
        step("t.true_divide(x, y)", 0, 5, 0),
    ],
    # 0 ** y under an infinite cotangent; flags have no lerp
    [step("x.argmax(d)", 1, 0, 0), step("x ** y", 4, 0, 0), step("x.rsqrt()", 5, 0, 0)],
    [step("x.bool()", 0, 0, 0), step("x.all()", 4, 0, 0), step("x.lerp_(y, 0.5)", 5, 4, 0)],
    # what is expanded is converted in its order
    [
        step("x.T", 0, 0, 0),
        step("x.expand(2, *x.shape)", 4, 0, 0),
        step("x.int()", 5, 0, 0),
    ],
    # differences of a view that a write made invalid
    [
        step("x.atan()", 0, 0, 0),
        step("x.chunk(2, d)[0]", 4, 0, 0),
        step("x.zero_()", 4, 0, 0),
        step("t.isclose(x, y)", 0, 5, 0),
    ],
    # a factor that nobody reads may be overwritten
    [
        step("x.detach()", 0, 0, 0),
        step("x.clone()", 4, 0, 0),
        step("t.einsum('ij,kj->ik', x, y)", 5, 3, 0),
        step("x.relu_()", 3, 0, 0, True),
    ],
    # what ldexp of two dtypes saves
    [step("t.ldexp(x, y.clamp(0, 6))", 0, 1, 0), step("x.xlogy_(y)", 0, 0, 0, True)],
    # an infinite cotangent of a nan that is replaced: nan, for it is multiplied by 0
    [
        step("t.arange(n + 1)", 15, 10, 34),
        step("x.logical_not()", 12, 57, 8),
        step("t.searchsorted(t.tensor([-1.0, 0.0, 1.0], dtype=t.float64), x.detach())", 10, 33, 27),
        step("x % y", 17, 25, 45),
        step("t.nan_to_num(x)", 31, 23, 29),
        step("t.xlogy(x, y)", 3, 44, 56),
    ],
    # rows that do not begin where numbers of the wider dtype do
    [step("x.as_strided((2, 2), (1, 1))", 1, 0, 0), step("x.view(t.float64)", 4, 0, 0)],
    # what serves a view made under no_grad, whose cotangents are dropped, may be overwritten
    [
        step("x.select(d, 0)", 3, 0, 0, True),
        step("t.addcmul(x, y, z)", 0, 4, 0),
        step("x.zero_()", 0, 0, 0, True),
    ],
    [
        step("x.swapaxes(0, d)", 1, 0, 0, True),
        step("t.addcmul(x, y, z)", 0, 4, 0),
        step("x.zero_()", 0, 0, 0, True),
    ],
    # another shape under no_grad is a write, after which views have a new history or none
    [
        step("x.trunc()", 0, 0, 0),
        step("x.view_as(x)", 4, 0, 0, True),
        step("x.squeeze_()", 5, 0, 0, True),
        step("x.atan()", 0, 0, 0),
    ],
    # an angle's derivative: a large cotangent is not divided by a square first
    [
        step("x.half()", 1, 0, 0),
        step("x.trunc()", 4, 0, 0),
        step("t.deg2rad(x)", 4, 0, 0),
        *[step("x.trace()", 3, 0, 0)] * 6,
        step("t.atan2(x, y)", 6, 5, 0),
    ],
    # at the origin an infinite cotangent is multiplied by 0
    [
        *[step("x.relu_()", 0, 0, 0, True), step("t.atan2(x, y)", 0, 0, 0)],
        step("x.reciprocal_()", 4, 0, 0),
    ],
    # the mean of a variance is infinite where the last element alone is
    [
        *[step("x.new_tensor([1, 2])", 0, 0, 0), step("x.relu_()", 4, 0, 0)],
        *[step("t.tensor(n)", 0, 0, 0), step("t.log2(x)", 5, 0, 0)],
        step("t.std_mean(x)", 6, 0, 0, True),
    ],
    # angles lie in rows
    [step("x.to(t.complex128)", 0, 0, 0), step("x.t()", 4, 0, 0), step("x.angle()", 5, 0, 0)],
    [
        step("x.trunc()", 0, 0, 0),
        step("x.unsqueeze(d)", 4, 0, 0),
        step("x.unbind(d)[0]", 4, 0, 0),
        step("x.unsqueeze_(d)", 5, 0, 0),
        step("x.atan()", 0, 0, 0),
    ],
    # nan is the last of distinct numbers
    [
        step("x.bfloat16()", 0, 0, 0),
        step("t.log2(x)", 4, 0, 0),
        step("x.unique()", 5, 0, 0),
    ],
    # the gradient of means of nothing
    [
        step("t.tensor_split(x, i.clamp(0, 2).sort().values, d)[0]", 1, 0, 0),
        step("F.layer_norm(x, x.shape[-1:])", 4, 0, 0),
    ],
    # nothing is written, and no index is looked at
    [
        *[step("t.tensor(n)", 0, 0, 0), step("t.argwhere(x)", 4, 0, 0)],
        step("x.index_fill_(d, i, n)", 5, 0, 0),
    ],
    # what a product of batches saves is a copy, where no view makes their dimensions one
    [step("x.diag_embed()", 0, 0, 0), step("x @ y", 0, 4, 0), step("put(x, 0, 0.5)", 4, 0, 0)],
    # a nan in bfloat16
    [
        *[step("x.amax(d)", 0, 0, 0), step("t.xlogy(x, y)", 0, 0, 0), step("x.expm1()", 0, 0, 0)],
        *[step("F.hardshrink(x)", 0, 0, 0), step("x.bfloat16()", 5, 0, 0)],
        step("t.nan_to_num(x)", 8, 0, 0),
    ],
    # a view of a product that nobody sees, made under no_grad
    [
        *[step("t.where(x > 0, x, y)", 0, 0, 0), step("t.inner(x, y)", 0, 3, 0, True)],
        step("x.div_(y)", 5, 0, 0),
    ],
    # an operand with no sure history is converted for what has no derivative
    [
        step("x.diag()", 1, 0, 0),
        step("x.permute(tuple(range(x.dim())[::-1]))", 4, 0, 0, True),
        step("x.copy_(y)", 4, 1, 0, True),
        step("x == y", 5, 3, 0),
    ],
    # a row of a layer_norm with an infinite cotangent
    [
        *[step("t.arange(n + 1)", 0, 2, 0), step("F.layer_norm(x, x.shape[-1:])", 1, 0, 0)],
        step("x.xlogy_(y)", 5, 4, 0),
    ],
    # the norm of zeros under a cotangent of nan
    [
        *[step("t.zeros_like(x)", 0, 0, 0), step("x * y", 0, 4, 0), step("x.norm()", 5, 0, 0)],
        step("x.rsqrt()", 6, 0, 0),
    ],
    # the variance of a nan alone
    [step("t.log2(x)", 0, 0, 0), step("x.min()", 4, 0, 0), step("x.var()", 5, 0, 0)],
    # two cotangents of a complex number, one with an infinite imaginary part
    [
        *[step("x.to(t.complex128)", 0, 0, 0), step("t.view_as_real(x)", 4, 0, 0)],
        step("x.sqrt()", 5, 0, 0),
    ],
]


@pytest.mark.parametrize("program", PINNED, ids=range(len(PINNED)))
def test_pinned(program: list[Step]) -> None:
    check(program)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chunk" in metafunc.fixturenames:
        count = metafunc.config.getoption("--programs")
        metafunc.parametrize("chunk", range(-(-count // CHUNK)))


@pytest.mark.fuzz
def test_programs(chunk: int, seed: int) -> None:
    """A failure prints the program; Hypothesis, below, shrinks those that it finds."""
    source = random.Random(seed)
    for _ in range(CHUNK):
        program = drawn(source)
        try:
            check(program)
        except AssertionError:
            print("\n".join(f"{s.text}  {tuple(s)}" for s in program))
            raise


@pytest.mark.fuzz
@settings(suppress_health_check=list(HealthCheck))
@given(programs)
def test_shrinking_programs(program: list[Step]) -> None:
    check(program)
