"""What every module can do, against PyTorch: names, attributes, state, conversion, errors."""

import copy
import pickle
import warnings
from collections import OrderedDict

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()

#: what only the inside of PyTorch uses: tracing, and checks of older hooks
PRIVATE = {
    "T_destination",
    "_get_backward_hooks",
    "_get_backward_pre_hooks",
    "_maybe_warn_non_full_backward_hook",
    "_slow_forward",
}


def net(torch):
    """A module with parameters, buffers of both kinds, submodules, and one of them twice."""
    nn = torch.nn
    made = nn.Module()
    made.a = nn.Linear(2, 3)
    made.b = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    made.register_buffer("kept", torch.ones(2))
    made.register_buffer("scratch", torch.ones(1), persistent=False)
    made.p = nn.Parameter(torch.ones(2))
    made.nothing = None
    made.register_parameter("q", None)
    made.again = made.a
    return made


def places(module, name):
    """Where an attribute is kept."""
    kinds = ("_parameters", "_buffers", "_modules")
    return [kind for kind in kinds if name in getattr(module, kind)] + (
        ["plain"] if name in module.__dict__ else []
    )


def quiet(f, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*args, **kwargs)


# --- names ---------------------------------------------------------------------------------------


def test_every_name_is_there():
    assert set(dir(torch.nn.Module)) - set(dir(dynagrad.nn.Module)) <= PRIVATE
    ours, theirs = vars(dynagrad.nn.modules.module), vars(torch.nn.modules.module)
    public = {n for n in theirs if n.startswith(("register_module", "_IncompatibleKeys"))}
    assert public <= set(ours)


@cases
def walking(torch, say):
    n = net(torch)
    for once in (True, False):
        say([name for name, _ in n.named_modules(remove_duplicate=once)])
        say([name for name, _ in n.named_parameters(remove_duplicate=once)])
        say([name for name, _ in n.named_buffers(remove_duplicate=once)])
    say([name for name, _ in n.named_parameters("front", recurse=False)])
    say([name for name, _ in n.named_modules(prefix="front")])
    say([name for name, _ in n.named_children()], len(list(n.modules())))
    say([k for k in dir(n) if k in ("a", "p", "kept", "scratch", "nothing", "q")])
    say([k for k in dir(n.b) if k.isdigit()])


@cases
def by_dotted_names(torch, say):
    n, nn = net(torch), torch.nn
    say(n.get_submodule("") is n, n.get_submodule("b.0") is n.b[0])
    say(tuple(n.get_parameter("b.0.weight").shape), tuple(n.get_buffer("b.1.running_var").shape))
    for f, names in (
        (n.get_submodule, ("b.9", "p", "x.y")),
        (n.get_parameter, ("kept", "a", "b.0.nope")),
        (n.get_buffer, ("p", "nope", "b.0.weight")),
    ):
        for name in names:
            say.error(f, name)
    for target, strict in (("new", False), ("newer", True), ("b.5", False), ("b.0", True)):
        say.error(n.set_submodule, target, nn.ReLU(), strict)
    say([name for name, _ in n.named_modules()])
    for target in ("p", "c.d", ""):
        say.error(n.set_submodule, target, nn.ReLU())
    say.error(n.set_submodule, "a", 3)


# --- attributes ----------------------------------------------------------------------------------


@cases
def what_an_assignment_does(torch, say):
    n, nn = net(torch), torch.nn
    for name, value in (
        ("p", torch.ones(2)),
        ("p", 3),
        ("a", torch.ones(2)),
        ("kept", 3),
        ("kept", torch.zeros(2)),
        ("new", torch.ones(1)),
        ("new", nn.Parameter(torch.ones(1))),
        ("new", None),
        ("again", nn.ReLU()),
        ("again", nn.Parameter(torch.ones(1))),
        ("fresh", nn.ReLU()),
        ("fresh", nn.Buffer(torch.ones(1))),
        ("kept", nn.Parameter(torch.ones(1))),
        ("other", nn.Buffer(torch.ones(2), persistent=False)),
        ("other", None),
        ("plain", 5),
        ("plain", nn.Parameter(torch.ones(1))),
        ("nothing", nn.ReLU()),
        ("training", False),
    ):
        say.error(setattr, n, name, value)
        say(name, places(n, name))
    say(list(n.state_dict()))
    for name in ("new", "other", "p", "a", "plain", "absent"):
        say.error(delattr, n, name)
        say(hasattr(n, name))


