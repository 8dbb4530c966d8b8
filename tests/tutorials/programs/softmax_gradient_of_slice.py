# 对事后才切出的 a[:, 0] 求导：它不在计算图中，所以报错。
import torch

a = torch.rand(3, 4)
a.requires_grad_()
p = torch.softmax(a, dim=0)
da1 = torch.autograd.grad(p[0, 0], a[:, 0], retain_graph=True)
print(da1)
