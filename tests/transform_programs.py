"""Random programs of function transforms: nested tuples, drawn from a seed, that either library can
run.

Every program is a function from a vector of three numbers to another one. A transform turns such a
function into another; what it is applied to may read the vectors of all functions around it and a
captured tensor that requires grad.
"""

import random
from collections.abc import Callable
from typing import Any

from user_functions import cube, numbers, plain, product, sine, sorting

UNARY = (
    *("sin", "cos", "tanh", "exp", "sigmoid", "softplus", "square", "cumsum", "flip", "roll"),
    *("softmax", "where", "norm", "logsumexp", "max", "sort", "gather", "split", "var", "prod"),
    *("relu", "clamp", "abs", "diff", "pad", "layer_norm", "matrix", "solve", "pow"),
    *("index", "view", "gelu", "std", "log1p", "einsum", "det", "trace", "stack", "median"),
)
BINARY = ("mul", "add", "sub", "div", "outer", "dot", "minimum", "atan2", "cat", "lerp", "cross")
TRANSFORMS = (
    *("grad", "grad", "vjp", "jvp", "jvp", "jvp of both", "jacrev", "jacfwd", "hessian"),
    *("vmap", "vmap", "vmap", "vmap of columns", "linearize", "grad_and_value", "aux"),
)
BLOCKS = ("Function", "write", "no_grad", "module", "checkpoint", "detach", "captured")

Program = tuple


def drawn(seed: int, depth: int = 4) -> Program:
    """The program of a seed."""
    return _drawn(random.Random(seed), depth, 1)


def _drawn(r: random.Random, depth: int, scope: int) -> Program:
    """A program within `scope` functions, whose vectors it may read."""
    if depth <= 0:
        return ("input", r.randrange(scope))
    kind = r.random()
    if kind < 0.4:
        name = r.choice(TRANSFORMS)
        inner = _drawn(r, depth - 1, scope + 1)
        at = _drawn(r, 0, scope) if r.random() < 0.6 else _drawn(r, 1, scope)
        return ("transform", name, inner, at, _drawn(r, 0, scope), r.randrange(6))
    if kind < 0.6:
        return ("block", r.choice(BLOCKS), _drawn(r, depth - 1, scope), r.randrange(6))
    if kind < 0.8:
        return ("unary", r.choice(UNARY), _drawn(r, depth - 1, scope))
    left = _drawn(r, depth - 1, scope)
    return ("binary", r.choice(BINARY), left, _drawn(r, depth - 2, scope))


