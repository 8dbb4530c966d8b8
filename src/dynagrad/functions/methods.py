"""The methods of Tensor: one literal line each, so that a search and jump-to-definition find them."""

from ..core.tensor import Tensor

# --- elementwise and comparison (subject files: elementwise, comparison) --------------------------------------------------

# --- reduction and sorting ------------------------------------------------------------------------------------------------

# --- shape and indexing ---------------------------------------------------------------------------------------------------

# --- contraction, linalg, neural ------------------------------------------------------------------------------------------

# --- creation, conversion and random --------------------------------------------------------------------------------------

# --- the tensor itself: representation, conversion to NumPy, copies (subject file: tensor_methods) --------------------------
