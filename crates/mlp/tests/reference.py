"""Computes the numbers that `mlp.rs` compares with: `python reference.py`, once, with PyTorch."""

import json
import struct
from pathlib import Path

import torch
from torch import nn

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


class Mlp(nn.Module):
    def __init__(self, widths, activation, norm):
        super().__init__()
        *hidden, head = zip(widths, widths[1:])
        self.linears = nn.ModuleList(nn.Linear(*sizes, bias=not norm) for sizes in hidden)
        self.norms = nn.ModuleList(nn.BatchNorm1d(sizes[1]) for sizes in hidden if norm)
        self.activation = activation
        self.head = nn.Linear(*head)

    def forward(self, x):
        for index, linear in enumerate(self.linears):
            x = linear(x)
            if self.norms:
                x = self.norms[index](x)
            x = self.activation(x)
        return self.head(x)

    def in_burn(self):
        """Every parameter under Burn's path and in Burn's layout: `[d_input, d_output]`."""
        named = {}
        for index, linear in enumerate(self.linears):
            named[f"hidden.{index}.linear.weight"] = linear.weight.T
            if linear.bias is not None:
                named[f"hidden.{index}.linear.bias"] = linear.bias
        for index, norm in enumerate(self.norms):
            named[f"hidden.{index}.norm.gamma"] = norm.weight
            named[f"hidden.{index}.norm.beta"] = norm.bias
            named[f"hidden.{index}.norm.running_mean"] = norm.running_mean
            named[f"hidden.{index}.norm.running_var"] = norm.running_var
        named["head.weight"] = self.head.weight.T
        named["head.bias"] = self.head.bias
        return {name: tensor.detach().clone() for name, tensor in named.items()}


def reference(name, model, batch_size=6):
    for norm in model.norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 1.5)
    before = model.in_burn()
    x = torch.randn(batch_size, before["hidden.0.linear.weight"].shape[0])
    targets = torch.arange(batch_size) % len(before["head.bias"])
    logits = model.eval()(x)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model.train()(x), targets).backward()
    optimizer.step()
    after = model.in_burn()
    for key in after:
        if key.endswith("running_var"):
            # PyTorch keeps n / (n - 1) times the variance of the batch, Burn the variance itself.
            kept = 0.9 * before[key]
            after[key] = kept + (after[key] - kept) * (batch_size - 1) / batch_size

    tensors = {f"model.{key}": tensor for key, tensor in before.items()}
    tensors |= {"input": x, "targets": targets, "logits": logits}
    tensors |= {f"after.{key}": tensor for key, tensor in after.items()}
    write(FOLDER / name, tensors)


torch.manual_seed(1)
reference("reference.safetensors", Mlp([5, 8, 6, 3], torch.relu, norm=False))
gelu = nn.functional.gelu
reference("reference_batch_norm.safetensors", Mlp([5, 7, 4], gelu, norm=True))
