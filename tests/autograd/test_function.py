"""autograd.Function: contexts, saved tensors, several results, in-place results, errors."""

import pytest

import dynagrad as dg
from dynagrad.autograd import Function, grad
from dynagrad.autograd.function import once_differentiable


def leaf(*values: float):
    return dg.tensor(values or (1.0, 2.0), requires_grad=True)


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.note = "mine"
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


def made(forward, backward) -> type[Function]:
    """A Function from two functions."""
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Made", (Function,), members)


def plain(ctx, x):
    return x * 1


def test_first_and_higher_orders() -> None:
    x = leaf()
    y = Square.apply(x)
    assert type(y.grad_fn).__name__ == y.grad_fn.name() == "SquareBackward"
    assert y.grad_fn.note == "mine"
    assert y.grad_fn.saved_tensors[0] is x
    (g,) = grad(y.sum(), x, create_graph=True)
    assert g.tolist() == [2.0, 4.0]
    assert grad(g.sum(), x)[0].tolist() == [2.0, 2.0]
    (e,) = grad(Exp.apply(x).sum(), x, create_graph=True)
    assert dg.allclose(grad(e.sum(), x)[0], x.exp())


def test_nothing_is_recorded_without_need() -> None:
    assert Square.apply(dg.ones(2)).grad_fn is None
    with dg.no_grad():
        assert Square.apply(leaf()).grad_fn is None


def test_forward_runs_unrecorded_and_backward_in_the_mode_of_the_pass() -> None:
    seen = []

    def forward(ctx, x, n):
        seen.append((dg.is_grad_enabled(), ctx.needs_input_grad, (x * 2).requires_grad))
        return x * n

    def backward(ctx, g):
        seen.append(dg.is_grad_enabled())
        return g * 3, None

    x = leaf()
    y = made(forward, backward).apply(x, 3)
    y.sum().backward(retain_graph=True)
    grad(y.sum(), x, create_graph=True)
    assert seen == [(False, (True, False), False), False, True]


def test_setup_context() -> None:
    class Scale(Function):
        @staticmethod
        def forward(x, factor=2.0):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

    x = leaf()
    Scale.apply(x, 5.0).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_several_results_and_missing_gradients() -> None:
    seen = []

    def forward(ctx, x):
        return x * 1, "text", x * 2, dg.tensor([1])

    def backward(ctx, *grads):
        seen.append([None if g is None else g.tolist() for g in grads])
        return grads[0] + grads[2]

    x = leaf()
    a, text, b, index = made(forward, backward).apply(x)
    assert text == "text" and not index.requires_grad and b.output_nr == 2
    b.sum().backward()
    assert seen == [[[0.0, 0.0], None, [1.0, 1.0], [0]]]
    assert x.grad.tolist() == [1.0, 1.0]


def test_unmaterialized_and_non_differentiable() -> None:
    seen = []

    def forward(ctx, x):
        fixed = x * 2
        ctx.mark_non_differentiable(fixed)
        ctx.set_materialize_grads(False)
        return fixed, x * 1, x * 3

    def backward(ctx, *grads):
        seen.append([g is None for g in grads])
        return grads[1]

    x = leaf()
    fixed, y, _ = made(forward, backward).apply(x)
    assert not fixed.requires_grad
    y.sum().backward()
    assert seen == [[True, False, True]]


def test_in_place() -> None:
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    double = made(forward, lambda ctx, g: g * 2)
    x = leaf()
    y = x * 1
    assert double.apply(y) is y
    assert type(y.grad_fn).__name__ == "MadeBackward"
    double.apply(y[:1])
    assert type(y.grad_fn).__name__ == "CopySlices"
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 2.0]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used"):
        double.apply(x)


def test_input_as_result() -> None:
    same = made(lambda ctx, x: x, lambda ctx, g: g * 7)
    x = leaf()
    y = same.apply(x)
    assert y is not x and x.is_leaf
    with pytest.raises(RuntimeError, match="created inside a custom Function"):
        y.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]


def test_a_view_as_result_must_not_be_written() -> None:
    view = made(lambda ctx, x: x.view(-1), lambda ctx, g: g)
    with pytest.raises(RuntimeError, match="created inside a custom Function"):
        view.apply(leaf()).mul_(2)


@pytest.mark.parametrize(
    ("backward", "error", "text"),
    [
        (lambda ctx, g: (g, g), RuntimeError, r"number of gradients \(expected 1, got 2\)"),
        (lambda ctx, g: (), RuntimeError, r"number of gradients \(expected 1, got 0\)"),
        (lambda ctx, g: dg.ones(3), RuntimeError, r"index 0 - got \[3\] but expected shape"),
        (lambda ctx, g: 1.0, RuntimeError, r"expected Variable or None \(got float\)"),
        (lambda ctx, g: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_bad_backward(backward, error, text) -> None:
    x = leaf()
    y = made(plain, backward).apply(x).sum()
    with pytest.raises(error, match=text):
        y.backward()
    assert x.grad is None and dg.is_grad_enabled()


def test_forgiven_backward() -> None:
    for backward, expected in (
        (lambda ctx, g: (g, None), [1.0, 1.0]),
        (lambda ctx, g: None, None),
        (lambda ctx, g: g.double(), [1.0, 1.0]),
        (lambda ctx, g: dg.ones(4, 2), [4.0, 4.0]),
    ):
        x = leaf()
        made(plain, backward).apply(x).sum().backward()
        assert (None if x.grad is None else x.grad.tolist()) == expected
        assert x.grad is None or x.grad.dtype == dg.float32


def test_gradient_for_no_tensor() -> None:
    f = made(lambda ctx, x, n: x * n, lambda ctx, g: (g, g))
    with pytest.raises(RuntimeError, match="different than None at position 2"):
        f.apply(leaf(), 2.0).sum().backward()


def test_missing_parts() -> None:
    with pytest.raises(NotImplementedError, match="implement the forward"):
        Function.apply(leaf())

    class OnlyForward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(NotImplementedError, match="either the backward or vjp"):
        OnlyForward.apply(leaf()).sum().backward()
    with pytest.raises(TypeError, match="can only save variables, but argument 0 is of type int"):
        made(lambda ctx, x: ctx.save_for_backward(1), plain).apply(leaf())


def test_stale_saved_tensors_name_both_lines() -> None:
    y = leaf() * 1
    z = Square.apply(y)  # saved here
    y.add_(1)  # changed here
    with pytest.raises(RuntimeError, match=r"(?s)version 0 instead.*# saved here.*# changed here"):
        z.sum().backward()
    e = Exp.apply(leaf())
    e.mul_(2)
    with pytest.raises(RuntimeError, match="output 0 of Exp, is at version 1"):
        e.sum().backward()


def test_saved_tensors_are_freed() -> None:
    y = Square.apply(leaf())
    y.sum().backward()
    for use in (lambda: y.grad_fn.saved_tensors, y.sum().backward):
        with pytest.raises(RuntimeError, match="second time"):
            use()


def test_once_differentiable() -> None:
    class Once(Square):
        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            assert not dg.is_grad_enabled()
            return 2 * ctx.saved_tensors[0] * g

    x = leaf()
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    (g,) = grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    assert g.tolist() == [4.0, 32.0]
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        g.sum().backward()
