"""What the tests of torch.distributions share: a distribution made on both libraries, comparing."""

import warnings

import numpy as np
import pytest
from distribution_samples import Sample

import dynagrad

torch = pytest.importorskip("torch")


def made(lib, sample: Sample, grad: bool = False):
    """The distribution and its parameters, the names of `sample.call`."""
    # float64 is more than PyTorch's generalized Pareto distribution takes
    dtype = lib.float32 if sample.name == "GeneralizedPareto" else lib.float64
    names = {
        name: lib.tensor(value, dtype=dtype, requires_grad=grad)
        for name, value in sample.params.items()
    }
    space = {"d": lib.distributions, "t": lambda x: lib.tensor(x, dtype=lib.float64), **names}
    return eval(f"d.{sample.name}({sample.call})", space), list(names.values())


def array(x) -> np.ndarray:
    """A tensor's values."""
    x = x.detach()
    return np.asarray((x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy())


def check(ours, theirs, rtol: float = 1e-7, atol: float = 1e-10) -> None:
    """The same shape, dtype and values, or both no tensors and equal."""
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    single = theirs.dtype == torch.float32
    rtol, atol = (max(rtol, 2e-6), max(atol, 1e-6)) if single else (rtol, atol)
    np.testing.assert_allclose(array(ours), array(theirs), rtol=rtol, atol=atol)


def both(f):
    """What `f` gives for the two libraries, ours first; the type of an error counts as a value."""
    results = []
    for lib in (dynagrad, torch):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", "Singular sample")  # by PyTorch for any
                results.append(f(lib))
        except Exception as error:  # compared by the caller
            results.append(error)
    return results


def same(f, rtol: float = 1e-7, atol: float = 1e-10) -> bool:
    """Compare `f` of the two libraries; True if it has a value, False if both refuse."""
    ours, theirs = both(f)
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), ours
        return False
    if isinstance(ours, Exception):
        raise ours
    for a, b in zip(*(x if isinstance(x, list) else [x] for x in (ours, theirs)), strict=True):
        if isinstance(b, torch.Tensor):
            check(a, b, rtol, atol)
        elif b is None or isinstance(b, bool | int | float | str):
            assert a == b
        else:
            assert str(a) == str(b)
    return True
