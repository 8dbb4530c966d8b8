# 不建立对象而直接把数据交给类：参数被当成设置，于是报错。
import torch
import torch.nn as nn

logits = torch.tensor([[4.0, 3.0, 2.0, 1.0], [3.0, 1.0, 4.0, 5.0]])
target = torch.tensor([0, 2])

loss = nn.CrossEntropyLoss(logits, target)
print(loss)
