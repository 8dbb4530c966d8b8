"""What all optimizers share, against PyTorch's: groups, hooks, state, copies, errors."""

import copy
import importlib
import inspect
import io
import pickle
import warnings

import pytest
from scenario import Cases, differences, run

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

cases = Cases()


def parameters(torch, *shapes):
    made = [torch.nn.Parameter(torch.arange(1.0, 1 + n)) for n in shapes or (2, 3)]
    for p in made:
        p.grad = torch.ones_like(p.detach()) * 0.5
    return made


def optimizer_module(torch):
    """torch.optim.optimizer, which a program imports by that path."""
    return importlib.import_module(f"{torch.__name__}.optim.optimizer")


def plain(optimizer):
    """The groups without their tensors, which a scenario cannot report twice."""
    return [
        {key: str(value) for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]


@cases
def groups(torch, say):
    a, b = parameters(torch)
    optimizer = torch.optim.SGD([{"params": a, "lr": 0.5}, {"params": [b]}], lr=0.1)
    say(plain(optimizer), optimizer.defaults, repr(optimizer))
    (c,) = parameters(torch, 4)
    optimizer.add_param_group({"params": c, "momentum": 0.9})
    say(plain(optimizer), [len(group["params"]) for group in optimizer.param_groups])
    optimizer.step()
    say(a, b, c, optimizer.state_dict())


@cases
def wrong_groups(torch, say):
    a, b = parameters(torch)
    optimizer = torch.optim.SGD([a], lr=0.1)
    for group in (
        [a],
        {"params": {b}},
        {"params": [1.0]},
        {"params": [b * 2]},
        {"params": [a]},
        {"params": [("b", b)]},
        {"params": [("b", b), a]},
        {"params": [b, ("b", a)]},
        {},
    ):
        say.error(optimizer.add_param_group, group)
    say.warning(lambda: optimizer.add_param_group({"params": [b, b]}))
    say.error(torch.optim.SGD, a)
    say.error(torch.optim.SGD, [])
    say.error(torch.optim.SGD, iter([]))
    say.error(torch.optim.SGD, 3)
    say.error(torch.optim.SGD, [{"param": [a]}])
    say.error(torch.optim.SGD)


@cases
def required_options(torch, say):
    required = optimizer_module(torch).required
    a, b = parameters(torch)
    say(repr(required))
    say.error(torch.optim.Optimizer, [a], {"lr": required})
    optimizer = torch.optim.Optimizer([{"params": a, "lr": 1.0}], {"lr": required})
    say.error(optimizer.add_param_group, {"params": b})
    say(repr(optimizer))


@cases
def names(torch, say):
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.named_parameters(), lr=0.1)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    say(optimizer.state_dict(), repr(optimizer))
    say.error(optimizer.add_param_group, {"params": parameters(torch, 2)})
    fresh = torch.optim.Adam(model.parameters(), lr=0.1)
    fresh.load_state_dict(optimizer.state_dict())
    say(list(fresh.param_groups[0]), fresh.param_groups[0].get("param_names"))
    other = torch.optim.Adam([(f"x.{name}", p) for name, p in model.named_parameters()], lr=0.1)
    other.load_state_dict(fresh.state_dict())
    say(other.param_groups[0]["param_names"])
    other.load_state_dict(optimizer.state_dict())
    say(other.param_groups[0]["param_names"])
    mixed = [{"params": [("a", parameters(torch)[0])]}, {"params": parameters(torch)}]
    say.error(torch.optim.Adam, mixed)


@cases
def zeroed(torch, say):
    a, b = parameters(torch)
    optimizer = torch.optim.SGD([a, b])
    kept = a.grad
    optimizer.zero_grad(set_to_none=False)
    say(a.grad, a.grad is kept)
    x = torch.ones(2, requires_grad=True)
    a.grad = x * 2
    optimizer.zero_grad(set_to_none=False)
    say(a.grad)
    optimizer.zero_grad()
    say(a.grad, b.grad)
    optimizer.step()
    say(a, b)


