"""What goes wrong in the graph says what was given, what was expected, and what to do."""

import copy
import pickle

import pytest

import dynagrad as dg


def leaf(*values: float):
    return dg.tensor(values or (1.0, 2.0), requires_grad=True)


def check(call, error: type, begins: str, *further: str) -> None:
    """The error's text begins with PyTorch's words and contains the further ones."""
    with pytest.raises(error) as caught:
        call()
    text = str(caught.value)
    assert text.startswith(begins), text
    for part in further:
        assert part in text, text


def test_backward_of_a_non_scalar() -> None:
    begins = "grad can be implicitly created only for scalar outputs"
    check((leaf() * 2).backward, RuntimeError, begins, "(2,)", ".sum()", "gradient=")
    check(leaf().backward, RuntimeError, begins)


def test_backward_of_a_constant() -> None:
    begins = "element 0 of tensors does not require grad and does not have a grad_fn"
    check(dg.ones(1).backward, RuntimeError, begins, "requires_grad=True")
    check((dg.ones(2) > 0).backward, RuntimeError, begins, "torch.bool")
    check(leaf().detach().sum().backward, RuntimeError, begins)


def test_gradients_of_wrong_shape_or_type() -> None:
    x = leaf()
    y = x * 2
    begins = (
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a "
        "shape of torch.Size([2])."
    )
    check(lambda: y.backward(dg.ones(3)), RuntimeError, begins, "shape of its output")
    begins = "For complex Tensors, both grad_output and output are required to have the same dtype"
    check(lambda: y.backward(dg.ones(2, dtype=dg.complex64)), RuntimeError, begins)
    begins = "gradients can be either Tensors or None, but got float"
    check(lambda: dg.autograd.backward([y], [2.0]), TypeError, begins)
    begins = "got 2 tensors and 1 gradients"
    check(lambda: dg.autograd.backward([y, y], [None]), RuntimeError, begins)
    begins = "grad can be implicitly created only for real scalar outputs but got torch.complex64"
    z = dg.ones(1, dtype=dg.complex64, requires_grad=True)
    check((z * 1j).backward, RuntimeError, begins)
    assert x.grad is None


def test_differentiated_tensors() -> None:
    x = leaf()
    begins = "One of the differentiated Tensors does not require grad"
    check(lambda: dg.autograd.grad(x.sum(), dg.ones(2)), RuntimeError, begins, "inputs[0]")
    check(lambda: dg.autograd.grad(x.sum(), 3), TypeError, "")


def test_flags() -> None:
    x = leaf()
    begins = "you can only change requires_grad flags of leaf variables."
    check(lambda: (x * 1).requires_grad_(False), RuntimeError, begins, "var.detach()")
    begins = "only Tensors of floating point dtype can require gradients"
    check(dg.ones(2, dtype=dg.int64).requires_grad_, RuntimeError, begins, "x.float()")
    begins = "Only Tensors of floating point and complex dtype can require gradients"
    check(lambda: dg.tensor([1, 2], requires_grad=True), RuntimeError, begins)
    check(lambda: dg.ones(2, dtype=dg.bool, requires_grad=True), RuntimeError, begins)


def test_gradient_setter() -> None:
    x = leaf()
    check(
        lambda: setattr(x, "grad", dg.ones(3)),
        RuntimeError,
        "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'.",
    )
    check(
        lambda: setattr(x, "grad", dg.ones(2, dtype=dg.float64)),
        RuntimeError,
        "attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype 'Float'.",
    )
    check(lambda: setattr(x, "grad", x), RuntimeError, "can't assign Variable as its own grad")
    check(lambda: setattr(x, "grad", 1), TypeError, "assigned grad expected to be a Tensor")
    assert x.grad is None


def test_deep_copies_need_leaves() -> None:
    y = leaf() * 2
    begins = "Only Tensors created explicitly by the user (graph leaves) support the deepcopy"
    check(lambda: copy.deepcopy(y), RuntimeError, begins)
    stored = pickle.loads(pickle.dumps(y))  # as a leaf: the graph stays behind
    assert stored.is_leaf and stored.requires_grad
    assert copy.deepcopy(y.detach()).tolist() == [2.0, 4.0]


def test_values_of_recorded_tensors() -> None:
    x = leaf()
    begins = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead"
    check(x.numpy, RuntimeError, begins)
    check(x.item, RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar", ".tolist")
    check(lambda: bool(x), RuntimeError, "Boolean value of Tensor with more than one value is")
    assert x.detach().numpy().tolist() == [1.0, 2.0]


def test_gradient_of_a_non_leaf_warns() -> None:
    y = leaf() * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
        assert y.grad is None


def test_errors_in_backward_name_the_line_of_the_forward_pass() -> None:
    class Fails(dg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("own words")

    y = Fails.apply(leaf())  # the line that is named
    with pytest.raises(ValueError, match="own words") as caught:
        y.sum().backward()
    (note,) = caught.value.__notes__
    assert "FailsBackward" in note and "# the line that is named" in note


def test_detach_in_place_of_a_view() -> None:
    y = leaf() * 1
    check(y[:1].detach_, RuntimeError, "Can't detach views in-place. Use detach() instead")
    assert y.detach_().is_leaf
