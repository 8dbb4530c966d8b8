# 因变量是向量而没有给权重：报错。
import torch

m = torch.tensor([2.0, 3.0], requires_grad=True)
y = torch.mul(m, m)
y.backward()
