"""The network of fashion_mnist.toml in PyTorch: the same layers, epochs, optimiser and schedule, for its training time.

    fashion_torch.py TRAIN.csv TEST.csv [--epochs 10] [--threads 2] [--seed 1]

Prints one line of JSON: seconds of training, test accuracy, trained values. Of the memory formats, channels last is
taken, which is torch's faster one here.
"""

import argparse
import json
import math
import time

import numpy as np
import torch
from torch import nn

BATCH = 128
RATE = 0.004
WARM_UP_EPOCHS = 0.5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def table(path):
    """Pixels as [n, 1, 28, 28] from 0 to 1, and labels. The label is the column of that name."""
    with open(path, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    values = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    label = names.index("label")
    pixels = np.delete(values, label, axis=1) / 255.0
    images = torch.from_numpy(pixels).reshape(-1, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    return images, torch.from_numpy(values[:, label].astype(np.int64))


def network():
    def block(ins, outs):
        return [nn.Conv2d(ins, outs, 3, padding=1), nn.BatchNorm2d(outs), nn.ReLU()]

    layers = [
        *block(1, 24), nn.MaxPool2d(2),
        *block(24, 48), nn.Dropout(0.1), *block(48, 48), nn.MaxPool2d(2), nn.Dropout(0.15),
        *block(48, 80), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(720, 10),
    ]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def rate(step, steps, warm_up):
    """The share of the rate at a step: up in a line, then down a cosine."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def train(model, images, labels, epochs):
    count = (len(images) + BATCH - 1) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.02, fused=True)
    warm_up = WARM_UP_EPOCHS * count
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, epochs * count, warm_up))
    loss_of = nn.CrossEntropyLoss()
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for rows in order.split(BATCH):
            optimizer.zero_grad()
            loss_of(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def accuracy(model, images, labels):
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(1000), labels.split(1000)))
    return right / len(labels)


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    (images, labels), test = table(args.train), table(args.test)
    model = network()
    begin = time.perf_counter()
    train(model, images, labels, args.epochs)
    seconds = time.perf_counter() - begin
    values = sum(p.numel() for p in model.parameters())
    print(json.dumps({"seconds": round(seconds, 1), "epochs": args.epochs, "threads": args.threads,
                      "accuracy": accuracy(model, *test), "trained_values": values, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
