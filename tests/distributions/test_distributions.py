"""Distributions by what must hold of them: known values, densities that integrate to 1, means and
divergences against averages; copies, leaks, transforms of functions, what is refused.
"""

import copy
import gc
import math
import pickle
import weakref

import numpy as np
import pytest
from distribution_samples import SAMPLES, Sample

import dynagrad as torch
from dynagrad import distributions as d

each_sample = pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{x.name}({x.call})" for x in SAMPLES]
)


def made(sample: Sample):
    """The distribution, in float64."""
    names = {k: torch.tensor(v, dtype=torch.float64) for k, v in sample.params.items()}
    space = {"d": d, "t": lambda x: torch.tensor(x, dtype=torch.float64), **names}
    return eval(f"d.{sample.name}({sample.call})", space)


KNOWN = [
    ("d.Normal(0.0, 1.0).log_prob(t(0.0))", -0.5 * math.log(2 * math.pi)),
    ("d.Normal(0.0, 1.0).cdf(t(0.0))", 0.5),
    ("d.Bernoulli(0.25).entropy()", -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))),
    ("d.Categorical(t([1.0, 1.0, 2.0])).log_prob(t(2))", math.log(0.5)),
    ("d.Uniform(1.0, 3.0).log_prob(t(2.0))", -math.log(2)),
    ("d.Exponential(2.0).log_prob(t(1.0))", math.log(2) - 2),
    ("d.Gamma(3.0, 2.0).log_prob(t(1.0))", math.log(4) - 2),
    ("d.Gamma(1.0, 2.0).cdf(t(1.0))", 1 - math.exp(-2)),
    ("d.Beta(2.0, 3.0).log_prob(t(0.5))", math.log(12 * 0.5 * 0.25)),
    ("d.Dirichlet(t([1.0, 1.0, 1.0])).log_prob(t([0.2, 0.3, 0.5]))", math.log(2)),
    ("d.Poisson(2.0).log_prob(t(3.0))", 3 * math.log(2) - 2 - math.log(6)),
    ("d.Binomial(4, t(0.5)).log_prob(t(2.0))", math.log(6 / 16)),
    ("d.Geometric(0.25).log_prob(t(2.0))", math.log(0.25 * 0.75**2)),
    ("d.Laplace(0.0, 1.0).cdf(t(1.0))", 1 - math.exp(-1) / 2),
    ("d.Cauchy(0.0, 1.0).log_prob(t(1.0))", -math.log(2 * math.pi)),
    ("d.StudentT(1.0).log_prob(t(1.0))", -math.log(2 * math.pi)),
    ("d.Chi2(2.0).log_prob(t(2.0))", -1 - math.log(2)),
    ("d.Pareto(1.0, 2.0).log_prob(t(2.0))", math.log(2 / 8)),
    ("d.Weibull(1.0, 1.0).log_prob(t(2.0))", -2.0),
    ("d.HalfNormal(1.0).mean", math.sqrt(2 / math.pi)),
    ("d.LogNormal(0.0, 1.0).mean", math.exp(0.5)),
    ("d.Gumbel(0.0, 1.0).cdf(t(0.0))", math.exp(-1)),
    ("d.VonMises(t(0.0), t(1e-6)).log_prob(t(1.0))", -math.log(2 * math.pi)),
    ("d.MultivariateNormal(t([0.0, 0.0]), torch.eye(2)).entropy()", 1 + math.log(2 * math.pi)),
    ("d.LKJCholesky(2, 1.0).log_prob(torch.eye(2))", -math.log(2)),
    ("d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))", 0.5),
    ("d.kl_divergence(d.Exponential(1.0), d.Exponential(2.0))", 1 - math.log(2)),
]


@pytest.mark.parametrize(("call", "expected"), KNOWN)
def test_known_values(call: str, expected: float) -> None:
    value = eval(call, {"d": d, "t": torch.tensor, "torch": torch})
    assert float(value) == pytest.approx(expected, rel=2e-6, abs=2e-6)


