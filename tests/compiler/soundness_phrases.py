"""What random programs are put together from, besides the pieces of pieces.txt."""

PRELUDE = '''
import collections, contextlib, contextvars, copy, dataclasses, enum, functools, gc, itertools
import math, operator, os, random, sys, threading, time, types, warnings, weakref
import numpy as np
import dynagrad as torch
import dynagrad.nn as nn
import dynagrad.nn.functional as F

def tensors(tree):
    """All tensors in a result."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree
    return [t for part in parts for t in tensors(part)] if isinstance(parts, (list, tuple)) or (
        isinstance(tree, dict)) else []

def differentiate(tree):
    """Backward from all that needs a gradient."""
    total = sum((t ** 2).mean() for t in tensors(tree) if t.requires_grad and not t.is_leaf)
    if isinstance(total, torch.Tensor):
        total.backward()

def poke(tree):
    """Write into all results that hold no graph, as a caller may."""
    with torch.no_grad():
        for t in tensors(tree):
            if not t.requires_grad and t.is_floating_point():
                t.add_(0.5)

log, moments = [], []
torch.manual_seed(SEED)
weight = nn.Parameter(torch.randn(3, 4) * 0.5)
bias = nn.Parameter(torch.randn(4) * 0.1)
mixing = torch.randn(4, 4) * 0.4
learned = [weight, bias]
x_held, y_held = torch.randn(5, 3), torch.randn(5, 4)
x_leaf = torch.randn(5, 3, requires_grad=True)
'''

#: Expressions of h, of the same shape.
EXPRESSIONS = """
torch.tanh(h)
torch.sigmoid(h) * 2 - h
h * NUM + NUM
h.relu() + 0.1 * h
F.gelu(h)
F.softmax(h, 1)
F.log_softmax(h, dim=1) * 0.3
h - h.mean(0)
h - 0.5 * h.amax(1, keepdim=True)
(h - h.mean(1, keepdim=True)) / (h.std(1, keepdim=True) + 0.5)
F.layer_norm(h, (4,))
h @ mixing
h @ (h.t() @ h).tanh()
h[:, [1, 0, 3, 2]]
torch.cat([h[:, 2:], h[:, :2]], 1)
h.reshape(-1).view(h.shape)
h.t().contiguous().t()
h.clamp(-1, 1)
h.cumsum(1) * 0.3
h.sort(1).values
h.roll(1, 1)
h.flip(1)
torch.where(h > 0, h, h.exp() - 1)
torch.maximum(h, -0.5 * h)
h / (1 + h.abs())
h.square().add(1).sqrt()
h.exp().clamp(max=3)
torch.einsum("bi,ij->bj", h, mixing)
h.unsqueeze(2).mul(torch.ones(4)).sum(2) * 0.25
torch.stack([h, h * 0.5]).mean(0)
h + h.sum() * 0.01
h * torch.arange(4)
h.masked_fill(h > 1, 1.0)
torch.addmm(bias, h, mixing)
F.linear(h, mixing, bias)
h.topk(4, dim=1).values
h.gather(1, h.argsort(1))
h.expand(2, *h.shape).mean(0)
torch.lerp(h, h.tanh(), 0.3)
F.softplus(h)
F.elu(h)
F.normalize(h, dim=1)
h.prod(1, keepdim=True) + h
h.view(h.shape[0], 2, 2).transpose(1, 2).reshape(h.shape)
h.pow(3) * 0.1
torch.sin(h) * torch.cos(h)
h.erf()
h.double().to(h.dtype)
torch.logsumexp(h, 1, keepdim=True) - h
F.avg_pool1d(h.unsqueeze(1), 3, 1, 1).squeeze(1)
h.max(1, keepdim=True).values * 0.5 + h
h.norm(dim=1, keepdim=True) + h
h.var(0, unbiased=False) + h
h.repeat(1, 2)[:, ::2]
h.new_ones(4) * h - h.detach()
(h > 0) * h
h.round() + h * 0.1
h.unfold(1, 2, 1).sum(2).repeat(1, 2)[:, :4]
F.pad(h, (1, 1))[:, 1:-1]
torch.outer(h[:, 0], h[0] if len(h) else bias)
F.scaled_dot_product_attention(h[None], h[None], h[None])[0]
""".strip().splitlines()

CONDITIONS = """
h.detach().mean() > 0
bool((h.detach() > 0.5).any())
h.detach().max().item() > NUM
float(h.detach().sum()) < 0
not h.detach().isnan().any()
len(h) > 2
h.detach().argmax() % 2
(h.detach() ** 2).sum().sqrt().item() > NUM
x.detach().sum() > 0
""".strip().splitlines()

