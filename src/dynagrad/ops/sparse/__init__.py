"""Sparse arrays: where their values stand, and what is computed of them. Imports NumPy only."""
