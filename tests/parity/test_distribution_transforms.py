"""torch.distributions' transforms, constraints, registries and utilities on both libraries."""

import copy
import pickle

import pytest
from distribution_checks import both, check, same, torch

import dynagrad

#: transforms, and the shape of x
TRANSFORMS = {
    "d.ExpTransform()": (2, 3),
    "d.AbsTransform()": (2, 3),
    "d.PowerTransform(t(2.0))": (2, 3),
    "d.PowerTransform(t([0.5, -1.0, 2.0]))": (2, 3),
    "d.SigmoidTransform()": (2, 3),
    "d.TanhTransform()": (2, 3),
    "d.SoftplusTransform()": (2, 3),
    "d.AffineTransform(1.0, -2.0)": (2, 3),
    "d.AffineTransform(t([1.0, 2.0, 3.0]), t([1.0, -2.0, 0.5]))": (2, 3),
    "d.AffineTransform(t([1.0, 2.0, 3.0]), t([1.0, -2.0, 0.5]), event_dim=1)": (2, 3),
    "d.AffineTransform(0.0, 3.0, event_dim=1)": (2, 3),
    "d.SoftmaxTransform()": (2, 3),
    "d.StickBreakingTransform()": (2, 3),
    "d.LowerCholeskyTransform()": (2, 3, 3),
    "d.PositiveDefiniteTransform()": (2, 3, 3),
    "d.CorrCholeskyTransform()": (2, 6),
    "d.CumulativeDistributionTransform(d.Normal(t(0.3), t(2.0)))": (2, 3),
    "d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.ExpTransform()])": (2, 3),
    "d.ComposeTransform([d.ExpTransform(), d.StickBreakingTransform()])": (2, 3),
    "d.ComposeTransform([d.SoftmaxTransform(), d.ExpTransform().inv])": (2, 3),
    "d.ComposeTransform([])": (2, 3),
    "d.IndependentTransform(d.ExpTransform(), 1)": (2, 3),
    "d.IndependentTransform(d.StickBreakingTransform(), 1)": (2, 2, 3),
    "d.ReshapeTransform((2, 3), (6,))": (4, 2, 3),
    "d.CatTransform([d.ExpTransform(), d.TanhTransform()], -1, [1, 2])": (2, 3),
    "d.CatTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], 0)": (2, 3),
    "d.StackTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], 0)": (2, 3),
    "d.StackTransform([d.ExpTransform(), d.TanhTransform(), d.AbsTransform()], -1)": (2, 3),
}
each_library = pytest.mark.parametrize("lib", [dynagrad, torch], ids=["dynagrad", "torch"])
each_transform = pytest.mark.parametrize("call", TRANSFORMS)


def given(lib, call: str):
    """What the text gives in one of the libraries."""
    d = lib.distributions

    def tensor(x):
        return lib.tensor(x, dtype=lib.float64)

    return eval(call, {"d": d, "c": d.constraints, "t": tensor, "torch": lib})


def points(lib, shape: tuple, call: str = ""):
    """Distinct numbers, positive where the transform wants them."""
    count = 1
    for n in shape:
        count *= n
    x = (lib.arange(1, count + 1, dtype=lib.float64) * 1.3).sin().reshape(shape)
    return (x.abs() + 0.1 if "Power" in call else x).requires_grad_()


@each_transform
def test_forward_and_back(call: str) -> None:
    def run(lib):
        f, x = given(lib, call), points(lib, TRANSFORMS[call], call)
        y = f(x)
        back = f.inv(y)
        grads = lib.autograd.grad((y * y).sum(), x, retain_graph=True)
        return [y, back, *grads, *lib.autograd.grad(back.sin().sum(), x)]

    assert same(run, rtol=1e-6, atol=1e-8)


@each_transform
def test_jacobian(call: str) -> None:
    def run(lib):
        f, x = given(lib, call), points(lib, TRANSFORMS[call], call)
        y = f(x)
        one, other = f.log_abs_det_jacobian(x, y), f.inv.log_abs_det_jacobian(y, x)
        grads = lib.autograd.grad(one.sum(), x, allow_unused=True) if one.requires_grad else []
        return [one, other, *grads]

    same(run)


@each_transform
def test_what_they_are(call: str) -> None:
    for attribute in (
        *("domain", "codomain", "bijective", "event_dim", "domain.event_dim", "codomain.event_dim"),
        *("inv", "inv.inv", "inv.domain", "inv.codomain", "inv.bijective", "codomain.is_discrete"),
        *("_cache_size", "with_cache(1)._cache_size", "inv.with_cache(1)", "with_cache()"),
    ):
        same(lambda lib, a=attribute: [repr(eval(f"f.{a}", {"f": given(lib, call)}))])
    same(lambda lib: given(lib, call).sign)
    for shape in ((5,), (2, 3), (4, 2, 3), (2, 3, 3), (6,), ()):
        for way in ("forward_shape", "inverse_shape"):
            same(lambda lib, s=shape, w=way: [str(tuple(getattr(given(lib, call), w)(s)))])


