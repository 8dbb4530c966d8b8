import torch

t = torch.rand(4, 4)
b = t.view(2, 8)
print(t.storage().data_ptr() == b.storage().data_ptr())
b[0][0] = 3.14
print(t[0][0])
base = torch.tensor([[0, 1], [2, 3]])
print(base.is_contiguous())
t = base.transpose(0, 1)
print(t.is_contiguous(), t.contiguous().stride())
x = torch.arange(9.0).reshape(3, 3)
d = x.diagonal()
d.zero_()
print(x)
x[:, 1].fill_(7)
print(x, x[1:].data_ptr() - x.data_ptr())
w = torch.ones(3, requires_grad=True)
y = w * 2
v = y[1:]
v *= 10
print(y, type(y.grad_fn).__name__, v)
y.sum().backward()
print(w.grad)
z = torch.zeros(2, 3)
z[:, 1] += torch.tensor([1.0, 2.0])
z[0] = w.detach()
print(z, z._version)
leaf = torch.ones(2, requires_grad=True)
for f in (lambda: leaf.add_(1), lambda: leaf.view(2).add_(1), lambda: leaf[0].zero_()):
    try:
        f()
    except RuntimeError as e:
        print(str(e).splitlines()[0])
with torch.no_grad():
    leaf[0] = 5
print(leaf)
q = leaf.clone()
q[0] = leaf[1] * 3
q.sum().backward()
print(leaf.grad)
a, b = torch.ones(4, requires_grad=True).clone().chunk(2)
try:
    a.add_(1)
except RuntimeError as e:
    print(str(e).splitlines()[0][:80])
s = torch.ones(3, requires_grad=True)
e = s.expand(2, 3)
print(e.stride(), e.is_contiguous())
try:
    torch.zeros(1, 3).expand(2, 3).add_(1)
except RuntimeError as ex:
    print(str(ex).splitlines()[0][:60])
u = torch.arange(6)
print(
    u.unfold(0, 3, 2),
    u.as_strided((2, 2), (1, 2)),
    u.view(2, 3).T.reshape(-1),
    u.view(torch.int32)[:4],
    torch.ones(1).view(torch.int32),
)
c = torch.ones(2)
c2 = c.detach()
c2 += 1
print(c, c._version)
m = torch.zeros(2, 2)
m.t_()
m.unsqueeze_(0)
m.squeeze_(0)
m.resize_(4)
print(m)
