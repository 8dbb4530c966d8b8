"""The methods of Tensor: one literal line each, so that a search and jump-to-definition find them."""

from ..core.tensor import Tensor
from . import tensor_methods

# --- elementwise and comparison (subject files: elementwise, comparison) --------------------------------------------------

# --- reduction and sorting ------------------------------------------------------------------------------------------------

# --- shape and indexing ---------------------------------------------------------------------------------------------------

# --- contraction, linalg, neural ------------------------------------------------------------------------------------------

# --- creation, conversion and random --------------------------------------------------------------------------------------

# --- the tensor itself: representation, conversion to NumPy, copies (subject file: tensor_methods) --------------------------

Tensor.__repr__ = tensor_methods.tensor_repr
Tensor.__format__ = tensor_methods.tensor_format
Tensor.item = tensor_methods.item
Tensor.tolist = tensor_methods.tolist
Tensor.__bool__ = tensor_methods.tensor_bool
Tensor.__int__ = tensor_methods.tensor_int
Tensor.__float__ = tensor_methods.tensor_float
Tensor.__complex__ = tensor_methods.tensor_complex
Tensor.__index__ = tensor_methods.tensor_index
Tensor.numpy = tensor_methods.numpy
Tensor.__array__ = tensor_methods.array
Tensor.__dlpack__ = tensor_methods.dlpack
Tensor.__dlpack_device__ = tensor_methods.dlpack_device
Tensor.detach = tensor_methods.detach
Tensor.detach_ = tensor_methods.detach_
Tensor.requires_grad_ = tensor_methods.requires_grad_
Tensor.data = property(tensor_methods.get_data, tensor_methods.set_data)
Tensor.grad = property(tensor_methods.get_grad, tensor_methods.set_grad, tensor_methods.del_grad)
Tensor.is_inference = tensor_methods.is_inference
Tensor.__deepcopy__ = tensor_methods.deepcopy
Tensor.__reduce_ex__ = tensor_methods.reduce_ex
Tensor.__init_subclass__ = classmethod(tensor_methods.init_subclass)
Tensor.__torch_function__ = classmethod(tensor_methods.torch_function)
Tensor.as_subclass = tensor_methods.as_subclass
