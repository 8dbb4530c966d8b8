"""torch.backends: which libraries compute, and their settings, which are kept and change nothing.

All arithmetic is NumPy's; these modules answer the programs that ask or set. Imports nothing.
"""

from . import cpu, cuda, cudnn, mha, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = ["cpu", "cuda", "cudnn", "mha", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]
