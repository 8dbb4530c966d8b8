"""`why`: a table of small programs, each with the kind of the answer and the line that it names."""

import gc
import inspect
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dynagrad as dg
from dynagrad import explaining, nn, why
from dynagrad.autograd.graph import saved_tensors_hooks
from dynagrad.core.tensor import edge_of
from dynagrad.explain import Reason
from dynagrad.explain.replay import Replay
from dynagrad.utils.checkpoint import checkpoint

CASES: dict[str, tuple[Callable[[], Reason], str, dict[str, Any]]] = {}


def case(kind: str, **details: Any) -> Callable[[Callable[[], Reason]], Callable[[], Reason]]:
    """A program that returns a Reason of this kind; the line it names bears `# here`, if any."""

    def decorate(f: Callable[[], Reason]) -> Callable[[], Reason]:
        CASES[f.__name__] = f, kind, details
        return f

    return decorate


def leaf(*values: float) -> dg.Tensor:
    return dg.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


# --- x cannot have a gradient ---------------------------------------------------------------------


@case("not_leaf", operation="Mul")
def a_result_keeps_no_gradient():
    x = leaf()
    h = x * 2  # here
    h.sum().backward()
    return why(h)


@case("not_leaf")
def a_result_keeps_no_gradient_with_a_loss():
    x = leaf()
    h = x * 2  # here
    return why(h, (h * h).sum())


@case("not_leaf")
def one_result_of_several():
    x = leaf()
    first, _ = x[:2].unbind()  # here
    return why(first, first * 2)


@case("lost_leaf")
def scaled_when_it_was_made():
    w = dg.ones(3, requires_grad=True) * 0.1  # here
    return why(w)


@case("lost_leaf")
def converted_when_it_was_made():
    w = dg.ones(3, requires_grad=True).to(dg.float64)  # here
    return why(w, w.sum())


@case("dtype")
def integers():
    return why(dg.arange(3))


@case("frozen")
def a_frozen_parameter():
    layer = nn.Linear(2, 2).requires_grad_(False)
    return why(layer.weight)


@case("no_history")
def made_by_the_user():
    return why(dg.ones(3))


@case("detached", operation="detach")
def detached():
    h = leaf() * 2
    return why(h.detach())  # here


@case("detached", operation="detach_")
def detached_in_place():
    h = leaf() * 2
    h.detach_()  # here
    return why(h)


@case("detached", operation=".data")
def data_of_a_result():
    h = leaf() * 2
    d = h.data  # here
    return why(d)


@case("detached", operation=".data")
def data_of_a_leaf():
    x = leaf()
    return why(x.data)


@case("detached")
def a_view_of_what_was_detached():
    h = leaf() * 2
    d = h.detach()  # here
    return why(d[1:])


@case("no_grad")
def a_view_made_under_no_grad():
    h = leaf() * 2
    with dg.no_grad():
        v = h[0]
    return why(v)


@case("no_grad", operation="mul")
def made_under_no_grad():
    x = leaf()
    with explaining():
        with dg.no_grad():
            k = x * 3  # here
    return why(k)


@case("no_grad", operation="mul")
def made_of_what_was_made_under_no_grad():
    x = leaf()
    with explaining():
        with dg.no_grad():
            k = x * 3  # here
        z = (k + 1).reshape(3, 1)
    return why(z)


@case("inference")
def made_in_inference_mode():
    x = leaf()
    with explaining(), dg.inference_mode():
        k = x.exp()  # here
    return why(k)


@case("not_differentiable", operation="argmax")
def an_index():
    x = leaf()
    with explaining():
        i = x.argmax()  # here
    return why(i)


@case("not_differentiable", operation="gt")
def a_comparison_made_floating():
    x = leaf()
    with explaining():
        mask = (x > 0).float()  # here
    return why(mask)


@case("not_differentiable", operation="long")
def integers_of_floats():
    x = leaf()
    with explaining():
        i = x.long()  # here
    return why(i)


@case("not_differentiable")
def indices_of_a_maximum():
    x = leaf()
    with explaining():
        pair = x.max(0)  # here
    return why(pair.indices)


@case("no_grad", certain=False)
def made_under_no_grad_as_the_source_reads():
    x = leaf()
    k = x * 1
    with dg.no_grad():
        for _ in range(2):
            k = x * 3  # here
    other = x * 2
    return why(k, other.sum())


@case("no_grad", certain=False)
@dg.no_grad()
def made_under_a_decorator_as_the_source_reads():
    k = leaf() * 3  # here
    return why(k)


