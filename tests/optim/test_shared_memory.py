"""Parameters that share memory: each update finds what those before it left."""

import dynagrad as torch


def test_small_parameters_in_one_memory_get_all_updates() -> None:
    params = [torch.nn.Parameter(torch.ones(4)) for _ in range(4)]
    params[0].data = params[1].data
    params[2].data = params[3].data[:2]
    optimizer = torch.optim.SGD(params, lr=0.5)
    for k, p in enumerate(params):
        p.grad = torch.full_like(p, 1.0 + k)
    optimizer.step()
    assert params[0].tolist() == params[1].tolist() == [1 - 0.5 * 3] * 4
    assert params[3].tolist() == [1 - 0.5 * 7] * 2 + [1 - 0.5 * 4] * 2
