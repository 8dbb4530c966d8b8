# 不建立对象而直接把数据交给类：参数被当成设置，于是报错。
import torch
import torch.nn as nn

logits = torch.tensor([[4., 3., 2., 1.],
                       [3., 1., 4., 5.]])
target = torch.tensor([0, 2])

loss = nn.CrossEntropyLoss(logits, target)
print(loss)
