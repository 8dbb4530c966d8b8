"""Random functions and fills: the same numbers, history and errors as PyTorch's."""

import numpy as np
import pytest
from side_by_side import assert_same, outcome

import dynagrad

torch = pytest.importorskip("torch")

GIVEN = """
l = torch.ones(2, requires_grad=True)
x = l * 1
f = torch.ones(40)
i = torch.ones(2, dtype=torch.int64)
w = torch.tensor([[0.1, 0.2, 0.3], [1., 0., 2.]])
p = torch.zeros(3, 4, 5).permute(2, 0, 1)
h = torch.zeros(40, dtype=torch.float16)
d = torch.zeros(40, dtype=torch.float64)
c = torch.zeros(20, dtype=torch.complex64)
g = torch.Generator().manual_seed(7)
"""

DRAWS = """
torch.rand(2, 3)
torch.rand((2, 3), dtype=torch.float64)
torch.rand(20, dtype=torch.float16)
torch.rand(5, dtype=torch.complex64)
torch.rand(2, dtype=torch.int64)
torch.rand(2, 3, generator=g)
torch.rand(-1)
torch.rand(())
torch.rand(2, out=torch.empty(3))
torch.rand(2, requires_grad=True)
torch.randn(3)
torch.randn(5, 5)
torch.randn(17, dtype=torch.float64)
torch.randn(40, dtype=torch.float16)
torch.randn(2, dtype=torch.int64)
torch.randn(20, dtype=torch.complex64)
torch.randn(3, generator=g)
torch.randn(2, 2, requires_grad=True)
torch.randn(4, out=torch.empty(0, dtype=torch.float64))
torch.randint(3, (2,))
torch.randint(0, 3, (2,))
torch.randint(high=3, size=(2,))
torch.randint(low=1, high=3, size=(2,))
torch.randint(1, 9, size=[2, 3], generator=g)
torch.randint(3, 2)
torch.randint(3, 3, (2,))
torch.randint(0, 3, (2,), dtype=torch.float32)
torch.randint(torch.tensor(3), (2,))
torch.randint(2**40, (3,))
torch.randint(5, (), dtype=torch.int32)
torch.randint_like(x, 3)
torch.randint_like(x, 1, 3)
torch.randint_like(i, high=3)
torch.rand_like(x)
torch.rand_like(i)
torch.rand_like(i, dtype=torch.float32)
torch.rand_like(p)
torch.randn_like(p)
torch.randn_like(x, requires_grad=True)
torch.rand_like(f, dtype=torch.float64)
torch.randperm(10)
torch.randperm(4, dtype=torch.int32)
torch.randperm(4, generator=g)
torch.randperm(-1)
torch.randperm(300, dtype=torch.uint8)
torch.randperm(4.)
torch.randperm(4, out=torch.empty(0, dtype=torch.int64))
torch.bernoulli(x * 0.5)
torch.bernoulli(f * 0.5)
torch.bernoulli(f, 0.3)
torch.bernoulli(x, p=0.3)
torch.bernoulli(i)
torch.bernoulli(i, 0.3)
torch.bernoulli(x * 2)
x.bernoulli(0.3)
x.bernoulli()
torch.poisson(x)
torch.poisson(f * 20)
torch.poisson(-f)
torch.binomial(f * 20, f)
torch.binomial(f, f.double())
torch.binomial(f * 20, f).half()
torch.binomial(f.half(), f.half())
torch.binomial(i, f)
torch.multinomial(x, 1)
torch.multinomial(w, 2)
torch.multinomial(w, 5, True)
torch.multinomial(w, 5)
torch.multinomial(w, num_samples=2, replacement=True, generator=g)
w.multinomial(1)
torch.normal(x, x)
torch.normal(x, 2.)
torch.normal(x)
torch.normal(0., x)
torch.normal(0., 1., (3,))
torch.normal(0, 1, size=(3,))
torch.normal(2., 3, (20,), dtype=torch.float64)
torch.normal(mean=torch.zeros(20), std=torch.arange(20.))
torch.normal(mean=torch.zeros(3), generator=g)
torch.normal(torch.zeros(2), torch.ones(3))
torch.normal(torch.zeros(2), -torch.ones(2))
torch.normal(torch.zeros(2), -1.)
torch.normal(torch.zeros(2, dtype=torch.float64), torch.ones(2))
torch.normal(torch.zeros(2), torch.ones(2, dtype=torch.float64))
torch.normal(torch.zeros(3, 1), torch.ones(4))
torch.normal(i, 1.)
torch.normal(0., 1., (3,), out=torch.empty(0))
"""

