"""Derivatives of functions as values: jacobian, hessian, and products with them. Imports functions
and core.

Each takes a function of tensors and the point, and leaves the point's tensors as they are. The
result is nested as the arguments are: a Tensor for a Tensor, a tuple for a tuple.
"""

from collections.abc import Callable
from typing import Any

from ..core.carriers.carrier import Carrier
from ..core.tensor import Tensor, edge_of, leaf_edge, wrap
from ..functions.creation import zeros_like
from ..functions.shape import view_as
from .differentiate import grad
from .grad_mode import enable_grad
from .rows import forward_columns, jacobian_rows
from .strict import (
    CONSTANT_HESSIAN,
    CONSTANT_JACOBIAN,
    NO_PATH,
    NO_PATH_TO_GRAD,
    NO_PATH_TO_HESSIAN,
    NO_PATH_TO_JACOBIAN,
    require_graph,
)

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

STRATEGIES = ("forward-mode", "reverse-mode")


# --- arguments and results ------------------------------------------------------------------------


def _tuple(value: Any, what: str, caller: str) -> tuple[tuple[Tensor, ...], bool]:
    """The tensors given as one or as a tuple, and whether a tuple was given."""
    if isinstance(value, Tensor):
        return (value,), False
    expected = f"The {what} given to {caller} must be either a Tensor or a tuple of Tensors but the"
    if not isinstance(value, tuple):
        raise TypeError(f"{expected} given {what} has type {type(value)}.")
    for i, t in enumerate(value):
        if not isinstance(t, Tensor):
            raise TypeError(f"{expected} value at index {i} has type {type(t)}.")
    return value, True


def _points(tensors: tuple[Tensor, ...], create: bool, need_graph: bool = True) -> tuple:
    """The tensors as the function is to see them: recorded from here on; with `create` also
    connected with what the caller's tensors come from.
    """
    points = []
    for t in tensors:
        if create and edge_of(t) is not None:
            point = view_as(t, t)
        elif isinstance(t._a, Carrier):
            point = wrap(t._a)  # with its tangent, which detach() would drop
            point._e = leaf_edge(point) if need_graph else None
        else:
            point = t.detach().requires_grad_(need_graph)
        points.append(point)
    return tuple(points)


def _results(tensors: Any, is_tuple: bool, create: bool) -> Any:
    """Tensors as the caller gets them."""
    kept = tuple(
        t if create else wrap(t._a) if isinstance(t._a, Carrier) else t.detach() for t in tensors
    )
    return kept if is_tuple else kept[0]


def _outputs(
    func: Callable, points: tuple, caller: str, strict: bool
) -> tuple[tuple[Tensor, ...], bool]:
    outputs, is_tuple = _tuple(func(*points), "outputs of the user-provided function", caller)
    if strict:
        require_graph(outputs, "outputs")
    return outputs, is_tuple


def _single(func: Callable, points: tuple, caller: str, strict: bool) -> Tensor:
    """The only number that a function given to hessian, hvp or vhp returns."""
    outputs, is_tuple = _outputs(func, points, caller, strict)
    if is_tuple:
        raise RuntimeError(f"The function given to {caller} should return a single Tensor")
    if outputs[0]._a.size != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {caller} should contain a single element"
        )
    return outputs[0]


def _vector(
    v: Any, caller: str, create: bool, like: tuple[Tensor, ...], is_tuple: bool, none: str
) -> tuple | None:
    """The vector of a product, checked against the tensors that it goes with; None where it is
    implied.
    """
    if v is None:
        if len(like) != 1 or like[0]._a.size != 1:
            raise RuntimeError(
                f"The vector v can only be None if {none} a single Tensor with a single element."
            )
        return None
    vectors, _ = _tuple(v, "v", caller)
    if len(vectors) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}."
            if is_tuple
            else "The given v should contain a single Tensor."
        )
    for i, (given, t) in enumerate(zip(vectors, like, strict=True)):
        if given._a.shape != t._a.shape:
            where = f"Entry {i} in " if is_tuple else ""
            raise RuntimeError(
                f"{where}v has invalid size: should be {t.shape} but got {given.shape}."
            )
    return _points(vectors, create, need_graph=False)


ONE_INPUT = "the input to the user-provided function is"
ONE_OUTPUT = "the user-provided function returns"


# --- passes ---------------------------------------------------------------------------------------


