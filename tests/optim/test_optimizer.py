"""Optimizers by themselves: hooks, closures, versions, memory, what they cost to keep."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import dynagrad
from dynagrad import optim

ALL = [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad]


def parameter(*values, dtype="float32"):
    return dynagrad.from_numpy(np.array(values, dtype)).requires_grad_()


def with_gradient(*values):
    p = parameter(*values)
    p.grad = dynagrad.from_numpy(np.ones(len(values), "float32"))
    return p


def test_sgd_by_hand():
    p = with_gradient(1.0, 2.0)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5)
    optimizer.step()
    assert p.tolist() == [0.5, 1.5]
    optimizer.step()
    assert p.tolist() == [-0.25, 0.75]
    assert optimizer.state[p]["momentum_buffer"].tolist() == [1.5, 1.5]


def test_plain_sgd_keeps_no_state():
    p = with_gradient(1.0)
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize("kind", ALL)
def test_a_parameter_without_gradient_is_left_alone(kind):
    p, still, never = with_gradient(1.0), parameter(1.0), dynagrad.from_numpy(np.ones(1))
    optimizer = kind([p, still, never])
    optimizer.step()
    assert p.item() != 1.0
    assert still.item() == 1.0 and never.item() == 1.0
    assert still._version == 0


@pytest.mark.parametrize("kind", ALL)
def test_a_step_counts_as_a_write(kind):
    p = with_gradient(1.0, 2.0)
    optimizer = kind([p])
    kept = p * p
    before, memory = p._version, p.detach()
    optimizer.step()
    assert p._version > before
    assert memory.tolist() == p.tolist()  # in place
    assert p.is_leaf and p.requires_grad
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        kept.sum().backward()


@pytest.mark.parametrize("kind", ALL)
def test_large_parameters_are_updated_as_small_ones(kind, rng):
    values = rng.standard_normal(40_001).astype("float32")
    whole = dynagrad.from_numpy(values.copy()).requires_grad_()
    parts = [dynagrad.from_numpy(v.copy()).requires_grad_() for v in np.array_split(values, 9)]
    one, many = kind([whole]), kind(parts)
    for _ in range(3):
        g = rng.standard_normal(40_001).astype("float32")
        whole.grad = dynagrad.from_numpy(g)
        for part, piece in zip(parts, np.array_split(g, 9), strict=True):
            part.grad = dynagrad.from_numpy(piece.copy())
        one.step()
        many.step()
    joined = np.concatenate([part.detach().numpy() for part in parts])
    assert np.array_equal(whole.detach().numpy(), joined)


@pytest.mark.parametrize("kind", ALL)
def test_where_numpy_raises_the_update_is_made_once(kind):
    p, q = with_gradient(1.0), with_gradient(1.0)
    for x in (p, q):
        x.grad = dynagrad.from_numpy(np.array([1e-30], "float32"))  # its square underflows
    first, second = kind([p]), kind([q])
    for _ in range(3):
        first.step()
        with np.errstate(all="raise"):
            second.step()
    assert p.tolist() == q.tolist()
    a, b = first.state[p], second.state[q]
    assert [value.tolist() for value in a.values()] == [value.tolist() for value in b.values()]


def test_zero_grad():
    p = with_gradient(1.0)
    optimizer = optim.SGD([p], lr=1.0)
    g = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is g and g.tolist() == [0.0]
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.zero_grad()


def test_closures_run_with_gradients():
    p = parameter(3.0)
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with dynagrad.no_grad():
        loss = optimizer.step(closure)
        assert not dynagrad.is_grad_enabled()
    assert loss.item() == 9.0
    assert p.tolist() == [0.0]


def test_step_hooks():
    seen = []
    p = with_gradient(1.0)
    optimizer = optim.SGD([p], lr=0.5)
    handles = [
        optimizer.register_step_pre_hook(
            lambda o, args, kwargs: seen.append(("before", o is optimizer, args[0] is o, p.item()))
        ),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", p.item()))),
        optim.optimizer.register_optimizer_step_post_hook(
            lambda o, args, kwargs: seen.append("everywhere")
        ),
    ]
    optimizer.step()
    assert seen == [("before", True, True, 1.0), ("after", 0.5), "everywhere"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 3
    bad = optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()
    bad.remove()


def test_state_hooks():
    p = with_gradient(1.0)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5)
    optimizer.step()
    seen = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("save"))
    optimizer.register_state_dict_post_hook(lambda o, s: {**s, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, s: seen.append(s.pop("note")))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["save", 1, "loaded"]


def test_an_optimizer_of_the_users_own():
    class Halving(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"factor": 0.5})

        @dynagrad.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(group["factor"])

    p = parameter(4.0)
    optimizer = Halving([p])
    seen = []
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(p.item()))
    optimizer.step()
    assert p.item() == 2.0 and seen == [2.0]
    with pytest.raises(NotImplementedError, match="does not define step"):
        optim.Optimizer([p], {}).step()


def test_a_subclass_runs_hooks_once():
    class Twice(optim.SGD):
        def step(self, closure=None):
            super().step()
            return super().step(closure)

    p = with_gradient(1.0)
    optimizer = Twice([p], lr=0.25)
    seen = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("step"))
    optimizer.step()
    assert p.item() == 0.5 and seen == ["step"]


@pytest.mark.parametrize("kind", ALL)
def test_pickles_and_copies(kind):
    p = with_gradient(1.0, 2.0)
    optimizer = kind([p])
    optimizer.step()
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (q,) = again.param_groups[0]["params"]
        q.grad = dynagrad.from_numpy(np.ones(2, "float32"))
        again.step()
        assert q is not p
    optimizer.step()
    assert q.tolist() == p.tolist()


def test_a_rate_as_a_tensor():
    p, rate = with_gradient(1.0), dynagrad.from_numpy(np.array(0.5))
    optimizer = optim.SGD([p], lr=rate)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert p.item() == 0.5
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        optim.Adam([p], lr=dynagrad.from_numpy(np.ones(2)))


def test_what_is_not_supported_says_so():
    p = parameter(1.0)
    p.grad = dynagrad.ones(1)
    with pytest.raises(AssertionError, match="If capturable=True"):
        optim.Adam([p], capturable=True).step()
    with pytest.raises(AssertionError, match="_foreach ops don't support autograd"):
        optim.Adam([p], foreach=True, differentiable=True).step()


def test_training_keeps_nothing_alive():
    gc.disable()
    try:
        p = parameter(1.0, 2.0)
        optimizer = optim.Adam([p])
        loss = (p * p).sum()
        loss.backward()
        optimizer.step()
        node = weakref.ref(loss.grad_fn)
        gradient = weakref.ref(p.grad)
        optimizer.zero_grad()
        del loss
        assert node() is None and gradient() is None
    finally:
        gc.enable()


def test_no_warning_after_the_optimizer_stepped(recwarn):
    p = with_gradient(1.0)
    optimizer = optim.SGD([p], lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    scheduler.step()
    assert not recwarn.list
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop, optim.Rprop, optim.ASGD])
@pytest.mark.parametrize("shapes", [[(3,), (4,)], [(2, 3), (3, 2)], [(3,), (1,)], [(5000,), (10,)]])
def test_state_of_parameters_in_another_order(kind, shapes):
    def stepped(shapes):
        params = [dynagrad.ones(shape, requires_grad=True) for shape in shapes]
        for p in params:
            p.grad = dynagrad.ones(p.shape)
        optimizer = kind(params, lr=0.1, **({"momentum": 0.9} if kind is optim.SGD else {}))
        optimizer.step()
        return params, optimizer

    _, other = stepped(shapes[::-1])
    params, optimizer = stepped(shapes)
    optimizer.load_state_dict(other.state_dict())
    before = [p.detach().clone() for p in params]
    with pytest.raises(RuntimeError, match="The size of tensor a|output with shape"):
        optimizer.step()
    assert all(dynagrad.equal(p, old) for p, old in zip(params, before, strict=True))