@cases
def names_that_cannot_be(torch, say):
    m = torch.nn.Module()
    for name in ("a.b", "", 3, "training", "forward"):
        say.error(m.register_buffer, name, torch.ones(1))
        say.error(m.register_parameter, name, torch.nn.Parameter(torch.ones(1)))
        say.error(m.add_module, name, torch.nn.ReLU())
    say.error(m.register_buffer, "ok", 3)
    say.error(m.register_parameter, "ok", torch.ones(1))
    say.error(m.add_module, "ok", torch.ones(1))
    say.error(torch.nn.Module, 3)
    say.error(torch.nn.Module, a=3)


@cases
def before_the_constructor(torch, say):
    for value in (torch.nn.Parameter(torch.ones(1)), torch.nn.ReLU(), torch.nn.Buffer()):
        m = object.__new__(torch.nn.Module)
        say.error(setattr, m, "x", value)
    m = object.__new__(torch.nn.Module)
    m.x = 3
    say(m.x)
    say.error(m)


# --- state ---------------------------------------------------------------------------------------


@cases
def loading(torch, say):
    nn = torch.nn
    state = nn.Linear(2, 2).state_dict()

    def load(given, **options):
        return repr(nn.Linear(2, 2).load_state_dict(given, **options))

    say(load(state))
    say(load({"weight": state["weight"], "z": state["bias"]}, strict=False))
    for given in (
        {"weight": state["weight"]},
        {**state, "z": state["bias"], "w.z": state["bias"]},
        {**state, "bias": torch.ones(3)},
        {**state, "bias": [1, 2]},
        [1],
    ):
        say.error(load, given)
    say.error(load, {**state, "bias": torch.ones(3)}, strict=False)


@cases
def assigning(torch, say):
    m, given = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2).double().state_dict()
    m.requires_grad_(False)
    m.load_state_dict(given, assign=True)
    say(m.weight.dtype, m.weight.requires_grad, type(m.weight).__name__)
    say(m.weight.data_ptr() == given["weight"].data_ptr())


@cases
def versions_of_normalization(torch, say):
    nn = torch.nn
    m = nn.BatchNorm1d(2)
    say({key: dict(value) for key, value in m.state_dict()._metadata.items()})
    m(torch.ones(3, 2))
    old = m.state_dict()
    del old["num_batches_tracked"]
    say.error(nn.BatchNorm1d(2).load_state_dict, OrderedDict(old.items()), assign=True)
    with_new_version = m.state_dict()
    del with_new_version["num_batches_tracked"]
    say.error(nn.BatchNorm1d(2).load_state_dict, with_new_version)
    with_new_version._metadata[""]["version"] = 1
    fresh = nn.BatchNorm1d(2)
    say(repr(fresh.load_state_dict(with_new_version)), fresh.num_batches_tracked)
    stats = {"running_mean": torch.ones(2), "running_var": torch.ones(2)}
    say.error(nn.InstanceNorm1d(2).load_state_dict, stats)


@cases
def more_than_tensors(torch, say):
    class Extra(torch.nn.Module):
        held = 1

        def get_extra_state(self):
            return {"held": self.held}

        def set_extra_state(self, state):
            self.held = state["held"]

    m, other = Extra(), Extra()
    m.held = 7
    say(dict(m.state_dict()), repr(other.load_state_dict(m.state_dict())), other.held)
    say.error(Extra().load_state_dict, {})
    say.error(torch.nn.ReLU().load_state_dict, {"_extra_state": 3})


