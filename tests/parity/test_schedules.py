"""Schedules against PyTorch's where the scores of tests/optimizers do not reach: given epochs,
warnings, nesting, groups added later.
"""

import copy
import importlib
import inspect
import warnings

import pytest
from scenario import Cases, differences, first_sentence, run

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

cases = Cases()

WITH_EPOCHS = {
    "LambdaLR": lambda m, o: m.LambdaLR(o, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda m, o: m.StepLR(o, 3),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [2, 4, 4]),
    "ConstantLR": lambda m, o: m.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda m, o: m.LinearLR(o, 0.2, 0.9, 6),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, 7, 2.0),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, 5, 0.01),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.01, 0.1, step_size_up=3),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.5, total_steps=24),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, 2),
}


def trained(torch, **options):
    """An optimizer of two groups."""
    groups = [{"params": torch.nn.Parameter(torch.ones(1))} for _ in range(2)]
    groups[1]["lr"] = 0.02
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, **options)


def schedules(torch):
    return importlib.import_module(f"{torch.__name__}.optim.lr_scheduler")


def rates(optimizer):
    return [[group["lr"], group["momentum"]] for group in optimizer.param_groups]


@pytest.mark.parametrize("name", WITH_EPOCHS)
def test_given_epochs(name) -> None:
    found = []
    for library in (dynagrad, torch):
        optimizer = trained(library)
        schedule = WITH_EPOCHS[name](schedules(library), optimizer)
        optimizer.step()
        seen = []
        for epoch in (3, 8, 1, None, 6, None, None, 0):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                schedule.step(epoch)
            seen.append([rates(optimizer), schedule.last_epoch, schedule.get_last_lr()])
            seen.append([first_sentence(str(w.message)) for w in caught])
        found.append(seen)
    assert not differences(*found, tolerance=1e-12)


@cases
def fractions_of_epochs(torch, say):
    for period, factor in ((3, 1), (2, 3), (1, 2)):
        optimizer = trained(torch)
        schedule = schedules(torch).CosineAnnealingWarmRestarts(optimizer, period, factor, 1e-3)
        for i in range(40):
            optimizer.step()
            schedule.step(i / 4)
            say(rates(optimizer), schedule.T_cur, schedule.T_i, schedule.last_epoch)
    say.error(schedule.step, -1)


@cases
def warned(torch, say):
    m = schedules(torch)
    optimizer = trained(torch)
    schedule = m.StepLR(optimizer, 1)
    say.warning(lambda: (schedule.step(), schedule.step()))
    say.warning(schedule.get_lr)
    optimizer = trained(torch)
    schedule = m.StepLR(optimizer, 1)
    say.warning(lambda: (optimizer.step(), schedule.step()))
    optimizer = trained(torch)
    schedule = m.StepLR(optimizer, 1)
    optimizer.step = lambda closure=None: None
    say.warning(lambda: (optimizer.step(), schedule.step(), schedule.step()))
    plateau = m.ReduceLROnPlateau(trained(torch))
    say.warning(lambda: plateau.step(1.0, 3))
    say.warning(lambda: plateau.step(1.0))


@cases
def nested(torch, say):
    m = schedules(torch)
    optimizer = trained(torch)
    inner = m.SequentialLR(
        optimizer, [m.ConstantLR(optimizer, 0.5, 2), m.ExponentialLR(optimizer, 0.9)], [3]
    )
    made = []
    parts = [inner, m.LinearLR(optimizer, 0.1, 1.0, 4)]
    say.warning(lambda: made.append(m.SequentialLR(optimizer, parts, [5])))
    schedule = made[0]
    for _ in range(15):
        optimizer.step()
        schedule.step()
        say(rates(optimizer), schedule.get_last_lr(), schedule.last_epoch)
    say(schedule.state_dict()["last_epoch"], len(schedule.state_dict()["_schedulers"]))


@cases
def chained(torch, say):
    m = schedules(torch)
    optimizer = trained(torch)
    parts = [m.LinearLR(optimizer, 0.1, 1.0, 4), m.StepLR(optimizer, 3), m.PolynomialLR(optimizer)]
    schedule = m.ChainedScheduler(parts, optimizer)
    for _ in range(12):
        optimizer.step()
        schedule.step()
        say(rates(optimizer), schedule.get_last_lr())
    saved = copy.deepcopy(schedule.state_dict())
    say(list(saved), [list(part) for part in saved["_schedulers"]])
    say.error(m.ChainedScheduler, [])
    say.error(m.ChainedScheduler, [3])
    say.error(m.ChainedScheduler, [parts[0], m.StepLR(trained(torch), 3)])
    say.error(m.ChainedScheduler, [m.ReduceLROnPlateau(optimizer)])


