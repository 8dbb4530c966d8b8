"""Random functions: streams that can be repeated, histories, generators, errors."""

import copy
import pickle

import numpy as np
import pytest

import dynagrad as torch


def test_known_numbers() -> None:
    """What PyTorch prints for these programs."""
    torch.manual_seed(0)
    np.testing.assert_allclose(torch.rand(3), [0.49625659, 0.76822180, 0.08847743], rtol=1e-7)
    torch.manual_seed(0)
    np.testing.assert_allclose(torch.randn(3), [1.5409961, -0.2934289, -2.1787894], rtol=1e-6)
    torch.manual_seed(0)
    assert torch.randperm(5).tolist() == [4, 0, 1, 3, 2]


def test_a_seed_repeats_everything() -> None:
    def draw():
        x = torch.empty(5)
        return [
            torch.rand(3).tolist(),
            torch.randn(20).tolist(),
            torch.randint(10, (4,)).tolist(),
            torch.randperm(6).tolist(),
            torch.bernoulli(torch.full((5,), 0.5)).tolist(),
            torch.multinomial(torch.ones(4), 2).tolist(),
            torch.normal(torch.zeros(3), torch.ones(3)).tolist(),
            torch.poisson(torch.full((3,), 4.0)).tolist(),
            x.uniform_(-1, 1).tolist(),
            x.normal_(1, 2).tolist(),
            x.exponential_().tolist(),
            x.random_(3).tolist(),
        ]

    torch.manual_seed(5)
    first = draw()
    second = draw()
    torch.manual_seed(5)
    assert draw() == first != second


def test_generators_are_streams_of_their_own() -> None:
    g = torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    expected = torch.rand(4)
    state = torch.get_rng_state()
    assert torch.rand(4, generator=g).tolist() == expected.tolist()
    assert torch.get_rng_state().tolist() == state.tolist()
    for twin in (g.clone_state(), pickle.loads(pickle.dumps(g)), copy.deepcopy(g)):
        saved = g.get_state()
        assert torch.rand(2, generator=twin).tolist() == torch.rand(2, generator=g).tolist()
        g.set_state(saved)
    assert g.device == torch.device("cpu") and g.initial_seed() == 3
    assert torch.default_generator is torch.random.default_generator


def test_states() -> None:
    torch.manual_seed(1)
    torch.randn(3)
    state = torch.get_rng_state()
    assert state.dtype is torch.uint8 and state.shape == (5056,)
    first = torch.randn(5).tolist()
    torch.set_rng_state(state)
    assert torch.randn(5).tolist() == first
    with pytest.raises(TypeError, match="ByteTensor"):
        torch.set_rng_state([1])
    with pytest.raises(RuntimeError, match="size 5056"):
        torch.set_rng_state(torch.zeros(3, dtype=torch.uint8))
    seed = torch.seed()
    assert torch.initial_seed() == seed


def test_fork_rng_leaves_the_stream_alone() -> None:
    torch.manual_seed(2)
    with torch.random.fork_rng():
        inside = torch.rand(3)
    assert torch.rand(3).tolist() == inside.tolist()
    with torch.random.fork_rng(enabled=False):
        inside = torch.rand(3)
    assert torch.rand(3).tolist() != inside.tolist()
    with pytest.raises(RuntimeError, match="devices"):
        with torch.random.fork_rng(devices=[0]):
            pass


FILLS = {
    "uniform_": "UniformBackward0",
    "normal_": "NormalBackward0",
    "random_": "RandomBackward2",
    "bernoulli_": "BernoulliBackward2",
    "exponential_": "ExponentialBackward0",
    "cauchy_": "CauchyBackward0",
    "log_normal_": "LogNormalBackward0",
}


@pytest.mark.parametrize("name", FILLS)
def test_fills_are_recorded_with_a_zero_gradient(name: str) -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    version = y._version
    assert getattr(y, name)() is y
    assert y._version == version + 1 and y.grad_fn.name() == FILLS[name]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    plain = torch.zeros(3)
    getattr(plain, name)()
    assert plain.is_leaf and not plain.requires_grad


def test_a_fill_of_a_view_writes_the_base_only_there() -> None:
    x = torch.zeros(3, 20)
    x[1].normal_()
    assert x[0].tolist() == x[2].tolist() == [0] * 20
    assert all(v != 0 for v in x[1].tolist())


def test_out_and_like() -> None:
    out = torch.empty(2, dtype=torch.float64)
    assert torch.randn(3, out=out) is out and out.shape == (3,)
    x = torch.zeros(2, 3, dtype=torch.float64).t()
    like = torch.rand_like(x)
    assert like.stride() == (1, 3) and like.dtype is torch.float64
    assert torch.randint_like(x, 2, 5).dtype is torch.float64
    assert torch.rand(2, requires_grad=True).is_leaf


def test_errors() -> None:
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        torch.rand(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="random_ expects 'from' to be less than 'to'"):
        torch.randint(3, 3, (2,))
    with pytest.raises(RuntimeError, match="cannot sample n_sample > prob_dist"):
        torch.multinomial(torch.ones(2), 3)
    with pytest.raises(RuntimeError, match="Expected p_in >= 0"):
        torch.bernoulli(torch.full((2,), 1.5))
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.zeros(1, 2).expand(3, 2).uniform_()
    with pytest.raises(TypeError, match="must be a torch.Generator, not int"):
        torch.rand(2, generator=3)
    with pytest.raises(TypeError, match="without a size"):
        torch.normal(0.0, 1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        torch.zeros(2).uniform_(foo=1)


def test_assert_close() -> None:
    torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-6)
    with pytest.raises(AssertionError, match=r"Mismatched elements: 1 / 2 \(50.0%\)"):
        torch.testing.assert_close(torch.ones(2), torch.tensor([1.0, 2.0]))
    with pytest.raises(AssertionError, match=r"The failure occurred for item \['w'\]\[1\]"):
        torch.testing.assert_close({"w": [1, 2]}, {"w": [1, 3]})
    with pytest.raises(AssertionError, match="dtype"):
        torch.testing.assert_close(torch.ones(2), torch.ones(2).double())
    with pytest.raises(TypeError, match="No comparison pair"):
        torch.testing.assert_close("a", "a")
    with pytest.raises(ValueError, match="got no atol"):
        torch.testing.assert_close(1.0, 1.0, rtol=1)
