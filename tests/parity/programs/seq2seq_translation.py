"""Sequence to sequence: an encoder and a decoder with attention translate small numbers into words,
by teacher forcing; then the same task with packed sequences and a Transformer.
"""

import math
import random
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, optim
from torch.nn import Transformer
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SOS_token, EOS_token, PAD_IDX = 0, 1, 2
MAX_LENGTH = 8
UNITS = "zero one two three four five six seven eight nine".split()


class Lang:
    def __init__(self, name):
        self.name = name
        self.word2index = {}
        self.word2count = {}
        self.index2word = {0: "SOS", 1: "EOS", 2: "PAD"}
        self.n_words = 3

    def addSentence(self, sentence):
        for word in sentence.split(" "):
            self.addWord(word)

    def addWord(self, word):
        if word not in self.word2index:
            self.word2index[word] = self.n_words
            self.word2count[word] = 1
            self.index2word[self.n_words] = word
            self.n_words += 1
        else:
            self.word2count[word] += 1


def read_pairs(count):
    rng = random.Random(5)
    pairs = []
    for _ in range(count):
        digits = [rng.randrange(10) for _ in range(rng.randint(1, MAX_LENGTH - 2))]
        pairs.append((" ".join(map(str, digits)), " ".join(UNITS[d] for d in reversed(digits))))
    return pairs


def prepare():
    pairs = read_pairs(160)
    input_lang, output_lang = Lang("digits"), Lang("words")
    for source, target in pairs:
        input_lang.addSentence(source)
        output_lang.addSentence(target)
    print("Counted words:", input_lang.n_words, output_lang.n_words)
    return input_lang, output_lang, pairs


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super().__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        embedded = self.dropout(self.embedding(input))
        output, hidden = self.gru(embedded)
        return output, hidden


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        context = torch.bmm(weights, keys)
        return context, weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long, device=device).fill_(SOS_token)
        decoder_hidden = encoder_hidden
        decoder_outputs = []
        attentions = []
        for i in range(MAX_LENGTH):
            decoder_output, decoder_hidden, attn_weights = self.forward_step(
                decoder_input, decoder_hidden, encoder_outputs
            )
            decoder_outputs.append(decoder_output)
            attentions.append(attn_weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = torch.cat(decoder_outputs, dim=1)
        decoder_outputs = F.log_softmax(decoder_outputs, dim=-1)
        attentions = torch.cat(attentions, dim=1)
        return decoder_outputs, decoder_hidden, attentions

    def forward_step(self, input, hidden, encoder_outputs):
        embedded = self.dropout(self.embedding(input))
        query = hidden.permute(1, 0, 2)
        context, attn_weights = self.attention(query, encoder_outputs)
        input_gru = torch.cat((embedded, context), dim=2)
        output, hidden = self.gru(input_gru, hidden)
        output = self.out(output)
        return output, hidden, attn_weights


def indexes(lang, sentence):
    return [lang.word2index[word] for word in sentence.split(" ")]


def get_dataloader(batch_size, input_lang, output_lang, pairs):
    n = len(pairs)
    input_ids = torch.full((n, MAX_LENGTH), PAD_IDX)
    target_ids = torch.full((n, MAX_LENGTH), PAD_IDX)
    for idx, (inp, tgt) in enumerate(pairs):
        inp_ids, tgt_ids = indexes(input_lang, inp), indexes(output_lang, tgt)
        inp_ids.append(EOS_token)
        tgt_ids.append(EOS_token)
        input_ids[idx, : len(inp_ids)] = torch.tensor(inp_ids)
        target_ids[idx, : len(tgt_ids)] = torch.LongTensor(tgt_ids)
    data = TensorDataset(input_ids.to(device), target_ids.to(device))
    return DataLoader(data, sampler=RandomSampler(data), batch_size=batch_size)


def timeSince(since, percent):
    s = time.time() - since
    es = s / percent
    return f"{int(es - s >= 0)}"


def train_epoch(dataloader, encoder, decoder, encoder_optimizer, decoder_optimizer, criterion):
    total_loss = 0
    for input_tensor, target_tensor in dataloader:
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        encoder_outputs, encoder_hidden = encoder(input_tensor)
        decoder_outputs, _, _ = decoder(encoder_outputs, encoder_hidden, target_tensor)
        loss = criterion(decoder_outputs.view(-1, decoder_outputs.size(-1)), target_tensor.view(-1))
        loss.backward()
        encoder_optimizer.step()
        decoder_optimizer.step()
        total_loss += loss.item()
    return total_loss / len(dataloader)


def evaluate(encoder, decoder, sentence, input_lang, output_lang):
    with torch.no_grad():
        input_tensor = torch.tensor(
            [indexes(input_lang, sentence) + [EOS_token]], dtype=torch.long, device=device
        )
        encoder_outputs, encoder_hidden = encoder(input_tensor)
        decoder_outputs, _, attn = decoder(encoder_outputs, encoder_hidden)
        _, topi = decoder_outputs.topk(1)
        decoded_words = []
        for idx in topi.squeeze():
            if idx.item() == EOS_token:
                decoded_words.append("<EOS>")
                break
            decoded_words.append(output_lang.index2word[idx.item()])
    return decoded_words, attn


class PackedEncoder(nn.Module):
    """Two layers in both directions over sentences of several lengths."""

    def __init__(self, vocab, size):
        super().__init__()
        self.embedding = nn.Embedding(vocab, size, padding_idx=PAD_IDX)
        self.lstm = nn.LSTM(
            size, size, num_layers=2, bidirectional=True, dropout=0.2, batch_first=True
        )
        self.head = nn.Linear(2 * size, MAX_LENGTH)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embedding(tokens), lengths.cpu(), batch_first=True)
        out, (h, c) = self.lstm(packed)
        out, sizes = pad_packed_sequence(out, batch_first=True)
        assert torch.equal(sizes, lengths)
        last = torch.cat([h[-2], h[-1]], dim=1)
        return self.head(last), out


