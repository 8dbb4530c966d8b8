"""What explain() says: of what was compiled, guarded, compared and measured, and why not."""

import html
import io
import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import dynagrad as torch  # noqa: E402
from dynagrad.compiler.compiled import Compiled  # noqa: E402
from dynagrad.compiler.receipt import logs, witness  # noqa: E402
from dynagrad.compiler.receipt.misfit import misfit  # noqa: E402
from dynagrad.core.pytree import flatten  # noqa: E402


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


class Work:
    """A net, its optimizer, and one compiled step of theirs."""

    def __init__(self, dropout: float = 0.0, **options: Any) -> None:
        first, last = torch.nn.Linear(6, 24), torch.nn.Linear(24, 3)
        self.net = torch.nn.Sequential(first, torch.nn.Tanh(), torch.nn.Dropout(dropout), last)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.01)
        self.x, self.y = torch.randn(20, 6), torch.randint(0, 3, (20,))
        net, optimizer = self.net, self.optimizer

        def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss

        self.step: Compiled = torch.compile(step, **options)

    def run(self, times: int = 3) -> "Work":
        """Take steps."""
        for _ in range(times):
            self.step(self.x, self.y)
        return self


def test_the_text() -> None:
    text = str(Work().run().step.explain())
    for pattern in (
        r"^Work\.__init__\.<locals>\.step: 1 compiled course$",
        r"course 0, recorded at test_explain\.py:\d+: self\.step\(self\.x, self\.y\)",
        r"arguments: float32\[20, 6\], int64\[20\]",
        r"ran 2 times",
        r"recorded: \d+ values: .*\d+ mul",
        r"compiled: \d+ values",
        r"product of \[20, 6\] and \[6, 24\] by a kernel: matmul; 5\.76 thousand operations",
        r"test_explain\.py:\d+: optimizer\.step\(\)",
        r"test_explain\.py:\d+: loss\.backward\(\)",
        r"memory: .* of scratch, .* without reuse",
        r"guards: \d+, and \d+ dictionaries",
        r"a target is one of the classes, or equals ignore_index",
    ):
        assert re.search(pattern, text, re.MULTILINE), f"{pattern}\n{text}"
    assert "calls back into NumPy" not in text and "stayed eager" not in text
    assert not re.search(r"(?<!test_explain)\.py:\d+", text), "lines of the library, or of NumPy's"


def test_the_page_is_escaped_and_folds() -> None:
    receipt = Work().run().step.explain()
    page = receipt._repr_html_()
    assert page.count("<details>") == page.count("</details>") >= 5
    assert "<locals>" not in page and "&lt;locals&gt;" in page
    assert "http" not in page and "<script" not in page
    text = html.unescape(re.sub(r"<[^>]*>", "\n", page))
    lines = [line.strip() for line in str(receipt).splitlines()]
    assert [line for line in lines if line not in [t.strip() for t in text.splitlines()]] == []


def test_graphs_ir_and_assembly() -> None:
    Work().run(1)
    receipt = Work().run(1).step.explain()  # from the cache, by the graph's key
    before, after = receipt.graph(recorded=True), receipt.graph()
    assert before.count("\n") > after.count("\n") > 50
    assert "matmul(" in after and "slot 0 (" in after
    assert "define i32 @segment0" in receipt.ir() and "define" in receipt.ir(optimized=True)
    assert ".globl\tsegment0" in receipt.assembly() or "segment0:" in receipt.assembly()


def test_native_code_is_compared_with_the_recorded_run() -> None:
    course = Work().run(1).step.explain().courses[0]
    found = course.comparison
    assert len(found.outputs) >= 4 * 4 + 1, "parameters, two moments, gradients and the loss"
    assert {"parameter 24x6", "gradient", "result"} <= {o.name for o in found.outputs}
    assert 0 <= found.largest.relative < 1e-5


