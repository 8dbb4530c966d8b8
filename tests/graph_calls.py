"""What parity tests of products and losses share: calls of several tensors, compared with PyTorch.

A call is an expression in T (torch), F (torch.nn.functional), L (torch.linalg) and named tensors.
"""

import warnings

import numpy as np
import pytest
from same_calls import as_array, listed, random_like

import dynagrad
import dynagrad.linalg
import dynagrad.nn.functional
from dynagrad.autograd.differentiate import grad as our_grad
from dynagrad.core.tensor import wrap

torch = pytest.importorskip("torch")

TOLERANCE = {"float16": 2e-3, "float32": 3e-6, "complex128": 1e-11, "float64": 1e-11}


def modules(ours):
    if ours:
        return {"T": dynagrad, "F": dynagrad.nn.functional, "L": dynagrad.linalg}
    return {"T": torch, "F": torch.nn.functional, "L": torch.linalg}


def graph(node):
    """A node and all below it by name: Mul(Acc, None)."""
    if node is None:
        return "None"
    name = node.name().rsplit("::", 1)[-1]
    if name == "AccumulateGrad":
        return "Acc"
    below = ", ".join(graph(n) for n, _ in node.next_functions)
    return f"{name.replace('Backward', '')}({below})"


def floating(array):
    return array.dtype.kind in "fc"


def evaluate(call, arrays, fixed, ours):
    """The call's result, and its tensors that require a gradient."""
    tensors = {}
    for name, array in arrays.items():
        t = wrap(np.array(array)) if ours else torch.from_numpy(np.array(array))
        if floating(array) and name not in fixed:
            t.requires_grad_()
        tensors[name] = t
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = eval(call, {**modules(ours), "inf": float("inf"), **tensors})
    return result, [t for t in tensors.values() if t.requires_grad]


def assert_close(ours, theirs, what, loose=1):
    a, b = as_array(ours), as_array(theirs)
    assert a.dtype == b.dtype, what
    assert a.shape == b.shape, what
    tolerance = TOLERANCE.get(a.dtype.name, 0) * loose
    scale = 1 + (np.abs(b[np.isfinite(b)]).max(initial=0) if b.size else 0)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def weights(t, seed):
    return random_like(t, np.random.default_rng(seed))


def check(call, fixed=(), *, order=2, loose=1, nodes="all", **arrays):
    """Values, dtypes, the graph's names ("all", "top" or "none") and derivatives agree."""
    ours, x = evaluate(call, arrays, fixed, True)
    theirs, y = evaluate(call, arrays, fixed, False)
    assert len(listed(ours)) == len(listed(theirs))
    for number, (a, b) in enumerate(zip(listed(ours), listed(theirs), strict=True)):
        assert_close(a, b, f"value {number} of {call}", loose)
        assert a.requires_grad == b.requires_grad, call
        if not b.requires_grad:
            continue
        if nodes == "all":
            assert graph(a.grad_fn) == graph(b.grad_fn), call
        elif nodes == "top":
            assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__, call
    pairs = [p for p in zip(listed(ours), listed(theirs), strict=True) if p[1].requires_grad]
    if pairs and order:
        check_derivatives(call, pairs, x, y, order, loose)


def check_derivatives(call, pairs, x, y, order, loose):
    keep = {"retain_graph": True, "allow_unused": True, "create_graph": order > 1}
    w = [weights(b, 1) for _, b in pairs]
    ours = our_grad([a for a, _ in pairs], x, [wrap(v) for v in w], **keep)
    theirs = torch.autograd.grad([b for _, b in pairs], y, [torch.from_numpy(v) for v in w], **keep)
    firsts = []
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert (a is None) == (b is None), f"gradient {number} of {call}"
        if b is not None:
            assert_close(a, b, f"gradient {number} of {call}", 4 * loose)
            firsts.append((a, b))
    seconds = [(a, b) for a, b in firsts if b.requires_grad]
    if order < 2 or not seconds:
        return
    keep["create_graph"] = False
    flat = [b for a, b in seconds if not a.requires_grad]
    if flat:  # PyTorch records steps whose second derivative is 0 everywhere
        ones = [torch.ones_like(b) for b in flat]
        zeros = torch.autograd.grad(flat, y, ones, **keep)
        assert all(t is None or not t.any() for t in zeros), call
    seconds = [(a, b) for a, b in seconds if a.requires_grad]
    if not seconds:
        return
    v = [weights(b, 2) for _, b in seconds]
    ours = our_grad([a for a, _ in seconds], x, [wrap(u) for u in v], **keep)
    theirs = torch.autograd.grad(
        [b for _, b in seconds], y, [torch.from_numpy(u) for u in v], **keep
    )
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a is None or b is None:
            assert all(t is None or not as_array(t).any() for t in (a, b)), call
        else:
            assert_close(a, b, f"second derivative {number} of {call}", 20 * loose)


def check_error(call, **arrays):
    """Both raise the same type; returns our text and PyTorch's."""
    texts = []
    for ours in (True, False):
        with pytest.raises(Exception) as caught:
            evaluate(call, arrays, tuple(arrays), ours)
        texts.append((type(caught.value), str(caught.value)))
    (kind, ours), (expected, theirs) = texts
    assert kind.__name__.strip("_") == expected.__name__.strip("_"), (ours, theirs)
    return ours, theirs
