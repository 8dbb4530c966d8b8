"""Random programs over a few tensors, run step by step with PyTorch or dynagrad.

A program is a list of steps (name, three numbers). Every number is valid for every step: operands
are chosen by it from the tensors there are. A step that raises reports the error's type and
changes nothing else; an error in backward ends the program.
"""

import itertools
import warnings
from typing import Any, NamedTuple

#: the values of leaves: no ties, no zeros, nothing large
VALUES = [0.7, -1.3, 0.4, 1.9, -0.6, 1.1, -0.2, 0.9, -1.7, 0.3, 1.4, -0.8]
SHAPES = [(2, 3), (3,), (2, 1), (), (2, 2, 3), (1, 3)]


class Step(NamedTuple):
    """One step; `a`, `b`, `c` choose operands and sizes."""

    name: str
    a: int
    b: int
    c: int

    def __str__(self) -> str:
        return f"Step({self.name!r}, {self.a}, {self.b}, {self.c})"


def leaf(torch, pool, a, b, c):
    shape = SHAPES[a % len(SHAPES)]
    count = 1
    for n in shape:
        count *= n
    values = [VALUES[(b + i) % len(VALUES)] * (1 + 0.1 * (b % 7)) for i in range(count)]
    dtype = [torch.float64, torch.float64, torch.float32][c % 3]
    t = torch.tensor(values, dtype=dtype).reshape(shape).clone().detach()
    return t.requires_grad_(c % 4 != 0)


def view_of(torch, x, kind, n):
    """A view of x; the kind is taken modulo what its shape allows."""
    views = [lambda: x.view(-1), lambda: x.unsqueeze(n % (x.dim() + 1)), lambda: x.detach()]
    views += [lambda: x.view(x.shape), lambda: x[...], lambda: x[None]]
    if x.dim():
        d = n % x.dim()
        size = x.shape[d]
        views += [
            lambda: x[0],
            lambda: x[-1:],
            lambda: x.narrow(d, 0, max(1, size - 1)),
            lambda: x.select(d, n % size),
            lambda: x.transpose(0, d),
            lambda: x.squeeze(),
            lambda: x[..., ::2],
            lambda: x.unbind(0)[n % x.shape[0]],
            lambda: x.split(1, d)[n % size],
            lambda: x.chunk(2, d)[0],
            lambda: x.movedim(0, d),
        ]
    if x.dim() >= 2:
        views += [
            lambda: x.t() if x.dim() == 2 else x.mT,
            lambda: x.diagonal(),
            lambda: x.flatten(),
        ]
    return views[kind % len(views)]()


UNARY = [
    lambda x: x.tanh(),
    lambda x: x.sin(),
    lambda x: x * 0.5 + 1,
    lambda x: x.sigmoid(),
    lambda x: x**2,
    lambda x: -x,
    lambda x: x.clone(),
    lambda x: x.relu(),
    lambda x: x.abs(),
    lambda x: x.sum(),
    lambda x: x.mean(),
    lambda x: x.sum(-1) if x.dim() else x.sum(),
    lambda x: x.sum(0, keepdim=True) if x.dim() else x.exp(),
    lambda x: x.double(),
    lambda x: x.float(),
    lambda x: 1 / (x * x + 1),
    lambda x: x.cumsum(0) if x.dim() else x,
    lambda x: x.softmax(-1) if x.dim() else x,
    lambda x: x.reshape(-1),
    lambda x: x.contiguous(),
]
BINARY = [
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x - 2 * y,
    lambda x, y: x / (y * y + 1),
    lambda x, y: x * y.tanh(),
    lambda x, y: y.sin() + x,
]
WRITES = [
    lambda x, y, n: x.add_(y),
    lambda x, y, n: x.mul_(y),
    lambda x, y, n: x.mul_(0.5),
    lambda x, y, n: x.add_(1),
    lambda x, y, n: x.tanh_(),
    lambda x, y, n: x.copy_(y),
    lambda x, y, n: x.zero_(),
    lambda x, y, n: x.fill_(0.25),
    lambda x, y, n: x.__setitem__(0, 0.5),
    lambda x, y, n: x.__setitem__(slice(0, 1), y),
    lambda x, y, n: x.__setitem__(..., y),
    lambda x, y, n: x.sub_(y, alpha=0.5),
    lambda x, y, n: x.sigmoid_(),
    lambda x, y, n: x.neg_(),
    lambda x, y, n: x.sin_(),
    lambda x, y, n: x.div_(y * y + 1),
    lambda x, y, n: x.data.mul_(0.5),
    lambda x, y, n: x.__setitem__(x > 0.5, 0.1),
    lambda x, y, n: x.__setitem__((..., -1), y.sum()),
    lambda x, y, n: x.clamp_(-0.9, 0.9),
]


