"""torch.nn.init against PyTorch's: generators, older names, dtypes, views, mistakes."""

import pytest
from scenario import Cases, differences, run

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

scenario = Cases()
RANDOM = (
    "uniform_ normal_ trunc_normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ "
    "kaiming_normal_ orthogonal_"
).split()


@scenario
def generators(torch, say):
    generator = torch.Generator().manual_seed(4)
    torch.manual_seed(1)
    for name in RANDOM:
        say(getattr(torch.nn.init, name)(torch.empty(5, 7), generator=generator))
    say(torch.nn.init.sparse_(torch.empty(5, 7), 0.3, generator=generator), torch.rand(2))


@scenario
def older_names(torch, say):
    for name in RANDOM + ["eye_"]:
        if name != "trunc_normal_":
            torch.manual_seed(2)
            old = getattr(torch.nn.init, name[:-1])
            say.warning(lambda old=old: say(old(torch.empty(3, 4))))
            say(old.__name__)
    for old, shape, value in (
        ("constant", (2,), 0.3),
        ("sparse", (4, 4), 0.3),
        ("dirac", (2,) * 3, 2),
    ):
        torch.manual_seed(3)
        fill = getattr(torch.nn.init, old)
        say.warning(lambda f=fill, s=shape, v=value: say(f(torch.empty(s), v)))


@scenario
def dtypes(torch, say):
    for dtype in (torch.float16, torch.bfloat16):
        for name in RANDOM[:-1] + ["ones_", "zeros_", "eye_"]:
            torch.manual_seed(5)
            say(getattr(torch.nn.init, name)(torch.empty(5, 7, dtype=dtype)).float())
        say.error(torch.nn.init.orthogonal_, torch.empty(5, 7, dtype=dtype))
    say.error(torch.nn.init.orthogonal_, torch.empty(3, 3, dtype=torch.complex64))
    for name in RANDOM[:2]:
        say.error(getattr(torch.nn.init, name), torch.empty(3, dtype=torch.int64))


@scenario
def what_is_filled(torch, say):
    torch.manual_seed(6)
    p = torch.nn.Parameter(torch.ones(3, 3))
    filled = torch.nn.init.normal_(p)
    say(filled is p, p)
    say(torch.nn.init.normal_(torch.ones(3, 20).t()))
    whole = torch.zeros(4, 6)
    torch.nn.init.uniform_(whole[:, ::2])
    say(whole, torch.nn.init.zeros_(torch.nn.Linear(2, 2).weight[0].detach()))
    say.warning(lambda: say(torch.nn.init.kaiming_normal_(torch.empty(0, 3))))
    say.warning(lambda: say(torch.nn.init.trunc_normal_(torch.empty(20), 2.6, 0.4, -2.0, 1.9)))


@scenario
def gains(torch, say):
    gain = torch.nn.init.calculate_gain
    names = "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d "
    for name in (names + "sigmoid tanh relu leaky_relu selu").split():
        say(gain(name), gain(name, 0.3))
    for slope in (True, "a"):
        say.error(gain, "leaky_relu", slope)
    say.error(gain, "gelu")


@pytest.mark.parametrize("case", scenario, ids=lambda case: case.__name__)
def test_same_as_pytorch(case):
    found = differences(run(case, dynagrad), run(case, torch))
    if found:
        pytest.fail("\n".join(found[:12]), pytrace=False)