LINES = {
    "Normal(0.5, 2.0)": (-30, 30),
    "Laplace(0.5, 2.0)": (-60, 60),
    "Gamma(2.5, 1.5)": (1e-9, 40),
    "Beta(1.5, 2.5)": (1e-9, 1 - 1e-9),
    "ContinuousBernoulli(0.3)": (0, 1),
    "Gumbel(0.5, 2.0)": (-20, 90),
    "HalfNormal(2.0)": (0, 30),
    "LogNormal(0.5, 0.5)": (1e-9, 60),
    "Weibull(2.0, 1.5)": (1e-9, 40),
    "Kumaraswamy(2.0, 3.0)": (1e-9, 1 - 1e-9),
    "InverseGamma(5.0, 2.0)": (1e-3, 200),
    "StudentT(7.0, 0.5, 2.0)": (-400, 400),
    "FisherSnedecor(5.0, 9.0)": (1e-9, 4000),
    "VonMises(t(0.5), t(3.0))": (-math.pi, math.pi),
    "GeneralizedPareto(0.5, 2.0, -0.25)": (0.5, 8.5),
    "Exponential(1.5)": (0, 30),
    "Uniform(0.5, 2.0)": (0.5, 2.0),
}


@pytest.mark.parametrize("call", LINES)
def test_densities_integrate(call: str) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        p = eval(f"d.{call}", {"d": d, "t": torch.tensor})
        low, high = LINES[call]
        # points that lie closer at the ends
        x = low + (high - low) * torch.linspace(0, 1, 40001).mul(math.pi / 2).sin().pow(2)
        x = x.clamp(low, high)
        density = p.log_prob(x[:-1] + x.diff() / 2).exp()
        assert float((density * x.diff()).sum()) == pytest.approx(1, abs=2e-4)
        if "VonMises" not in call:  # whose mean is that of the direction
            mean = (density * x.diff() * (x[:-1] + x.diff() / 2)).sum()
            assert float(mean) == pytest.approx(float(p.mean), abs=1e-3)
        try:
            entropy = p.entropy()
        except NotImplementedError:
            return
        found = -(density * x.diff() * density.clamp(min=1e-300).log()).sum()
        assert float(found) == pytest.approx(float(entropy), abs=1e-3)
    finally:
        torch.set_default_dtype(torch.float32)


@each_sample
def test_samples_lie_in_the_support(sample: Sample) -> None:
    torch.manual_seed(0)
    p = made(sample)
    x = p.sample((20,))
    assert bool(p.support.check(x).all())
    assert tuple(x.shape) == (20, *p.batch_shape, *p.event_shape)
    assert not x.requires_grad
    assert not p.log_prob(x).isnan().any()


@each_sample
def test_copies(sample: Sample) -> None:
    p = made(sample)
    x = p.sample((2,))
    for again in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        np.testing.assert_array_equal(again.log_prob(x), p.log_prob(x))
        assert repr(again.expand((2, *p.batch_shape))) == repr(p.expand((2, *p.batch_shape)))


@each_sample
def test_nothing_stays_alive(sample: Sample) -> None:
    names = {
        k: torch.tensor(v, dtype=torch.float64, requires_grad=True)
        for k, v in sample.params.items()
    }
    if not names:
        return
    space = {"d": d, "t": lambda x: torch.tensor(x, dtype=torch.float64), **names}
    gc.collect()
    gc.disable()
    try:
        p = eval(f"d.{sample.name}({sample.call})", space)
        alive = [weakref.ref(x) for x in names.values()]
        total = p.log_prob(p.sample()).sum()
        if p.has_rsample:
            total = total + p.rsample().sum()
        total.backward()
        del p, total
        names.clear()
        space.clear()
        assert [ref() for ref in alive] == [None] * len(alive)
    finally:
        gc.enable()


