# 多分类交叉熵直接取激活前的线性结果与类别编号。
import torch
from torch.nn import functional as F

z = torch.tensor([[4.0, 3.0, 2.0, 1.0], [3.0, 1.0, 4.0, 5.0]])

y_hat = torch.softmax(z, dim=1)

ce = F.cross_entropy(z, torch.tensor([0, 2]))

print("y_hat=softmax(z)")
print("y_hat=")
print(y_hat)

y_true = torch.tensor([[1, 0, 0, 0], [0, 0, 1, 0]])
print("y_true=")
print(y_true)

print("log(y_hat)=")
print(torch.log(y_hat))

print()
print("ce=-1/2*sum(y_true * log(y_hat))")
print("ce=", ce)