def test_the_comparison_sees_a_wrong_result() -> None:
    work = Work().run(1)
    (variant,) = work.step.variants
    slot = next(o.slot for o in variant.compare().outputs if o.name == "result")
    variant.comparison = None
    variant.witness.outputs[slot] = variant.witness.outputs[slot] * 1.5
    assert variant.compare().largest.slot == slot
    assert variant.compare().largest.relative == pytest.approx(1 / 3, rel=1e-4)


def test_random_numbers_are_replayed_and_no_stream_moves() -> None:
    work = Work(dropout=0.5).run(1)
    before = torch.get_rng_state()
    parameters = [p.detach().clone() for p in work.net.parameters()]
    receipt = work.step.explain(measure=True)
    assert "random numbers as they were drawn" in str(receipt)
    assert receipt.courses[0].comparison.largest.relative < 1e-5
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(parameters, work.net.parameters(), strict=True))
    assert re.search(r"calls back into NumPy: 1\n.* at test_explain\.py", str(receipt))


def test_large_inputs_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "LARGEST", 1000)
    work = Work().run(2)
    (variant,) = work.step.variants
    assert not (variant.witness.inputs or variant.witness.outputs)
    found = work.step.explain(measure=True).courses[0]
    assert "not kept" in str(found.comparison)
    assert found.measured.step > 0, "measured on what the slots hold now"


def test_differences() -> None:
    nan, inf = float("nan"), float("inf")
    for a, b, expected in (
        ([1.0, nan, inf], [1.0, nan, inf], 0.0),
        ([1.0, 2.0], [1.0, 4.0], 0.5),
        ([nan, 1.0], [1.0, 1.0], inf),
        ([0.0], [-0.0], 0.0),
        ([], [], 0.0),
    ):
        assert witness.difference(np.array(a), np.array(b)) == expected
    assert witness.difference(np.array([1, 2]), np.array([1, 3])) == inf


def test_every_loop_is_timed() -> None:
    course = Work().run(2).step.explain(measure=True).courses[0]
    measured = course.measured
    assert measured.remark == "" and 0 < measured.step < 0.1
    parts = course.variant.program.report.parts
    assert {part.number for part in parts} <= set(measured.groups)
    kernels = [measured.groups[p.number] for p in parts if p.kind in ("loop", "product")]
    assert sum(t > 0 for t in kernels) > len(kernels) / 2
    assert "GFLOP/s" in str(course.sections()) and "GB/s" in str(course.sections())


def test_inputs_with_gaps_are_measured_and_compared() -> None:
    table = torch.randn(7, 30)
    numbers = torch.randint(0, 7, (12, 40))

    @torch.compile
    def f(t: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(index, t).sum(1)

    for _ in range(2):
        f(table[:, ::3], numbers[:, :-1:2])
    course = f.explain(measure=True).courses[0]
    assert course.comparison.largest.relative < 1e-6
    assert course.measured.step > 0 and course.measured.remark == ""


def test_runs_are_counted_by_the_gate_and_by_python() -> None:
    w = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)

    @torch.compile
    def step() -> None:
        optimizer.zero_grad()
        ((w - 1) ** 2).sum().backward()
        optimizer.step()

    for _ in range(10):
        step()
    (course,) = step.explain().courses
    assert course.runs == 9 and course.missed == 0
    if step.entry is not None:
        assert course.native_runs >= 6
        assert "they are compared by native code" in str(step.explain())


# --- calls that do not fit ----------------------------------------------------------------------


def other_shape(w: Work) -> tuple:
    """Fewer rows."""
    return w.x[:7], w.y[:7]


def other_dtype(w: Work) -> tuple:
    """Other integers."""
    return w.x, w.y.to(torch.int32).long().to(torch.int16)


def transposed(w: Work) -> tuple:
    """The same shape in another order."""
    return w.x.T.contiguous().T, w.y


