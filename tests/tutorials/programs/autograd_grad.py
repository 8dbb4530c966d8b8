# torch.autograd.grad 的三步：声明、建图、求导；然后同时对两个变量求导。
import torch

x = torch.arange(3).float()
w = torch.tensor([2, 1, 3.0])
print("x=")
print(x)
print("w=")
print(w)

print("----------------------第1步-----------------------")
x.requires_grad_()
print("调用x.requires_grad_()后,x=")
print(x)

print("----------------------第2步-----------------------")
y = x @ w
print("y=")
print(y)

print("----------------------第3步-----------------------")
dx = torch.autograd.grad(y, x)
print("dx=")
print(dx)

print("-----------------同时对x和w求导---------------------")
w.requires_grad_()

# w 的设置变了，所以重新建图。
y = x @ w

dx, dw = torch.autograd.grad(y, [x, w])
print("dx=")
print(dx)
print("dw=")
print(dw)
