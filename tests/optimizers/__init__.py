"""PyTorch's list of optimisers, and its schedules, run in both libraries and compared."""
