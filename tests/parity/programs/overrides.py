"""Classes with __torch_function__: one that is no tensor, one that is, and what each is asked."""

import torch
import torch.nn.functional as F


class Asked:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, [t.__name__ for t in types], len(args)


a = Asked()
x = torch.ones(2)
for function in (torch.exp, torch.sum, torch.flatten, torch.abs, torch.std, F.relu, F.gelu):
    print(function(a))
for function in (torch.add, torch.mul, torch.matmul, torch.div, torch.dot, torch.maximum):
    print(function(a, x), function(x, a))
print(F.mse_loss(a, x)[0], F.cross_entropy(x, a)[0], F.linear(x, a)[0], torch.softmax(a, 0)[0])
print(torch.cat([x, a]), torch.stack((a, a)), x + a, x @ a, (x**a)[0])
KNOWN = {torch.div: "div", torch.mean: "mean", F.mse_loss: "mse", torch.stack: "stack"}


class Known:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return KNOWN.get(func, NotImplemented)


k = Known()
print(torch.div(k, 2), torch.mean(k), F.mse_loss(k, x), torch.stack([k]))
try:
    torch.exp(k)
except TypeError as error:
    print(type(error).__name__)


class Loud(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is not torch.Tensor.__repr__:
            print("asked for", func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


t = Loud([1.0, 4.0])
for result in (t * 2, t / 2, t**2, -t, t @ t, t[0], t.sum(), torch.sqrt(t), F.relu(t), t.clone()):
    print(result)
t[0] = 5
t += 1
print(t)
