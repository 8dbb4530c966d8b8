"""Random programs over the whole surface, run in lockstep with PyTorch: values, dtypes, strides,
memory, versions and errors after each step, gradients at the end.

A program is a list of steps (number of an expression, three numbers, a mode). Every number is valid
for every expression: operands are chosen by it from the tensors there are. What a step yields is
compared and joins them; a step that PyTorch refuses must be refused here with an error of its type,
and must change nothing.

After a step that agrees within rounding, this library's tensors get PyTorch's very bits, behind
autograd's back: otherwise a rounding error would grow from step to step, and meet the jumps of
floor, sort and comparisons.
"""

import re
import warnings
from functools import cache
from types import CodeType
from typing import Any

import ml_dtypes
import numpy as np
import torch
from surface_tables import Step

import dynagrad

SHAPES = [(2, 3), (3,), (2, 1), (), (2, 2, 3), (1, 3), (3, 3), (0, 3), (4,)]
KINDS = """
float64 float64 float64 float32 float32 int64 int64 bool float16 bfloat16 complex128 complex64 int32
uint8 int8 int16
""".split()
#: in eighths: exact in every floating dtype; no two neighbours equal
VALUES = [5, -10, 3, 15, -5, 9, -2, 7, -14, 2, 11, -6, 0, 12, -1, 4]


class Discrepancy(AssertionError):
    """A step at which the libraries part."""


def put(x: Any, index: Any, value: Any) -> Any:
    """x[index] = value."""
    x[index] = value
    return x


def _numbers(t: Any) -> np.ndarray:
    """The values of a tensor of either library."""
    if isinstance(t, torch.Tensor):
        t = t.detach().resolve_conj().resolve_neg()
        if t.dtype == torch.bfloat16:
            return t.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return t.numpy()
    t = t.detach()
    if t.dtype == dynagrad.bfloat16:
        return t.view(dynagrad.int16).numpy().view(ml_dtypes.bfloat16)
    return t.numpy()


#: relative tolerance by the name of the dtype; the absolute one is the same
CLOSE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 1e-5, "complex64": 1e-5}


def _leaf(lib: Any, kind: str, shape: tuple, start: int, grad: bool) -> Any:
    count = int(np.prod(shape))
    eighths = np.array([VALUES[(start + i) % len(VALUES)] for i in range(count)], np.float64)
    values = (eighths if "int" in kind else eighths / 8).reshape(shape)
    if kind.startswith("complex"):
        values = values + 1j * values[..., ::-1] if shape else values + 0.5j
    if kind == "bool":
        values = values > 0
    if kind == "uint8":
        values = np.abs(values)
    t = lib.tensor(values.tolist(), dtype=getattr(lib, kind)).reshape(shape).clone().detach()
    return t.requires_grad_(grad and (t.is_floating_point() or t.is_complex()))


@cache
def compiled(text: str) -> CodeType:
    """The code of an expression."""
    return compile(text, "<step>", "eval")


class Side:
    """The tensors of one library."""

    def __init__(self, lib: Any):
        self.lib = lib
        self.pool: list[Any] = [
            _leaf(lib, kind, shape, start, True)
            for kind, shape, start in (("float64", (2, 3), 0), ("float32", (3,), 3))
        ]
        self.pool += [_leaf(lib, "int64", (2, 3), 5, False), _leaf(lib, "float64", (3, 3), 2, True)]

    def scope(self, step: Step) -> dict[str, Any]:
        """The names that an expression uses."""
        lib, pool = self.lib, self.pool
        x, y, z = (pool[k % len(pool)] for k in (step.a, step.b, step.c))
        d = step.c % x.dim() if x.dim() else 0
        size = x.shape[d] if x.dim() else 1
        kind, shape = KINDS[step.b % len(KINDS)], SHAPES[step.a % len(SHAPES)]
        grad = step.c % 3 != 0
        return {
            **{"t": lib, "F": lib.nn.functional, "x": x, "y": y, "z": z, "n": step.b % 4, "d": d},
            "i": lib.tensor([step.a % max(size, 1), step.b % max(size, 1)]),
            "m": lib.tensor(np.arange(x.numel()) % 3 == step.b % 3).reshape(x.shape),
            **{"put": put, "leaf": lambda *_: _leaf(lib, kind, shape, step.c, grad)},
        }

    def run(self, step: Step) -> Any:
        """What a step yields, or the error it raises."""
        try:
            with self.lib.set_grad_enabled(not step.silent):
                found = eval(compiled(step.text), self.scope(step))  # noqa: S307 - our own tables
        except Exception as error:
            return error
        return list(found) if isinstance(found, tuple | list) else [found]

    def run_or_restore(self, step: Step) -> Any:
        """The same, with what is written restored after an error: PyTorch's loops meet an index out
        of range, or the end of a source, in the midst of writing.
        """
        numbers = _numbers(self.pool[step.a % len(self.pool)])
        held = numbers.copy()
        found = self.run(step)
        if isinstance(found, Exception):
            numbers[...] = held
        return found

    def lacks(self, t: Any) -> bool:
        """Whether a result shall join the pool: it is small, and not there yet."""
        return t.numel() <= 400 and t.dim() <= 6 and not any(r is t for r in self.pool)


