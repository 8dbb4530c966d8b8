"""torch.distributions on both libraries: samples from the same seed, gradients, densities, moments,
expanded batches, divergences.
"""

import pytest
from distribution_checks import both, check, made, same, torch
from distribution_samples import SAMPLES, Sample

import dynagrad

#: where PyTorch's derivatives of samples are approximations of about three digits
IMPLICIT = "Beta Chi2 Dirichlet FisherSnedecor Gamma InverseGamma StudentT Wishart".split()
IDS = [f"{x.name}({x.call})" for x in SAMPLES]
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=IDS)


def test_names() -> None:
    ours, theirs = dynagrad.distributions, torch.distributions
    assert sorted(ours.__all__) == sorted(theirs.__all__)
    for module in ("constraints", "transforms", "kl", "constraint_registry"):
        assert set(getattr(theirs, module).__all__) == set(getattr(ours, module).__all__)
    assert not {name for name in vars(theirs) if name[0] != "_"} - set(vars(ours))
    assert ours.normal.Normal is ours.Normal
    assert {x.name for x in SAMPLES} >= set(theirs.__all__) & {
        name
        for name in theirs.__all__
        if isinstance(getattr(theirs, name), type)
        and issubclass(getattr(theirs, name), theirs.Distribution)
    } - {"Distribution", "ExponentialFamily"}


@each_sample
def test_what_it_is(sample: Sample) -> None:
    same(lambda lib: [repr(made(lib, sample)[0])])
    same(lambda lib: [getattr(made(lib, sample)[0], n) for n in ("batch_shape", "event_shape")])
    same(lambda lib: [made(lib, sample)[0].has_rsample, made(lib, sample)[0].has_enumerate_support])
    same(lambda lib: [repr(made(lib, sample)[0].support)])
    same(lambda lib: [str(sorted(map(str, made(lib, sample)[0].arg_constraints.items())))])
    same(lambda lib: [made(lib, sample)[0].support.event_dim])


@each_sample
def test_draws(sample: Sample) -> None:
    def draw(lib):
        p, _ = made(lib, sample)
        lib.manual_seed(7)
        shapes = ((), (3,), (2, 2))
        drawn = [p.sample(), *[p.sample(lib.Size(shape)) for shape in shapes], p.sample([4])]
        return [*drawn, lib.rand(2)]  # the stream is where PyTorch's is

    same(draw)


@each_sample
def test_draws_with_gradients(sample: Sample) -> None:
    rough = any(name in IDS[SAMPLES.index(sample)] for name in IMPLICIT)

    def draw(lib):
        p, params = made(lib, sample, grad=True)
        lib.manual_seed(3)
        x = p.rsample((4,))
        weight = lib.arange(x.numel(), dtype=x.dtype).sin().reshape(x.shape)
        grads = lib.autograd.grad((x * weight).sum(), params) if params else []
        return [x, *grads]

    ours, theirs = both(draw)
    if isinstance(theirs, Exception):
        # PyTorch writes over what the gradients of Wishart samples need
        assert type(ours) is (list if sample.name == "Wishart" else type(theirs))
        return
    check(ours[0], theirs[0])
    for a, b in zip(ours[1:], theirs[1:], strict=True):
        check(a, b, *((3e-3, 3e-3) if rough else (1e-5, 1e-8)))


@each_sample
def test_density(sample: Sample) -> None:
    def density(lib):
        p, params = made(lib, sample, grad=True)
        lib.manual_seed(11)
        x = p.sample((3,))
        floating = x.is_floating_point()
        x = x.clone().requires_grad_() if floating else x
        log_prob = p.log_prob(x)
        leaves = [*params, x] if floating else params
        grads = lib.autograd.grad(log_prob.sum(), leaves, allow_unused=True) if leaves else []
        return [log_prob, *grads]

    assert same(density, rtol=1e-6, atol=1e-6 if sample.name == "VonMises" else 1e-8)


@each_sample
def test_distribution_functions(sample: Sample) -> None:
    def cdf(lib):
        p, params = made(lib, sample, grad=True)
        lib.manual_seed(11)
        value = p.cdf(p.sample((3,)))
        return [value, *lib.autograd.grad(value.sum(), params[:1], allow_unused=True)]

    def icdf(lib):
        p, params = made(lib, sample, grad=True)
        dtype = params[0].dtype if params else lib.float32
        places = lib.tensor([[0.01], [0.3], [0.9]], dtype=dtype)
        value = p.icdf(places)
        return [value, *lib.autograd.grad(value.sum(), params[:1], allow_unused=True)]

    same(cdf)
    same(icdf)


#: PyTorch's Bessel functions are good to about six digits
FIGURES = {"VonMises": 2e-4}


@each_sample
def test_figures(sample: Sample) -> None:
    rtol = FIGURES.get(sample.name, 1e-6)
    for name in ("mean", "mode", "variance", "stddev"):
        same(lambda lib, name=name: getattr(made(lib, sample)[0], name), rtol=rtol)
    for name in ("entropy", "perplexity", "enumerate_support"):
        same(lambda lib, name=name: getattr(made(lib, sample)[0], name)())
    same(lambda lib: made(lib, sample)[0].enumerate_support(expand=False))

    def entropy_gradients(lib):
        p, params = made(lib, sample, grad=True)
        return list(lib.autograd.grad(p.entropy().sum(), params, allow_unused=True))

    same(entropy_gradients, rtol=1e-6)


@each_sample
def test_figures_have_gradients(sample: Sample) -> None:
    def gradients(lib, name):
        p, params = made(lib, sample, grad=True)
        return list(lib.autograd.grad(getattr(p, name).sum(), params, allow_unused=True))

    if sample.params:
        for name in ("mean", "variance"):
            same(lambda lib, name=name: gradients(lib, name), rtol=FIGURES.get(sample.name, 1e-6))


