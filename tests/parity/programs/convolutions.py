"""Small training programs with convolutions: a residual net, a pair of adversaries, an encoder and
decoder with shortcuts, a recogniser of sequences.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, taken, made, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(taken, made, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(made)
        self.conv2 = nn.Conv2d(made, made, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(made)
        self.relu = nn.ReLU(inplace=True)
        self.down = None
        if stride != 1 or taken != made:
            self.down = nn.Sequential(
                nn.Conv2d(taken, made, 1, stride, bias=False), nn.BatchNorm2d(made)
            )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.down is None else self.down(x)
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 1, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        self.layers = nn.Sequential(Block(8, 8), Block(8, 16, 2))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 10)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.BatchNorm2d | nn.GroupNorm):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.layers(self.stem(x))), 1))


net = ResNet()
print(net)
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
images, labels = torch.randn(8, 3, 16, 16), torch.randint(0, 10, (8,))
for _ in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    print(f"residual {loss.item():.4f}")
net.eval()
with torch.no_grad():
    print(f"evaluated {F.cross_entropy(net(images), labels).item():.3f}")
print({k: tuple(v.shape) for k, v in net.state_dict().items() if "layers.1" in k})


def draw_weights(m):
    name = m.__class__.__name__
    if name.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif name.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


G = nn.Sequential(
    nn.ConvTranspose2d(8, 8, 4, 1, 0, bias=False),
    nn.BatchNorm2d(8),
    nn.ReLU(True),
    nn.ConvTranspose2d(8, 1, 4, 2, 1),
    nn.Tanh(),
).apply(draw_weights)
D = nn.Sequential(
    nn.Conv2d(1, 8, 4, 2, 1),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(8, 1, 4, 1, 0),
    nn.Sigmoid(),
).apply(draw_weights)
of_d = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999))
of_g = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.999))
criterion = nn.BCELoss()
real = torch.rand(8, 1, 8, 8)
for _ in range(3):
    D.zero_grad()
    label = torch.full((8,), 1.0)
    loss_real = criterion(D(real).view(-1), label)
    loss_real.backward()
    fake = G(torch.randn(8, 8, 1, 1))
    label.fill_(0.0)
    loss_fake = criterion(D(fake.detach()).view(-1), label)
    loss_fake.backward()
    of_d.step()
    G.zero_grad()
    label.fill_(1.0)
    loss_made = criterion(D(fake).view(-1), label)
    loss_made.backward()
    of_g.step()
    print(f"adversaries {loss_real.item() + loss_fake.item():.4f} {loss_made.item():.4f}")


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4, affine=True), nn.ReLU()
        )
        self.pool = nn.MaxPool2d(2)
        self.middle = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.SiLU()
        )
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.last = nn.Conv2d(12, 1, 1)
        self.drop = nn.Dropout2d(0.2)

    def forward(self, x):
        kept = self.down(x)
        return self.last(torch.cat([kept, self.up(self.drop(self.middle(self.pool(kept))))], 1))


model = nn.DataParallel(Segmenter())
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
pictures, masks = torch.randn(2, 1, 8, 8), (torch.rand(2, 1, 8, 8) > 0.5).float()
for _ in range(3):
    optimizer.zero_grad()
    loss = nn.BCEWithLogitsLoss()(model(pictures), masks)
    loss.backward()
    optimizer.step()
    print(f"segments {loss.item():.4f}")

listener = nn.Sequential(
    nn.LazyConv1d(12, 3, padding=1), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyConv1d(6, 1)
)
sounds = torch.randn(2, 5, 20)
listener(sounds)
print(listener)
optimizer = torch.optim.RMSprop(listener.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    scores = listener(sounds).permute(2, 0, 1).log_softmax(2)
    words, lengths = torch.tensor([[1, 2, 3], [4, 5, 1]]), torch.tensor([3, 2])
    loss = nn.CTCLoss()(scores, words, torch.tensor([20, 20]), lengths)
    loss.backward()
    optimizer.step()
    print(f"sequences {loss.item():.4f}")
