"""autograd.Function under all nestings of the transforms, against PyTorch."""

import warnings

import pytest
from scenario import differences, run
from user_functions import functions_of_one, numbers, plain

import dynagrad

torch = pytest.importorskip("torch")


def nestings(torch, f):
    """f, from a vector to a vector, under transforms: what each nesting computes, of (x, v), which
    are (4, 3).
    """
    func, vmap = torch.func, torch.vmap
    grad, jvp = func.grad, func.jvp

    def total(x):
        return f(x).sum()

    def push(x, v):
        return jvp(f, (x,), (v,))[1]

    return {
        "f": lambda x, v: f(x[0]),
        "grad": lambda x, v: grad(total)(x[0]),
        "vjp": lambda x, v: func.vjp(f, x[0])[1](v[0]),
        "jvp": lambda x, v: jvp(f, (x[0],), (v[0],)),
        "vmap": lambda x, v: vmap(f)(x),
        "vmap in_dims": lambda x, v: vmap(f, 1, 1)(x.T),
        "vmap chunks": lambda x, v: vmap(f, chunk_size=3)(x),
        "jacrev": lambda x, v: func.jacrev(f)(x[0]),
        "jacfwd": lambda x, v: func.jacfwd(f)(x[0]),
        "jacrev chunks": lambda x, v: func.jacrev(f, chunk_size=2)(x[0]),
        "hessian": lambda x, v: func.hessian(total)(x[0]),
        "linearize": lambda x, v: func.linearize(f, x[0])[1](v[0]),
        "grad grad": lambda x, v: grad(lambda y: (grad(total)(y) ** 2).sum())(x[0]),
        "grad grad grad": lambda x, v: grad(
            lambda z: grad(lambda y: (grad(total)(y) ** 2).sum())(z).sum()
        )(x[0]),
        "vmap grad": lambda x, v: vmap(grad(total))(x),
        "grad vmap": lambda x, v: grad(lambda x: vmap(f)(x).sum())(x),
        "jvp grad": lambda x, v: jvp(grad(total), (x[0],), (v[0],)),
        "grad jvp": lambda x, v: grad(lambda x: (push(x, v[0]) ** 2).sum())(x[0]),
        "vmap jvp": lambda x, v: vmap(push)(x, v),
        "vmap jvp in v": lambda x, v: vmap(push, (None, 0))(x[0], v),
        "jvp vmap": lambda x, v: jvp(vmap(f), (x,), (v,)),
        "jvp jvp": lambda x, v: jvp(lambda x: push(x, v[0]), (x[0],), (v[1],)),
        "vmap vmap": lambda x, v: vmap(vmap(f))(x.reshape(2, 2, 3)),
        "vmap vmap grad": lambda x, v: vmap(vmap(grad(total)))(x.reshape(2, 2, 3)),
        "vmap hessian": lambda x, v: vmap(func.hessian(total))(x),
        "jacrev jacrev": lambda x, v: func.jacrev(func.jacrev(f))(x[0]),
        "jacfwd jacfwd": lambda x, v: func.jacfwd(func.jacfwd(f))(x[0]),
        "jacrev jacfwd": lambda x, v: func.jacrev(func.jacfwd(f))(x[0]),
        "grad vmap grad": lambda x, v: grad(
            lambda x: (vmap(grad(total))(x) ** 2).sum(),
        )(x),
        "vmap grad vmap": lambda x, v: vmap(grad(lambda x: vmap(f)(x).sum()))(x.reshape(2, 2, 3)),
        "vmap jvp grad": lambda x, v: vmap(lambda x, v: jvp(grad(total), (x,), (v,))[1])(x, v),
        "vmap grad jvp": lambda x, v: vmap(grad(lambda x, v: (push(x, v) ** 2).sum()))(x, v),
        "jvp vmap grad": lambda x, v: jvp(vmap(grad(total)), (x,), (v,)),
        "grad vmap jvp": lambda x, v: grad(lambda x: (vmap(push)(x, v) ** 2).sum())(x),
        "grad jvp grad": lambda x, v: (
            grad(lambda x: jvp(grad(total), (x,), (v[0],))[1].sum())(x[0]) + x[0] * 0
        ),
        "jvp grad vmap": lambda x, v: jvp(grad(lambda x: vmap(f)(x).sum()), (x,), (v,)),
    }


NESTINGS = tuple(nestings(dynagrad, None))
FUNCTIONS = tuple(functions_of_one(dynagrad))


#: where PyTorch takes the tangents that a Function's jvp returns for constants
LOST = ("jvp jvp", "jacfwd jacfwd", "grad jvp grad")
#: where it refuses a Function that saves None, or a result without derivative
REFUSED = (
    *("grad vmap", "jvp vmap", "jacrev jacfwd", "grad vmap grad", "vmap grad vmap"),
    *("jvp vmap grad", "grad vmap jvp", "jvp grad vmap"),
)


@pytest.mark.parametrize("nesting", NESTINGS)
def test_nesting(nesting) -> None:
    def scenario(torch, say):
        x, v = numbers(torch, 4, 3), numbers(torch, 4, 3, phase=1.1)
        for name, f in functions_of_one(torch).items():
            lost = nesting in LOST or (nesting in REFUSED and name == "sine")
            if lost and torch is not dynagrad:
                f = plain(torch)[name]
            say(nestings(torch, f)[nesting](x, v))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run(scenario, torch)
    found = differences(run(scenario, dynagrad), theirs, tolerance=1e-10)
    assert not found, "\n".join(found)


def test_names() -> None:
    assert list(plain(dynagrad)) == list(FUNCTIONS)
