# 三种激活函数：sigmoid、tanh、relu。
import torch
from torch.nn import functional as F

z = torch.linspace(-1, 1, 6)

print(z)
a1 = torch.sigmoid(z)
a2 = torch.tanh(z)
a3 = F.relu(z)

print(a1)
print(a2)
print(a3)
