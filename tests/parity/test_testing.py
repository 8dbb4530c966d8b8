"""assert_close and make_tensor: the same verdicts and the same texts as PyTorch's."""

import numpy as np
import pytest
from side_by_side import assert_same, outcome

import dynagrad

torch = pytest.importorskip("torch")

GIVEN = """
import torch.testing
close, make, t = torch.testing.assert_close, torch.testing.make_tensor, torch.tensor
nan, inf = float('nan'), float('inf')
"""
GIVEN_OURS = GIVEN.replace("import torch.testing", "")

VERDICTS = """
close(t([1., 2., 3.]), t([1., 2.5, 4.]))
close(t([1., 2.]), t([1., 2. + 1e-6]))
close(t([1., 2.]), t([1., 2. + 1e-5]))
close(t(1.), t(2.))
close(t([1, 2]), t([1, 3]))
close(t([[1., 2.], [3., 4]]), t([[1., 2.], [3., 5]]), rtol=0, atol=0)
close(t([1., 2]), t([1., 2], dtype=torch.float64))
close(t([1., 2]), t([1., 2], dtype=torch.float64), check_dtype=False)
close(t([1., 2]), t([[1., 2]]))
close(t([1., 2]), np.array([1., 2]))
close(1.0, 1.1)
close(1, 2)
close(1, 1.0)
close(1, 1.0, check_dtype=False)
close(True, False)
close(1j, 2j)
close(nan, nan)
close(nan, nan, equal_nan=True)
close([1., 2.], [1., 3.])
close([1., 2.], [1.])
close({'a': 1., 'b': t([1.])}, {'a': 1., 'b': t([2.])})
close({'a': 1.}, {'b': 1.})
close([[1., 2.], [3.]], [[1., 2.], [4.]])
close(t([nan]), t([nan]))
close(t([nan, 1.]), t([nan, 1.]), equal_nan=True)
close(t([inf, -inf]), t([inf, -inf]))
close(t([inf]), t([1.]))
close(t([1.]), t([2.]), msg="hello")
close(t([1.]), t([2.]), msg=lambda text: "X " + text)
close(t([1.]), t([2.]), rtol=1)
close("a", "a")
close(None, None)
close(None, 1)
close(t([1.]), None)
close(t([True]), t([False]))
close(torch.ones(2, 3), torch.ones(3, 2).t(), check_stride=True)
close(np.array([1.]), np.array([2.]))
close(np.array([1.]), [1.])
close(t([1.], dtype=torch.float16), t([1.01], dtype=torch.float16))
close(t([]), t([]))
close(t([1j]), t([1.00001j]))
close(torch.zeros(3), t([1., 0, 0]))
close(1.0, t(1.0))
close((1, 2), [1, 2])
close({1: 2}, [2])
make((2, 3), dtype=torch.float32, device='cpu')
make(2, 3, dtype=torch.int64, device='cpu', low=-3, high=4)
make(2, 3, dtype=torch.bool, device='cpu')
make(2, dtype=torch.complex64, device='cpu', requires_grad=True)
make(40, dtype=torch.int8, device='cpu', exclude_zero=True)
make(2, 3, dtype=torch.float32, device='cpu', noncontiguous=True)
make(4, dtype=torch.uint8, device='cpu', high=5)
make(4, dtype=torch.float64, device='cpu', low=0, high=1)
"""


@pytest.mark.parametrize("expression", VERDICTS.strip().splitlines())
def test_as_pytorch(expression: str) -> None:
    reference = outcome(torch, expression, GIVEN)
    found = outcome(dynagrad, expression, GIVEN_OURS)
    assert_same(reference, found)
    if reference.get("error") == "AssertionError":
        assert found["text"] == reference["text"]


def test_tolerances_of_each_dtype(rng: np.random.Generator) -> None:
    """Both accept and refuse the same small differences."""
    verdicts = set()
    for name in ("float16", "float32", "float64", "complex64", "complex128"):
        for exponent in rng.uniform(-9, -1, 30).tolist():
            expression = (
                f"close(t([1.], dtype=torch.{name}), t([1. + 10 ** {exponent}], "
                f"dtype=torch.{name}))"
            )
            reference = outcome(torch, expression, GIVEN)
            assert_same(reference, outcome(dynagrad, expression, GIVEN_OURS))
            verdicts.add("error" in reference)
    assert verdicts == {True, False}
