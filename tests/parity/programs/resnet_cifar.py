"""A residual net for small coloured pictures, with all that such scripts carry: augmentation,
mixup, label smoothing, groups of parameters, warm-up, moving average of the weights, mixed
precision, meters, the best checkpoint, and resuming from it.
"""

import argparse
import logging
import math
import os
import random
import shutil
import sys
import tempfile
from collections import OrderedDict
from enum import Enum

import numpy as np
import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.functional as F
from torch.amp import GradScaler, autocast
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from torch.utils.data import DataLoader, TensorDataset

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
log = logging.getLogger("train")


def conv3x3(in_planes, out_planes, stride=1):
    return nn.Conv2d(in_planes, out_planes, 3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None, norm_layer=nn.BatchNorm2d):
        super().__init__()
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, layers, num_classes=10, width=8, zero_init_residual=True):
        super().__init__()
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, width, layers[0])
        self.layer2 = self._make_layer(block, 2 * width, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(2 * width * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
        if zero_init_residual:
            for m in self.modules():
                if isinstance(m, BasicBlock) and m.bn2.weight is not None:
                    nn.init.constant_(m.bn2.weight, 0)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(self.inplanes, planes, 1, stride=stride, bias=False),
                    bn=nn.BatchNorm2d(planes),
                )
            )
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = planes * block.expansion
        layers += [block(self.inplanes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


class Summary(Enum):
    NONE = 0
    AVERAGE = 1


class AverageMeter:
    """Computes and stores the average and current value."""

    def __init__(self, name, fmt=":f", summary_type=Summary.AVERAGE):
        self.name, self.fmt, self.summary_type = name, fmt, summary_type
        self.reset()

    def reset(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        return ("{name} {val" + self.fmt + "} ({avg" + self.fmt + "})").format(**self.__dict__)


class ProgressMeter:
    def __init__(self, num_batches, meters, prefix=""):
        digits = len(str(num_batches // 1))
        fmt = "{:" + str(digits) + "d}"
        self.batch_fmtstr = "[" + fmt + "/" + fmt.format(num_batches) + "]"
        self.meters, self.prefix = meters, prefix

    def display(self, batch):
        entries = [self.prefix + self.batch_fmtstr.format(batch)]
        log.info("\t".join(entries + [str(meter) for meter in self.meters]))


def accuracy(output, target, topk=(1,)):
    with torch.no_grad():
        maxk = max(topk)
        _, pred = output.topk(maxk, 1, True, True)
        pred = pred.t()
        correct = pred.eq(target.view(1, -1).expand_as(pred))
        res = []
        for k in topk:
            correct_k = correct[:k].reshape(-1).float().sum(0, keepdim=True)
            res.append(correct_k.mul_(100.0 / target.size(0)))
        return res


class Augment:
    """Random crop and flip of a whole batch, made by the collating function."""

    def __init__(self, pad=2):
        self.pad = pad

    def __call__(self, batch):
        images = torch.stack([b[0] for b in batch])
        labels = torch.tensor([b[1].item() for b in batch])
        flip = torch.rand(len(batch)) < 0.5
        images[flip] = images[flip].flip(-1)
        size = images.shape[-1]
        images = F.pad(images, (self.pad,) * 4, mode="reflect")
        top, left = torch.randint(0, 2 * self.pad + 1, (2,)).tolist()
        return images[..., top : top + size, left : left + size].contiguous(), labels


def mixup(x, y, alpha=0.2):
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1.0
    index = torch.randperm(x.size(0))
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def make_pictures(count, seed):
    """Ten classes: a plane wave of one of five directions, reddish or bluish."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=g)
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    angle = (labels % 5) * math.pi / 5
    along = angle.cos()[:, None, None] * rows + angle.sin()[:, None, None] * columns
    waves = torch.sin(along + 6.28 * torch.rand(count, 1, 1, generator=g))
    colour = torch.where(
        (labels >= 5)[:, None], torch.tensor([1, 0.2, 0]), torch.tensor([0, 0.2, 1])
    )
    pictures = waves.unsqueeze(1) * colour[..., None, None]
    return TensorDataset(pictures + 0.3 * torch.randn(pictures.shape, generator=g), labels)


def param_groups(model, weight_decay):
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        (no_decay if p.ndim <= 1 or name.endswith(".bias") else decay).append(p)
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": no_decay, "weight_decay": 0.0},
    ]


def train(loader, model, ema, criterion, optimizer, scheduler, scaler, epoch, args):
    losses = AverageMeter("Loss", ":.3f")
    norms = AverageMeter("Norm", ":.2f")
    progress = ProgressMeter(len(loader), [losses, norms], prefix=f"Epoch: [{epoch}]")
    model.train()
    for i, (images, target) in enumerate(loader):
        images = images.to(args.device, non_blocking=True, memory_format=torch.channels_last)
        target = target.to(args.device, non_blocking=True)
        images, a, b, lam = mixup(images, target)
        with autocast("cpu", dtype=torch.bfloat16, enabled=args.amp):
            output = model(images)
            loss = lam * criterion(output, a) + (1 - lam) * criterion(output, b)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        ema.update_parameters(model)
        losses.update(loss.item(), images.size(0))
        norms.update(norm.item())
        if i % args.print_freq == 0:
            progress.display(i + 1)


@torch.inference_mode()
def validate(loader, model, criterion, name):
    losses, top1, top5 = (AverageMeter(n, ":.2f") for n in ("Loss", "Acc@1", "Acc@5"))
    model.eval()
    for images, target in loader:
        output = model(images)
        loss = criterion(output, target)
        acc1, acc5 = accuracy(output, target, topk=(1, 5))
        losses.update(loss.item(), images.size(0))
        top1.update(acc1[0].item(), images.size(0))
        top5.update(acc5[0].item(), images.size(0))
    log.info(f"{name} * Acc@1 {top1.avg:.1f} Acc@5 {top5.avg:.1f} loss {losses.avg:.3f}")
    return top1.avg


def save_checkpoint(state, is_best, folder):
    path = os.path.join(folder, "checkpoint.pth.tar")
    torch.save(state, path)
    if is_best:
        shutil.copyfile(path, os.path.join(folder, "model_best.pth.tar"))


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", default=2, type=int)
    parser.add_argument("-b", "--batch-size", default=32, type=int)
    parser.add_argument("--lr", default=0.05, type=float)
    parser.add_argument("--wd", "--weight-decay", default=5e-4, type=float, dest="weight_decay")
    parser.add_argument("--clip", default=5.0, type=float)
    parser.add_argument("--workers", default=2, type=int)
    parser.add_argument("--print-freq", default=3, type=int)
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--resume", default="", type=str)
    parser.add_argument("--seed", default=0, type=int)
    args = parser.parse_args(argv)

    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    torch.cuda.manual_seed_all(args.seed)
    cudnn.deterministic = True
    cudnn.benchmark = False
    args.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    model = ResNet(BasicBlock, [1, 2]).to(args.device, memory_format=torch.channels_last)
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1).to(args.device)
    optimizer = torch.optim.SGD(
        param_groups(model, args.weight_decay), args.lr, momentum=0.9, nesterov=True
    )
    train_set, val_set = make_pictures(192, 1), make_pictures(64, 2)
    generator = torch.Generator().manual_seed(args.seed)
    loader = DataLoader(
        train_set,
        batch_size=args.batch_size,
        shuffle=True,
        drop_last=True,
        generator=generator,
        collate_fn=Augment(),
    )
    val_loader = DataLoader(
        val_set, batch_size=32, num_workers=args.workers, pin_memory=False, persistent_workers=True
    )
    total, warm = args.epochs * len(loader), 3

    def factor(step):
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))

    scheduler = LambdaLR(optimizer, factor)
    scaler = GradScaler("cpu", enabled=args.amp)
    best_acc1, start_epoch = 0, 0
    if args.resume:
        checkpoint = torch.load(args.resume, map_location=args.device, weights_only=True)
        start_epoch, best_acc1 = checkpoint["epoch"], checkpoint["best_acc1"]
        model.load_state_dict(checkpoint["state_dict"])
        ema.load_state_dict(checkpoint["ema"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        scaler.load_state_dict(checkpoint["scaler"])
        torch.set_rng_state(checkpoint["rng"])
        generator.set_state(checkpoint["loader_rng"])
        np.random.seed(start_epoch)
        log.info(f"=> loaded checkpoint (epoch {start_epoch})")

    with tempfile.TemporaryDirectory() as folder:
        for epoch in range(start_epoch, args.epochs):
            np.random.seed(epoch)
            train(loader, model, ema, criterion, optimizer, scheduler, scaler, epoch, args)
            acc1 = validate(val_loader, model, criterion, "model")
            is_best, best_acc1 = acc1 > best_acc1, max(acc1, best_acc1)
            state = {
                "epoch": epoch + 1,
                "state_dict": model.state_dict(),
                "ema": ema.state_dict(),
                "best_acc1": best_acc1,
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
                "scaler": scaler.state_dict(),
                "rng": torch.get_rng_state(),
                "loader_rng": generator.get_state(),
            }
            save_checkpoint(state, is_best, folder)
            log.info(f"lr {scheduler.get_last_lr()[0]:.5f} {sorted(os.listdir(folder))}")
            if epoch == 0 and not args.resume:
                kept = os.path.join(folder, "first.pth.tar")
                shutil.copyfile(os.path.join(folder, "checkpoint.pth.tar"), kept)
        weights = torch.cat([p.detach().flatten() for p in model.parameters()])
        if not args.resume:
            again = main([*(argv or sys.argv[1:]), "--resume", kept])
            log.info(f"resumed to the same weights: {torch.equal(again, weights)}")
        update_bn(loader, ema)
        validate(val_loader, ema, criterion, "average")
        log.info(f"averaged {ema.n_averaged.item()} times, {len(ema.state_dict())} entries")
    return weights


if __name__ == "__main__":
    main()
