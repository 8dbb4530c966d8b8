"""Lazy modules and parameters without a shape: what they leave behind, and in which order."""

import gc
import weakref

import numpy as np
import pytest

import dynagrad
from dynagrad import nn
from dynagrad.core.watch import overriding


def ones(*shape):
    return dynagrad.from_numpy(np.ones(shape, "float32"))


def lazies():
    return {kind.__name__ for kind in overriding if kind.__name__.startswith("Uninitialized")}


@pytest.fixture(autouse=True)
def none_from_elsewhere():
    assert not lazies()
    yield
    gc.collect()
    nn.UninitializedParameter().materialize(1)
    assert not lazies()


def test_operations_ask_only_while_something_has_no_shape():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    assert lazies()
    model(ones(2, 4))
    assert not lazies()
    model(ones(2, 4))


def test_a_model_of_lazy_layers_trains():
    dynagrad.manual_seed(0)
    model = nn.Sequential(
        nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
    )
    x = dynagrad.randn(3, 1, 6, 6)
    model(x)
    assert not any(isinstance(m, nn.modules.lazy.LazyModuleMixin) for m in model.modules())
    optimizer = dynagrad.optim.SGD(model.parameters(), lr=0.1)
    target = dynagrad.tensor([0, 1, 0])
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_lazy_layers_draw_as_the_layers_they_become():
    dynagrad.manual_seed(4)
    lazy = nn.LazyConv1d(3, 2)
    lazy(ones(2, 5, 7))
    dynagrad.manual_seed(4)
    plain = nn.Conv1d(5, 3, 2)
    assert np.array_equal(lazy.weight.detach().numpy(), plain.weight.detach().numpy())
    assert np.array_equal(lazy.bias.detach().numpy(), plain.bias.detach().numpy())


@pytest.mark.parametrize("called", [False, True])
def test_lazy_modules_leave_without_the_collector(called):
    gc.disable()
    try:
        model = nn.Sequential(nn.LazyLinear(2))
        model.register_load_state_dict_pre_hook(lambda *args: None)
        if called:
            model(ones(1, 2))
        seen = weakref.ref(model[0])
        del model
        assert seen() is None
    finally:
        gc.enable()


def test_a_parameter_keeps_its_identity():
    layer = nn.LazyLinear(2)
    weight = layer.weight
    layer(ones(1, 3))
    assert layer.weight is weight and type(weight) is nn.Parameter
    buffer = nn.UninitializedBuffer()
    buffer.materialize((2,), dtype=dynagrad.float64)
    assert type(buffer) is dynagrad.Tensor and buffer.dtype is dynagrad.float64
    with pytest.raises(AssertionError, match="CUDA"):
        nn.UninitializedParameter().materialize(2, device="cuda")


def test_lazy_modules_are_not_for_several_devices():
    with pytest.raises(RuntimeError, match="Run a dummy forward pass"):
        nn.LazyLinear(2)._replicate_for_data_parallel()
    replica = nn.Linear(1, 1)._replicate_for_data_parallel()
    assert not list(replica.parameters()) and replica._is_replica
