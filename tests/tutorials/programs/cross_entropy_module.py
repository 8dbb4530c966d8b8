# nn 中的损失先建立对象，再调用这个对象。
import torch
import torch.nn as nn

logits = torch.tensor([[4.0, 3.0, 2.0, 1.0], [3.0, 1.0, 4.0, 5.0]])
target = torch.tensor([0, 2])

criteon = nn.CrossEntropyLoss()
loss = criteon(logits, target)
print(criteon)
print(loss)