def collate(batch):
    batch.sort(key=lambda pair: len(pair[0]), reverse=True)
    sources, targets = zip(*batch)
    lengths = torch.as_tensor([len(s) for s in sources])
    return pad_sequence(sources, batch_first=True, padding_value=PAD_IDX), lengths, targets


class PositionalEncoding(nn.Module):
    def __init__(self, emb_size: int, dropout: float, maxlen: int = 50):
        super(PositionalEncoding, self).__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2) * math.log(10000) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        pos_embedding = torch.zeros((maxlen, emb_size))
        pos_embedding[:, 0::2] = torch.sin(pos * den)
        pos_embedding[:, 1::2] = torch.cos(pos * den)
        pos_embedding = pos_embedding.unsqueeze(-2)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("pos_embedding", pos_embedding)

    def forward(self, token_embedding: Tensor):
        return self.dropout(token_embedding + self.pos_embedding[: token_embedding.size(0), :])


class TokenEmbedding(nn.Module):
    def __init__(self, vocab_size: int, emb_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, emb_size)
        self.emb_size = emb_size

    def forward(self, tokens: Tensor):
        return self.embedding(tokens.long()) * math.sqrt(self.emb_size)


class Seq2SeqTransformer(nn.Module):
    def __init__(self, layers, emb_size, nhead, src_vocab, tgt_vocab, ff=64, dropout=0.1):
        super().__init__()
        self.transformer = Transformer(
            d_model=emb_size,
            nhead=nhead,
            num_encoder_layers=layers,
            num_decoder_layers=layers,
            dim_feedforward=ff,
            dropout=dropout,
        )
        self.generator = nn.Linear(emb_size, tgt_vocab)
        self.src_tok_emb = TokenEmbedding(src_vocab, emb_size)
        self.tgt_tok_emb = TokenEmbedding(tgt_vocab, emb_size)
        self.positional_encoding = PositionalEncoding(emb_size, dropout=dropout)

    def forward(self, src, trg, src_mask, tgt_mask, src_pad, tgt_pad, memory_pad):
        src_emb = self.positional_encoding(self.src_tok_emb(src))
        tgt_emb = self.positional_encoding(self.tgt_tok_emb(trg))
        outs = self.transformer(
            src_emb, tgt_emb, src_mask, tgt_mask, None, src_pad, tgt_pad, memory_pad
        )
        return self.generator(outs)

    def encode(self, src: Tensor, src_mask: Tensor):
        return self.transformer.encoder(self.positional_encoding(self.src_tok_emb(src)), src_mask)

    def decode(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor):
        return self.transformer.decoder(
            self.positional_encoding(self.tgt_tok_emb(tgt)), memory, tgt_mask
        )


def generate_square_subsequent_mask(sz):
    mask = (torch.triu(torch.ones((sz, sz), device=device)) == 1).transpose(0, 1)
    mask = mask.float().masked_fill(mask == 0, float("-inf")).masked_fill(mask == 1, float(0.0))
    return mask


def create_mask(src, tgt):
    src_seq_len, tgt_seq_len = src.shape[0], tgt.shape[0]
    # Two kinds of masks together are warned about, so all are boolean.
    tgt_mask = generate_square_subsequent_mask(tgt_seq_len) != 0
    src_mask = torch.zeros((src_seq_len, src_seq_len), device=device).type(torch.bool)
    src_padding_mask = (src == PAD_IDX).transpose(0, 1)
    tgt_padding_mask = (tgt == PAD_IDX).transpose(0, 1)
    return src_mask, tgt_mask, src_padding_mask, tgt_padding_mask


