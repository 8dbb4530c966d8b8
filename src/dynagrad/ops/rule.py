"""The registry of derivative rules: one entry for each primitive, written as NumPy expressions.
Imports NumPy only.

A rule is a function `lambda g, <saved>, *, <metadata>` which turns the cotangent `g` of the result
into the cotangent of one input. Its parameter names are its save list:

- the name of an input (`x`, `y`, `z` for NumPy's functions, the kernel's own names for a
  `@primitive`) keeps that input;
- `<input>_meta` keeps its shape and dtype only;
- `out` (`out0`, `out1`, ...) keeps a result;
- `g0`, `g1`, ... ask for the cotangents of a primitive with several results, `gs` for all of them
  as a list; zeros where none arrived;
- keyword-only names are the call's metadata (`axis`, `keepdims`, ...).

Rules are written transposed and without conjugation: the engine conjugates complex cotangents where
they enter and where users see them. They never mention broadcasting: the engine sums a cotangent to
its input's shape.
"""

from collections.abc import Callable
from functools import wraps
from inspect import CO_VARARGS
from typing import Any, NamedTuple

from numpy import float32, float64, ndarray, ufunc


class Save(NamedTuple):
    """One value that a rule keeps: `kind` is 'in', 'meta' or 'out', `index` the input's or the
    result's number.

    `users` holds the numbers of the inputs whose rules read it (empty: all): nothing is kept for an
    input without gradient.
    """

    kind: str
    index: int
    users: frozenset[int]


class Push(NamedTuple):
    """The forward mode of one input: `fun(tangent, <saved>, *, <metadata>)` is its part of the
    results' tangents.
    """

    fun: Callable
    saves: tuple[Save, ...]
    keywords: tuple[str, ...]


class Rule(NamedTuple):
    """All that is known of one primitive `fun`; the kinds are explained at the functions that
    register them.
    """

    fun: Callable
    kind: str
    params: tuple[str, ...]
    vjps: tuple[Callable | None, ...]
    saves: tuple[Save, ...]
    #: for each vjp, the places in `saves` of the values that it reads, and the metadata keywords
    #: that it names
    reads: tuple[tuple[int, ...], ...]
    keywords: tuple[tuple[str, ...], ...]
    #: for each vjp, the numbers of the cotangents that it takes (`g0`, `g1`, ...; `g` is number 0,
    #: `gs` is ALL)
    cotangents: tuple[tuple[int, ...], ...]
    #: one vjp serves all inputs and returns one cotangent for each; the keyword `needs` tells it
    #: which are wanted
    joint: bool
    #: the primitive takes any number of arrays (`*xs`): `xs` and `xs_meta` are tuples
    variadic: bool
    #: the number of results; ANY for primitives whose calls differ in it (split, unbind)
    results: int
    #: no rule returns `g` itself, a view of it, or a saved value: its result may be kept without a
    #: copy
    fresh: bool
    #: for each input how it pushes a tangent forward (None: it has none); absent where the kind
    #: says it
    jvps: tuple[Push | None, ...] | None
    #: the call on values with a leading batch dimension: ALIGNED, LEADING or a function
    batch: Any
    kernel: Callable
    #: the result's memory is ordered by the operands' strides (see ops.layout)
    ordered: bool


RULES: dict[Callable, Rule] = {}
#: what NumPy's functions make of 0-d arrays, within rules
NUMBERS = frozenset({float32, float64})
ANY = 0
ALL = (-1,)

#: What `batch=` may say of a primitive called with a leading batch dimension; a function
#: `batch(fun, values, flags, kw)` says it for others (`flags`: which values have that dimension;
#: its results must have it in front).
#: the values' other dimensions are matched from the back, as in elementwise functions
ALIGNED = "aligned"
#: every value gets the dimension, and keywords of dimensions (axis, axes, ...) and shapes count it
LEADING = "leading"


#: the kinds whose results lie in memory as their operands do, unless `ordered=` says otherwise
POINTWISE = ("elementwise", "constant")


def same(g):
    """The rule of an input that passes the cotangent through."""
    return g


def elementwise(fun: Callable, *vjps: Callable | None, **options) -> None:
    """A function of corresponding elements. Its jvp is the rule applied to the tangent, its
    batching is the call. `ordered=False`: the result is C-contiguous whatever the operands are.
    """
    _register(fun, "elementwise", vjps, fresh=same not in vjps, **options)


def linear(fun: Callable, *vjps: Callable | None, fresh: bool = False, **options) -> None:
    """A function that is linear in its differentiable inputs together: its jvp is the call on the
    tangents.
    """
    _register(fun, "linear", vjps, fresh=fresh, **options)


def multilinear(fun: Callable, *vjps: Callable | None, fresh: bool = True, **options) -> None:
    """A function that is linear in each input by itself: its jvp replaces one input at a time by
    its tangent.
    """
    _register(fun, "multilinear", vjps, fresh=fresh, **options)


def general(fun: Callable, *vjps: Callable | None, fresh: bool = True, **options) -> None:
    """Any other differentiable function. `jvp=` gives its forward mode, one function for each input
    (`lambda t, <saved>, *, <metadata>`: that tangent's part of the results' tangents); without it
    the vjp is transposed.
    """
    _register(fun, "general", vjps, fresh=fresh, **options)


def constant(fun: Callable, **options) -> None:
    """A function without a derivative (comparisons, indices, integer results)."""
    _register(fun, "constant", (), fresh=True, **options)


