"""The native gate of compiled functions: one C function that looks whether a recorded course fits,
runs it, and hands out its results. Imports native, foreign, layout.

It is the same code for all functions. What is compared, and what happens afterwards, are
instructions of four words (operation, a, b, c), which `entry.py` writes from a variant. Anything
that does not fit goes to the Python function behind the gate, which knows all cases.

| operation | holds if, or does |
|---|---|
| EQUAL     | the word at a is b |
| HALF      | the 32 bits at a are b |
| LIST      | element b of the list a is c |
| DICT      | the dict a has c under the key b (c 0: has no such key) |
| ATTRIBUTE | attribute b of a is c |
| CONTEXT   | the context variable a has the value b |
| COUNT     | there are a arguments |
| SAME      | argument a is b |
| NUMBER    | argument a is a float with the bits b |
| FLOAT     | argument a is a float; it is stored at b |
| TENSOR    | argument a is a tensor as the block b says; its address goes into the table |
| OPTION    | the dict a has a float under b; it is stored at c |
| SKIP      | if the words at a and b are equal, skip c instructions |
| COPY      | the word at a is stored at b |
| GRADIENT  | the slot a holds b with c references, or something else while b has c - 1 |
| SET       | (afterwards) the slot a gets b |
| TICK      | (afterwards) the counter a goes on; b gets its number, c counts up |
| EITHER    | the word at a is b or c |
| EQUALS    | at a there are b pairs (address, value): each address holds its value |
|           | (b is a multiple of TOGETHER) |
| UNCHANGED | the same, and if they all hold, skip c instructions |
"""

import ctypes
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from ..native import llvm as native
from ..native.foreign import entry, python_api
from .layout import Layout, layout

OPERATIONS = (
    *("EQUAL", "HALF", "LIST", "DICT", "ATTRIBUTE", "CONTEXT", "COUNT", "SAME"),
    *("NUMBER", "TENSOR", "OPTION", "SKIP", "COPY", "GRADIENT", "SET", "TICK", "EITHER"),
    *("EQUALS", "UNCHANGED", "FLOAT"),
)
CODE = {name: number for number, name in enumerate(OPERATIONS)}
#: pairs that EQUALS and UNCHANGED compare at a time
TOGETHER = 4
#: what the code reaches through its table, in this order
_API = (
    *("PyDict_GetItem", "PyObject_GetAttr", "PyErr_Clear", "Py_DecRef", "Py_IncRef"),
    *("PyContextVar_Get", "PyObject_Vectorcall", "PyType_GenericNew", "PyTuple_New"),
)
#: words of a function's state, of a course, and of an output; where there are many courses, `index`
#: says by the hash of the arguments' shapes (`and mask`) which of them to try: (first, end)
STATE = ("courses", "count", "behind", "api", "last", "index", "mask")
COURSE = (
    *("before", "n_before", "after", "n_after", "step", "table", "outputs", "n_outputs"),
    *("results", "n_results", "kind", "busy", "run", "runs"),
)
OUTPUT = ("slot", "ndim", "shape", "strides", "dtype", "edge")
#: an odd number whose multiples spread over all bits
HASH = 0x9E3779B97F4A7C15
#: what a course gives: nothing but a result in `results`, a tuple of them, or what `run` returns
ONE, TUPLE, RUN = range(3)
#: the kinds of results: (kind, what)
OBJECT, NEW, ARGUMENT = range(3)


_LOADED = (*_API, "float", "none", "zero", "array", "new_array", "tensor_type")

#: words of the block of a TENSOR instruction; shape and strides (in bytes) follow
TENSOR_BLOCK = ("type", "requires", "ndim", "dtype", "slot", "low", "high", "spans", "n_spans")


def text(at: Layout) -> str:
    """The module, for objects that lie in memory as `at` says."""
    names: dict[str, int] = {**CODE, "TUPLE": TUPLE, "RUN": RUN, "NEW": NEW, "ARGUMENT": ARGUMENT}
    names |= {f"at_{name}": offset for name, offset in at._asdict().items()}
    for prefix, words in (
        ("api", _LOADED),
        ("state", STATE),
        ("course", COURSE),
        ("out", OUTPUT),
        ("block", (*TENSOR_BLOCK, "end")),
    ):
        names |= {f"{prefix}_{name}": place for place, name in enumerate(words)}
    names |= {"output_words": len(OUTPUT), "HASH": HASH - (1 << 64)}
    source = Path(__file__).with_name("gate.ll").read_text()
    return Template(source).substitute(names)


class Gate:
    """The gate's code in this process, and what it reaches."""

    def __init__(self, at: Layout) -> None:
        self.layout = at
        self.library = native.build(text(at), opt=2)
        prototype = ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 2, ctypes.c_int64)
        self.repeat = prototype(self.library.address("repeat"))
        names = python_api((*_API, "PyFloat_Type"))
        self.big = 1 << 62
        words = [names[name] for name in _API]
        words += [names["PyFloat_Type"], id(None), id(0), id(np.ndarray), _new_array(), 0]
        self.api = np.array(words, np.int64)

    def builtin(self, state: np.ndarray, name: str, tensor_type: type) -> Any:
        """A builtin whose state are the words of STATE at an array's address."""
        self.api[_LOADED.index("tensor_type")] = id(tensor_type)
        itself = state.ctypes.data.to_bytes(8, "little") + bytes(8)
        address = self.library.address("gate")
        return entry(address, name, self_object=itself, keywords=True, keep=(self, state, itself))


def _new_array() -> int:
    """The address of PyArray_NewFromDescr, number 94 of NumPy's C interface."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = get(np._core._multiarray_umath._ARRAY_API, None)  # pyright: ignore
    return ctypes.c_int64.from_address(table + 94 * 8).value


@cache
def gate() -> Gate | None:
    """The gate, None where this Python or NumPy does not allow it."""
    at = layout()
    return None if at is None else Gate(at)
