# 交叉熵 = log_softmax 之后再 nll_loss；与定义式比较。
import torch
from torch.nn import functional as F

z = torch.tensor([[4.0, 3.0, 2.0, 1.0], [3.0, 1.0, 4.0, 5.0]])
y_hat = torch.softmax(z, dim=1)
y_true = torch.tensor([[1, 0, 0, 0], [0, 0, 1, 0]])

print(torch.log_softmax(z, dim=1))
print(F.nll_loss(torch.log_softmax(z, dim=1), torch.tensor([0, 2])))
print(-1 / 2 * (y_true * torch.log(y_hat)).sum())
