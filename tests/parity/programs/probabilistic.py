"""Policy gradients, a variational autoencoder, a mixture density network, a normalizing flow."""

import torch
import torch.distributions as dist
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical, Independent, Normal, kl_divergence


def corridor(policy, steps=12):
    """An episode in a corridor of six places: one reward at the right end."""
    place, log_probs, rewards = 0, [], []
    for _ in range(steps):
        state = F.one_hot(torch.tensor(place), 6).float()
        choice = Categorical(logits=policy(state))
        action = choice.sample()
        log_probs.append(choice.log_prob(action))
        place = max(0, place + (1 if action.item() == 1 else -1))
        rewards.append(1.0 if place == 5 else -0.1)
        if place == 5:
            break
    return torch.stack(log_probs), rewards


def reinforce():
    """Learns to walk to the right."""
    torch.manual_seed(1)
    policy = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.05)
    for episode in range(15):
        log_probs, rewards = corridor(policy)
        returns = torch.tensor(rewards).flip(0).cumsum(0).flip(0)
        loss = -(log_probs * returns).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if episode % 5 == 4:
            print(f"episode {episode} length {len(rewards)} loss {loss.item():.5f}")


class Autoencoder(nn.Module):
    """Eight numbers through two latent ones."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(8, 4)
        self.decoder = nn.Linear(2, 8)

    def forward(self, x):
        """The distributions of the code and of the data."""
        mean, log_scale = self.encoder(x).chunk(2, dim=-1)
        code = Independent(Normal(mean, log_scale.exp()), 1)
        return code, Independent(Normal(self.decoder(code.rsample()), 0.5), 1)


def variational():
    """Maximises the evidence bound."""
    torch.manual_seed(2)
    model = Autoencoder()
    prior = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    data = torch.randn(64, 2) @ torch.randn(2, 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(30):
        code, pixels = model(data)
        divergence = kl_divergence(code, prior.expand(code.batch_shape))
        loss = (divergence - pixels.log_prob(data)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            print(f"step {step} bound {-loss.item():.5f} kl {divergence.mean().item():.5f}")
    print(code)


def mixture():
    """Two branches of a curve."""
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 9))
    x = torch.linspace(-1, 1, 40).unsqueeze(-1)
    y = torch.where(torch.rand(40) < 0.5, 1.0, -1.0) * (1 - x.squeeze(-1) ** 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for step in range(30):
        weight, mean, scale = net(x).chunk(3, dim=-1)
        p = dist.MixtureSameFamily(Categorical(logits=weight), Normal(mean, F.softplus(scale)))
        loss = -p.log_prob(y).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            print(f"step {step} mixture {loss.item():.5f} {p.mean[3].item():.5f}")
    print(p.sample((2,))[:, :3], p.variance[0])


def flow():
    """A flow fitted to gamma values, and relaxed categories."""
    torch.manual_seed(4)
    shift, scale = torch.zeros(2, requires_grad=True), torch.ones(2, requires_grad=True)
    values = dist.Gamma(torch.tensor([2.0, 5.0]), torch.tensor([1.0, 3.0])).sample((50,))
    optimizer = torch.optim.RMSprop([shift, scale], lr=0.05)
    for _ in range(20):
        steps = [dist.AffineTransform(shift, scale.exp()), dist.SoftplusTransform()]
        p = dist.TransformedDistribution(Normal(torch.zeros(2), torch.ones(2)), steps)
        loss = -p.log_prob(values).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"flow {loss.item():.5f}", p.support, p.batch_shape)
    logits = torch.randn(3, 4, requires_grad=True)
    soft = dist.RelaxedOneHotCategorical(torch.tensor(0.5), logits=logits).rsample()
    soft.pow(2).sum().backward()
    print(soft, logits.grad)
    print(dist.Dirichlet(torch.tensor([0.5, 2.0, 3.0])).sample((2,)))
    print(dist.Poisson(torch.tensor([0.5, 20.0])).sample((3,)), dist.Beta(2.0, 3.0).sample())
    print(dist.MultivariateNormal(torch.zeros(2), torch.eye(2) + 0.5).sample((2,)))


reinforce()
variational()
mixture()
flow()
try:
    Normal(torch.zeros(2), torch.tensor([1.0, -1.0]))
except ValueError as error:
    print(error)
