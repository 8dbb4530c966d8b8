import copy
import os
import pickle
import tempfile

import torch
import torch.nn as nn

torch.manual_seed(0)
m = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
opt = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
for k, v in m.state_dict().items():
    print(k, "\t", v.size())
for _ in range(2):
    opt.zero_grad()
    m(torch.ones(4, 2)).mean().backward()
    opt.step()
d = tempfile.mkdtemp()
path = os.path.join(d, "ck.pt")
torch.save(
    {
        "epoch": 5,
        "model_state_dict": m.state_dict(),
        "optimizer_state_dict": opt.state_dict(),
        "loss": 0.4,
    },
    path,
)
ck = torch.load(path, weights_only=True)
print(
    ck["epoch"], ck["optimizer_state_dict"]["param_groups"], ck["optimizer_state_dict"]["state"][0]
)
m2 = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
o2 = torch.optim.SGD(m2.parameters(), lr=0.5)
print(m2.load_state_dict(ck["model_state_dict"]))
o2.load_state_dict(ck["optimizer_state_dict"])
print(o2)
for mm, oo in ((m, opt), (m2, o2)):
    oo.zero_grad()
    loss = mm(torch.ones(4, 2)).mean()
    loss.backward()
    oo.step()
    print(loss.item(), mm[0].weight)
try:
    m2.load_state_dict({"0.weight": torch.zeros(3, 3), "bad": torch.zeros(1)})
except RuntimeError as e:
    print(e)
print(m2.load_state_dict({"0.weight": torch.zeros(3, 2)}, strict=False))
torch.save(m, path)
m3 = torch.load(path, weights_only=False)
m3.eval()
print(m3, torch.equal(m3(torch.ones(1, 2)), m(torch.ones(1, 2))))
try:
    torch.load(path)
except pickle.UnpicklingError as e:
    print("refused", str(e)[:24])
try:
    torch.load(os.path.join(d, "none"))
except FileNotFoundError:
    print("missing")
m4 = pickle.loads(pickle.dumps(m))
m5 = copy.deepcopy(m)
print(
    torch.equal(m4[0].weight, m5[0].weight), m5[0].weight is m[0].weight, m4[0].weight.requires_grad
)
t = torch.arange(4.0)
torch.save([t[:2], t], path)
a, b = torch.load(path)
a += 10
print(b)
for p in m.parameters():
    p.requires_grad = False
m.add_module("head", nn.Linear(1, 2))
print([n for n, p in m.named_parameters() if p.requires_grad], m)