@cases
def step_hooks(torch, say):
    (a,) = parameters(torch, 2)
    optimizer = torch.optim.SGD([a], lr=0.5)
    seen = []
    module = optimizer_module(torch)
    handles = [
        module.register_optimizer_step_pre_hook(lambda o, args, kw: seen.append("all before")),
        module.register_optimizer_step_post_hook(lambda o, args, kw: seen.append("all after")),
        optimizer.register_step_pre_hook(
            lambda o, args, kw: seen.append(f"before {o is optimizer} {len(args)} {list(kw)}")
        ),
        optimizer.register_step_post_hook(
            lambda o, args, kw: seen.append(f"after {len(args)} {list(kw)}")
        ),
    ]
    optimizer.step()
    optimizer.step(closure=lambda: seen.append("closure"))
    say(seen)
    for handle in handles:
        handle.remove()
    optimizer.step()
    say(seen)
    with optimizer.register_step_pre_hook(lambda o, args, kw: (args, {"closure": lambda: 7.0})):
        say(optimizer.step())
    optimizer.register_step_pre_hook(lambda o, args, kw: 3)
    try:
        optimizer.step()
    except RuntimeError as error:
        say("must return None or a tuple of (new_args, new_kwargs), but got 3." in str(error))


@cases
def state_hooks(torch, say):
    (a,) = parameters(torch, 2)
    optimizer = torch.optim.SGD([a], lr=0.5, momentum=0.5)
    optimizer.step()
    seen = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("pre 1"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("pre 0"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, s: {**s, "more": 1})
    optimizer.register_state_dict_post_hook(lambda o, s: seen.append(list(s)), prepend=True)
    saved = optimizer.state_dict()
    say(seen, saved)
    optimizer.register_load_state_dict_pre_hook(lambda o, s: seen.append("load pre"))
    optimizer.register_load_state_dict_pre_hook(
        lambda o, s: {**s, "param_groups": [{**s["param_groups"][0], "lr": 9.0}]}, prepend=True
    )
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("load post"))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("first"), prepend=True)
    optimizer.load_state_dict(saved)
    say(seen, plain(optimizer))


@cases
def loading(torch, say):
    a, b = parameters(torch)
    optimizer = torch.optim.Adam([a, b], lr=0.5)
    optimizer.step()
    saved = optimizer.state_dict()
    shallow = saved["state"][0]["exp_avg"] is optimizer.state[a]["exp_avg"]
    wide = [torch.nn.Parameter(p.detach().double()) for p in (a, b)]
    other = torch.optim.Adam(wide)
    other.load_state_dict(saved)
    say(shallow, other.state[wide[0]], plain(other))
    say(other.state[wide[0]]["step"] is optimizer.state[a]["step"])
    say.error(torch.optim.Adam([a]).load_state_dict, saved)
    say.error(torch.optim.Adam([{"params": a}, {"params": b}]).load_state_dict, saved)
    say.error(optimizer.load_state_dict, {})
    strange = {"state": {0: {"x": [torch.ones(1).double()], "y": {"z": 1}}, "k": 3}}
    other = torch.optim.SGD([a, b], lr=0.1)
    strange["param_groups"] = other.state_dict()["param_groups"]
    other.load_state_dict(strange)
    say(other.state[a], other.state["k"], other.state_dict())


@cases
def old_checkpoints(torch, say):
    a, b = parameters(torch)
    for name in ("Adam", "RMSprop", "NAdam", "Adamax", "RAdam", "Rprop", "ASGD", "Adadelta"):
        optimizer = getattr(torch.optim, name)([a, b])
        optimizer.step()
        saved = copy.deepcopy(optimizer.state_dict())
        for state in saved["state"].values():
            for key in ("step", "mu_product", "eta", "mu"):
                if key in state:
                    state[key] = state[key].item()
        for group in saved["param_groups"]:
            for key in ("maximize", "foreach", "capturable", "differentiable"):
                del group[key]
        optimizer.load_state_dict(saved)
        optimizer.step()
        say(name, a, optimizer.state_dict())