@each_transform
def test_equality(call: str) -> None:
    for lib in (dynagrad, torch):
        f = given(lib, call)
        assert f == f  # noqa: PLR0124
        assert f.inv == f.inv
        assert f.inv.inv is f
        assert (f != lib.distributions.ExpTransform()) == (not call == "d.ExpTransform()")
    same(lambda lib: [given(lib, call) == given(lib, call)])


@each_transform
def test_cache(call: str) -> None:
    for lib in (dynagrad, torch):
        f = given(lib, call).with_cache(1)
        x = points(lib, TRANSFORMS[call], call)
        y = f(x)
        assert call.startswith("d.ComposeTransform([])") or f(x) is y
        if not call.startswith("d.ComposeTransform([d.SoftmaxTransform(), d.Exp"):
            assert f.inv(y) is x
        assert f.with_cache(1) is f


@each_transform
def test_copies(call: str) -> None:
    f = given(dynagrad, call)
    x = points(dynagrad, TRANSFORMS[call], call).detach()
    for again in (
        copy.deepcopy(f),
        pickle.loads(pickle.dumps(f)),
        pickle.loads(pickle.dumps(f.inv)).inv,
    ):
        assert (again(x) == f(x)).all()


def test_caches_hold_one_pair() -> None:
    def run(lib):
        f = lib.distributions.TanhTransform(cache_size=1)
        x = lib.tensor([20.0])
        first = f.inv(f(x))
        f(lib.tensor([1.0]))
        return [first, f.inv(lib.tensor([0.5]))]

    assert same(run)


CONSTRAINTS = {
    "c.boolean": "[0.0, 1.0, 0.5, -1.0]",
    "c.one_hot": "[[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.5, 0.5]]",
    "c.integer_interval(1, 3)": "[0.0, 1.0, 2.5, 3.0, 4.0]",
    "c.nonnegative_integer": "[-1.0, 0.0, 0.5, 3.0]",
    "c.positive_integer": "[-1.0, 0.0, 1.0, 1.5]",
    "c.real": "[1.0, float('inf'), float('nan')]",
    "c.real_vector": "[[1.0, 2.0], [1.0, float('nan')]]",
    "c.positive": "[-1.0, 0.0, 1.0]",
    "c.nonnegative": "[-1.0, 0.0, 1.0]",
    "c.greater_than(2)": "[1.0, 2.0, 3.0]",
    "c.greater_than_eq(2)": "[1.0, 2.0, 3.0]",
    "c.less_than(2)": "[1.0, 2.0, 3.0]",
    "c.unit_interval": "[-0.1, 0.0, 1.0, 1.1]",
    "c.interval(-1.0, 2.0)": "[-1.1, -1.0, 2.0, 2.1]",
    "c.half_open_interval(-1.0, 2.0)": "[-1.1, -1.0, 2.0, 2.1]",
    "c.simplex": "[[0.5, 0.5], [0.5, 0.6], [-0.5, 1.5]]",
    "c.multinomial(3)": "[[1.0, 2.0], [2.0, 2.0], [-1.0, 1.0]]",
    "c.lower_triangular": "[[[1.0, 0.0], [2.0, -1.0]], [[1.0, 1.0], [0.0, 1.0]]]",
    "c.lower_cholesky": "[[[1.0, 0.0], [2.0, -1.0]], [[1.0, 0.0], [3.0, 1.0]]]",
    "c.corr_cholesky": "[[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]]",
    "c.square": "[[[1.0, 2.0], [3.0, 4.0]]]",
    "c.symmetric": "[[[1.0, 2.0], [2.0, 4.0]]]",
    "c.positive_semidefinite": "[[[1.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 1.0]]]",
    "c.positive_definite": "[[[2.0, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]]",
    "c.independent(c.positive, 1)": "[[1.0, 2.0], [1.0, -2.0]]",
    "c.cat([c.positive, c.real], -1, [1, 2])": "[[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]]",
    "c.stack([c.positive, c.unit_interval], -1)": "[[1.0, 0.5], [1.0, 2.0]]",
    "c.MixtureSameFamilyConstraint(c.real)": "[1.0, float('nan')]",
    "c.MixtureSameFamilyConstraint(c.simplex)": "[[0.5, 0.5], [0.5, 0.6]]",
}


