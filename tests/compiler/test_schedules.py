"""Schedulers inside of compiled steps: what they set counts from the next call on."""

import pytest

pytest.importorskip("llvmlite")

import dynagrad as torch  # noqa: E402


def trained(steps: int, *, compiled: bool) -> list[torch.Tensor]:
    """The states of a net that was trained under one cycle of rate and momentum."""
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=20)
    x, y = torch.randn(5, 3), torch.randn(5, 2)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
        schedule.step()

    run = torch.compile(step) if compiled else step
    for _ in range(steps):
        run(x, y)
    if compiled:
        assert run.explain().courses[0].runs == steps - 1
    return [*net.parameters(), *(s["exp_avg"] for s in optimizer.state.values())]


def test_a_scheduler_changes_pairs_of_options() -> None:
    for a, b in zip(trained(9, compiled=False), trained(9, compiled=True), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