#: Where the lines of a piece may stand; {body} turns h into another h.
WRAPPERS = {
    "nested function": "def inner_N(h):\n{body}\n    return h\nh = inner_N(h)",
    "loop": "for _ in range(2):\n{body}",
    "branch on a tensor": "if COND:\n{body}",
    "while": "while True:\n{body}\n    break",
    "try": "try:\n{body}\nfinally:\n    pass",
    "with": "with contextlib.nullcontext():\n{body}",
    "generator": "def inner_N(h):\n{body}\n    yield h\nh = list(inner_N(h))[0]",
    "recorded call": "def inner_N(h, *a):\n{body}\n    return h, len(a)\nh, _ = inner_N(h, 1)",
}
#: The same, with a function at the top of the module.
OUTER = {
    "function": ("def outer_N(h, x):\n{body}\n    return h", "h = outer_N(h, x)"),
    "method": (
        "class Outer_N:\n    def run(self, h, x):\n    {body}\n        return h\n"
        "outer_N = Outer_N()",
        "h = outer_N.run(h, x)",
    ),
    "module": (
        "class Outer_N(nn.Module):\n    def forward(self, h, x):\n    {body}\n        return h\n"
        "outer_N = Outer_N()",
        "h = outer_N(h, x)",
    ),
    "dict": ("def outer_N(h, x):\n{body}\n    return h\ndoors_N = {'a': outer_N}",
             "h = doors_N['a'](h, x)"),
}  # fmt: skip

OPTIMIZERS = """
SGD(learned, lr=0.05)
SGD(learned, lr=0.05, momentum=0.9)
SGD(learned, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)
SGD(learned, lr=0.05, momentum=0.8, dampening=0.1, maximize=True)
SGD(learned, lr=torch.tensor(0.05))
SGD([{"params": learned[:1]}, {"params": learned[1:], "lr": 0.01}], lr=0.1, momentum=0.5)
Adam(learned, lr=0.01, eps=1e-3)
Adam(learned, lr=0.01, eps=1e-3, amsgrad=True, weight_decay=0.1)
Adam([{"params": learned[:1], "lr": 0.001}, {"params": learned[1:]}], lr=0.01, eps=1e-3)
Adam(learned, lr=0.01, eps=1e-3, foreach=False)
Adam(learned, lr=torch.tensor(0.01), eps=1e-3)
AdamW(learned, lr=0.01, eps=1e-3)
RMSprop(learned, lr=0.01, eps=1e-3)
RMSprop(learned, lr=0.01, eps=1e-3, momentum=0.5, centered=True)
Adagrad(learned, lr=0.05, eps=1e-3)
Adadelta(learned, lr=0.5, eps=1e-3)
NAdam(learned, lr=0.01, eps=1e-3)
RAdam(learned, lr=0.01, eps=1e-3)
Adamax(learned, lr=0.01, eps=1e-3)
ASGD(learned, lr=0.05)
Rprop(learned, lr=0.01)
""".strip().splitlines()

SCHEDULERS = """
StepLR(optimizer, 2, 0.5)
ExponentialLR(optimizer, 0.8)
LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
CosineAnnealingLR(optimizer, 5)
LinearLR(optimizer, 0.5, 1.0, 4)
MultiStepLR(optimizer, [1, 4], 0.3)
""".strip().splitlines()

#: What turns gradients into other parameters.
UPDATES = {
    "optimizer": "optimizer.step()",
    "closure": "optimizer.step(lambda: 0.5)",
    "no_grad": "with torch.no_grad():\n    for p in learned:\n        if p.grad is not None:\n"
    "            p -= 0.05 * p.grad",
    "data": "for p in learned:\n    if p.grad is not None:\n        p.data.sub_(0.05 * p.grad)",
    "new data": "for p in learned:\n    if p.grad is not None:\n"
    "        p.data = p.data - 0.05 * p.grad",
}
CLEARINGS = (
    *("optimizer.zero_grad()", "optimizer.zero_grad()", "optimizer.zero_grad(set_to_none=False)"),
    "for p in learned:\n    p.grad = None",
    "for p in learned:\n    if p.grad is not None:\n        p.grad.zero_()",
)
LOSSES = (
    *("((h - y) ** 2).mean()", "F.mse_loss(h, y)", "F.smooth_l1_loss(h, y)"),
    *("F.cross_entropy(h, y.argmax(1))", "F.l1_loss(h, y) + 0.1 * sum(p.norm() for p in learned)"),
    *("F.binary_cross_entropy_with_logits(h, y.sigmoid())", "(h * y).sum().tanh()"),
)  # fmt: skip
RETURNED = ("loss", "loss.item()", "loss.detach()", "float(loss)", "None", "loss, h", "h.detach()")

