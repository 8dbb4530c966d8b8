"""NumPy's floating-point warnings never reach the user, from whatever is loaded late either."""

import subprocess
import sys

import pytest

PROGRAMS = {
    "linear": """
layer = torch.nn.Linear(5, 16)
with torch.no_grad():
    layer.weight.fill_(3e38)
    layer.bias.fill_(3e38)
torch.nn.functional.linear(torch.ones(64, 5), layer.weight, layer.bias)
layer(torch.full((64, 5), float("inf")))
""",
    "three factors": """
x = torch.full((64, 5), 3e38)
torch.nn.functional.bilinear(x, x, torch.full((4, 5, 5), 3e38))
torch.einsum("ij,jk,kl->il", x, x.T, x)
""",
    "weights": """
torch.multinomial(torch.full((64,), 1e308, dtype=torch.float64), 3)
torch.lgamma(torch.full((64,), 1e308, dtype=torch.float64))
""",
    "norms": """
torch.linalg.vector_norm(torch.full((64,), 3e38), 3)
torch.linalg.matrix_norm(torch.full((8, 8), 3e38), "fro")
""",
    "optimizer": """
w = torch.full((64,), 3e38, requires_grad=True)
w.grad = torch.full((64,), -3e38)
torch.optim.SGD([w], lr=1e3).step()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_overflows_say_nothing(name: str) -> None:
    code = "import dynagrad as torch\n" + PROGRAMS[name]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_that_computes_is_hushed() -> None:
    code = """
import importlib, pkgutil, sys, dynagrad
for found in pkgutil.iter_modules(dynagrad.__path__, "dynagrad."):
    if found.name != "dynagrad.__main__":
        importlib.import_module(found.name)
for name, module in sorted(sys.modules.items()):
    parts = name.split(".")
    if parts[0] == "dynagrad" and parts[1:2] in (["ops"], ["core"], ["functions"], ["optim"]):
        if len(parts) > 2 and vars(module)["__name__"] is not None:
            print(name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
