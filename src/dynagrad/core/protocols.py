"""NumPy's protocols on Tensors: how derivative rules run under create_graph, and `np.tanh(t)` for
users."""

from collections.abc import Callable
from typing import Any

from numpy import ndarray

from ..ops.rule import RULES
from .apply import apply, of_number, promoted, scalar
from .carriers.carrier import Carrier, is_for_tensors
from .dtype import promote
from .storage import owner
from .tape import Node, node_class
from .tensor import Tensor, base_of, family_of, wrap
from .watch import PLAIN

_DEFAULT_NODES: dict[Callable, type[Node]] = {}
#: PyTorch's names of operations where NumPy's and ours differ; SumBackward0 is the sum of all
_TORCH_NAMES = {
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negative": "Neg",
    "absolute": "Abs",
    "square": "Pow",
    "power": "PowBackward1",
    "conjugate": "Conj",
    "log1p": "Log1P",
    **{f"arc{f}": f"A{f}" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "tan2")},
    **dict.fromkeys(("sum_over", "sum_as", "sum_to"), "SumBackward1"),
    **dict.fromkeys(("mean_over", "mean_as"), "MeanBackward1"),
    **dict.fromkeys(("spread", "broadcast_to", "broadcast_cast"), "Expand"),
    **dict.fromkeys(("copy", "contiguous"), "Clone"),
    **dict.fromkeys(("narrow", "sliced"), "Slice"),
    **dict.fromkeys(("fill_where", "drop"), "MaskedFill"),
    "add_scaled": "Add",
    "minus_scaled": "Rsub",
    "number_minus": "RsubBackward1",
    "power_scalar": "Pow",
    "power_of": "PowBackward2",
    "total": "Sum",
    "average": "Mean",
    "product": "Prod",
    "amax_over": "Amax",
    "amin_over": "Amin",
    "logsumexp_over": "Logsumexp",
    "vector_norm": "LinalgVectorNorm",
    "cast": "ToCopy",
    "swap": "Transpose",
    "unindex": "IndexPutImpl",
    "log_softmax_back": "LogSoftmaxBackwardData",
}


def default_node(fun: Callable) -> type[Node]:
    """The node class of a primitive that is reached through NumPy's protocols: `TanhBackward0` for
    np.tanh."""
    cls = _DEFAULT_NODES.get(fun)
    if cls is None:
        name = _TORCH_NAMES.get(fun.__name__) or "".join(
            part.capitalize() for part in fun.__name__.split("_")
        )
        if not name[:-1].endswith("Backward"):
            name += "Backward0"
        cls = _DEFAULT_NODES[fun] = node_class(name, RULES[fun])
    return cls


def _array_ufunc(self, ufunc, method, *inputs, **kwargs):
    if not is_for_tensors(inputs):
        return NotImplemented
    out = kwargs.pop("out", None)
    if method != "__call__" or (out is not None and out != (None,)) or kwargs:
        raise TypeError(
            f"np.{ufunc.__name__}.{method} with {sorted(kwargs)} cannot take a Tensor; use the "
            "public function, such as "
            "np.sum for np.add.reduce, without out="
        )
    return run_on_tensors(ufunc, inputs, {})


def _array_function(self, func, types, args, kwargs):
    if func in RULES:
        if not is_for_tensors(args):
            return NotImplemented
        return run_on_tensors(func, args, kwargs)
    return func(*_detached(args), **{k: _detached((v,))[0] for k, v in kwargs.items()})


def _detached(values: Any) -> tuple:
    return tuple(
        x.__array__()
        if isinstance(x, Tensor)
        else type(x)(_detached(x))
        if type(x) in (list, tuple)
        else x
        for x in values
    )


def run_on_tensors(fun: Callable, inputs: tuple, kw: dict) -> Any:
    """A primitive on Tensors and numbers: Python numbers are weak, arrays are constants."""
    like = next(x for x in inputs if isinstance(x, Tensor))
    if fun not in RULES:
        raise TypeError(
            f"{fun.__name__} has no derivative rule: give it one in dynagrad/ops, or convert with "
            "t.detach().numpy()"
        )
    rule = RULES[fun]
    if rule.kind == "elementwise":
        inputs = tuple([wrap(x) if isinstance(x, ndarray | Carrier) else x for x in inputs])
        common = iter(
            promoted([x for x, vjp in zip(inputs, rule.vjps, strict=True) if vjp is not None])
        )
        inputs = tuple(
            [x if vjp is None else next(common) for x, vjp in zip(inputs, rule.vjps, strict=True)]
        )
    else:
        inputs = tuple(
            of_number(scalar(x, promote(like._a.dtype, like._a.dtype)))
            if type(x) in (int, float)
            else x
            for x in inputs
        )
    result = apply(default_node(fun), *inputs, **kw)
    if not PLAIN and rule.kind == "linear" and type(result) is Tensor:
        if result._a is not like._a and owner(result._a) is owner(like._a):
            adopt(result, like)
    return result


def adopt(made: Tensor, x: Tensor) -> None:
    """Let a result that shows memory of `x`, such as the values of a batch, be a view of it."""
    made._v = family = family_of(x)
    base = base_of(x)
    family.has_views = True
    made._b = x if base is None else base
    made._n = family.rebased
    if made._e is not None:
        made._e.family = family


Tensor.__array_ufunc__ = _array_ufunc
Tensor.__array_function__ = _array_function