@cases
def hooks_around_state(torch, say):
    seen = []
    m = torch.nn.Sequential(torch.nn.Linear(2, 2))
    m._register_state_dict_hook(lambda *a: seen.append(("saved", len(a), a[2])))
    m.register_state_dict_post_hook(lambda *a: seen.append(("after", len(a))))
    m[0].register_state_dict_pre_hook(lambda module, *rest: seen.append(("before", *rest)))
    m._register_load_state_dict_pre_hook(lambda *a: seen.append(("loading", len(a))))
    m._register_load_state_dict_pre_hook(
        lambda *a: seen.append(("loading", len(a), a[0] is m)), with_module=True
    )
    m.register_load_state_dict_pre_hook(lambda *a: seen.append(("loading", len(a), a[0] is m)))
    m.register_load_state_dict_post_hook(lambda module, keys: seen.append((module is m, *keys)))
    state = m.state_dict()
    m.load_state_dict(state)
    copy.deepcopy(m).load_state_dict(state)
    say(seen)
    bad = torch.nn.Linear(1, 1)
    bad.register_state_dict_post_hook(lambda *a: 1)
    say.error(bad.state_dict)
    bad = torch.nn.Linear(1, 1)
    bad.register_load_state_dict_post_hook(lambda *a: 1)
    say.error(bad.load_state_dict, bad.state_dict())


@cases
def older_order_of_arguments(torch, say):
    say.warning(lambda: torch.nn.Linear(1, 1).state_dict(OrderedDict()))
    say(list(quiet(torch.nn.Linear(1, 1).state_dict, OrderedDict(), "front.", True)))


@cases
def loading_in_a_way_of_its_own(torch, say):
    class Renamed(torch.nn.Linear):
        _version = 3

        def _load_from_state_dict(self, state, prefix, metadata, *rest):
            say(prefix, metadata.get("version"), len(rest))
            if prefix + "w" in state:
                state[prefix + "weight"] = state.pop(prefix + "w")
            super()._load_from_state_dict(state, prefix, metadata, *rest)

    m = torch.nn.Sequential(Renamed(1, 1))
    say({key: dict(value) for key, value in m.state_dict()._metadata.items()})
    state = m.state_dict()
    m.load_state_dict(state)
    m.load_state_dict({"0.w": torch.ones(1, 1), "0.bias": torch.ones(1)})
    say(m[0].weight)
    consume = torch.nn.modules.utils.consume_prefix_in_state_dict_if_present
    state = torch.nn.DataParallel(torch.nn.Linear(1, 1)).state_dict()
    consume(state, "module.")
    say(list(state), list(state._metadata))


# --- conversion and modes ------------------------------------------------------------------------


@cases
def converting(torch, say):
    nn = torch.nn

    def kinds(m):
        return [t.dtype for t in m.state_dict().values()]

    say(kinds(nn.BatchNorm1d(2).half()), kinds(nn.BatchNorm1d(2).bfloat16()))
    say(kinds(nn.BatchNorm1d(2).double().float()), kinds(nn.BatchNorm1d(2).type(torch.float64)))
    say(kinds(nn.Linear(2, 2).to(torch.float64)), kinds(nn.Linear(2, 2).to(torch.ones(1).double())))
    say(kinds(nn.BatchNorm1d(2).to("cpu", torch.float64, True)))
    say(kinds(nn.Linear(2, 2).to(device="cpu", dtype=torch.float16, non_blocking=True)))
    say.warning(lambda: nn.Linear(2, 2).to(torch.complex64))
    say(kinds(quiet(nn.Linear(2, 2).to, torch.complex64)))
    conv = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
    say(conv.weight.stride(), conv.bias.stride())
    say.error(nn.Linear(2, 2).to, torch.int32)
    say(tuple(nn.Linear(2, 3).to_empty(device="cpu").weight.shape))
    m = nn.Linear(2, 2)
    m(torch.ones(1, 2)).sum().backward()
    weight = m.weight
    say(m.double() is m, m.weight is weight, weight.grad.dtype, m.share_memory() is m)


