"""`why` for modules: parameters that are cut off, beside parameters that nothing uses."""

import pytest

import dynagrad as dg
from dynagrad import explaining, nn, why


class Partly(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.last = nn.Linear(4, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        hidden = self.first(x).relu()
        hidden = hidden.detach()
        return self.last(hidden)


def parts(reason) -> dict:
    return reason.details["parameters"]


def test_what_is_cut_off_and_what_is_not_used() -> None:
    model = Partly()
    with explaining():
        loss = model(dg.ones(5, 3)).sum()
    reason = why(model, loss)
    for name in ("first.weight", "first.bias"):
        assert parts(reason)[name].sentence.startswith(
            "no path leads from the loss to it: detach() leaves its history behind"
        )
        assert parts(reason)[name].place.text == "hidden = hidden.detach()"
    for name in ("unused.weight", "unused.bias"):
        assert "it is not used; nothing that the loss takes in" in parts(reason)[name].sentence
        assert parts(reason)[name].details["certain"]
    assert ["first.weight", "first.bias"] in reason.details["groups"]
    assert ["unused.weight", "unused.bias"] in reason.details["groups"]


def test_a_layer_under_no_grad_is_known_whole() -> None:
    layers = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    with explaining():
        with dg.no_grad():
            features = layers[1](layers[0](dg.ones(5, 3)))
        loss = layers[2](features).sum()
    for name in ("0.weight", "0.bias"):
        found = parts(why(layers, loss))[name]
        assert "addmm() ran under no_grad" in found.sentence
        assert found.details["certain"] and "explaining" not in found.sentence


def test_a_guess_says_that_it_is_one() -> None:
    model = Partly()
    loss = model(dg.ones(5, 3)).sum()
    for name in ("first.weight", "unused.weight"):
        found = parts(why(model, loss))[name]
        assert "it is not used, or detach cut it off" in found.sentence
        assert not found.details["certain"] and "explaining()" in found.sentence
    other = dg.ones(2, requires_grad=True)
    found = why(other, (model.last.weight * 2).sum())
    assert "it is not used, or was cut off before this line, which takes in values" in str(found)


@pytest.mark.parametrize("wrong", [3, "loss", 2.5])
def test_a_loss_that_is_none(wrong) -> None:
    with pytest.raises(TypeError, match="loss must be a Tensor or several, not"):
        why(dg.ones(2, requires_grad=True), wrong)


def test_a_loss_made_of_a_number() -> None:
    layer = nn.Linear(3, 1)
    loss = dg.tensor(layer(dg.ones(2, 3)).sum().item(), requires_grad=True)
    assert (
        "the loss is a leaf, which no operation made" in parts(why(layer, loss))["weight"].sentence
    )


def test_parameters_that_hold_nan() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    with dg.no_grad():
        model[2].weight.fill_(float("nan"))
    reason = parts(why(model, model(dg.ones(5, 3)).sum()))["0.bias"]
    assert reason.details["cause"] == "forward"
    assert "already in forward, in a leaf of shape [1, 4] that it depends on" in reason.sentence


def test_who_made_a_nan_is_said_where_it_is_known() -> None:
    x = dg.tensor([-1.0, 1.0], requires_grad=True)
    nothing = dg.tensor([float("nan"), 1.0])
    assert "first seen in the result of exp" in why(x, (x + nothing).exp().sum()).sentence
    assert "first read by mul" in why(x, (x * nothing).sum()).sentence
    power = dg.tensor([0.5, 1.0], requires_grad=True)
    assert "first made by pow" in why(x, (x**power).sum()).sentence
