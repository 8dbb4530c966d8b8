# 二分类交叉熵：模块、定义式与函数三者相等。
import torch
import torch.nn as nn
import torch.nn.functional as F

z = torch.rand(4, 1)
pred = torch.sigmoid(z)
y = torch.tensor([1, 0, 1, 0], dtype=torch.float).view(4, 1)

loss = nn.BCELoss()
bce = loss(pred, y)
print(bce)

ce_define = -1 / 4 * (y * torch.log(pred) + (1 - y) * torch.log(1 - pred)).sum()
print(ce_define)

print(F.binary_cross_entropy(pred, y))
