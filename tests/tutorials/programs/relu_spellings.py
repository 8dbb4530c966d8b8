# relu 的两种写法给出同样的结果。
import torch
from torch.nn import functional as F

z = torch.linspace(-1, 1, 6)
a3 = F.relu(z)
print(a3)
a3 = torch.relu(z)
print(a3)