def _gradients(
    outputs: tuple, inputs: tuple, vectors: tuple | None = None, create: bool = False
) -> tuple:
    """The gradients of the outputs that have a history; None for inputs without influence."""
    weights = (None,) * len(outputs) if vectors is None else vectors
    live = [
        (t, w)
        for t, w in zip(outputs, weights, strict=True)
        if t is not None and edge_of(t) is not None
    ]
    if not live:
        return (None,) * len(inputs)
    roots, seeds = zip(*live, strict=True)
    return grad(roots, inputs, seeds, create_graph=create, allow_unused=True)


def _filled(
    gradients: tuple, like: tuple, strict: bool, create: bool, missing: str, constant: str
) -> tuple:
    """Zeros in place of None; under `strict` what is independent is an error with these texts."""
    filled = []
    for i, (g, t) in enumerate(zip(gradients, like, strict=True)):
        if strict and (g is None or create and edge_of(g) is None):
            raise RuntimeError((missing if g is None else constant).format(i=i))
        filled.append(zeros_like(t) if g is None else g)
    return tuple(filled)


def _dummies(like: tuple) -> tuple:
    """Zeros that require grad: a linear map's argument, of which only the graph matters."""
    return tuple(zeros_like(t).requires_grad_() for t in like)


# --- products -------------------------------------------------------------------------------------


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), v^T J): the product of `v` with the Jacobian of `func` at `inputs`.

    v: tensors of the outputs' shapes; may be None where the only output is one number.
    create_graph: the results are recorded, for further derivatives. strict: an error, instead of
    zeros, where an output does not depend on an input. Complex tensors follow the convention of
    `backward`. Source: torch.autograd.functional.vjp.
    """
    with enable_grad():
        given, is_tuple = _tuple(inputs, "inputs", "vjp")
        points = _points(given, create_graph)
        outputs, is_outputs_tuple = _outputs(func, points, "vjp", strict)
        vectors = _vector(v, "vjp", create_graph, outputs, is_outputs_tuple, ONE_OUTPUT)
        found = _gradients(outputs, points, vectors, create_graph)
        products = _filled(found, points, strict, create_graph, NO_PATH, CONSTANT_JACOBIAN)
    return (
        _results(outputs, is_outputs_tuple, create_graph),
        _results(products, is_tuple, create_graph),
    )


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), J v): the product of the Jacobian of `func` at `inputs` with `v`.

    v: tensors of the inputs' shapes; may be None where the only input is one number. Two reverse
    passes: the first makes u -> u^T J, the second differentiates that by u, so that any function
    with a second derivative will do; `func.jvp` needs one forward pass instead. Other arguments: as
    for `vjp`. Source: torch.autograd.functional.jvp.
    """
    with enable_grad():
        given, is_tuple = _tuple(inputs, "inputs", "jvp")
        points = _points(given, create_graph)
        vectors = _vector(v, "jvp", create_graph, points, is_tuple, ONE_INPUT)
        outputs, is_outputs_tuple = _outputs(func, points, "jvp", strict)
        dummies = _dummies(outputs)
        linear = _gradients(outputs, points, dummies, create=True)
        if strict:
            require_graph(linear, "grad_inputs")
        found = _gradients(linear, dummies, vectors, create_graph)
        products = _filled(found, outputs, strict, create_graph, NO_PATH_TO_GRAD, CONSTANT_JACOBIAN)
    return (
        _results(outputs, is_outputs_tuple, create_graph),
        _results(products, is_outputs_tuple, create_graph),
    )


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), v^T H): the product of `v` with the Hessian of `func`, which returns one
    number, at `inputs`.

    Arguments: as for `jvp`. Source: torch.autograd.functional.vhp.
    """
    with enable_grad():
        given, is_tuple = _tuple(inputs, "inputs", "vhp")
        points = _points(given, create_graph)
        vectors = _vector(v, "vhp", create_graph, points, is_tuple, ONE_INPUT)
        output = _single(func, points, "vhp", strict)
        slopes = _gradients((output,), points, create=True)
        if strict:
            require_graph(slopes, "jacobian")
        found = _gradients(slopes, points, vectors, create_graph)
        products = _filled(
            found, points, strict, create_graph, NO_PATH_TO_JACOBIAN, CONSTANT_HESSIAN
        )
    return _results((output,), False, create_graph), _results(products, is_tuple, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), H v): the product of the Hessian of `func`, which returns one number, at
    `inputs` with `v`.

    A Hessian is symmetric: `vhp` gives the same with one reverse pass less. Arguments: as for
    `jvp`. Source: torch.autograd.functional.hvp.
    """
    with enable_grad():
        given, is_tuple = _tuple(inputs, "inputs", "hvp")
        points = _points(given, create_graph)
        vectors = _vector(v, "hvp", create_graph, points, is_tuple, ONE_INPUT)
        output = _single(func, points, "hvp", strict)
        slopes = _gradients((output,), points, create=True)
        if strict:
            require_graph(slopes, "jacobian")
        dummies = _dummies(points)
        linear = _gradients(slopes, points, dummies, create=True)
        if strict:
            require_graph(linear, "hessian")
        found = _gradients(linear, dummies, vectors, create_graph)
        products = _filled(
            found, points, strict, create_graph, NO_PATH_TO_HESSIAN, CONSTANT_HESSIAN
        )
    return _results((output,), False, create_graph), _results(products, is_tuple, create_graph)