@cases
def copies(torch, say):
    a, b = parameters(torch)
    optimizer = torch.optim.Adam([a, {"params": b}["params"]], lr=0.5)
    optimizer.step()
    again = copy.deepcopy(optimizer)
    p = again.param_groups[0]["params"][0]
    p.grad = a.grad
    again.step()
    say(p is a, p, a, again.state[p]["step"], optimizer.state[a]["step"])
    third = pickle.loads(pickle.dumps(again))
    say(repr(third), third.state_dict(), third.defaults)
    third.register_step_pre_hook(lambda o, args, kw: None)
    third.step()
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    buffer.seek(0)
    say(torch.load(buffer))


class Counting:
    """A subclass of a library's own, as research code has them."""

    @staticmethod
    def of(torch):
        class Signs(torch.optim.Optimizer):
            def __init__(self, params, lr=0.1):
                super().__init__(params, {"lr": lr})

            @torch.no_grad()
            def step(self, closure=None):
                loss = None
                if closure is not None:
                    with torch.enable_grad():
                        loss = closure()
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is None:
                            continue
                        state = self.state[p]
                        if len(state) == 0:
                            state["step"] = 0
                            state["sum"] = torch.zeros_like(p, memory_format=torch.preserve_format)
                        state["step"] += 1
                        state["sum"].mul_(0.5).add_(p.grad, alpha=0.5)
                        p.add_(state["sum"].sign(), alpha=-group["lr"])
                return loss

        return Signs


@cases
def own_optimizers(torch, say):
    a, b = parameters(torch)
    optimizer = Counting.of(torch)([a, b])
    seen = []
    optimizer.register_step_post_hook(lambda o, args, kw: seen.append("after"))

    def closure():
        optimizer.zero_grad()
        loss = (a**2).sum() + b.sum()
        loss.backward()
        return loss

    say(optimizer.step(closure))
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    say.warning(lambda: (optimizer.step(), schedule.step()))
    say(a, b, seen, optimizer.state_dict(), repr(optimizer))


@cases
def inner_steps(torch, say):
    class Twice(torch.optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            return super().step(closure)

    (a,) = parameters(torch, 2)
    optimizer = Twice([a], lr=0.1)
    optimizer.step()
    say(a)


@cases
def without_gradients(torch, say):
    a = torch.nn.Parameter(torch.ones(2))
    for name in ("SGD", "Adam", "Adagrad", "Rprop", "ASGD", "Adafactor"):
        optimizer = getattr(torch.optim, name)([a, torch.ones(2)])
        optimizer.step()
        say(name, optimizer.state_dict()["state"])
    with torch.no_grad():
        a.grad = torch.ones(2)
    optimizer = torch.optim.SGD([a], lr=1.0)
    say(optimizer.step(lambda: torch.is_grad_enabled()), a._version > 0, torch.is_grad_enabled())


@cases
def written_by_users(torch, say):
    module = optimizer_module(torch)

    class Descent(torch.optim.Optimizer):
        def __init__(self, params, differentiable=False):
            super().__init__(params, {"lr": 0.5, "differentiable": differentiable})

        @module._use_grad_for_differentiable
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad, alpha=-group["lr"])

    assert module.ParamsT
    (a,) = parameters(torch, 2)
    Descent([a]).step()
    w = torch.ones(2, requires_grad=True)
    p = w.clone()
    p.grad = w * 3
    Descent([p], differentiable=True).step()
    say(a, p, torch.autograd.grad(p.sum(), w), torch.is_grad_enabled())


@cases
def versions(torch, say):
    a = torch.nn.Parameter(torch.ones(2))
    loss = (a**3).sum()
    loss.backward(retain_graph=True)
    torch.optim.Adam([a]).step()
    say.error(lambda: loss.backward())