def is_view_of_many(x: torch.Tensor) -> bool:
    """Whether several of its elements lie in one place."""
    return any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape, strict=True))


class Pair:
    """A program's run on both sides."""

    def __init__(self) -> None:
        self.theirs, self.mine = Side(torch), Side(dynagrad)
        self.done: list[Step] = []
        #: the versions that tensors had when they joined: what a function does inside is its own
        self.joined = [(0, 0)] * len(self.mine.pool)
        #: tensors that differ in their last bits
        self.rounded: list[tuple[Any, torch.Tensor]] = []

    def run(self, program: list[Step]) -> None:
        """All steps, then the gradients."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for place, step in enumerate(program):
                if not self.is_defined(step):
                    continue
                try:
                    self.step(step)
                except Discrepancy as found:
                    raise Discrepancy(f"step {place}, {step.text}: {found}") from None
            self.gradients()

    def is_defined(self, step: Step) -> bool:
        """Whether PyTorch says what the step does (see the comments)."""
        pool = self.theirs.pool
        x, y, z = (pool[k % len(pool)] for k in (step.a, step.b, step.c))
        if step.table != "writing":
            return self.is_settled(step, x, y, z)
        memory = x.untyped_storage().data_ptr()
        # What `.data` shows is written behind the graph's back: no promise says what is used then.
        shared = sum(t.untyped_storage().data_ptr() == memory for t in pool) > 1
        if any(p.text == "x.data" for p in self.done) and (shared or not x.requires_grad):
            return False
        # The order in which overlapping operands are read and written is that of PyTorch's loops.
        if any(o is not x and o.untyped_storage().data_ptr() == memory for o in (y, z)):
            return False
        if is_view_of_many(x) or _overlaps(x):
            return False
        # Views of a view made under no_grad, and hidden writes to memory that graphs know, have
        # no promised history.
        sharing = [t for t in pool if t.untyped_storage().data_ptr() == memory]
        hidden = step.silent or not x.requires_grad or "logical_not_" in step.text
        # Under no_grad a tensor gets another shape, and the node that made it keeps the old one.
        if step.silent and _usable(x) and x.grad_fn is not None and RESHAPING.search(step.text):
            return False
        base = x if x._base is None else x._base
        views = [t for t in sharing if t._base is not None and t.requires_grad]
        if any(t._base is not base or (hidden and t._base.is_leaf) for t in views):
            return False
        if "detach_" in step.text and (x._base is not None or len(sharing) > 1):
            return False
        # It leaves a result the history of the values that it has overwritten.
        if "logical_not_" in step.text and x.requires_grad and not base.is_leaf:
            return False
        _ = _usable(x)
        return True

    def is_settled(self, step: Step, x: Any, y: Any, z: Any) -> bool:
        """Whether PyTorch does the same with every number of elements and in every build."""
        x, y, z = (t.detach() for t in (x, y, z))  # which a view that a write made invalid allows
        # Which of equal elements is chosen, and gets the gradient.
        if UNSTABLE.search(step.text) and _has_equals(
            x.flatten() if "quantile" in step.text else x, step.c
        ):
            return False
        # Derivatives at nan: the loops' vectors and what is left of them at the end disagree. In
        # products an infinity makes nan of others' derivatives or not, as zeros let it. polar's by
        # a length is read off the result, here off the angle, which a length of nan leaves finite.
        if FINITE.search(step.text) and not x.isfinite().all():
            return False
        # Results of reductions may have memory left over, in which windows find room.
        # Through overlapping elements a gradient is shared among windows by a convention.
        if "as_strided" in step.text and (x.numel() < 3 or _overlaps(x) or is_view_of_many(x)):
            return False
        # What stride a dimension of one element has, or of none; where a part without any begins.
        if "view(t." in step.text and x.dim() and (x.shape[-1] == 1 or not x.numel()):
            return False
        # A variance that overflows is nan or infinite, as the number of elements has it.
        if (
            "layer_norm" in step.text
            and x.is_floating_point()
            and (x.abs() > torch.finfo(x.dtype).max ** 0.5 / 8).any()
        ):
            return False
        # The stride of a dimension of one element means nothing, yet orders what these return;
        # a conversion of operands, here made before, does not keep it.
        if "einsum" in step.text and any(t.shape[1:] == (1,) for t in (x, y)):
            return False
        odd = [1 in t.shape and t.stride() != torch.empty(t.shape).stride() for t in (x, y)]
        if "kron" in step.text and any(odd):
            return False
        is_converted = x.dtype != y.dtype or x.dtype not in DIFFERENTIABLE
        if step.table == "pointwise" and is_converted and x.dim() + y.dim() > 4 and any(odd):
            return False
        # Complex numbers of two halves are no dtype here.
        if "t.complex(" in step.text and x.dtype == y.dtype == torch.float16:
            return False
        # It does not compare indices with a dimension of no elements: it writes nowhere, or fails.
        if "index_fill" in step.text and x.dim() and not x.shape[step.c % x.dim()]:
            return False
        # It resizes its own result here, warns that this will be an error, and forgets the order.
        if "ldexp" in step.text and x.shape != y.shape and not y.is_contiguous():
            return False
        # Their derivatives take integers times `value`, or squares, in integers, which wrap.
        whole = [t for t in (x, y, z) if t.dtype not in DIFFERENTIABLE | {torch.bool}]
        if "value=2" in step.text and any((t * 2 != t.double() * 2).any() for t in whole):
            return False
        if "atan2" in step.text and any((-t * t != -(t.double() ** 2)).any() for t in whole):
            return False
        # Its derivatives take a reciprocal of squares, which in half precision overflows early.
        halves = [t for t in (x, y) if t.dtype == torch.float16]
        if "atan2" in step.text and any(((t != 0) & (t.abs() < 2**-7)).any() for t in halves):
            return False
        # It compares no dtypes where products are empty, and takes one or the other.
        products = re.search(r"@|matmul|bmm|einsum|cdist", step.text)
        if products and x.dtype != y.dtype and not (x.numel() and y.numel()):
            return False
        # The sign of a nan that an operation has made is left open by IEEE 754.
        if "copysign" in step.text and y.isnan().any():
            return False
        # How results lie in memory where an operand's elements lie in one place.
        is_laid_out_as_operands = step.table == "pointwise" or "_scatter(" in step.text
        return not (is_laid_out_as_operands and any(_overlaps(t) for t in (x, y, z)))

    def step(self, step: Step) -> None:
        """One step on both sides, compared."""
        before, bound = [t._version for t in self.mine.pool], self.bound(step)
        self.done.append(step)
        target = self.theirs.pool[step.a % len(before)]
        theirs, mine = self.theirs.run_or_restore(step), self.mine.run(step)
        if any(t.requires_grad and t.dtype not in DIFFERENTIABLE for t in self.theirs.pool):
            raise Abandoned
        if target.dtype not in DIFFERENTIABLE and IS_WRITTEN.search(str(theirs)):
            raise Abandoned  # as if integers could take a history
        if isinstance(theirs, Exception):
            if not isinstance(mine, Exception):
                if _lacks_kernel(theirs) or _slips(theirs, step):  # more is served here
                    if [t._version for t in self.mine.pool] != before:
                        raise Abandoned
                    return
                raise Discrepancy(f"no error where PyTorch has {_said(theirs)}")
            if not (
                _same_kind(mine, theirs)
                or _lacks_kernel(theirs)
                or _slips(theirs, step)
                or self.has_two_faults(step, mine, theirs)
            ):
                raise Discrepancy(f"{_said(mine)} where PyTorch has {_said(theirs)}")
            if [t._version for t in self.mine.pool] != before and step.table != "writing":
                raise Discrepancy("a refused step changed a tensor")
            return
        if isinstance(mine, Exception):
            # PyTorch finds that it has no kernel for a dtype only where there are elements.
            if _lacks_kernel(mine) and not any(t.numel() for t in theirs):
                raise Abandoned
            raise Discrepancy(f"{_said(mine)}; PyTorch has a result")
        if len(mine) != len(theirs):
            raise Discrepancy(f"{len(mine)} results instead of {len(theirs)}")
        for x, y in zip(mine, theirs, strict=True):
            if isinstance(y, torch.Tensor):
                self.join(x, y)
        for k, (x, y) in enumerate(zip(self.mine.pool, self.theirs.pool, strict=True)):
            self.compare(k, x, y, bound)
        self.share()

    def has_two_faults(self, step: Step, mine: Any, theirs: Any) -> bool:
        """Whether PyTorch would have this library's error, had its operands a valid history: which
        of two faults of a call is named, is left open.
        """
        if step.table == "writing" or not IS_WRITTEN.search(str(theirs)):
            return False
        side = Side(torch)
        side.pool = [t.detach() for t in self.theirs.pool]
        found = side.run(step)
        return isinstance(found, Exception) and _same_kind(mine, found)

    def join(self, x: Any, y: torch.Tensor) -> None:
        """A result joins the pools, unless it is there."""
        places = [[k for k, t in enumerate(side.pool) if t is r] for side, r in
                  ((self.mine, x), (self.theirs, y))]  # fmt: skip
        if places[0] != places[1]:
            raise Discrepancy(f"the result is tensor {places[0]} instead of {places[1]}")
        if self.theirs.lacks(y):
            self.joined.append((x._version, y._version))
            self.mine.pool.append(x)
            self.theirs.pool.append(y)

    def bound(self, step: Step) -> float:
        """The least tolerance of what a step yields: ldexp computes the power of 2 in the dtype of
        the exponent, which may be less precise than the result's; layer_norm magnifies the mean's
        rounding; in a cross product those of two products are left where these cancel.
        """
        if "cross" in step.text:
            pool = self.theirs.pool
            x, y = (pool[k % len(pool)].detach().to(torch.complex128) for k in (step.a, step.b))
            eps = 1e-6 if pool[step.a % len(pool)].dtype == torch.float32 else 1e-15
            bound = eps * (x.abs().max() * y.abs().max()).item() if x.numel() and y.numel() else 0
            return bound if np.isfinite(bound) else 0
        if "layer_norm" in step.text:
            x = self.theirs.pool[step.a % len(self.theirs.pool)].detach()
            if x.dtype not in {torch.float32, torch.float64} or not x.numel() or not x.dim():
                return 0
            least = x.double().var(-1, unbiased=False).min().item()
            bound = 4 * torch.finfo(x.dtype).eps * x.abs().max().item() / (least + 1e-5) ** 0.5
            return bound if np.isfinite(bound) else 0
        if "ldexp" not in step.text:
            return 0
        exponent = self.theirs.pool[step.b % len(self.theirs.pool)]
        return CLOSE.get(str(exponent.dtype).removeprefix("torch."), 0)

    def compare(self, k: int, x: Any, y: torch.Tensor, bound: float) -> None:
        """Everything that can be seen of a tensor."""
        if not isinstance(x, dynagrad.Tensor):
            raise Discrepancy(f"{type(x).__name__} instead of a tensor")
        said = [(str(t.dtype), tuple(t.shape), t.requires_grad) for t in (x, y)]
        if said[0] != said[1]:
            raise Discrepancy(f"{said[0]} instead of {said[1]}")
        was_written = [t._version > v for t, v in zip((x, y), self.joined[k], strict=True)]
        if was_written[0] != was_written[1]:
            raise Discrepancy(f"was written: {was_written[0]} instead of {was_written[1]}")
        if y.numel() and any(
            n > 1 and s != r for n, s, r in zip(y.shape, x.stride(), y.stride(), strict=True)
        ):
            raise Discrepancy(f"strides {tuple(x.stride())} instead of {tuple(y.stride())}")
        memory = y.untyped_storage().data_ptr()
        if y.dtype not in DIFFERENTIABLE and any(
            t.dtype in DIFFERENTIABLE and t.untyped_storage().data_ptr() == memory and t.numel()
            for t in self.theirs.pool
        ):
            return  # the bits of floats: of nan, for example, there are many
        if close(x, y, "values", bound) and y.dtype in DIFFERENTIABLE:
            self.rounded.append((x, y))

    def share(self) -> None:
        """This library's memory gets PyTorch's bits; who shares memory with whom is compared."""
        groups = []
        for side in (self.mine, self.theirs):
            places = [t.untyped_storage().data_ptr() if t.numel() else -k
                      for k, t in enumerate(side.pool)]  # fmt: skip
            groups.append([places.index(p) for p in places])
        if groups[0] != groups[1]:
            raise Discrepancy(f"shared memory: {groups[0]} instead of {groups[1]}")
        for x, y in self.rounded:
            _numbers(x)[...] = _numbers(y)
        self.rounded.clear()

    def gradients(self) -> None:
        """The gradients of all leaves, of everything that can be reached."""
        found = [_gradients(self.theirs), _gradients(self.mine)]
        writes = "modified by an inplace|has been modified inplace"
        if re.search(writes, str(found[0])) and not isinstance(found[1], Exception):
            found[0] = self.undisturbed()  # what formulas save is each library's own business
            if isinstance(found[0], Exception):
                return
        theirs, mine = found
        if any(re.search("logcumsumexp|prod", p.text) for p in self.done) and "nan" in str(mine):
            return  # they take a cotangent of nan or infinity for none where they find 0
        if isinstance(theirs, Exception) and not PROMISED.search(str(theirs)):
            return  # a formula of PyTorch's that does not take these dtypes or shapes
        if isinstance(theirs, Exception) or isinstance(mine, Exception):
            if not (isinstance(theirs, Exception) and isinstance(mine, Exception)):
                texts = [_said(f) if isinstance(f, Exception) else "a result" for f in found]
                raise Discrepancy(f"gradients: {texts[1]} where PyTorch has {texts[0]}")
            if not _same_kind(mine, theirs):
                raise Discrepancy(f"gradients: {_said(mine)} where PyTorch has {_said(theirs)}")
            return
        for k, (g, h) in enumerate(zip(mine, theirs, strict=True)):
            if (g is None) != (h is None):
                raise Discrepancy(f"gradient of leaf {k}: {g} instead of {h}")
            if h is not None:
                close(g, h, f"gradient of leaf {k}", self.roughest() * 100, self.unsettled())

    def unsettled(self) -> str:
        """Which gradients builds of PyTorch may compute otherwise: "alike", those that are nan or
        infinite are one or the other; "open", they may have come from a number of which only one
        part was not finite.
        """
        # A sum of complex numbers multiplies the second by alpha: (1 + 0j) * (1 + inf j) is nan.
        if any(t.is_complex() and t.requires_grad for t in self.theirs.pool):
            return "open"
        # Of a row with an infinite cotangent PyTorch's kernel and its decomposition, which has the
        # formula used here, make nan or infinities, each its own way.
        return "alike" if any("layer_norm" in p.text for p in self.done) else ""

    def roughest(self) -> float:
        """The tolerance of the least precise dtype through which a gradient may have come."""
        kinds = {str(t.dtype).removeprefix("torch.") for t in self.theirs.pool if t.requires_grad}
        return max(CLOSE.get(kind, 1e-9) for kind in kinds | {"float64"})

    def undisturbed(self) -> Any:
        """PyTorch's gradients where writes do not touch what operations have saved."""
        side = Side(torch)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            for step in self.done:
                found = side.run_or_restore(step)
                for t in [] if isinstance(found, Exception) else found:
                    if isinstance(t, torch.Tensor) and side.lacks(t):
                        side.pool.append(t)
            return _gradients(side)


