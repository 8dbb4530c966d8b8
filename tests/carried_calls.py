"""Sample calls of the public functions, gathered from the tables of the parity tests, and their
runs under vmap and in forward mode, compared with what they mean.
"""

import importlib
import re
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from expressions import names as expression_names
from graph_calls import modules

import dynagrad
from dynagrad import func
from dynagrad.core.tensor import Tensor, wrap

sys.path.insert(0, str(Path(__file__).parent / "parity"))


class Case(NamedTuple):
    """A program (parts separated by `;`, the last is the result), its tensors and other names."""

    text: str
    arrays: dict[str, np.ndarray]
    scope: dict[str, Any]
    #: values of the batch keep the properties of the tensors (positive definite, ...)
    scaled: bool = False


def _table(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _used(text: str, arrays: dict) -> dict:
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    return {name: array for name, array in arrays.items() if name in words}


def _elementwise() -> list[Case]:
    draw, shapes = _table("test_elementwise", "draw"), ((3, 4), (4,), (3, 1))
    found = []
    for calls, program in (("CALLS", "{}"), ("IN_PLACE", "x = x * 1; {}"), ("COMPLEX", None)):
        if program is None:
            continue
        for text, *domains in _table("test_elementwise", calls):
            arrays = dict(zip("xyz", draw(text, domains, shapes), strict=False))
            found.append(Case(program.format(text), arrays, {"m": dynagrad}))
    return found


def _expressions() -> list[Case]:
    tensors = expression_names(dynagrad, False)
    scope = {k: v for k, v in tensors.items() if not isinstance(v, Tensor)}
    arrays = {k: v._a for k, v in tensors.items() if isinstance(v, Tensor)}
    found = []
    for module in ("test_indexing", "test_shape"):
        for text in _table(module, "RESULTS") + _table(module, "PROGRAMS"):
            found.append(Case(text, _used(text, arrays), scope))
    return found


#: what those tables call in other ways: comparisons, integers, conversions, copies
OTHERS = """
torch.isclose(m, m * (1 + 1e-9)) torch.isfinite(m / 0) torch.isin(m, v) torch.isinf(m / 0)
torch.isnan(m) torch.isneginf(m / 0) torch.isposinf(m / 0) torch.isreal(m) torch.signbit(m)
torch.logical_and(m>0, m<1) torch.logical_or(m>0, m<-1) torch.logical_xor(m>0, m<1)
torch.logical_not(m>0) torch.eq(m, m.round()) (m!=m.round()) (m<=0.5) (m>=s) torch.greater(m, s)
torch.bitwise_and((m>0).int(), 3) torch.bitwise_or((m>0).int(), 2) ~(m>0) (m>0)^(m<1)
torch.bitwise_left_shift((4*m).long(), 1) torch.bitwise_right_shift((9*m).long(), 1)
torch.gcd((9*m).long(), L([6])) torch.lcm((9*m).long(), L([6]))
torch.index_copy(m, 0, L([0]), m[1:2]) torch.ger(v, v) torch.positive(m)
torch.chain_matmul(sq, m) torch.concatenate([m, m]) torch.pinverse(sq) torch.prelu(m, s.abs())
torch.as_strided_scatter(m, v[:4].view(2,2), (2,2), (4,1)) torch.conj_physical(torch.complex(m, m))
torch.view_as_complex(x.reshape(3,4,2)) torch.resolve_conj(m) torch.fill(m, s) torch.matmul(sq, m)
torch.zeros_like(m) torch.ones_like(m) torch.full_like(m, 2.5) m.new_zeros(2) m.new_full((2,),3.)
m.new_ones((2,3)) torch.empty_like(m).fill_(2) m.new_empty(3).zero_() m.new_tensor([1.,2.])
torch.as_tensor(m) torch.asarray(m) m.half() m.bfloat16().float() m.cdouble() m.cfloat() m.byte()
m.short() m.char() m.type_as(sq) m.type(torch.float32) m.cpu() m.to(torch.float32) m.to(sq)
m.abs().sqrt().clone().addmm_(sq,m) v.clone().addmv_(torch.ones(6,6).double(),v) m.data
sq.clone().addr_(v[:3],v[3:]) x.clone().baddbmm_(torch.ones(2,3,3).double(),x) m.clone().cumsum_(0)
m.clone().cumprod_(1) sq.clone().fill_diagonal_(2) m.clone().gt_(0) m.clone().logical_not_()
m.abs().float_power_(1.5) (m>0).clone().logical_and_(m<1)
m.clone().nextafter_(m+1) m.clone().copy_(m*2) m.clone().scatter_reduce_(0,I(1,4),m,'sum')
m.clone().index_reduce_(0,L([0]),m[:1],'prod') m.clone().swapaxes_(0,1) m.clone().polygamma_(1)
m.clone().multiply_(m).subtract_(m).divide_(m.exp()).true_divide_(2) m.clone().detach_()
m.abs().add(1.1).acosh_() m.clone().asinh_() m.tanh().clone().atanh_() m.clone().clip_(-1,1)
m.clone().clamp_max_(0.5) m.clone().ldexp_(L([2])) torch.selu_(m.clone()) torch.celu_(m.clone())
torch.threshold_(m.clone(),0.1,0.) torch.stack([*m]) torch.stack([r for r in m.unbind()])
""".split("\n")


def _others() -> list[Case]:
    scope = {k: v for k, v in expression_names(dynagrad, False).items()}
    arrays = {k: v._a for k, v in scope.items() if isinstance(v, Tensor)}
    plain = {k: v for k, v in scope.items() if not isinstance(v, Tensor)}
    return [
        Case(text, _used(text, arrays), plain)
        for line in OTHERS
        for text in re.findall(r"(?:[^\s(\[]|\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\])+", line)
    ]


def _same_calls() -> list[Case]:
    scope = {"T": dynagrad, "inf": float("inf"), "nan": float("nan")}
    reductions = _table("test_reduction", "REDUCING"), _table("test_reduction", "A")
    sorts = _table("test_sorting", "SELECTING") + _table("test_sorting", "BY_RANK")
    arrays = _table("test_sorting", "A")
    found = [Case(text, {"x": reductions[1]}, scope) for text in reductions[0]]
    found += [Case(text, {"x": arrays}, scope) for text in sorts]
    numbers = np.array([[1.0, 1, 3, 3], [1, 1, 3, 3], [2, 0, 3, 2]])
    found += [Case(text, {"x": numbers}, scope) for text in _table("test_sorting", "DISTINCT")]
    return found


def _graph_calls() -> list[Case]:
    scope = {**modules(True), "inf": float("inf")}
    arrays = _table("test_contraction", "arrays")
    found = [
        Case(text, arrays(shapes), scope) for text, shapes, _ in _table("test_contraction", "CALLS")
    ]
    for equation, shapes in _table("test_contraction", "EINSUM"):
        given = arrays(shapes)
        found.append(Case(f"T.einsum({equation!r}, {', '.join(given)})", given, scope))
    found += [
        Case(text, tensors, scope, True) for text, tensors, _ in _table("test_linalg", "CALLS")
    ]
    return found


def _neural() -> list[Case]:
    scope = {**modules(True), "nn": dynagrad.nn}
    normal, unit = _table("test_neural", "normal"), _table("test_neural", "unit")
    found = [
        Case(text, {"x": 3 * normal(4, 6)}, scope) for text in _table("test_neural", "ACTIVATIONS")
    ]
    for name in _table("test_neural", "IN_PLACE"):
        found.append(Case(f"F.{name}(x * 1, inplace=True)", {"x": 2 * normal(3, 4)}, scope))
    for text, _, tensors in _table("test_neural", "LOSSES"):
        for reduction in ("mean", "none"):
            filled = re.sub(r"\bR\b", f"reduction={reduction!r}", text)
            found.append(Case(filled, tensors, scope))
    rng = np.random.default_rng(4)
    for text, shape, target in _table("test_neural", "CLASSES"):
        for reduction in ("mean", "none"):
            tensors = {"x": normal(*shape), "t": np.array(rng.integers(0, 3, target))}
            tensors |= {"w": unit(3)} if "w," in text else {}
            found.append(Case(text.replace("R)", f"reduction={reduction!r})"), tensors, scope))
    for text, *shapes in _table("test_neural", "LINEAR"):
        tensors = {n: normal(*s) for n, s in zip("xwb", shapes, strict=True) if s is not None}
        found.append(Case(text, tensors, scope))
    found += [Case(text, tensors, scope) for text, tensors, _ in _table("test_neural", "LAYERS")]
    return found + _modules(scope)


def _modules(scope: dict) -> list[Case]:
    rng = np.random.default_rng(6)
    found = []
    for name, options, shape in _table("test_nn", "LAYERS"):
        text = f"nn.{name}(**{options}).double()(x * 1)"
        found.append(Case(text, {"x": rng.standard_normal(shape)}, scope))
    for name, options, kind in _table("test_nn", "LOSSES"):
        x, y = _table("test_nn", "loss_inputs")(kind, rng)
        given = ", ".join(
            f"{k}=T.tensor({v}, dtype=T.float64)" if isinstance(v, list) else f"{k}={v!r}"
            for k, v in options.items()
        )
        found.append(Case(f"nn.{name}({given})(x, y)", {"x": x, "y": y}, scope))
    return found


def cases() -> list[Case]:
    """All of them that take floating tensors and give tensors."""
    found = {}
    for case in [
        *_elementwise(),
        *_expressions(),
        *_others(),
        *_same_calls(),
        *_graph_calls(),
        *_neural(),
    ]:
        if any(a.dtype.kind == "f" for a in case.arrays.values()):
            try:
                results = flat(run(case, _tensors(case.arrays)))
            except RuntimeError:  # a call of the tables that wants integers
                continue
            if results and all(isinstance(r, Tensor) for r in results):
                shapes = tuple((k, a.shape) for k, a in case.arrays.items())
                found.setdefault((case.text, shapes), case)
    return list(found.values())


def _tensors(arrays: dict) -> list[Tensor]:
    return [wrap(a.copy()) for a in arrays.values()]


def run(case: Case, tensors: Any) -> Any:
    """The program's result for these tensors."""
    scope = {**case.scope, **dict(zip(case.arrays, tensors, strict=True))}
    *statements, last = case.text.split(";")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "nn" in scope:
            dynagrad.manual_seed(0)
        for statement in statements:
            exec(statement.strip(), scope)
        return eval(last.strip(), scope)


def flat(result: Any) -> list:
    """The leaves of tuples and lists, one in the other."""
    return [t for r in result for t in flat(r)] if isinstance(result, tuple | list) else [result]


#: Inputs that have no derivative, in PyTorch neither: (how the call begins, their names here).
CONSTANT = [
    (r"F\.(nll_loss|cross_entropy|multi_margin_loss)\(", "w"),
    (r"F\.binary_cross_entropy\(", "w"),
    (r"(F\.soft_margin_loss|nn\.SoftMarginLoss\(\))\(", "y"),
    (r"F\.batch_norm\(", "mv"),
]
#: Calls that read one triangle of x: forward mode takes a tangent of x for symmetric.
SYMMETRIC = re.compile(r"L\.(cholesky|eigh)\(x\b")


def constant(case: Case) -> list[str]:
    """The names of the floating tensors by which the call cannot be differentiated."""
    names = "".join(names for call, names in CONSTANT if re.match(call, case.text))
    return [name for name in case.arrays if name in names]


def differentiable(case: Case) -> list[int]:
    """The places of the floating tensors by which the call can be differentiated."""
    fixed = constant(case)
    return [i for i, (k, a) in enumerate(case.arrays.items()) if _floats(a) and k not in fixed]


def _floats(a: np.ndarray) -> bool:
    return a.dtype.kind == "f"


def batch_of(case: Case, name: str, size: int = 3) -> list[np.ndarray]:
    """Different values of one tensor, of the same domain."""
    a = case.arrays[name]
    if case.scaled:
        return [np.asarray(a * (1 - 0.03 * i)) for i in range(size)]
    if not a.ndim:
        return [np.asarray(a * (1 - 0.03 * i) if a.dtype.kind == "f" else a) for i in range(size)]
    return [np.roll(a, i) for i in range(size)]


def check_vmap(case: Case, batched: tuple[str, ...], function: Any = None) -> None:
    """vmap over these tensors equals the loop."""
    names = list(case.arrays)
    of_case = function or (lambda *tensors: tuple(flat(run(case, tensors))))
    values = {n: batch_of(case, n) for n in batched}
    expected = []
    for i in range(3):
        given = [wrap((values[n][i] if n in values else case.arrays[n]).copy()) for n in names]
        expected.append(of_case(*given))
    given = [wrap(np.stack(values[n]) if n in values else case.arrays[n].copy()) for n in names]
    dims = tuple(0 if n in values else None for n in names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = func.vmap(of_case, in_dims=dims)(*given)
    for ours, *parts in zip(found, *expected, strict=True):
        assert_close(ours, np.stack([p._a for p in parts]), f"vmap over {batched} of {case.text}")


def check_jvp(case: Case) -> None:
    """Forward and reverse mode agree: <u, J v> = <J^T u, v>."""
    rng = np.random.default_rng(1)
    which = differentiable(case)
    given = _tensors(case.arrays)

    def f(*floats):
        tensors = [t.clone() for t in _tensors(case.arrays)]
        for i, t in zip(which, floats, strict=True):
            tensors[i] = t
        return tuple(t for t in flat(run(case, tensors)) if t._a.dtype.kind in "fc")

    primals = tuple(given[i] for i in which)
    tangents = tuple(_tangent(case, p, rng) for p in primals)
    if not f(*[wrap(p._a.copy()) for p in primals]):
        return
    outputs, pushed = func.jvp(f, primals, tangents)
    same, pull = func.vjp(f, *primals)
    cotangents = tuple(_random_like(y, rng) for y in outputs)
    pulled = pull(cotangents)
    for a, b in zip(outputs, same, strict=True):
        assert_close(a, b._a, f"value of {case.text}")
    left = sum(np.vdot(u._a, t._a).real for u, t in zip(cotangents, pushed, strict=True))
    right = sum(np.vdot(c._a, v._a).real for c, v in zip(pulled, tangents, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9, err_msg=case.text)


def _tangent(case: Case, primal: Tensor, rng: Any) -> Tensor:
    drawn = np.asarray(rng.standard_normal(primal._a.shape))
    return wrap(drawn + drawn.swapaxes(-1, -2) if SYMMETRIC.search(case.text) else drawn)


def _random_like(t: Tensor, rng: Any) -> Tensor:
    return wrap(np.asarray(rng.standard_normal(t._a.shape)).astype(t._a.dtype))


def gradient_of(case: Case) -> Any:
    """The gradients of the results' sum by all tensors that have one, as a function of all."""
    which = tuple(differentiable(case))

    def scalar(*tensors):
        parts = [t for t in flat(run(case, tensors)) if t._a.dtype.kind in "fc"]
        total = sum((t.abs() if t._a.dtype.kind == "c" else t).double().sum() for t in parts)
        return total + sum(tensors[i].sum() * 0.0 for i in which)

    return func.grad(scalar, argnums=which)


def check_vmap_of_grad(case: Case) -> None:
    """vmap(grad) by all tensors that have a gradient equals the loop."""
    check_vmap(case, tuple(case.arrays), gradient_of(case))


def check_refuses_gradient(case: Case, name: str) -> None:
    """The call does not take this tensor while it requires grad."""
    given = _tensors(case.arrays)
    given[list(case.arrays).index(name)].requires_grad_()
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument"):
        run(case, given)


def assert_close(ours: Tensor, wanted: np.ndarray, what: str) -> None:
    """Shape, dtype and values."""
    found = ours._a
    assert found.shape == wanted.shape, what
    assert found.dtype == wanted.dtype, what
    exact = found.dtype.itemsize > 4
    np.testing.assert_allclose(
        found, wanted, rtol=1e-9 if exact else 1e-4, atol=1e-11 if exact else 1e-5, err_msg=what
    )
