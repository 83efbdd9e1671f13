"""Computes the numbers that `dbn/reference.rs` compares with: `python reference.py`, with PyTorch.

The formulas here are the definitions: the gradient of contrastive divergence, for one, is what
autograd makes of the difference of two free energies.
"""

import json
import struct
from pathlib import Path

import torch
from torch.nn import functional as F

FOLDER = Path(__file__).parent
SETTINGS = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 2e-4}
SPARSITY = {"target": 0.1, "cost": 0.05, "decay": 0.9}


def write(name, tensors):
    """Writes the safetensors format: the header's length, the header, the data."""
    header = {"__metadata__": {"tool": "PyTorch", "version": torch.__version__}}
    data = b""
    for key, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        dtype = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        offsets = [len(data), len(data) + len(raw)]
        header[key] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / name).write_bytes(struct.pack("<Q", len(text)) + text + data)


class Rbm:
    def __init__(self, d_input, d_hidden, num_labels, gaussian):
        self.weight = torch.randn(d_input + num_labels, d_hidden) * 0.5
        self.visible_bias = torch.randn(d_input + num_labels) * 0.5
        self.hidden_bias = torch.randn(d_hidden) * 0.5
        self.d_input, self.gaussian = d_input, gaussian

    def parameters(self):
        names = ["weight", "visible_bias", "hidden_bias"]
        return {name: getattr(self, name) for name in names}

    def hidden_given_visible(self, visible):
        return torch.sigmoid(visible @ self.weight + self.hidden_bias)

    def visible_given_hidden(self, hidden):
        received = hidden @ self.weight.T + self.visible_bias
        data, labels = received[:, : self.d_input], received[:, self.d_input :]
        data = data if self.gaussian else torch.sigmoid(data)
        return torch.cat([data, torch.softmax(labels, 1)], 1)

    def free_energy(self, visible):
        data, bias = visible[:, : self.d_input], self.visible_bias[: self.d_input]
        own = (data - bias).square().sum(1) / 2 if self.gaussian else -data @ bias
        own = own - visible[:, self.d_input :] @ self.visible_bias[self.d_input :]
        return own - F.softplus(visible @ self.weight + self.hidden_bias).sum(1)


def rbm_reference(name, rbm, visible, num_labels):
    hidden = rbm.hidden_given_visible(visible)
    sample = torch.bernoulli(hidden)
    tensors = {f"rbm.{key}": value.clone() for key, value in rbm.parameters().items()}
    tensors |= {
        "visible": visible,
        "hidden": hidden,
        "hidden_sample": sample,
        "reconstruction": rbm.visible_given_hidden(sample),
        "free_energy": rbm.free_energy(visible),
    }

    if not rbm.gaussian:
        unit = torch.arange(len(visible))[:, None] * 2 % rbm.d_input
        off, on = visible.scatter(1, unit, 0.0), visible.scatter(1, unit, 1.0)
        odds = rbm.free_energy(off) - rbm.free_energy(on)
        tensors |= {"unit": unit, "log_odds": odds[:, None]}
    if num_labels:
        every = F.one_hot(torch.arange(num_labels)).float()
        pairs = [visible.clone() for _ in every]
        for pair, label in zip(pairs, every):
            pair[:, rbm.d_input :] = label
        tensors["label_logits"] = torch.stack([-rbm.free_energy(pair) for pair in pairs], 1)

    # One step of contrastive divergence, from a state in the middle of training.
    velocity = {key: torch.randn_like(value) * 0.1 for key, value in rbm.parameters().items()}
    activity = torch.rand(hidden.shape[1])
    tensors |= {f"velocity.{key}": value.clone() for key, value in velocity.items()}
    tensors["activity"] = activity
    negative = rbm.visible_given_hidden(sample)
    for value in rbm.parameters().values():
        value.requires_grad_()
    (rbm.free_energy(visible).mean() - rbm.free_energy(negative).mean()).backward()
    with torch.no_grad():
        decay = SPARSITY["decay"]
        activity = decay * activity + (1 - decay) * hidden.mean(0)
        pull = SPARSITY["cost"] * (SPARSITY["target"] - activity)
        direction = {key: -value.grad for key, value in rbm.parameters().items()}
        direction["weight"] += torch.outer(visible.mean(0), pull)
        direction["weight"] -= SETTINGS["weight_decay"] * rbm.weight
        direction["hidden_bias"] += pull
        for key, value in rbm.parameters().items():
            step = SETTINGS["momentum"] * velocity[key] + SETTINGS["learning_rate"] * direction[key]
            tensors |= {f"after.velocity.{key}": step, f"after.rbm.{key}": value + step}
    tensors["after.activity"] = activity
    write(name, tensors)


def unrolled_reference(name, widths, d_output, batch_size=6):
    """The unrolled stack, its top machine trained with labels, and one step of fine-tuning."""
    sizes = list(zip(widths, widths[1:]))
    labels = [0] * (len(sizes) - 1) + [d_output]
    rbms = [Rbm(*size, num, gaussian=False) for size, num in zip(sizes, labels)]
    tensors = {}
    for index, rbm in enumerate(rbms):
        tensors |= {f"dbn.rbms.{index}.{key}": value for key, value in rbm.parameters().items()}

    model = {}
    for index, rbm in enumerate(rbms):
        model[f"hidden.{index}.linear.weight"] = rbm.weight[: rbm.d_input].clone()
        model[f"hidden.{index}.linear.bias"] = rbm.hidden_bias.clone()
    model["head.weight"] = torch.randn(widths[-1], d_output) * 0.5
    model["head.bias"] = torch.randn(d_output) * 0.5
    tensors |= {f"model.{key}": value.clone() for key, value in model.items()}

    x = torch.rand(batch_size, widths[0])
    targets = torch.arange(batch_size) % d_output
    for value in model.values():
        value.requires_grad_()
    hidden = x
    for index in range(len(rbms)):
        linear = f"hidden.{index}.linear"
        hidden = torch.sigmoid(hidden @ model[f"{linear}.weight"] + model[f"{linear}.bias"])
    logits = hidden @ model["head.weight"] + model["head.bias"]
    F.cross_entropy(logits, targets).backward()
    tensors |= {"input": x, "targets": targets, "logits": logits}
    tensors |= {f"after.{key}": value - 0.1 * value.grad for key, value in model.items()}
    write(name, tensors)


torch.manual_seed(1)
visible = torch.cat([torch.rand(8, 9).round(), F.one_hot(torch.arange(8) % 3).float()], 1)
bernoulli = Rbm(9, 5, 3, gaussian=False)
rbm_reference("rbm_bernoulli.safetensors", bernoulli, visible, num_labels=3)
gaussian = Rbm(6, 4, 0, gaussian=True)
rbm_reference("rbm_gaussian.safetensors", gaussian, torch.randn(8, 6), num_labels=0)
unrolled_reference("reference.safetensors", [5, 8, 6], 3)