#: What a caller may do between two calls, whatever the pieces are.
BETWEEN = """
weight.data.mul_(0.9)
weight.data = torch.ones(3, 4) * 0.1
weight.data = weight.data.t().contiguous().t()
bias.data.copy_(torch.ones(4) * 0.2)
with torch.no_grad(): weight.add_(0.1)
with torch.no_grad(): bias[1] = NUM
with torch.no_grad(): weight.copy_(torch.ones(3, 4) * 0.3)
nn.init.normal_(weight, std=0.3)
weight.grad = None
bias.grad = torch.ones(4) * 0.1
weight.grad = torch.ones(3, 4) * 0.1
if weight.grad is not None: weight.grad.mul_(0.5)
if weight.grad is not None: weight.grad = weight.grad.clone()
for p in learned: p.grad = None
weight.requires_grad_(False)
weight.requires_grad_(True)
bias.requires_grad_(not bias.requires_grad)
weight = nn.Parameter(torch.ones(3, 4) * 0.2)
bias = torch.ones(4) * NUM
mixing.mul_(0.9)
mixing = mixing.t()
mixing = mixing.clone().requires_grad_()
x_held.mul_(0.9)
x_held[0] = NUM
x_held = x_held.t().contiguous().t()
x_leaf.grad = None
y_held = torch.randn(5, 4)
torch.manual_seed(9)
torch.randn(3)
log.clear()
gc.collect()
poke(results)
if results: poke(results[-1])
results.clear()
stale = (weight * weight).sum()
if "stale" in globals(): stale.backward()
weight.register_hook(lambda g: g * 0.5)
handle = bias.register_hook(lambda g: log.append("hook"))
if "handle" in globals(): handle.remove()
weight.register_post_accumulate_grad_hook(lambda p: log.append("accumulated"))
torch.set_default_dtype(torch.float32)
torch.set_default_dtype(torch.float64)
learned.pop() if len(learned) > 2 else None
weight.note = "seen"
""".strip().splitlines()

BETWEEN_OPTIMIZER = """
optimizer.param_groups[0]["lr"] = 0.02
optimizer.param_groups[0]["lr"] *= 0.5
for group in optimizer.param_groups: group["lr"] = 0.03
optimizer.param_groups[0]["weight_decay"] = 0.1
optimizer.param_groups[-1]["momentum"] = 0.5
optimizer.param_groups[0].update(lr=0.01)
optimizer.param_groups[0]["lr"] = torch.tensor(0.01)
optimizer.param_groups[0]["betas"] = (0.5, 0.9)
optimizer.param_groups[0]["maximize"] = True
optimizer.param_groups[0]["params"] = optimizer.param_groups[0]["params"][:1]
optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))]})
optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
optimizer.load_state_dict(optimizer.state_dict())
optimizer.state.clear()
for state in optimizer.state.values(): [t.mul_(0.5) for t in tensors(state) if t.dim()]
optimizer.zero_grad()
optimizer.zero_grad(set_to_none=False)
optimizer = torch.optim.SGD(learned, lr=0.02)
optimizer = torch.optim.Adam(learned, lr=0.02, eps=1e-3)
optimizer.step()
optimizer.register_step_post_hook(lambda *a: log.append("stepped"))
optimizer.register_step_pre_hook(lambda *a: log.append("to step"))
""".strip().splitlines()

#: Inputs: a number of rows is put for B.
INPUTS = (
    *("torch.randn(B, 3)", "torch.randn(B, 3)", "torch.randn(B, 3)", "torch.randn(B, 3)"),
    *("torch.randn(3, B).t()", "torch.randn(2 * B, 3)[::2]", "torch.randn(3).expand(B, 3)"),
    *("torch.randn(B, 3, requires_grad=True)", "torch.randn(B, 6)[:, ::2]"),
    *("torch.randn(B, 3).double()", "torch.randn(B, 3).float()", "torch.randn(B, 2)"),
    *("nn.Parameter(torch.randn(B, 3))", "torch.ones(B, 3)", "torch.zeros(B, 3)"),
    *("torch.randn(B, 3) * 1e3", "torch.ones(B, 3, dtype=torch.int64)"),
    "torch.randn(B, 1, 3)[:, 0]",
)  # fmt: skip

#: Arguments that are held elsewhere too, or show each other's memory.
ARGUMENTS = (
    *(("x_held", "y_held"), ("x_leaf", "y_held"), ("y[:, :3]", "y")),
    *(("x_held", "y_held"), ("x_held[:]", "y_held"), ("weight.t()", "mixing")),
    *(("x_held.detach()", "y_held.view(-1).view(5, 4)"), ("mixing[:, 1:]", "mixing")),
)

#: Parameters of the step, and lines that use them.
SIGNATURES = {
    "plain": ("x, y", ""),
    "extras": (
        "x, y, scale=1.0, *, shift=0.1",
        "h = h * scale\nif shift is not None:\n    h = h + shift",
    ),
    "batch": ("batch", ""),
}
