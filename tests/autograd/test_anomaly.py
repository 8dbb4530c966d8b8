"""Anomaly mode names the first producer of a nan: in the backward pass, in the forward pass, behind
a mask, in hooks and in Functions.
"""

import numpy as np
import pytest
from anomalies import assert_blames, culprit, detected, place_of, section, told

import dynagrad as torch

nan, inf = float("nan"), float("inf")


def leaf(*values, dtype=torch.float32):
    """A vector that requires grad."""
    return torch.tensor(values, dtype=dtype, requires_grad=True)


# --- the backward pass ----------------------------------------------------------------------------


def test_first_producer_in_backward():
    def program():
        x = leaf(0.0, 4.0)
        y = torch.sqrt(x)  # culprit
        (y * y).sum().backward()

    text = assert_blames(program, verdict="Sqrt is the first producer")
    assert text.startswith("Function 'SqrtBackward0' returned nan values in its 0th output.\n")
    assert "gradient of input 0: float32 [2], from 1 to 1, 1 nan, 0 inf" in text
    assert "the first nan at index [0]" in text
    assert "cotangent: float32 [2], from 0 to 4, 0 nan, 0 inf" in text
    assert "saved result: float32 [2], from 0 to 2, 0 nan, 0 inf" in text
    assert "what to do" in text and "infinite where the operand is 0" in text


def test_infinity_made_before_is_the_culprit():
    def program():
        x = torch.zeros(3, requires_grad=True)
        squares = (x * x).sum()
        length = squares.sqrt()  # culprit
        length.backward()

    text = assert_blames(program, verdict="makes a nan of the infinity in its cotangent")
    assert text.startswith("Function 'MulBackward0' returned")
    assert "first made in the backward pass by SqrtBackward0" in text


def test_infinity_is_followed_through_nodes_that_pass_it_on():
    def program():
        x = leaf(0.0)
        y = (x * 0.0).reshape(1, 1).expand(1, 3) + 0.0
        z = y.sqrt()  # culprit
        (2.0 * z).sum().backward()

    assert_blames(program, verdict="first made in the backward pass by SqrtBackward0")


def test_contributions_of_opposite_sign():
    def program():
        x = leaf(0.0)
        y = x.exp()  # culprit
        down = y / 0.0
        (down - y / 0.0).sum().backward()

    error = detected(program)
    verdict = "\n".join(section(str(error), "verdict"))
    assert f"adding what met in ExpBackward0, of\n    at {place_of(program)}" in verdict
    assert "first made in the backward pass by DivBackward0" in verdict


def test_infinities_that_broadcasting_adds():
    def program():
        x = torch.tensor(1.0, requires_grad=True)
        weights = leaf(inf, -inf).detach()
        (x * weights).sum().backward()  # culprit

    text = assert_blames(program)
    assert text.startswith("Function 'MulBackward0' returned nan values in its 0th output.")


def test_infinite_gradients_alone_raise_nothing():
    x = leaf(0.0)
    assert told(lambda: x.sqrt().sum().backward()) == []
    assert x.grad.tolist() == [inf]


def test_nan_given_to_backward():
    def program():
        x = leaf(0.0, 1.0)
        y = x.exp() * 2  # culprit
        y.backward(torch.tensor([1.0, nan]))

    text = assert_blames(program, verdict="the gradient that backward() was given")
    assert "only passes the nan on" in text and "at index [1]" in text


@pytest.mark.parametrize("place", [0, 1])
def test_number_of_the_output(place):
    a, b = leaf(0.0), leaf(0.0)
    error = detected(lambda: torch.autograd.grad((a * b).sqrt().sum(), [(a, b)[place]]))
    assert str(error).startswith("Function 'MulBackward0' returned")
    condition = torch.tensor([True])
    pair = (leaf(1.0), b) if place else (b, leaf(1.0))

    def masked():
        first, second = (torch.sqrt(t * 1) for t in pair)
        torch.where(condition, first, second).backward(torch.tensor([nan]))

    assert str(detected(masked)).startswith(
        "Function 'WhereBackward0' returned nan values in its 0"
    )


