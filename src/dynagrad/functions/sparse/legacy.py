"""The classes torch.sparse.FloatTensor and its kin: the old spelling of sparse_coo_tensor."""

from typing import Any

from ...core import dtype as dtypes
from ...core.tensor import Tensor
from .construction import sparse_coo_tensor


class sparsetype(type):  # noqa: N801 - as PyTorch's tensortype
    """The class of these classes: calling one makes a COO tensor of its dtype."""

    dtype: dtypes.dtype
    is_sparse = True

    def __new__(mcs, name: str, dtype: dtypes.dtype):
        kind = super().__new__(mcs, name, (), {"__module__": "torch.sparse"})
        kind.dtype = dtype
        return kind

    def __init__(cls, name: str, dtype: dtypes.dtype):
        cls.__doc__ = f"Sparse tensors of {dtype}: makes them of indices, values and a size."

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        if not args:
            return sparse_coo_tensor((0,), dtype=cls.dtype)
        if all(isinstance(n, int) for n in args):
            return sparse_coo_tensor(args, dtype=cls.dtype)
        if len(args) > 1 and isinstance(args[1], Tensor) and args[1].dtype is not cls.dtype:
            raise TypeError(
                f"expected torch.{cls.__name__} (got {args[1].type()})\nConvert the values, or use "
                "torch.sparse_coo_tensor(indices, values, size)."
            )
        return sparse_coo_tensor(*args, dtype=cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.is_sparse and instance.dtype is cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.sparse.{cls.__name__}'>"


FloatTensor = sparsetype("FloatTensor", dtypes.float32)
DoubleTensor = sparsetype("DoubleTensor", dtypes.float64)
HalfTensor = sparsetype("HalfTensor", dtypes.float16)
BFloat16Tensor = sparsetype("BFloat16Tensor", dtypes.bfloat16)
LongTensor = sparsetype("LongTensor", dtypes.int64)
IntTensor = sparsetype("IntTensor", dtypes.int32)
ShortTensor = sparsetype("ShortTensor", dtypes.int16)
CharTensor = sparsetype("CharTensor", dtypes.int8)
ByteTensor = sparsetype("ByteTensor", dtypes.uint8)
