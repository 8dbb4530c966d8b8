"""Pictures again: a vision transformer, a U-Net that segments, a diffusion model; each with what
such scripts use: stochastic depth, warm restarts, dice, moving averages, schedules in buffers.
"""

import copy
import math
from functools import partial

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.init import trunc_normal_
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset, default_collate


def drop_path(x, drop_prob: float = 0.0, training: bool = False):
    if drop_prob == 0.0 or not training:
        return x
    keep_prob = 1 - drop_prob
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    random_tensor = keep_prob + torch.rand(shape, dtype=x.dtype, device=x.device)
    random_tensor.floor_()
    return x.div(keep_prob) * random_tensor


class PatchEmbed(nn.Module):
    def __init__(self, img_size=16, patch_size=4, in_chans=3, embed_dim=32):
        super().__init__()
        self.num_patches = (img_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, dim, num_heads=4, qkv_bias=True, attn_drop=0.1):
        super().__init__()
        self.num_heads, self.scale = num_heads, (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.attn_drop = nn.Dropout(attn_drop)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, C // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attn = (q * self.scale) @ k.mT
        attn = self.attn_drop(attn.softmax(dim=-1))
        return self.proj((attn @ v).transpose(1, 2).reshape(B, N, C))


class Block(nn.Module):
    def __init__(self, dim, drop_path_rate, norm_layer=nn.LayerNorm):
        super().__init__()
        self.norm1, self.norm2 = norm_layer(dim), norm_layer(dim)
        self.attn = Attention(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU("tanh"), nn.Linear(2 * dim, dim))
        self.gamma = nn.Parameter(1e-1 * torch.ones(dim), requires_grad=True)
        self.rate = drop_path_rate

    def forward(self, x):
        x = x + drop_path(self.gamma * self.attn(self.norm1(x)), self.rate, self.training)
        return x + drop_path(self.mlp(self.norm2(x)), self.rate, self.training)


class VisionTransformer(nn.Module):
    def __init__(self, depth=3, dim=32, classes=5):
        super().__init__()
        norm_layer = partial(nn.LayerNorm, eps=1e-6)
        self.patch_embed = PatchEmbed(embed_dim=dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.patch_embed.num_patches + 1, dim))
        rates = [r.item() for r in torch.linspace(0, 0.2, depth)]
        self.blocks = nn.ModuleList([Block(dim, r, norm_layer) for r in rates])
        self.norm, self.head = norm_layer(dim), nn.Linear(dim, classes)
        trunc_normal_(self.pos_embed, std=0.02)
        trunc_normal_(self.cls_token, std=0.02)
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, nn.Linear):
            trunc_normal_(m.weight, std=0.02)
            if m.bias is not None:
                nn.init.constant_(m.bias, 0)

    @torch.jit.ignore
    def no_weight_decay(self):
        return {"pos_embed", "cls_token"}

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        for blk in self.blocks:
            x = blk(x)
        return self.head(self.norm(x)[:, 0])


def waves(count, seed):
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, (count,), generator=g)
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    angle = labels * math.pi / 5
    z = torch.einsum("n,hw->nhw", angle.cos(), y) + torch.einsum("n,hw->nhw", angle.sin(), x)
    z = torch.sin(z + 6 * torch.rand(count, 1, 1, generator=g))
    return z[:, None].repeat(1, 3, 1, 1) + 0.2 * torch.randn(count, 3, 16, 16, generator=g), labels


def cutmix(batch):
    images, labels = default_collate(batch)
    images = images.clone()
    perm = torch.randperm(len(images))
    y0, x0 = torch.randint(0, 8, (2,)).tolist()
    images[:, :, y0 : y0 + 8, x0 : x0 + 8] = images[perm, :, y0 : y0 + 8, x0 : x0 + 8]
    target = F.one_hot(labels, 5).float()
    return images, 0.75 * target + 0.25 * target[perm]


def vit():
    torch.manual_seed(0)
    model = VisionTransformer()
    skip = model.no_weight_decay()
    decay = [p for n, p in model.named_parameters() if p.ndim > 1 and n not in skip]
    rest = [p for n, p in model.named_parameters() if p.ndim <= 1 or n in skip]
    print(len(decay), len(rest), sum(p.numel() for p in model.parameters()))
    opt = torch.optim.AdamW([{"params": decay}, {"params": rest, "weight_decay": 0.0}], lr=2e-3)
    warm = LinearLR(opt, 0.1, total_iters=4)
    sched = SequentialLR(opt, [warm, CosineAnnealingLR(opt, 12, eta_min=1e-5)], [4])
    loader = DataLoader(TensorDataset(*waves(128, 1)), 32, shuffle=True, collate_fn=cutmix)
    x_val, y_val = waves(64, 2)
    ema = copy.deepcopy(model).eval().requires_grad_(False)
    for epoch in range(4):
        model.train()
        for images, target in loader:
            loss = F.cross_entropy(model(images), target)
            opt.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
            opt.step()
            sched.step()
            with torch.no_grad():
                for a, b in zip(ema.parameters(), model.parameters()):
                    a.lerp_(b, 0.2)
        model.eval()
        with torch.no_grad():
            scores = torch.stack([model(x_val).softmax(-1), ema(x_val).softmax(-1)])
            nll = -scores[:, torch.arange(64), y_val].log().mean(1)
        print(
            f"vit {epoch}: {loss.item():.4f} norm {norm.item():.3f} val {nll[0]:.4f} {nll[1]:.4f}"
        )