def test_grad_of_inputs_raises_as_backward_does():
    def program():
        x = leaf(0.0)
        y = x.sqrt()  # culprit
        torch.autograd.grad((y * 0).sum(), x)

    assert_blames(program)


def test_create_graph_and_second_derivatives():
    def first():
        x = leaf(0.0)
        y = torch.sqrt(x)  # culprit
        torch.autograd.grad((y * 0).sum(), x, create_graph=True)

    assert_blames(first, verdict="Sqrt is the first producer")

    def second():
        x = leaf(0.0)
        (g,) = torch.autograd.grad((x**1.5).sum(), x, create_graph=True)  # culprit
        (g**2).sum().backward()

    text = assert_blames(second)
    assert "recorded in the backward pass of PowBackward0, made at" in text


def test_several_outputs_and_variadic_inputs():
    def program():
        x = leaf(0.0, 1.0, 2.0)
        first, rest = x.split([1, 2])
        root = first.sqrt()  # culprit
        (torch.cat([root * 0, rest]) * 2).sum().backward()

    assert_blames(program, verdict="Sqrt is the first producer")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.complex64])
def test_dtypes(dtype):
    def program():
        x = torch.tensor([0, 1], dtype=dtype, requires_grad=True)
        y = torch.sqrt(x)  # culprit
        (y * torch.tensor([0, 1], dtype=dtype)).sum().abs().backward()

    text = assert_blames(program)
    assert f"{str(dtype).split('.')[1]} [2]" in text


def test_zero_dimensional():
    def program():
        x = torch.tensor(0.0, requires_grad=True)
        y = x.sqrt()  # culprit
        (y * 0.0).backward()

    assert "the first nan at index []" in assert_blames(program)


def test_empty_and_integer_tensors_are_no_alarm():
    x = torch.ones(0, requires_grad=True)
    counts = torch.tensor([0, 1])
    assert told(lambda: (x.sqrt() * 2).sum().backward()) == []
    assert told(lambda: (leaf(1.0, 2.0) * counts).sum().backward()) == []


def test_in_place_operations():
    def program():
        x = leaf(0.0, 4.0)
        y = x * 1
        y.sqrt_()  # culprit
        (y * torch.tensor([0.0, 1.0])).sum().backward()

    assert_blames(program, verdict="Sqrt is the first producer")

    def part():
        x = leaf(-1.0, 4.0)
        y = x * 1
        y[:1].log_()  # culprit
        (y * y).sum().backward()

    assert_blames(part, verdict="first made in the forward pass by Log,")


# --- the forward pass -----------------------------------------------------------------------------


def test_producer_in_the_forward_pass():
    def program():
        x = leaf(1.0, -1.0)
        y = torch.log(x * 3)  # culprit
        z = (y + 1) * 2
        z.sin().sum().backward()

    text = assert_blames(program, verdict="The nan was first made in the forward pass by Log,")
    assert "operand 0: float32 [2], from -3 to 3, 0 nan, 0 inf" in text
    assert "float32 [2], from 1.09861 to 1.09861, 1 nan, 0 inf, the first nan at index [1]" in text


def test_producer_that_nobody_recorded():
    def program():
        x = leaf(1.0, 2.0)
        with torch.no_grad():
            scale = torch.tensor([1.0, -1.0]).sqrt()  # culprit
        (x * scale).sum().backward()

    assert_blames(program, verdict="The nan was first made in the forward pass by Sqrt,")


def test_infinity_that_later_becomes_nan():
    def program():
        x = leaf(0.0, 1.0)
        y = torch.log(x)  # culprit
        z = y - y * 1
        z.exp().sum().backward()

    text = assert_blames(program)
    assert "The nan was first made in the forward pass by Sub," in text
    assert "The infinity was first made in the forward pass by Log," in text


def test_write_without_recording():
    def program():
        x = leaf(1.0, 2.0)
        data = torch.tensor([0.0, 0.0])
        data.div_(data.sum())  # culprit
        (x * data).sum().backward()

    assert_blames(program, verdict="The nan was first made in the forward pass by Div,")


def test_copy_keeps_the_origin():
    def program():
        x = leaf(1.0, 2.0)
        data, buffer = torch.tensor([-1.0, 1.0]).sqrt(), torch.zeros(2)  # culprit
        buffer.copy_(data)
        (x * buffer).sum().backward()

    assert_blames(program)


