"""Distributions at the ends of their supports and parameters, in 16-bit floats, with integers."""

import pytest
from distribution_checks import both, same, torch

import dynagrad

#: what is evaluated; names that begin with p are leaves, whose gradients are compared too
CALLS = r"""
d.Categorical(p([0.0, 0.5, 0.5])).entropy()
d.Categorical(p([0.0, 0.5, 0.5])).log_prob(torch.tensor([0, 1, 2]))
d.Categorical(logits=p([-float('inf'), 0.5, 0.5])).entropy()
d.Categorical(logits=p([100.0, -100.0])).probs
d.Categorical(p([[1.0, 3.0], [2.0, 2.0]])).log_prob(torch.tensor([[0], [1], [1]]))
d.Categorical(p([1.0, 3.0])).log_prob(t([0.0, 1.0]))
d.Bernoulli(p([0.0, 1.0, 0.5])).log_prob(t([0.0, 1.0, 1.0]))
d.Bernoulli(p([0.0, 1.0, 0.5])).entropy()
d.Bernoulli(p([0.0, 1.0])).log_prob(t([1.0, 0.0]))
d.Bernoulli(logits=p([50.0, -50.0])).log_prob(t([0.0, 1.0]))
d.Bernoulli(p([0.5, 0.2])).mode
d.Bernoulli(p([[0.5], [0.2]])).log_prob(t([1.0, 0.0, 1.0]))
d.Binomial(3, p([0.0, 1.0, 0.5])).log_prob(t([0.0, 3.0, 1.0]))
d.Binomial(t([0.0, 3.0]), p([0.3])).mode
d.Binomial(0, p([0.3])).log_prob(t([0.0]))
d.Geometric(p([1.0, 0.5])).log_prob(t([0.0, 3.0]))
d.Geometric(p([1.0, 0.5])).entropy()
d.NegativeBinomial(p([0.0, 2.0]), p([0.0, 0.5])).log_prob(t([0.0, 3.0]))
d.NegativeBinomial(p([0.0, 2.0]), p([0.0, 0.5])).mode
d.Poisson(p([0.0, 0.3])).log_prob(t([0.0, 0.0]))
d.Poisson(p([0.0, 0.3])).log_prob(t([2.0, 1.0]))
d.Multinomial(3, p([0.0, 0.5, 0.5])).log_prob(t([0.0, 1.0, 2.0]))
d.Multinomial(3, p([[0.2, 0.8], [0.5, 0.5]])).entropy()
d.Dirichlet(p([0.5, 0.5, 0.7])).mode
d.Dirichlet(p([[0.5, 0.5], [2.0, 3.0]])).mode
d.Dirichlet(p([1.0, 1.0])).log_prob(t([0.0, 1.0]))
d.Beta(p(1.0), p(1.0)).log_prob(t([0.0, 1.0]))
d.Beta(p(0.5), p(2.0)).log_prob(t([0.0, 1.0]))
d.Gamma(p([1.0, 2.0, 0.5]), p(1.0)).log_prob(t([0.0, 0.0, 0.0]))
d.Gamma(p([0.5, 2.0]), p(1.0)).mode
d.Gamma(p([0.5, 2.0]), p(3.0)).cdf(t([0.0, 2.0]))
d.Exponential(p([1.0, 2.0])).log_prob(t([0.0, 0.0]))
d.Uniform(p([0.0, 1.0]), p([1.0, 3.0]), validate_args=False).log_prob(t([-1.0, 3.0]))
d.Uniform(p([0.0, 1.0]), p([1.0, 3.0])).log_prob(t([0.0, 3.0]))
d.Uniform(p([0.0, 1.0]), p([1.0, 3.0]), validate_args=False).cdf(t([-1.0, 4.0]))
d.ContinuousBernoulli(p([0.0, 1.0, 0.5, 0.4995])).log_prob(t([0.0, 1.0, 0.3, 1.0]))
d.ContinuousBernoulli(p([0.5, 0.4995, 0.3])).cdf(t([0.0, 1.0, 0.3]))
d.ContinuousBernoulli(p([0.5, 0.4995, 0.3])).mean
d.ContinuousBernoulli(p([0.5, 0.4995, 0.3]), lims=(0.2, 0.8)).variance
d.StudentT(p([0.5, 1.0, 1.5, 2.0, 3.0])).mean
d.StudentT(p([0.5, 1.0, 1.5, 2.0, 3.0])).variance
d.FisherSnedecor(p([1.0, 3.0]), p([2.0, 5.0])).mean
d.FisherSnedecor(p([1.0, 3.0]), p([2.0, 5.0])).variance
d.FisherSnedecor(p([1.0, 3.0]), p([2.0, 5.0])).mode
d.HalfNormal(p([1.0, 2.0]), validate_args=False).log_prob(t([-1.0, 0.0]))
d.HalfCauchy(p([1.0, 2.0]), validate_args=False).log_prob(t([-1.0, 0.0]))
d.Pareto(p([1.0, 2.0]), p([0.5, 3.0])).mean
d.Pareto(p([1.0, 2.0]), p([2.0, 3.0])).variance
d.InverseGamma(p([0.5, 1.0, 3.0]), p(1.0)).mean
d.InverseGamma(p([0.5, 2.0, 3.0]), p(1.0)).variance
d.Kumaraswamy(p([0.5, 2.0]), p([2.0, 3.0])).mode
d.Weibull(p([1.0, 2.0]), p([1.0, 2.0])).mode
d.Gumbel(p([0.0, 1.0]), p(2.0)).cdf(t([-30.0, 30.0]))
d.Cauchy(p(0.0), p(1.0)).icdf(t([0.5, 0.25]))
d.Laplace(p(0.0), p(1.0)).icdf(t([0.5, 0.25]))
d.Normal(p(0.0), p(1.0)).icdf(t([0.0, 1.0, 0.5]))
d.LogNormal(p(0.0), p(1.0)).cdf(t([1e-8, 1e8]))
d.VonMises(p(0.5), p([1e-8, 3.0, 500.0])).log_prob(t([7.0]))
d.Normal(p([[0.0], [1.0]]), p([1.0, 2.0, 3.0])).log_prob(t([[[0.5]]]))
d.Normal(p(0.0), p(1.0)).log_prob(torch.tensor([1, 2]))
d.MixtureSameFamily(d.Categorical(p([0.0, 1.0])), d.Normal(p([0.0, 1.0]), 1.0)).log_prob(t([0.5]))
d.MixtureSameFamily(d.Categorical(p([[0.5, 0.5]])), d.Normal(p([[0.0, 1.0], [2.0, 3.0]]), 1.0)).mean
d.MixtureSameFamily(cat(p([0.5, 0.5])), normal(p([[0.0, 1.0], [2.0, 3.0]]), 1.0)).cdf(t([0.5, 1.0]))
d.LKJCholesky(3, p(1.0)).log_prob(torch.eye(3, dtype=torch.float64))
d.MultivariateNormal(p([0.0, 0.0]), scale_tril=p([[1.0, 0.0], [0.5, 1]])).log_prob(t([[1.0, 2.0]]))
d.MultivariateNormal(p([[0.0, 0.0]] * 3), p([[2.0, 0.5], [0.5, 1.0]])).precision_matrix
d.MultivariateNormal(p([0.0, 0.0]), precision_matrix=p([[2.0, 0.5], [0.5, 1.0]])).covariance_matrix
d.LowRankMultivariateNormal(p([0.0, 0.0]), p([[1.0], [0.5]]), p([1.0, 2.0])).scale_tril
d.LowRankMultivariateNormal(p([0.0, 0.0]), p([[1.0], [0.5]]), p([1.0, 2.0])).precision_matrix
d.LowRankMultivariateNormal(p([0.0, 0.0]), p([[1.0], [0.5]]), p([1.0, 2.0])).covariance_matrix
d.Wishart(p(3.5), p([[2.0, 0.5], [0.5, 1.0]])).precision_matrix
d.Wishart(p(2.5), p([[2.0, 0.5], [0.5, 1.0]])).mode
d.kl_divergence(d.Bernoulli(p([0.0, 1.0, 0.3])), d.Bernoulli(p([0.5, 1.0, 0.0])))
d.kl_divergence(d.Categorical(p([0.0, 1.0])), d.Categorical(p([0.5, 0.5])))
d.kl_divergence(d.Categorical(p([0.5, 0.5])), d.Categorical(p([0.0, 1.0])))
d.kl_divergence(d.Uniform(p(0.0), p(2.0)), d.Uniform(p(0.5), p(3.0)))
d.kl_divergence(d.Uniform(p(0.0), p(1.0)), d.Beta(p(2.0), p(3.0)))
d.kl_divergence(d.Uniform(p(0.2), p(0.9)), d.ContinuousBernoulli(p(0.3)))
d.kl_divergence(d.Uniform(p(1.2), p(1.9)), d.Pareto(p(1.0), p(2.0)))
d.kl_divergence(d.Uniform(p(1.2), p(1.9)), d.Exponential(p(1.0)))
d.kl_divergence(d.Beta(p(2.0), p(3.0)), d.Uniform(p(-1.0), p(2.0)))
d.kl_divergence(d.Pareto(p(2.0), p(3.0)), d.Pareto(p(1.0), p(2.0)))
d.kl_divergence(d.Binomial(4, p(0.3)), d.Binomial(3, p(0.5)))
d.kl_divergence(d.LogNormal(p(0.3), p(1.0)), d.LogNormal(p(0.5), p(2.0)))
d.kl_divergence(d.Chi2(p(3.0)), d.Gamma(p(0.5), p(2.0)))
d.kl_divergence(of(normal(p([0.0, 1.0]), 1.0), 1), of(normal(p([1.0, 1.0]), 2.0), 1))
d.Gamma(torch.tensor(2), 3.0).log_prob(torch.tensor(1.0))
d.Normal(0, 2).log_prob(torch.tensor(1))
d.Normal(torch.tensor([0.5]).half(), 1.0).log_prob(torch.tensor([1.0]).half())
d.Normal(torch.tensor([0.5]).bfloat16(), 1.0).rsample()
d.Bernoulli(torch.tensor([0.5]).half()).sample()
d.Uniform(torch.tensor([0.5]).half(), torch.tensor([1.5]).half()).sample()
d.Gamma(torch.tensor([0.5]).half(), 1.0).sample()
d.Exponential(torch.tensor([0.5]).bfloat16()).sample()
""".strip().splitlines()


