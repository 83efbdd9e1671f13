"""PyTorch's side: `steps_torch.py ROW THREADS MODE`.

MODE joins by `+` any of `eager` (nothing), `fused` (Adam in one pass), `channels_last` (that order
of the images in memory), and `bf16` (autocast).
"""

import protocol

NAME, ROW, THREADS, MODE = protocol.arguments()

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(THREADS)
torch.manual_seed(0)
MODES = set(MODE.split("+"))
if unknown := MODES - {"eager", "fused", "channels_last", "bf16"}:
    raise SystemExit(f"unknown mode: {', '.join(unknown)}")
BF16 = "bf16" in MODES
BATCH = ROW.batch_size


class LastStep(nn.Module):
    """A recurrent layer, read out at its last step."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell(28, 128, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        outputs, _ = self.cell(x)
        return self.head(outputs[:, -1])


class CharLm(nn.Module):
    """Scores every next character."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(65, 256)
        self.cell = nn.LSTM(256, 256, 2, batch_first=True)
        self.head = nn.Linear(256, 65)

    def forward(self, tokens):
        outputs, _ = self.cell(self.embedding(tokens))
        return self.head(outputs).flatten(0, 1)


def mlp():
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def cnn():
    convolutions = (nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU())
    dense = (nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))
    return nn.Sequential(*convolutions, nn.MaxPool2d(2), nn.Flatten(), *dense)


def burncnn():
    def block(channels):
        # The norm cancels a bias, so there is none.
        conv = nn.Conv2d(channels, 64, 3, bias=False)
        return conv, nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)

    dense = (nn.Linear(1600, 128), nn.GELU(), nn.Linear(128, 128), nn.GELU(), nn.Linear(128, 10))
    return nn.Sequential(*block(1), *block(64), nn.Flatten(), *dense)


def network():
    """The model of the row and a batch for it."""
    match NAME:
        case "mlp":
            return mlp(), torch.rand(BATCH, 784)
        case "lstm":
            return LastStep(nn.LSTM), torch.rand(BATCH, 28, 28)
        case "gru":
            return LastStep(nn.GRU), torch.rand(BATCH, 28, 28)
        case "charlm":
            return CharLm(), torch.randint(0, 65, (BATCH, 64))
    model, x = (burncnn if NAME == "burncnn" else cnn)(), torch.rand(BATCH, 1, 28, 28)
    if "channels_last" in MODES:
        order = torch.channels_last
        return model.to(memory_format=order), x.to(memory_format=order)
    return model, x


def training_step():
    model, x = network()
    num_classes, num_targets = (65, BATCH * 64) if NAME == "charlm" else (10, BATCH)
    targets = torch.randint(0, num_classes, (num_targets,))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused="fused" in MODES or None)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=BF16):
            logits = model(x)
        F.cross_entropy(logits.float(), targets).backward()
        optimizer.step()

    return step


def inference_step():
    model, x = network()
    model.eval()

    @torch.inference_mode()
    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=BF16):
            model(x)

    return step


def contrastive_divergence_step():
    if BF16:
        torch.set_float32_matmul_precision("medium")
    data, weight = torch.rand(BATCH, 784), torch.randn(784, 500) * 0.01
    visible_bias, hidden_bias = torch.zeros(784), torch.zeros(500)
    parameters = (weight, visible_bias, hidden_bias)
    velocities = [torch.zeros_like(parameter) for parameter in parameters]
    rate, momentum, decay = 0.1, 0.5, 2e-4

    @torch.no_grad()
    def step():
        hidden = torch.sigmoid(torch.addmm(hidden_bias, data, weight))
        # Several times faster than `torch.bernoulli`.
        sample = (torch.rand_like(hidden) < hidden).float()
        visible = torch.sigmoid(torch.addmm(visible_bias, sample, weight.t()))
        hidden_again = torch.sigmoid(torch.addmm(hidden_bias, visible, weight))

        pairs = torch.addmm(data.t() @ hidden, visible.t(), hidden_again, alpha=-1.0)
        directions = (pairs, (data - visible).sum(0), (hidden - hidden_again).sum(0))
        for velocity, direction in zip(velocities, directions):
            velocity.mul_(momentum).add_(direction, alpha=rate / BATCH)
        velocities[0].sub_(weight, alpha=rate * decay)
        for parameter, velocity in zip(parameters, velocities):
            parameter.add_(velocity)

    return step


def make_product():
    """The speed of f32, whatever the precision of the row."""
    torch.set_float32_matmul_precision("highest")
    a, b = (torch.rand(protocol.GEMM_SIZE, protocol.GEMM_SIZE) for _ in range(2))
    return lambda: a @ b


if NAME == "rbm":
    make_step = contrastive_divergence_step
elif "inference" in NAME:
    make_step = inference_step
else:
    make_step = training_step
protocol.report(NAME, f"torch-{MODE}", make_step(), make_product)