class DoubleConv(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(
            nn.Conv2d(i, o, 3, padding=1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 3, padding=1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, c=1, base=4):
        super().__init__()
        self.inc, self.d1 = DoubleConv(c, base), DoubleConv(base, base * 2)
        self.d2 = DoubleConv(base * 2, base * 4)
        self.u1 = nn.ConvTranspose2d(base * 4, base * 2, 2, stride=2)
        self.c1 = DoubleConv(base * 4, base * 2)
        self.u2 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.c2, self.outc = DoubleConv(base * 3, base), nn.Conv2d(base, 1, 1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.d1(F.max_pool2d(x1, 2))
        x3 = self.d2(F.max_pool2d(x2, 2))
        u = self.u1(x3)
        dy, dx = x2.size(2) - u.size(2), x2.size(3) - u.size(3)
        u = F.pad(u, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        u = self.c1(torch.cat([x2, u], dim=1))
        u = F.interpolate(self.u2(u), size=x1.shape[-2:], mode="nearest")
        return self.outc(self.c2(torch.cat([x1, u], dim=1)))


def dice_loss(logits, target, eps=1.0):
    p = torch.sigmoid(logits)
    inter = (p * target).sum(dim=(1, 2, 3))
    return 1 - ((2 * inter + eps) / (p.sum((1, 2, 3)) + target.sum((1, 2, 3)) + eps)).mean()


def unet():
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(18.0), torch.arange(18.0), indexing="ij")
    centre = 5 + 8 * torch.rand(24, 2, 1, 1)
    masks = ((y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2 < 16).float().unsqueeze(1)
    images = masks + 0.5 * torch.randn_like(masks)
    net = UNet()
    opt = torch.optim.RMSprop(net.parameters(), lr=2e-3, weight_decay=1e-8, momentum=0.9)
    sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, "max", patience=1)
    for epoch in range(4):
        net.train()
        for i in range(0, 24, 8):
            logits = net(images[i : i + 8])
            loss = F.binary_cross_entropy_with_logits(
                logits, masks[i : i + 8], pos_weight=torch.tensor(2.0)
            ) + dice_loss(logits, masks[i : i + 8])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
        with torch.no_grad():
            pred = net(images).sigmoid() > 0.5
            iou = (pred & masks.bool()).sum() / (pred | masks.bool()).sum()
        sched.step(iou)
        print(f"unet {epoch}: {loss.item():.3f} iou {iou:.2f} lr {opt.param_groups[0]['lr']:g}")


class SinusoidalEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        half = self.dim // 2
        freqs = torch.exp(torch.arange(half, device=t.device) * -(math.log(1e4) / (half - 1)))
        args = t[:, None] * freqs[None, :]
        return torch.cat((args.sin(), args.cos()), dim=-1)


class Diffusion(nn.Module):
    """Two moons from noise in 20 steps."""

    def __init__(self, steps=20, width=48):
        super().__init__()
        betas = torch.linspace(1e-4, 0.3, steps)
        alphas = 1.0 - betas
        bar = torch.cumprod(alphas, dim=0)
        self.register_buffer("betas", betas)
        self.register_buffer("bar", bar)
        self.register_buffer("bar_prev", F.pad(bar[:-1], (1, 0), value=1.0))
        self.time = nn.Sequential(SinusoidalEmbedding(16), nn.Linear(16, width), nn.SiLU())
        self.layers = nn.ModuleList([nn.Linear(2, width), nn.Linear(width, width)])
        self.norms = nn.ModuleList([nn.GroupNorm(4, width) for _ in range(2)])
        self.out = nn.Linear(width, 2)

    def predict(self, x, t):
        emb = self.time(t)
        for layer, norm in zip(self.layers, self.norms):
            x = F.silu(norm(layer(x)) + emb)
        return self.out(x)

    def loss(self, x0):
        t = torch.randint(0, len(self.betas), (x0.shape[0],)).long()
        noise = torch.randn_like(x0)
        a = self.bar.gather(-1, t)[:, None]
        return F.smooth_l1_loss(noise, self.predict(a.sqrt() * x0 + (1 - a).sqrt() * noise, t))

    @torch.no_grad()
    def sample(self, n):
        x = torch.randn(n, 2)
        for i in reversed(range(len(self.betas))):
            t = torch.full((n,), i, dtype=torch.long)
            eps = self.predict(x, t)
            beta, bar = self.betas[i], self.bar[i]
            x = (x - beta / torch.sqrt(1 - bar) * eps) / torch.sqrt(1 - beta)
            if i > 0:
                var = beta * (1 - self.bar_prev[i]) / (1 - bar)
                x += torch.sqrt(var) * torch.randn_like(x)
        return x


def diffusion():
    torch.manual_seed(0)
    angle = torch.rand(256) * math.pi
    moons = torch.stack([angle.cos(), angle.sin()], 1)
    moons[::2] = torch.tensor([1.0, 0.5]) - moons[::2]
    model = Diffusion()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(40):
        loss = model.loss(moons[torch.randint(256, (64,))])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 10 == 0:
            print(f"diffusion {step}: {loss.item():.4f}")
    print(torch.cov(model.sample(64).T), model.state_dict()["bar_prev"][:3])


if __name__ == "__main__":
    vit()
    unet()
    diffusion()
