"""What generated code calls that is not its own, by address: NumPy's BLAS and the C interface of
CPython; and the way back, from an address to a Python callable. Imports settings.
"""

import ctypes
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from ...functions.settings import blas_library

__all__ = ["Blas", "blas", "call_as_base", "can_make_entries", "entry", "python_api"]

#: How builds of BLAS spell the names of the C interface: what stands before and after, and whether
#: their integers have 64 bits.
_SPELLINGS = (
    ("scipy_", "64_", True),
    ("", "64_", True),
    ("", "$NEWLAPACK$ILP64", True),
    ("scipy_", "", False),
    ("", "", False),
)
_ROUTINES = tuple(
    f"cblas_{kind}{name}" for kind in "sd" for name in ("gemm", "gemv", "ger", "syrk", "dot")
)


class Blas(NamedTuple):
    """The library of linear algebra that NumPy calls.

    `functions` are addresses by their plain names (cblas_sgemm, ...); `ilp64` says whether their
    integers have 64 bits, else 32; `config` and `core` are what an OpenBLAS says of itself, empty
    for others.
    """

    functions: dict[str, int]
    ilp64: bool
    config: str
    core: str


@cache
def blas() -> Blas | None:
    """NumPy's BLAS, None if it cannot be found."""
    library = blas_library()
    if library is None:
        return None
    for before, after, ilp64 in _SPELLINGS:
        found = {name: _address(library, f"{before}{name}{after}") for name in _ROUTINES}
        if all(found.values()):
            texts = [
                _text(library, f"{before}openblas_get_{what}{after}")
                for what in ("config", "corename")
            ]
            return Blas(found, ilp64, *texts)
    return None


def _text(library: ctypes.CDLL, name: str) -> str:
    """What a function without arguments says, empty if there is none."""
    function = getattr(library, name, None)
    if function is None:
        return ""
    function.restype = ctypes.c_char_p
    return (function() or b"").decode(errors="replace").strip()


def _address(library: ctypes.CDLL, name: str) -> int:
    """Where a function or a variable of a library lies; 0 if it has none of this name."""
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(library, name))
    except ValueError:
        return 0


def python_api(names: Iterable[str]) -> dict[str, int]:
    """The addresses of functions and variables of CPython's C interface. LookupError for names that
    this Python does not have.
    """
    found = {name: _address(ctypes.pythonapi, name) for name in names}
    missing = [name for name, address in found.items() if not address]
    if missing:
        raise LookupError(f"Python {sys.version.split()[0]} has no {', '.join(missing)}")
    return found


# --- Entries -------------------------------------------------------------------------------------

_FASTCALL, _KEYWORDS = 0x80, 0x02


class _MethodDef(ctypes.Structure):
    """PyMethodDef of CPython."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Owner(str):
    """The `__module__` of an entry, which keeps alive what the entry points to: a builtin holds a
    reference to its module's name, whatever object that is.
    """

    kept: Any


def can_make_entries() -> bool:
    """Whether this Python is one that `entry` knows: CPython with its global lock.

    Without the lock objects lie differently in memory, and generated code would have to take locks
    of its own.
    """
    is_free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    return sys.implementation.name == "cpython" and not is_free


def entry(
    address: int,
    name: str,
    doc: str = "",
    *,
    self_object: Any = None,
    keywords: bool = False,
    keep: Any = None,
) -> Any:
    """A builtin function that calls native code; None where this Python does not allow that.

    At `address` there is `PyObject *f(PyObject *self, PyObject *const *args, Py_ssize_t n)`, with
    a fourth argument `PyObject *names` if `keywords`: CPython's METH_FASTCALL. It runs with the
    lock held, and gives back a new reference, or NULL with an exception set. `self` is
    `self_object`, NULL without one. The callable keeps `keep` alive: the Library of the code and
    whatever else the code points to.
    """
    if not can_make_entries():
        return None
    flags = _FASTCALL | (_KEYWORDS if keywords else 0)
    definition = _MethodDef(name.encode(), address, flags, doc.encode() or None)
    owner = _Owner("dynagrad.compiler")  # where users find what makes them
    owner.kept = (definition, keep)
    # By address: ctypes passes None as NULL only so.
    itself = None if self_object is None else id(self_object)
    return _new_function(ctypes.byref(definition), itself, owner)


_new_function = ctypes.PYFUNCTYPE(
    *(ctypes.py_object, ctypes.POINTER(_MethodDef), ctypes.c_void_p, ctypes.py_object)
)(("PyCFunction_NewEx", ctypes.pythonapi))


# --- Calls ---------------------------------------------------------------------------------------

#: the flag of a class whose instances say themselves how they are called, the place in a class of
#: what says where, and the flags' own
_VECTORCALL, _AT_OFFSET, _AT_FLAGS = 1 << 11, 56, 168


def call_as_base(kind: type) -> None:
    """Have the instances of a class called as those of its base, if that is quicker: before Python
    3.12, subclasses get no arguments without a tuple for them.
    """
    base = kind.__base__
    if not can_make_entries() or sys.version_info >= (3, 12) or base is None:
        return
    wanted = kind.__flags__ | _VECTORCALL
    if not base.__flags__ & _VECTORCALL or kind.__call__ is not base.__call__:
        return
    flags = [ctypes.c_ulong.from_address(id(x) + _AT_FLAGS) for x in (kind, base)]
    places = [ctypes.c_ssize_t.from_address(id(x) + _AT_OFFSET).value for x in (kind, base)]
    if [x.value for x in flags] != [kind.__flags__, base.__flags__] or len(set(places)) > 1:
        return
    if 0 < places[0] < base.__basicsize__:
        flags[0].value = wanted
