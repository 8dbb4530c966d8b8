"""Special functions against values of M. Abramowitz and I. A. Stegun, Handbook of Mathematical
Functions (1964), and of exact sums.
"""

import math

import numpy as np
import pytest

import dynagrad as torch
from dynagrad import special


def value(function, *args) -> float:
    return function(*(torch.tensor(a, dtype=torch.float64) for a in args)).item()


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (special.i0, (1.0,), 1.266065877752008),  # table 9.8
        (special.i0e, (100.0,), 0.03994437929909669),
        (special.i1, (-1.0,), -0.5651591039924851),
        (special.i1e, (10.0,), 0.12126268138445551),
        (special.spherical_bessel_j0, (1.0,), 0.8414709848078965),
        (special.spherical_bessel_j0, (1e-3,), 0.9999998333333416),
        (special.erfcx, (10.0,), 0.05614099274382259),  # 7.1.23
        (special.erfcx, (-1.0,), 5.00898008076228347),
        (special.ndtr, (-10.0,), 7.61985302416052606e-24),  # table 26.2
        (special.log_ndtr, (-100.0,), -5005.5242086942050),
        (special.ndtri, (0.975,), 1.959963984540054),
        (special.ndtri, (1e-300,), -37.0470962993612),
        (special.zeta, (2.0, 1.0), math.pi**2 / 6),  # 23.2.24
        (special.zeta, (2.0, -0.5), 4 + math.pi**2 / 2),
        (special.zeta, (1.5, 1.0), 2.612375348685488),
        (special.entr, (0.5,), 0.5 * math.log(2)),
        (special.chebyshev_polynomial_t, (0.5, 3.0), -1.0),  # table 22.3
        (special.chebyshev_polynomial_u, (2.0, 4.0), 209.0),
        (special.chebyshev_polynomial_t, (0.25, 40.0), math.cos(40 * math.acos(0.25))),
        (special.chebyshev_polynomial_v, (-1.0, 3.0), -7.0),
        (special.shifted_chebyshev_polynomial_w, (0.0, 5.0), -1.0),
        (special.hermite_polynomial_h, (2.0, 3.0), 40.0),  # 8 x^3 - 12 x
        (special.hermite_polynomial_he, (2.0, 4.0), -5.0),  # x^4 - 6 x^2 + 3
        (special.laguerre_polynomial_l, (2.0, 3.0), -1 / 3),
        (special.legendre_polynomial_p, (0.5, 2.0), -0.125),
        (special.legendre_polynomial_p, (-1.0, 7.0), -1.0),
    ],
)
def test_literature(function, args, expected):
    assert value(function, *args) == pytest.approx(expected, rel=1e-13)


def test_polygamma_below_zero():
    found = special.polygamma(2, torch.tensor(-1.5, dtype=torch.float64)).item()
    above = special.polygamma(2, torch.tensor(1.5, dtype=torch.float64)).item()
    recurrence = above - 2 * sum((k - 1.5) ** -3 for k in range(3))  # 6.4.6
    assert found == pytest.approx(recurrence, rel=1e-13)


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (special.bessel_j0, (1.0,), 0.7651976865579666),  # table 9.1
        (special.bessel_j1, (2.0,), 0.5767248077568734),
        (special.bessel_y0, (1.0,), 0.08825696421567697),
        (special.bessel_y1, (1.0,), -0.7812128213002887),
        (special.modified_bessel_k0, (1.0,), 0.42102443824070834),
        (special.modified_bessel_k1, (1.0,), 0.6019072301972346),
        (special.scaled_modified_bessel_k0, (10.0,), 0.39163193443659866),
        (special.airy_ai, (1.0,), 0.13529241631288141),  # table 10.11
        (special.gammainc, (2.0, 1.0), 1 - 2 / math.e),  # 6.5.13
        (special.gammaincc, (1.0, 30.0), math.exp(-30)),
    ],
)
def test_literature_through_scipy(function, args, expected):
    pytest.importorskip("scipy")
    assert value(function, *args) == pytest.approx(expected, rel=1e-13)


def test_ends():
    x = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan], dtype=torch.float64)
    inf, nan = math.inf, math.nan
    for function, expected in (
        (special.erfcx, [1, 1, 0, inf, nan]),
        (special.log_ndtr, [-math.log(2), -math.log(2), 0, -inf, nan]),
        (special.ndtr, [0.5, 0.5, 1, 0, nan]),
        (special.entr, [0, 0, -inf, -inf, nan]),
        (special.i0e, [1, 1, 0, 0, nan]),
        (special.spherical_bessel_j0, [1, 1, 0, 0, nan]),
    ):
        np.testing.assert_allclose(function(x).numpy(), expected, rtol=1e-15)


def test_degrees_broadcast_and_are_cut():
    x = torch.tensor([[0.3], [2.0]], dtype=torch.float64)
    n = torch.tensor([-1.0, 0.0, 1.9, 2.0], dtype=torch.float64)
    found = special.legendre_polynomial_p(x, n)
    second = [(3 * 0.09 - 1) / 2, 5.5]
    np.testing.assert_allclose(found.numpy(), [[0, 1, 0.3, second[0]], [0, 1, 2, second[1]]])


def test_no_derivative():
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    assert not special.legendre_polynomial_p(x, 3).requires_grad
    with pytest.raises(NotImplementedError, match="the derivative for 'zeta' is not implemented"):
        special.zeta(x, 2.0).backward()


def test_slopes_at_the_origin():
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for function in (special.i1, special.i1e):
        assert torch.autograd.grad(function(x), x)[0].item() == 0.5


def test_refusals():
    with pytest.raises(NotImplementedError, match="\"erfcx_cpu\" not implemented for 'Half'"):
        special.erfcx(torch.ones(2, dtype=torch.float16))
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        special.chebyshev_polynomial_t(1.0, 2)
    with pytest.raises(RuntimeError, match="p has to be greater than or equal to 1"):
        special.multigammaln(torch.ones(2), 0)
    with pytest.raises(NotImplementedError, match="\"igamma_cpu\" not implemented for 'Long'"):
        torch.igamma(torch.tensor([1]), torch.tensor([2]))
