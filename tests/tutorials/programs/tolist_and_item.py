# tolist() 给出列表，item() 给出单个数。
import torch

a = torch.full((2, 3), 7.0)
print("a= {}".format(a.tolist()))
print(type(a.tolist()))
b = torch.tensor([2])
c = torch.tensor(5.0)
print(b.item())
print(c.item())
