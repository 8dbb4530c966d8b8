# 两个损失各带一个权重，一次反向传播得到加权梯度之和。
import torch

w = torch.tensor([1.0], requires_grad=True)
x = torch.tensor([2.0], requires_grad=True)

a = torch.add(w, x)
b = torch.add(w, 1)

y0 = torch.mul(a, b)
y1 = torch.add(a, b)

loss = torch.cat([y0, y1], dim=0)
print(loss)
grad_tensors = torch.tensor([1.0, 1.0])

loss.backward(gradient=grad_tensors)
print(w.grad)
