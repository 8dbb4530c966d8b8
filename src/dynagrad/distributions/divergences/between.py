"""Kullback-Leibler divergences between distributions of different families: mostly the negative
entropy of p less the mean of log q.
"""

import math
from math import inf
from typing import Any

from ...functions.creation import full_like
from ...functions.selection import where
from ...functions.special import erf
from ..bernoulli import Bernoulli
from ..beta import Beta
from ..binomial import Binomial
from ..continuous_bernoulli import ContinuousBernoulli
from ..exponential import Exponential
from ..gamma import Gamma
from ..gumbel import Gumbel
from ..kl import register_kl
from ..laplace import Laplace
from ..normal import Normal
from ..pareto import Pareto
from ..poisson import Poisson
from ..uniform import Uniform
from ..utils import euler_constant

_LOG_2_PI = math.log(2 * math.pi)


# --- p has values where q has none ----------------------------------------------------------------

#: for each class its possible partners without a finite divergence, and the parameter of p whose
#: shape the result has
_INFINITE = {
    Beta: ("concentration1", (Pareto,)),
    ContinuousBernoulli: ("probs", (Pareto,)),
    Exponential: ("rate", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gamma: ("concentration", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gumbel: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Laplace: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Normal: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Pareto: ("scale", (Beta, ContinuousBernoulli, Uniform)),
    Poisson: ("rate", (Bernoulli, Binomial)),
}


def _infinite(parameter: str) -> Any:
    return lambda p, q: full_like(getattr(p, parameter), inf)


for _class, (_parameter, _partners) in _INFINITE.items():
    for _partner in _partners:
        register_kl(_class, _partner)(_infinite(_parameter))


# --- the means of log q under p, with its sign turned ---------------------------------------------


def _minus_log_normal(q: Any, square: Any, mean: Any) -> Any:
    """From E x^2 / 2 and E x, for a normal q."""
    variance = q.scale.pow(2)
    parts = square - q.loc * mean + q.loc.pow(2) * 0.5
    return 0.5 * (variance * 2 * math.pi).log() + parts / variance


def _minus_log_gamma(q: Any, log_mean: Any, mean: Any) -> Any:
    """From E log x and E x, for a gamma q."""
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    return norm - (q.concentration - 1) * log_mean + q.rate * mean


def _minus_log_continuous_bernoulli(q: Any, mean: Any) -> Any:
    return -mean * q.logits - (-q.probs).log1p() - q._log_norm()


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Any:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Any, q: Any) -> Any:
    return -p.entropy() + _minus_log_continuous_bernoulli(q, p.mean)


@register_kl(Beta, Exponential)
def _beta_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Any, q: Any) -> Any:
    total = p.concentration1 + p.concentration0
    log_mean = p.concentration1.digamma() - total.digamma()
    return -p.entropy() + _minus_log_gamma(q, log_mean, p.mean)


@register_kl(Beta, Normal)
def _beta_normal(p: Any, q: Any) -> Any:
    return -p.entropy() + _minus_log_normal(q, (p.variance + p.mean.pow(2)) * 0.5, p.mean)


@register_kl(Beta, Uniform)
def _beta_uniform(p: Any, q: Any) -> Any:
    result = -p.entropy() + (q.high - q.low).log()
    return result.masked_fill((q.low > 0) | (q.high < 1), inf)


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p: Any, q: Any) -> Any:
    return -p.entropy() + _minus_log_normal(q, (p.variance + p.mean.pow(2)) * 0.5, p.mean)


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: Any, q: Any) -> Any:
    result = -p.entropy() + (q.high - q.low).log()
    return where((q.low >= 0) | (q.high <= 1), inf, result)  # as PyTorch: the ends count as outside


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Any:
    log_mean = -p.rate.log() - euler_constant
    return -p.entropy() + _minus_log_gamma(q, log_mean, p.mean)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Any, q: Any) -> Any:
    product, place = p.rate * q.scale, q.loc / q.scale
    return product.log() - 1 - place + place.exp() * product / (product + 1) + product.reciprocal()


@register_kl(Exponential, Normal)
def _exponential_normal(p: Any, q: Any) -> Any:
    return -p.entropy() + _minus_log_normal(q, p.variance, p.mean)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Any, q: Any) -> Any:
    product, place, a = p.rate * q.scale, q.loc / q.scale, p.concentration
    own = (a - 1) * a.digamma() - a.lgamma() - a
    power = place.exp() * (1 + product.reciprocal()).pow(-a)
    return own + product.log() + a / product + power - place


