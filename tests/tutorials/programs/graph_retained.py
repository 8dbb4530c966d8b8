# retain_graph=True 保留计算图，之后两种求导方法都还能用。
import torch

x = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
w = torch.tensor([2, 1, 3.0])
w.requires_grad_()
y = x @ w

dx = torch.autograd.grad(y, x, retain_graph=True)
print(dx)
y.backward(retain_graph=True)
print(x.grad, w.grad)
y.backward()
print(x.grad, w.grad)
