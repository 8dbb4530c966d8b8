# 純量的 backward() 等於給它權重 1。
import torch

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
z = y * y * 3
out = z.mean()
out.backward(torch.tensor(1.0))
print(x.grad)
