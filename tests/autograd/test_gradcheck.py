"""gradcheck and gradgradcheck: right derivatives pass, wrong ones are shown, bad input is named."""

import pytest

import dynagrad as dg
from dynagrad.autograd import Function, GradcheckError, gradcheck, gradgradcheck


class Wrong(Function):
    @staticmethod
    def forward(ctx, x):
        return x * x

    @staticmethod
    def backward(ctx, g):
        return g


class WrongTwice(Function):
    """Right itself, but its derivative is taken as a constant."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x.detach()


def point() -> dg.Tensor:
    return dg.tensor([1.0, 2.0, 3.0], dtype=dg.float64, requires_grad=True)


@pytest.mark.parametrize(
    "f", [dg.sin, lambda x: (x.sum(), x * x), lambda x: x.view(3, 1) @ x[None]]
)
def test_right_derivatives_pass(f) -> None:
    assert gradcheck(f, point()) and gradcheck(f, (point(),)) and gradgradcheck(f, (point(),))


def test_wrong_derivatives_are_shown_with_both_jacobians() -> None:
    with pytest.raises(GradcheckError, match=r"(?s)Jacobian mismatch for output 0.*numerical.*6\."):
        gradcheck(Wrong.apply, point())
    assert gradcheck(Wrong.apply, point(), raise_exception=False) is False


def test_a_wrong_second_derivative_fails_the_second_check_alone() -> None:
    assert gradcheck(WrongTwice.apply, point())
    assert gradgradcheck(WrongTwice.apply, point(), raise_exception=False) is False


def test_the_inputs_are_left_as_they_were() -> None:
    x = point()
    gradcheck(dg.exp, x)
    assert x.tolist() == [1.0, 2.0, 3.0] and x.grad is None


def test_errors_and_warnings_name_the_cause() -> None:
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(dg.sin, dg.ones(2))
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach(), point())
    with pytest.raises(ValueError, match="at least one output to require gradient"):
        gradgradcheck(lambda x: x.detach(), point())
    with pytest.warns(UserWarning, match="not a double precision"):
        gradcheck(lambda x: x * 2, dg.ones(1, requires_grad=True), eps=1e-2)


def text_of(f, *inputs, **settings) -> str:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, inputs, **settings)
    return str(caught.value)


def test_a_large_mismatch_is_shown_where_it_is_largest() -> None:
    class OneWrong(Wrong):
        @staticmethod
        def backward(ctx, g):
            h = 2 * dg.arange(48, dtype=dg.float64).reshape(6, 8) * g
            h[2, 3] += 0.5 * g[2, 3]
            h[5, 7] += 7 * g[0, 1]
            return h

    x = dg.arange(48, dtype=dg.float64).reshape(6, 8).requires_grad_()
    text = text_of(OneWrong.apply, x)
    assert text.count("\n") < 30
    _, _, shown = text.partition(
        "\n2 of 2304 entries differ (input of shape (6, 8), output of shape"
    )
    rows = [line.split() for line in shown.splitlines()[2:4]]
    assert rows[0] == ["[5,", "7]", "[0,", "1]", "0", "7", "7"]
    assert rows[1][:4] == ["[2,", "3]", "[2,", "3]"] and rows[1][-1] == "0.5"


@pytest.mark.parametrize(
    ("backward", "hint"),
    [
        (lambda x, g: 3 * x * g, "1.5 times the numerical one"),
        (lambda x, g: None, "No gradient arrives"),
        (lambda x, g: 2 * x * g * float("nan"), "no finite numbers"),
    ],
)
def test_simple_mistakes_are_named(backward, hint: str) -> None:
    class Mistaken(dg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return backward(ctx.saved_tensors[0], g)

    assert hint in text_of(Mistaken.apply, point())
    assert hint in text_of(Mistaken.apply, point(), fast_mode=True)


def test_a_missing_conjugate_and_a_transpose_are_named() -> None:
    class NotConjugated(WrongTwice):
        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    z = dg.tensor([1 + 1j, 2 - 1j], dtype=dg.complex128, requires_grad=True)
    assert "conjugate" in text_of(NotConjugated.apply, z)
    assert gradcheck(dg.sin, z) and gradgradcheck(dg.sin, z)

    class Turned(Wrong):
        @staticmethod
        def forward(ctx, x):
            return dg.arange(9.0, dtype=dg.float64).reshape(3, 3) @ x

        @staticmethod
        def backward(ctx, g):
            return dg.arange(9.0, dtype=dg.float64).reshape(3, 3) @ g

    assert "transpose" in text_of(Turned.apply, point())


def test_a_function_that_writes_its_input_is_named() -> None:
    def f(x):
        x.data.mul_(1.0001)
        return x * x

    assert "changes input 0 in place" in text_of(f, point())


def test_every_output_is_checked_with_every_input() -> None:
    def f(x, y):
        return x * y, Wrong.apply(y)

    text = text_of(f, point(), point())
    assert text.startswith("Jacobian mismatch for output 1 with respect to input 1,")


def test_batched_passes_are_compared() -> None:
    class Looks(WrongTwice):
        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0] if g.sum().item() > -100 else g

    assert gradcheck(Looks.apply, point())
    text = text_of(Looks.apply, point(), check_batched_grad=True)
    assert text.startswith("While computing batched gradients, got: ") and ".item()" in text
    f = dg.sin
    assert gradcheck(f, point(), check_batched_grad=True)
    assert gradcheck(f, point(), check_forward_ad=True, check_batched_forward_grad=True)
