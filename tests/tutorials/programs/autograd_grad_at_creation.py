# 创建张量时就声明需要导数。
import torch

x = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
w = torch.tensor([2, 1, 3.0])
y = x @ w
print("y=")
print(y)
dx = torch.autograd.grad(y, x)
print("dx=")
print(dx)
