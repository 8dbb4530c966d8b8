"""Addresses from NumPy's BLAS and from CPython, and builtins made of addresses."""

import ctypes
import gc
import sys
import weakref
from functools import partial

import numpy as np
import pytest

from dynagrad.compiler.native.foreign import (
    blas,
    call_as_base,
    can_make_entries,
    entry,
    python_api,
)
from dynagrad.functions.settings import blas_library

RowMajor, NoTrans, Trans = 101, 111, 112


def test_blas_computes():
    library = blas()
    if library is None:
        pytest.skip("NumPy's BLAS is not one that can be found")
    integer = ctypes.c_int64 if library.ilp64 else ctypes.c_int32
    gemm = ctypes.CFUNCTYPE(
        *(None, ctypes.c_int, ctypes.c_int, ctypes.c_int, integer, integer, integer),
        *(ctypes.c_double, ctypes.c_void_p, integer, ctypes.c_void_p, integer),
        *(ctypes.c_double, ctypes.c_void_p, integer),
    )(library.functions["cblas_dgemm"])
    x, y, out = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(4, 3), np.ones((2, 4))
    places = (x.ctypes.data, 3, y.ctypes.data, 3, 2.0, out.ctypes.data, 4)
    gemm(RowMajor, NoTrans, Trans, 2, 4, 3, 0.5, *places)
    np.testing.assert_array_equal(out, 0.5 * x @ y.T + 2.0)


def test_blas_says_what_it_is():
    library = blas()
    if library is None or "openblas" not in str(blas_library()):
        pytest.skip("NumPy's BLAS is no OpenBLAS of its own")
    assert library.config.startswith("OpenBLAS")
    assert library.core
    assert library.ilp64 == ("USE64BITINT" in library.config)


def test_names_of_python():
    found = python_api(["_Py_NoneStruct", "PyFloat_FromDouble", "PyFloat_Type"])
    assert found["_Py_NoneStruct"] == id(None)
    assert found["PyFloat_Type"] == id(float)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_double)(found["PyFloat_FromDouble"])
    assert make(1.5) == 1.5
    with pytest.raises(LookupError, match="PyFloat_FromNowhere"):
        python_api(["PyFloat_Type", "PyFloat_FromNowhere"])


@pytest.mark.skipif(not can_make_entries(), reason="this Python does not allow entries")
class TestEntry:
    """A C function of CPython's own serves as native code: none has to be compiled."""

    def test_is_a_builtin_with_name_and_doc(self):
        # PyObject *PyLong_FromVoidPtr(void *): gives back where `self` lies.
        address = python_api(["PyLong_FromVoidPtr"])["PyLong_FromVoidPtr"]
        owner = object()
        where = entry(address, "where", "Where the owner lies.", self_object=owner)
        assert (where.__name__, where.__doc__) == ("where", "Where the owner lies.")
        assert where.__module__ == "dynagrad.compiler"
        assert where.__self__ is owner
        assert where(1, 2, 3) == id(owner)
        with pytest.raises(TypeError, match="keyword"):
            where(x=1)

    def test_keeps_and_frees(self):
        class Owner:
            pass

        kept, itself = Owner(), Owner()
        is_alive = weakref.ref(kept), weakref.ref(itself)
        address = python_api(["PyLong_FromVoidPtr"])["PyLong_FromVoidPtr"]
        function = entry(address, "f", self_object=itself, keep=kept)
        count = sys.getrefcount(itself)
        del kept
        gc.collect()
        assert function() == id(itself)
        assert sys.getrefcount(itself) == count
        del itself
        assert all(alive() is not None for alive in is_alive)
        del function
        gc.collect()
        assert [alive() for alive in is_alive] == [None, None]

    def test_takes_keywords(self):
        # PyObject *PyObject_Vectorcall(f, args, n, names): calls `self` with what it was given.
        address = python_api(["PyObject_Vectorcall"])["PyObject_Vectorcall"]
        made = entry(address, "f", self_object=dict, keywords=True)
        assert made([("x", 1)], y=2) == {"x": 1, "y": 2}


def test_no_entries_without_the_lock(monkeypatch):
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: 1)
    assert not can_make_entries()
    assert entry(0, "f") is None


def test_instances_of_a_subclass_are_called_as_those_of_its_base():
    class Called(partial):
        pass

    class Own(partial):
        def __call__(self, *args):
            return "own", args

    for kind in (Called, Own):
        call_as_base(kind)
    quick = can_make_entries() or sys.version_info >= (3, 12)
    assert bool(Called.__flags__ & 1 << 11) == quick
    assert Own(print)(1) == ("own", (1,))
    call = Called(lambda *args, **kw: (args, kw), 1, a=2)
    call.extra = 3
    assert call(4, *[5], b=6, **{"c": 7}) == ((1, 4, 5), {"a": 2, "b": 6, "c": 7})
    assert [*map(call, (8, 9))] == [((1, 8), {"a": 2}), ((1, 9), {"a": 2})]
    with pytest.raises(TypeError, match="object is not callable|must be callable"):
        Called(3)
    found = weakref.ref(call)
    del call
    gc.collect()
    assert found() is None