@pytest.mark.parametrize("call", CONSTRAINTS)
def test_constraints(call: str) -> None:
    assert same(lambda lib: given(lib, call).check(given(lib, f"t({CONSTRAINTS[call]})")))
    same(lambda lib: [repr(given(lib, call)), given(lib, call).is_discrete])
    same(lambda lib: [given(lib, call).event_dim])
    assert not given(dynagrad, f"c.is_dependent({call})")


def test_constraints_of_odd_shapes() -> None:
    for name in ("square", "symmetric", "positive_definite"):
        assert same(
            lambda lib, n=name: getattr(lib.distributions.constraints, n).check(lib.ones(2, 2, 3))
        )


@pytest.mark.parametrize("call", CONSTRAINTS)
@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_registries(call: str, registry: str) -> None:
    def run(lib):
        constraint = given(lib, call)
        f = getattr(lib.distributions, registry)(constraint)
        shape = {0: (3,), 1: (2, 3), 2: (2, 3, 3)}[f.domain.event_dim]
        shape = (2, 2) if "stack" in call else (2, 3) if "cat" in call else shape
        y = f(points(lib, shape))
        return [y, f.inv(y), constraint.check(y), repr(f)]

    same(run)


@each_library
def test_own_registrations(lib) -> None:
    d = lib.distributions
    registry = d.constraint_registry.ConstraintRegistry()

    class Mine(d.constraints.Constraint):
        """A set of its own."""

    @registry.register(Mine)
    def _transform(constraint):
        return d.ExpTransform()

    assert registry(Mine()) == d.ExpTransform()
    registry.register(d.constraints.real, lambda constraint: d.TanhTransform())
    assert registry(d.constraints.real) == d.TanhTransform()


def test_dependent_constraints() -> None:
    for call in (
        *("c.dependent", "c.dependent(is_discrete=True).is_discrete", "d.Uniform.support"),
        *("d.Uniform.support.event_dim", "d.Uniform.support.is_discrete", "d.Categorical.support"),
        *("c.dependent(event_dim=2).event_dim", "c.dependent.is_discrete"),
        *("d.Multinomial.support.event_dim", "d.MixtureSameFamily.support.event_dim"),
        "c.is_dependent(d.Uniform.support)",
    ):
        same(lambda lib, x=call: [repr(given(lib, x))])


@pytest.mark.parametrize(
    "call",
    [
        "u.broadcast_all(1, t([1.0, 2.0]))[0]",
        "u.broadcast_all(1, 2.5)[1]",
        "u.broadcast_all(t([[1.0], [2.0]]), t([1.0, 2.0, 3.0]))[0]",
        "u.probs_to_logits(t([0.0, 0.2, 1.0]))",
        "u.probs_to_logits(t([0.0, 0.2, 1.0]), is_binary=True)",
        "u.logits_to_probs(t([0.0, 0.2, 1.0]))",
        "u.logits_to_probs(t([0.0, 0.2, 1.0]), is_binary=True)",
        "u.clamp_probs(t([0.0, 0.2, 1.0]))",
        "u.tril_matrix_to_vec(torch.arange(18).reshape(2, 3, 3))",
        "u.tril_matrix_to_vec(torch.arange(9).reshape(3, 3), -1)",
        "u.vec_to_tril_matrix(t([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))",
        "u.vec_to_tril_matrix(t([[1.0, 2.0, 3.0]]), -1)",
        "u.vec_to_tril_matrix(t([1.0, 2.0, 3.0, 4.0, 5.0]))",
    ],
)
def test_utilities(call: str) -> None:
    same(lambda lib: given(lib, call.replace("u.", "d.utils.")))


@each_library
def test_lazy_properties(lib) -> None:
    calls = []

    class Thing:
        """Counts how often its property is computed."""

        @lib.distributions.utils.lazy_property
        def value(self):
            """A value."""
            calls.append(lib.is_grad_enabled())
            return 3

    thing = Thing()
    with lib.no_grad():
        assert (thing.value, thing.value) == (3, 3)
    assert calls == [True]
    assert isinstance(Thing.value, property)


def test_compositions_of_distributions() -> None:
    def run(lib):
        d = lib.distributions
        base = d.Normal(lib.zeros(2, 3, dtype=lib.float64), 1.0)
        flow = [
            d.AffineTransform(1.0, 2.0),
            d.StickBreakingTransform(),
            d.ReshapeTransform((4,), (2, 2)),
        ]
        p = d.TransformedDistribution(base, flow)
        lib.manual_seed(0)
        x = p.rsample((5,))
        return [x, p.log_prob(x), p.batch_shape, p.event_shape, repr(p.support)]

    ours, theirs = both(run)
    for a, b in zip(ours[:2], theirs[:2], strict=True):
        check(a, b)
    assert [str(x) for x in ours[2:]] == [str(x) for x in theirs[2:]]