def test_divergences_are_means_of_log_ratios() -> None:
    torch.manual_seed(0)
    pairs = [
        (d.Normal(0.3, 1.2), d.Laplace(0.0, 1.0)),
        (d.Gamma(2.0, 1.5), d.Exponential(1.0)),
        (d.Beta(2.0, 3.0), d.Beta(1.5, 1.0)),
        (d.Beta(2.0, 3.0), d.Normal(0.0, 1.0)),
        (d.Uniform(0.5, 1.5), d.Gamma(2.0, 1.0)),
        (d.Pareto(1.0, 4.0), d.Gamma(2.0, 1.0)),
        (d.Poisson(3.0), d.Poisson(2.0)),
        (d.Gumbel(0.2, 0.8), d.Normal(0.0, 1.0)),
    ]
    for p, q in pairs:
        x = p.sample((20000,))
        ratios = p.log_prob(x) - q.log_prob(x)
        error = 5 * float(ratios.std()) / math.sqrt(20000)
        assert float(ratios.mean()) == pytest.approx(float(d.kl_divergence(p, q)), abs=error)


@pytest.mark.parametrize("name", ["Beta", "Dirichlet", "Gamma", "StudentT", "VonMises", "Wishart"])
def test_large_samples_have_the_moments(name: str) -> None:
    torch.manual_seed(1)
    p = made(next(x for x in SAMPLES if x.name == name))
    if name == "StudentT":
        p = d.StudentT(torch.tensor([9.0, 20.0]))
    x = p.sample((3000,))
    if name == "VonMises":
        angle = (x - p.loc).cos().mean(0)
        np.testing.assert_allclose(1 - angle, p.variance, atol=0.06)
        return
    np.testing.assert_allclose(x.mean(0), p.mean, atol=float(5 * p.stddev.max() / 3000**0.5))


def test_under_vmap_and_in_forward_mode() -> None:
    loc, scale = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.0, 2.0, 0.5])
    x = torch.tensor([0.5, -0.5, 1.0])

    def log_prob(m, s, v):
        return d.Normal(m, s, validate_args=False).log_prob(v)

    each = torch.vmap(log_prob)(loc, scale, x)
    np.testing.assert_allclose(each, d.Normal(loc, scale).log_prob(x), rtol=1e-6)
    gradient = torch.vmap(torch.func.grad(log_prob))(loc, scale, x)
    np.testing.assert_allclose(gradient, (x - loc) / scale**2, rtol=1e-6)
    _, pushed = torch.func.jvp(lambda m: log_prob(m, scale, x), (loc,), (torch.ones(3),))
    np.testing.assert_allclose(pushed, (x - loc) / scale**2, rtol=1e-6)


def test_gamma_samples_under_vmap() -> None:
    torch.manual_seed(0)
    a = torch.tensor([0.5, 2.0, 9.0])

    def sample(shape):
        return d.Gamma(shape, torch.ones(()), validate_args=False).rsample()

    drawn = torch.vmap(sample, randomness="different")(a)
    assert drawn.shape == (3,)
    assert bool((drawn > 0).all())


@pytest.mark.parametrize("call", ["register_kl(int, d.Normal)", "register_kl(d.Normal, 3)"])
def test_divergences_are_for_distributions(call: str) -> None:
    with pytest.raises(TypeError, match="to be a Distribution subclass but got"):
        eval(f"d.{call}", {"d": d})


def test_samples_leave_no_warning_of_singular_matrices() -> None:
    torch.manual_seed(0)
    p = d.Wishart(torch.tensor(4.0), torch.eye(3))
    x = p.rsample((5,))
    assert bool(p.support.check(x).all())


def test_wishart_samples_have_gradients() -> None:
    torch.manual_seed(0)
    factor = torch.eye(2, requires_grad=True)
    d.Wishart(torch.tensor(5.0), scale_tril=factor).rsample((3,)).sum().backward()
    assert factor.grad is not None
    assert bool(factor.grad.isfinite().all())


def test_loading_is_put_off() -> None:
    assert "distributions" in dir(torch)
    assert torch.distributions is d
