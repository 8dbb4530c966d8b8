"""torch.sparse: products, sums and softmax of sparse tensors.

The tensors themselves are made by `torch.sparse_coo_tensor`, `torch.sparse_csr_tensor` and
`Tensor.to_sparse()`.
"""

from ..functions.sparse.checks import check_sparse_tensor_invariants
from ..functions.sparse.legacy import (
    BFloat16Tensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from ..functions.sparse.places import spdiags
from ..functions.sparse.products import sampled_addmm
from ..functions.sparse.products import sparse_addmm as addmm
from ..functions.sparse.products import sparse_mm as mm
from ..functions.sparse.reduction import log_softmax, softmax
from ..functions.sparse.reduction import sparse_sum as sum

__all__ = [
    "BFloat16Tensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "addmm",
    "check_sparse_tensor_invariants",
    "log_softmax",
    "mm",
    "sampled_addmm",
    "softmax",
    "spdiags",
    "sum",
]