@pytest.mark.parametrize("call", CALLS)
def test_ends(call: str) -> None:
    def run(lib):
        leaves = []

        def leaf(x):
            leaves.append(lib.tensor(x, dtype=lib.float64, requires_grad=True))
            return leaves[-1]

        def number(x):
            return lib.tensor(x, dtype=lib.float64)

        lib.manual_seed(0)
        d = lib.distributions
        short = {"cat": d.Categorical, "normal": d.Normal, "of": d.Independent}
        value = eval(call, {"d": d, "torch": lib, "p": leaf, "t": number, **short})
        finite = value.isfinite()
        total = value.masked_fill(~finite, 0.0).sum()
        wanted = leaves if total.requires_grad else []
        grads = lib.autograd.grad(total, wanted, allow_unused=True) if wanted else []
        return [value, *grads]

    same(run, rtol=1e-6, atol=1e-6 if "VonMises" in call else 1e-9)


def test_perplexity() -> None:
    assert same(lambda lib: lib.distributions.Categorical(lib.ones(4)).perplexity())


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (3,)])
def test_empty_and_odd_sample_shapes(shape: tuple) -> None:
    def run(lib):
        d = lib.distributions
        lib.manual_seed(0)
        made = [
            *(d.Normal(lib.zeros(2), 1.0), d.Gamma(lib.ones(2), 1.0), d.Dirichlet(lib.ones(3))),
            *(
                d.Categorical(lib.ones(3)),
                d.Poisson(lib.ones(0)),
                d.MultivariateNormal(lib.zeros(2), lib.eye(2)),
            ),
        ]
        return [p.sample(shape) for p in made]

    ours, theirs = both(run)
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs)
        return
    assert [tuple(x.shape) for x in ours] == [tuple(x.shape) for x in theirs]


