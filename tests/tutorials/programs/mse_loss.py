# 均方差损失。
import torch
from torch.nn import functional as F

x = torch.ones(2, 3)
w = torch.full([3, 2], 2.0)
mse = F.mse_loss(torch.ones(3, 3), w @ x)
print(mse)
