"""PyTorch's own list of operations, with its sample inputs, run on both libraries.

`python tests/opdb/score.py` prints the scores; tests/parity/test_opdb.py runs a sample of it.
Nothing here knows how the library works: it calls public names and compares what comes back.
"""