#: the write that happens behind the tensor's back
HIDDEN = 16


class Run:
    """A program's tensors and what its steps reported."""

    def __init__(self, torch: Any):
        self.torch = torch
        self.pool: list[Any] = [leaf(torch, [], 0, 0, 1), leaf(torch, [], 1, 3, 1)]
        self.log: list[Any] = []
        self.seen: list[Any] = []
        self.failed = False

    def chosen(self, n: int) -> Any:
        return self.pool[n % len(self.pool)]

    def keep(self, t: Any) -> None:
        self.pool.append(t)

    def run(self, program: list[Step]) -> None:
        """Run all steps, then a last backward through everything."""
        steps = [*program, Step("backward", -1, 0, 0)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for step in steps:
                try:
                    getattr(self, step.name)(step.a, step.b, step.c)
                except Exception as error:
                    self.log.append((str(step), kind_of(error)))
                    if step.name in ("backward", "second_order"):
                        self.failed = True
                        return
                self.torch.set_grad_enabled(True)

    # --- steps ---

    def leaf(self, a, b, c):
        self.keep(leaf(self.torch, self.pool, a, b, c))

    def unary(self, a, b, c):
        self.keep(UNARY[b % len(UNARY)](self.chosen(a)))

    def binary(self, a, b, c):
        self.keep(BINARY[c % len(BINARY)](self.chosen(a), self.chosen(b)))

    def view(self, a, b, c):
        self.keep(view_of(self.torch, self.chosen(a), b, c))

    def expand(self, a, b, c):
        x = self.chosen(a)
        self.keep(x.expand(2, *x.shape))

    def join(self, a, b, c):
        x, y = self.chosen(a), self.chosen(b)
        self.keep(self.torch.cat([x, y]) if c % 2 else self.torch.stack([x, y]))

    def where(self, a, b, c):
        x, y = self.chosen(a), self.chosen(b)
        self.keep(self.torch.where(x > 0, x, y))

    def write(self, a, b, c, silently=False):
        x, y = self.chosen(a), self.chosen(b)
        memory = x.untyped_storage().data_ptr()
        sharing = [t for t in self.pool if t.untyped_storage().data_ptr() == memory]
        hidden = silently or not x.requires_grad or c % len(WRITES) == HIDDEN
        base = x if x._base is None else x._base
        views = [t for t in sharing if t._base is not None and t.requires_grad]
        if any(t._base is not base or (hidden and t._base.is_leaf) for t in views):
            return  # PyTorch makes the views' history anew after any write; dynagrad not for these
        repeats = any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape, strict=True))
        if x.dtype == self.torch.float32 or repeats:
            return  # dynagrad promotes and saves a copy; it refuses what PyTorch warns of
        usable(x)  # PyTorch takes a view for a leaf unless somebody looked at its node
        if y.untyped_storage().data_ptr() == memory and y is not x:
            y = y.clone()  # what PyTorch writes where operands overlap depends on its loops
        with self.torch.set_grad_enabled(not silently):
            WRITES[c % len(WRITES)](x, y, c)

    def write_silently(self, a, b, c):
        self.write(a, b, c, silently=True)

    def unrecorded(self, a, b, c):
        with self.torch.no_grad():
            self.keep(BINARY[c % len(BINARY)](self.chosen(a), self.chosen(b)))

    def hook(self, a, b, c):
        x, seen = self.chosen(a), self.seen
        if x._base is not None:
            return  # a write takes a view's node out of PyTorch's graph; some views crash it
        if c % 2:
            x.register_hook(lambda g: seen.append(g.detach().clone()))
        else:
            x.register_hook(lambda g: g * 2)

    def retain(self, a, b, c):
        x = self.chosen(a)
        if x._base is None or x.grad_fn is not None:  # views made under no_grad are odd in PyTorch
            x.retain_grad()

    def post_hook(self, a, b, c):
        seen = self.seen
        if self.chosen(a)._base is not None:
            return
        self.chosen(a).register_post_accumulate_grad_hook(
            lambda t: seen.append(t.grad.detach().clone())
        )

    def clear(self, a, b, c):
        self.chosen(a).grad = None

    def function(self, a, b, c):
        self.keep(double_of(self.torch).apply(self.chosen(a)))

    def backward(self, a, b, c):
        if a < 0:
            roots = [t for t in self.pool if t.requires_grad and usable(t)]
            total = sum((t.sum().double() * (0.5 + i) for i, t in enumerate(roots)), 0)
            if roots:
                total.backward()
            return
        self.chosen(a).sum().backward(retain_graph=bool(b % 2))

    def second_order(self, a, b, c):
        leaves = [t for t in self.pool if t.is_leaf and t.requires_grad]
        y = self.chosen(a).tanh().sum()
        grads = self.torch.autograd.grad(y, leaves, create_graph=True, allow_unused=True)
        total = sum((g.double() ** 2).sum() for g in grads if g is not None)
        seconds = self.torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
        self.seen.extend(None if g is None else g for g in seconds)


