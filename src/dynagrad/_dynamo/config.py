"""Settings of PyTorch's compiler: a program may set any of them here, to no effect."""

suppress_errors = False
verbose = False
cache_size_limit = 8
recompile_limit = 8
capture_scalar_outputs = False