@case("no_history")
def assigned_by_a_line_that_is_not_silenced():
    x = dg.ones(3)
    with dg.no_grad():
        k = x * 3
    k = x * 2  # here
    return why(k)


# --- the loss does not reach x --------------------------------------------------------------------


@case("unknown")
def a_leaf_without_a_loss():
    return why(leaf())


@case("no_path", certain=True, cut="detached", operation="detach")
def cut_by_detach():
    x, y = leaf(), leaf()
    h = (x * 2).exp()
    d = h.detach()  # here
    return why(x, (d * y).sum())


@case("no_path", certain=True, cut="detached")
def cut_by_detach_in_an_operation_that_saves_nothing():
    x, y = leaf(), leaf()
    with explaining():
        d = (x * 2).detach()  # here
        loss = (d + y).sum()
    return why(x, loss)


@case("no_path", certain=True, cut="no_grad")
def cut_by_no_grad():
    x, y = leaf(), leaf()
    with explaining():
        with dg.no_grad():
            k = x * 3  # here
        loss = ((k + 1) * y).sum()
    return why(x, loss)


@case("no_path", certain=True, cut="not_differentiable", operation="gt")
def cut_by_a_comparison():
    x, y = leaf(), leaf()
    with explaining():
        mask = (x * 2 > 1).float()  # here
        loss = (mask * y).sum()
    return why(x, loss)


@case("no_path", certain=False)
def perhaps_cut():
    x, y = leaf(), leaf()
    with dg.no_grad():
        k = x * 3
    loss = (k * y).sum()  # here
    return why(x, loss)


@case("no_path", certain=False)
def cut_by_item_leaves_no_trace():
    x, y = leaf(), leaf()
    loss = (y * dg.tensor(x.sum().item())).sum()  # here
    return why(x, loss)


@case("no_path", certain=True)
def not_used():
    x, y = leaf(), leaf()
    return why(x, y.sum())


@case("constant", certain=True)
def read_as_data():
    x, y = leaf(), leaf()
    return why(x, (x.data * y).sum())  # here


@case("constant", certain=True)
def read_before_it_required_grad():
    x, y = dg.ones(3), leaf()
    loss = (x * y).sum()  # here
    x.requires_grad_()
    return why(x, loss)


@case("another_leaf", certain=False)
def made_anew():
    w = leaf()
    loss = (w * w).sum()
    w = (w - 0.1).detach().requires_grad_()
    return why(w, loss)


@case("another_leaf", certain=True)
def stopped_requiring_grad_and_began_again():
    w = leaf()
    loss = (w * w).sum()
    w.requires_grad_(False)
    w.requires_grad_(True)
    return why(w, loss)


@case("another_leaf", certain=True)
def a_parameter_of_the_same_memory():
    w = leaf()
    loss = (w * w).sum()
    return why(nn.Parameter(w), loss)


@case("no_path", certain=True)
def a_slice_made_beside_the_loss():
    x = leaf()
    part = x[:2]  # here
    return why(part, (x * x).sum())


@case("no_path", certain=True)
def a_view_of_what_was_written():
    h = leaf() * 2
    part = h[:2]
    h.mul_(3)  # here
    return why(part, (h * h).sum())


@case("loss_without_graph")
def a_loss_without_graph():
    x = leaf()
    loss = x.sum().detach()  # here
    return why(x, loss)