@each_sample
def test_expand(sample: Sample) -> None:
    def expanded(lib, detail):
        p, _ = made(lib, sample)
        q = p.expand(lib.Size((2, *p.batch_shape)))
        again = q.expand((3, *q.batch_shape))
        lib.manual_seed(5)
        x = again.sample()
        assert type(again) is type(p)
        if detail == "shapes":
            return [repr(q), q.batch_shape, q.event_shape, again.batch_shape]
        return [x, getattr(again, detail)(x) if detail == "log_prob" else getattr(again, detail)]

    for detail in ("shapes", "log_prob", "mean", "variance"):
        same(lambda lib, detail=detail: expanded(lib, detail), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("single", [True, False])
def test_numbers_take_the_default_dtype(single: bool) -> None:
    for call in (
        "Normal(0, 1)",
        "Gamma(1.0, 2)",
        "Beta(1, 2)",
        "Uniform(0, 1)",
        "Poisson(3)",
        "Gumbel(0.0, 1.0)",
        "HalfNormal(1)",
        "Bernoulli(1)",
        "Pareto(1.0, 2.0)",
        "Weibull(1.0, 2.0)",
        "StudentT(3.0)",
        "Kumaraswamy(1.0, 2.0)",
        "Cauchy(0.0, 1.0)",
    ):

        def draw(lib, call=call):
            lib.manual_seed(0)
            p = eval(f"d.{call}", {"d": lib.distributions})
            x = p.sample((5,))
            return [x, p.log_prob(x), p.mean]

        if single:
            same(draw)
        else:
            for lib in (dynagrad, torch):
                lib.set_default_dtype(lib.float64)
            try:
                same(draw)
            finally:
                for lib in (dynagrad, torch):
                    lib.set_default_dtype(lib.float32)


@each_sample
def test_float32(sample: Sample) -> None:
    def values(lib):
        names = {n: lib.tensor(v, dtype=lib.float32) for n, v in sample.params.items()}
        space = {"d": lib.distributions, "t": lambda x: lib.tensor(x), **names}
        p = eval(f"d.{sample.name}({sample.call})", space)
        lib.manual_seed(1)
        x = p.sample((3,))
        return [x, p.log_prob(x), lib.rand(1)]

    same(values, rtol=2e-5, atol=2e-5)


# --- divergences ------------------------------------------------------------------------------

REGISTERED = sorted((p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY)
BY_NAME: dict[str, list[Sample]] = {}
for _sample in SAMPLES:
    if _sample.params:
        BY_NAME.setdefault(_sample.name, []).append(_sample)
ALIKE = {  # divergences need the same count of trials, and transforms that are equal
    "Binomial": [SAMPLES[IDS.index("Binomial(5, a)")]] * 2,
    "TransformedDistribution": [BY_NAME["LogNormal"][0]] * 2,
    "ExponentialFamily": [BY_NAME["Wishart"][0], BY_NAME["Wishart"][2]],
}


def test_registered_pairs() -> None:
    ours = dynagrad.distributions.kl._KL_REGISTRY
    assert sorted((p.__name__, q.__name__) for p, q in ours) == REGISTERED


@pytest.mark.parametrize("pair", REGISTERED, ids="-".join)
def test_divergences(pair: tuple[str, str]) -> None:
    first, second = (ALIKE.get(name) or BY_NAME[name] for name in pair)
    counted = 0
    for one, other in ((first[0], second[-1]), (first[-1], second[0]), (first[0], second[0])):

        def divergence(lib, one=one, other=other):
            (p, a), (q, b) = made(lib, one, grad=True), made(lib, other, grad=True)
            value = lib.distributions.kl_divergence(p, q)
            finite = value[value.isfinite()].sum()
            leaves = [*a, *b] if finite.requires_grad else []
            grads = lib.autograd.grad(finite, leaves, allow_unused=True) if leaves else []
            return [value, *[g for g in grads if g is not None]]

        ours, theirs = both(divergence)
        if isinstance(theirs, IndexError):
            continue  # PyTorch wants masks of the result's own shape
        if isinstance(theirs, Exception):
            assert type(ours) is type(theirs), (ours, theirs)
            continue
        if isinstance(ours, Exception):
            raise ours
        counted += 1
        for a, b in zip(ours, theirs, strict=True):
            check(a, b, rtol=1e-6, atol=1e-8)
    assert counted or pair == ("Independent", "Independent")


def test_divergences_of_new_classes() -> None:
    def divergence(lib):
        d = lib.distributions

        class Mine(d.Normal):
            """A subclass."""

        before = d.kl_divergence(Mine(0.0, 1.0), d.Normal(0.0, 1.0))

        @d.register_kl(Mine, d.Normal)
        def _mine(p, q):
            return p.loc + 42

        after = d.kl_divergence(Mine(0.0, 1.0), d.Normal(0.0, 1.0))
        return [before, after, d.kl_divergence(d.Normal(0.0, 1.0), Mine(0.0, 1.0))]

    assert same(divergence)


def test_ambiguous_divergences_warn() -> None:
    for lib in (dynagrad, torch):
        d = lib.distributions

        class A(d.Distribution):
            """The base."""

            arg_constraints = {}

        class B(A):
            """The subclass."""

        d.register_kl(A, B)(lambda p, q: 1)
        d.register_kl(B, A)(lambda p, q: 2)
        with pytest.warns(RuntimeWarning, match="Ambiguous kl_divergence.B, B"):
            assert d.kl_divergence(B(), B()) == 2