# --- whole matrices -------------------------------------------------------------------------------


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func` at `inputs`, of shape (*output.shape, *input.shape): a tuple for
    several inputs, and of those a tuple for several outputs.

    create_graph: the result is recorded, for further derivatives. strict: an error, instead of
    zeros, where an output does not depend on an input. vectorize: all rows in one batched pass
    rather than one pass a row. strategy: "reverse-mode", or "forward-mode", which is cheaper for
    functions with more outputs than inputs and needs `vectorize`. Source:
    torch.autograd.functional.jacobian.
    """
    if strategy not in STRATEGIES:
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            f'Otherwise, prefer to use "reverse-mode".\nGiven was {strategy!r}.'
        )
    if strategy == "forward-mode":
        return _forward_jacobian(func, inputs, create_graph, strict, vectorize)
    if vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        given, is_tuple = _tuple(inputs, "inputs", "jacobian")
        points = _points(given, create_graph)
        outputs, is_outputs_tuple = _outputs(func, points, "jacobian", strict)
        matrices = tuple(
            _results(
                jacobian_rows(t, i, points, create_graph, strict, vectorize), is_tuple, create_graph
            )
            for i, t in enumerate(outputs)
        )
    return matrices if is_outputs_tuple else matrices[0]


def _forward_jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool, strict: bool, vectorize: bool
) -> Any:
    """The Jacobian by one forward pass with a batch of tangents, one for each element of an
    input.
    """
    named = 'torch.autograd.functional.jacobian: `{}=True` and `strategy="forward-mode"`'
    cure = 'Please either set `{}=False` or `strategy="reverse-mode"`.'
    if strict:
        raise RuntimeError(
            f"{named.format('strict')} are not supported together (yet). {cure.format('strict')}"
        )
    if create_graph:
        raise NotImplementedError(
            f"{named.format('create_graph')} are not supported together (yet). "
            f"{cure.format('create_graph')}"
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly "
            "implemented for `vectorize=True`."
        )
    given, is_tuple = _tuple(inputs, "inputs", "jacobian")
    for t in given:
        if t._a.dtype.kind not in "fcV":
            raise ValueError(
                f"Expected primal to be floating point or complex, but got: {t.dtype!r}. Convert "
                "it first, as in x.float()."
            )
    nesting = []

    def call(*points: Tensor) -> tuple:
        outputs, is_outputs_tuple = _outputs(func, points, "jacobian", False)
        nesting.append(is_outputs_tuple)
        return outputs

    with enable_grad():
        columns = forward_columns(call, _points(given, False, need_graph=False))
    matrices = tuple(_results(parts, is_tuple, False) for parts in columns)
    return matrices if nesting[0] else matrices[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of `func`, which returns one number, at `inputs`: for each pair of inputs a
    tensor of shape (*first.shape, *second.shape).

    The Jacobian of the gradient. Arguments: as for `jacobian`, whose `strategy` for the outer of
    the two derivatives is `outer_jacobian_strategy`. Source: torch.autograd.functional.hessian.
    """
    if outer_jacobian_strategy not in STRATEGIES:
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode".\n'
            f"Given was {outer_jacobian_strategy!r}."
        )
    given, is_tuple = _tuple(inputs, "inputs", "hessian")

    def slopes(*points: Tensor) -> tuple:
        points = _points(points, True)
        output = _single(func, points, "hessian", strict)
        found = jacobian_rows(output.reshape(()), 0, points, True, False, False)
        if strict:
            require_graph(found, "jacobian")
        return tuple(found)

    rows = jacobian(slopes, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return rows if is_tuple else rows[0][0]
