# y.backward() 就是 torch.autograd.backward。
import torch

w = torch.tensor([1.0], requires_grad=True)
x = torch.tensor([2.0], requires_grad=True)

a = torch.add(w, x)
b = torch.add(w, 1)
y0 = torch.mul(a, b)
y1 = torch.add(a, b)

torch.autograd.backward(y0, retain_graph=True)
print(w.grad)
w.grad.zero_()
torch.autograd.backward([y0, y1], grad_tensors=[torch.tensor([1.0]), torch.tensor([2.0])])
print(w.grad)
