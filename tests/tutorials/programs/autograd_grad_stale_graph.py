# 建图之后才给 w 设置 requires_grad，而不重新建图：求导报错。
import torch

x = torch.arange(3).float()
w = torch.tensor([2, 1, 3.0])
x.requires_grad_()
y = x @ w
w.requires_grad_()
dx, dw = torch.autograd.grad(y, [x, w])
