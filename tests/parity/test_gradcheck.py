"""gradcheck and gradgradcheck next to PyTorch's: the verdict and the words, on right and wrong
functions.
"""

import re
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from scenario import first_sentence

import dynagrad as dg

torch = pytest.importorskip("torch")

#: functions with a backward of their own: what it returns for x * x
BACKWARDS = {
    "Right": "2 * g * x.conj()",
    "Factor": "3 * g * x",
    "Constant": "3 * g",
    "Shape": "t.ones(7, dtype=t.float64)",
    "Dtype": "(2 * g * x).float()",
    "Random": "2 * g * x + t.rand_like(g) * 1e-7",
    "Missing": "None",
    "NotConjugated": "2 * g * x",
    "WithoutG": "2 * x",
    "NotLinear": "2 * x * (g * 0 + 1) * (g != 0)",
    "Raises": "1 / 0",
    "Cut": "2 * g * x.detach()",
}


def functions(t: Any) -> SimpleNamespace:
    """The functions of BACKWARDS, and others, in one of the libraries."""
    made = SimpleNamespace()
    for name, text in BACKWARDS.items():

        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        def backward(ctx, g, text=text):
            return eval(text, {"t": t, "g": g, "x": ctx.saved_tensors[0]})

        members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
        setattr(made, name, type(name, (t.autograd.Function,), members).apply)

    class Undefined(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x)
            return x * x, x * 3

        @staticmethod
        def backward(ctx, g, h):
            return 2 * ctx.saved_tensors[0] * g + 3 * h

    class Ones(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return t.ones_like(x) if g is None else 2 * x * g

    class Careful(Ones):
        @staticmethod
        def backward(ctx, g):
            return None if g is None else 2 * ctx.saved_tensors[0] * g

    for own in (Undefined, Ones, Careful):
        setattr(made, own.__name__, own.apply)
    return made


#: x, y: float64; z: complex128; K: fast_mode and, in some calls, more
CHECKS = [
    *(f"gradcheck(f.{name}, (x,), **K)" for name in (*BACKWARDS, "Undefined", "Ones", "Careful")),
    *(f"gradcheck(f.{name}, (z,), **K)" for name in ("Right", "NotConjugated", "Missing")),
    *"""
gradcheck(f.Dtype, (x,), check_grad_dtypes=True, **K)
gradcheck(f.Random, (x,), nondet_tol=1e-3, **K)
gradcheck(f.Ones, (x,), check_undefined_grad=False, **K) | gradcheck(lambda q: q.abs(), (z,), **K)
gradcheck(lambda q: t.complex(q, q * q), (x,), **K)
gradcheck(lambda q: f.Constant(q).real, (z,), **K)
gradcheck(lambda q: t.complex(q, f.Constant(q)), (x,), **K) | gradcheck(t.sin, (x.detach(),), **K)
gradcheck(lambda q: q * 2, (t.ones(1, dtype=t.float64, requires_grad=True).expand(3),), **K)
gradcheck(lambda q: q * 2, (t.ones(2, requires_grad=True),), **K)
gradcheck(lambda q: q.detach(), x, **K) | gradcheck(lambda q: t.ones(2, dtype=t.float64), (x,), **K)
gradcheck(lambda q: (q * 2, q.argmax()), x, **K) | gradcheck(lambda q: 3, (x,), **K)
gradcheck(lambda q: [q * 2, q * 3], [x], **K) | gradcheck(lambda q, k: q * k, (x, 3), **K)
gradcheck(lambda q, k: q * k, (x, t.arange(3)), **K)
gradcheck(lambda q: q * 2, (t.ones(0, dtype=t.float64, requires_grad=True),), **K)
gradcheck(lambda q: q.mul_(2), (x,), **K) | gradcheck(lambda q: q.clone().mul_(2), (x,), **K)
gradcheck(lambda q: (q.data.mul_(1.0001), q * q)[1], (x.detach().clone().requires_grad_(),), **K)
gradcheck(f.Factor, (x,), raise_exception=False, **K)
gradcheck(f.Raises, (x,), raise_exception=False, **K)
gradcheck(t.sin, (x.detach(),), raise_exception=False, **K) | gradcheck(3, (x,), **K)
gradcheck(lambda q: q * 2, (x,), check_backward_ad=False, **K) | gradcheck(lambda q: q, (x,), **K)
gradcheck(t.sin, (x,), check_batched_forward_grad=True, **K)
gradcheck(lambda q: q.view(3, 1), (x,), **K)
gradcheck(t.sin, (x,), check_batched_grad=True, check_backward_ad=False, check_forward_ad=True, **K)
gradcheck(lambda q: q * q, (x * 1,), **K) | gradcheck(lambda q: q * float("nan"), (x,), **K)
gradcheck(lambda q: q * float("inf"), (x,), **K) | gradcheck(lambda q, r: (q * 2,), (x, y), **K)
gradcheck(lambda q: t.cat([q, q[q > 1]]), (x,), **K) | gradcheck(lambda a, b: a * b, (x, x), **K)
gradcheck(t.sin, (x,), check_forward_ad=True, **K)
gradcheck(t.sin, (z,), check_forward_ad=True, **K)
gradcheck(t.sin, (x,), check_batched_grad=True, **K)
gradcheck(t.mul, (x, y), check_forward_ad=True, **K)
gradcheck(t.mul, (x, y), **ALL, **K)
gradcheck(lambda q: q * q.sum().item(), x, check_batched_grad=True, **K)
gradcheck(lambda q: q.detach() * q, (x,), check_forward_ad=True, check_backward_ad=False, **K)
gradcheck(lambda q: q.detach() * q, (x,), check_forward_ad=True, **K)
gradcheck(lambda q: q.abs(), (z,), check_forward_ad=True, check_backward_ad=False, **K)
gradgradcheck(t.sin, (x,), **K) | gradgradcheck(f.Right, (x,), **K)
gradgradcheck(f.Right, (z,), **K) | gradgradcheck(f.Cut, (x,), (y,), **K)
gradgradcheck(f.Cut, (x,), raise_exception=False, **K) | gradgradcheck(t.sin, (x,), y, **K)
gradgradcheck(t.sin, (x,), (y.detach(),), **K)
gradgradcheck(t.sin, (x,), gen_non_contig_grad_outputs=True, **K)
gradgradcheck(lambda q: q * 3, x, **K) | gradgradcheck(t.sin, (x.detach(),), **K)
gradgradcheck(lambda q, r: (q * r, q.sin()), (x, y), **K)
gradgradcheck(lambda q, r: q.sin(), (x, y), **K) | gradgradcheck(t.sin, (z,), **K)
gradgradcheck(t.sin, (x,), check_fwd_over_rev=True, check_rev_over_rev=False, **K)
gradgradcheck(t.sin, (x,), check_rev_over_rev=False, **K)
gradgradcheck(t.sin, (x,), check_batched_grad=True, **K)
gradgradcheck(t.sin, (x,), check_fwd_over_rev=True, **K) | gradgradcheck(t.sin, (x,), (x, x), **K)
gradgradcheck(t.sin, (x,), **OVER, **K)
""".strip()
    .replace("\n", " | ")
    .split(" | "),
]


def outcome(t: Any, call: str, fast: bool) -> tuple:
    """(verdict or name of the error, its text, the warnings' first sentences)."""
    d = t.float64
    names = {
        "t": t,
        "f": functions(t),
        "x": t.tensor([1.0, 2.0, 3.0], dtype=d, requires_grad=True),
        "y": t.tensor([0.5, -1.0, 2.0], dtype=d, requires_grad=True),
        "z": t.tensor([1 + 1j, 2 - 1j], dtype=t.complex128, requires_grad=True),
        "K": {"fast_mode": fast},
        "ALL": dict.fromkeys(
            ("check_forward_ad", "check_batched_forward_grad", "check_batched_grad"), True
        ),
        "OVER": {
            "check_fwd_over_rev": True,
            "check_rev_over_rev": False,
            "check_undefined_grad": False,
        },
        "gradcheck": t.autograd.gradcheck,
        "gradgradcheck": t.autograd.gradgradcheck,
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            verdict = eval(call, names), ""
        except Exception as error:
            verdict = type(error).__name__, str(error)
    said = [str(w.message) for w in caught]
    ours = ("Input #", "Backwards compatibility")
    return (*verdict, sorted({first_sentence(w) for w in said if w.startswith(ours)}))


@pytest.mark.parity
@pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])
@pytest.mark.parametrize("call", CHECKS)
def test_as_pytorch(call: str, fast: bool) -> None:
    theirs, ours = outcome(torch, call, fast), outcome(dg, call, fast)
    assert (ours[0], ours[2]) == (theirs[0], theirs[2]), f"{ours}\nPyTorch: {theirs}"
    beginning = theirs[1].strip()
    if ours[0] == "GradcheckError" and "mismatch" in beginning:
        # zeros of differences have either sign; PyTorch's advice on its own test suite is not ours
        theirs_words = beginning.split("If you are adding a new operator")[0]
        words, expected = (
            re.sub(r"(\.\d{8})\d+", r"\1", text.replace("-0", " 0")).split()
            for text in (ours[1], theirs_words)
        )
        assert words[: len(expected)] == expected
    else:
        assert first_sentence(ours[1]).startswith(first_sentence(beginning).split(". ")[0][:80])
