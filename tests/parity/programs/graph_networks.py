"""Graph networks on a small graph of papers: convolution with a normalised dense adjacency, and
attention between neighbours; early stopping, accuracy per part, weights kept in memory.
"""

import argparse
import copy
import math
import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.modules.module import Module
from torch.nn.parameter import Parameter


def load_data(seed=3, nodes=120, classes=4, words=40):
    """Papers that cite within their class and use its words."""
    rng = np.random.RandomState(seed)
    labels = rng.randint(classes, size=nodes)
    same = labels[:, None] == labels[None, :]
    adj = (rng.rand(nodes, nodes) < np.where(same, 0.08, 0.01)).astype(np.float32)
    adj = np.maximum(adj, adj.T)
    np.fill_diagonal(adj, 0)
    features = (rng.rand(nodes, words) < 0.1).astype(np.float32)
    for i, c in enumerate(labels):
        features[i, c * 10 : c * 10 + 10] += rng.rand(10) < 0.15
    rowsum = features.sum(1)
    r_inv = np.power(rowsum, -1, where=rowsum > 0, out=np.zeros_like(rowsum))
    features = torch.FloatTensor(np.array(r_inv[:, None] * features))
    order = rng.permutation(nodes)
    idx_train, idx_val, idx_test = (torch.LongTensor(p) for p in np.split(order, [40, 70]))
    return (
        torch.from_numpy(adj),
        features,
        torch.LongTensor(labels),
        idx_train,
        idx_val,
        idx_test,
    )


def normalize_adj(adj):
    adj = adj + torch.eye(adj.shape[0])
    d_inv_sqrt = torch.pow(adj.sum(1), -0.5).flatten()
    d_inv_sqrt[torch.isinf(d_inv_sqrt)] = 0.0
    d_mat_inv_sqrt = torch.diag(d_inv_sqrt)
    return adj.mm(d_mat_inv_sqrt).t().mm(d_mat_inv_sqrt)


class GraphConvolution(Module):
    def __init__(self, in_features, out_features, bias=True):
        super(GraphConvolution, self).__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        output = torch.mm(adj, support)
        if self.bias is not None:
            return output + self.bias
        return output

    def __repr__(self):
        return f"{self.__class__.__name__} ({self.in_features} -> {self.out_features})"


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        x = self.gc2(x, adj)
        return F.log_softmax(x, dim=1)


class GraphAttentionLayer(nn.Module):
    def __init__(self, in_features, out_features, dropout, alpha, concat=True):
        super().__init__()
        self.dropout, self.out_features, self.concat = dropout, out_features, concat
        self.W = nn.Parameter(torch.empty(size=(in_features, out_features)))
        nn.init.xavier_uniform_(self.W.data, gain=1.414)
        self.a = nn.Parameter(torch.empty(size=(2 * out_features, 1)))
        nn.init.xavier_uniform_(self.a.data, gain=1.414)
        self.leakyrelu = nn.LeakyReLU(alpha)

    def forward(self, h, adj):
        Wh = torch.mm(h, self.W)
        Wh1 = torch.matmul(Wh, self.a[: self.out_features, :])
        Wh2 = torch.matmul(Wh, self.a[self.out_features :, :])
        e = self.leakyrelu(Wh1 + Wh2.T)
        zero_vec = -9e15 * torch.ones_like(e)
        attention = torch.where(adj > 0, e, zero_vec)
        attention = F.softmax(attention, dim=1)
        attention = F.dropout(attention, self.dropout, training=self.training)
        h_prime = torch.matmul(attention, Wh)
        return F.elu(h_prime) if self.concat else h_prime


class GAT(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout, alpha, nheads):
        super().__init__()
        self.dropout = dropout
        self.attentions = [
            GraphAttentionLayer(nfeat, nhid, dropout=dropout, alpha=alpha) for _ in range(nheads)
        ]
        for i, attention in enumerate(self.attentions):
            self.add_module("attention_{}".format(i), attention)
        self.out_att = GraphAttentionLayer(nhid * nheads, nclass, dropout, alpha, concat=False)

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, training=self.training)
        x = torch.cat([att(x, adj) for att in self.attentions], dim=1)
        x = F.dropout(x, self.dropout, training=self.training)
        x = F.elu(self.out_att(x, adj))
        return F.log_softmax(x, dim=1)


