"""One or several parameter sets for every distribution, as text that both libraries evaluate: `t`
makes a float64 tensor, `d` is torch.distributions, `params` are leaves.
"""

from typing import NamedTuple


class Sample(NamedTuple):
    """A call `d.<name>(<call>)` whose names are tensors with these values."""

    name: str
    call: str
    params: dict


V = [0.3, -1.2, 2.0]
P = [0.5, 1.7, 3.2]
U = [0.2, 0.5, 0.9]
C = [[0.2, 0.5, 1.3], [1.0, 0.1, 0.4]]
COV = [[2.0, 0.3, -0.4], [0.3, 1.0, 0.2], [-0.4, 0.2, 1.5]]
TRIL = [[1.0, 0.0, 0.0], [0.4, 0.7, 0.0], [-0.3, 0.2, 1.1]]


def s(name: str, call: str, **params: object) -> Sample:
    """A sample, briefly."""
    return Sample(name, call, params)


SAMPLES = [
    s("Normal", "a, b", a=V, b=P),
    s("Normal", "a, 1.5", a=[[0.1], [2.0]]),
    s("Normal", "0.5, 2.0"),
    s("Categorical", "a", a=C),
    s("Categorical", "logits=a", a=C),
    s("Categorical", "a", a=[0.2, 0.8]),
    s("Bernoulli", "a", a=U),
    s("Bernoulli", "logits=a", a=[V, P]),
    s("Bernoulli", "0.3"),
    s("Uniform", "a, b", a=[0.0, -1.0, 0.5], b=[1.0, 2.0, 0.75]),
    s("Uniform", "a, 7.0", a=[[0.0], [-1.0]]),
    s("Independent", "d.Normal(a, b), 1", a=V, b=P),
    s("Independent", "d.Bernoulli(logits=a), 1", a=[V, P]),
    s("Independent", "d.Normal(a, 1.0), 0", a=V),
    s("MultivariateNormal", "a, b", a=V, b=COV),
    s("MultivariateNormal", "a, scale_tril=b", a=[V, P], b=TRIL),
    s("MultivariateNormal", "a, precision_matrix=b", a=V, b=COV),
    s("MultivariateNormal", "a, scale_tril=b", a=V, b=[TRIL, TRIL]),
    s("Beta", "a, b", a=U, b=P),
    s("Beta", "0.5, 1.5"),
    s("Gamma", "a, b", a=P, b=U),
    s("Gamma", "a, 2.0", a=[[0.05], [20.0]]),
    s("Dirichlet", "a", a=P),
    s("Dirichlet", "a", a=C),
    s("Exponential", "a", a=P),
    s("Exponential", "1.5"),
    s("Laplace", "a, b", a=V, b=P),
    s("Cauchy", "a, b", a=V, b=P),
    s("Chi2", "a", a=P),
    s("Binomial", "5, a", a=U),
    s("Binomial", "t([3.0, 20.0, 100.0]), logits=a", a=V),
    s("Geometric", "a", a=U),
    s("Geometric", "logits=a", a=V),
    s("Poisson", "a", a=[0.5, 4.0, 30.0]),
    s("NegativeBinomial", "a, b", a=P, b=U),
    s("NegativeBinomial", "4.0, logits=a", a=V),
    s("Multinomial", "6, a", a=C),
    s("Multinomial", "3, logits=a", a=V),
    s("OneHotCategorical", "a", a=C),
    s("OneHotCategorical", "logits=a", a=V),
    s("OneHotCategoricalStraightThrough", "a", a=C),
    s("ContinuousBernoulli", "a", a=[0.2, 0.5, 0.9]),
    s("ContinuousBernoulli", "logits=a", a=V),
    s("StudentT", "a, b, c", a=[1.5, 2.5, 7.0], b=V, c=P),
    s("StudentT", "a", a=P),
    s("FisherSnedecor", "a, b", a=[1.0, 3.0, 5.0], b=[3.0, 2.5, 9.0]),
    s("VonMises", "a, b", a=V, b=P),
    s("VonMises", "a, b", a=V, b=[1e-3, 5.0, 40.0]),
    s("GeneralizedPareto", "a, b, c", a=V, b=P, c=[-0.3, 0.1, 0.4]),
    s("GeneralizedPareto", "a, 1.0, 0.0", a=V),
    s("LowRankMultivariateNormal", "a, b, c", a=V, b=[[1.0], [0.3], [-0.2]], c=P),
    s(
        "LowRankMultivariateNormal",
        "a, b, c",
        a=[V, P],
        b=[[1.0, 0.2], [0.3, 1.0], [0.0, 2.0]],
        c=P,
    ),
    s("LKJCholesky", "3, a", a=[0.7, 2.0]),
    s("LKJCholesky", "2, 1.5"),
    s("Wishart", "a, b", a=4.5, b=COV),
    s("Wishart", "a, scale_tril=b", a=[4.0, 7.0], b=TRIL),
    s("Wishart", "a, precision_matrix=b", a=6.0, b=COV),
    s("MixtureSameFamily", "d.Categorical(a), d.Normal(b, 1.0)", a=U, b=V),
    s(
        "MixtureSameFamily",
        "d.Categorical(a), d.Independent(d.Normal(b, 2.0), 1)",
        a=[0.4, 0.6],
        b=C,
    ),
    s("MixtureSameFamily", "d.Categorical(logits=a), d.Poisson(b)", a=C, b=[P, P]),
    s("Gumbel", "a, b", a=V, b=P),
    s("Gumbel", "0.5, 2.0"),
    s("HalfNormal", "a", a=P),
    s("HalfCauchy", "a", a=P),
    s("LogNormal", "a, b", a=V, b=U),
    s("LogisticNormal", "a, b", a=V, b=P),
    s("LogisticNormal", "a, b", a=[V, V], b=P),
    s("Pareto", "a, b", a=P, b=[0.5, 1.5, 4.0]),
    s("Weibull", "a, b", a=P, b=[1.5, 2.0, 1.0]),
    s("Kumaraswamy", "a, b", a=[1.5, 2.0, 0.5], b=P),
    s("InverseGamma", "a, b", a=P, b=U),
    s("RelaxedBernoulli", "a, b", a=0.7, b=U),
    s("RelaxedBernoulli", "a, logits=b", a=0.7, b=V),
    s("RelaxedOneHotCategorical", "a, b", a=0.7, b=C),
    s("RelaxedOneHotCategorical", "a, logits=b", a=2.0, b=V),
    s("TransformedDistribution", "d.Normal(a, b), d.ExpTransform()", a=V, b=P),
    s(
        "TransformedDistribution",
        "d.Normal(a, b), [d.AffineTransform(1.0, -2.0), d.SigmoidTransform()]",
        a=V,
        b=P,
    ),
    s("TransformedDistribution", "d.Normal(a, 1.0), [d.StickBreakingTransform()]", a=V),
    s("TransformedDistribution", "d.Normal(0.0, 1.0), [d.AffineTransform(a, b)]", a=V, b=P),
]
