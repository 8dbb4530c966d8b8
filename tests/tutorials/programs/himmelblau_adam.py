# 用 Adam 求 Himmelblau 函数的一个极小点。
import torch


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


x = torch.tensor([-4.0, 0.0], requires_grad=True)
optimizer = torch.optim.Adam([x], lr=1e-3)

for step in range(20000):
    pred = himmelblau(x)
    optimizer.zero_grad()
    pred.backward()
    optimizer.step()

    if step % 2000 == 0:
        print("step {}: x = {}, f(x) = {}".format(step, x.tolist(), pred.item()))
