"""Which functions of Python and NumPy, written in C, a step may call: what is not listed here keeps
the step eager. Standard library and NumPy only.

A function is pure here if its result follows from its arguments alone and it changes nothing.
"""

import _abc
import cmath
import collections
import functools
import itertools
import math
import operator
import types

import numpy as np

__all__ = [
    "APPENDS",
    "BUILDS",
    "HOLDS",
    "IMMUTABLE",
    "MUTATES",
    "OVERLOADED",
    "PURE",
    "READS",
    "REFUSED",
    "TAKES_FUNCTION",
    "YIELDS",
]


def _functions(module: types.ModuleType, *left_out: str) -> set:
    named = (v for n, v in vars(module).items() if not n.startswith("_") and n not in left_out)
    return {v for v in named if isinstance(v, types.BuiltinFunctionType)}


#: read scalars at C level: a number that the tracer watches must not come here
PURE = {
    *_functions(math),
    *_functions(cmath),
    *(chr, ord, bin, hex, oct, callable, len, range, slice, str, bytes, complex, hash, repr, ascii),
    *(np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.bool_),
    *(_abc._abc_instancecheck, _abc._abc_subclasscheck),
    *(np.uint8, np.uint16, np.uint32, np.uint64, np.complex64, np.complex128),
}
_ON_CONTAINERS = ("setitem", "delitem", "getitem", "contains", "countOf", "concat", "call")
_ON_CONTAINERS += ("length_hint",)
#: work on numbers through their own methods, so that the tracer sees what is read
OVERLOADED = {
    *(abs, round, float, int, bool, min, max, sum, divmod, pow, sorted, any, all, format),
    *_functions(operator, *_ON_CONTAINERS)
    - {getattr(operator, name) for name in dir(operator) if name.startswith("i")},
    operator.is_,
    operator.is_not,
    operator.inv,
    operator.invert,
}
#: only hold what they are given
HOLDS = {tuple, list, zip, enumerate, reversed, map, filter, functools.partial}
#: iterators of Python's own
_ITERTOOLS = {
    *(itertools.chain, itertools.islice, itertools.repeat, itertools.count, itertools.product),
    *(itertools.accumulate, itertools.starmap, itertools.takewhile, itertools.dropwhile),
    *(itertools.pairwise, itertools.zip_longest, itertools.combinations, itertools.permutations),
}
HOLDS |= _ITERTOOLS
#: call functions that they are given
TAKES_FUNCTION = {map, filter, sorted, min, max, functools.partial, itertools.accumulate}
TAKES_FUNCTION |= {itertools.starmap, itertools.takewhile, itertools.dropwhile}
#: make a new object each time
BUILDS = {
    *(list, dict, set, frozenset, sorted, zip, enumerate, reversed, map, filter, functools.partial),
    *(bytearray, object, collections.OrderedDict),
    *_ITERTOOLS,
}
#: why some well-known functions keep a step eager
REFUSED = {
    print: "prints",
    input: "waits for input",
    open: "opens a file",
    id: "depends on where an object lies in memory",
    eval: "runs code from a text",
    exec: "runs code from a text",
    compile: "compiles a text",
    globals: "reads all globals",
    locals: "reads all local variables",
    vars: "reads all attributes of an object",
    dir: "lists the names of an object",
    __import__: "imports a module",
}

_ordered = collections.OrderedDict
#: methods of built-in containers by what they do. READS and YIELDS take the container as it is;
#: MUTATES change it
READS = {
    *(list.index, list.count, list.__len__, list.__getitem__, list.__contains__, list.__iter__),
    *(tuple.index, tuple.count, tuple.__len__, tuple.__getitem__, tuple.__iter__),
    *(dict.get, dict.__len__, dict.__getitem__, dict.__contains__, dict.__iter__),
    *(set.isdisjoint, set.issubset, set.issuperset, set.__len__, set.__contains__),
    *(frozenset.isdisjoint, frozenset.issubset, frozenset.issuperset),
}
#: new objects from a container's elements
YIELDS = {
    *(list.copy, list.__add__, list.__mul__, dict.copy, set.copy, set.union, set.intersection),
    *(set.difference, set.symmetric_difference, frozenset.union, frozenset.intersection),
    *(frozenset.difference, dict.keys, dict.values, dict.items),
    *(_ordered.keys, _ordered.values, _ordered.items, _ordered.copy),
}
MUTATES = {
    *(list.append, list.extend, list.insert, list.pop, list.remove, list.clear, list.sort),
    *(list.reverse, list.__setitem__, list.__delitem__, list.__init__),
    *(dict.update, dict.pop, dict.popitem, dict.clear, dict.setdefault, dict.__setitem__),
    *(dict.__delitem__, dict.__init__),
    *(_ordered.update, _ordered.pop, _ordered.popitem, _ordered.clear, _ordered.setdefault),
    *(_ordered.move_to_end, _ordered.__setitem__, _ordered.__delitem__, _ordered.__init__),
    *(set.add, set.update, set.discard, set.remove, set.pop, set.clear, set.difference_update),
    *(set.intersection_update, set.symmetric_difference_update, set.__init__),
}
#: those that only add an element at the end
APPENDS = {list.append, collections.deque.append}
MUTATES |= APPENDS
#: types whose methods are all pure
IMMUTABLE = (int, float, complex, bool, str, bytes, type(None), range, slice)
