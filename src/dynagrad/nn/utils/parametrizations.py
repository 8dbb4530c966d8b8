"""Parametrizations of weights: normalized, of spectral norm 1, orthogonal. Imports core, functions,
modules and parametrize.

T. Salimans and D. Kingma, "Weight Normalization" (2016); T. Miyato et al., "Spectral Normalization
for Generative Adversarial Networks" (2018); M. Lezcano-Casado, "Trivializations for Gradient-Based
Optimization on Manifolds" (2019).
"""

from enum import Enum, auto
from typing import Any

from ...autograd.grad_mode import no_grad
from ...core.dtype import finfo
from ...core.tensor import Tensor
from ...functions.creation import eye
from ...functions.factorization import geqrf, householder_product
from ...functions.joining import cat
from ...functions.linalg import solve
from ...functions.neural.distances import normalize
from ...functions.norms import norm_except_dim
from ...functions.random import randn
from ...functions.weight_norm import _weight_norm
from ..modules.module import Module
from . import parametrize
from .weights import as_matrix, default_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _tensor_of(module: Module, name: str) -> Any:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# --- orthogonal ----------------------------------------------------------------------------------


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


def _is_orthogonal(Q: Any, eps: float | None = None) -> bool:
    n, k = Q.size(-2), Q.size(-1)
    identity = eye(k, dtype=Q.dtype)
    eps = 10.0 * n * finfo(Q.dtype).eps if eps is None else eps
    return (Q.mH @ Q).allclose(identity, atol=eps)


def _make_orthogonal(A: Any) -> Any:
    """The orthogonal factor of a matrix, with the signs that keep an orthogonal matrix as it is."""
    X, tau = geqrf(A)
    Q: Any = householder_product(X, tau)
    return Q * X.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """A (semi-)orthogonal matrix as a function of an unconstrained one."""

    base: Any

    def __init__(
        self, weight: Any, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        n, k = X.size(-2), X.size(-1)
        is_wide = n < k
        if is_wide:
            X, n, k = X.mT, k, n
        if self.orthogonal_map is _OrthMaps.householder:
            A = X.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
            Q: Any = householder_product(A, tau)
            # The diagonal, which the reflections leave free, holds 1 or -1: the columns' signs.
            Q = Q * X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            Q = self._of_skew(X.tril(), n, k)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if is_wide else Q

    def _of_skew(self, X: Any, n: int, k: int) -> Any:
        """The exponential or the Cayley transform of the skew matrix that a triangle stands for."""
        if n != k:
            zeros = X.new_zeros(n, n - k).expand(*X.shape[:-2], -1, -1)
            X = cat([X, zeros], dim=-1)
        A = X - X.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            Q: Any = A.matrix_exp()
        else:
            identity: Any = eye(n, dtype=A.dtype)
            Q = solve(identity.add(A, alpha=-0.5), identity.add(A, alpha=0.5))
        return Q[..., :k] if n != k else Q

    @no_grad()
    def right_inverse(self, Q: Any) -> Any:
        """The matrix that gives Q, or the nearest orthogonal one in the sense of QR."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {Q.shape}."
            )
        start = Q
        n, k = Q.size(-2), Q.size(-1)
        is_wide = n < k
        if is_wide:
            Q, n, k = Q.mT, k, n
        if not hasattr(self, "base"):
            if self.orthogonal_map is not _OrthMaps.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            A, tau = geqrf(Q)
            diagonal: Any = A.diagonal(dim1=-2, dim2=-1)
            diagonal.sign_()
            # Where there was nothing to reflect, tau is 0 instead of 2: the sign makes up for it.
            diagonal[tau == 0.0] *= -1
            return A.mT if is_wide else A
        if n == k:
            Q = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        else:
            others = randn(*Q.size()[:-2], n, n - k, dtype=Q.dtype)
            Q = _make_orthogonal(cat([Q, others], dim=-1))
        self.base = Q
        # All three maps send this to the identity, so that base @ map(...) begins at base.
        minus: Any = start.new_zeros(start.shape)
        minus.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return minus


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a weight orthogonal: Q^T Q = 1, or Q Q^T = 1 where it is wider than high.

    orthogonal_map: "matrix_exp", exp(A) of a skew matrix A; "cayley", (1 + A/2)(1 - A/2)^-1;
    "householder", a product of reflections, the default for what is not square.
    use_trivialization: multiply by a matrix that is taken from the weight, which mostly trains
    better; it is kept in the state_dict as `base`. Source: torch.nn.utils.parametrizations.
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        is_square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if is_square or weight.is_complex() else "householder"
    chosen = getattr(_OrthMaps, orthogonal_map, None)
    if chosen is None:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, made, unsafe=True)
    return module


# --- weight_norm ---------------------------------------------------------------------------------


class _WeightNorm(Module):
    """g v / |v|, with a norm for each index of one dimension."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        return _weight_norm(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Any) -> Any:
        """The norms, and the weight itself as the direction."""
        return norm_except_dim(weight, 2, self.dim), weight


class _OlderKeys:
    """Before loading, gives the entries of the older `weight_norm` their names here."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, state_dict: dict, prefix: str, *others: Any) -> None:
        older = [f"{prefix}{self.name}_g", f"{prefix}{self.name}_v"]
        if all(key in state_dict for key in older):
            for i, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(
                    key
                )


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """Train the length and the direction of a weight apart: w = g v / |v|, with a length for each
    index of dimension `dim`, or one in all for None.

    They are `parametrizations.weight.original0` (g) and `original1` (v); a state_dict of the older
    `torch.nn.utils.weight_norm` can be loaded. Source: torch.nn.utils.parametrizations.weight_norm.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(_OlderKeys(name))
    return module


# --- spectral_norm -------------------------------------------------------------------------------


class _SpectralNorm(Module):
    """w / sigma(w), where the largest singular value is found by power iteration."""

    _u: Any
    _v: Any

    def __init__(
        self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        n = weight.ndim
        if dim >= n or dim < -n:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{n}, {n - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + n
        self.eps = eps
        if n > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            rows, columns = matrix.shape
            u = matrix.new_empty(rows).normal_(0, 1)
            v = matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight: Any) -> Any:
        return as_matrix(weight, self.dim)

    @no_grad()
    def _power_method(self, weight_mat: Any, n_power_iterations: int) -> None:
        # The buffers are written in place: replicas of the module share them.
        for _ in range(n_power_iterations):
            normalize(weight_mat.mv(self._v), dim=0, eps=self.eps, out=self._u)
            normalize(weight_mat.H.mv(self._u), dim=0, eps=self.eps, out=self._v)

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Later iterations overwrite the buffers, and backward still needs these values.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.vdot(matrix.mv(v))

    def right_inverse(self, value: Any) -> Any:
        """The value itself: it is taken to have the spectral norm 1."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, which `n_power_iterations` steps of power
    iteration follow at each use in training.

    dim: the dimension of the outputs; by default 1 for transposed convolutions and 0 otherwise.
    Source: torch.nn.utils.parametrizations.spectral_norm.
    """
    weight = _tensor_of(module, name)
    if dim is None:
        dim = default_dim(module)
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    parametrize.register_parametrization(module, name, made)
    return module
