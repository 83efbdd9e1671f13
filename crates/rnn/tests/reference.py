"""Computes the numbers that `rnn.rs` compares with: `python reference.py`, once, with PyTorch."""

import json
import struct
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

FOLDER = Path(__file__).parent
CELLS = {"Elman": nn.RNN, "Lstm": nn.LSTM, "Gru": nn.GRU}


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


class Rnn(nn.Module):
    def __init__(self, cell, d_input, d_output, d_hidden, bidirectional=False, d_embedding=None):
        super().__init__()
        self.cell, self.d_hidden = cell, d_hidden
        self.embedding = nn.Embedding(d_input, d_embedding) if d_embedding else None
        self.layers = CELLS[cell](
            d_embedding or d_input,
            d_hidden,
            num_layers=2,
            batch_first=True,
            bidirectional=bidirectional,
        )
        self.head = nn.Linear(d_hidden * (2 if bidirectional else 1), d_output)
        for name, bias in self.layers.named_parameters():
            if name.startswith("bias_hh"):
                # PyTorch adds two biases; ours is their sum, but for the candidate of a GRU. So
                # the second one is zero and stays zero.
                kept = torch.zeros_like(bias)
                if cell == "Gru":
                    kept[2 * d_hidden :] = 1
                bias.data *= kept
                bias.register_hook(lambda gradient, kept=kept: gradient * kept)

    def forward(self, x, lengths=None):
        if self.embedding is not None:
            outputs, _ = self.layers(self.embedding(x))
            return self.head(outputs)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, state = self.layers(packed)
        hidden = state[0] if isinstance(state, tuple) else state
        ends = hidden[-2:] if self.layers.bidirectional else hidden[-1:]
        return self.head(torch.cat(list(ends), dim=1))

    def in_burn(self):
        """Every parameter under Burn's path and in Burn's layout: `[d_input, d_output]`."""
        named = {}
        if self.embedding is not None:
            named["embedding.weight"] = self.embedding.weight
        for name, tensor in self.layers.named_parameters():
            kind, level = name.removesuffix("_reverse").rsplit("_l", 1)
            direction = "backward" if name.endswith("_reverse") else "forward"
            path = f"layers.{level}.{direction}.{self.cell}"
            if kind == "weight_ih":
                named[f"{path}.input_weight"] = tensor.T
            elif kind == "weight_hh":
                named[f"{path}.hidden_weight"] = tensor.T
            elif kind == "bias_ih":
                named[f"{path}.bias"] = tensor
            elif self.cell == "Gru":
                named[f"{path}.hidden_bias"] = tensor[2 * self.d_hidden :]
        named["head.weight"] = self.head.weight.T
        named["head.bias"] = self.head.bias
        return {name: tensor.detach().clone() for name, tensor in named.items()}


def reference(name, model, inputs, targets):
    """`inputs` are the arguments of `model`, the last dimension of its result are the classes."""
    before = model.in_burn()
    logits = model(*inputs.values())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten()).backward()
    optimizer.step()

    tensors = {f"model.{key}": tensor for key, tensor in before.items()}
    tensors |= inputs | {"targets": targets, "logits": logits}
    tensors |= {f"after.{key}": tensor for key, tensor in model.in_burn().items()}
    write(FOLDER / name, tensors)


torch.manual_seed(1)
for cell in CELLS:
    model = Rnn(cell, d_input=3, d_output=4, d_hidden=5, bidirectional=cell == "Lstm")
    inputs = {"input": torch.randn(4, 6, 3), "lengths": torch.tensor([4, 6, 1, 3])}
    targets = torch.tensor([2, 0, 3, 1])
    reference(f"reference_{cell.lower()}.safetensors", model, inputs, targets)

model = Rnn("Gru", d_input=7, d_output=7, d_hidden=5, d_embedding=4)
text = torch.randint(7, (3, 6))
reference("reference_tokens.safetensors", model, {"input": text[:, :-1]}, text[:, 1:])