def usable(t: Any) -> bool:
    """Whether a view may still be used after its base was written."""
    try:
        t.grad_fn  # noqa: B018 - PyTorch raises here
    except RuntimeError:
        return False
    return True


_FUNCTIONS: dict[Any, Any] = {}


def double_of(torch: Any) -> Any:
    """A Function that saves its input and its result."""
    if torch not in _FUNCTIONS:

        class Wave(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x.sin()
                ctx.save_for_backward(x, y)
                return y

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                return g * x.cos() + 0 * y

        _FUNCTIONS[torch] = Wave
    return _FUNCTIONS[torch]


def kind_of(error: BaseException) -> str:
    """The name of an error's builtin type."""
    return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def outcome(torch: Any, program: list[Step]) -> dict[str, Any]:
    """Everything that can be seen after a program, as plain data."""
    run = Run(torch)
    run.run(program)
    tensors = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for t in run.pool:
            valid = usable(t)
            tensors.append(
                {
                    "dtype": str(t.dtype),
                    "shape": tuple(t.shape),
                    "values": t.detach().tolist(),
                    "requires_grad": t.requires_grad,
                    "usable": valid,
                    "is_leaf": t.is_leaf if valid else None,
                    "node": node_name(t) if valid else None,
                    "version": t._version,
                    "grad": None if t.grad is None else t.grad.detach().tolist(),
                }
            )
    if any(step.name == "second_order" for step in program):
        # A result saved by a write to a view belongs to the written operation here, to the view in
        # PyTorch: what a second order adds to the view's own retained gradient differs.
        for t in tensors:
            if not t["is_leaf"]:
                del t["grad"]
    if run.failed:  # which gradients had arrived before the error is not promised
        run.seen.clear()
        for t in tensors:
            t.pop("grad", None)
    pointers = [t.data_ptr() for t in run.pool]
    pairs = itertools.combinations(range(len(pointers)), 2)
    return {
        "log": run.log,
        "tensors": tensors,
        "aliases": [(i, j) for i, j in pairs if pointers[i] == pointers[j]],
        "seen": [None if g is None else g.detach().tolist() for g in run.seen],
    }


def node_name(t: Any) -> str:
    return type(t.grad_fn).__name__
