"""One compiled function in several threads: its memory is used by one at a time."""

import threading

import pytest

pytest.importorskip("llvmlite")

import dynagrad as torch  # noqa: E402


def in_threads(work, count: int = 4) -> None:
    """Run `work(number)` in several threads, and raise what one of them raises."""
    failures = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - is raised below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_results_do_not_mix() -> None:
    f = torch.compile(lambda x: (x @ x.T).softmax(1).sum(0).exp())
    inputs = [torch.full((40, 40), 0.01 * (n + 1)) + torch.eye(40) * n for n in range(4)]
    expected = [f.function(x) for x in inputs]
    f(inputs[0])

    def work(n: int) -> None:
        for i in range(200):
            torch.testing.assert_close(f(inputs[n]), expected[n])
            if n == 0 and i % 50 == 0:
                f.explain(measure=i == 50)

    in_threads(work)
    assert f.explain().courses[0].runs >= 800


def test_backward_passes_do_not_mix() -> None:
    f = torch.compile(lambda x: (x @ x.T).softmax(1).exp().sum(0))
    inputs = [torch.randn(40, 40, requires_grad=True) for _ in range(4)]
    expected = [torch.autograd.grad(f.function(x).sin().sum(), x)[0] for x in inputs]
    for _ in range(2):
        f(inputs[0]).sum().backward()

    def work(n: int) -> None:
        for _ in range(100):
            (g,) = torch.autograd.grad(f(inputs[n]).sin().sum(), inputs[n])
            torch.testing.assert_close(g, expected[n], rtol=1e-4, atol=1e-5)

    in_threads(work)


def test_a_busy_course_is_left_alone_by_the_gate() -> None:
    f = torch.compile(lambda x: x * 2 + 1)
    x = torch.ones(50)
    for _ in range(5):
        f(x)
    (variant,) = f.variants
    if variant.course is None or not variant.course.usable:
        pytest.skip("no gate here")
    before = variant.course.runs
    with variant.alone():
        assert torch.equal(f(x), x * 2 + 1)
        assert variant.course.runs == before
