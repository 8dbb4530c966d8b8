"""The von Mises distribution on the circle, as torch.distributions.von_mises."""

import math
from typing import Any

from ..autograd.grad_mode import no_grad
from ..functions.bessel import i0e, i1e
from ..functions.creation import empty, zeros
from ..functions.random import rand
from ..functions.selection import where
from . import constraints
from .distribution import Distribution
from .utils import EMPTY, broadcast_all, lazy_property

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Density exp(concentration cos(x - loc)) / (2 pi I0(concentration)) for angles x."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _expanded = {"loc": 0, "concentration": 0}

    def __init__(self, loc: Any, concentration: Any, validate_args: Any = None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        # log I0(k) is k + log of the scaled function, which does not overflow
        log_norm = math.log(2 * math.pi) + k + i0e(k).log()
        return k * (value - self.loc).cos() - log_norm

    @lazy_property
    def _loc(self) -> Any:
        return self.loc.double()

    @lazy_property
    def _concentration(self) -> Any:
        return self.concentration.double()

    @lazy_property
    def _proposal_r(self) -> Any:
        kappa = self._concentration
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        # the start of its series where rho is a difference of nearly equal numbers
        return where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = EMPTY) -> Any:
        """Drawn in float64 by rejection from a wrapped Cauchy distribution (D. J. Best, N. I.
        Fisher, "Efficient simulation of the von Mises distribution", 1979).
        """
        shape = self._extended_shape(sample_shape)
        with no_grad():
            loc, k, r = self._loc, self._concentration, self._proposal_r
            x = empty(shape, dtype=loc.dtype)
            done = zeros(shape).bool()
            while not done.all():
                u1, u2, u3 = rand((3, *shape), dtype=loc.dtype).unbind()
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                x = where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The circular variance."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)