@register_kl(Gamma, Normal)
def _gamma_normal(p: Any, q: Any) -> Any:
    square = 0.5 * (p.concentration.pow(2) + p.concentration) / p.rate.pow(2)
    return -p.entropy() + _minus_log_normal(q, square, p.mean)


@register_kl(Gumbel, Normal)
def _gumbel_normal(p: Any, q: Any) -> Any:
    return -p.entropy() + _minus_log_normal(q, (p.variance + p.mean.pow(2)) * 0.5, p.mean)


@register_kl(Laplace, Normal)
def _laplace_normal(p: Any, q: Any) -> Any:
    return -p.entropy() + _minus_log_normal(q, p.scale.pow(2) + p.loc.pow(2) * 0.5, p.loc)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Any, q: Any) -> Any:
    mean, place = p.loc / q.scale, q.loc / q.scale
    ratio = (p.scale / q.scale).pow(2)
    power = (-mean + 0.5 * ratio + place).exp()
    return -ratio.log() * 0.5 + (mean - place) + power - 0.5 * (1 + _LOG_2_PI)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Any, q: Any) -> Any:
    distance = p.loc - q.loc
    r = distance / p.scale
    # the mean of |x - q.loc|
    near = math.sqrt(2 / math.pi) * p.scale * (-0.5 * r.pow(2)).exp()
    mean = near + distance * erf(math.sqrt(0.5) * r)
    return -(p.scale / q.scale).log() + mean / q.scale - 0.5 * (1 + math.log(0.5 * math.pi))


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Any, q: Any) -> Any:
    product = p.scale * q.rate
    result = (p.alpha / product).log() - p.alpha.reciprocal() - 1
    return (result + p.alpha * product / (p.alpha - 1)).masked_fill(p.alpha <= 1, inf)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Any, q: Any) -> Any:
    log_mean = p.scale.log() + p.alpha.reciprocal()
    mean = p.alpha * p.scale / (p.alpha - 1)
    result = p.alpha.log() - log_mean - 1 + _minus_log_gamma(q, log_mean, mean)
    return result.masked_fill(p.alpha <= 1, inf)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Any, q: Any) -> Any:
    common = p.scale / (p.alpha - 1)
    variance = p.alpha * common.pow(2) / (p.alpha - 2)
    own = (math.sqrt(2 * math.pi) * q.scale * p.alpha / p.scale).log() - p.alpha.reciprocal()
    distance = variance + (p.alpha * common - q.loc).pow(2)
    result = own + distance / (2 * q.scale.pow(2)) - 1
    return result.masked_fill(p.alpha <= 2, inf)


# --- from a uniform distribution ------------------------------------------------------------------


def _mean_log(p: Any) -> Any:
    """The mean of log x under a uniform p."""
    width = p.high - p.low
    return (p.high.xlogy(p.high) - p.low.xlogy(p.low) - width) / width


@register_kl(Uniform, Beta)
def _uniform_beta(p: Any, q: Any) -> Any:
    width = p.high - p.low
    low, high = 1 - p.high, 1 - p.low
    mean_log_rest = (high.xlogy(high) - low.xlogy(low) - width) / width
    a, b = q.concentration1, q.concentration0
    norm = a.lgamma() + b.lgamma() - (a + b).lgamma()
    result = norm - width.log() - (a - 1) * _mean_log(p) - (b - 1) * mean_log_rest
    return result.masked_fill((p.high > 1) | (p.low < 0), inf)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Any, q: Any) -> Any:
    result = -p.entropy() + _minus_log_continuous_bernoulli(q, p.mean)
    return where((p.high >= 1) | (p.low <= 0), inf, result)  # as PyTorch: the ends count as outside


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Any, q: Any) -> Any:
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return result.masked_fill(p.low < 0, inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Any, q: Any) -> Any:
    result = -p.entropy() + _minus_log_gamma(q, _mean_log(p), p.mean)
    return result.masked_fill(p.low < 0, inf)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Any, q: Any) -> Any:
    ratio = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return ratio.log() + 0.5 * (high + low) - ratio * ((-high).exp() - (-low).exp())


@register_kl(Uniform, Normal)
def _uniform_normal(p: Any, q: Any) -> Any:
    width = p.high - p.low
    distance = width.pow(2) / 12 + (p.mean - q.loc).pow(2)
    return (math.sqrt(2 * math.pi) * q.scale / width).log() + 0.5 * distance / q.scale.pow(2)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Any, q: Any) -> Any:
    width = p.high - p.low
    norm = (q.alpha * q.scale.pow(q.alpha) * width).log()
    result = _mean_log(p) * (q.alpha + 1) - norm
    return result.masked_fill(p.low < q.scale, inf)
