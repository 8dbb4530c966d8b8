# Which tensors of the graph are leaves.
import torch

w = torch.tensor([1.0], requires_grad=True)
x = torch.tensor([2.0], requires_grad=True)

a = torch.add(w, x)
b = torch.add(w, 1)
y = torch.mul(a, b)

print(w.is_leaf, x.is_leaf, a.is_leaf, b.is_leaf, y.is_leaf)
