"""Pictures from noise: a variational autoencoder, a DCGAN, a WGAN with penalised gradients."""

import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.parallel
import torch.optim as optim
import torch.utils.data
from torch import autograd
from torch.nn import functional
from torch.nn.utils import spectral_norm
from torch.utils.data import DataLoader, Dataset


class Shapes(Dataset):
    """Discs and squares on black, 16 x 16."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        g = torch.Generator()
        g.manual_seed(i)
        y, x = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="xy")
        cy, cx, r = 5 + 6 * torch.rand(3, generator=g) * torch.tensor([1, 1, 0.4])
        dy, dx = y - cy, x - cx
        inside = dy**2 + dx**2 < r**2 if i % 2 else torch.maximum(dy.abs(), dx.abs()) < r - 1
        return inside.float()[None], i % 2


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(256, 64)
        self.fc21 = nn.Linear(64, 4)
        self.fc22 = nn.Linear(64, 4)
        self.fc3 = nn.Linear(4, 64)
        self.fc4 = nn.Linear(64, 256)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 256))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 256), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def run_vae(args, device):
    torch.manual_seed(args.seed)
    train_loader = DataLoader(Shapes(128), batch_size=32, shuffle=True)
    test_loader = DataLoader(Shapes(32), batch_size=16, shuffle=False)
    model = VAE().to(device)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, args.epochs + 1):
        model.train()
        train_loss = 0
        for data, _ in train_loader:
            data = data.to(device)
            optimizer.zero_grad()
            recon_batch, mu, logvar = model(data)
            loss = loss_function(recon_batch, data, mu, logvar)
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
        print(f"====> Epoch: {epoch} Average loss: {train_loss / len(train_loader.dataset):.3f}")
        model.eval()
        test_loss = 0
        with torch.no_grad():
            for i, (data, _) in enumerate(test_loader):
                recon_batch, mu, logvar = model(data)
                test_loss += loss_function(recon_batch, data, mu, logvar).item()
                if i == 0:
                    n = min(data.size(0), 4)
                    comparison = torch.cat([data[:n], recon_batch.view(16, 1, 16, 16)[:n]])
                    print(comparison.mean(dim=(1, 2, 3)))
        print(f"====> Test set loss: {test_loss / len(test_loader.dataset):.3f}")
    with torch.no_grad():
        sample = torch.randn(6, 4).to(device)
        sample = model.decode(sample).cpu()
        print(sample.view(6, 1, 16, 16)[0, 0, 4:8, 4:8])


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        torch.nn.init.normal_(m.weight, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        torch.nn.init.normal_(m.weight, 1.0, 0.02)
        torch.nn.init.zeros_(m.bias)


class Generator(nn.Module):
    def __init__(self, ngpu, nz=8, ngf=8, nc=1):
        super().__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        if input.is_cuda and self.ngpu > 1:
            return nn.parallel.data_parallel(self.main, input, range(self.ngpu))
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self, ngpu, nc=1, ndf=8):
        super().__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input).view(-1, 1).squeeze(1)


def run_dcgan(args, device):
    torch.manual_seed(args.seed)
    dataloader = torch.utils.data.DataLoader(
        Shapes(64), batch_size=16, shuffle=True, num_workers=args.workers
    )
    netG = Generator(args.ngpu).to(device)
    netG.apply(weights_init)
    netD = Discriminator(args.ngpu).to(device)
    netD.apply(weights_init)
    print(netG, netD, sep="\n")
    criterion = nn.BCELoss()
    fixed_noise = torch.randn(16, 8, 1, 1, device=device)
    real_label, fake_label = 1, 0
    optimizerD = optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    for epoch in range(args.epochs):
        for i, data in enumerate(dataloader, 0):
            netD.zero_grad()
            real_cpu = data[0].to(device) * 2 - 1
            batch_size = real_cpu.size(0)
            label = torch.full((batch_size,), real_label, dtype=real_cpu.dtype, device=device)
            output = netD(real_cpu)
            errD_real = criterion(output, label)
            errD_real.backward()
            D_x = output.mean().item()
            noise = torch.randn(batch_size, 8, 1, 1, device=device)
            fake = netG(noise)
            label.fill_(fake_label)
            output = netD(fake.detach())
            errD_fake = criterion(output, label)
            errD_fake.backward()
            D_G_z1 = output.mean().item()
            errD = errD_real + errD_fake
            optimizerD.step()
            netG.zero_grad()
            label.fill_(real_label)
            output = netD(fake)
            errG = criterion(output, label)
            errG.backward()
            D_G_z2 = output.mean().item()
            optimizerG.step()
            if i % 2 == 0:
                print(
                    "[%d/%d][%d/%d] Loss_D: %.3f Loss_G: %.3f D(x): %.3f D(G(z)): %.3f / %.3f"
                    % (
                        epoch,
                        args.epochs,
                        i,
                        len(dataloader),
                        errD.item(),
                        errG.item(),
                        D_x,
                        D_G_z1,
                        D_G_z2,
                    )
                )
    netG.eval()
    print(f"{netG(fixed_noise).detach().abs().mean():.3f}")
    state = {k: v for k, v in netD.state_dict().items() if "num_batches" in k}
    print(state)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(),
            spectral_norm(nn.Linear(256, 48)),
            nn.LeakyReLU(0.2),
            nn.LayerNorm(48),
            nn.Linear(48, 48),
            nn.Softplus(),
            nn.Linear(48, 1),
        )

    def forward(self, x):
        return self.body(x)


def compute_gradient_penalty(D, real_samples, fake_samples):
    alpha = torch.Tensor(real_samples.size(0), 1, 1, 1).uniform_()
    interpolates = (alpha * real_samples + ((1 - alpha) * fake_samples)).requires_grad_(True)
    d_interpolates = D(interpolates)
    fake = autograd.Variable(torch.ones(real_samples.shape[0], 1), requires_grad=False)
    gradients = autograd.grad(
        outputs=d_interpolates,
        inputs=interpolates,
        grad_outputs=fake,
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


def run_wgan(args, device):
    torch.manual_seed(args.seed)
    loader = DataLoader(Shapes(64), 16, shuffle=True, drop_last=True)
    G = nn.Sequential(
        nn.Linear(6, 48),
        nn.BatchNorm1d(48, 0.8),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(48, 256),
        nn.Sigmoid(),
        nn.Unflatten(1, (1, 16, 16)),
    )
    D = Critic()
    opt_g = torch.optim.RMSprop(G.parameters(), lr=5e-4)
    opt_d = torch.optim.RMSprop(D.parameters(), lr=5e-4)
    done = 0
    for epoch in range(args.epochs):
        for real, _ in loader:
            opt_d.zero_grad()
            z = torch.randn(real.shape[0], 6)
            fake = G(z).detach()
            penalty = compute_gradient_penalty(D, real.data, fake.data)
            d_loss = -torch.mean(D(real)) + torch.mean(D(fake)) + 10.0 * penalty
            d_loss.backward()
            opt_d.step()
            if done % 2 == 0:
                for p in D.parameters():
                    p.requires_grad_(False)
                opt_g.zero_grad()
                g_loss = -torch.mean(D(G(z)))
                g_loss.backward()
                opt_g.step()
                for p in D.parameters():
                    p.requires_grad_(True)
                print(
                    f"[{epoch}:{done}] D {d_loss.item():.3f} G {g_loss.item():.3f} "
                    f"penalty {penalty.item():.3f}"
                )
            done += 1
    print(math.isfinite(d_loss), functional.mse_loss(G(z), real).item() < 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ngpu", type=int, default=1)
    parser.add_argument("--seed", type=int, default=999)
    args = parser.parse_args()
    device = torch.device("cuda:0" if torch.cuda.is_available() and args.ngpu > 0 else "cpu")
    if torch.backends.mps.is_available():
        device = torch.device("mps")
    run_vae(args, device)
    run_dcgan(args, device)
    run_wgan(args, device)


if __name__ == "__main__":
    main()