class SAGE(nn.Module):
    """Messages along a list of edges, gathered by index_add and by scatter_reduce."""

    def __init__(self, nfeat, nhid, nclass):
        super().__init__()
        self.own = nn.ModuleList([nn.Linear(nfeat, nhid, bias=False), nn.Linear(nhid, nclass)])
        self.others = nn.ModuleList([nn.Linear(nfeat, nhid, False), nn.Linear(nhid, nclass, False)])
        self.norm = nn.BatchNorm1d(nhid)

    def forward(self, x, edge_index):
        src, dst = edge_index
        for i, (own, other) in enumerate(zip(self.own, self.others)):
            degree = torch.zeros(x.size(0)).index_add_(0, dst, torch.ones(dst.numel()))
            gathered = torch.zeros_like(x).index_add(0, dst, x[src])
            mean = gathered / degree.clamp(min=1).unsqueeze(-1)
            index = dst.unsqueeze(-1).expand(-1, x.size(1))
            largest = torch.zeros_like(x).scatter_reduce(
                0, index, x.index_select(0, src), reduce="amax", include_self=False
            )
            x = own(x) + other(0.5 * (mean + largest))
            if i == 0:
                x = F.relu(self.norm(x))
        return F.log_softmax(x, dim=-1)


def accuracy(output, labels):
    preds = output.max(1)[1].type_as(labels)
    correct = preds.eq(labels).double()
    correct = correct.sum()
    return correct / len(labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--weight_decay", type=float, default=5e-4)
    parser.add_argument("--patience", type=int, default=4)
    args = parser.parse_args()
    args.cuda = torch.cuda.is_available()
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    random.seed(args.seed)

    adj, features, labels, idx_train, idx_val, idx_test = load_data()
    normal = normalize_adj(adj)
    print(features.shape, normal.sum(), int(labels.max()) + 1, torch.bincount(labels))
    edge_index = adj.nonzero().t()
    print(edge_index.shape, edge_index[:, :5])
    graph = {"GCN": normal, "GAT": adj + torch.eye(len(adj)), "SAGE": edge_index}
    models = {
        "GCN": GCN(features.shape[1], 16, 4, 0.5),
        "GAT": GAT(features.shape[1], 8, 4, 0.3, 0.2, 2),
        "SAGE": SAGE(features.shape[1], 16, 4),
    }
    for name, model in models.items():
        print(model)
        structure = graph[name]
        optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
        best, best_state, bad_counter = float("inf"), None, 0
        for epoch in range(args.epochs):
            t = time.time()
            model.train()
            optimizer.zero_grad()
            output = model(features, structure)
            loss_train = F.nll_loss(output[idx_train], labels[idx_train])
            acc_train = accuracy(output[idx_train], labels[idx_train])
            loss_train.backward()
            optimizer.step()
            model.eval()
            with torch.no_grad():
                output = model(features, structure)
            loss_val = F.nll_loss(output[idx_val], labels[idx_val])
            acc_val = accuracy(output[idx_val], labels[idx_val])
            if epoch % 4 == 0:
                print(
                    "Epoch: {:04d}".format(epoch + 1),
                    f"loss_train: {loss_train.item():.4f}",
                    f"acc_train: {acc_train.item():.4f}",
                    f"loss_val: {loss_val.item():.4f}",
                    f"acc_val: {acc_val.item():.4f}",
                    f"time: {time.time() - t > 100}",
                )
            if loss_val < best:
                best, bad_counter = loss_val, 0
                best_state = copy.deepcopy(model.state_dict())
            else:
                bad_counter += 1
            if bad_counter == args.patience:
                print("stopped at", epoch)
                break
        model.load_state_dict(best_state)
        model.eval()
        output = model(features, structure)
        loss_test = F.nll_loss(output[idx_test], labels[idx_test])
        print(
            f"Test set results: loss= {loss_test.item():.4f} "
            f"accuracy= {accuracy(output[idx_test], labels[idx_test]).item():.4f} best {best:.3f}"
        )


if __name__ == "__main__":
    main()
