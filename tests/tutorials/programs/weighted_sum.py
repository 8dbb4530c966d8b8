# y.backward(w) 求的是 torch.sum(y * w) 的導數。
import torch

w = torch.tensor([1.0, 0.1, 0.01, 0.001])
x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
y = 2 * x
y.backward(w)
print(x.grad)

x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
y = 2 * x
l = torch.sum(y * w)
l.backward()
print(x.grad)
