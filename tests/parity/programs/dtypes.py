import warnings

import torch

warnings.simplefilter("ignore")
dts = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
]
for a in dts:
    print(
        a, [str(torch.result_type(torch.ones(1, dtype=a), torch.ones(1, dtype=b)))[6:] for b in dts]
    )
for a in dts:
    print(
        a,
        torch.ones(2, dtype=a) + 1,
        torch.ones(2, dtype=a) * 1.5,
        (torch.ones(2, dtype=a) + True).dtype,
        torch.ones(2, dtype=a).sum(),
        (torch.ones(2, dtype=a) + torch.tensor(1.5)).dtype,
        torch.ones((), dtype=a),
    )
for a in dts[1:10]:
    print(
        torch.tensor([3.7, -2.2, 1e3]).to(a)
        if a.is_floating_point or a.is_signed
        else torch.tensor([3.7, 2.2]).to(a),
        torch.arange(3, dtype=a),
        torch.ones(2, dtype=a) / 2,
        torch.full((1,), 3, dtype=a) // 2,
        torch.ones(2, dtype=a).mean(dtype=torch.float32),
    )
print(
    torch.tensor([1.5, 2.5]).int(),
    torch.tensor([0.0, 2.0]).bool(),
    torch.tensor([300]).to(torch.uint8),
    torch.tensor([-1]).to(torch.uint8),
    torch.tensor(True).int(),
    torch.tensor([1, 0]).logical_not(),
    torch.tensor([1 + 1j]).abs(),
)
print(
    torch.tensor(2**40),
    torch.tensor(1e40),
    torch.tensor([1e40], dtype=torch.float64).float(),
    torch.tensor(0.1).item(),
    torch.tensor(0.1, dtype=torch.float64).item(),
    torch.tensor(16777217.0).item(),
)
for f in (
    lambda: torch.tensor(2**70),
    lambda: torch.tensor([300], dtype=torch.int8),
    lambda: torch.ones(2, dtype=torch.int64).exp_(),
    lambda: torch.ones(2).long().mean(),
    lambda: torch.arange(3).softmax(0),
    lambda: torch.ones(2, 2).int() @ torch.ones(2, 2),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0])
print(
    torch.ones(2, dtype=torch.half) @ torch.ones(2, dtype=torch.half),
    torch.ones(3, dtype=torch.int32).cumsum(0).dtype,
    torch.ones(3).argmax().dtype,
    torch.tensor([1, 2]).float().dtype,
    torch.zeros(1).double().type(),
    torch.tensor([1]).to(torch.float).type_as(torch.tensor([1.0], dtype=torch.float64)).dtype,
    torch.arange(0, 1, 0.25).dtype,
    torch.arange(3, dtype=torch.float).dtype,
    torch.linspace(0, 1, 3, dtype=torch.float64).dtype,
)
