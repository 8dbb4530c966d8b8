"""What anomaly mode says around the operation that it names: the stack, the advice; and what runs
inside transforms, profiles and checkpoints.
"""

import subprocess
import sys
import warnings

import pytest
from anomalies import detected, section

import dynagrad as torch
from dynagrad.profiler import profile
from dynagrad.utils.checkpoint import checkpoint


def squared_root(x):
    return x.sqrt() ** 2


def points():
    return torch.tensor([0.0, 1.0, 4.0])


TRANSFORMS = {
    "vmap of grad": lambda: torch.func.vmap(torch.func.grad(squared_root))(points()),
    "jacrev": lambda: torch.func.jacrev(squared_root)(points()),
    "grad of vmap": lambda: torch.func.grad(lambda x: torch.func.vmap(squared_root)(x).sum())(
        points()
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_inside_transforms(name: str) -> None:
    text = str(detected(TRANSFORMS[name]))
    assert text.startswith("Function 'SqrtBackward0' returned nan values in its 0th output.")
    assert ", 0 nan, 0 inf" in "".join(section(text, "given"))


def test_the_range_of_a_batch_is_that_of_all_examples() -> None:
    text = str(detected(TRANSFORMS["vmap of grad"]))
    assert section(text, "given")[0] == "cotangent: float32 [3], from 0 to 4, 0 nan, 0 inf"
    assert "(of a vmap: all examples, the batch comes first)" in text


def test_checkpoint_with_reentry() -> None:
    def program():
        x = points().requires_grad_()
        checkpoint(squared_root, x, use_reentrant=True).sum().backward()

    text = str(detected(program))
    assert text.startswith("Function 'SqrtBackward0' returned nan values")
    assert "recorded in the backward pass of CheckpointFunctionBackward" in text


@pytest.mark.parametrize("tool", [profile, lambda: torch.autograd.set_detect_anomaly(True)])
def test_a_backward_of_ones_own_does_not_record(tool) -> None:
    seen = []

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            seen.append((torch.is_grad_enabled(), (g * x).requires_grad))
            return g * 2

    x = points().requires_grad_()
    with tool():
        Double.apply(x).sum().backward()
    assert seen == [(False, False)]


def test_a_nan_made_inside_a_backward_is_not_called_one_of_the_forward_pass() -> None:
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * 0 / 0

    text = str(detected(lambda: Bad.apply(points().requires_grad_()).sum().backward()))
    assert "The nan was first made in the backward pass by Div," in text
    assert "forward pass" not in text


def test_growing_values() -> None:
    def program():
        w = torch.tensor([2.0], requires_grad=True)
        for _ in range(200):
            loss = (w * 3).square().sum()
            loss.backward()
            with torch.no_grad():
                w -= 1e6 * w.grad
                w.grad = None

    (advice,) = section(str(detected(program)), "what to do")
    assert "too large for float32" in advice and "lower the learning rate" in advice


def test_a_written_nan() -> None:
    def program():
        x = torch.ones(3)
        x[1] = float("nan")
        w = torch.ones(3, requires_grad=True)
        (w * x).sum().backward()

    text = str(detected(program))
    assert "The nan was written in place, into float32 []" in text
    assert "Look at the data" in "".join(section(text, "what to do"))


def test_a_recursion_is_told_once() -> None:
    def deep(x, n):
        return deep(x, n - 1) if n else x.sqrt()

    error = detected(lambda: (deep(points().requires_grad_(), 30) ** 2).sum().backward())
    (note,) = [n for n in error.__notes__ if n.startswith("Error detected")]
    assert note.count("return deep(") == 2 and "(30 times)" in note


def test_the_command_that_runs_a_script_is_not_in_the_stack(tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "with torch.autograd.set_detect_anomaly(True):\n"
        "    x = torch.zeros(2, requires_grad=True)\n"
        "    (x.sqrt() ** 2).sum().backward()\n"
    )
    # A command as installations make it, whatever it is called.
    code = (
        "import os, sys, sysconfig\n"
        "launcher = os.path.join(sysconfig.get_path('scripts'), 'launches')\n"
        f"sys.argv = ['dynagrad', 'run', {str(script)!r}]\n"
        "from dynagrad.__main__ import main\n"
        "exec(compile('main()', launcher, 'exec'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    note = done.stderr[done.stderr.index("Error detected in SqrtBackward0.") :]
    assert f"{script}:4: (x.sqrt() ** 2).sum().backward()" in note
    assert "launches" not in note


@pytest.mark.parametrize("is_on", [False, True])
def test_a_backward_that_warns_runs_once(is_on: bool) -> None:
    runs = []

    class Warns(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            runs.append(1)
            warnings.warn("look", RuntimeWarning, stacklevel=1)
            return g

    x = points().requires_grad_()
    with warnings.catch_warnings(), torch.autograd.set_detect_anomaly(is_on):
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="look") as caught:
            Warns.apply(x).sum().backward()
    assert len(runs) == 1
    assert any("WarnsBackward" in note for note in caught.value.__notes__)
