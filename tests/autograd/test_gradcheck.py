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
    with pytest.raises(ValueError, match="at least one output tensor to require gradient"):
        gradcheck(lambda x: x.detach(), point())
    with pytest.warns(UserWarning, match="not a double precision"):
        gradcheck(lambda x: x * 2, dg.ones(1, requires_grad=True), eps=1e-2)
    with pytest.raises(ValueError, match="input 0 is torch.complex128"):
        gradcheck(dg.sin, dg.ones(1, dtype=dg.complex128, requires_grad=True))