def primitive(kernel: Callable) -> Callable:
    """Make `kernel`, any NumPy code on ndarrays, a function that carriers can take over as NumPy's
    own functions.

    Each positional argument which is no ndarray and has `__array_function__` is asked in turn; the
    first answer other than NotImplemented is the result.
    """

    def of_one(x, **metadata):
        kind = type(x)
        if kind is ndarray or kind in NUMBERS:
            return kernel(x, **metadata)
        return dispatch(x, **metadata)

    def dispatch(*arrays, **metadata):
        for x in arrays:
            kind = type(x)
            if kind is not ndarray:
                takes_over = getattr(kind, "__array_function__", None)
                if takes_over is not None:
                    result = takes_over(x, fun, (kind,), arrays, metadata)
                    if result is not NotImplemented:
                        return result
        return kernel(*arrays, **metadata)

    code = kernel.__code__
    takes_one = code.co_argcount == 1 and not code.co_flags & CO_VARARGS
    fun = wraps(kernel)(of_one if takes_one else dispatch)
    return fun


def metadata_names(fun: Any) -> set[str]:
    """The keywords of a primitive; none for NumPy's functions."""
    code = _own_code(fun)
    if code is None:
        return set()
    return set(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])


def _register(fun: Callable, kind: str, vjps: tuple[Callable | None, ...], **options) -> None:
    if fun in RULES:
        raise ValueError(f"{fun.__name__} has a rule already")
    RULES[fun] = rule_of(fun, kind, vjps, **options)


def rule_of(
    fun: Callable,
    kind: str,
    vjps: tuple[Callable | None, ...],
    *,
    kernel: Callable | None = None,
    joint: bool = False,
    results: int = 1,
    fresh: bool = False,
    jvp: Callable | tuple[Callable | None, ...] | None = None,
    batch: Any = None,
    ordered: bool | None = None,
) -> Rule:
    """The rule of a function, as the functions that register them take it; in no registry."""
    params, variadic = _inputs(fun)
    joint = joint or variadic
    if batch is None and _matches_elements(fun, kind):
        batch = ALIGNED
    saves: dict[str, set[int]] = {}
    names = [_parameters(vjp) if vjp is not None else ((), (), ()) for vjp in vjps]
    for number, (_, saved, _) in enumerate(names):
        for name in saved:
            saves.setdefault(name, set()).update(() if joint else (number,))
    order = list(saves)
    return Rule(
        fun=fun,
        kind=kind,
        params=params,
        vjps=vjps,
        saves=tuple(Save(*_locate(name, params, fun), frozenset(saves[name])) for name in order),
        reads=tuple(tuple(order.index(name) for name in saved) for _, saved, _ in names),
        keywords=tuple(keywords for _, _, keywords in names),
        cotangents=tuple(
            ALL if incoming == ("gs",) else tuple(int(name[1:] or 0) for name in incoming)
            for incoming, _, _ in names
        ),
        joint=joint,
        variadic=variadic,
        results=results,
        fresh=fresh,
        jvps=None if jvp is None else _pushes(jvp, params, fun),
        batch=batch,
        kernel=kernel or getattr(fun, "__wrapped__", fun),
        ordered=batch is ALIGNED and kind in POINTWISE if ordered is None else ordered,
    )


def _matches_elements(fun: Any, kind: str) -> bool:
    return kind == "elementwise" or (isinstance(fun, ufunc) and fun.signature is None)


def _own_code(fun: Any) -> Any:
    """The code of a primitive, or of a function made of primitives; None of NumPy's functions."""
    if isinstance(fun, ufunc) or fun.__module__.startswith("numpy"):
        return None
    return getattr(fun, "__wrapped__", fun).__code__


def _inputs(fun: Any) -> tuple[tuple[str, ...], bool]:
    """The names of a primitive's array arguments, and whether it takes any number of them."""
    code = _own_code(fun)
    if code is None:
        return ("x", "y", "z"), False
    if code.co_flags & CO_VARARGS:
        return (code.co_varnames[code.co_argcount + code.co_kwonlyargcount],), True
    return code.co_varnames[: code.co_argcount], False


def _parameters(vjp: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The names of a rule's cotangents, of the values that it saves, and of its metadata."""
    code = vjp.__code__
    count = code.co_argcount
    positional = code.co_varnames[:count]
    incoming = tuple(
        name
        for name in positional
        if name in ("g", "gs") or (name[0] == "g" and name[1:].isdigit())
    )
    keywords = code.co_varnames[count : count + code.co_kwonlyargcount]
    return incoming, positional[len(incoming) :], keywords


def _pushes(jvp: Any, params: tuple[str, ...], fun: Callable) -> tuple[Push | None, ...]:
    """What the functions of a forward mode read, from the names of their parameters."""
    pushes = []
    for f in jvp if type(jvp) is tuple else (jvp,):
        if f is None:
            pushes.append(None)
            continue
        code = f.__code__
        count = code.co_argcount
        saves = [Save(*_locate(n, params, fun), frozenset()) for n in code.co_varnames[1:count]]
        keywords = code.co_varnames[count : count + code.co_kwonlyargcount]
        pushes.append(Push(f, tuple(saves), keywords))
    return tuple(pushes)


def _locate(name: str, params: tuple[str, ...], fun: Callable) -> tuple[str, int]:
    if name.startswith("out") and (name == "out" or name[3:].isdigit()):
        return "out", int(name[3:] or 0)
    if name.endswith("_meta") and name[:-5] in params:
        return "meta", params.index(name[:-5])
    if name in params:
        return "in", params.index(name)
    raise ValueError(
        f"rule of {fun.__name__}: '{name}' is no input ({', '.join(params)}), no <input>_meta, no "
        "out"
    )