#: errors of a backward pass that PyTorch's documentation promises
PROMISED = re.compile("modified by an inplace operation|no_grad mode|does not require grad")


#: errors of a view that is written, or whose base was, where no history can say so
IS_WRITTEN = re.compile("is being modified inplace|has been modified inplace")


#: what has gradients; PyTorch lets some writes make integers require them
DIFFERENTIABLE = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
DIFFERENTIABLE |= {torch.complex128, torch.complex64}


class Abandoned(Exception):
    """A write that PyTorch has no kernel for was done here, or one there that makes no sense: the
    two can go no further.
    """


def _overlaps(x: torch.Tensor) -> bool:
    """Whether two elements of a strided tensor may share a place (as after unfold)."""
    reach = 0
    for s, n in sorted(zip(x.stride(), x.shape, strict=True)):
        if n > 1:
            if s <= reach:
                return True
            reach += s * (n - 1)
    return False


#: what chooses among equal elements in no promised order
UNSTABLE = re.compile(r"kthvalue|quantile|median\(d\)")
RESHAPING = re.compile(r"\b(t|unsqueeze|squeeze|transpose|swapaxes)_\(")
FINITE = re.compile(r"prod|logcumsumexp|'amax'|hardtanh|hardshrink|elu\(x\)|logit|polar")


