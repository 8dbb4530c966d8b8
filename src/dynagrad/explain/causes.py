"""What one operation does to a gradient that passes through it: sets it to zero, lets it grow, or
makes it NaN. Imports replay.
"""

from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..core.tape import AccumulateGrad, Node, node_and_number
from .reason import at, place_of_node, share
from .replay import Contribution, as_floats, numbers, run_rules

#: a local derivative below this share of 1 counts as saturated
SATURATION = 1e-3

DEAD = frozenset(
    "Relu Threshold Hardtanh Clamp ClampMin ClampMax Hardsigmoid Hardshrink Softshrink".split()
)
SATURATED = frozenset(
    "Sigmoid Tanh Softmax LogSoftmax LogSigmoid Softplus Erf Gelu Silu Elu Celu Mish Hardswish "
    "BinaryCrossEntropyWithLogits".split()
)
STEPS = frozenset("Round Floor Ceil Trunc Sign Sgn Signbit Heaviside Bernoulli".split())
MASKS = frozenset("Where MaskedFill MaskedSelect MaskedScatter Tril Triu NanToNum".split())
CHOICES = frozenset(
    "Max Min Amax Amin Maximum Minimum Fmax Fmin Kthvalue Median Nanmedian Topk Mode Cummax Cummin "
    "MaxPool1D MaxPool2DWithIndices MaxPool3DWithIndices AdaptiveMaxPool2D".split()
)
PARTS = frozenset(
    "Select Slice Index IndexSelect Gather Embedding EmbeddingBag Take Unfold AsStrided Diagonal "
    "Split SplitWithSizes Unbind Narrow".split()
)
WRITES = frozenset(
    "CopySlices CopyBackwards Fill Zero IndexFill IndexPut IndexCopy Scatter SliceScatter "
    "SelectScatter DiagonalScatter Put".split()
)


class Cause(NamedTuple):
    """Why an operation does what it does: a kind, what to say, and figures."""

    kind: str
    text: str
    figures: dict[str, Any]


def short(node: Node) -> str:
    """A node's name as readers know it: `Mul` for MulBackward0."""
    return errors.short_name(type(node).__name__)


def operand(node: Node, index: int) -> Any:
    """What the node saved of input `index`, as an array; None if it saved nothing of it."""
    saved = node.saved
    rule = getattr(node, "rule", None)
    if saved is None or rule is None:
        return None
    for (kind, place, _), value in zip(rule.saves, saved, strict=False):
        if kind != "in" or value is None:
            continue
        if rule.variadic and type(value) is tuple and index < len(value):
            return value[index]
        if place == index and hasattr(value, "dtype"):
            return value
    return None


def saved_arrays(node: Node) -> list[tuple[str, int, np.ndarray]]:
    """All floating arrays that a node saved: (kind, number, array)."""
    found: list[tuple[str, int, np.ndarray]] = []
    rule = getattr(node, "rule", None)
    if node.saved is None or rule is None:
        return found
    for (kind, place, _), value in zip(rule.saves, node.saved, strict=False):
        parts = value if type(value) is tuple else (value,)
        for number, part in enumerate(parts):
            if kind != "meta" and hasattr(part, "dtype") and part.dtype.kind in "fcV":
                where = number if type(value) is tuple else place
                found.append((kind, where, as_floats(part)))
    return found


def slopes(c: Contribution) -> np.ndarray | None:
    """The magnitudes of the local derivative of an operation on single elements, or None."""
    node = c.flow.node
    rule = getattr(node, "rule", None)
    if rule is None or rule.kind != "elementwise" or rule.results != 1 or not node.edges:
        return None
    arrays = saved_arrays(node)
    if not arrays:
        return None
    shape = np.broadcast_shapes(*(a.shape for _, _, a in arrays))
    ones = np.ones(shape, arrays[0][2].dtype)
    edges = tuple([e if i == c.index else None for i, e in enumerate(node.edges)])
    result = run_rules(node, ones, edges)[c.index]
    return None if result is None else np.abs(as_floats(result))


def _zero_part(c: Contribution) -> float:
    """The share of the elements at which the operation itself lets nothing through."""
    local = slopes(c)
    if local is not None and local.size:
        return 1 - np.count_nonzero(local) / local.size
    return c.numbers.zero_share


def _zero_factor(c: Contribution) -> Cause | None:
    """The other factor of a product, if it has zeros (as far as it was saved), and who made it."""
    node = c.flow.node
    others = [(numbers(a), i) for kind, i, a in saved_arrays(node) if kind == "in" and i != c.index]
    zeros, index = max(((n.zero_share, i) for n, i in others), default=(0.0, 0))
    if not zeros:
        return None
    made = ""
    maker = node_and_number(node.edges[index])[0] if index < len(node.edges) else None
    if maker is not None and type(maker) is not AccumulateGrad:
        made = f", which {short(maker).lower()} made {at(place_of_node(maker))}"
    text = f"{short(node).lower()} multiplies by a factor that is zero in {share(zeros)}"
    return Cause("times_zero", f"{text} of its elements{made}", {"share": zeros})


