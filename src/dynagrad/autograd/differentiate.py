"""`backward` and `grad`: argument checks and defaults around the engine; hooks and flags of single
tensors.
"""

import math
import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import errors
from ..core.carriers.batched import BatchLevel, enter, leave
from ..core.carriers.carrier import new_level
from ..core.dtype import FLOATING, category, from_numpy_dtype
from ..core.engine import deliver, run
from ..core.hooks import one_at_a_time, seen
from ..core.quiet import warn
from ..core.saved import as_tensors, unpacked
from ..core.tape import AccumulateGrad, Hooks, Node, Output, clock, extras, grad_mode, stale
from ..core.tensor import Tensor, edge_of, wrap
from ..ops.shape import sum_to
from .edges import GradientEdge, described, place_in_graph

#: False within a backward pass of this thread or task that returns gradients, or fills only those
#: that were named: a rule that starts a pass of its own would fill others
accumulating: ContextVar[bool] = ContextVar("accumulating", default=True)


#: what may stand at either end of a backward pass
ENDS = (Tensor, GradientEdge)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of `sum(tensors * grad_tensors)` to the `.grad` of the leaves (or of
    `inputs` only).

    grad_tensors: one weight of the same shape for each tensor; None for a scalar's 1. retain_graph:
    keep saved values for another pass (default: create_graph). create_graph: record the pass
    itself, for higher derivatives. Raises RuntimeError for tensors without history, non-scalar
    tensors without weight, freed graphs and saved values that were overwritten. Source:
    torch.autograd.backward.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning)
        grad_tensors = grad_variables
    if inputs is not None:
        inputs = _inputs(inputs, "backward")
    if inputs is not None and not inputs:
        raise RuntimeError(
            "`inputs` argument to `backward()` cannot be empty. Give tensors, or leave it out for "
            "all leaves."
        )
    tensors = _sequence(tensors, "tensors")
    weights = _weights(tensors, grad_tensors, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        _propagate(tensors, weights, retain, create_graph, None)
        return
    for t in inputs:
        if isinstance(t, Tensor):
            t.retain_grad()
    targets = _targets(inputs, _keys(inputs), accumulate=True)
    _propagate(tensors, weights, retain, create_graph, targets)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of `sum(outputs * grad_outputs)` with respect to `inputs`, as a tuple (a
    dict for a dict of inputs); no `.grad` is touched.

    allow_unused: None instead of an error for inputs that the outputs do not depend on;
    materialize_grads: zeros instead of None. is_grads_batched: each of `grad_outputs` is a batch of
    weights along its first dimension, and so are the gradients: one pass under vmap. Other
    arguments and errors as for `backward`. Source: torch.autograd.grad.
    """
    if materialize_grads:
        if allow_unused is False:
            raise ValueError(
                "Expected allow_unused to be True or not passed when materialize_grads=True, but "
                "got: allow_unused=False."
            )
        allow_unused = True
    outputs = _sequence(outputs, "outputs")
    names = tuple(inputs) if type(inputs) is dict else None
    inputs = _inputs(inputs, "grad")
    if not only_inputs:
        warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use "
            "torch.autograd.backward.",
            FutureWarning,
        )
    if not inputs:
        raise RuntimeError(
            "`inputs` argument to `grad()` cannot be empty. Give the tensors to differentiate by."
        )
    if is_grads_batched:
        keep = retain_graph, create_graph, materialize_grads
        return _batched_grad(outputs, inputs, grad_outputs, allow_unused, *keep)
    weights = _weights(outputs, grad_outputs, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    edges = _keys(inputs)
    found = _propagate(outputs, weights, retain, create_graph, _targets(inputs, edges))
    results: list[Any] = []
    for index, (t, edge) in enumerate(zip(inputs, edges, strict=True)):
        g = found.get(edge)
        if g is not None:
            results.append(seen(g))
        elif not allow_unused:
            kind = "leaf" if type(edge) is AccumulateGrad else type(edge).__name__
            shape = tuple(getattr(described(t), "shape", ()))
            raise RuntimeError(errors.UNUSED.format(index=index, what=f"(shape {shape}, {kind})"))
        elif materialize_grads and not isinstance(t, Tensor):
            raise RuntimeError(
                "materialize_grads cannot be used when the given input is a GradientEdge"
            )
        else:
            results.append(wrap(np.zeros_like(t._a)) if materialize_grads else None)
            if materialize_grads and create_graph:
                results[-1].requires_grad = True
    return tuple(results) if names is None else dict(zip(names, results, strict=True))


def _batched_grad(
    outputs: tuple,
    inputs: tuple,
    weights: Any,
    allow_unused: bool | None,
    retain: bool | None,
    create: bool,
    materialize: bool,
) -> tuple[Any, ...]:
    weights = _batch_of_weights(outputs, weights)
    with new_level(BatchLevel, weights[0]._a.shape[0]) as level:
        rows = tuple([enter(g, level) for g in weights])
        found = grad(
            outputs, inputs, rows, retain, create, allow_unused=allow_unused or materialize
        )
        results = [g if g is None else leave(g, level) for g in found]
    if materialize:
        results = [
            wrap(np.zeros_like(t._a)) if g is None else g
            for g, t in zip(results, inputs, strict=True)
        ]
    return tuple(results)


def _batch_of_weights(outputs: tuple, given: Any) -> tuple:
    """The weights given with is_grads_batched, checked."""
    if given is None:
        raise RuntimeError(
            "grad can be implicitly created only for scalar outputs\nWith is_grads_batched=True "
            "give grad_outputs: their first dimension is the batch."
        )
    given = (given,) if isinstance(given, Tensor) else tuple(given)
    for i, (t, g) in enumerate(zip(outputs, given, strict=False)):
        if g is None:
            raise ValueError(
                "vmap(vjp, in_dims=0, ...)(<inputs>): Got in_dim=0 for some input, but that input "
                f"is None: with is_grads_batched=True give a tensor as grad_outputs[{i}], its "
                "first dimension the batch."
            )
        if not g._a.ndim:
            raise IndexError(
                "invalid index of a 0-dim tensor. With is_grads_batched=True the first dimension "
                f"of grad_outputs[{i}] is the batch, and it has none."
            )
        if g._a.shape[1:] != t._a.shape:
            raise RuntimeError(
                errors.GRAD_BATCH_SHAPE.format(
                    i=i, given=list(g._a.shape[1:]), expected=list(t._a.shape)
                )
            )
    sizes = [g._a.shape[0] for g in given]
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return given


def _inputs(inputs: Any, name: str) -> tuple:
    """What to differentiate by: Tensors and GradientEdges."""
    if type(inputs) is dict:
        inputs = inputs.values()
    elif isinstance(inputs, Mapping):
        raise TypeError(
            f"`inputs` argument to `{name}()` must be a dict, not {type(inputs).__name__}. Other "
            "Mapping types are not supported."
        )
    return _sequence(inputs, "inputs")


def _sequence(tensors: Any, name: str) -> tuple:
    tensors = (tensors,) if isinstance(tensors, ENDS) else tuple(tensors)
    for i, t in enumerate(tensors):
        if not isinstance(t, ENDS):
            raise TypeError(f"{name}[{i}] must be a Tensor, not {type(t).__name__}")
    return tensors


def _weights(tensors: tuple, given: Any, create: bool) -> list:
    """One cotangent per tensor, as the engine wants it: arrays, or Tensors with create_graph."""
    if given is None or isinstance(given, Tensor):
        given = (given,) * len(tensors) if given is None else (given,)
    given = tuple(given)
    if len(given) < len(tensors):
        raise RuntimeError(
            f"got {len(tensors)} tensors and {len(given)} gradients\n"
            "Give one gradient (or None) for each tensor."
        )
    weights = []
    for i, (t, g) in enumerate(
        zip(tensors, given, strict=False)
    ):  # PyTorch ignores gradients beyond the tensors too
        if place_in_graph(t) is None:
            raise RuntimeError(errors.NO_GRAD_FN.format(index=i, reason=_why_no_graph(t)))
        a = described(t)
        if a is None:
            if g is None:
                raise RuntimeError(
                    "grad can be implicitly created only for scalar outputs\nThe shape of this "
                    "GradientEdge's result is not known: give its weight, or take the edge by "
                    "get_gradient_edge(tensor)."
                )
            a = g._a
        if g is None:
            if math.prod(a.shape) != 1:
                raise RuntimeError(errors.NOT_SCALAR.format(shape=tuple(a.shape)))
            if a.dtype.kind == "c":
                raise RuntimeError(
                    "grad can be implicitly created only for real scalar outputs but got "
                    + repr(from_numpy_dtype(a.dtype))
                )
            ones = np.empty(a.shape, a.dtype)
            ones.fill(1)
            weights.append(wrap(ones) if create else ones)
            continue
        if not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        if g._a.shape != a.shape:
            raise RuntimeError(
                errors.GRAD_SHAPE.format(index=i, given=list(g._a.shape), expected=list(a.shape))
            )
        if (g._a.dtype.kind == "c") != (a.dtype.kind == "c"):
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same "
                f"dtype. Mismatch in dtype: grad_output[{i}] has a dtype of {g.dtype!r} and "
                f"output[{i}] has a dtype of {from_numpy_dtype(a.dtype)!r}."
            )
        if g._a.dtype != a.dtype:
            g = wrap(g._a.astype(a.dtype))
        g: Any = np.conjugate(g) if a.dtype.kind == "c" else g
        weights.append(g if create else g._a)
    return weights


def _why_no_graph(t: Tensor) -> str:
    if category(t._a.dtype) < FLOATING:
        return f"Its dtype is {t.dtype!r}, and only floating and complex tensors have gradients."
    return (
        "It was made by the user without requires_grad=True, or from tensors without it, or under "
        "no_grad() or detach(). Set requires_grad=True on an input before the computation."
    )


def _keys(tensors: tuple) -> list:
    """The tensors' edges; equal edges (two views of one node's result) are the same key."""
    return [place_in_graph(t) for t in tensors]


def _targets(inputs: tuple, edges: list, *, accumulate: bool = False) -> dict:
    for i, (t, edge) in enumerate(zip(inputs, edges, strict=True)):
        if edge is None:
            raise RuntimeError(
                "One of the differentiated Tensors does not require grad\n"
                f"inputs[{i}] of shape {tuple(t._a.shape)} has requires_grad=False; set it before "
                "the computation."
            )
    return dict.fromkeys(edges, accumulate)


def _propagate(tensors: tuple, weights: list, retain: bool, create: bool, targets: Any) -> dict:
    edges = _keys(tensors)
    if not create and targets is None:
        return run(edges, weights, retain=retain, create=False)
    recording, filling = grad_mode.get(), accumulating.get()
    grad_mode.set(create or recording)
    accumulating.set(filling and targets is None)
    try:
        return run(edges, weights, retain=retain, create=create, targets=targets)
    finally:
        grad_mode.set(recording)
        accumulating.set(filling)


# --- methods of Tensor ----------------------------------------------------------------------------


def _tensor_backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Add the gradients of this tensor, weighted by `gradient`, to the leaves' `.grad`; see
    `autograd.backward`.
    """
    if gradient is None and inputs is None and not create_graph and self._a.size == 1:
        edge = edge_of(self)  # the everyday call, without the general one's sequences
        if edge is not None and self._a.dtype.kind != "c":
            one = np.empty(self._a.shape, self._a.dtype)
            one.fill(1)
            run([edge], [one], retain=bool(retain_graph), create=False)
            return
    weights = None if gradient is None else (gradient,)
    backward((self,), weights, retain_graph, create_graph, inputs=inputs)


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook off; also a context manager.

    It refers to the hooks weakly, so that a hook may hold its own handle; `extra_dict` (or a list
    of them) lose the same entry. A pickled handle brings its hooks along.
    """

    next_id = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None):
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        with one_at_a_time:  # two threads must not get the same number
            self.id = RemovableHandle.next_id
            RemovableHandle.next_id += 1
        extra = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self.extra_dict_ref = tuple([weakref.ref(d) for d in extra if d is not None])

    def remove(self) -> None:
        """Take the hook off; nothing happens if it is off already."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> tuple:
        return self.hooks_dict_ref(), self.id, tuple([ref() for ref in self.extra_dict_ref])

    def __setstate__(self, state: tuple) -> None:
        hooks, self.id, extra = state
        self.hooks_dict_ref = weakref.ref(Hooks() if hooks is None else hooks)
        self.extra_dict_ref = tuple([weakref.ref(d) for d in extra if d is not None])
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


