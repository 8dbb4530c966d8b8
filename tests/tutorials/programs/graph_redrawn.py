# 另一种办法：重新建图，再求一次导。
import torch

x = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
w = torch.tensor([2, 1, 3.0])
y = x @ w
dx = torch.autograd.grad(y, x)
print(dx)
y = x @ w
dx = torch.autograd.grad(y, x)
print(dx)
