# 对一阶导数再求一次导：create_graph 让导数本身也有计算图。
import torch

x = torch.tensor([3.0], requires_grad=True)
y = torch.pow(x, 2)

grad_1 = torch.autograd.grad(y, x, create_graph=True)
print(grad_1)

grad_2 = torch.autograd.grad(grad_1[0], x)
print(grad_2)
