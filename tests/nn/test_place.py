"""Errors in a module's call say where in the model it was."""

import gc
import traceback
import weakref

import numpy as np
import pytest

import dynagrad
from dynagrad import nn


def ones(*shape, dtype="float32"):
    return dynagrad.from_numpy(np.ones(shape, dtype))


class Encoder(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(n, 4), nn.Tanh()) for n in widths])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder(4, 4, 5)

    def forward(self, x):
        return self.encoder(x)


def notes(error):
    return "\n".join(getattr(error, "__notes__", ()))


def test_the_path_both_shapes_and_what_to_do():
    with pytest.raises(RuntimeError) as caught:
        Model()(ones(2, 4))
    assert str(caught.value).startswith("mat1 and mat2 shapes cannot be multiplied (2x4 and 5x4)")
    text = notes(caught.value)
    assert text.splitlines() == [
        "In the module encoder.layers.2.0 of Model: "
        "Linear(in_features=5, out_features=4, bias=True)",
        "  given: [2, 4] float32",
        "  takes: an input (*, 5), whose last size is in_features; give it that, or make the "
        "module for what it was given",
        "  holds: weight [4, 5] float32, bias [4] float32",
    ]
    assert text in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("make", "given", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 3), ones(1, 2, 8, 8), "takes: an input (N, 3, H, W) or (3, H, W)"),
        (lambda: nn.ConvTranspose1d(3, 4, 3), ones(2, 8), "takes: an input (N, 3, L) or (3, L)"),
        (lambda: nn.BatchNorm2d(3), ones(1, 2, 3, 3), "takes: an input (N, 3, *)"),
        (lambda: nn.BatchNorm2d(3), ones(1, 3), "given: [1, 3] float32"),
        (lambda: nn.LayerNorm((3, 2)), ones(3), "takes: an input (*, 3, 2)"),
        (lambda: nn.GroupNorm(2, 4), ones(2, 3, 3), "takes: an input (N, 4, *)"),
        (lambda: nn.Embedding(3, 2), ones(2, dtype="int64") * 7, "takes: integers from 0 to 2"),
        (lambda: nn.Linear(2, 2), ones(2, 2, dtype="float64"), "holds: weight [2, 2] float32"),
        (lambda: nn.LazyConv2d(3, 3), ones(2), "In the module 0 of Sequential: LazyConv2d(0, 3,"),
    ],
)
def test_what_a_layer_takes(make, given, words):
    with pytest.raises((RuntimeError, ValueError, IndexError)) as caught:
        nn.Sequential(make())(given)
    assert words in notes(caught.value)


def test_also_with_hooks_and_for_the_inner_of_two_errors():
    model = Model()
    model.encoder.register_forward_hook(lambda module, args, result: None)
    for _ in range(2):  # every error has a note of its own
        with pytest.raises(RuntimeError) as caught:
            model(ones(2, 4))
        assert len(caught.value.__notes__) == 1
        assert "encoder.layers.2.0 of Model" in notes(caught.value)


def test_a_module_that_computes_itself_is_named_without_those_below_it():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ReLU()

        def forward(self, x, y):
            return x + y

    with pytest.raises(RuntimeError) as caught:
        nn.ModuleDict({"join": Joined()})["join"](ones(2), ones(3))
    assert notes(caught.value) == ("In the module Joined(...)\n  given: [2] float32, [3] float32")


def test_errors_of_the_users_own_code_are_left_alone():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        nn.Sequential(Broken())(ones(1))
    assert not notes(caught.value)
    with pytest.raises(KeyError) as caught:
        nn.Sequential(nn.ReLU()).get_submodule("0")({}["x"])
    assert not notes(caught.value)


def test_an_error_that_is_dropped_keeps_nothing_alive():
    gc.disable()
    try:
        model = Model()
        seen = weakref.ref(model)
        try:
            model(ones(2, 4))
        except RuntimeError:
            pass
        del model
        assert seen() is None
    finally:
        gc.enable()