class HandsNothing(dg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return None


@case("no_gradient")
def a_function_that_hands_none():
    x = leaf()
    y = HandsNothing.apply(x)  # here
    return why(x, y.sum())


# --- backward and .grad ---------------------------------------------------------------------------


@case("not_run")
def backward_has_not_run():
    x = leaf()
    return why(x, (x * x).sum())


@case("not_run")
def retained_but_not_run():
    x = leaf()
    h = x * x  # here
    h.retain_grad()
    return why(h, h.sum())


@case("cleared")
def cleared_after_backward():
    x = leaf()
    loss = (x * x).sum()  # here
    loss.backward()
    x.grad = None
    return why(x, loss)


@case("cleared")
def set_to_zeros():
    x = leaf()
    (x * x).sum().backward()
    x.grad.zero_()
    return why(x, (x * x).sum())


@case("overwritten")
def a_saved_value_was_written():
    x = leaf()
    e = x.exp()  # here
    loss = e.sum()
    e.mul_(2)
    return why(x, loss + e.sum())


@case("hook")
def a_hook_makes_it_zero():
    x = leaf()
    h = x * 2  # here
    h.register_hook(lambda g: g * 0)
    loss = (h * h).sum()
    loss.backward(retain_graph=True)
    return why(x, loss)


@case("ordinary")
def ordinary():
    x = leaf()
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    return why(x, loss)


@case("zero", is_freed=True)
def zero_but_freed():
    x = leaf()
    loss = (x * 0).sum()
    loss.backward()
    return why(x, loss)


# --- values ---------------------------------------------------------------------------------------


@case("zero", cause="dead", share=1.0)
def dead_units():
    x = leaf()
    loss = (x - 100).relu().sum()  # here
    return why(x, loss)


@case("partly_zero", cause="dead", share=0.25)
def some_dead_units():
    x = leaf(-1.0, 1.0, 2.0, 3.0)
    loss = x.relu().sum()  # here
    loss.backward(retain_graph=True)
    return why(x, loss)


@case("zero", cause="dead")
def clamped():
    x = leaf()
    return why(x, x.clamp(-0.1, 0.1).sum())  # here


@case("zero", cause="dead")
def hard_tanh():
    x = leaf()
    return why(x, nn.functional.hardtanh(x * 10).sum())  # here


@case("zero", cause="saturated", share=1.0)
def saturated():
    x = leaf()
    return why(x, (x * 1e4).sigmoid().sum())  # here


@case("zero", cause="rounding")
def rounded():
    x = leaf()
    return why(x, (x.round() * 2).sum())  # here


@case("zero", cause="times_zero")
def multiplied_by_zero():
    x = leaf()
    return why(x, (x * dg.zeros(3)).exp().sum())  # here


@case("zero", cause="times_zero")
def matrix_of_zeros():
    x = dg.ones(2, 3, requires_grad=True)
    loss = (x @ dg.zeros(3, 4)).sum()  # here
    return why(x, loss)


@case("zero", cause="masked")
def masked_out():
    x = leaf()
    loss = dg.where(x > 100, x, dg.zeros(3)).sum()  # here
    return why(x, loss)


@case("zero", cause="cancelled")
def cancelled():
    x = leaf()
    h = x * 2
    loss = (h - h).sum()  # here
    return why(x, loss)


@case("zero", cause="overwritten")
def overwritten():
    x = leaf()
    h = x * 2
    h[:] = dg.zeros(3)  # here
    return why(x, h.sum())


class Zeros(dg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 0


@case("zero", cause="function")
def a_function_that_hands_zeros():
    x = leaf()
    return why(x, Zeros.apply(x).sum())  # here


def after_backward(x, loss):
    loss.backward(retain_graph=True)
    return why(x, loss)


@case("partly_zero", cause="not_used")
def one_element_used():
    x = leaf()
    h = x[0] * 2  # here
    return after_backward(x, h)


@case("partly_zero", cause="not_used")
def rows_of_an_embedding():
    table = dg.ones(5, 2, requires_grad=True)
    rows = nn.functional.embedding(dg.tensor([1, 3]), table)  # here
    return after_backward(table, rows.sum())


@case("partly_zero", cause="not_chosen")
def the_largest_only():
    x = dg.tensor([[1.0, 2.0], [4.0, 3.0]], requires_grad=True)
    loss = x.amax(1).sum()  # here
    return after_backward(x, loss)


@case("partly_zero", cause="dead")
def dead_units_before_a_layer():
    x = dg.ones(4, 3)
    w = dg.tensor([[1.0, -1.0]] * 3, requires_grad=True)
    h = (x @ w).relu()  # here
    return after_backward(w, (h * 2).sum())


@case("huge", cause="growth", operation="Div")
def division_by_almost_zero():
    x = leaf()
    loss = (dg.ones(3) / (x * 1e-6)).sum()
    return why(x, (x / dg.full((3,), 1e-9)).sum() + 0 * loss)  # here


@case("huge", cause="growth", operation="Exp")
def exponential():
    x = leaf(20.0)
    return why(x, x.exp().sum())  # here


@case("huge", cause="growth", operation="Log")
def logarithm_near_zero():
    x = leaf(1e-8)
    return why(x, x.log().sum())  # here


@case("huge", cause="long_chain", times=30)
def a_long_product():
    h = x = leaf()
    for _ in range(30):
        h = h * 3  # here
    return why(x, h.sum())


@case("vanishing", cause="long_chain", times=40)
def a_long_shrinking_chain():
    h = x = leaf()
    for _ in range(40):
        h = (h * 0.5).tanh()  # here
    return why(x, h.sum())


@case("vanishing", cause="saturated", operation="Sigmoid")
def almost_saturated():
    x = dg.tensor([20.0], dtype=dg.float64, requires_grad=True)
    return why(x, x.sigmoid().sum())  # here


@case("nan", cause="operation", operation="Sqrt")
def root_of_zero():
    x = leaf(0.0, 1.0)
    return why(x, x.sqrt().sum())  # here


@case("nan", cause="zero_times_infinity", operation="Sqrt")
def the_trap_of_where():
    x = leaf(0.0, 1.0)
    root = x.sqrt()  # here
    return why(x, dg.where(x > 0, root, dg.zeros(2)).sum())


@case("nan", cause="forward")
def nan_in_forward():
    x = leaf(-1.0, 1.0)
    h = x.log()
    return why(x, (h * h).sum())  # here


# --- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_kind_and_line(name: str) -> None:
    program, kind, details = CASES[name]
    reason = program()
    assert reason.kind == kind, reason
    for key, value in details.items():
        assert reason.details.get(key) == value, (key, reason.details)
    source = [line for line in _source(program) if line.rstrip().endswith("# here")]
    if source:
        assert reason.place is not None, reason
        assert reason.place.text == source[0].strip()
        assert reason.place.file == __file__
        assert str(reason) == repr(reason) == f"{reason.sentence}\n  {reason.place}"
    assert len(reason.sentence) > 20


def _source(program: Callable) -> list[str]:
    with open(__file__, encoding="utf-8") as file:
        lines = file.read().splitlines()
    start = inspect.unwrap(program).__code__.co_firstlineno
    end = next((i for i in range(start + 1, len(lines)) if lines[i] and lines[i][0] != " "), None)
    following = [
        i for i in range(start + 1, len(lines)) if lines[i].startswith(("@", "# -", "def"))
    ]
    after = [i for i in following if i > start + 1]
    return lines[start : after[0] if after else end]


def test_every_kind_is_documented_and_tried() -> None:
    assert why.__doc__ is not None
    for kind in {kind for _, kind, _ in CASES.values()}:
        assert kind in why.__doc__


def test_the_maker_of_a_zero_factor_is_named() -> None:
    x = leaf(-1.0, -2.0, 3.0)
    h = x.relu()
    loss = (h * h).sum()
    loss.backward(retain_graph=True)
    reason = why(x, loss)
    assert reason.details["cause"] == "times_zero"
    assert "which relu made at" in reason.sentence


def test_sentences_say_what_cannot_be_known() -> None:
    assert "leave no trace" in cut_by_item_leaves_no_trace().sentence
    assert "cannot tell" in a_leaf_without_a_loss().sentence
    assert "perhaps" in made_anew().sentence
    assert "explaining()" in made_by_the_user().sentence
    assert "freed" in zero_but_freed().sentence


def test_nothing_is_changed() -> None:
    x = leaf()
    calls = []
    x.register_hook(calls.append)
    h = (x * 2).exp()
    h.register_hook(calls.append)
    h.retain_grad()
    h.grad_fn.register_hook(lambda *gs: calls.append(gs))
    loss = (h * h).sum()
    versions = [t._version for t in (x, h, loss)]
    saved = h.grad_fn.saved
    for t in (x, h, loss):
        why(t, loss)
    assert calls == []
    assert x.grad is None
    assert getattr(h, "_g", None) is None
    assert versions == [t._version for t in (x, h, loss)]
    assert h.grad_fn.saved is saved
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), (4 * (2 * x).exp() ** 2).detach().numpy(), rtol=1e-5)
    assert len(calls) == 3


