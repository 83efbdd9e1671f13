"""JAX's side: `steps_jax.py ROW THREADS jit`.

Plain JAX, every step compiled as a whole: layers as functions, parameters as a tree.
"""

import protocol

NAME, ROW, THREADS, MODE = protocol.arguments()
if MODE != "jit":
    raise SystemExit(f"unknown mode: {MODE}")
protocol.stay_on(THREADS)

import jax
import jax.numpy as jnp
from jax import lax, nn

BATCH = ROW.batch_size
KEYS = iter(jax.random.split(jax.random.PRNGKey(0), 64))


def uniform(*shape, bound=1.0):
    return jax.random.uniform(next(KEYS), shape, minval=-bound, maxval=bound)


def dense(d_input, d_output):
    return {"w": uniform(d_input, d_output, bound=d_input**-0.5), "b": jnp.zeros(d_output)}


def apply_dense(layer, x):
    return x @ layer["w"] + layer["b"]


def head(*sizes):
    return [dense(*pair) for pair in zip(sizes, sizes[1:])]


def apply_head(layers, x, activation):
    for layer in layers[:-1]:
        x = activation(apply_dense(layer, x))
    return apply_dense(layers[-1], x)


def kernel(channels, width):
    return uniform(3, 3, channels, width, bound=(9 * channels) ** -0.5)