def test_data_with_nan():
    def program():
        x = leaf(1.0, 2.0)
        data = torch.tensor([nan, 1.0])
        (x * data).sum().backward()  # culprit

    text = assert_blames(program, verdict="there before any operation: operand 1 of Mul")
    assert "Look at the data" in text


def test_overflow_of_half_precision():
    def program():
        x = leaf(300.0, dtype=torch.float16)
        y = x * x  # culprit
        (y / y).sum().backward()

    assert "largest float16 is 65504" in assert_blames(program)


def test_nan_loss_with_finite_gradients_warns():
    x = leaf(1.0)
    (message,) = told(lambda: (x * 2 + torch.tensor([-1.0]).sqrt()).sum().backward())
    assert message.startswith("backward() starts from a nan, the result of Sum")
    assert "first made in the forward pass by Sqrt," in message
    assert x.grad.tolist() == [2.0]


def test_nan_that_is_masked_away_is_no_alarm():
    x = leaf(-1.0, 4.0)

    def program():
        y = torch.tensor([-1.0, 1.0]).sqrt()
        (torch.where(x > 0, y, 0.0) * x).sum().backward()

    assert told(program) == []
    assert x.grad.tolist() == [0.0, 1.0]


def test_forward_can_be_told_to_raise():
    def program():
        x = leaf(-1.0)
        return x.sqrt()  # culprit

    with torch.autograd.set_detect_anomaly(True, check_forward="raise"):
        with pytest.raises(RuntimeError, match="^Operation 'Sqrt' returned nan values") as caught:
            program()
        assert place_of(program) in str(caught.value)
        leaf(0.0).log()  # an infinity is no nan
    with pytest.raises(ValueError, match="check_forward must be 'note' or 'raise'"):
        torch.autograd.set_detect_anomaly(True, check_forward="stop")


# --- 0 * inf behind a mask ------------------------------------------------------------------------


def masked_by_where(x):
    y = torch.sqrt(x)  # culprit
    return torch.where(x > 0, y, 0.0)  # mask


def masked_fill(x):
    y = torch.sqrt(x) + 1  # culprit
    return y.masked_fill(x <= 0, 0.0)  # mask


def masked_by_product(x):
    y = 3 * torch.sqrt(x)  # culprit
    return y * (x > 0)  # mask


def masked_by_choice(x):
    y = torch.sqrt(x)  # culprit
    return y[x > 0]  # mask


def masked_domain(x):
    y = torch.sqrt(x - 1)  # culprit
    return torch.where(x > 1, y, 0.0)  # mask


def masked_overflow(x):
    y = torch.exp(x * 100)  # culprit
    return torch.where(x < 0.5, y, 0.0)  # mask


TRAPS = [masked_by_where, masked_fill, masked_by_product, masked_by_choice]


@pytest.mark.parametrize("f", [*TRAPS, masked_domain, masked_overflow], ids=lambda f: f.__name__)
def test_where_trap(f):
    text = str(detected(lambda: f(leaf(0.0, 4.0)).sum().backward()))
    trap = "\n".join([*section(text, "0 * inf"), *section(text, "0 * nan")])
    assert place_of(f) in trap and place_of(f, "# mask") in trap, text
    assert "safe = torch.where(mask, x, 1.0)" in text


def test_the_cure_of_the_trap_and_a_clamp_are_no_alarm():
    x = leaf(0.0, 4.0)

    def cured():
        safe = torch.where(x > 0, x, 1.0)
        torch.where(x > 0, torch.sqrt(safe), 0.0).sum().backward()

    assert told(cured) == []
    assert told(lambda: torch.sqrt(x.clamp(min=1e-6)).sum().backward()) == []
    assert np.isfinite(x.grad.numpy()).all()


def test_a_derivative_of_zero_is_no_mask():
    def program():
        x = leaf(0.0)
        (x.sqrt() ** 2).sum().backward()

    text = str(detected(program))
    assert "Pow has the derivative 0 there" in text
    assert "safe = " not in text


