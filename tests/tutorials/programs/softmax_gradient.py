# softmax 的导数：同一列中，对自己为正，对其余为负。
import torch

a = torch.rand(3, 4)
a.requires_grad_()
p = torch.softmax(a, dim=0)
print(a)
print(p)

da1 = torch.autograd.grad(p[0, 0], a, retain_graph=True)
print(da1)

da2 = torch.autograd.grad(p[0, 1], a, retain_graph=True)
print(da2)
