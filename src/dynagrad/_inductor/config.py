"""Settings of PyTorch's code generator: a program may set any of them here, to no effect."""

from types import SimpleNamespace

coordinate_descent_tuning = False
max_autotune = False
triton = SimpleNamespace(cudagraphs=False, unique_kernel_names=True)
