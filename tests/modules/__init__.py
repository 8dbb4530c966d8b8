"""PyTorch's list of modules, run in both libraries and compared."""
