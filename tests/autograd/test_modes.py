"""no_grad, enable_grad, set_grad_enabled, inference_mode: nested, as decorators, on generators."""

import pytest

import dynagrad as dg

MODES = {
    "no_grad": (lambda: dg.no_grad(), False),
    "enable_grad": (lambda: dg.enable_grad(), True),
    "set_grad_enabled(False)": (lambda: dg.set_grad_enabled(False), False),
    "set_grad_enabled(True)": (lambda: dg.set_grad_enabled(True), True),
    "inference_mode": (lambda: dg.inference_mode(), False),
    "inference_mode(False)": (lambda: dg.inference_mode(False), True),
}
each_mode = pytest.mark.parametrize(("mode", "enabled"), MODES.values(), ids=MODES.keys())


def records() -> bool:
    """Whether an operation is recorded now."""
    recorded = (dg.ones(1, requires_grad=True) * 2).requires_grad
    assert recorded == dg.is_grad_enabled()
    return recorded


@each_mode
def test_with(mode, enabled: bool) -> None:
    with mode():
        assert records() is enabled
        with dg.no_grad():
            assert not records()
        assert records() is enabled
    assert records()


@each_mode
def test_restored_after_an_error(mode, enabled: bool) -> None:
    with pytest.raises(KeyError), mode():
        raise KeyError
    assert records()

    @mode()
    def fails():
        raise KeyError(records())

    with pytest.raises(KeyError, match=str(enabled)):
        fails()
    assert records()


@each_mode
def test_decorator(mode, enabled: bool) -> None:
    @mode()
    def f(a, *, b=1):
        """Text."""
        return records(), a, b

    assert records(), "decorating changes nothing"
    assert f(2, b=3) == (enabled, 2, 3)
    assert (f.__name__, f.__doc__) == ("f", "Text.")
    with dg.no_grad():
        assert f(0)[0] is enabled
        assert not records()


@pytest.mark.parametrize("mode", [dg.no_grad, dg.enable_grad, dg.inference_mode])
def test_decorator_without_parentheses(mode) -> None:
    @mode
    def f():
        return records()

    assert f() is (mode is dg.enable_grad)


def test_methods() -> None:
    class Model:
        @dg.no_grad()
        def run(self, x):
            return (self, records(), x)

    model = Model()
    assert model.run(1) == (model, False, 1)


@each_mode
def test_generators_keep_the_mode_to_themselves(mode, enabled: bool) -> None:
    log = []

    @mode()
    def numbers():
        log.append(records())
        try:
            got = yield 1
            log.append((records(), got))
        except ValueError:
            log.append((records(), "caught"))
        try:
            yield 2
        finally:
            log.append(records())

    generator = numbers()
    assert next(generator) == 1 and records()
    assert generator.send("sent") == 2 and records()
    generator.close()
    assert log == [enabled, (enabled, "sent"), enabled] and records()
    log.clear()
    generator = numbers()
    next(generator)
    assert generator.throw(ValueError) == 2 and records()
    assert log == [enabled, (enabled, "caught")]


def test_generator_returns() -> None:
    @dg.no_grad()
    def numbers():
        yield 1
        return "done"

    def outer():
        result = yield from numbers()
        yield result

    assert list(outer()) == [1, "done"]


def test_one_object_may_nest() -> None:
    mode = dg.no_grad()
    with mode:
        with mode:
            assert not records()
        assert not records()
    assert records()


def test_set_grad_enabled_as_a_statement() -> None:
    dg.set_grad_enabled(False)
    try:
        assert not records()
    finally:
        dg.set_grad_enabled(True)
    assert records()


def test_inference_mode_is_told() -> None:
    with dg.inference_mode():
        assert dg.is_inference_mode_enabled()
        with dg.inference_mode(False):
            assert records() and not dg.is_inference_mode_enabled()
    assert not dg.is_inference_mode_enabled()


def test_leaves_may_be_made_in_any_mode() -> None:
    with dg.no_grad():
        x = dg.ones(2, requires_grad=True)
        assert x.requires_grad
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_backward_runs_in_its_own_mode() -> None:
    x = dg.ones(2, requires_grad=True)
    y = (x * x).sum()
    with dg.no_grad():
        y.backward(retain_graph=True)
        assert not x.grad.requires_grad
        (g,) = dg.autograd.grad(y, x, create_graph=True)
        assert g.requires_grad and not dg.is_grad_enabled()
