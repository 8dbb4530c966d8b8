"""Regression and classification on tables: splits, weighted sampling, embeddings of categories,
early stopping with kept weights, a falling learning rate, hooks, cross-validation, LBFGS.
"""

import copy
import math
from collections import defaultdict

import numpy as np
import torch
from torch import nn, optim
from torch.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)


class Houses(Dataset):
    def __init__(self, n=240, seed=0):
        rng = np.random.default_rng(seed)
        self.area = rng.normal(90, 25, n)
        self.rooms = rng.integers(1, 6, n)
        self.quarter = rng.integers(0, 4, n)
        price = 2.0 * self.area + 15 * self.rooms + np.array([80, 20, -30, 0])[self.quarter]
        self.price = price + rng.normal(0, 10, n)

    def __len__(self):
        return len(self.price)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        numbers = np.array([self.area[idx], self.rooms[idx]], dtype=np.float32)
        return {
            "numbers": torch.from_numpy(numbers),
            "quarter": int(self.quarter[idx]),
            "price": np.float32(self.price[idx]),
        }


class EarlyStopping:
    def __init__(self, patience=3, delta=0.0):
        self.patience, self.delta = patience, delta
        self.counter, self.best_score, self.early_stop = 0, None, False
        self.val_loss_min = np.inf

    def __call__(self, val_loss, model):
        score = -val_loss
        if self.best_score is None or score >= self.best_score + self.delta:
            self.best_score, self.counter = score, 0
            self.best = copy.deepcopy(model.state_dict())
            self.val_loss_min = val_loss
        else:
            self.counter += 1
            self.early_stop = self.counter >= self.patience


class MLP(nn.Module):
    def __init__(self, layers=(16, 8), p=0.1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("std", torch.ones(2))
        self.embed = nn.Embedding(4, 3, max_norm=2.0)
        sizes = [5, *layers]
        blocks = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            blocks += [nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.PReLU(), nn.Dropout(p)]
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(sizes[-1], 1)

    def forward(self, numbers, quarter):
        x = (numbers - self.mean) / self.std
        x = torch.cat([x, self.embed(quarter)], dim=-1)
        return self.out(self.blocks(x)).squeeze(-1)


def init_weights(m):
    if type(m) is nn.Linear:
        torch.nn.init.xavier_uniform_(m.weight, gain=nn.init.calculate_gain("leaky_relu", 0.25))
        if m.bias is not None:
            m.bias.data.fill_(0.01)


def regression():
    torch.manual_seed(4)
    data = Houses()
    train_set, val_set, test_set = random_split(data, [0.7, 0.15, 0.15])
    print(len(train_set), len(val_set), len(test_set), train_set.indices[:5])
    train_loader = DataLoader(train_set, batch_size=24, shuffle=True, num_workers=2)
    val_loader = DataLoader(val_set, batch_size=len(val_set))
    model = MLP()
    model.apply(init_weights)
    numbers = torch.stack([train_set[i]["numbers"] for i in range(len(train_set))])
    model.mean.copy_(numbers.mean(0))
    model.std.copy_(numbers.std(0))
    model.out.bias.data.fill_(240)
    optimizer = optim.NAdam(model.parameters(), lr=0.05, weight_decay=1e-4)
    scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1, min_lr=1e-4)
    stopper = EarlyStopping(patience=4)
    criterion = nn.HuberLoss(delta=20.0)
    seen = defaultdict(float)

    def watch(name):
        def hook(module, inputs, output):
            seen[name] += output.detach().abs().mean().item()

        return hook

    handles = [
        m.register_forward_hook(watch(n)) for n, m in model.named_modules() if "blocks.2" in n
    ]
    for epoch in range(8):
        model.train()
        running = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(batch["numbers"], batch["quarter"]), batch["price"])
            loss.backward()
            optimizer.step()
            running += loss.item() * len(batch["price"])
        model.eval()
        with torch.no_grad():
            batch = next(iter(val_loader))
            predicted = model(batch["numbers"], batch["quarter"])
            val_loss = criterion(predicted, batch["price"]).item()
            mae = (predicted - batch["price"]).abs().mean()
        scheduler.step(val_loss)
        stopper(val_loss, model)
        lr = optimizer.param_groups[0]["lr"]
        print(
            f"epoch {epoch} train {running / len(train_set):.2f} val {val_loss:.2f} "
            f"mae {mae:.2f} lr {lr:g}"
        )
        if stopper.early_stop:
            print("stopped")
            break
    for h in handles:
        h.remove()
    print({k: f"{v:.2f}" for k, v in seen.items()})
    model.load_state_dict(stopper.best)
    print(f"best {stopper.val_loss_min:.2f}", scheduler.state_dict()["num_bad_epochs"] >= 0)
    ids = torch.arange(4)
    print(model.embed(ids).norm(dim=1).le(2.0001).all(), model.embed)


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0, weight=None):
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weight", weight)

    def forward(self, inputs, targets):
        ce = nn.functional.cross_entropy(inputs, targets, weight=self.weight, reduction="none")
        pt = torch.exp(-ce)
        return ((1 - pt) ** self.gamma * ce).mean()


