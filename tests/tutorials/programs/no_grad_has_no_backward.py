# no_grad 之內得到的張量不能反向傳播：報錯。
import torch

x = torch.tensor(1.0, requires_grad=True)
with torch.no_grad():
    y2 = x**3
print(y2, y2.requires_grad)
y2.backward()
