"""PyTorch's side of the race to 99 %: `race_torch.py SEED EPOCHS THREADS FOLDER`.

Trains the network that `fornax train cnn --data mnist` trains, in the same way, and prints a line of
JSON after each epoch: the seconds since the first step, and the accuracy on the validation split. FOLDER
holds the files of MNIST. Imports and reading the files do not count.
"""

import gzip
import json
import os
import sys
import time

SEED, EPOCHS, THREADS = map(int, sys.argv[1:4])
FOLDER = sys.argv[4]
os.environ["OMP_NUM_THREADS"] = str(THREADS)

import torch
from torch import nn
from torch.nn import functional as F

NUM_VALID, BATCH, PEAK_RATE, WARM_UP = 6_000, 128, 2e-3, 0.2


def read(name, skip):
    with gzip.open(os.path.join(FOLDER, name)) as file:
        return torch.frombuffer(bytearray(file.read()[skip:]), dtype=torch.uint8)


def block(channels, width):
    # The norm cancels a bias, so there is none.
    conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    return conv, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    images = read("train-images-idx3-ubyte.gz", 16).view(-1, 1, 28, 28).float() / 255
    images = ((images - images.mean()) / images.std()).to(memory_format=torch.channels_last)
    labels = read("train-labels-idx1-ubyte.gz", 8).long()
    order = torch.randperm(len(images))
    train, valid = order[NUM_VALID:], order[:NUM_VALID]

    dense = (nn.Dropout(0.25), nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(0.25), nn.Linear(128, 10))
    model = nn.Sequential(*block(1, 32), *block(32, 64), nn.Flatten(), *dense)
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), PEAK_RATE, fused=True)
    steps = EPOCHS * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=steps, pct_start=WARM_UP, cycle_momentum=False
    )

    started = time.perf_counter()
    for _ in range(EPOCHS):
        model.train()
        for batch in train[torch.randperm(len(train))].split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            right = sum(
                (model(images[batch]).argmax(1) == labels[batch]).sum().item()
                for batch in valid.split(512)
            )
        line = {"seconds": time.perf_counter() - started, "accuracy": right / NUM_VALID}
        print(json.dumps(line), flush=True)


main()
