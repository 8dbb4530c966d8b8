"""The sample calls of all derivative rules as test cases, and what runs them."""

import pkgutil
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pytest
from rule_calls import Call
from rule_samples import REFUSING, key_of, samples_of

import dynagrad as dg
import dynagrad.ops
from dynagrad.core.apply import apply
from dynagrad.core.protocols import default_node
from dynagrad.core.quiet import compute
from dynagrad.core.tensor import Tensor, wrap
from dynagrad.ops.rule import RULES, Rule

for module in pkgutil.walk_packages(dynagrad.ops.__path__, "dynagrad.ops."):
    import_module(module.name)

DERIVED = [rule for rule in RULES.values() if rule.kind != "constant"]

#: functions of the symmetric part of a matrix: differences are taken within symmetric matrices
SYMMETRIC = {"eigh", "cholesky"}


class Case(NamedTuple):
    """One sample call of one rule."""

    rule: Rule
    call: Call

    def __repr__(self) -> str:
        return key_of(self.rule)


CASES = [
    Case(rule, call)
    for rule in DERIVED
    if key_of(rule) not in REFUSING
    for call in samples_of(rule) or ()
]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=repr)


# --- running a rule ------------------------------------------------------------------------------


def is_real(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def derived_inputs(case: Case, arrays: list) -> list[int]:
    """The numbers of the inputs with a derivative."""
    rule = case.rule
    return [
        i
        for i, a in enumerate(arrays)
        if is_real(a) and (rule.joint or (i < len(rule.vjps) and rule.vjps[i] is not None))
    ]


def record(case: Case, arrays: list) -> tuple[list[Tensor | Any], list[Tensor]]:
    """The inputs as Tensors that require grad, and the results that depend on them."""
    wanted = derived_inputs(case, arrays)
    inputs = [
        wrap(a).requires_grad_() if i in wanted else wrap(a) if is_real(a) else a
        for i, a in enumerate(arrays)
    ]
    out = apply(default_node(case.rule.fun), *inputs, **case.call.metadata)
    outs = [out] if isinstance(out, Tensor) else list(out)
    return inputs, [o for o in outs if o.requires_grad]


def values(case: Case, arrays: list) -> list[np.ndarray]:
    """The floating results of the primitive."""
    result = compute(case.rule, arrays, case.call.metadata)
    results = result if type(result) is tuple else (result,)
    return [np.asarray(r) for r in results if np.asarray(r).dtype.kind in "fc"]


def inner(a: Any, b: Any) -> float:
    """The real inner product of two lists of arrays; None is zero."""
    return float(
        sum(np.sum(np.conj(x) * y).real for x, y in zip(a, b, strict=True) if x is not None)
    )


def like(rng: np.random.Generator, arrays: list) -> list[np.ndarray]:
    """Random arrays of the same shapes and dtypes."""
    made = []
    for a in arrays:
        r = rng.normal(size=a.shape)
        if a.dtype.kind == "c":
            r = r + 1j * rng.normal(size=a.shape)
        made.append(np.asarray(r).astype(a.dtype))
    return made


def directions(case: Case, rng: np.random.Generator, arrays: list) -> list:
    """A random direction for every input with a derivative, zeros for the others."""
    wanted = derived_inputs(case, arrays)
    ts = [like(rng, [a])[0] if i in wanted else None for i, a in enumerate(arrays)]
    if key_of(case.rule) in SYMMETRIC:
        ts = [t + t.T for t in ts]
    return ts


def moved(arrays: list, ts: list, step: float) -> list:
    return [a if t is None else a + step * t for a, t in zip(arrays, ts, strict=True)]


def gradients(inputs: list, outs: list, weights: list, *, create: bool = False) -> list:
    """The gradient for every input; None for those without."""
    leaves = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not leaves:
        return [None] * len(inputs)
    found = dg.autograd.grad(
        outs, leaves, [wrap(w) for w in weights], create_graph=create, allow_unused=True
    )
    each = iter(found)
    return [next(each) if isinstance(x, Tensor) and x.requires_grad else None for x in inputs]


def plain(tensors: list) -> list:
    return [None if t is None else t.detach().numpy() for t in tensors]