def test_nothing_is_kept_alive() -> None:
    enabled = gc.isenabled()
    gc.disable()
    try:
        x = leaf()
        with explaining():
            h = (x * 2).detach()
            with dg.no_grad():
                k = x * 3
            loss = (h * k * x).sum()
        why(x, loss), why(h, loss), why(k)
        references = [weakref.ref(t) for t in (x, h, k, loss, loss.grad_fn)]
        del x, h, k, loss
        assert [r() for r in references] == [None] * 5
    finally:
        if enabled:
            gc.enable()


def test_explaining_changes_no_result() -> None:
    def step():
        x = leaf()
        with dg.no_grad():
            k = x.exp()
        loss = ((x * k).relu() + x.max(0).values).sum()
        loss.backward()
        return loss.item(), x.grad.tolist()

    plain = step()
    with explaining():
        watched = step()
    assert plain == watched


def test_a_graph_of_create_graph() -> None:
    x = leaf()
    (g,) = dg.autograd.grad((x**3).sum(), x, create_graph=True)
    assert why(x, (g * g).sum()).kind == "not_run"
    assert why(x, (g * 0).sum()).details["cause"] == "times_zero"


def test_several_losses_are_one_sum() -> None:
    x, y = leaf(), leaf()
    reason = why(x, [(x * 2).sum(), (y * 2).sum()])
    assert reason.kind == "not_run"
    assert reason.details["gradient"].kind == "ordinary"
    assert why(x, [x.sum(), -x.sum()]).details["cause"] == "cancelled"


