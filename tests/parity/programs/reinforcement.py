"""Learning to balance a pole: REINFORCE, actor and critic, deep Q learning with replay, and PPO."""

import argparse
import math
import random
from collections import deque, namedtuple
from itertools import count

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical, Normal

eps = np.finfo(np.float32).eps.item()
Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))
SavedAction = namedtuple("SavedAction", ["log_prob", "value"])


class CartPole:
    """The cart and pole of Barto, Sutton and Anderson (1983), integrated by Euler's method."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.state = self.rng.uniform(-0.05, 0.05, size=4)
        self.steps = 0
        return self.state.astype(np.float32), {}

    def step(self, action):
        x, v, angle, turn = self.state
        force = 10.0 if action == 1 else -10.0
        push = (force + 0.05 * turn**2 * math.sin(angle)) / 1.1
        bend = (9.8 * math.sin(angle) - math.cos(angle) * push) / (
            0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / 1.1)
        )
        speed = push - 0.05 * bend * math.cos(angle) / 1.1
        self.state = self.state + 0.02 * np.array([v, speed, turn, bend])
        self.steps += 1
        over = bool(abs(self.state[0]) > 2.4 or abs(self.state[2]) > 12 * math.pi / 180)
        return self.state.astype(np.float32), 1.0, over, self.steps >= 60, {}


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.dropout = nn.Dropout(p=0.6)
        self.affine2 = nn.Linear(32, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = self.affine1(x)
        x = self.dropout(x)
        x = F.relu(x)
        action_scores = self.affine2(x)
        return F.softmax(action_scores, dim=1)


def reinforce(args, env):
    policy = Policy()
    optimizer = optim.Adam(policy.parameters(), lr=1e-2)
    running_reward = 10
    for i_episode in range(args.episodes):
        state, _ = env.reset()
        ep_reward = 0
        for _ in range(1, 100):
            probs = policy(torch.from_numpy(state).float().unsqueeze(0))
            m = Categorical(probs)
            action = m.sample()
            policy.saved_log_probs.append(m.log_prob(action))
            state, reward, done, cut, _ = env.step(action.item())
            policy.rewards.append(reward)
            ep_reward += reward
            if done or cut:
                break
        running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
        R, policy_loss, returns = 0, [], deque()
        for r in policy.rewards[::-1]:
            R = r + args.gamma * R
            returns.appendleft(R)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        for log_prob, R in zip(policy.saved_log_probs, returns):
            policy_loss.append(-log_prob * R)
        optimizer.zero_grad()
        policy_loss = torch.cat(policy_loss).sum()
        policy_loss.backward()
        optimizer.step()
        del policy.rewards[:]
        del policy.saved_log_probs[:]
        print(
            "Episode {}\tLast reward: {:.2f}\tAverage reward: {:.2f}\tloss {:.3f}".format(
                i_episode, ep_reward, running_reward, policy_loss
            )
        )


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.action_head = nn.Linear(32, 2)
        self.value_head = nn.Linear(32, 1)

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


def actor_critic(args, env):
    model = ActorCritic()
    optimizer = optim.Adam(model.parameters(), lr=3e-2)
    for i_episode in range(args.episodes):
        state, _ = env.reset()
        saved, rewards = [], []
        for _ in count(1):
            probs, state_value = model(torch.from_numpy(state).float())
            m = Categorical(probs)
            action = m.sample()
            saved.append(SavedAction(m.log_prob(action), state_value))
            state, reward, done, cut, _ = env.step(action.item())
            rewards.append(reward)
            if done or cut:
                break
        R, policy_losses, value_losses, returns = 0, [], [], []
        for r in rewards[::-1]:
            R = r + args.gamma * R
            returns.insert(0, R)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        for (log_prob, value), R in zip(saved, returns):
            advantage = R - value.item()
            policy_losses.append(-log_prob * advantage)
            value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
        optimizer.zero_grad()
        loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
        loss.backward()
        optimizer.step()
        print(f"episode {i_episode}: {len(rewards)} steps, loss {loss.item():.3f}")


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super().__init__()
        self.layer1 = nn.Linear(n_observations, 32)
        self.layer2 = nn.Linear(32, 32)
        self.layer3 = nn.Linear(32, n_actions)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        return self.layer3(x)


def q_learning(args, env, batch_size=32, tau=0.05):
    device = torch.device(
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )
    policy_net, target_net = DQN(4, 2).to(device), DQN(4, 2).to(device)
    target_net.load_state_dict(policy_net.state_dict())
    optimizer = optim.AdamW(policy_net.parameters(), lr=3e-3, amsgrad=True)
    memory = ReplayMemory(500)
    steps_done, losses = 0, []

    def select_action(state):
        nonlocal steps_done
        threshold = 0.05 + 0.85 * math.exp(-1.0 * steps_done / 100)
        steps_done += 1
        if random.random() > threshold:
            with torch.no_grad():
                return policy_net(state).max(1).indices.view(1, 1)
        return torch.tensor([[random.randrange(2)]], device=device, dtype=torch.long)

    def optimize_model():
        if len(memory) < batch_size:
            return
        batch = Transition(*zip(*memory.sample(batch_size)))
        non_final_mask = torch.tensor(
            tuple(map(lambda s: s is not None, batch.next_state)), device=device, dtype=torch.bool
        )
        non_final_next_states = torch.cat([s for s in batch.next_state if s is not None])
        state_batch = torch.cat(batch.state)
        action_batch = torch.cat(batch.action)
        reward_batch = torch.cat(batch.reward)
        state_action_values = policy_net(state_batch).gather(1, action_batch)
        next_state_values = torch.zeros(batch_size, device=device)
        with torch.no_grad():
            next_state_values[non_final_mask] = target_net(non_final_next_states).max(1).values
        expected = (next_state_values * args.gamma) + reward_batch
        criterion = nn.SmoothL1Loss()
        loss = criterion(state_action_values, expected.unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
        optimizer.step()
        losses.append(loss.item())

    for i_episode in range(args.episodes):
        state, _ = env.reset()
        state = torch.tensor(state, dtype=torch.float32, device=device).unsqueeze(0)
        for t in count():
            action = select_action(state)
            observation, reward, terminated, truncated, _ = env.step(action.item())
            reward = torch.tensor([reward], device=device)
            done = terminated or truncated
            next_state = None
            if not terminated:
                next_state = torch.tensor(
                    observation, dtype=torch.float32, device=device
                ).unsqueeze(0)
            memory.push(state, action, next_state, reward)
            state = next_state
            optimize_model()
            target, policy = target_net.state_dict(), policy_net.state_dict()
            for key in policy:
                target[key] = policy[key] * tau + target[key] * (1 - tau)
            target_net.load_state_dict(target)
            if done:
                break
        print(f"episode {i_episode}: {t + 1} steps, losses {sum(losses[-5:]):.3f}")


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    """Continuous pushes, drawn from a normal distribution with a learnt spread."""

    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(4, 16)), nn.Tanh(), layer_init(nn.Linear(16, 1), std=1.0)
        )
        self.actor_mean = nn.Sequential(
            layer_init(nn.Linear(4, 16)), nn.Tanh(), layer_init(nn.Linear(16, 1), std=0.01)
        )
        self.actor_logstd = nn.Parameter(torch.zeros(1, 1))

    def get_action_and_value(self, x, action=None):
        mean = self.actor_mean(x)
        probs = Normal(mean, torch.exp(self.actor_logstd.expand_as(mean)))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action).sum(1), probs.entropy().sum(1), self.critic(x)


def ppo(args, env, steps=64):
    agent = Agent()
    optimizer = optim.Adam(agent.parameters(), lr=3e-3, eps=1e-5)
    obs = torch.zeros((steps, 4))
    actions, logprobs, rewards, dones, values = (torch.zeros(steps, 1) for _ in range(5))
    next_obs = torch.Tensor(env.reset()[0])
    for iteration in range(2):
        optimizer.param_groups[0]["lr"] = (1.0 - iteration / 2) * 3e-3
        for step in range(steps):
            obs[step] = next_obs
            with torch.no_grad():
                action, logprob, _, value = agent.get_action_and_value(next_obs[None])
                values[step] = value.flatten()
            actions[step], logprobs[step] = action, logprob
            state, reward, done, cut, _ = env.step(int(action.item() > 0))
            rewards[step] = torch.tensor(reward).view(-1)
            dones[step] = float(done or cut)
            next_obs = torch.Tensor(env.reset()[0] if done or cut else state)
        with torch.no_grad():
            advantages = torch.zeros_like(rewards)
            last, after = 0, agent.critic(next_obs[None])[0]
            for t in reversed(range(steps)):
                alive = 1.0 - dones[t]
                delta = rewards[t] + args.gamma * after * alive - values[t]
                advantages[t] = last = delta + args.gamma * 0.95 * alive * last
                after = values[t]
            returns = advantages + values
        b_inds = np.arange(steps)
        for _ in range(2):
            np.random.shuffle(b_inds)
            for start in range(0, steps, 16):
                mb = b_inds[start : start + 16]
                _, newlogprob, entropy, newvalue = agent.get_action_and_value(obs[mb], actions[mb])
                logratio = newlogprob - logprobs[mb].view(-1)
                ratio = logratio.exp()
                with torch.no_grad():
                    approx_kl = ((ratio - 1) - logratio).mean()
                adv = advantages[mb].view(-1)
                adv = (adv - adv.mean()) / (adv.std() + 1e-8)
                pg_loss1, pg_loss2 = -adv * ratio, -adv * torch.clamp(ratio, 0.8, 1.2)
                pg_loss = torch.max(pg_loss1, pg_loss2).mean()
                v_loss = 0.5 * ((newvalue.view(-1) - returns[mb].view(-1)) ** 2).mean()
                loss = pg_loss - 0.01 * entropy.mean() + v_loss * 0.5
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
        print(
            f"PPO {iteration}: value {v_loss.item():.3f}, policy {pg_loss.item():.3f}, "
            f"kl {approx_kl.item():.4f}, entropy {entropy.mean().item():.4f}"
        )


def main():
    parser = argparse.ArgumentParser(description="Reinforcement learning")
    parser.add_argument("--gamma", type=float, default=0.99, metavar="G")
    parser.add_argument("--seed", type=int, default=543, metavar="N")
    parser.add_argument("--episodes", type=int, default=8)
    args = parser.parse_args()
    for learn in (reinforce, actor_critic, q_learning, ppo):
        torch.manual_seed(args.seed)
        random.seed(args.seed)
        np.random.seed(args.seed)
        learn(args, CartPole(args.seed))


if __name__ == "__main__":
    main()