def convolve(x, weight):
    # Channels last, the order that XLA computes fastest on a CPU.
    return lax.conv_general_dilated(
        x, weight, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def normalise(layer, x):
    """Batch norm in training; also returns the running statistics."""
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    running = {
        "mean": 0.9 * layer["running"]["mean"] + 0.1 * mean,
        "variance": 0.9 * layer["running"]["variance"] + 0.1 * variance,
    }
    scale = lax.rsqrt(variance + 1e-5) * layer["scale"]
    return (x - mean) * scale + layer["shift"], running


def lstm(d_input, d_hidden):
    return dense(d_input, 4 * d_hidden) | {"u": uniform(d_hidden, 4 * d_hidden, bound=0.08)}


def apply_lstm(layer, x):
    """`[T, B, D]` to `[T, B, H]`; the inputs of all steps are multiplied at once."""

    def step(state, inputs):
        hidden, cell = state
        i, f, g, o = jnp.split(inputs + hidden @ layer["u"], 4, axis=1)
        cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
        hidden = nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    zeros = jnp.zeros((x.shape[1], layer["u"].shape[0]))
    return lax.scan(step, (zeros, zeros), apply_dense(layer, x))[1]


def gru(d_input, d_hidden):
    recurrent = uniform(d_hidden, 3 * d_hidden, bound=0.08)
    return dense(d_input, 3 * d_hidden) | {"u": recurrent, "c": jnp.zeros(3 * d_hidden)}


def apply_gru(layer, x):
    def step(hidden, inputs):
        xr, xz, xn = jnp.split(inputs, 3, axis=1)
        hr, hz, hn = jnp.split(hidden @ layer["u"] + layer["c"], 3, axis=1)
        z = nn.sigmoid(xz + hz)
        n = jnp.tanh(xn + nn.sigmoid(xr + hr) * hn)
        hidden = n + z * (hidden - n)
        return hidden, hidden

    zeros = jnp.zeros((x.shape[1], layer["u"].shape[0]))
    return lax.scan(step, zeros, apply_dense(layer, x))[1]


# Each model: its parameters, `forward(parameters, state, x) -> (logits, state)`, and the shape of a
# batch. The state is that of the norms; most models have none.


def mlp():
    return (
        head(784, 512, 256, 10),
        lambda p, state, x: (apply_head(p, x, nn.relu), state),
        (BATCH, 784),
    )


def cnn():
    parameters = {"k": [kernel(1, 32), kernel(32, 64)], "head": head(9216, 128, 10)}

    def forward(p, state, x):
        for weight, bias in zip(p["k"], p["b"]):
            x = nn.relu(convolve(x, weight) + bias)
        return apply_head(p["head"], max_pool(x).reshape(len(x), -1), nn.relu), state

    return parameters | {"b": [jnp.zeros(32), jnp.zeros(64)]}, forward, (BATCH, 28, 28, 1)


def burncnn():
    norm = lambda: {"scale": jnp.ones(64), "shift": jnp.zeros(64)}
    parameters = {
        "k": [kernel(1, 64), kernel(64, 64)],
        "norm": [norm(), norm()],
        "head": head(1600, 128, 128, 10),
    }

    def forward(p, state, x):
        state_after = []
        for weight, layer, running in zip(p["k"], p["norm"], state):
            x, running = normalise(layer | {"running": running}, convolve(x, weight))
            state_after.append(running)
            x = max_pool(nn.relu(x))
        gelu = lambda x: nn.gelu(x, approximate=False)
        return apply_head(p["head"], x.reshape(len(x), -1), gelu), state_after

    return parameters, forward, (BATCH, 28, 28, 1)


def last_step(init, apply):
    def forward(p, state, x):
        return apply_dense(p["head"], apply(p["cell"], x.swapaxes(0, 1))[-1]), state

    return {"cell": init(28, 128), "head": dense(128, 10)}, forward, (BATCH, 28, 28)


def charlm():
    parameters = {
        "embedding": uniform(65, 256),
        "cells": [lstm(256, 256), lstm(256, 256)],
        "head": dense(256, 65),
    }

    def forward(p, state, tokens):
        x = p["embedding"][tokens.T]  # [T, B, D]
        for cell in p["cells"]:
            x = apply_lstm(cell, x)
        logits = apply_dense(p["head"], x.swapaxes(0, 1))  # [B, T, V]
        return logits.reshape(-1, 65), state

    return parameters, forward, (BATCH, 64)


def network():
    match NAME:
        case "mlp" | "burncnn" | "charlm":
            return globals()[NAME]()
        case "lstm":
            return last_step(lstm, apply_lstm)
        case "gru":
            return last_step(gru, apply_gru)
    return cnn()


def adam(parameters, gradients, moments, count):
    rate, decay1, decay2 = 1e-3, 0.9, 0.999
    first, second = moments
    first = jax.tree.map(lambda m, g: decay1 * m + (1 - decay1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: decay2 * v + (1 - decay2) * g * g, second, gradients)
    rate1, rate2 = rate / (1 - decay1**count), 1 / (1 - decay2**count)
    move = lambda p, m, v: p - rate1 * m / (jnp.sqrt(v * rate2) + 1e-8)
    return jax.tree.map(move, parameters, first, second), (first, second)


def training():
    parameters, forward, shape = network()
    tokens = NAME == "charlm"
    x = jax.random.randint(next(KEYS), shape, 0, 65) if tokens else jnp.abs(uniform(*shape))
    num_targets, num_classes = (BATCH * 64, 65) if tokens else (BATCH, 10)
    targets = jax.random.randint(next(KEYS), (num_targets,), 0, num_classes)
    zeros = lambda: jax.tree.map(jnp.zeros_like, parameters)
    running = lambda: {"mean": jnp.zeros(64), "variance": jnp.ones(64)}
    norms = [running(), running()] if NAME == "burncnn" else []

    def loss(parameters, norms):
        logits, norms = forward(parameters, norms, x)
        right = jnp.take_along_axis(nn.log_softmax(logits), targets[:, None], axis=1)
        return -right.mean(), norms

    def step(state):
        parameters, moments, norms, count = state
        gradients, norms = jax.grad(loss, has_aux=True)(parameters, norms)
        parameters, moments = adam(parameters, gradients, moments, count)
        return parameters, moments, norms, count + 1

    return step, (parameters, (zeros(), zeros()), norms, jnp.float32(1))


def contrastive_divergence():
    data = jnp.abs(uniform(BATCH, 784))
    parameters = (uniform(784, 500, bound=0.02), jnp.zeros(784), jnp.zeros(500))
    rate, momentum, decay = 0.1, 0.5, 2e-4

    def step(state):
        (weight, visible_bias, hidden_bias), velocities, key = state
        key, drawn = jax.random.split(key)
        hidden = nn.sigmoid(data @ weight + hidden_bias)
        sample = (jax.random.uniform(drawn, hidden.shape) < hidden).astype(jnp.float32)
        visible = nn.sigmoid(sample @ weight.T + visible_bias)
        hidden_again = nn.sigmoid(visible @ weight + hidden_bias)
        pairs = data.T @ hidden - visible.T @ hidden_again
        directions = (
            pairs / BATCH - decay * weight,
            (data - visible).mean(0),
            (hidden - hidden_again).mean(0),
        )
        velocities = tuple(momentum * v + rate * d for v, d in zip(velocities, directions))
        parameters = (weight, visible_bias, hidden_bias)
        return tuple(p + v for p, v in zip(parameters, velocities)), velocities, key

    return step, (parameters, tuple(map(jnp.zeros_like, parameters)), next(KEYS))


def inference():
    parameters, forward, shape = network()
    # The image comes back, so that each call has an input that the last one gave.
    step = lambda state: (state[0], forward(parameters, [], state[0])[0])
    return step, (jnp.abs(uniform(*shape)), jnp.zeros((BATCH, 10)))


def make_product():
    a, b = (uniform(protocol.GEMM_SIZE, protocol.GEMM_SIZE) for _ in range(2))
    multiply = jax.jit(jnp.matmul)
    return lambda: multiply(a, b).block_until_ready()


if NAME == "rbm":
    step, state = contrastive_divergence()
elif "inference" in NAME:
    step, state = inference()
else:
    step, state = training()
step = jax.jit(step, donate_argnums=0)


def advance():
    global state
    state = step(state)


protocol.report(
    NAME, f"jax-{MODE}", advance, make_product, wait=lambda: jax.block_until_ready(state)
)
