# 形状不同但可以广播：先广播（并发出警告），再计算。
import torch
from torch.nn import functional as F

mse = F.mse_loss(torch.ones(3, 3), torch.full([1, 3], 4.0))
print(mse)
