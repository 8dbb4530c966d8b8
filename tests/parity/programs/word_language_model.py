"""A language model of words: LSTM, GRU or plain RNN with tied weights, truncated backpropagation,
clipped gradients, a learning rate that falls when the validation loss stops falling.
"""

import argparse
import math
import os
import tempfile
from io import open

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.onnx  # noqa: F401

TEXT = (
    """
the cat sat on the mat and the dog sat on the rug
a bird sang in the tree while the cat slept on the mat
the dog ran to the tree and the bird flew to the house
the house has a red door and the door has a small window
in the window the cat sat and looked at the bird in the tree
the bird sang a song and the dog slept on the rug in the house
"""
    * 6
)


class Dictionary(object):
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]

    def __len__(self):
        return len(self.idx2word)


class Corpus(object):
    def __init__(self, path):
        self.dictionary = Dictionary()
        self.train = self.tokenize(os.path.join(path, "train.txt"))
        self.valid = self.tokenize(os.path.join(path, "valid.txt"))

    def tokenize(self, path):
        assert os.path.exists(path)
        with open(path, "r", encoding="utf8") as f:
            for line in f:
                for word in line.split() + ["<eos>"]:
                    self.dictionary.add_word(word)
        with open(path, "r", encoding="utf8") as f:
            idss = []
            for line in f:
                ids = []
                for word in line.split() + ["<eos>"]:
                    ids.append(self.dictionary.word2idx[word])
                idss.append(torch.tensor(ids).type(torch.int64))
            ids = torch.cat(idss)
        return ids


class RNNModel(nn.Module):
    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.5, tie_weights=False):
        super(RNNModel, self).__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        if rnn_type in ["LSTM", "GRU"]:
            self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        else:
            nonlinearity = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type]
            self.rnn = nn.RNN(ninp, nhid, nlayers, nonlinearity=nonlinearity, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            if nhid != ninp:
                raise ValueError("When using the tied flag, nhid must be equal to emsize")
            self.decoder.weight = self.encoder.weight
        self.init_weights()
        self.rnn_type = rnn_type
        self.nhid = nhid
        self.nlayers = nlayers

    def init_weights(self):
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -initrange, initrange)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        output = self.drop(output)
        decoded = self.decoder(output)
        decoded = decoded.view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            return (
                weight.new_zeros(self.nlayers, bsz, self.nhid),
                weight.new_zeros(self.nlayers, bsz, self.nhid),
            )
        return weight.new_zeros(self.nlayers, bsz, self.nhid)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


def repackage_hidden(h):
    """Wraps hidden states in new Tensors, to detach them from their history."""
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def get_batch(source, i, bptt):
    seq_len = min(bptt, len(source) - 1 - i)
    data = source[i : i + seq_len]
    target = source[i + 1 : i + 1 + seq_len].view(-1)
    return data, target


def evaluate(model, criterion, corpus, source, args):
    model.eval()
    total_loss = 0.0
    hidden = model.init_hidden(4)
    with torch.no_grad():
        for i in range(0, source.size(0) - 1, args.bptt):
            data, targets = get_batch(source, i, args.bptt)
            output, hidden = model(data, hidden)
            hidden = repackage_hidden(hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(source) - 1)


def train(model, criterion, train_data, lr, epoch, args):
    model.train()
    total_loss = 0.0
    hidden = model.init_hidden(args.batch_size)
    for batch, i in enumerate(range(0, train_data.size(0) - 1, args.bptt)):
        data, targets = get_batch(train_data, i, args.bptt)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total_loss += loss.item()
        if batch % args.log_interval == 0 and batch > 0:
            cur_loss = total_loss / args.log_interval
            print(
                "| epoch {:3d} | {:5d}/{:5d} batches | lr {:02.2f} | loss {:5.3f} | "
                "ppl {:8.2f}".format(
                    epoch,
                    batch,
                    len(train_data) // args.bptt,
                    lr,
                    cur_loss,
                    math.exp(cur_loss),
                )
            )
            total_loss = 0


def generate(model, corpus, words):
    model.eval()
    hidden = model.init_hidden(1)
    input = torch.randint(len(corpus.dictionary), (1, 1), dtype=torch.long)
    out = []
    with torch.no_grad():
        for _ in range(words):
            output, hidden = model(input, hidden)
            word_weights = output.squeeze().div(0.8).exp().cpu()
            word_idx = torch.multinomial(word_weights, 1)[0]
            input.fill_(word_idx)
            out.append(corpus.dictionary.idx2word[word_idx])
    print(" ".join(out))


def run(args, corpus, folder):
    torch.manual_seed(args.seed)
    train_data = batchify(corpus.train, args.batch_size)
    val_data = batchify(corpus.valid, 4)
    model = RNNModel(args.model, len(corpus.dictionary), args.emsize, args.nhid, 2, 0.2, args.tied)
    print(model)
    criterion = nn.NLLLoss()
    lr, best_val_loss = args.lr, None
    path = os.path.join(folder, "model.pt")
    try:
        for epoch in range(1, args.epochs + 1):
            train(model, criterion, train_data, lr, epoch, args)
            val_loss = evaluate(model, criterion, corpus, val_data, args)
            print("-" * 60)
            print(f"| end of epoch {epoch:3d} | valid loss {val_loss:5.3f}")
            print("-" * 60)
            if not best_val_loss or val_loss < best_val_loss:
                with open(path, "wb") as f:
                    torch.save(model, f)
                best_val_loss = val_loss
            else:
                lr /= 4.0
    except KeyboardInterrupt:
        print("Exiting from training early")
    with open(path, "rb") as f:
        model = torch.load(f, weights_only=False)
        # after load the rnn params are not a continuous chunk of memory
        if args.model in ["RNN_TANH", "RNN_RELU", "LSTM", "GRU"]:
            model.rnn.flatten_parameters()
    print(f"=== {evaluate(model, criterion, corpus, val_data, args):5.3f}")
    print(model.decoder.weight is model.encoder.weight)
    generate(model, corpus, 12)


def main():
    parser = argparse.ArgumentParser(description="Language Model")
    parser.add_argument("--model", type=str, default="LSTM")
    parser.add_argument("--emsize", type=int, default=24)
    parser.add_argument("--nhid", type=int, default=24)
    parser.add_argument("--lr", type=float, default=5)
    parser.add_argument("--clip", type=float, default=0.25)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--bptt", type=int, default=9)
    parser.add_argument("--tied", action="store_true", default=True)
    parser.add_argument("--seed", type=int, default=1111)
    parser.add_argument("--log-interval", type=int, default=2, metavar="N")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = TEXT.strip().splitlines(keepends=True)
        for name, part in (("train", lines), ("valid", lines[:9])):
            with open(os.path.join(folder, name + ".txt"), "w", encoding="utf8") as f:
                f.writelines(part)
        corpus = Corpus(folder)
        print(corpus.train.shape, corpus.train[:14], len(corpus.dictionary))
        for args.model in ("LSTM", "GRU", "RNN_TANH"):
            run(args, corpus, folder)


if __name__ == "__main__":
    main()