# --- hooks, Functions, errors ---------------------------------------------------------------------


def spoil(g):
    """A hook that makes a nan."""
    return g * nan


@pytest.mark.parametrize("kind", ["tensor", "pre", "post"])
def test_hooks(kind):
    def program():
        x = leaf(1.0, 2.0)
        y = x.exp()
        if kind == "tensor":
            y.register_hook(spoil)
        elif kind == "pre":
            y.grad_fn.register_prehook(lambda gs: (spoil(gs[0]),))
        else:
            y.grad_fn.register_hook(lambda into, out: (spoil(into[0]),))
        (y * 2).sum().backward()

    text = str(detected(program))
    assert text.startswith("Function 'ExpBackward0' returned nan values in its 0th output.")
    name = "spoil" if kind == "tensor" else "<lambda>"
    assert f"first returned by the hook '{name}', defined" in text
    assert "Mend the hook" in text


def test_hook_on_a_complex_tensor():
    def program():
        x = torch.tensor([1 + 1j], requires_grad=True)
        y = x.exp()
        y.register_hook(spoil)
        (y * 2).abs().sum().backward()

    assert "first returned by the hook 'spoil'" in str(detected(program))


class Spoiled(torch.autograd.Function):
    """Its backward makes a nan in the second gradient."""

    @staticmethod
    def forward(ctx, x, y):
        return x * y, x + y

    @staticmethod
    def backward(ctx, a, b):
        low = a - 5
        return a, torch.log(low)  # culprit


def test_function():
    def program():
        x, y = leaf(1.0), leaf(2.0)
        first, second = Spoiled.apply(x, y)  # apply
        (first + second).sum().backward()

    error = detected(program)
    assert str(error).startswith(
        "Function 'SpoiledBackward' returned nan values in its 1th output."
    )
    assert (
        section(str(error), "operation")[0]
        .split(", at ")[1]
        .startswith(place_of(program, "# apply"))
    )
    verdict = "\n".join(section(str(error), "verdict"))
    assert "The backward of Spoiled is the first producer" in verdict
    assert place_of(Spoiled.backward) in verdict


class Raising(torch.autograd.Function):
    """Its backward raises."""

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        raise ValueError("inside")


@pytest.mark.parametrize("check_nan", [True, False])
def test_any_error_carries_the_forward_stack(check_nan):
    def outer(x):
        return inner(x) * 2  # outer

    def inner(x):
        return Raising.apply(x)  # culprit

    with torch.autograd.set_detect_anomaly(True, check_nan=check_nan):
        y = outer(leaf(1.0))
        with pytest.raises(ValueError, match="^inside") as caught:
            y.sum().backward()
    (note,) = [n for n in caught.value.__notes__ if n.startswith("Error detected in Raising")]
    lines = note.splitlines()
    assert place_of(outer, "# outer") in lines[-2] and place_of(inner) in lines[-1]
    assert not any("/_pytest/" in line or "/dynagrad/autograd/" in line for line in lines)


def test_recorded_outside_the_mode():
    x = leaf(0.0)
    y = x.sqrt() * 0
    error = detected(lambda: y.sum().backward())
    assert str(error).startswith("Function 'SqrtBackward0' returned")
    assert any("No forward pass information" in note for note in error.__notes__)


def test_floating_point_errors_of_the_user_are_kept_away():
    def program():
        x = leaf(0.0)
        y = x.sqrt()  # culprit
        (y * 0).sum().backward()

    with np.errstate(all="raise"):
        assert_blames(program)


def test_saved_tensors_hooks_and_culprit():
    def program():
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), torch.from_numpy):
            x = leaf(0.0)
            y = x.sqrt()  # culprit
            (y * 0).sum().backward()

    assert "saved result: float32 [1], from 0 to 0" in assert_blames(program)


def test_graph_can_be_used_after_the_error():
    x = leaf(0.0, 4.0)
    y = x.sqrt()
    detected(lambda: (y * torch.tensor([0.0, 1.0])).sum().backward(retain_graph=True))
    (y * 1).sum().backward()
    assert x.grad.tolist() == [inf, 0.25]
    assert culprit(detected(lambda: (x.log() * 0).sum().backward()))
