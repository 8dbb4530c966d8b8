# 梯度的范数。
import torch

x = torch.tensor([0, 1.0, 2.0], requires_grad=True)
w = torch.tensor([2, 1, 3.0])
w.requires_grad_()
y = x @ w
y.backward()
print(w.grad.norm())
print(x.grad.norm())
