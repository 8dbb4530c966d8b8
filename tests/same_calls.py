"""What parity tests share: one call, written once as text, evaluated in both libraries."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import dynagrad
from dynagrad.autograd.differentiate import grad as our_grad
from dynagrad.core.dtype import BY_NAME
from dynagrad.core.tensor import Tensor, wrap

torch = pytest.importorskip("torch")

inf, nan = float("inf"), float("nan")


def _tensor(value, dtype=None):
    """A tensor of a list: float32 or int64 unless a dtype is given."""
    array = np.array(value, None if dtype is None else dtype.numpy)
    return wrap(array.astype(np.float32) if dtype is None and array.dtype == np.float64 else array)


#: dynagrad under the name T of the calls
OURS = SimpleNamespace(**(vars(dynagrad) | BY_NAME))
OURS.tensor = _tensor


def both(call, array, requires_grad=False):
    """Results (or exceptions) of `call`, an expression in x and T, in both libraries."""
    x, y = wrap(np.array(array)), torch.from_numpy(np.array(array))
    if requires_grad:
        x.requires_grad = True
        y.requires_grad_()
    outcomes = []
    for t, module in ((x, OURS), (y, torch)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcomes.append(eval(call, {"x": t, "T": module, "inf": inf, "nan": nan}))
            except Exception as error:
                outcomes.append(error)
    return x, y, *outcomes


def listed(result):
    return list(result) if isinstance(result, tuple | list) else [result]


def as_array(t):
    return t._a if isinstance(t, Tensor) else t.detach().numpy(force=True)


def assert_same(ours, theirs, rtol=None, where=""):
    """Same shape, dtype and, within the dtype's tolerance, values."""
    a, b = as_array(ours), as_array(theirs)
    assert a.dtype == b.dtype, where
    assert a.shape == b.shape, where
    tolerance = {"float16": 1e-3, "float32": 2e-6, "complex64": 2e-6}.get(a.dtype.name, 1e-12)
    np.testing.assert_allclose(
        a, b, rtol=tolerance if rtol is None else rtol, atol=tolerance, err_msg=where
    )


def node_name(t):
    return type(t.grad_fn).__name__


def random_like(t, rng):
    return np.asarray(rng.standard_normal(tuple(t.shape))).astype(as_array(t).dtype)


def gradients(x, y, ours, theirs, order, rng, strict):
    """Pairs of first (and second) derivatives of a weighted sum of each result."""
    found = []
    keep = {"retain_graph": True, "allow_unused": True}
    for ours_part, theirs_part in zip(listed(ours), listed(theirs), strict=True):
        if not theirs_part.requires_grad:
            assert not ours_part.requires_grad
            continue
        w = random_like(theirs_part, rng)
        create = order > 1
        (a,) = our_grad(ours_part, x, wrap(w), create_graph=create, **keep)
        (b,) = torch.autograd.grad(theirs_part, y, torch.from_numpy(w), create_graph=create, **keep)
        found.append((a, b))
        if not create or b is None:
            continue
        assert a.requires_grad == b.requires_grad or (a.requires_grad and not strict)
        if b.requires_grad:
            v = random_like(y, rng)
            (c,) = our_grad(a, x, wrap(v), **keep)
            (d,) = torch.autograd.grad(b, y, torch.from_numpy(v), **keep)
            found.append((c, d))
    return found


def check(call, array, *, order=2, rtol=None, strict=True):
    """Values, dtypes, shapes, grad_fn names and derivatives up to `order` agree.

    strict: a first derivative requires grad only where PyTorch's does.
    """
    differentiates = array.dtype.kind in "fc" and order > 0
    x, y, ours, theirs = both(call, array, requires_grad=differentiates)
    if isinstance(ours, Exception):
        raise ours
    assert not isinstance(theirs, Exception), theirs
    assert len(listed(ours)) == len(listed(theirs))
    for a, b in zip(listed(ours), listed(theirs), strict=True):
        assert_same(a, b, rtol, call)
        assert node_name(a) == node_name(b), call
    if not differentiates:
        return
    for a, b in gradients(x, y, ours, theirs, order, np.random.default_rng(7), strict):
        if a is None or b is None:
            assert all(t is None or not as_array(t).any() for t in (a, b))
        else:
            assert_same(a, b, None if rtol is None else 10 * rtol, f"derivative of {call}")


def check_error(call, array):
    """Both raise, of one type; returns our text and PyTorch's."""
    _, _, ours, theirs = both(call, array)
    assert isinstance(theirs, Exception), call
    assert isinstance(ours, type(theirs)), f"{call}: {ours!r} instead of {theirs!r}"
    return str(ours), str(theirs)
