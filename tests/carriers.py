"""A recording carrier: symbols that flow through NumPy's protocols in the place of arrays.

It stands for every carrier to come. A symbol knows its shape and dtype, carries the value that the
example run gave it, and refuses whatever would look at the value or leave the protocols.
"""

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from dynagrad.ops.rule import RULES


class Symbol(NDArrayOperatorsMixin):
    """An array that is only recorded: operators, NumPy functions and primitives with a rule."""

    __slots__ = ("record", "value")
    __array_priority__ = 2000

    def __init__(self, value: Any, record: list):
        self.value = value
        self.record = record

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return self.value.ndim

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__" or kwargs:
            raise TypeError(f"a rule called np.{ufunc.__name__}.{method} with {sorted(kwargs)}")
        return self._recorded(ufunc, inputs, {})

    def __array_function__(self, func, types, args, kwargs):
        return self._recorded(func, args, kwargs)

    def _recorded(self, fun, inputs, metadata):
        if fun not in RULES:
            raise TypeError(f"a rule called {fun.__name__}, which has no rule itself")
        for value in metadata.values():
            if isinstance(value, Symbol):
                raise TypeError(f"{fun.__name__} was given an array as metadata")
        self.record.append(fun)
        result = fun(*[x.value if isinstance(x, Symbol) else x for x in inputs], **metadata)
        if type(result) is tuple:
            return tuple(Symbol(np.asarray(r), self.record) for r in result)
        return Symbol(np.asarray(result), self.record)

    def _refuse(self, *args, **kwargs):
        raise TypeError("a rule looked at a value, or left NumPy's protocols")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __len__ = _refuse
    __iter__ = __getitem__ = __setitem__ = __contains__ = _refuse
