"""What torch.distributions refuses and warns of, on both libraries."""

import pytest
from distribution_checks import both, torch

import dynagrad

BAD = r"""
d.Normal(0.,-1.)
d.Normal(torch.zeros(3), torch.tensor([1.,0.,1.]))
d.Normal('a', 1.)
d.Normal(0.,1.).log_prob(1.)
d.Normal(torch.zeros(3),1.).log_prob(torch.zeros(2))
d.Normal(torch.zeros(3),1.).log_prob(torch.tensor([1.,float('nan'),0.]))
d.Normal(torch.zeros(2,3),1.).log_prob(torch.zeros(3,3))
d.MultivariateNormal(torch.zeros(2),torch.eye(2)).log_prob(torch.zeros(3))
d.MultivariateNormal(torch.zeros(2),torch.eye(2)).log_prob(torch.tensor(1.))
d.Normal(0.,1.).enumerate_support()
d.Distribution(validate_args=False)
d.Distribution(validate_args=False).sample()
d.Distribution(validate_args=False).mean
d.Distribution.set_default_validate_args(3)
type('Q',(d.Normal,),{'__init__':lambda s:d.Normal.__init__(s,0.,1.)})().expand((2,))
type('Q',(d.Distribution,),{'arg_constraints':{}})().expand((2,))
d.Categorical(probs=torch.ones(3),logits=torch.ones(3))
d.Categorical()
d.Categorical(probs=torch.tensor(1.))
d.Categorical(logits=torch.tensor(1.))
d.Categorical(probs=torch.ones(3)).log_prob(torch.tensor(3))
d.Categorical(probs=torch.ones(3)).log_prob(torch.tensor(.5))
d.Categorical(torch.tensor([-1.,2.]))
d.Bernoulli(2.)
d.Bernoulli(.3,.3)
d.Bernoulli(logits=torch.zeros(2)).log_prob(torch.tensor([.5,1.]))
d.Binomial(3,torch.tensor([.2])).log_prob(torch.tensor([4.]))
d.Binomial(torch.tensor([3,4]),torch.tensor([.2])).enumerate_support()
d.Binomial(torch.tensor([3,4]),torch.tensor([.2])).entropy()
d.Uniform(1.,0.)
d.Uniform(0.,1.).log_prob(torch.tensor(2.))
d.MultivariateNormal(torch.tensor(1.),torch.eye(1))
d.MultivariateNormal(torch.zeros(2))
d.MultivariateNormal(torch.zeros(2),torch.zeros(2))
d.MultivariateNormal(torch.zeros(2),-torch.eye(2))
d.MultivariateNormal(torch.zeros(2),precision_matrix=torch.zeros(2))
d.MultivariateNormal(torch.zeros(2),scale_tril=torch.zeros(2))
d.MultivariateNormal(torch.zeros(2),torch.tensor([[1.,2.],[0.,1.]]))
d.Dirichlet(torch.tensor(1.))
d.Multinomial(torch.tensor([3]),torch.ones(3))
d.Multinomial(3,torch.ones(3)).log_prob(torch.tensor([4.,0,0]))
d.Independent(d.Normal(torch.zeros(3),1.),2)
d.Independent(d.Bernoulli(torch.ones(2)*.3),1).enumerate_support()
d.TransformedDistribution(d.Normal(0.,1.),3)
d.TransformedDistribution(d.Normal(0.,1.),[3])
d.TransformedDistribution(d.Normal(0.,1.),[d.StickBreakingTransform()])
d.MixtureSameFamily(d.Normal(0.,1.),d.Normal(0.,1.))
d.MixtureSameFamily(d.Categorical(torch.ones(3)),3)
d.MixtureSameFamily(d.Categorical(torch.ones(3)),d.Normal(torch.zeros(2),1.))
d.MixtureSameFamily(d.Categorical(torch.ones(2,3)),d.Normal(torch.zeros(3,3),1.))
d.LKJCholesky(1)
d.Wishart(torch.tensor(1.),torch.eye(3))
d.Wishart(torch.tensor(3.))
d.Wishart(torch.tensor(3.),torch.tensor(1.))
d.LowRankMultivariateNormal(torch.tensor(1.),torch.ones(2,1),torch.ones(2))
d.LowRankMultivariateNormal(torch.zeros(2),torch.ones(2),torch.ones(2))
d.LowRankMultivariateNormal(torch.zeros(2),torch.ones(3,1),torch.ones(2))
d.LowRankMultivariateNormal(torch.zeros(2),torch.ones(2,1),torch.ones(3))
d.RelaxedBernoulli(torch.tensor(1.))
d.Geometric(0.)
d.Geometric(torch.tensor([.5,0.]))
d.Geometric()
d.NegativeBinomial(3)
d.NegativeBinomial(3,torch.tensor(1.))
d.ContinuousBernoulli()
d.ContinuousBernoulli(2.,validate_args=True)
d.Poisson(-1.)
d.Poisson(torch.tensor(2)).sample()
d.Normal(torch.tensor(0),torch.tensor(1)).sample()
d.Normal(0.,1.).sample(3)
d.Normal(torch.zeros(3),1.).expand([2])
d.VonMises(torch.tensor(1.),torch.tensor(-1.))
d.VonMises(torch.tensor(1.),torch.tensor(1.)).cdf(torch.tensor(1.))
d.Beta(1.,torch.tensor([1.,-2.]))
d.OneHotCategorical(torch.ones(3)).log_prob(torch.ones(3))
d.kl_divergence(d.Normal(0.,1.),d.Cauchy(0.,1.))
d.kl_divergence(d.Independent(d.Normal(torch.zeros(3),1.),1),d.Independent(d.Normal(torch.zeros(3,2),1.),2))
d.kl_divergence(d.Binomial(3,torch.tensor(.5)),d.Binomial(4,torch.tensor(.5)))
d.kl_divergence(d.LogNormal(0.,1.),d.HalfNormal(1.))
d.kl_divergence(d.MultivariateNormal(torch.zeros(2),torch.eye(2)),d.MultivariateNormal(torch.zeros(3),torch.eye(3)))
d.utils.broadcast_all(1,'a')
d.utils.vec_to_tril_matrix(torch.ones(4))
d.utils.tril_matrix_to_vec(torch.ones(2,2),3)
c.independent(c.real,2).check(torch.tensor(1.))
c.cat([c.real],5).check(torch.ones(3))
c.independent(3,1)
c.independent(c.real,-1)
c.dependent.check(1)
c.dependent.event_dim
c.stack([3])
c.cat([c.real],0,[1,2])
c.Constraint().check(1)
d.biject_to(c.square)
d.transform_to(c.dependent)
d.biject_to.register(int,3)
d.biject_to(c.lower_cholesky)
d.Transform()(1)
d.Transform().sign
d.Transform().log_abs_det_jacobian(1,2)
d.AbsTransform().sign
d.StickBreakingTransform().forward_shape(())
d.CorrCholeskyTransform().forward_shape((4,))
d.CorrCholeskyTransform().inverse_shape((4,))
d.CorrCholeskyTransform().inverse_shape((4,3))
d.ReshapeTransform((2,),(3,))
d.ReshapeTransform((2,),(1,2)).forward_shape((3,))
d.ReshapeTransform((2,),(1,2)).forward_shape(())
d.ReshapeTransform((2,),(1,2))(torch.ones(3))
d.ExpTransform(cache_size=2)
d.IndependentTransform(d.ExpTransform(),1)(torch.tensor(1.))
d.CatTransform([d.ExpTransform()],0,[1,1])
d.CatTransform([d.ExpTransform(),d.AffineTransform(1.,2.)],0,[1,1])(torch.ones(3))
d.CatTransform([3])
d.StackTransform([d.ExpTransform()],0)(torch.ones(3))
d.SoftmaxTransform().event_dim + d.CorrCholeskyTransform().event_dim
hash(d.ExpTransform())
""".strip().splitlines()