FUNCTIONS = {
    "adam": (("m", "v", "x"), {"amsgrad": True, "weight_decay": 0.1}),
    "adamw": (("m", "v", ""), {"amsgrad": False, "weight_decay": 0.1}),
    "adagrad": (("v",), {"lr_decay": 0.1, "weight_decay": 0.1}),
    "rmsprop": (("v", "m", "x"), {"alpha": 0.9, "momentum": 0.9, "centered": True}),
    "adadelta": (("v", "x"), {"rho": 0.9}),
    "adamax": (("m", "v"), {}),
    "radam": (("m", "v"), {}),
    "nadam": (("m", "v", "one"), {"momentum_decay": 0.1, "weight_decay": 0.1}),
    "asgd": (("m", "one", "one"), {"lambd": 1e-2, "t0": 1.0, "alpha": 0.75}),
    "rprop": (("m", "v"), {}),
    "sgd": (("m",), {"momentum": 0.9, "dampening": 0.1, "nesterov": False}),
}
NUMBERS = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "weight_decay": 0.0}
NUMBERS |= {"maximize": False, "etaminus": 0.5, "etaplus": 1.2}
NUMBERS |= {"step_size_min": 1e-4, "step_size_max": 9.0}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_lists(name) -> None:
    states, options = FUNCTIONS[name]
    reports = []
    for library in (dynagrad, torch):
        module = importlib.import_module(f"{library.__name__}.optim.{name}")
        function = getattr(module, name)
        assert getattr(importlib.import_module(f"{library.__name__}.optim._functional"), name)
        signature = inspect.signature(function).parameters.values()
        params = [library.linspace(-1, 1, n) for n in (2, 5)]
        lists = {
            kind: [library.ones(n) * (0.5 + i) for n in (2, 5)] if kind else []
            for i, kind in enumerate(states)
        }
        given = [lists[kind] for kind in states]
        for i, kind in enumerate(states):
            if kind == "one":
                given[i] = [library.tensor(0.5 + i), library.tensor(0.25)]
        if name == "rmsprop":
            given[2] = [library.zeros(n) for n in (2, 5)]
        if name == "sgd":
            given[0][1] = None
        steps = [library.tensor(3.0), library.tensor(5.0)]
        keywords = [p.name for p in signature if p.kind is p.KEYWORD_ONLY]
        numbers = {key: ({**NUMBERS, **options})[key] for key in keywords}
        with library.no_grad():
            grads = [p * 0.3 + 0.1 for p in params]
            function(params, grads, *given, *([] if name == "sgd" else [steps]), **numbers)
        say = [[t.tolist() for t in held] for held in (params, *given, steps)]
        reports.append([say, [(p.name, str(p.kind)) for p in signature]])
    assert not differences(*reports)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "ASGD"])
def test_16_bits(name, dtype) -> None:
    """To rounding: PyTorch rounds after each operation, an update here once."""
    found = []
    for library in (dynagrad, torch):
        kind = getattr(library, dtype)
        p = library.nn.Parameter(library.linspace(-1, 1, 12).to(kind))
        optimizer = getattr(library.optim, name)([p], lr=0.1)
        for step in range(3):
            p.grad = (library.linspace(-2, 2, 12) + step / 2 + 0.1).to(kind)
            optimizer.step()
        assert all(value.dtype in (kind, library.float32) for value in optimizer.state[p].values())
        found.append(p.detach().float().tolist())
    assert found[0] == pytest.approx(found[1], abs=0.02 if dtype == "bfloat16" else 0.002)


@pytest.mark.parametrize("scenario", cases, ids=lambda f: f.__name__)
def test_as_pytorch(scenario) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler")
        found = differences(run(scenario, dynagrad), run(scenario, torch))
    assert not found, "\n".join(found)


def test_names() -> None:
    for name in torch.optim.__all__:
        assert hasattr(dynagrad.optim, name), name
    for module in ("optimizer", "lr_scheduler", "swa_utils", "lbfgs", "_muon"):
        ours, theirs = [
            importlib.import_module(f"{t.__name__}.optim.{module}") for t in (dynagrad, torch)
        ]
        assert [name for name in theirs.__all__ if not hasattr(ours, name)] == []
