# The weighted losses again, with the gradient of an inner node kept as well.
import torch

w = torch.tensor([1.0], requires_grad=True)
x = torch.tensor([2.0], requires_grad=True)

a = torch.add(w, x)
a.retain_grad()
b = torch.add(w, 1)

y0 = torch.mul(a, b)
y1 = torch.add(a, b)

loss = torch.cat([y0, y1], dim=0)
grad_tensors = torch.tensor([1.0, 1.0])
loss.backward(gradient=grad_tensors)
print(w.grad)
