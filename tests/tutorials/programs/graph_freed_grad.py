# 第一次求导之后计算图已被释放，再求一次报错。
import torch

x = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
w = torch.tensor([2, 1, 3.0])
y = x @ w
dx = torch.autograd.grad(y, x)
print(dx)
dx = torch.autograd.grad(y, x)