def classification():
    """Two moons, one much rarer than the other, in folds."""
    torch.manual_seed(5)
    angle = torch.rand(150) * math.pi
    rare = torch.arange(150) < 30
    x = torch.where(rare, 1 - angle.cos(), angle.cos())
    y = torch.where(rare, 0.5 - angle.sin(), angle.sin())
    points = torch.stack([x, y], dim=1) + 0.1 * torch.randn(150, 2)
    labels = rare.long()
    first = TensorDataset(points[:75], labels[:75])
    second = TensorDataset(points[75:], labels[75:])
    whole = ConcatDataset([first, second])
    order = torch.randperm(len(whole)).tolist()
    folds = [order[i::3] for i in range(3)]
    for k, held in enumerate(folds):
        train_idx = [i for i in order if i not in set(held)]
        class_count = torch.bincount(labels[train_idx])
        weights = 1.0 / class_count[labels[train_idx]].float()
        sampler = WeightedRandomSampler(weights, num_samples=len(weights), replacement=True)
        loader = DataLoader(Subset(whole, train_idx), batch_size=25, sampler=sampler)
        net = nn.Sequential(nn.Linear(2, 16), nn.SELU(), nn.AlphaDropout(0.05), nn.Linear(16, 2))
        optimizer = optim.Adamax(net.parameters(), lr=0.02)
        scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=4 * len(loader))
        criterion = FocalLoss(weight=torch.tensor([1.0, 2.0]))
        for _ in range(4):
            for xb, yb in loader:
                loss = criterion(net(xb), yb)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
        net.eval()
        with torch.inference_mode():
            scores = net(points[held])
            pred = scores.argmax(-1)
            confusion = torch.zeros(2, 2, dtype=torch.int64)
            confusion.index_put_(
                (labels[held], pred), torch.ones(len(held), dtype=torch.int64), accumulate=True
            )
        print(f"fold {k}: loss {loss.item():.4f}, lr {scheduler.get_last_lr()[0]:.6f}")
        print(confusion, f"recall {(confusion.diag() / confusion.sum(1)).mean():.3f}")


def schedules_and_closures():
    torch.manual_seed(6)
    x = torch.linspace(-1, 1, 50).unsqueeze(1)
    y = torch.sin(3 * x)
    net = nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 1))
    optimizer = optim.LBFGS(net.parameters(), lr=0.5, max_iter=5, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        return loss

    for i in range(3):
        print(f"lbfgs {i}: {optimizer.step(closure).item():.3f}")
    optimizer = optim.SGD(
        [{"params": net[0].parameters(), "lr": 0.01}, {"params": net[2].parameters()}],
        lr=0.1,
        momentum=0.9,
    )
    warm = LinearLR(optimizer, start_factor=0.1, total_iters=3)
    rest = CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    decay = ExponentialLR(optimizer, gamma=0.9)
    scheduler = SequentialLR(optimizer, schedulers=[warm, rest, decay], milestones=[3, 7])
    for step in range(10):
        closure()
        optimizer.step()
        scheduler.step()
        print(step, [f"{lr:.5f}" for lr in scheduler.get_last_lr()])
    print(f"{closure().item():.4f}")


if __name__ == "__main__":
    regression()
    classification()
    schedules_and_closures()
