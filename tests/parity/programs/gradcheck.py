import torch
from torch.autograd import Function, gradcheck, gradgradcheck

torch.manual_seed(0)


class Sq(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x


class Wrong(Function):
    @staticmethod
    def forward(ctx, x):
        return x * x

    @staticmethod
    def backward(ctx, g):
        return g


x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.double, requires_grad=True)
print(
    gradcheck(Sq.apply, (x,)),
    gradcheck(Sq.apply, x),
    gradgradcheck(Sq.apply, (x,)),
    gradcheck(Wrong.apply, (x,), raise_exception=False),
)
try:
    gradcheck(Wrong.apply, (x,))
except RuntimeError as e:
    print(type(e).__name__, *str(e).split("\n")[:7], sep="\n")
try:
    gradcheck(torch.sin, (x.detach(),))
except ValueError as e:
    print(e)
A = torch.randn(3, 3, dtype=torch.double, requires_grad=True)
for f in (
    torch.inverse,
    torch.tanh,
    lambda a: a @ a.T,
    lambda a: (a.sum(0), a.prod()),
    torch.nn.Linear(3, 2).double(),
    lambda a: a.softmax(1),
):
    print(gradcheck(f, (A,)), gradgradcheck(f, (A,)))
print(
    gradcheck(
        lambda a, b, n: a * b**n, (x, torch.rand(3, dtype=torch.double, requires_grad=True), 2)
    ),
    x,
)
