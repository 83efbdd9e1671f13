"""Writes reference.json: what other tools make of the same weights, inputs and counts.

Needs torch, captum, torchmetrics, torch_cka, statsmodels and scipy, and is run by hand:
    python crates/insight/tests/reference.py > crates/insight/tests/reference.json
The versions that made it stand in the file.
"""

import json
from importlib.metadata import version

import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerGradCam, Occlusion
from scipy.stats import bootstrap
from statsmodels.stats.proportion import proportion_confint
from torch import nn
from torch_cka import CKA
from torchmetrics.functional.classification import multiclass_calibration_error

torch.manual_seed(5)


def rounded(tensor, digits=4):
    return torch.round(tensor, decimals=digits)


# A small network: tanh has no kinks, so that both sides agree to rounding.
conv, head = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(3 * 6 * 6, 4)
model = nn.Sequential(conv, nn.Tanh(), nn.Flatten(), head)
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(rounded(parameter * 2))
x = rounded(torch.randn(3, 2, 6, 6))
classes = torch.tensor([2, 0, 3])

integrated = IntegratedGradients(model).attribute(
    x, baselines=torch.zeros_like(x), target=classes, n_steps=16, method="riemann_middle"
)
attributions = {
    "gradient_x_input": InputXGradient(model).attribute(x, target=classes),
    "integrated_gradients": integrated,
    "grad_cam": LayerGradCam(model, model[1]).attribute(x, target=classes),
    "occlusion": Occlusion(model).attribute(
        x, target=classes, sliding_window_shapes=(2, 2, 2), strides=(2, 2, 2), baselines=0
    ),
}

# Two layers of the same samples, in two batches of 256.
one = rounded(torch.randn(512, 5), 3)
two = rounded(one[:, :3].tanh() + 0.3 * torch.randn(512, 3), 3)
hsic = CKA.__new__(CKA)
hsic.device = "cpu"
sums = torch.zeros(3, dtype=torch.float64)
for start in (0, 256):
    kernels = []
    for layer in (one, two):
        part = layer[start : start + 256].double()
        kernel = part @ part.t()
        kernels.append(kernel.fill_diagonal_(0))
    k, l = kernels
    hsic.device = "cpu"
    ones = torch.ones(256, 1, dtype=torch.float64)
    torch_ones, torch.ones = torch.ones, lambda *shape: torch_ones(*shape, dtype=torch.float64)
    sums += torch.tensor([hsic._HSIC(k, l), hsic._HSIC(k, k), hsic._HSIC(l, l)])
    torch.ones = torch_ones
cka = (sums[0] / (sums[1] * sums[2]).sqrt()).item()

probabilities = torch.softmax(rounded(torch.randn(400, 4)) * 2, dim=1)
labels = torch.multinomial(torch.softmax(torch.log(probabilities) * 0.6, dim=1), 1).squeeze(1)
calibration = multiclass_calibration_error(probabilities, labels, num_classes=4, n_bins=15, norm="l1")
confidences, answers = probabilities.max(dim=1)

counts = [(0, 10), (7, 10), (812, 1000), (9905, 10000), (25, 25)]
wilson = [[hits, n, *proportion_confint(hits, n, method="wilson")] for hits, n in counts]

errors = rounded(torch.randn(300).exp()).tolist()
drawn = bootstrap((errors,), lambda e, axis: (e**2).mean(axis=axis) ** 0.5, n_resamples=20000,
                  method="percentile", vectorized=True, random_state=1).confidence_interval

tools = ["torch", "captum", "torchmetrics", "torch_cka", "statsmodels", "scipy"]
print(json.dumps({
    "made_with": {tool: version(tool) for tool in tools},
    "network": {
        "conv_weight": conv.weight.flatten().tolist(), "conv_bias": conv.bias.tolist(),
        "head_weight": head.weight.t().flatten().tolist(), "head_bias": head.bias.tolist(),
    },
    "x": x.flatten().tolist(),
    "classes": classes.tolist(),
    "attributions": {name: value.flatten().tolist() for name, value in attributions.items()},
    "one": one.flatten().tolist(), "two": two.flatten().tolist(), "cka": cka,
    "confidences": confidences.tolist(), "right": (answers == labels).tolist(),
    "calibration_error": calibration.item(),
    "wilson": wilson,
    "errors": errors, "rmse_interval": [drawn.low, drawn.high],
}))