def _has_equals(x: torch.Tensor, number: int) -> bool:
    """Whether elements along dimension d (see Side.scope) are equal."""
    x = x.detach().double() if not x.is_complex() else x.detach().abs()
    rows = [x.flatten()] if x.dim() < 2 else [*x.movedim(number % x.dim(), -1).flatten(0, -2)]
    return any(len(row.nan_to_num(nan=7e9).unique()) < len(row) for row in rows)


def _usable(t: Any) -> bool:
    try:
        t.grad_fn  # noqa: B018 - PyTorch raises for views that a write made invalid
    except RuntimeError:
        return False
    return True


def close(x: Any, y: torch.Tensor, what: str, bound: float = 0, unsettled: str = "") -> bool:
    """Raise unless the numbers agree within `bound`, or the rounding of their dtype; True if they
    differ in their last bits. `unsettled`: see Pair.
    """
    m, n = _numbers(x), _numbers(y)
    if m.dtype == n.dtype and m.shape == n.shape and m.tobytes() == n.tobytes():
        return False
    if m.dtype.kind not in "fcV":
        same = np.array_equal(m, n)
    else:
        bound = max(bound, CLOSE.get(str(y.dtype).removeprefix("torch."), 1e-9))
        wide = np.complex128 if m.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            m, n = m.astype(wide), n.astype(wide)
            if unsettled == "open":
                m = np.where(np.isfinite(n), m, np.nan)
            # which part of a product of infinities is nan: as compiled
            if wide is np.complex128 or unsettled:
                m, n = (np.where(np.isfinite(v), v, np.nan) for v in (m, n))
            size = np.abs(n[np.isfinite(n)]).max(initial=1.0)
            same = np.isclose(m, n, bound, bound * size, equal_nan=True).all()
    if not same:
        raise Discrepancy(f"{what}: {m.tolist()} instead of {n.tolist()} ({y.dtype})")
    return True


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}"


