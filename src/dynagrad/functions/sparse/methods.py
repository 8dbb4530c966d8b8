"""What sparse tensors answer: their own methods, and functions that are called with them."""

import copy
from typing import Any

import numpy as np

from ...core import dtype as dtypes
from ...core.dtype import BY_NAME, from_numpy_dtype, get_default_dtype
from ...core.overrides import override_disabled
from ...core.tensor import Tensor, wrap
from ...core.views import detached
from ...ops.sparse.patterns import Compressed, Coo
from .. import tensor_methods
from ..printing import format_sparse, suffixes_for
from . import construction, places, pointwise, products, reduction
from .arrays import (
    SparseTensor,
    coalesced,
    kept,
    sparse_of,
    unsupported,
    values_of,
)

LAYOUTS = {name: getattr(dtypes, name) for name in ("sparse_coo", "sparse_csr", "sparse_csc")}


# --- parts ----------------------------------------------------------------------------------------


def _pattern(s: Any, name: str, layouts: tuple[str, ...], expected: str) -> Any:
    """The pattern of a tensor in one of these layouts; RuntimeError for another one."""
    held = sparse_of(s)
    layout = "strided" if held is None else held.pattern.layout
    if layout not in layouts:
        found = {"strided": "Strided", "sparse_coo": "Sparse"}.get(
            layout, layout.title().replace("_", "")
        )
        raise RuntimeError(f"{name} expected {expected} but got {found}")
    return s._a.pattern


_COO = (("sparse_coo",), "sparse coordinate tensor layout")
_CSR = (("sparse_csr",), "sparse row compressed tensor layout")
_CSC = (("sparse_csc",), "sparse column compressed tensor layout")


def _coalesced_coo(s: Any, name: str) -> Coo:
    pattern = _pattern(s, name, *_COO)
    if not pattern.coalesced:
        raise RuntimeError(
            f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first"
        )
    return pattern


def coalesce(self: Any) -> Any:
    """The same numbers with each place once, sorted."""
    _pattern(self, "coalesce", *_COO)
    return coalesced(self)


def is_coalesced(self: Any) -> bool:
    """Whether each place stands once, and they are sorted."""
    return _pattern(self, "is_coalesced", *_COO).coalesced


def indices(self: Any) -> Tensor:
    """The places (sparse dimensions, count) of a coalesced tensor."""
    return wrap(_coalesced_coo(self, "indices").indices)


def values(self: Any) -> Tensor:
    """The values of a coalesced COO tensor, or of a compressed one, with gradients."""
    if sparse_of(self) is None:
        raise RuntimeError("values expected sparse tensor layout but got Strided")
    if self._a.pattern.layout == "sparse_coo":
        _coalesced_coo(self, "values")
    return values_of(self)


def bare_indices(self: Any) -> Tensor:
    """The places as they are, coalesced or not."""
    if sparse_of(self) is None:
        raise unsupported("_indices", "CPU")
    return wrap(_pattern(self, "_indices", *_COO).indices)


def bare_values(self: Any) -> Tensor:
    """The values as they are, without history."""
    if sparse_of(self) is None:
        raise unsupported("_values", "CPU")
    return wrap(self._a.values)


def nnz(self: Any) -> int:
    """The number of places."""
    if sparse_of(self) is None:
        raise unsupported("_nnz", "CPU")
    return self._a.pattern.nnz


def crow_indices(self: Any) -> Tensor:
    """Where each row begins, in a CSR matrix."""
    return wrap(_pattern(self, "crow_indices", *_CSR).starts)


def col_indices(self: Any) -> Tensor:
    """The columns of the values, in a CSR matrix."""
    return wrap(_pattern(self, "col_indices", *_CSR).places)


def ccol_indices(self: Any) -> Tensor:
    """Where each column begins, in a CSC matrix."""
    return wrap(_pattern(self, "ccol_indices", *_CSC).starts)


def row_indices(self: Any) -> Tensor:
    """The rows of the values, in a CSC matrix."""
    return wrap(_pattern(self, "row_indices", *_CSC).places)


