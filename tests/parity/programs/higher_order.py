"""Programs that differentiate their gradients, or more: equations as losses, learning to learn,
a flow of distributions, an implicit layer, names read letter by letter, words by negative samples.
"""

import math
import random
import string
import unicodedata
from collections import Counter, OrderedDict

import torch
import torch.autograd as autograd
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.autograd import Function, Variable, grad
from torch.func import functional_call, grad_and_value, vmap


def derivative(y, x):
    return grad(y, x, grad_outputs=torch.ones_like(y), create_graph=True)[0]


def burgers():
    """u_t + u u_x = nu u_xx, u(0, x) = -sin(pi x): Adam, then LBFGS."""
    torch.manual_seed(1234)
    net = nn.Sequential(
        OrderedDict(
            [
                ("in", nn.Linear(2, 16)),
                ("a1", nn.Tanh()),
                ("mid", nn.Linear(16, 16)),
                ("a2", nn.Tanh()),
                ("out", nn.Linear(16, 1)),
            ]
        )
    )
    for m in net:
        if isinstance(m, nn.Linear):
            nn.init.xavier_normal_(m.weight)
            nn.init.zeros_(m.bias)
    t = torch.rand(64, 1, requires_grad=True)
    x = (2 * torch.rand(64, 1) - 1).requires_grad_()
    x0 = torch.linspace(-1, 1, 32).view(-1, 1)

    def losses():
        u = net(torch.cat([t, x], 1))
        u_t, u_x = derivative(u, t), derivative(u, x)
        residual = u_t + u * u_x - 0.01 / math.pi * derivative(u_x, x)
        start = net(torch.cat([torch.zeros_like(x0), x0], 1)) + torch.sin(math.pi * x0)
        return residual.pow(2).mean(), start.pow(2).mean()

    opt = optim.Adam(net.parameters(), lr=5e-3)
    for i in range(20):
        opt.zero_grad()
        f, b = losses()
        (f + b).backward()
        opt.step()
        if i % 5 == 0:
            print(f"burgers {i}: {f.item():.4f} {b.item():.4f}")
    opt = optim.LBFGS(net.parameters(), max_iter=5, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        loss = sum(losses())
        loss.backward()
        return loss

    print(f"burgers lbfgs: {opt.step(closure).item():.4f} {closure().item():.4f}")


def maml():
    """Learning to fit sines in one step, by gradients of gradients and by torch.func."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 1))
    opt = optim.Adam(net.parameters(), lr=1e-2)

    def task():
        amplitude, phase = 0.1 + 4.9 * torch.rand(1), math.pi * torch.rand(1)
        x = 10 * torch.rand(20, 1) - 5
        return x, amplitude * torch.sin(x + phase)

    for i in range(6):
        opt.zero_grad()
        total = 0.0
        for _ in range(3):
            x, y = task()
            fast = dict(net.named_parameters())
            inner = F.mse_loss(functional_call(net, fast, (x[:10],)), y[:10])
            gradients = autograd.grad(inner, fast.values(), create_graph=True)
            fast = {n: p - 0.01 * g for (n, p), g in zip(fast.items(), gradients)}
            total = total + F.mse_loss(functional_call(net, fast, x[10:]), y[10:])
        total.backward()
        opt.step()
        print(f"maml {i}: {total.item() / 3:.4f}")

    def loss_of(params, x, y):
        return F.mse_loss(functional_call(net, params, (x,)), y)

    xs, ys = map(torch.stack, zip(*[task() for _ in range(4)]))
    params = {n: p.detach() for n, p in net.named_parameters()}
    grads, losses = vmap(grad_and_value(loss_of), in_dims=(None, 0, 0))(params, xs, ys)
    print(losses, {n: tuple(g.shape) for n, g in grads.items()})


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        if self.flip:
            a, b = b, a
        s, t = self.net(a).chunk(2, dim=1)
        b = (b - t) * torch.exp(-s)
        return torch.cat([b, a] if self.flip else [a, b], dim=1), -s.sum(1)


def flow():
    torch.manual_seed(0)
    base = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    layers = nn.ModuleList(Coupling(i % 2 == 1) for i in range(4))
    opt = optim.Adam(layers.parameters(), lr=1e-2)
    x = torch.randn(128, 2)
    x = torch.stack([x[:, 0], x[:, 0] ** 2 + 0.3 * x[:, 1]], dim=1)
    for i in range(15):
        z, log_det = x, 0
        for layer in layers:
            z, d = layer(z)
            log_det = log_det + d
        loss = -(base.log_prob(z) + log_det).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if i % 5 == 0:
            print(f"flow {i}: {loss.item():.4f}")


class LinearSolve(Function):
    """x with A x = b, its derivative by the implicit function theorem."""

    @staticmethod
    def forward(ctx, A, b):
        x = torch.linalg.solve(A, b)
        ctx.save_for_backward(A, x)
        return x

    @staticmethod
    def backward(ctx, g):
        A, x = ctx.saved_tensors
        gb = torch.linalg.solve(A.mT, g)
        return -torch.outer(gb, x), gb


def implicit():
    torch.manual_seed(0)
    A = (torch.eye(4) * 4 + torch.randn(4, 4)).double().requires_grad_()
    b = Variable(torch.randn(4).double(), requires_grad=True)
    print(torch.autograd.gradcheck(LinearSolve.apply, (A, b)))
    opt = optim.SGD([A, b], lr=0.1)
    for _ in range(3):
        opt.zero_grad()
        loss = LinearSolve.apply(A, b).sub(1).square().sum()
        loss.backward()
        opt.step()
    print(f"implicit {loss.item():.5f}", b)


all_letters = string.ascii_letters + " .,;'"


def unicodeToAscii(s):
    return "".join(
        c for c in unicodedata.normalize("NFD", s)
        if unicodedata.category(c) != "Mn" and c in all_letters
    )  # fmt: skip


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, len(all_letters))
    for li, letter in enumerate(line):
        tensor[li][0][all_letters.find(letter)] = 1
    return tensor


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size, hidden_size)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        hidden = F.tanh(self.i2h(input) + self.h2h(hidden))
        return self.softmax(self.h2o(hidden)), hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


def names():
    random.seed(0)
    torch.manual_seed(0)
    data = {
        "Polish": "Kowalski Nowak Wiśniewski Wójcik Kamiński Lewandowski".split(),
        "Italian": "Rossi Russo Ferrari Esposito Bianchi Romano".split(),
        "German": "Müller Schmidt Schneider Fischer Weber Meyer".split(),
    }
    categories = list(data)
    rnn, criterion, rate, current = RNN(len(all_letters), 24, 3), nn.NLLLoss(), 0.02, 0
    for i in range(1, 61):
        category = random.choice(categories)
        line = unicodeToAscii(random.choice(data[category]))
        target = torch.tensor([categories.index(category)], dtype=torch.long)
        hidden = rnn.initHidden()
        rnn.zero_grad()
        for letter in line_to_tensor(line):
            output, hidden = rnn(letter, hidden)
        loss = criterion(output, target)
        loss.backward()
        for p in rnn.parameters():
            p.data.add_(p.grad.data, alpha=-rate)
        current += loss.item()
        if i % 15 == 0:
            _, top_i = output.topk(1)
            guess = categories[top_i[0].item()]
            correct = "yes" if guess == category else f"no ({category})"
            print(f"{i} {i / 60 * 100:.0f}% {current / 15:.4f} {line} / {guess} {correct}")
            current = 0


class SkipGram(nn.Module):
    def __init__(self, size, dim):
        super().__init__()
        self.u = nn.Embedding(size, dim)
        self.v = nn.EmbeddingBag(size, dim, mode="sum")
        nn.init.uniform_(self.u.weight.data, -0.5 / dim, 0.5 / dim)
        nn.init.constant_(self.v.weight.data, 0)

    def forward(self, centre, context, negative):
        u = self.u(centre)
        v = self.v(context.unsqueeze(1))
        neg = F.embedding(negative, self.v.weight)
        score = F.logsigmoid((u * v).sum(1).clamp(-10, 10))
        neg_score = F.logsigmoid(-torch.bmm(neg, u.unsqueeze(2)).clamp(-10, 10)).sum((1, 2))
        return -(score + neg_score).mean()


def words():
    torch.manual_seed(0)
    text = "the king and the queen rule the land while the cat and the dog sleep in the sun".split()
    vocab = {w: i for i, (w, _) in enumerate(Counter(text).most_common())}
    freq = torch.tensor([c for _, c in Counter(text).most_common()], dtype=torch.float)
    noise = freq.pow(0.75) / freq.pow(0.75).sum()
    ids = [vocab[w] for w in text]
    pairs = [(ids[i], ids[j]) for i in range(len(ids)) for j in (i - 2, i - 1, i + 1, i + 2)
             if 0 <= j < len(ids)]  # fmt: skip
    centre, context = torch.tensor(pairs).T
    model = SkipGram(len(vocab), 8)
    opt = optim.Adagrad(model.parameters(), lr=0.3)
    for epoch in range(6):
        negative = torch.multinomial(noise, len(pairs) * 3, replacement=True).view(-1, 3)
        loss = model(centre, context, negative)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"words {epoch}: {loss.item():.4f}")
    e = F.normalize(model.u.weight.detach(), dim=1)
    print((e @ e.T)[vocab["cat"]].topk(3).indices)


if __name__ == "__main__":
    for program in (burgers, maml, flow, implicit, names, words):
        program()
