# y = (m + n) * (m - n)：导数与叶子。
import torch

m = torch.tensor([2.0], requires_grad=True)
n = torch.tensor([3.0], requires_grad=True)

a = torch.add(m, n)
b = torch.add(m, -n)
y = torch.mul(a, b)

y.backward()

print("m的梯度:", m.grad)
print("n的梯度", n.grad)
print("m is_leaf:", m.is_leaf)
print("n is_leaf:", n.is_leaf)
print("a is_leaf:", a.is_leaf)
print("b is_leaf:", b.is_leaf)
print("y is_leaf:", y.is_leaf)