@cases
def modes(torch, say):
    n = net(torch)
    say(n.eval() is n, [m.training for m in n.modules()])
    say.error(n.train, 1)
    say([p.requires_grad for p in n.requires_grad_(False).parameters()])
    for to_none in (True, False):
        m = torch.nn.Linear(1, 1)
        m(torch.ones(1, 1)).sum().backward()
        m.zero_grad(to_none)
        say(m.weight.grad)
    m = torch.nn.Linear(2, 2)
    m._apply(lambda t: t * 0)
    say(m.weight, m.weight.requires_grad)
    seen = []
    n.apply(lambda module: seen.append(type(module).__name__))
    say(seen)


@cases
def copies(torch, say):
    nn = torch.nn
    m = nn.Sequential(nn.Conv1d(1, 1, 1, padding="same"), nn.BatchNorm1d(1), nn.LazyLinear(2))
    for made in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        say(repr(made))
        made(torch.ones(2, 1, 3))
        say(repr(made), list(made.state_dict()))
    say(repr(m))


@cases
def arguments_of_factories(torch, say):
    f = torch.nn.factory_kwargs
    say(f(None), f({"device": "cpu", "factory_kwargs": {"dtype": torch.float32}}))
    say.error(f, {"x": 1})
    say.error(f, {"dtype": 1, "factory_kwargs": {"dtype": 2}})


# --- lazy ----------------------------------------------------------------------------------------


@cases
def without_a_shape(torch, say):
    nn = torch.nn
    for t in (nn.UninitializedParameter(), nn.UninitializedBuffer(dtype=torch.float64)):
        say(repr(t), t.requires_grad, isinstance(t, nn.Parameter), isinstance(t, nn.Buffer))
        say(t.dtype, t.is_leaf, t.ndim, t.is_floating_point(), nn.parameter.is_lazy(t))
        say(repr(copy.deepcopy(nn.UninitializedParameter())), repr(pickle.loads(pickle.dumps(t))))
        say.error(lambda t=t: t.shape)
        say.error(t.share_memory_)
        for f in (
            t.sum,
            t.clone,
            t.detach,
            t.numel,
            t.dim,
            t.tolist,
            t.item,
            t.zero_,
            lambda t=t: t + 1,
            lambda t=t: torch.ones(2) * t,
            lambda t=t: t[0],
            lambda t=t: len(t),
            lambda t=t: nn.functional.linear(torch.ones(2, 2), t),
        ):
            try:
                f()
            except ValueError as error:
                say(str(error)[:46])
            else:
                say("no error")
        t.materialize((2, 3))
        say(type(t).__name__, tuple(t.shape), t.dtype, t.requires_grad)


@cases
def lazy_state(torch, say):
    nn = torch.nn
    lazy = nn.LazyLinear(3)
    say(repr(lazy.state_dict()["weight"]), [repr(p) for p in lazy.parameters()])
    say(repr(nn.LazyLinear(3).load_state_dict(lazy.state_dict())))
    say.error(nn.Linear(2, 3).load_state_dict, lazy.state_dict())
    say(repr(lazy.load_state_dict(nn.Linear(2, 3).state_dict())), repr(lazy))
    say(tuple(lazy.weight.shape), type(lazy).__name__)
    say.error(lazy, torch.ones(1, 3))
    lazy(torch.ones(1, 2))
    say(repr(lazy), type(lazy).__name__)
    norm = nn.LazyBatchNorm1d().double()
    say(repr(norm.running_mean), norm.weight.dtype)
    norm(torch.ones(3, 2).double())
    say(norm.running_mean, norm.num_batches_tracked)
    say.error(nn.LazyConv2d(3, 3), torch.ones(2))
    say.error(nn.LazyConv2d(4, 3, groups=2), torch.ones(1, 3, 4, 4))