def add_hook(hooks: Any, hook: Any, prepend: bool = False) -> RemovableHandle:
    """Put `hook` into the dict `hooks`, with `prepend` (an OrderedDict) first; its handle."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _register_hook(self, hook):
    """Call `hook(grad)` whenever this tensor's gradient is computed; what it returns, unless None,
    replaces it.
    """
    edge = edge_of(self)
    if edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    node, number = (edge.node, edge.number) if type(edge) is Output else (edge, 0)
    return add_hook(extras(node).tensor_hooks.setdefault(number, Hooks()), hook)


def _register_post_accumulate_grad_hook(self, hook):
    """Call `hook(tensor)` each time this leaf's `.grad` has been accumulated."""
    edge = edge_of(self)
    if edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if type(edge) is not AccumulateGrad:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return add_hook(extras(edge).post_accumulate, hook)


def _retain_grad(self):
    """Have backward store this non-leaf tensor's gradient in `.grad` too."""
    edge = edge_of(self)
    if edge is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if type(edge) is AccumulateGrad:
        return
    node, number = (edge.node, edge.number) if type(edge) is Output else (edge, 0)
    extras(node).retained[number] = weakref.ref(self)


def _retains_grad(self):
    """Whether `retain_grad()` was called on this non-leaf tensor."""
    edge = self._e
    if edge is None or type(edge) is AccumulateGrad:
        return False
    node, number = (edge.node, edge.number) if type(edge) is Output else (edge, 0)
    return node.extra is not None and number in node.extra.retained