def greedy_decode(model, src, src_mask, max_len):
    memory = model.encode(src, src_mask)
    ys = torch.ones(1, 1).fill_(SOS_token).type(torch.long)
    for _ in range(max_len - 1):
        tgt_mask = (generate_square_subsequent_mask(ys.size(0)) != 0).type(torch.bool)
        out = model.decode(ys, memory, tgt_mask).transpose(0, 1)
        prob = model.generator(out[:, -1])
        _, next_word = torch.max(prob, dim=1)
        next_word = next_word.item()
        ys = torch.cat([ys, torch.ones(1, 1).type_as(src.data).fill_(next_word)], dim=0)
        if next_word == EOS_token:
            break
    return ys


def recurrent(input_lang, output_lang, pairs):
    dataloader = get_dataloader(32, input_lang, output_lang, pairs)
    encoder = EncoderRNN(input_lang.n_words, 24).to(device)
    decoder = AttnDecoderRNN(24, output_lang.n_words).to(device)
    encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.01)
    decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.01)
    criterion = nn.NLLLoss(ignore_index=PAD_IDX)
    start = time.time()
    for epoch in range(1, 5):
        loss = train_epoch(
            dataloader, encoder, decoder, encoder_optimizer, decoder_optimizer, criterion
        )
        print(f"{timeSince(start, epoch / 4)} ({epoch} {epoch / 4 * 100:.0f}%) {loss:.4f}")
    encoder.eval()
    decoder.eval()
    for source, target in pairs[:3]:
        words, attention = evaluate(encoder, decoder, source, input_lang, output_lang)
        print(">", source, "=", target, "<", " ".join(words), tuple(attention.shape))
        print(attention[0, 0])


def packed(input_lang, pairs):
    model = PackedEncoder(input_lang.n_words, 12)
    optimizer = optim.RMSprop(model.parameters(), lr=0.01, momentum=0.5)
    data = [(torch.tensor(indexes(input_lang, s)), len(s.split()) - 1) for s, _ in pairs]
    loader = DataLoader(data, batch_size=40, shuffle=True, collate_fn=collate)
    for epoch in range(3):
        total = right = 0.0
        for tokens, lengths, targets in loader:
            targets = torch.tensor(targets)
            scores, _ = model(tokens, lengths)
            loss = F.cross_entropy(scores, targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(model.parameters(), clip_value=0.1)
            optimizer.step()
            total += loss.item() * len(targets)
            right += (scores.argmax(1) == targets).sum().item()
        print(f"lengths, epoch {epoch}: {total / len(data):.4f}, {right:.0f} right")
    print(model.embedding.weight[PAD_IDX].abs().sum(), model)


def transformer(input_lang, output_lang, pairs):
    torch.manual_seed(0)
    model = Seq2SeqTransformer(2, 32, 4, input_lang.n_words, output_lang.n_words)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
    loss_fn = torch.nn.CrossEntropyLoss(ignore_index=PAD_IDX, label_smoothing=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
    warmup = 20
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: 32**-0.5 * min((i + 1) ** -0.5, (i + 1) * warmup**-1.5)
    )
    sources = [torch.tensor([*indexes(input_lang, s), EOS_token]) for s, _ in pairs]
    targets = [torch.tensor([SOS_token, *indexes(output_lang, t), EOS_token]) for _, t in pairs]
    for epoch in range(2):
        model.train()
        losses = 0.0
        for start in range(0, len(pairs), 40):
            src = pad_sequence(sources[start : start + 40], padding_value=PAD_IDX)
            tgt = pad_sequence(targets[start : start + 40], padding_value=PAD_IDX)
            tgt_input = tgt[:-1, :]
            masks = create_mask(src, tgt_input)
            logits = model(src, tgt_input, *masks, masks[2])
            optimizer.zero_grad()
            tgt_out = tgt[1:, :]
            loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item()
        print(f"transformer {epoch}: {losses / 4:.4f}, lr {schedule.get_last_lr()[0]:.5f}")
    model.eval()
    src = sources[0].view(-1, 1)
    with torch.no_grad():
        src_mask = (torch.zeros(len(src), len(src))).type(torch.bool)
        tokens = greedy_decode(model, src, src_mask, len(src) + 5).flatten()
        print(" ".join(output_lang.index2word[t] for t in tokens.tolist()))
        out = model(src, tokens.view(-1, 1), *create_mask(src, tokens.view(-1, 1)), None)
        print(out[:2, 0, :5])


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    prepared = prepare()
    recurrent(*prepared)
    packed(prepared[0], prepared[2])
    transformer(*prepared)