def with_gradient(w: Work) -> tuple:
    """An input that needs a gradient."""
    return w.x.clone().requires_grad_(), w.y


def in_eval_mode(w: Work) -> tuple:
    """A module without dropout."""
    w.net.eval()
    return w.x, w.y


def with_amsgrad(w: Work) -> tuple:
    """Another option."""
    w.optimizer.param_groups[0]["weight_decay"] = True
    return w.x, w.y


def with_a_gradient(w: Work) -> tuple:
    """A new parameter."""
    w.net[0].bias = torch.nn.Parameter(torch.zeros(24))
    return w.x, w.y


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_shape, "argument 0 has shape (7, 6), was (20, 6)"),
        (other_dtype, "argument 1 has dtype int16, was int64"),
        (transposed, "argument 0 has strides (4, 80), was (24, 4)"),
        (with_gradient, "argument 0 needs a gradient now"),
        (in_eval_mode, "'training' is False, was True"),
        (with_amsgrad, "weight_decay"),
        (with_a_gradient, "'bias' is this Parameter, was this Parameter"),
    ],
)
def test_why_a_course_does_not_fit(change: Callable, words: str) -> None:
    work = Work().run(2)
    (variant,) = work.step.variants
    assert says(variant, (work.x, work.y)) == ""
    args = change(work)
    assert words in says(variant, args)


def says(variant: Any, args: tuple) -> str:
    """Why a course does not fit, and that `fits` is of the same opinion."""
    leaves, spec = flatten((args, {}))
    found = misfit(variant, leaves, spec, args, {})
    assert (found == "") == variant.fits(leaves, spec, args, {})
    return found


def test_more_misfits() -> None:
    scale, held = 2.0, {"k": 1}

    @torch.compile
    def f(x: torch.Tensor, flag: bool) -> torch.Tensor:
        y = x * scale * held["k"]
        return y + 1 if y.sum() > 0 else y

    x = torch.ones(3)
    f(x, True)
    (variant,) = f.variants
    assert says(variant, (x, True)) == ""
    assert says(variant, (x, False)) == "argument 1 is False, was True"
    assert "structure" in says(variant, (x,))
    assert says(variant, (torch.nn.Parameter(x), True)) == "argument 0 is a Parameter, was a Tensor"
    with torch.no_grad():
        assert "gradient mode" in says(variant, (x, True))
    held["k"] = 5
    assert re.search(r"a guard does not hold: .* is 1, now 5", says(variant, (x, True)))
    held["k"] = 1
    assert says(variant, (x, True)) == ""
    f(-x, True)
    why = f.explain().courses[0].why
    assert why.startswith("a check fails: "), why
    assert "did not fit 1 calls; the last time because a check fails" in str(f.explain())


def test_the_stance_that_forbids_new_courses_says_why() -> None:
    work = Work().run(2)
    with torch.compiler.set_stance("fail_on_recompile"):
        with pytest.raises(RuntimeError, match=r"course 0: argument 0 has shape \(7, 6\)"):
            work.step(*other_shape(work))


# --- what stays eager ----------------------------------------------------------------------------


def unfit() -> Compiled:
    """A function that cannot be compiled."""
    kept: list = []

    def f(x: torch.Tensor) -> torch.Tensor:
        kept.extend([x * 2])
        return x + 1

    return torch.compile(f)


def test_reasons_have_lines_and_their_text() -> None:
    f = unfit()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(6):
            f(torch.ones(2))
    (warning,) = caught
    message = str(warning.message)
    assert re.match(
        r"torch\.compile: .* runs eagerly from now on: .*test_explain\.py:\d+: ", message
    )
    assert "kept" in message and "explain() says more" in message
    receipt = f.explain()
    assert receipt.reasons and receipt.gave_up and not receipt.courses
    assert receipt.reasons[0].file == __file__ and receipt.reasons[0].line > 0
    assert "why calls stayed eager" in str(receipt) and "eager from now on" in str(receipt)
    assert f"{receipt.eager} calls not recorded" in receipt.headline


