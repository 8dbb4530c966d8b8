"""Indexing."""
from ..core.apply import apply, node_class, overridable
from ..core.tensor import Tensor, wrap
from ..core.views import view as make_view, copy_, write
from ..ops import shape
from ..ops.rule import RULES
from ..ops import indexing as ops

Select = node_class("SelectBackward0", RULES[ops.getitem])

def getitem(self, index):
    if type(index) is int:
        return make_view(Select, self, self._a[index, ...], {"index": index})
    return make_view(Select, self, self._a[index], {"index": index})

def setitem(self, index, value):
    v = getitem(self, index)
    copy_(v, value if isinstance(value, Tensor) else wrap(__import__('numpy').asarray(value, self._a.dtype)))