def _lacks_kernel(error: BaseException) -> bool:
    """Whether PyTorch has just not built this operation for the dtype."""
    lacks = (
        r"not implemented for|not supported|unsupported|does not support|Unsupported|not support"
    )
    return bool(re.search(lacks, str(error)))


def _slips(error: BaseException, step: Step) -> bool:
    """Whether a step of PyTorch's own inside a function fails for how its memory lies, or one that
    has no derivative is refused as if it had.
    """
    own = re.search(r"view size is not compatible|setStorage", str(error))
    is_comparison = re.search(r"(eq|gt|logical_not)_\(", step.text)
    return bool(is_comparison or (own and not re.search(r"view\(|as_strided", step.text)))


def _same_kind(mine: BaseException, other: BaseException) -> bool:
    kind = next(c for c in type(other).__mro__ if c.__module__ == "builtins")
    return isinstance(mine, kind)


def _gradients(side: Side) -> Any:
    lib = side.lib
    roots = [t for t in side.pool if t.requires_grad and _usable(t)]
    leaves = [t for t in roots if t.is_leaf and t._base is None]
    total = 0
    try:
        for k, t in enumerate(roots):
            part = lib.view_as_real(t).sum() if t.is_complex() else t.sum()
            total = total + part.double() * (0.5 + k)
        if not roots or not leaves:
            return []
        return list(lib.autograd.grad(total, leaves, allow_unused=True))
    except RuntimeError as error:
        return error


def check(program: list[Step]) -> None:
    """Fail with the first discrepancy of a program."""
    try:
        Pair().run(program)
    except Abandoned:
        return