def coalesced_(self: Any, coalesced: bool) -> Any:
    """Say that the tensor is coalesced, or not: the user's own word."""
    pattern = _pattern(self, "_coalesced_", *_COO)
    pattern = Coo(pattern.indices, pattern.shape, coalesced)
    pattern.coalesced = coalesced
    self._a = type(self._a)(pattern, self._a.values)
    return self


def sparse_resize_(self: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Another shape, in which all places must be."""
    if sparse_of(self) is None:
        raise unsupported("sparse_resize_", "CPU")
    return pointwise.resize(self, size, sparse_dim, dense_dim)


def sparse_resize_and_clear_(self: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Another shape, without places."""
    if sparse_of(self) is None:
        raise unsupported("sparse_resize_and_clear_", "CPU")
    return pointwise.resize_and_clear(self, size, sparse_dim, dense_dim)


def resize_as_sparse_(input: Any, the_template: Any) -> Any:
    """`sparse_resize_` to another sparse tensor's shape."""
    if sparse_of(input) is None or sparse_of(the_template) is None:
        raise unsupported("resize_as_sparse_", "CPU")
    template = the_template._a
    dims = template.pattern.sparse_dim, len(template.pattern.dense_shape)
    return pointwise.resize(input, template.shape, *dims)


# --- of the tensor itself -------------------------------------------------------------------------


def _text(self: Any, *, tensor_contents: Any = None) -> str:
    held = self._a
    pattern = held.pattern
    coo = pattern.layout == "sparse_coo"
    if coo:
        parts = [("indices", pattern.indices)]
    else:
        starts, lines, _ = construction.NAMES[pattern.layout]
        parts = [(starts, pattern.starts), (lines, pattern.places)]
    suffixes = [f"size={tuple(held.shape)}", f"nnz={pattern.nnz}"]
    name, default = from_numpy_dtype(held.dtype).name, get_default_dtype().name
    known = suffixes_for(name, default, (1,))
    rest = suffixes_for(
        default,
        default,
        (1,),
        requires_grad=self.requires_grad,
        grad_fn_name=tensor_methods.grad_fn_name(self),
    )
    layout = f"layout=torch.{pattern.layout}"
    parts.append(("values", held.values))
    text = format_sparse(parts, [*suffixes, *known, layout, *rest], coo)
    return f"Parameter containing:\n{text}" if getattr(self, "_is_param", False) else text


def _format(self: Any, spec: str) -> str:
    return object.__format__(self, spec)


def _length(self: Any) -> int:
    return self._a.shape[0]


def _sparse_dim(self: Any) -> int:
    return self._a.pattern.sparse_dim


def _dense_dim(self: Any) -> int:
    return len(self._a.shape) - self._a.pattern.sparse_dim


def _element_size(self: Any) -> int:
    return self._a.dtype.itemsize


def _is_sparse(self: Any) -> bool:
    return self._a.pattern.layout == "sparse_coo"


def _is_csr(self: Any) -> bool:
    return self._a.pattern.layout == "sparse_csr"


def _layout(self: Any) -> Any:
    return LAYOUTS[self._a.pattern.layout]


def _reversed(self: Any) -> Any:
    return places.permute(self, *range(len(self._a.shape))[::-1])


def _matrix_transposed(self: Any) -> Any:
    return places.transpose(self, -2, -1)


def _detach(self: Any) -> Any:
    return kept(detached(self))


def _data(self: Any) -> Any:
    return kept(tensor_methods.get_data(self))


def _numpy(self: Any, *args: Any, **kwargs: Any) -> Any:
    layout = "Sparse" if self._a.pattern.layout == "sparse_coo" else "SparseCsr"
    raise TypeError(f"can't convert {layout} layout tensor to numpy. Use Tensor.to_dense() first.")


def _without_memory(self: Any, *args: Any, **kwargs: Any) -> Any:
    raise RuntimeError(
        "Cannot access data pointer of Tensor that doesn't have storage\nA sparse tensor has "
        "indices and values: x.coalesce().values(), or x.to_dense()."
    )


def _no_storage(self: Any) -> Any:
    raise NotImplementedError(
        "Cannot access storage of SparseTensorImpl\nA sparse tensor has indices and values."
    )


def _no_strides(self: Any, dim: int | None = None) -> Any:
    return (0,) * len(self._a.shape) if dim is None else 0


def _new_zeros(self: Any, *size: Any, dtype: Any = None, **options: Any) -> Any:
    shape = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    kind = dtype or self.dtype
    return construction.sparse_coo_tensor(shape, dtype=kind, **options)


def _item(self: Any) -> Any:
    held = self._a
    if held.size != 1:
        raise RuntimeError(f"a Tensor with {held.size} elements cannot be converted to Scalar")
    return construction.to_dense(self.detach()).item()


def _bool(self: Any) -> bool:
    if self._a.size != 1:
        raise RuntimeError(
            f"Boolean value of Tensor with {'more than one value' if self._a.size else 'no values'}"
            " is ambiguous"
        )
    return bool(_item(self))


def _deepcopy(self: Any, memo: dict) -> Any:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    made = kept(wrap(self._a.with_values(self._a.values.copy())))
    made.requires_grad = self.requires_grad
    held = getattr(self, "_g", None)
    if held is not None:
        made.grad = copy.deepcopy(held, memo)
    memo[id(self)] = made
    return made


def parts_of(s: Any) -> tuple:
    """What a sparse tensor is made of again: layout, indices, shape, values, and what else."""
    pattern = s._a.pattern
    if isinstance(pattern, Coo):
        return pattern.layout, (pattern.indices,), pattern.shape, pattern.coalesced
    return pattern.layout, (pattern.starts, pattern.places), pattern.shape, False


def rebuilt(parts: tuple, array: np.ndarray, name: str, requires_grad: bool) -> Any:
    """A sparse tensor from its pickled parts."""
    layout, places, shape, is_sorted = parts
    array = array.view(BY_NAME[name].numpy) if name == "bfloat16" else array
    made = with_parts(layout, places, shape, is_sorted, array)
    made.requires_grad = requires_grad
    return made


def with_parts(layout: str, places: tuple, shape: tuple, is_sorted: bool, array: Any) -> Any:
    """A sparse tensor of checked indices and an array of values."""
    if layout == "sparse_coo":
        pattern: Any = Coo(places[0], shape, is_sorted)
    else:
        starts, lines = places
        pattern = Compressed(layout, starts, lines, shape)
    return construction.fill(wrap(array), pattern)


def _reduce(self: Any, protocol: Any) -> tuple:
    array, name = self._a.values, from_numpy_dtype(self._a.dtype).name
    array = array.view(np.uint16) if name == "bfloat16" else array
    return rebuilt, (parts_of(self), array, name, self.requires_grad)


def _is_contiguous(self: Any, memory_format: Any = None) -> bool:
    return False


def _contiguous(self: Any, memory_format: Any = None) -> Any:
    raise RuntimeError("unsupported memory format option Contiguous")


def _type(self: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
    if dtype is not None:
        return pointwise.converted(self, "type", (dtype,), {})
    name = values_of(self.detach()).type().removeprefix("torch.")
    return f"torch.sparse{'_csr' if self.is_sparse_csr else ''}.{name}"


SparseTensor.__repr__ = _text
SparseTensor.__format__ = _format
SparseTensor.__deepcopy__ = _deepcopy
SparseTensor.__reduce_ex__ = _reduce
SparseTensor.__bool__ = _bool
SparseTensor.__iter__ = places.iterate
SparseTensor.__len__ = _length
SparseTensor.__getitem__ = places.getitem
SparseTensor.__setitem__ = places.refuse_item
SparseTensor.__array__ = _numpy
SparseTensor.numpy = _numpy
SparseTensor.tolist = _without_memory
SparseTensor.data_ptr = _without_memory
SparseTensor.untyped_storage = _no_storage
SparseTensor.storage = _no_storage
SparseTensor.stride = _no_strides
SparseTensor.item = _item
SparseTensor.new_zeros = _new_zeros
SparseTensor.new_empty = _new_zeros
SparseTensor.detach = _detach
SparseTensor.data = property(_data, tensor_methods.set_data)  # pyright: ignore
SparseTensor.is_sparse = property(_is_sparse)  # pyright: ignore
SparseTensor.is_sparse_csr = property(_is_csr)  # pyright: ignore
SparseTensor.layout = property(_layout)  # pyright: ignore
SparseTensor.sparse_dim = _sparse_dim
SparseTensor.dense_dim = _dense_dim
SparseTensor.to_dense = construction.to_dense
SparseTensor.is_contiguous = _is_contiguous
SparseTensor.contiguous = _contiguous
SparseTensor.type = _type
SparseTensor.T = property(_reversed)  # pyright: ignore
SparseTensor.mT = property(_matrix_transposed)  # pyright: ignore
SparseTensor.element_size = _element_size


# --- functions ------------------------------------------------------------------------------------

#: what answers in the place of a public function, by its name
ANSWERS: dict[str, Any] = {
    "add": pointwise.add,
    "sub": pointwise.sub,
    "subtract": pointwise.sub,
    "mul": pointwise.mul,
    "multiply": pointwise.mul,
    "div": pointwise.div,
    "divide": pointwise.div,
    "true_divide": pointwise.div,
    "neg": pointwise.neg,
    "negative": pointwise.neg,
    "clone": pointwise.clone,
    "zeros_like": pointwise.empty_like,
    "empty_like": pointwise.empty_like,
    "zero_": pointwise.zero_,
    "copy_": pointwise.copy_,
    "mm": products.mm,
    "spmm": products.mm,
    "dsmm": products.mm,
    "matmul": products.matmul,
    "mv": products.mv,
    "addmm": products.addmm,
    "addmv": products.addmv,
    "bmm": products.bmm,
    "linear": products.linear,
    "sum": reduction.total,
    "norm": reduction.norm,
    "any": reduction.any_of,
    "t": places.t,
    "transpose": places.transpose,
    "permute": places.permute,
    "unsqueeze": places.unsqueeze,
    "select": places.select,
    "index_select": places.index_select,
    "narrow_copy": places.narrow_copy,
    "cat": places.cat,
    "concat": places.cat,
    "concatenate": places.cat,
    "stack": places.stack,
    "sparse_mask": construction.sparse_mask,
    **{f"{n}_": pointwise.in_place(getattr(pointwise, n), f"{n}_") for n in ("add", "sub", "mul")},
    "div_": pointwise.in_place(pointwise.div, "div_"),
    "neg_": pointwise.in_place(pointwise.neg, "neg_"),
}
_TO = frozenset("to double float half bfloat16 int long short char byte bool type_as".split())
_UNARY = frozenset(pointwise.ZERO_PRESERVING)
#: functions of a tensor's shape, dtype or history alone
_PLAIN = frozenset(
    (
        "size numel nelement dim ndimension is_floating_point is_complex is_same_size is_tensor "
        "requires_grad_ is_signed is_conj is_neg is_inference cpu"
    ).split()
)


def answer(cls: Any, f: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
    """The function `f` of arguments with a sparse tensor among them."""
    if not all(issubclass(kind, Tensor) for kind in types):
        return NotImplemented
    name, kwargs = f.__name__, kwargs or {}
    known = ANSWERS.get(name)
    if known is not None:
        return known(*args, **kwargs)
    if name in _UNARY and isinstance(args[0], SparseTensor):
        return pointwise.unary(f, name)(*args, **kwargs)
    if name in _TO and isinstance(args[0], SparseTensor):
        return pointwise.converted(args[0], name, args[1:], kwargs)
    if name in _PLAIN:
        token = override_disabled.set(True)
        try:
            return f(*args, **kwargs)
        finally:
            override_disabled.reset(token)
    if name == "positive":
        return args[0]
    if name in ("reshape", "einsum"):
        raise RuntimeError("reshape is not implemented for sparse tensors\nUse x.to_dense().")
    s = next(a for a in (*args, *kwargs.values()) if isinstance(a, SparseTensor))
    raise s._a.unsupported(name)


SparseTensor.__torch_function__ = classmethod(answer)  # pyright: ignore
