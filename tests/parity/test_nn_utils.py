"""torch.nn.utils against PyTorch's: parametrizations, pruning, fusion, clipping."""

import copy
import gc
import inspect
import io
import pickle
import subprocess
import sys
import weakref

import pytest
from scenario import Cases, differences, run

torch = pytest.importorskip("torch")

pytest.importorskip("torch.nn.utils.prune")

import dynagrad  # noqa: E402
from dynagrad.functions.weight_norm import _weight_norm as dynagrad_weight_norm  # noqa: E402

scenario = Cases()


def trained(torch, module, x, steps=3):
    """The losses of a few steps of SGD, and the state after them."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.5)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (module(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, dict(module.state_dict())


@scenario
def parametrization(torch, say):
    P, nn = torch.nn.utils.parametrize, torch.nn

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, a):
            return a.triu()

    class Halved(nn.Module):
        def forward(self, x):
            return x * 0.5

        def right_inverse(self, a):
            return a * 2

    torch.manual_seed(0)
    layer = nn.Linear(4, 4)
    kept = layer.weight
    P.register_parametrization(layer, "weight", Symmetric())
    say(P.is_parametrized(layer), P.is_parametrized(layer, "bias"), repr(layer))
    say(layer.parametrizations.weight.original is kept, layer.weight, type(layer).__name__)
    P.register_parametrization(layer, "weight", Halved())
    P.register_parametrization(layer, "bias", Halved())
    say(list(layer.state_dict()), [name for name, _ in layer.named_parameters()], layer.bias)
    say(*trained(torch, layer, torch.randn(3, 4)))
    with torch.no_grad():
        layer.weight = torch.eye(4)
    say(layer.weight, layer.parametrizations.weight.original)
    with P.cached():
        first = layer.weight
        with P.cached():
            say(layer.weight is first)
    say(layer.weight is first, P.type_before_parametrizations(layer) is nn.Linear)
    other = P.transfer_parametrizations_and_params(layer, nn.Linear(4, 4))
    say(other.weight, repr(other))
    say(other.parametrizations.bias.original is layer.parametrizations.bias.original)
    twin = copy.deepcopy(layer)
    say.error(pickle.dumps, twin)
    say.error(setattr, twin, "weight", nn.Parameter(torch.ones(4, 4)))
    P.remove_parametrizations(layer, "weight")
    say(layer.weight is kept, layer.weight, repr(layer))
    P.remove_parametrizations(layer, "bias", leave_parametrized=False)
    say(layer.bias, type(layer) is nn.Linear, hasattr(layer, "parametrizations"))
    say(twin.state_dict(), layer.state_dict())


@scenario
def parametrized_buffer_and_several_originals(torch, say):
    P, nn = torch.nn.utils.parametrize, torch.nn

    class Outer(nn.Module):
        def forward(self, a, b):
            return a.unsqueeze(1) * b

        def right_inverse(self, w):
            return w[:, 0].clone(), w[0].clone() / w[0, 0]

    class Doubled(nn.Module):
        def forward(self, x):
            return 2 * x

    torch.manual_seed(1)
    m = nn.BatchNorm1d(3)
    P.register_parametrization(m, "running_mean", Doubled())
    say(list(m.state_dict()), m.running_mean, [n for n, _ in m.named_buffers()])
    layer = P.register_parametrization(nn.Linear(3, 2), "weight", Outer())
    say(layer.weight, layer.state_dict(), layer.parametrizations.weight.ntensors)
    layer.weight = torch.outer(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0]))
    say(layer.weight, *trained(torch, layer, torch.randn(2, 3)))
    say.error(P.remove_parametrizations, layer, "weight", leave_parametrized=False)
    P.remove_parametrizations(layer, "weight")
    say(layer.weight, isinstance(layer.weight, nn.Parameter), repr(layer))


@scenario
def normed_weights(torch, say):
    nn, Z = torch.nn, torch.nn.utils.parametrizations
    for dim in (0, 1, -1, None):
        torch.manual_seed(2)
        layer = Z.weight_norm(nn.Linear(4, 3), dim=dim)
        say(list(layer.state_dict()), layer.weight.detach(), repr(layer))
        say(*trained(torch, layer, torch.randn(5, 4)))
    torch.manual_seed(3)
    conv = Z.weight_norm(nn.Conv2d(2, 3, 3))
    say(*trained(torch, conv, torch.randn(2, 2, 5, 5)))
    nn.utils.parametrize.remove_parametrizations(conv, "weight")
    say(conv.state_dict())


@scenario
def older_normed_weights(torch, say):
    nn = torch.nn
    say.warning(lambda: nn.utils.weight_norm(nn.Linear(2, 2)))
    torch.manual_seed(4)
    made = []

    def make():
        made.append(nn.utils.weight_norm(nn.Linear(4, 3), dim=None))
        made.append(nn.utils.weight_norm(nn.LSTM(3, 4), "weight_hh_l0"))

    say.warning(make)
    layer, lstm = made
    x = torch.randn(5, 4)
    say(list(layer.state_dict()), *trained(torch, layer, x))
    newer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3), dim=None)
    newer.load_state_dict(layer.state_dict())
    say(newer(x).detach(), layer(x).detach())
    nn.utils.remove_weight_norm(layer)
    say(layer.state_dict(), layer(x).detach(), isinstance(layer.weight, nn.Parameter))
    say(list(lstm.state_dict()), lstm(torch.ones(2, 3))[0].detach())
    lstm(torch.ones(2, 3))[0].sum().backward()
    say(lstm.weight_hh_l0_g.grad, lstm.weight_hh_l0_v.grad)


@scenario
def spectral_norms(torch, say):
    nn = torch.nn
    for norm in (nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm):
        torch.manual_seed(5)
        layer = norm(nn.Linear(4, 3), n_power_iterations=2)
        say(repr(layer), layer.state_dict(), layer.state_dict()._metadata)
        x = torch.randn(5, 4)
        say(*trained(torch, layer, x))
        layer.eval()
        say(layer(x).detach(), layer(x).detach())
        for conv in (nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(2, 3, 3)):
            say(norm(conv)(torch.ones(1, 2, 4, 4)).detach(), conv.state_dict())
    P = nn.utils.parametrize
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3), "bias")
    say(layer.bias, *trained(torch, layer, x))
    P.remove_parametrizations(layer, "bias")
    say(layer.state_dict())


@scenario
def spectral_norm_of_older_files(torch, say):
    nn = torch.nn
    torch.manual_seed(6)
    layer = nn.utils.spectral_norm(nn.Linear(3, 4))
    x = torch.randn(5, 3)
    layer(x)
    state = layer.state_dict()
    del state["weight_v"]
    state["weight"] = layer.weight.detach()
    del state._metadata[""]["spectral_norm"]
    other = nn.utils.spectral_norm(nn.Linear(3, 4))
    other.load_state_dict(state)
    say(other.eval()(x).detach(), other.weight_v)
    del state["weight_u"]
    say.error(other.load_state_dict, state)
    nn.utils.remove_spectral_norm(layer)
    say(layer.state_dict(), layer(x).detach())


@scenario
def orthogonal_weights(torch, say):
    nn = torch.nn
    orthogonal = nn.utils.parametrizations.orthogonal
    for kind in ("matrix_exp", "cayley", "householder", None):
        for sizes in ((3, 3), (4, 2), (2, 4)):
            for trivialized in (True, False):
                torch.manual_seed(7)
                layer = nn.Linear(*sizes).double()
                layer = orthogonal(layer, orthogonal_map=kind, use_trivialization=trivialized)
                say(layer.weight.detach(), layer.state_dict())
                say(*trained(torch, layer, torch.randn(3, sizes[0]).double()))
                if trivialized:
                    layer.weight = torch.linalg.qr(torch.randn(9, 9).double())[0][
                        : sizes[1], : sizes[0]
                    ]
                    say(layer.weight.detach())
    layer = orthogonal(nn.Linear(3, 3, dtype=torch.complex128))
    w = layer.weight.detach()
    say((w @ w.mH).real.round(decimals=6))


def pruned(torch, say, module):
    """Report a pruned module and how it trains."""
    say(list(module.state_dict()), module.weight.detach(), module.weight_mask)
    say(torch.nn.utils.prune.is_pruned(module), *trained(torch, module, torch.randn(3, 4)))


@scenario
def pruning(torch, say):
    nn, prune = torch.nn, torch.nn.utils.prune

    def layer():
        torch.manual_seed(8)
        return nn.Linear(4, 5)

    pruned(torch, say, prune.identity(layer(), "weight"))
    for amount in (0, 3, 0.3, 1.0):
        pruned(torch, say, prune.random_unstructured(layer(), "weight", amount))
        pruned(torch, say, prune.l1_unstructured(layer(), "weight", amount))
    for amount, dim in ((1, 0), (0.5, 1), (2, -1)):
        pruned(torch, say, prune.random_structured(layer(), "weight", amount, dim))
        pruned(torch, say, prune.ln_structured(layer(), "weight", amount, 2, dim))
        pruned(torch, say, prune.ln_structured(layer(), "weight", amount, float("-inf"), dim))
    mask = torch.tensor([[1, 0, 1, 1]] * 5)
    pruned(torch, say, prune.custom_from_mask(layer(), "weight", mask))
    scores = torch.arange(20.0).reshape(5, 4)
    m = prune.l1_unstructured(layer(), "weight", 5, importance_scores=scores)
    pruned(torch, say, m)
    m = prune.ln_structured(m, "weight", 1, 1, 0)
    pruned(torch, say, m)
    m = prune.random_structured(m, "weight", 1, 1)
    m = prune.l1_unstructured(m, "weight", 0.5)
    pruned(torch, say, m)
    (container,) = m._forward_pre_hooks.values()
    say(type(container).__name__, len(container), [type(h).__name__ for h in container])
    other = prune.l1_unstructured(layer(), "weight", 1)
    other.load_state_dict(m.state_dict())
    say(other(torch.ones(4)).detach())
    kept = m.weight_orig
    prune.remove(m, "weight")
    say(m.weight is kept, m.state_dict(), prune.is_pruned(m), len(m._forward_pre_hooks))
    say(prune.L1Unstructured(2).prune(torch.tensor([1.0, -3.0, 0.5, 2.0])))


@scenario
def pruning_of_several(torch, say):
    nn, prune = torch.nn, torch.nn.utils.prune
    torch.manual_seed(9)
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    pairs = [(net[0], "weight"), (net[2], "weight"), (net[0], "bias")]
    prune.l1_unstructured(net[0], "weight", 2)
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.4)
    say(net.state_dict())
    scores = {(net[2], "weight"): torch.zeros(2, 3)}
    prune.global_unstructured(pairs, prune.L1Unstructured, scores, amount=4)
    say(net.state_dict(), prune.is_pruned(net))
    say.error(prune.global_unstructured, pairs, prune.RandomStructured, amount=1)
    say.error(prune.global_unstructured, pairs, prune.L1Unstructured, importance_scores=[])
    say.error(prune.l1_unstructured, nn.Linear(4, 2), "weight", 99)
    again = nn.Linear(4, 2)
    say.error(prune.l1_unstructured, again, "weight", 99)
    say([name for name, _ in again.named_parameters()])


@scenario
def fusion(torch, say):
    nn = torch.nn
    cases = [
        (nn.Conv1d, nn.BatchNorm1d, (2, 3, 3), (2, 2, 6), False),
        (nn.Conv2d, nn.BatchNorm2d, (2, 3, 3), (2, 2, 6, 6), False),
        (nn.ConvTranspose2d, nn.BatchNorm2d, (2, 3, 3), (2, 2, 6, 6), True),
        (nn.Linear, nn.BatchNorm1d, (4, 3), (5, 4), None),
    ]
    for layer, norm, sizes, shape, transposed in cases:
        for bias in (True, False):
            torch.manual_seed(10)
            first, second = layer(*sizes, bias=bias), norm(3)
            x = torch.randn(*shape)
            second(first(x))
            first.eval(), second.eval()
            if transposed is None:
                fused = nn.utils.fuse_linear_bn_eval(first, second)
            else:
                fused = nn.utils.fuse_conv_bn_eval(first, second, transposed)
            say(fused.state_dict(), fused(x).detach(), second(first(x)).detach(), repr(fused))
    torch.manual_seed(11)
    w, mean, var = torch.randn(3, 2, 1), torch.randn(3), torch.rand(3)
    say(*nn.utils.fuse_conv_bn_weights(w, None, mean, var, 1e-5, None, None))


@scenario
def clipping(torch, say):
    utils = torch.nn.utils

    def parameters():
        torch.manual_seed(12)
        made = [torch.randn(3, 2), torch.randn(4).double(), torch.randn(2)]
        for p in made:
            p.requires_grad_()
        for p in made[:2]:
            p.grad = torch.randn(p.shape, dtype=p.dtype)
        return made

    for p in (2.0, 1, 3.5, float("inf"), -float("inf"), 0.0):
        for foreach in (None, False, True):
            held = parameters()
            say(utils.clip_grad_norm_(held, 0.7, p, foreach=foreach), [q.grad for q in held])
        grads = [q.grad for q in held[:2]]
        say(utils.get_total_norm(grads, p), utils.get_total_norm(grads[0], p))
    held = parameters()
    utils.clip_grads_with_norm_(held, 0.5, torch.tensor(3.0))
    utils.clip_grad_value_(held, 0.1)
    say([q.grad for q in held])
    utils.clip_grad_value_(held[0], 0.05)
    say(held[0].grad, utils.clip_grad_norm_(held[2], 1.0), utils.clip_grad_norm_([], 1.0))
    say.warning(lambda: utils.clip_grad_norm_((p for p in ()), 1.0))
    say.warning(lambda: utils.clip_grad_norm(parameters(), 1.0))
    held[0].grad[0, 0] = float("nan")
    say(utils.clip_grad_norm_(held[1:], 1.0, error_if_nonfinite=True))
    say.error(utils.clip_grad_norm_, held, 1.0, error_if_nonfinite=True)
    say.error(utils.clip_grad_norm_, held, "a")
    say(utils.clip_grad_norm_(held, 1.0), held[1].grad)


@scenario
def vectors_of_parameters(torch, say):
    utils = torch.nn.utils
    torch.manual_seed(13)
    m = torch.nn.Linear(3, 2)
    vector = utils.parameters_to_vector(m.parameters())
    say(vector)
    new = torch.arange(8.0)
    utils.vector_to_parameters(new, m.parameters())
    new[0] = 9
    say(m.state_dict())
    say.error(utils.vector_to_parameters, [1.0], m.parameters())


@scenario
def others(torch, say):
    nn = torch.nn
    torch.manual_seed(14)
    m = nn.utils.skip_init(nn.Linear, 3, 2, bias=False)
    say(list(m.weight.shape), m.weight.device.type, torch.rand(2))
    say.error(nn.utils.skip_init, nn.Sequential)
    conv = nn.Conv2d(4, 5, 3)
    before = conv.weight.detach().clone()
    nn.utils.convert_conv2d_weight_memory_format(nn.Sequential(conv), torch.channels_last)
    say(conv.weight.stride(), bool((conv.weight == before).all()))
    say(conv.weight.is_contiguous(memory_format=torch.channels_last))
    conv = nn.utils.convert_conv3d_weight_memory_format(nn.Conv3d(2, 3, 3), torch.channels_last_3d)
    say(conv.weight.stride())
    layer = nn.Linear(2, 2)
    call = nn.utils.stateless.functional_call
    given = {"weight": torch.ones(2, 2), "bias": torch.zeros(2)}
    say.warning(lambda: say(call(layer, given, torch.ones(2))))


@scenario
def parametrized_modules_in_use(torch, say):
    """Copies, files, modes and other modules around parametrized ones."""
    nn = torch.nn
    torch.manual_seed(15)
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), nn.ReLU())
    net.append(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)))
    x = torch.randn(4, 3)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    say(repr(net), net(x).detach())
    file.seek(0)
    net.load_state_dict(torch.load(file))
    twin = copy.deepcopy(net).eval()
    say(twin(x).detach(), net.eval()(x).detach(), [n for n, _ in twin.named_modules()])
    say(torch.func.functional_call(twin, dict(net.state_dict()), x).detach())
    say(net.double()(x.double()).detach())
    cell = nn.utils.parametrizations.weight_norm(nn.GRU(3, 2), "weight_hh_l0")
    out, _ = cell(torch.ones(4, 3))
    out.sum().backward()
    say(out.detach(), [p.grad for p in cell.parameters()])


@pytest.mark.parametrize("case", scenario, ids=lambda case: case.__name__)
def test_same_as_pytorch(case):
    found = differences(run(case, dynagrad), run(case, torch), tolerance=5e-6)
    if found:
        pytest.fail("\n".join(found[:12]), pytrace=False)


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("utils.parametrize", "register_parametrization remove_parametrizations is_parametrized"),
        ("utils.parametrizations", "orthogonal spectral_norm weight_norm"),
        ("utils.prune", "l1_unstructured ln_structured global_unstructured custom_from_mask"),
        ("utils", "skip_init clip_grad_norm_ get_total_norm spectral_norm fuse_conv_bn_eval"),
    ],
)
def test_parameters_have_pytorchs_names(name, functions):
    for function in functions.split():
        ours, theirs = (
            _parameters(getattr(_module(library.nn, name), function))
            for library in (dynagrad, torch)
        )
        assert ours == theirs, function


def _module(nn, name):
    for part in name.split("."):
        nn = getattr(nn, part)
    return nn


def _parameters(function):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found]


def test_the_function_stands_before_its_module():
    """Whatever a program imports first, `nn.utils.weight_norm` is the function."""
    code = (
        "from dynagrad.nn.utils.weight_norm import WeightNorm\n"
        "from dynagrad.nn.utils.spectral_norm import SpectralNorm\n"
        "import dynagrad.nn.utils.spectral_norm\n"
        "from dynagrad.nn import utils\n"
        "assert callable(utils.weight_norm) and callable(utils.spectral_norm)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_copies_keep_their_parametrizations():
    """Removing one from a module leaves its copies as they are."""
    parametrize = dynagrad.nn.utils.parametrize
    layer = dynagrad.nn.utils.parametrizations.weight_norm(dynagrad.nn.Linear(2, 2))
    twin = copy.deepcopy(layer)
    before = twin.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    assert parametrize.is_parametrized(twin, "weight")
    assert dynagrad.equal(twin.weight, before)


def test_a_parametrized_module_is_freed_by_counting():
    layer = dynagrad.nn.utils.parametrizations.weight_norm(dynagrad.nn.Linear(2, 2))
    layer(dynagrad.ones(2)).sum().backward()
    norms = weakref.ref(layer.parametrizations.weight.original0)
    gc.disable()
    try:
        del layer
        assert norms() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_weight_norm_is_one_node(dim, dtype):
    """Values and gradients of a normed weight. The second order is compared with PyTorch's own
    steps: its one node takes the norms for constant there.
    """

    def in_steps(v, norms, dim):
        return v * (norms / torch.norm_except_dim(v, 2, dim))

    found = []
    for library, norm in (
        (dynagrad, dynagrad_weight_norm),
        (torch, torch._weight_norm),
        (torch, in_steps),
    ):
        library.manual_seed(0)
        kind = getattr(library, dtype)
        v = library.randn(3, 4).to(kind).requires_grad_()
        norms = library.norm_except_dim(library.randn(3, 4), 2, dim).to(kind).requires_grad_()
        w = norm(v, norms, dim)
        weights = library.arange(12.0).reshape(3, 4).to(kind)
        grads = library.autograd.grad((w * weights).sum(), (v, norms), create_graph=True)
        again = library.autograd.grad(sum((g * g).sum() for g in grads), (v, norms))
        values = [t.detach().float().numpy() for t in (w, *grads, *again)]
        found.append((type(w.grad_fn).__name__, values[:3], values[3:]))
    ours, theirs, steps = found
    assert ours[0] == theirs[0]
    tolerance = {"float32": 2e-5, "float64": 1e-6, "bfloat16": 0.05, "float16": 0.01}[dtype]
    for a, b in zip(ours[1] + ours[2], theirs[1] + steps[2], strict=True):
        assert abs(a - b).max() <= tolerance * abs(b).max()
