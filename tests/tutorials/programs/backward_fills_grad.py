# backward() 没有返回值，导数写进各变量的 grad 属性。
import torch

x = torch.tensor([0, 1.0, 2.0], requires_grad=True)
w = torch.tensor([2, 1, 3.0])
w.requires_grad_()
print("x=")
print(x)
print("w=")
print(w)

y = x @ w

y.backward()

print("w.grad")
print(w.grad)
print("x.grad")
print(x.grad)
