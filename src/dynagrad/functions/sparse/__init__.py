"""Sparse tensors in the layouts COO, CSR and CSC, under PyTorch's names. Loaded at their first
use.
"""

from . import methods  # noqa: F401 - gives sparse tensors their methods
