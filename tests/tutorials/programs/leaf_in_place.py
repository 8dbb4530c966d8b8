# 需要梯度的叶子不能原地修改：报错。
import torch

w = torch.tensor([1.0], requires_grad=True)
x = torch.tensor([2.0], requires_grad=True)

a = torch.add(w, x)
a.retain_grad()
b = torch.add(w, 1)

y0 = torch.mul(a, b)
y1 = torch.add(a, b)

w.add_(1)
