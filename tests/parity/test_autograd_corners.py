"""Corners of autograd that a user met from its documentation alone, against PyTorch."""

import gc
import subprocess
import sys
import weakref

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def answering(torch, answer):
    """`apply` of a Function with a given backward."""

    class Answering(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return answer(g)

    return Answering.apply


@cases
def a_complex_gradient_of_a_real_input(torch, say):
    x = torch.ones(2, requires_grad=True)
    say.error(lambda: answering(torch, lambda g: g * 1j)(x).sum().backward())
    say(x.grad)
    answering(torch, lambda g: (g * 1j).imag)(x).sum().backward()
    say(x.grad)


@cases
def a_real_weight_of_a_complex_output(torch, say):
    z = torch.tensor([1 + 2j], requires_grad=True)
    for weight in (torch.ones(1), torch.ones(1, dtype=torch.long), torch.ones(1) + 0j):
        say.error(torch.autograd.grad, z * z, z, weight)
    for name in ("vjp", "jvp"):
        say.error(getattr(torch.autograd.functional, name), torch.sin, z.detach(), torch.ones(1))


@cases
def what_ctx_is_told(torch, say):
    def asking(method, *values):
        class Asking(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                getattr(ctx, method)(*values)
                return x * 2

        return Asking.apply

    x = torch.ones(2, requires_grad=True)
    say.error(asking("save_for_forward", 3), x)
    for method in ("mark_dirty", "mark_non_differentiable"):
        try:
            asking(method, 3)(x)
        except RuntimeError as error:
            say(str(error)[:30])


@cases
def hooks_outlive_a_pause_of_requires_grad(torch, say):
    x = torch.ones(2, requires_grad=True)
    handle = x.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(lambda leaf: say("accumulated"))
    for _ in range(2):
        x.requires_grad_(False)
        x.requires_grad_(True)
        (x * 1).sum().backward()
        say(x.grad)
    x.requires_grad = False
    handle.remove()
    x.requires_grad = True
    (x * 1).sum().backward()
    say(x.grad)


@cases
def what_unpack_hooks_answer(torch, say):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    ones = torch.ones(2)
    for answer in (ones.double(), ones.half(), torch.tensor(1.0), torch.ones(1)):
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t, a=answer: a):
            y = x.exp().sum()
        y.backward()
        say(x.grad)


@cases
def an_edge_of_no_tensor(torch, say):
    say.error(torch.autograd.graph.get_gradient_edge, 3)
    say.error(torch.autograd.graph.get_gradient_edge, torch.ones(2))


@cases
def no_weights_for_a_batch(torch, say):
    x = torch.ones(2, requires_grad=True)
    say.error(torch.autograd.grad, x * x, x, is_grads_batched=True)


@cases
def gradcheck_of_integers_and_of_nothing(torch, say):
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    say(torch.autograd.gradcheck(lambda x: x.long(), (x,)))
    say.error(torch.autograd.gradcheck, lambda x: x.long(), (x,), fast_mode=True)
    empty = torch.zeros(2, 0, dtype=torch.float64, requires_grad=True)
    apply = answering(torch, lambda g: g * 2)
    for fast in (False, True):
        say(torch.autograd.gradcheck(apply, (empty,), fast_mode=fast))
        say.error(torch.autograd.gradcheck, apply, (empty,), fast_mode=fast, check_forward_ad=True)


@cases
def forward_columns_of_integers(torch, say):
    say.error(
        torch.autograd.functional.jacobian,
        lambda x: x * 2,
        torch.tensor([1, 2]),
        vectorize=True,
        strategy="forward-mode",
    )


@pytest.mark.parametrize("scenario", cases, ids=lambda scenario: scenario.__name__)
def test_as_pytorch(scenario):
    faults = differences(run(scenario, dynagrad), run(scenario, torch))
    assert not faults, "\n".join(faults)


def test_an_unpacked_tensor_of_another_shape():
    x = dynagrad.tensor([1.0, 2.0], requires_grad=True)
    with dynagrad.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: dynagrad.ones(3)):
        y = x.exp().sum()
    with pytest.raises(RuntimeError, match=r"expected to have shape \[2\] but got \[3\]"):
        y.backward()
    x.exp().sum().backward()
    assert dynagrad.equal(x.grad, x.exp())


def test_a_frozen_leaf_with_a_hook_of_its_own_can_be_collected():
    def frozen():
        x = dynagrad.ones(2, requires_grad=True)
        x.register_hook(lambda g: g * x.detach())
        return weakref.ref(x.requires_grad_(False))

    alive = frozen()
    gc.collect()
    assert alive() is None


FRESH = """
import dynagrad

class Twice(dynagrad.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return Twice.apply(g)

x = dynagrad.ones(2, dtype=dynagrad.float64, requires_grad=True)
if {batched}:
    weights = dynagrad.eye(2, dtype=dynagrad.float64)
    dynagrad.autograd.grad(x * 2, x, weights, is_grads_batched=True)
    dynagrad.autograd.grad(Twice.apply(x), x, weights, is_grads_batched=True)
else:
    dynagrad.autograd.gradcheck(Twice.apply, (x,), check_forward_ad=True)
"""


@pytest.mark.parametrize(
    ("batched", "words"), [(True, "must override the setup_context"), (False, "the jvp function")]
)
def test_functions_know_transforms_before_anybody_imports_them(batched, words):
    program = FRESH.format(batched=batched)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert words in done.stderr
