"""torch.jit: what is compiled in PyTorch runs as it is here, with the same results."""

import pytest

import dynagrad as torch
from dynagrad import jit, nn


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(jit, "_said", set())


def test_script_gives_the_module_and_says_so_once(recwarn):
    model = nn.Linear(2, 1)
    assert jit.script(model) is model
    assert jit.script(model) is model
    assert [str(w.message)[:17] for w in recwarn] == ["torch.jit.script:"]


def test_trace_calls_the_example_once():
    calls = []

    def square(x):
        calls.append(x.shape)
        return x * x

    with pytest.warns(jit.ScriptWarning, match="eagerly"):
        traced = jit.trace(square, torch.ones(3))
    assert calls == [(3,)]
    assert traced(torch.full((2,), 3.0)).tolist() == [9, 9]
    with pytest.raises(TypeError, match="takes a module or function"):
        jit.trace(3, torch.ones(1))
    model = nn.Linear(2, 1)
    with pytest.warns(jit.ScriptWarning):
        assert jit.trace_module(model, {"forward": torch.ones(1, 2)}) is model


def test_what_decorates_methods_leaves_them_alone():
    class Net(jit.ScriptModule):
        __constants__ = ["n"]
        n: jit.Final[int]

        def __init__(self):
            super().__init__()
            self.n = 2

        @jit.script_method
        def forward(self, x):
            return self.helper(x) if jit.is_scripting() else x * self.n

        @jit.ignore
        def helper(self, x):
            raise AssertionError

        @jit.ignore(drop=True)
        @jit.unused
        @jit.export
        def other(self, x):
            return x

    net = Net()
    assert net(torch.ones(1)).tolist() == [2]
    assert net.other(3) == 3
    assert jit.annotate(list[int], [1]) == [1] and jit.isinstance(3, int)
    assert jit.wait(jit.fork(lambda a: a + 1, 2)) == 3
    assert jit.freeze(net) is net and jit.optimize_for_inference(net) is net


def test_files_of_programs_are_refused_with_advice():
    for refused in (lambda: jit.save(nn.Linear(1, 1), "x.pt"), lambda: jit.load("x.pt")):
        with pytest.raises(NotImplementedError, match="state_dict"):
            refused()
