"""Averages of parameters, and SWALR, against PyTorch's torch.optim.swa_utils."""

import copy
import pickle

import pytest
from scenario import Cases, differences, run

torch = pytest.importorskip("torch")
torch_swa = pytest.importorskip("torch.optim.swa_utils")

import dynagrad  # noqa: E402

cases = Cases()


def model_of(torch):
    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def trained(torch, averaged, steps=4):
    """A model trained for some steps, each taken into the average."""
    model = model_of(torch)
    averaged = averaged(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.linspace(-1, 1, 24).reshape(8, 3)
    for step in range(steps):
        optimizer.zero_grad()
        (model(data * (1 + step)) ** 2).mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
    return model, averaged


@cases
def equal_mean(torch, say):
    _, averaged = trained(torch, torch.optim.swa_utils.AveragedModel)
    say(list(averaged.state_dict()), list(averaged.state_dict().values()), repr(averaged))
    averaged.eval()
    say(averaged(torch.ones(2, 3)).detach())


@cases
def with_buffers(torch, say):
    swa = torch.optim.swa_utils
    for make in (
        lambda model: swa.AveragedModel(model, use_buffers=True),
        lambda model: swa.AveragedModel(
            model, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9), use_buffers=True
        ),
    ):
        _, averaged = trained(torch, make)
        say(list(averaged.state_dict().values()))


@cases
def functions(torch, say):
    swa = torch.optim.swa_utils
    for options in (
        {"avg_fn": swa.get_ema_avg_fn()},
        {"avg_fn": swa.get_ema_avg_fn(0.5)},
        {"avg_fn": swa.get_swa_avg_fn()},
        {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
        {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
        {"avg_fn": lambda average, current, count: 0.1 * average + 0.9 * current},
        {"device": "cpu"},
    ):
        _, averaged = trained(torch, lambda model, o=options: swa.AveragedModel(model, **o))
        say(list(averaged.parameters()), averaged.n_averaged)


@cases
def functions_alone(torch, say):
    swa = torch.optim.swa_utils
    a, b = torch.ones(3), torch.arange(3.0)
    say(swa.get_ema_avg_fn(0.25)(a, b, 0), swa.get_swa_avg_fn()(a, b, 3))
    say(swa.get_swa_avg_fn()(a, b, torch.tensor(3)))
    swa.get_ema_multi_avg_fn(0.25)([a], [b], 0)
    say(a)
    swa.get_swa_multi_avg_fn()([a], [b], 3)
    swa.get_swa_multi_avg_fn()([a], [b], torch.tensor(1))
    say(a)


@cases
def wrong(torch, say):
    swa = torch.optim.swa_utils
    model = model_of(torch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    both = {"avg_fn": swa.get_swa_avg_fn(), "multi_avg_fn": swa.get_swa_multi_avg_fn()}
    say.error(lambda: swa.AveragedModel(model, **both))
    say.error(swa.get_ema_avg_fn, 1.5)
    say.error(swa.get_ema_multi_avg_fn, -0.5)
    say.error(lambda: swa.SWALR(optimizer, 0.1, anneal_strategy="x"))
    say.error(lambda: swa.SWALR(optimizer, 0.1, anneal_epochs=-1))
    say.error(lambda: swa.SWALR(optimizer, [0.1, 0.2]))


@cases
def statistics(torch, say):
    swa = torch.optim.swa_utils
    model, averaged = trained(torch, swa.AveragedModel)
    batches = [torch.arange(12.0).reshape(4, 3) + i for i in range(3)]
    averaged.eval()
    swa.update_bn(batches, averaged)
    say(averaged.training, list(averaged.module[1].state_dict().values()))
    say(averaged.module[1].momentum)
    swa.update_bn([(b, None) for b in batches], model, device="cpu")
    say(model.training, list(model[1].state_dict().values()))
    swa.update_bn([None], torch.nn.Linear(1, 1))


@cases
def saved(torch, say):
    swa = torch.optim.swa_utils
    model, averaged = trained(torch, swa.AveragedModel)
    again = swa.AveragedModel(model_of(torch))
    again.load_state_dict(averaged.state_dict())
    again.update_parameters(model)
    third = pickle.loads(pickle.dumps(copy.deepcopy(averaged)))
    third.update_parameters(model)
    say(list(again.parameters()), list(third.parameters()), third.n_averaged)


@cases
def rates(torch, say):
    swa, lr_scheduler = torch.optim.swa_utils, torch.optim.lr_scheduler
    for options in (
        {"swa_lr": 0.05},
        {"swa_lr": [0.05, 0.5], "anneal_epochs": 3, "anneal_strategy": "linear"},
        {"swa_lr": 0.2, "anneal_epochs": 0},
    ):
        groups = [{"params": torch.nn.Parameter(torch.ones(1))} for _ in range(2)]
        groups[1]["lr"] = 1.0
        optimizer = torch.optim.SGD(groups, lr=0.1)
        before = lr_scheduler.ExponentialLR(optimizer, 0.9)
        scheduler = swa.SWALR(optimizer, **options)
        for step in range(12):
            optimizer.step()
            (before if step < 3 else scheduler).step()
            say([group["lr"] for group in optimizer.param_groups])
        say(scheduler.state_dict(), scheduler.get_last_lr())


@pytest.mark.parametrize("scenario", cases, ids=lambda f: f.__name__)
def test_as_pytorch(scenario) -> None:
    found = differences(run(scenario, dynagrad), run(scenario, torch))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", torch_swa.__all__)
def test_where_it_is(name) -> None:
    ours = getattr(dynagrad.optim.swa_utils, name)
    assert ours.__module__ == "dynagrad.optim.swa_utils" and ours.__doc__
