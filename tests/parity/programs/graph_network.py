"""Training on graphs: two layers of graph convolution with a normalised sparse adjacency matrix,
attention over the edges, and embeddings with sparse gradients.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def normalised(edges, count):
    """D^-1/2 (A + I) D^-1/2 of the undirected graph with these edges."""
    both = torch.cat([edges, edges.flip(0)], 1)
    ones = torch.ones(both.shape[1])
    loops = torch.arange(count).repeat(2, 1)
    adjacency = torch.sparse_coo_tensor(both, ones, (count, count))
    adjacency = adjacency + torch.sparse_coo_tensor(loops, torch.ones(count), (count, count))
    adjacency = adjacency.coalesce()
    scale = torch.sparse.sum(adjacency, dim=1).to_dense().pow(-0.5)
    rows, columns = adjacency.indices()
    values = scale[rows] * adjacency.values() * scale[columns]
    return torch.sparse_coo_tensor(adjacency.indices(), values, adjacency.shape).coalesce()


class GraphConvolution(nn.Module):
    def __init__(self, taken, made):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(taken, made))
        self.bias = nn.Parameter(torch.zeros(made))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adjacency):
        return torch.spmm(adjacency, x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, taken, hidden, classes):
        super().__init__()
        self.first = GraphConvolution(taken, hidden)
        self.second = GraphConvolution(hidden, classes)

    def forward(self, x, adjacency):
        x = F.relu(self.first(x, adjacency))
        x = F.dropout(x, 0.3, training=self.training)
        return F.log_softmax(self.second(x, adjacency), dim=1)


class EdgeAttention(nn.Module):
    def __init__(self, taken, made):
        super().__init__()
        self.project = nn.Linear(taken, made, bias=False)
        self.source, self.target = nn.Linear(made, 1), nn.Linear(made, 1)

    def forward(self, x, edges):
        h = self.project(x)
        scores = F.leaky_relu(self.source(h)[edges[0]] + self.target(h)[edges[1]], 0.2)
        count = len(x)
        weights = torch.sparse_coo_tensor(edges, scores.squeeze(1), (count, count))
        return torch.sparse.mm(torch.sparse.softmax(weights, dim=1), h)


nodes, classes = 24, 3
labels = torch.arange(nodes) % classes
pairs = torch.combinations(torch.arange(nodes), 2)
near = (labels[pairs[:, 0]] == labels[pairs[:, 1]]) | (torch.rand(len(pairs)) < 0.05)
edges = pairs[near & (torch.rand(len(pairs)) < 0.5)].t()
adjacency = normalised(edges, nodes)
print(adjacency.shape, adjacency._nnz(), adjacency.is_coalesced(), adjacency.layout)
print(adjacency)

features = torch.randn(nodes, 8)
net = GCN(8, 16, classes)
optimizer = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=5e-4)
for matrix in (adjacency, adjacency.to_sparse_csr()):
    for _ in range(8):
        optimizer.zero_grad()
        loss = F.nll_loss(net(features, matrix)[:12], labels[:12])
        loss.backward()
        optimizer.step()
        print(f"{loss.item():.5f}")
net.eval()
print((net(features, adjacency).argmax(1) == labels).float().mean().item())

attention = EdgeAttention(8, 4)
optimizer = torch.optim.SGD(attention.parameters(), lr=0.1)
for _ in range(4):
    optimizer.zero_grad()
    loss = F.cross_entropy(attention(features, adjacency.indices()), labels)
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.5f}", attention.source.weight.grad.norm().item())

embedding = nn.Embedding(nodes, 4, sparse=True)
bags = nn.EmbeddingBag(nodes, 4, mode="mean", sparse=True)
optimizers = [
    torch.optim.SparseAdam(embedding.parameters(), lr=0.05),
    torch.optim.SGD(bags.parameters(), lr=0.5),
]
for step in range(4):
    batch = edges[:, step * 4 : step * 4 + 8]
    for optimizer in optimizers:
        optimizer.zero_grad()
    scores = (embedding(batch[0]) * bags(batch.t())).sum(1)
    loss = F.binary_cross_entropy_with_logits(scores, torch.ones(len(scores)))
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    print(f"{loss.item():.5f}", embedding.weight.grad.layout, bags.weight.grad._nnz())
print(embedding.weight.grad.coalesce())