def test_fullgraph_makes_it_an_error() -> None:
    f = torch.compile(unfit().function, fullgraph=True)
    with pytest.raises(RuntimeError, match=r"test_explain\.py:\d+(.|\n)*because of fullgraph=True"):
        for _ in range(4):
            f(torch.ones(2))


def test_too_many_courses() -> None:
    f = torch.compile(lambda x, way: x + len(way), recompile_limit=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for way in "abcdef":
            f(torch.ones(2), way)
    assert len(caught) == 1
    assert "2 courses were recorded, and none fits this call: argument 1" in str(caught[0].message)
    assert [c.missed > 0 for c in f.explain().courses] == [True, True]


# --- other forms ----------------------------------------------------------------------------------


def test_a_module_and_its_backward_pass() -> None:
    net = torch.compile(torch.nn.Sequential(torch.nn.Linear(4, 20), torch.nn.GELU()))
    x = torch.randn(5, 4)
    for _ in range(2):
        net(x)
    assert "backward pass, not compiled yet" in str(net.explain())
    net(x).sum().backward()
    text = str(net.explain(measure=True))
    assert "backward pass, compiled" in text and "largest relative difference" in text


def test_without_native_code() -> None:
    f = Compiled(lambda x: (x * 2).sum(), reference=True)
    for _ in range(3):
        f(torch.ones(4))
    text = str(f.explain(measure=True))
    assert "not compared: there is no native code" in text
    with pytest.raises(RuntimeError, match="there is no native code"):
        f.explain().assembly()


def test_dynamo_explains() -> None:
    receipt = torch._dynamo.explain(lambda x: x.sin() * 2)(torch.ones(3))
    assert len(receipt.courses) == 1 and "sin" in receipt.graph()


def test_nothing_was_called_yet() -> None:
    assert str(torch.compile(lambda x: x).explain()).endswith(": 0 compiled courses")


# --- the log --------------------------------------------------------------------------------------


@pytest.fixture
def _log() -> Iterator[None]:
    log = logs.log
    held = log.level, log.propagate, list(log.handlers)
    yield
    log.level, log.propagate, log.handlers = held[0], held[1], held[2]


@pytest.mark.usefixtures("_log")
def test_the_log_tells_what_happens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dynagrad.compiler")
    logs.log.propagate = True
    work = Work().run(2)
    work.step(*other_shape(work))
    f = unfit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            f(torch.ones(2))
    text = caplog.text
    for words in (
        r"recorded \d+ values, \d+ guards",
        r"guard: function Work\.\S+step in test_explain\.py:\d+ has its code",
        r"(compiled|its code was in the cache), [\d.]+ ms",
        r"course 0 does not fit: argument 0 has shape",
        r"this call stays eager: test_explain\.py:\d+",
        r"eager from now on: ",
    ):
        assert re.search(words, text), f"{words}\n{text}"


@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize(
    ("wanted", "level"),
    [
        ("compiler", logging.INFO),
        ("1", logging.INFO),
        ("autograd, +compiler", logging.DEBUG),
        ("debug", logging.DEBUG),
        ("-compiler", logging.WARNING),
        ("0", None),
        ("", None),
        ("dynamo", None),
    ],
)
def test_what_the_variable_means(wanted: str, level: int | None) -> None:
    handler = logs.set_up(wanted)
    assert (handler is None) == (level is None)
    if level is not None:
        assert logs.log.level == level
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(told := io.StringIO())
        logs.log.warning("words")
        assert told.getvalue() == "[dynagrad.compiler] words\n"


def test_the_variable_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNAGRAD_LOG", "compiler")
    program = "import dynagrad as t\nf = t.compile(lambda x: x + 1)\nf(t.ones(2)); f(t.ones(2))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "[dynagrad.compiler] <lambda>: recorded" in done.stderr