def test_streams_go_on_the_same() -> None:
    """One draw after the other, of all samplers mixed, in both dtypes."""

    def run(lib):
        d = lib.distributions
        lib.manual_seed(9)
        drawn = []
        for dtype in (lib.float32, lib.float64):
            one = lib.ones(3, dtype=dtype)
            for _ in range(2):
                drawn += [
                    *(d.Gamma(one * 0.3, one).sample((5,)), d.Normal(one, one).sample((3,))),
                    *(d.Beta(one, one).sample(), d.Poisson(one * 12).sample((2,))),
                    *(d.Binomial(40, one * 0.4).sample(), d.Categorical(one).sample((7,))),
                    *(d.StudentT(one * 3).sample((2,)), d.VonMises(one, one).sample((4,))),
                    *(d.Gumbel(one, one).sample(), d.LKJCholesky(3, one).sample()),
                    *(d.Dirichlet(one * 5).sample((3,)), d.Laplace(one, one).sample((20,))),
                ]
        return [*drawn, lib.rand(3), lib.randn(20)]

    assert same(run, rtol=1e-7, atol=1e-12)


def test_classes_without_parameters_of_their_own() -> None:
    for lib in (dynagrad, torch):
        kind = type("Mine", (lib.distributions.Normal,), {})
        p = kind(lib.zeros(2), lib.ones(2)).expand((3, 2))
        assert type(p) is kind
        assert tuple(p.sample().shape) == (3, 2)