@cases
def groups_added_later(torch, say):
    m = schedules(torch)
    optimizer = trained(torch)
    schedule = m.ExponentialLR(optimizer, 0.5)
    plateau = m.ReduceLROnPlateau(optimizer, patience=0)
    optimizer.step()
    optimizer.add_param_group({"params": torch.nn.Parameter(torch.ones(1)), "lr": 4.0})
    schedule.step()
    say(rates(optimizer), schedule.get_last_lr())
    for metric in (1.0, 2.0, 3.0):
        plateau.step(metric)
    say(rates(optimizer))
    listed = m.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1, 0.1, 0.1])
    optimizer.add_param_group({"params": torch.nn.Parameter(torch.ones(1)), "lr": 4.0})
    listed.step(1.0)
    say.error(listed.step, 2.0)


@cases
def plateau_metrics(torch, say):
    m = schedules(torch)
    optimizer = trained(torch)
    schedule = m.ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=1, cooldown=1)
    for metric in (torch.tensor(1.0), 1, torch.tensor([1.0]), 0.5, float("nan"), 0.1, 0.1, 0.1):
        schedule.step(metric)
        say(rates(optimizer), schedule.best, schedule.num_bad_epochs, schedule.in_cooldown)
    say(schedule.state_dict())
    say.error(m.ReduceLROnPlateau, optimizer, "most")
    say.error(m.ReduceLROnPlateau, optimizer, factor=1.0)
    say.error(m.ReduceLROnPlateau, optimizer, threshold_mode="x")
    say.error(m.ReduceLROnPlateau, optimizer, min_lr=[0.1])
    say.error(m.ReduceLROnPlateau, 3)
    say.error(m.StepLR, 3, 1)


@cases
def rates_that_are_tensors(torch, say):
    m = schedules(torch)
    for make in WITH_EPOCHS.values():
        p = torch.nn.Parameter(torch.ones(1))
        lr = torch.tensor(0.1)
        optimizer = torch.optim.SGD([p], lr=lr, momentum=0.9)
        schedule = make(m, optimizer)
        for _ in range(10):
            optimizer.step()
            schedule.step()
        say(lr, optimizer.param_groups[0]["lr"] is lr, schedule.get_last_lr(), schedule.base_lrs)


@cases
def resumed(torch, say):
    m = schedules(torch)
    optimizer = trained(torch)
    with pytest.raises(KeyError, match=r"'initial_lr' is not specified in param_groups\[0\] when"):
        m.StepLR(optimizer, 3, last_epoch=4)
    m.StepLR(optimizer, 3)
    for make in (m.StepLR, m.CosineAnnealingLR, m.LinearLR):
        schedule = make(optimizer, *([3] if make is not m.LinearLR else []), last_epoch=4)
        say(schedule.last_epoch, rates(optimizer), schedule.get_last_lr())


@cases
def own_schedules(torch, say):
    m = schedules(torch)

    class Warmup(m.LRScheduler):
        def __init__(self, optimizer, steps, last_epoch=-1):
            self.steps = steps
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            return [base * min(1.0, (self.last_epoch + 1) / self.steps) for base in self.base_lrs]

    class Old(m._LRScheduler):
        def get_lr(self):
            return [0.5 for _ in self.base_lrs]

    for kind in (lambda o: Warmup(o, 4), Old):
        optimizer = trained(torch)
        schedule = kind(optimizer)
        for _ in range(6):
            optimizer.step()
            schedule.step()
            say(rates(optimizer))
        say(schedule.state_dict())
    with pytest.raises(NotImplementedError):
        m.LRScheduler(optimizer)


@pytest.mark.parametrize("scenario", cases, ids=lambda f: f.__name__)
def test_as_pytorch(scenario) -> None:
    found = differences(run(scenario, dynagrad), run(scenario, torch))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", torch.optim.lr_scheduler.__all__)
def test_methods(name) -> None:
    ours, theirs = (getattr(schedules(library), name) for library in (dynagrad, torch))
    public = [n for n in dir(theirs) if not n.startswith("_")]
    assert [n for n in public if not hasattr(ours, n)] == []
    for method in ("step", "state_dict", "load_state_dict", "get_last_lr"):
        a, b = (inspect.signature(getattr(kind, method)).parameters for kind in (ours, theirs))
        assert list(a) == list(b), method