def zero_cause(c: Contribution) -> Cause:
    """Why zeros come out of an operation which were not in what it received."""
    node = c.flow.node
    name = short(node)
    out = c.numbers
    if name in STEPS or (name == "Div" and (node.kw or {}).get("rounding_mode")):
        text = f"{name.lower()} is constant between its steps: its derivative is zero by definition"
        return Cause("rounding", text, {"share": 1.0})
    if name in DEAD:
        part = _zero_part(c)
        text = f"{name.lower()} is flat for {share(part)} of its inputs and passes nothing back"
        return Cause("dead", f"{text} there", {"share": part})
    if name in SATURATED:
        return _saturated(c, name)
    if name in MASKS:
        text = f"{name.lower()} takes {share(1 - out.zero_share)} of the elements from this input"
        return Cause("masked", f"{text}; the others get no gradient", {"share": out.zero_share})
    if name in CHOICES:
        text = f"{name.lower()} chooses {share(1 - out.zero_share)} of these elements"
        return Cause("not_chosen", f"{text}; the others get no gradient", {"share": out.zero_share})
    if name in PARTS:
        text = f"{name.lower()} reads {share(1 - out.zero_share)} of these elements"
        return Cause("not_used", f"{text}; the others are never used", {"share": out.zero_share})
    if name in WRITES:
        text = f"{share(out.zero_share)} of these elements were overwritten ({name})"
        return Cause("overwritten", text, {"share": out.zero_share})
    factor = _zero_factor(c)
    if factor is not None:
        return factor
    if hasattr(node, "function"):
        text = f"the backward of {node.function.__name__} returns zeros"  # pyright: ignore
        return Cause("function", text, {"share": out.zero_share})
    part = _zero_part(c)
    text = f"the derivative of {name.lower()} is zero in {share(part)} of the elements here"
    return Cause("zero_derivative", text, {"share": part})


def _saturated(c: Contribution, name: str) -> Cause:
    local = slopes(c)
    if local is None or not local.size:
        text = f"{name.lower()} is saturated: its result hardly depends on its input"
        return Cause("saturated", text, {"share": 1.0})
    part = float(np.mean(local < SATURATION))
    text = (
        f"{name.lower()} is saturated for {share(part)} of its inputs (slope below {SATURATION:g}, "
        f"at most {float(local.max()):.2g})"
    )
    return Cause("saturated", text, {"share": part, "largest_slope": float(local.max())})


def _range(array: np.ndarray) -> str:
    """A range of magnitudes for sentences."""
    low, high = float(np.min(np.abs(array))), float(np.max(np.abs(array)))
    return f"of magnitude {low:.2g}" if low == high else f"of magnitudes {low:.2g} to {high:.2g}"


#: what happens at an input or result near zero
SMALL = {
    "Div": "divides by values",
    "Reciprocal": "divides by values",
    "Log": "takes the logarithm of values",
    "Log2": "takes the logarithm of values",
    "Log10": "takes the logarithm of values",
    "Log1P": "takes the logarithm of 1 plus values",
    "Sqrt": "has the slope 1 / (2 * result), with results",
    "Rsqrt": "divides by the root of values; results are",
    "Pow": "raises values",
    "Norm": "divides by the norm; it read values",
    "LinalgVectorNorm": "divides by the norm; it read values",
    "Exp": "has its result as its slope: results are",
    "Mul": "multiplies by values",
    "Mm": "multiplies by values",
    "Addmm": "multiplies by values",
    "Bmm": "multiplies by values",
    "Mv": "multiplies by values",
}


def growth_cause(c: Contribution) -> Cause:
    """Why what comes out of an operation is so much larger than what it received, or NaN."""
    node = c.flow.node
    name = short(node)
    arrays = saved_arrays(node)
    shown = [a for kind, i, a in arrays if a.size and (kind == "out" or i != c.index)]
    if name == "Div":  # the divisor tells, whichever input is asked for
        shown = [a for kind, i, a in arrays if kind == "in" and i == 1 and a.size]
    if not shown:
        shown = [a for _, _, a in arrays if a.size]
    verb = SMALL.get(name, "read values")
    figures: dict[str, Any] = {}
    text = name.lower()
    if shown:
        text += f" {verb} {_range(shown[0])}"
        figures["operand"] = (float(np.min(np.abs(shown[0]))), float(np.max(np.abs(shown[0]))))
    return Cause("growth", text, figures)


def is_masked_infinity(c: Contribution) -> bool:
    """Whether a NaN is 0 * inf: zeros arrived where the slope of the operation is infinite."""
    local = slopes(c)
    return local is not None and c.flow.incoming.zeros > 0 and bool(np.isinf(local).any())


def forward_is_bad(node: Node) -> bool:
    """Whether a node's saved values hold NaN or infinity already."""
    return any(not np.isfinite(a).all() for _, _, a in saved_arrays(node))


def how_bad(node: Node) -> str:
    """Whether a node made NaN or infinity, or read it: as far as what it saved tells."""
    kinds = {kind for kind, _, _ in saved_arrays(node)}
    bad = {kind for kind, _, a in saved_arrays(node) if not np.isfinite(a).all()}
    if bad != {"out"}:
        return "read by"
    return "made by" if kinds != bad else "seen in the result of"