@pytest.mark.parametrize("call", BAD)
def test_errors(call: str) -> None:
    def run(lib):
        d = lib.distributions
        return str(eval(call, {"d": d, "torch": lib, "c": d.constraints}))

    ours, theirs = both(run)
    assert isinstance(theirs, Exception)
    assert type(ours) is type(theirs)
    begin = " ".join(str(theirs).split("\n")[0].split())
    assert " ".join(str(ours).split()).startswith(begin[:150])


@pytest.mark.filterwarnings("default")
def test_warnings() -> None:
    for lib in (dynagrad, torch):
        d = lib.distributions
        with pytest.warns(FutureWarning, match="sample_n"):
            assert d.Normal(0.0, 1.0).sample_n(3).shape == (3,)
        with pytest.warns(UserWarning, match="does not define `arg_constraints`"):
            type("Q", (d.Distribution,), {})()


def test_validation_can_be_switched_off() -> None:
    for lib in (dynagrad, torch):
        d = lib.distributions
        d.Normal(0.0, -1.0, validate_args=False)
        d.Distribution.set_default_validate_args(False)
        try:
            p = d.Normal(0.0, -1.0)
            assert not p._validate_args
            with pytest.raises(ValueError, match="to satisfy the constraint"):
                d.Normal(0.0, -1.0, validate_args=True)
        finally:
            d.Distribution.set_default_validate_args(True)
        assert not d.Normal(0.0, -1.0, validate_args=False).expand((2,))._validate_args
