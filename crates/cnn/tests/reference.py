"""Computes the numbers that `cnn.rs` compares with: `python reference.py`, once, with PyTorch."""

import json
import struct
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).parent


def write(path, tensors):
    """Writes the safetensors format: the header's length, the header, the data."""
    header = {"__metadata__": {"tool": "PyTorch", "version": torch.__version__}}
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        dtype = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def pad_same(x, kernel_size, stride):
    """Zeros around `[B, C, H, W]`, the odd one at the end, so that n becomes ceil(n / stride)."""
    pads = []
    for length in reversed(x.shape[2:]):
        total = max((-(-length // stride) - 1) * stride + kernel_size - length, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Image(nn.Module):
    """Three residual blocks: a projection and a pool; neither; a projection and a stride."""

    def __init__(self):
        super().__init__()
        widths, self.strides, self.pools = [2, 4, 4, 6], [1, 1, 2], [2, 1, 1]
        pairs = list(zip(widths, widths[1:]))
        self.convs = nn.ModuleList(nn.Conv2d(*pair, 3, bias=False) for pair in pairs)
        for conv, stride in zip(self.convs, self.strides):
            conv.stride = stride
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _, width in pairs)
        self.projections = nn.ModuleList([
            nn.Conv2d(2, 4, 1, bias=False),
            nn.Identity(),
            nn.Conv2d(4, 6, 1, stride=2, bias=False),
        ])
        self.dense = nn.Linear(6 * 2 * 2, 5)
        self.logits = nn.Linear(5, 3)
        for norm in self.norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x):
        self.counts = []
        for index, conv in enumerate(self.convs):
            found = conv(pad_same(x, 3, self.strides[index]))
            self.counts.append(found[:, 0].numel())
            x = torch.relu(self.norms[index](found) + self.projections[index](x))
            x = F.max_pool2d(x, self.pools[index])
        return self.logits(torch.relu(self.dense(x.flatten(1))))

    def in_burn(self):
        named = linears({"dense.0": self.dense, "logits": self.logits})
        for index, norm in enumerate(self.norms):
            named[f"blocks.{index}.conv.weight"] = self.convs[index].weight
            named[f"blocks.{index}.norm.gamma"] = norm.weight
            named[f"blocks.{index}.norm.beta"] = norm.bias
            named[f"blocks.{index}.norm.running_mean"] = norm.running_mean
            named[f"blocks.{index}.norm.running_var"] = norm.running_var
        for index in [0, 2]:
            name = f"blocks.{index}.shortcut.projection.weight"
            named[name] = self.projections[index].weight
        return {name: tensor.detach().clone() for name, tensor in named.items()}


class Signal(nn.Module):
    """Two blocks along time, without padding or norm, averaged."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(3, 4, 5, stride=2), nn.Conv1d(4, 6, 3)])
        self.logits = nn.Linear(6, 3)

    def forward(self, x):
        x = F.gelu(self.convs[0](x.squeeze(2)))
        x = F.max_pool1d(F.gelu(self.convs[1](x)), 2)
        return self.logits(x.mean(2))

    def in_burn(self):
        named = linears({"logits": self.logits})
        for index, conv in enumerate(self.convs):
            named[f"blocks.{index}.conv.weight"] = conv.weight.unsqueeze(2)
            named[f"blocks.{index}.conv.bias"] = conv.bias
        return {name: tensor.detach().clone() for name, tensor in named.items()}


def linears(layers):
    """Weights in Burn's layout: `[d_input, d_output]`."""
    named = {f"{name}.weight": layer.weight.T for name, layer in layers.items()}
    return named | {f"{name}.bias": layer.bias for name, layer in layers.items()}


def reference(name, model, x):
    before = model.in_burn()
    targets = torch.arange(len(x)) % 3
    logits = model.eval()(x)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model.train()(x), targets).backward()
    optimizer.step()
    after = model.in_burn()
    for key in after:
        if key.endswith("running_var"):
            # PyTorch keeps n / (n - 1) times the variance of the batch, Burn the variance itself.
            count = model.counts[int(key.split(".")[1])]
            kept = 0.9 * before[key]
            after[key] = kept + (after[key] - kept) * (count - 1) / count

    tensors = {f"model.{key}": tensor for key, tensor in before.items()}
    tensors |= {"input": x, "targets": targets, "logits": logits}
    tensors |= {f"after.{key}": tensor for key, tensor in after.items()}
    write(FOLDER / name, tensors)


torch.manual_seed(1)
reference("reference.safetensors", Image(), torch.randn(4, 2, 8, 8))
reference("reference_signal.safetensors", Signal(), torch.randn(4, 3, 1, 19))