@cases
def lazy_modules_of_ones_own(torch, say):
    class Scale(torch.nn.modules.lazy.LazyModuleMixin, torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.UninitializedParameter()
            self.mean = torch.nn.UninitializedBuffer()

        def initialize_parameters(self, x, more=1):
            say("asked", tuple(x.shape), more)
            if self.has_uninitialized_params():
                with torch.no_grad():
                    self.scale.materialize(x.shape[-1:])
                    self.scale.fill_(2)
                    self.mean.materialize(x.shape[-1:])
                    self.mean.zero_()

        def forward(self, x, more=1):
            return x * self.scale * more

    m = Scale()
    say(m.has_uninitialized_params(), list(m.state_dict()))
    say(m(torch.ones(2, 3), more=5), m(torch.ones(1, 3)))
    say(m.has_uninitialized_params(), type(m).__name__, m.scale)

    class Forgetful(Scale):
        def initialize_parameters(self, *args):
            pass

    say.error(Forgetful(), torch.ones(1))

    class Silent(torch.nn.modules.lazy.LazyModuleMixin, torch.nn.Module):
        pass

    say.error(Silent(), torch.ones(1))


# --- wrong arguments -----------------------------------------------------------------------------


@cases
def wrong_settings(torch, say):
    nn = torch.nn
    for f in (
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        lambda: nn.Conv2d(4, 3, 3, groups=2),
        lambda: nn.Conv2d(4, 4, 3, groups=0),
        lambda: nn.Conv2d(4, 4, 3, 2, padding="same"),
        lambda: nn.ConvTranspose1d(2, 2, 2, padding_mode="circular"),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [5, 2]),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 10]),
        lambda: nn.EmbeddingBag(3, 2, padding_idx=5),
        lambda: nn.Embedding(3, 2, padding_idx=-4),
        lambda: nn.modules.utils._list_with_default([None, 3], [4, 5]),
        lambda: nn.ConvTranspose1d(2, 2, 2, 2)(torch.ones(1, 2, 3), output_size=[20]),
        lambda: nn.ConvTranspose1d(2, 2, 2, 2)(torch.ones(1, 2, 3), output_size=[2, 2, 2, 2]),
        lambda: nn.FractionalMaxPool2d(2),
        lambda: nn.FractionalMaxPool2d(2, 2, 0.5),
        lambda: nn.FractionalMaxPool2d(2, output_ratio=1.5),
        lambda: nn.FractionalMaxPool3d(0, 2),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, []),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(torch.ones(2, 8), torch.tensor([1, 10])),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(torch.ones(2, 8), torch.tensor([1])),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(torch.ones(2, 8), torch.tensor(1)),
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(torch.ones(2, 8), torch.tensor([[1]])),
        lambda: nn.BatchNorm2d(3)(torch.ones(2, 3)),
        lambda: nn.BatchNorm1d(3)(torch.ones(2, 4)),
        lambda: nn.SyncBatchNorm(3)(torch.ones(3)),
        lambda: nn.SyncBatchNorm(0)(torch.ones(3, 0)),
        lambda: nn.InstanceNorm2d(3)(torch.ones(2, 3)),
        lambda: nn.InstanceNorm2d(3, affine=True)(torch.ones(2, 4, 2, 2)),
        lambda: nn.CircularPad2d(1)(torch.ones(2, 2)),
        lambda: nn.CrossMapLRN2d(3)(torch.ones(2, 2)),
        lambda: nn.LinearCrossEntropyLoss(3, 4, weight=torch.ones(3)),
        lambda: nn.LinearCrossEntropyLoss(3, 4, label_smoothing=2),
        lambda: nn.LinearCrossEntropyOptions(acc_policy="x"),
        lambda: nn.LinearCrossEntropyOptions(chunking_method="x"),
        lambda: nn.LinearCrossEntropyOptions(batch_chunk_size=0),
        lambda: nn.LinearCrossEntropyOptions(acc_dtype=torch.int32),
        lambda: nn.modules.utils._list_with_default([None, 3], [4, 5, 6, 7]),
        lambda: nn._reduction.get_enum("x"),
    ):
        say.error(f)
    say.warning(lambda: nn.InstanceNorm2d(3)(torch.ones(2, 4, 2, 2)))


@pytest.mark.parametrize("case", cases, ids=lambda case: case.__name__)
def test_machinery(case):
    found = differences(run(case, dynagrad), run(case, torch))
    assert not found, "\n".join(found)
