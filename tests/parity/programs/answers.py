"""What programs ask about the machine and the library before they begin."""

import pickle

import torch

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
