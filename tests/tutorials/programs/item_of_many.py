# 元素多于一个时 item() 报错（启用原来被注释掉的一行）。
import torch

a = torch.full((2, 3), 7.0)
print("a= {}".format(a.tolist()))
print(a.item())
