"""What programs ask about the machine and the library before they begin."""

import pickle

import torch
from torch.utils.dlpack import from_dlpack, to_dlpack

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(
    device,
    torch.cuda.device_count(),
    torch.cuda.is_initialized(),
    torch.cuda.max_memory_allocated(),
)
print(
    torch.backends.mps.is_available(),
    torch.backends.cudnn.is_available(),
    torch.accelerator.is_available(),
)
torch.backends.cudnn.deterministic = True
torch.backends.cudnn.benchmark = False
torch.cuda.manual_seed_all(3)
torch.cuda.empty_cache()
try:
    torch.cuda.current_device()
except AssertionError as error:
    print(str(error).splitlines()[0])
print(torch.pi, torch.e, torch.inf, torch.nan, torch.newaxis, torch.ones(2)[torch.newaxis].shape)
print(torch.typename(torch.ones(1)), torch.typename(torch.ones(1).long()), torch.typename(3))
print(pickle.loads(pickle.dumps(torch.ones(2, requires_grad=True) * 2)))
print(torch.arange(2).broadcast_to(2, 2), torch.broadcast_to(torch.arange(2), (2, 2)))
for convert in (float, int, complex):
    try:
        convert(torch.ones(2))
    except ValueError as error:
        print(str(error).splitlines()[0])

t = torch.arange(3.0)
shared = from_dlpack(to_dlpack(t))
shared[0] = 9
print(t)
m = torch.zeros(3, 4)
print(m.fill_diagonal_(5), m._version, torch.zeros(5, 2).fill_diagonal_(1, wrap=True))
print(torch.zeros(3, 3, 3).fill_diagonal_(1).sum(), torch.zeros(4, 3).t().fill_diagonal_(2))
for shape in ((2,), (2, 3, 2)):
    try:
        torch.zeros(shape).fill_diagonal_(1)
    except RuntimeError as error:
        print(str(error).splitlines()[0])
w = torch.ones(2, 2, requires_grad=True)
y = (w * 2).fill_diagonal_(0)
y.sum().backward()
print(y, w.grad)
