"""When eager operations run compiled kernels, and when they do not."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import dynagrad as dg
from dynagrad.compiler import eager, eager_kernels
from dynagrad.compiler.eager import rows
from dynagrad.compiler.native.llvm import NativeError
from dynagrad.ops import compiled


def run(program, **environment):
    """The output of a program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=True,
    )
    return done.stdout.split()


LOADED = """
import sys
import dynagrad
small = dynagrad.randn(100)
dynagrad.softmax(small, 0)
print("llvmlite" in sys.modules)
dynagrad.randn(100_000)
print("llvmlite" in sys.modules)
"""


def test_llvmlite_is_loaded_with_the_first_large_array():
    assert run(LOADED) == ["False", "True"]


def test_the_environment_switches_kernels_off():
    assert run(LOADED, DYNAGRAD_EAGER_KERNELS="0") == ["False", "False"]


WITHOUT = """
import sys
sys.modules["llvmlite"] = None
import numpy, dynagrad
with_numpy = dynagrad.softmax(dynagrad.ones(300, 300), 1)
dynagrad.manual_seed(1)
print(dynagrad.randn(100_000).sum().item(), len(dynagrad.ops.compiled.KERNELS))
"""


def test_without_llvmlite_numpy_does_the_work():
    value, _ = run(WITHOUT)
    dg.manual_seed(1)
    assert float(value) == dg.randn(100_000).sum().item()


def test_the_switch_holds_in_a_block_and_from_now_on():
    assert compiled.is_enabled()
    with eager_kernels(False):
        assert compiled.KERNELS["softmax"] is None
        with eager_kernels():
            assert compiled.KERNELS["softmax"] is not None
        assert not compiled.is_enabled()
    assert compiled.KERNELS["softmax"] is not None
    eager_kernels(False)
    assert compiled.KERNELS["softmax"] is None
    eager_kernels(True)


def test_every_kernel_is_found_in_its_file():
    for name in eager._FILE_OF:
        assert callable(eager.kernel(name))
    assert eager.kernel("no such kernel") is None


FORKED = """
import os
import dynagrad
from dynagrad.ops import compiled
{before}
child = os.fork()
if not child:
    dynagrad.softmax(dynagrad.ones(300, 300), 1)
    os._exit(int(compiled.is_enabled()))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), compiled.is_enabled())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_child_forked_while_kernels_load_stays_with_numpy():
    assert run(FORKED.format(before="")) == ["1", "True"]
    loading = "compiled._asking.append('softmax')"
    assert run(FORKED.format(before=loading)) == ["0", "True"]


def test_a_family_that_cannot_be_compiled_is_tried_once(monkeypatch, caplog):
    tried = []

    class Broken:
        def load(self, *names):
            tried.append(1)
            raise NativeError("a reason")

    monkeypatch.setitem(rows.KERNELS, "softmax", (rows.softmax, Broken(), ()))
    monkeypatch.setattr(eager, "_failed", set())
    with caplog.at_level(logging.WARNING), eager_kernels(True):
        compiled.KERNELS.clear()
        x = dg.randn(300, 300)
        total = dg.softmax(x, 1).sum(1)
        compiled.KERNELS.clear()
        dg.softmax(x, 1)
    compiled.KERNELS.clear()
    np.testing.assert_allclose(total.numpy(), 1, rtol=1e-5)
    assert len(tried) == 1
    assert [record.message for record in caplog.records] == [
        "eager operations stay with NumPy: the kernel softmax: a reason"
    ]


def test_results_do_not_depend_on_threads():
    x = dg.randn(700, 300)
    before = dg.get_num_threads()
    made = []
    try:
        for threads in (1, 3):
            dg.set_num_threads(threads)
            dg.manual_seed(2)
            y = dg.nn.functional.layer_norm(dg.softmax(x, 1), (300,))
            made.append(np.concatenate([y.numpy().ravel(), dg.randn(100_000).numpy()]))
    finally:
        dg.set_num_threads(before)
    np.testing.assert_array_equal(*made)
