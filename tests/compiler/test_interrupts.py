"""Interrupts while a call is recorded: whatever the instant, nothing stays behind."""

import sys
from types import CodeType
from typing import Any

import pytest
from numpy import ndarray

pytest.importorskip("llvmlite")

import dynagrad as torch  # noqa: E402
from dynagrad.compiler.recording import session as sessions  # noqa: E402
from dynagrad.compiler.recording.session import STATEFUL, Session, recording  # noqa: E402
from dynagrad.core import watch  # noqa: E402
from dynagrad.core.tensor import Tensor  # noqa: E402
from dynagrad.nn.modules.hooks import _global_forward_pre_hooks  # noqa: E402
from dynagrad.optim.optimizer import _global_post_hooks, _global_pre_hooks  # noqa: E402

#: an interrupt comes where a Python function begins or one of C has returned, but a generator that
#: is closed begins nothing, and one that comes before a block ends is not in the block
OUTSIDE = {"_recording", "__exit__"}


def world() -> tuple:
    """What a recording takes over while it lasts."""
    hooks = (_global_forward_pre_hooks, _global_post_hooks, _global_pre_hooks)
    return (
        *(Tensor.__dict__[name] for name in ("_a", "_g")),
        *(kind.__dict__.get("__setattr__") for kind in STATEFUL),
        *(list(held) for held in (*hooks, watch.everywhere, watch._general, watch._watching)),
        *(set(watch.PLAIN), set(watch.overriding), watch.watchers.get()),
        *(sessions.session_here.get(), sessions.recorded.get()),
    )


def codes(*owners: Any) -> set[CodeType]:
    found = [f for owner in owners for f in vars(owner).values()]
    return {f.__code__ for f in found if hasattr(f, "__code__")}


def interrupted(at: int) -> bool:
    """Record, with an interrupt at some instant of the recording's own code; whether it came."""
    ours = codes(sessions, Session, recording, watch)
    left = at

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal left
        code = frame.f_code
        begins = event == "call" and code.co_name not in OUTSIDE
        if code in ours and (begins or event == "c_return"):
            left -= 1
            if left < 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

    x, before = torch.ones(3), sys.getprofile()
    y = None
    sys.setprofile(profile)
    try:
        with recording(frozenset()):
            y = (x * 2).sum()
    except KeyboardInterrupt:
        assert type(sessions.payload(x)) is ndarray
        assert y is None or y.item() == 6
        return True
    finally:
        sys.setprofile(before)
    return False


def courses() -> int:
    f = torch.compile(lambda x: (x * 2).sum())
    for _ in range(3):
        assert f(torch.ones(3)).item() == 6
    return len(f.explain().courses)


def test_an_interrupt_at_each_instant_of_a_recording_leaves_nothing_behind() -> None:
    assert courses() == 1
    expected, at = world(), 0
    while interrupted(at):
        assert world() == expected, f"at instant {at}"
        at += 1
    assert world() == expected
    assert at > 80
    assert courses() == 1


def test_further_interrupts_while_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, raised = world(), []

    def again(session: Session) -> None:
        if len(raised) < 3:
            raised.append(KeyboardInterrupt(len(raised)))
            raise raised[-1]
        finish(session)

    finish = Session.finish
    monkeypatch.setattr(Session, "finish", again)
    with pytest.raises(KeyboardInterrupt), recording(frozenset()):
        torch.ones(3).sum()
    monkeypatch.undo()
    assert len(raised) == 3
    assert world() == expected
    assert courses() == 1
