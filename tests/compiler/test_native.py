"""Compiling LLVM IR and running it in this process."""

import ctypes

import pytest

pytest.importorskip("llvmlite")

from dynagrad.compiler.native import NativeError, build  # noqa: E402

SQUARE = """\
define double @square(double %x) nounwind {
  %y = fmul double %x, %x
  ret double %y
}
"""


def test_a_function_runs():
    library = build(SQUARE)
    square = library.function("square", ctypes.c_double, ctypes.c_double)
    assert square(3.0) == 9.0
    assert library.names == ("square",)


def test_a_wrong_module_is_explained():
    with pytest.raises(NativeError, match=r"line 2: %y = fmul double %x, 1"):
        build(SQUARE.replace("%x, %x", "%x, 1"))
