"""gradcheck: recorded derivatives against differences of the function. Imports modes and
the comparison.

The numeric Jacobian is the central difference (f(x + eps) - f(x - eps)) / (2 eps).
"""

import sys
from collections.abc import Callable
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from ..core.engine import run
from ..core.hooks import seen
from ..core.quiet import warn
from ..core.tape import node_and_number
from ..core.tensor import Tensor, edge_of, wrap
from ..functions.random import rand
from .comparing import (
    GradcheckError,
    Settings,
    check_zero,
    check_zero_fast,
    compare,
    compare_fast,
    parts,
)
from .differences import as_tuple, differentiable
from .differentiate import grad
from .function import BackwardCFunction
from .grad_mode import enable_grad
from .modes import check_batched, check_batched_forward, check_forward

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

SEE_NOTES = (
    'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"\n'
    "A Function with ctx.set_materialize_grads(False) gets None for outputs without gradient, and "
    "returns None (or zeros) where all are None."
)


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the derivatives of `func` at `inputs` agree with differences: every output that
    requires grad with every input that does, |analytical - numerical| <= atol + rtol |numerical|.

    eps: the step of the differences, for float64 and complex128 inputs. nondet_tol: how much two
    backward passes may differ. check_undefined_grad: also pass None for outputs' gradients.
    check_grad_dtypes: gradients must have their inputs' dtypes. check_batched_grad,
    check_batched_forward_grad: also compare passes under vmap with single ones. check_forward_ad,
    check_backward_ad: which of the two modes is checked. fast_mode: compare v^T J u for one pair of
    random vectors instead of each entry. masked: for sparse tensors, which there are none of.
    Complex inputs are checked in both directions, complex outputs part by part. Returns True;
    raises GradcheckError, or returns False if `raise_exception` is False; ValueError if no input
    requires grad; RuntimeError for inputs that overlap themselves (expand). Source:
    torch.autograd.gradcheck.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    s = Settings(eps, atol, rtol, nondet_tol, check_grad_dtypes)
    try:
        arguments = as_tuple(inputs)
        wanted = _checked_inputs(arguments)
        outputs = differentiable(func(*arguments))
        if not outputs:
            (check_zero_fast if fast_mode else _check_zero)(func, arguments, wanted, s)
            return True
        if check_backward_ad:
            for part in parts(func, outputs):
                (compare_fast if fast_mode else compare)(part, arguments, wanted, s)
        if check_forward_ad:
            check_forward(func, arguments, s, fast=fast_mode, undefined=check_undefined_grad)
        if check_batched_forward_grad:
            check_batched_forward(func, arguments)
        if check_backward_ad:
            if check_batched_grad:
                check_batched(outputs, wanted)
            _check_linear(outputs, wanted)
            if check_undefined_grad:
                _check_undefined(func, arguments, outputs, wanted)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_zero(func: Callable, inputs: tuple, wanted: list[Tensor], s: Settings) -> None:
    check_zero(func, inputs, wanted, s.eps)


def _checked_inputs(inputs: tuple) -> list[Tensor]:
    """The inputs that require grad; errors and warnings for those that cannot be checked."""
    wanted = []
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        wanted.append(x)
        if x._a.dtype not in (np.float64, np.complex128):
            warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. "
            )
        steps = zip(x._a.strides, x._a.shape, strict=True)
        if x._a.size and any(not step and n > 1 for step, n in steps):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients correctly. "
                "You should call .contiguous on the input before passing it to gradcheck."
            )
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    return wanted


# --- gradients of zero and of nothing -------------------------------------------------------------


def _check_linear(outputs: tuple[Tensor, ...], wanted: list[Tensor]) -> None:
    zeros = [wrap(np.zeros_like(y._a)) for y in outputs]
    found = grad(outputs, wanted, zeros, retain_graph=True, allow_unused=True)
    for i, g in enumerate(found):
        if g is not None and g._a.any():
            raise GradcheckError(
                "backward not multiplied by grad_output\n"
                f"With zeros as gradient of all outputs, the gradient of input {i} is\n{g!r}"
            )


def _check_undefined(
    func: Callable, inputs: tuple, outputs: tuple[Tensor, ...], wanted: list[Tensor]
) -> None:
    """Functions must cope with None as gradient of all outputs, and of each one by itself."""
    everything = set(range(len(outputs)))
    for absent in [everything, *({i} for i in everything if len(outputs) > 1)]:
        try:
            found = _without_cotangents(differentiable(func(*inputs)), absent, wanted)
        except RuntimeError as error:
            _warn_of_the_check()
            raise GradcheckError(
                f"Expected backward function to handle undefined output grads. {SEE_NOTES}"
            ) from error
        for i, g in enumerate(found):
            if g is not None and g._a.any():
                _warn_of_the_check()
                raise GradcheckError(
                    "Expected all input grads to be undefined or zero when all output grads are "
                    f"undefined or zero. {SEE_NOTES}\nThe gradient of input {i} is\n{g!r}"
                )


