import torch
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)


def mk():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


for s in (
    lambda o: StepLR(o, 2, 0.5),
    lambda o: ExponentialLR(o, 0.9),
    lambda o: CosineAnnealingLR(o, 5),
    lambda o: CosineAnnealingLR(o, 5, eta_min=0.01),
    lambda o: MultiStepLR(o, [1, 3], 0.1),
    lambda o: LambdaLR(o, lambda e: 1 / (1 + e)),
    lambda o: MultiplicativeLR(o, lambda e: 0.9),
    lambda o: ChainedScheduler([ExponentialLR(o, 0.9), ConstantLR(o, 0.1, 3)]),
    lambda o: OneCycleLR(o, 1.0, total_steps=10),
    lambda o: CyclicLR(o, 0.1, 1, step_size_up=2, mode="triangular2"),
):
    o = mk()
    sc = s(o)
    r = []
    for _ in range(8):
        o.step()
        r.append(round(o.param_groups[0]["lr"], 10))
        sc.step()
    print(
        type(sc).__name__, r, sc.get_last_lr(), sc.last_epoch if hasattr(sc, "last_epoch") else ""
    )
o = mk()
sc = StepLR(o, 2)
o.step()
sc.step()
sd = sc.state_dict()
print(sd)
s2 = StepLR(mk(), 5)
s2.load_state_dict(sd)
print(s2.step_size, s2.last_epoch)
r = ReduceLROnPlateau(mk(), "min", factor=0.5, patience=1)
for v in [1, 0.9, 0.95, 0.96, 0.97, 0.98]:
    r.step(v)
    print(r.get_last_lr(), r.num_bad_epochs)