def test_what_hooks_packed_is_unpacked() -> None:
    x = leaf()
    with saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        loss = (x * x.exp() * 0).sum()
    assert why(x, loss).details["cause"] == "times_zero"
    loss.backward()


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoints(use_reentrant: bool) -> None:
    x, weight = leaf(), leaf()
    loss = checkpoint(lambda t: t * weight * 0, x, use_reentrant=use_reentrant).sum()
    reason = why(x, loss)
    assert x.grad is None
    assert weight.grad is None
    assert reason.kind == ("unknown" if use_reentrant else "zero")
    loss.backward()
    assert x.grad.tolist() == [0.0] * 3


def test_half_precision() -> None:
    for dtype in (dg.float16, dg.bfloat16):
        x = dg.ones(3, dtype=dtype, requires_grad=True)
        assert why(x, (x * 0).sum()).details["cause"] == "times_zero"
        assert why(x, (x * 2).sum()).kind == "not_run"


def test_complex() -> None:
    x = dg.ones(3, dtype=dg.complex64, requires_grad=True)
    assert why(x, (x * 0).abs().sum()).kind == "zero"


PROGRAMS = [
    lambda x: (x * x).sum(),
    lambda x: (x.exp() + x).mean(),
    lambda x: x @ x.T,
    lambda x: x[0] + x[1:] * 2,
    lambda x: dg.cat([x, x * 2]).cumsum(0),
    lambda x: dg.stack(x.split(1)).prod(0),
    lambda x: x.max(0).values + x.sort(1).values.sum(0),
    lambda x: nn.functional.softmax(x, 1)[0],
    lambda x: nn.functional.layer_norm(x, (3,)).pow(2),
    lambda x: nn.functional.cross_entropy(x, dg.tensor([0, 2])),
    lambda x: dg.einsum("ij,kj->ik", x, x * 2),
    lambda x: x.T.reshape(2, 3).tanh() * dg.ones(4, 2, 3),
    lambda x: dg.linalg.svd(x, full_matrices=False)[1],
    lambda x: (x * 1).mul_(2).add_(x),
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_pass_computes_the_gradient(program: Callable) -> None:
    rng = np.random.default_rng(0)
    x = dg.tensor(rng.normal(size=(2, 3)), requires_grad=True)
    loss = program(x)
    edge = edge_of(x)
    found = Replay([(edge_of(loss), np.ones(loss.shape))], [edge]).gradients[edge, 0]
    (expected,) = dg.autograd.grad(loss.sum(), x)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)


def test_a_long_chain_needs_no_recursion() -> None:
    h = x = leaf()
    for _ in range(5000):
        h = h * 1.0
    assert why(x, h.sum()).kind == "not_run"
    assert why(x, (h * 0).sum()).details["cause"] == "times_zero"


def test_a_module_is_explained_in_groups() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    model.extra = nn.Linear(2, 2)
    model[2].bias.requires_grad_(False)
    with dg.no_grad():
        model[0].bias.fill_(-100)
    loss = model[2](model[1](model[0](dg.ones(5, 3)))).sum()
    reason = why(model, loss)
    kinds = {name: r.kind for name, r in reason.details["parameters"].items()}
    assert reason.kind == "module"
    assert kinds == {
        "0.weight": "zero",
        "0.bias": "zero",
        "2.weight": "zero",
        "2.bias": "frozen",
        "extra.weight": "no_path",
        "extra.bias": "no_path",
    }
    assert ["0.weight", "0.bias"] in reason.details["groups"]
    assert reason.details["parameters"]["0.bias"].details["cause"] == "dead"
    assert reason.details["parameters"]["2.weight"].details["cause"] == "times_zero"
    assert "0.weight, 0.bias: " in str(reason)


def test_no_loss_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="loss is empty"):
        why(leaf(), [])


def test_payloads_of_transforms_elsewhere_do_not_matter() -> None:
    def ask(t: dg.Tensor) -> dg.Tensor:
        assert why(t).kind in ("unknown", "no_history")
        assert why(dg.ones(2)).kind == "no_history"
        return (t * t).sum()

    dg.func.vmap(dg.func.grad(ask))(dg.ones(2, 3))


@pytest.mark.parametrize("wrong", [3, None, [1.0], np.ones(3)])
def test_other_things_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="why"):
        why(wrong)
    if wrong is not None:
        with pytest.raises(TypeError):
            why(leaf(), [wrong])