def _warn_of_the_check() -> None:
    warn(
        "Backwards compatibility: New undefined gradient support checking feature is enabled by "
        "default, but it may break existing callers of this function. If this is true for you, you "
        'can call this function with "check_undefined_grad=False" to disable the feature'
    )


def _without_cotangents(
    outputs: tuple[Tensor, ...], absent: set[int], wanted: list[Tensor]
) -> list[Tensor | None]:
    """The gradients of `wanted` for zeros as cotangents of the outputs, and none of those in
    `absent`.

    The engine runs no node that nothing arrives at; a Function that is only reached by an absent
    cotangent is run here.
    """
    edges = [edge_of(y) for y in outputs]
    roots = [e for i, e in enumerate(edges) if i not in absent]
    cotangents: list[Any] = [np.zeros_like(y._a) for i, y in enumerate(outputs) if i not in absent]
    reached = {node_and_number(e)[0] for e in roots}
    for i in sorted(absent):
        node = node_and_number(edges[i])[0]
        if isinstance(node, BackwardCFunction) and node not in reached:
            reached.add(node)
            for edge, g in zip(
                node.edges, node.vjp([None] * node.results, node.saved, node.edges), strict=False
            ):
                if edge is not None and g is not None:
                    roots.append(edge)
                    cotangents.append(g)
    if not roots:
        return [None] * len(wanted)
    keys = [edge_of(x) for x in wanted]
    found = run(roots, cotangents, retain=True, create=False, targets=dict.fromkeys(keys, False))
    return [seen(found.get(key)) for key in keys]


# --- second derivatives ---------------------------------------------------------------------------


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """gradcheck of the gradients: whether the second derivatives of `func` at `inputs` agree with
    differences of the first.

    grad_outputs: the outputs' weights; without them they are drawn from [-1, 1)
    (gen_non_contig_grad_outputs: in non-contiguous memory) and require grad, so that derivatives by
    them are checked too. check_rev_over_rev: backward of the backward; check_fwd_over_rev: forward
    mode through the backward. Other arguments: as for `gradcheck`. Source:
    torch.autograd.gradgradcheck.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError(
            "Setting check_undefined_grad=True requires check_rev_over_rev to be True"
        )
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_rev_over_rev to be True"
        )
    inputs = as_tuple(inputs)
    if grad_outputs is None:
        weights = tuple(
            _weight(y, gen_non_contig_grad_outputs) for y in differentiable(func(*inputs))
        )
        if not weights and any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
            raise ValueError(
                "gradgradcheck expects at least one output to require gradient, but the function "
                "returned none that does."
            )
    else:
        weights = as_tuple(grad_outputs)
    return gradcheck(
        _gradients_of(func, inputs, weights),
        (*inputs, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _weight(y: Tensor, scattered: bool) -> Tensor:
    """Uniform numbers of [-1, 1) with the shape of an output, as a leaf; `scattered`: every second
    element of a larger memory.
    """
    t = rand(y._a.shape, dtype=y.dtype) * 2 - (1 + 1j if y._a.dtype.kind == "c" else 1)
    if scattered and y._a.size > 1 and y._a.ndim:
        t = wrap(np.repeat(t._a, 2, axis=-1)[..., ::2])
    return t.detach().requires_grad_()


def _gradients_of(func: Callable, inputs: tuple, weights: tuple) -> Callable[..., tuple]:
    """The function (inputs, weights) -> gradients of the inputs, itself recorded."""
    requiring = [isinstance(x, Tensor) and x.requires_grad for x in (*inputs, *weights)]

    def gradients(*args: Any) -> tuple:
        args = tuple(
            x.requires_grad_() if wanted else x for x, wanted in zip(args, requiring, strict=True)
        )
        x, g = args[: len(inputs)], args[len(inputs) :]
        wanted = [t for t in x if isinstance(t, Tensor) and t.requires_grad]
        with enable_grad():
            outputs = differentiable(func(*x))
            found = grad(outputs, wanted, g, create_graph=True, allow_unused=True)
        return tuple(v for v in found if v is not None)

    return gradients


class _CallableModule(ModuleType):
    """torch.autograd.gradcheck is the function; `import torch.autograd.gradcheck` must not make a
    mere module of it.
    """

    __signature__ = signature(gradcheck)

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