FILLS = """
{t}.uniform_()
{t}.uniform_(1, 2)
{t}.uniform_(2, 1)
{t}.uniform_(to=2)
{t}.uniform_(**{{'from': -1, 'to': 2}})
{t}.normal_()
{t}.normal_(1, 2)
{t}.normal_(mean=1, std=2, generator=g)
{t}.normal_(0, -1)
{t}.random_()
{t}.random_(3)
{t}.random_(2, 5)
{t}.random_(5, 2)
{t}.random_(to=3)
{t}.random_(**{{'from': 2, 'to': 9}})
{t}.random_(0, 2**20)
{t}.bernoulli_()
{t}.bernoulli_(0.3)
{t}.bernoulli_(p=0.3)
{t}.bernoulli_(1.3)
{t}.bernoulli_(torch.tensor(0.4))
{t}.exponential_()
{t}.exponential_(lambd=2)
{t}.exponential_(-1)
{t}.cauchy_()
{t}.cauchy_(1, 2)
{t}.log_normal_()
{t}.log_normal_(0.1, 0.2)
{t}.geometric_(0.3)
{t}.geometric_(p=0.3)
{t}.geometric_(2)
"""

STATES = """
torch.manual_seed(5).initial_seed()
torch.manual_seed(-1).initial_seed()
torch.manual_seed(1.5).initial_seed()
torch.manual_seed(2**64)
torch.manual_seed('a')
torch.initial_seed()
torch.get_rng_state()
(torch.rand(3), torch.get_rng_state())
(torch.randn(3), torch.get_rng_state())
g.get_state()
g.initial_seed()
g.device
g.set_state(torch.zeros(3, dtype=torch.uint8))
g.set_state([1])
g.set_state(torch.zeros(3))
(g.manual_seed(3) is g, torch.rand(2, generator=g))
torch.default_generator is torch.random.default_generator
torch.manual_seed(3) is torch.default_generator
torch.Generator(device='cpu').initial_seed()
(g.set_state(torch.get_rng_state()) is g, torch.rand(3, generator=g))
(torch.rand(2, generator=g.clone_state()), torch.rand(2, generator=g))
"""


def cases(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("expression", cases(DRAWS) + cases(STATES))
def test_as_pytorch(expression: str) -> None:
    assert_same(outcome(torch, expression, GIVEN), outcome(dynagrad, expression, GIVEN))


@pytest.mark.parametrize("tensor", ["x", "f", "i", "p", "h", "d", "c", "f[::2]", "l"])
def test_fills(tensor: str) -> None:
    for template in cases(FILLS):
        expression = template.format(t=tensor)
        reference = outcome(torch, expression, GIVEN)
        found = outcome(dynagrad, expression, GIVEN)
        try:
            # PyTorch names a C++ type, or refuses complex dtypes after other checks.
            assert_same(reference, found, own_words="random_" in expression)
        except AssertionError as error:
            raise AssertionError(f"{expression}: {error}") from None


def test_fills_leave_the_same_state() -> None:
    for template in cases(FILLS):
        statements = f"{GIVEN}\ntry:\n    {template.format(t='f')}\nexcept RuntimeError:\n    pass"
        assert_same(
            outcome(torch, "torch.get_rng_state()", statements),
            outcome(dynagrad, "torch.get_rng_state()", statements),
        )


OWN_WORDS = """
torch.randint(0, 300, (2,), dtype=torch.uint8)
torch.rand()
torch.rand(2, generator=3)
torch.randint(0, 3.5, (2,))
torch.normal(0, 1)
x.random_(1.5)
x.uniform_('a')
x.uniform_(foo=3)
"""


@pytest.mark.parametrize("expression", cases(OWN_WORDS))
def test_errors_in_own_words(expression: str) -> None:
    reference = outcome(torch, expression, GIVEN)
    assert "error" in reference
    assert_same(reference, outcome(dynagrad, expression, GIVEN), own_words=True)


def test_dropout_stream_can_be_matched() -> None:
    """Dropout of probability q keeps the elements where bernoulli_(1 - q) is 1."""
    for module in (torch, dynagrad):
        module.manual_seed(3)
    reference = torch.nn.functional.dropout(torch.ones(50), 0.3)
    found = dynagrad.empty_like(dynagrad.ones(50)).bernoulli_(1 - 0.3)
    np.testing.assert_array_equal(reference.numpy() != 0, found.numpy() != 0)


def test_states_pass_between_both() -> None:
    torch.manual_seed(11)
    torch.randn(7)
    dynagrad.set_rng_state(dynagrad.from_numpy(torch.get_rng_state().numpy()))
    np.testing.assert_array_equal(torch.randn(9).numpy(), dynagrad.randn(9).numpy())


def test_fork_rng() -> None:
    found = []
    for module in (torch, dynagrad):
        module.manual_seed(1)
        with module.random.fork_rng():
            inside = module.rand(2)
        found.append((inside.tolist(), module.rand(2).tolist()))
    assert found[0] == found[1]
    assert found[0][0] == found[0][1]