class Machine:
    """Runs programs with one library. `own`: with Functions and checkpoints; otherwise the plain
    operations that these stand for.
    """

    def __init__(self, torch: Any, own: bool):
        self.torch = torch
        self.own = own
        self.plain = plain(torch)
        #: within linearize, where no_grad stops PyTorch's tangents as little as jvp's
        self.linearizing = False
        self.net = torch.nn.Linear(3, 3).double()
        self.captured = numbers(torch, 3, phase=0.7).requires_grad_()
        self.functions: dict[str, Callable] = self.plain
        if own:
            cubes, products, sorts, sines = (
                make(torch).apply for make in (cube, product, sorting, sine)
            )
            self.functions = {
                "sine": lambda x: sines(x)[0] * x,
                "cube": lambda x: cubes(x)[0],
                "slope": lambda x: cubes(x)[1],
                "both": lambda x: cubes(x)[0] * cubes(x)[1],
                "product": lambda x: products(x, torch.sin(x), 2),
                "square": lambda x: products(x, x, 0.5),
                "sort": lambda x: sorts(x)[0] * x,
            }

    def run(self, program: Program, x: Any) -> tuple:
        """The program's result and the gradient of its sum by the captured tensor."""
        y = self.value(program, (x,))
        g = None
        if y.requires_grad:
            (g,) = self.torch.autograd.grad(y.sum(), self.captured, allow_unused=True)
        return y.detach(), self.torch.zeros_like(x) if g is None else g

    def value(self, program: Program, scope: tuple) -> Any:
        """What a program computes within functions of the vectors `scope`."""
        kind = program[0]
        if kind == "input":
            return scope[program[1]]
        if kind == "unary":
            return self.unary(program[1], self.value(program[2], scope))
        if kind == "binary":
            left, right = self.value(program[2], scope), self.value(program[3], scope)
            return self.binary(program[1], left, right)
        if kind == "block":
            return self.block(program[1], self.value(program[2], scope), program[3])
        return self.transform(*program[1:], scope)

    def unary(self, name: str, x: Any) -> Any:
        """One operation; results are tame."""
        torch = self.torch
        nn = torch.nn.functional
        eye = 3 * torch.eye(3, dtype=torch.float64)
        calls = {
            "square": lambda: torch.tanh(x) ** 2,
            "exp": lambda: torch.exp(-x * x),
            "softplus": lambda: nn.softplus(x),
            "cumsum": lambda: torch.cumsum(x, 0) / 2,
            "flip": lambda: torch.flip(x, (0,)) * 1.1,
            "roll": lambda: torch.roll(x, 1, 0) * x,
            "softmax": lambda: torch.softmax(x, -1),
            "where": lambda: torch.where(x > 0.1, torch.sin(x), x * 0.5),
            "norm": lambda: x / (1 + x.norm()),
            "logsumexp": lambda: x * torch.logsumexp(x, 0).tanh(),
            "max": lambda: torch.tanh(x) * x.max().tanh(),
            "sort": lambda: torch.sort(x)[0] * 0.9,
            "gather": lambda: x.gather(0, torch.tensor([2, 0, 0])) * 0.7,
            "split": lambda: torch.cat([p.sin() for p in reversed(torch.split(x, [1, 2]))]),
            "var": lambda: torch.tanh(x * x.var()),
            "prod": lambda: torch.tanh(x).prod() + x.sin(),
            "relu": lambda: nn.relu(x) - 0.1 * x,
            "clamp": lambda: x.clamp(-0.4, 0.9) + 0.1 * x,
            "abs": lambda: x.abs().sqrt() * 0.5 + x * 0.1,
            "diff": lambda: torch.diff(x, append=x[:1]) / 2,
            "pad": lambda: nn.pad(x, (1, 1))[:3].sin(),
            "layer_norm": lambda: self.normalized(x),
            "matrix": lambda: torch.tanh((torch.outer(x, x) + eye) @ x / 5),
            "solve": lambda: self.solved(torch.outer(x.sin(), x.cos()) + eye, x),
            "pow": lambda: (1 + x * x) ** 0.3,
            "index": lambda: x[[1, 2, 1]] * x[0].sin(),
            "view": lambda: x.view(3, 1).expand(3, 2).T.reshape(6)[1:4].cos(),
            "gelu": lambda: nn.gelu(x),
            "std": lambda: x.tanh() * (x + numbers(torch, 3)).std(),
            "log1p": lambda: torch.log1p(x * x),
            "einsum": lambda: torch.einsum("i,j,j->i", x.sin(), x, x.cos()) / 3,
            "det": lambda: x.sin() * self.determinant(torch.outer(x.tanh(), x.sin()) + eye) / 27,
            "trace": lambda: torch.diag(x).trace().sin() + x,
            "stack": lambda: torch.stack([x.sin(), x.cos()], 1).amax(1),
            "median": lambda: x.sin() + x.median().cos(),
        }
        return calls[name]() if name in calls else getattr(torch, name)(x)

    def solved(self, a: Any, x: Any) -> Any:
        """linalg.solve, of which PyTorch's higher derivatives are wrong, or what it means."""
        linalg = self.torch.linalg
        return linalg.solve(a, x) if self.own else linalg.inv(a) @ x

    def normalized(self, x: Any) -> Any:
        """layer_norm, of whose tangents PyTorch's gradients are wrong, or what it means."""
        if self.own:
            return self.torch.nn.functional.layer_norm(x, (3,))
        return (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt()

    def determinant(self, a: Any) -> Any:
        """linalg.det, of which PyTorch's higher derivatives may be nan, or what it means."""
        linalg = self.torch.linalg
        return linalg.det(a) if self.own else a[0] @ linalg.cross(a[1], a[2])

    def binary(self, name: str, x: Any, y: Any) -> Any:
        """An operation of two vectors; results are tame."""
        torch = self.torch
        return {
            "mul": lambda: torch.sin(x) * y,
            "add": lambda: (x + y) / 1.5,
            "sub": lambda: x - y.sin(),
            "div": lambda: x / (1 + y * y),
            "outer": lambda: torch.tanh(torch.outer(x, y).sum(1)),
            "dot": lambda: x * torch.dot(x.tanh(), y.tanh()),
            "minimum": lambda: torch.minimum(x, y + 0.01),
            "atan2": lambda: torch.atan2(x, 1 + y * y),
            "cat": lambda: torch.cat([x, y.sin()])[1::2],
            "lerp": lambda: torch.lerp(x, y, 0.3),
            "cross": lambda: torch.linalg.cross(x.sin(), y.cos()),
        }[name]()

    def block(self, name: str, x: Any, choice: int) -> Any:
        """A part of a program that is more than an operation."""
        torch = self.torch
        if name == "Function":
            names = ("sine", "cube", "slope", "both", "product", "sort")
            return torch.tanh(self.functions[names[choice]](x.tanh()))
        if name == "captured":
            return torch.tanh(x * self.captured + self.captured[choice % 3])
        if name == "detach":
            return x * x.detach().sin()
        if name == "no_grad":
            with torch.set_grad_enabled(self.linearizing):
                factor = torch.cos(x) * 2
            return x.sin() * factor
        if name == "module":
            given = {"weight": torch.outer(x.sin(), x.cos()), "bias": x}
            return torch.func.functional_call(self.net, given, (x.tanh(),)) / 2
        if name == "checkpoint":

            def body(x):
                return torch.sin(x) * torch.tanh(x).sum()

            if not self.own:
                return body(x)
            return torch.utils.checkpoint.checkpoint(body, x, use_reentrant=False)
        return self.written(x, choice)

    def written(self, x: Any, choice: int) -> Any:
        """Writes in place, to a whole tensor and through views."""
        torch = self.torch
        y = x.sin()
        if choice == 0:
            y.mul_(x)
        elif choice == 1:
            y[0] = x[1] * x[2]
        elif choice == 2:
            y[1:].mul_(y[:2].clone())
        elif choice == 3:
            z = torch.zeros_like(x)
            z[[0, 2]] = x[1:]
            y = y + z
        elif choice == 4:
            part = y[::2]
            y.add_(x, alpha=0.5)
            y = y * part.sum()
        else:
            y.view(3, 1)[1].copy_(x[:1]).tanh_()
            y.clamp_(-0.7, 0.8)
        return y

    def transform(
        self, name: str, inner: Program, at: Program, by: Program, choice: int, scope: tuple
    ) -> Any:
        """A transform of the function that `inner` is, at one vector, by another one."""
        torch = self.torch
        x, v = self.value(at, scope), torch.cos(self.value(by, scope))

        def f(y):
            return self.value(inner, (*scope, y))

        def total(y):
            return (f(y) * v).sum()

        if name == "vmap":
            rows = torch.stack([x, x.sin(), v])
            chunk = 2 if choice == 0 else None
            # PyTorch expands what is not batched along a wrong dimension, if out_dims is not 0.
            out = torch.vmap(lambda y: f(y) + 0 * y, 0, choice % 2, chunk_size=chunk)(rows)
            return out.sum(1 - choice % 2) / 2
        if name == "vmap of columns":
            rows = torch.outer(x, v.tanh()) + x.unsqueeze(1)
            in_dims = (-1, None) if choice % 2 else (1, 1 if choice else 0)
            out = torch.vmap(lambda a, b: f(a) * b.mean(), in_dims, -1)(rows, rows.sin())
            return out.mean(1)
        return torch.tanh(self.derivative(name, f, total, x, v, choice))

    def derivative(
        self, name: str, f: Callable, total: Callable, x: Any, v: Any, choice: int
    ) -> Any:
        """A transform that differentiates."""
        torch = self.torch
        func = torch.func
        if name == "jvp of both":
            y, t = func.jvp(lambda a, b: f(a * b), (x, v), (v, x.sin()))
            return y + t
        if name == "aux":
            g, aux = func.grad(lambda y: (total(y), {"a": [f(y)]}), has_aux=True)(x)
            return g + aux["a"][0]
        jacobian = {"jacrev": func.jacrev, "jacfwd": func.jacfwd}.get(name)
        if jacobian is not None:
            more = {"chunk_size": 2} if name == "jacrev" and choice == 1 else {}
            j = jacobian(f, **more)(x)
            return j @ v if choice % 2 else j.T @ v
        return {
            "grad": lambda: func.grad(total)(x),
            "grad_and_value": lambda: sum(func.grad_and_value(total)(x)),
            "vjp": lambda: func.vjp(f, x)[1](v)[0],
            "jvp": lambda: func.jvp(f, (x,), (v,))[1],
            "hessian": lambda: func.hessian(total)(x) @ v,
            "linearize": lambda: self.linearized(f, x, v),
        }[name]()

    def linearized(self, f: Callable, x: Any, v: Any) -> Any:
        """func.linearize, which does not nest in PyTorch, or what it means."""
        func = self.torch.func
        before, self.linearizing = self.linearizing, True
        try:
            return func.linearize(f, x)[1](v) if self.own else func.jvp(f, (x,), (v,))[1]
        finally:
            self.linearizing = before
