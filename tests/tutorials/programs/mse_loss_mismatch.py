# 形状不能广播：报错。
import torch
from torch.nn import functional as F

mse = F.mse_loss(torch.ones(3, 3), torch.ones(2, 3))
print(mse)