def _node_register_hook(self, fn):
    """Call `fn(grad_inputs, grad_outputs)` after this node has run; a returned tuple replaces
    grad_inputs.
    """
    return add_hook(extras(self).posthooks, fn)


def _node_register_prehook(self, fn):
    """Call `fn(grad_outputs)` before this node runs; a returned tuple replaces grad_outputs."""
    return add_hook(extras(self).prehooks, fn)


def _node_call(self, *grads):
    """The cotangents of this node's inputs for the given ones of its results, without its hooks; a
    leaf's node adds to `.grad`. One result comes by itself, several as a tuple.
    """
    is_leaf = type(self) is AccumulateGrad
    if hasattr(self, "ctx"):  # a Function's
        raise TypeError(f"'{type(self).__name__}' object is not callable")
    count = 1 if is_leaf else self.results
    if len(grads) != count:
        raise TypeError(f"expected {count} arguments, got {len(grads)} instead")
    for i, g in enumerate(grads):
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(f"argument {i} is not a Variable\nGiven was {type(g).__name__}.")
    if all(g is None for g in grads):
        return () if is_leaf else (None,) * len(self.inputs_shown())
    create = grad_mode.get()
    parts = [g if g is None or create else g._a for g in map(seen, grads)]
    if is_leaf:
        deliver(self, parts[0], False, create)
        return ()
    saved = self.saved
    if saved is None:
        saved = unpacked(self, create)
    elif clock.last_write > self.seq:
        stale(self, saved)
    saved = as_tensors(self, saved) if create else saved
    results = list(self.vjp(parts if self.rule.results != 1 else parts[0], saved, self.edges))
    for i, shape in enumerate(self.fix or ()):
        if shape is not None and results[i] is not None and results[i].shape != shape:
            results[i] = sum_to(results[i], shape=shape)
    answers = tuple([seen(results[i]) for i in self.inputs_shown() if i < len(results)])
    return answers[0] if len(answers) == 1 else answers


_tensor_backward.__name__ = "backward"
_tensor_backward.__qualname__ = "Tensor.backward"
Tensor.backward = _tensor_backward
Tensor.register_hook = _register_hook
Tensor.register_post_accumulate_grad_hook = _register_post_accumulate_grad_hook
Tensor.retain_grad = _retain_grad
Tensor.retains_grad = property(_retains_grad)  # pyright: ignore - no write to an instance
Node.__call__ = _node_call  # pyright: ignore - declared nowhere else
Node.register_hook = _node_register_hook  # pyright: ignore - declared nowhere else
Node.register_prehook = _node_register_prehook  # pyright: ignore - likewise
