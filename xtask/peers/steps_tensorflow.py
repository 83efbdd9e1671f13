"""TensorFlow's side: `steps_tensorflow.py ROW THREADS MODE`.

MODE is `graph` (each step a `tf.function`) or `xla` (that function compiled by XLA).
"""

import os

import protocol

NAME, ROW, THREADS, MODE = protocol.arguments()
if MODE not in ("graph", "xla"):
    raise SystemExit(f"unknown mode: {MODE}")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
protocol.stay_on(THREADS)

import keras
import tensorflow as tf
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)
keras.utils.set_random_seed(0)
BATCH = ROW.batch_size
compiled = tf.function(jit_compile=MODE == "xla")


def mlp():
    dense = (layers.Dense(512, "relu"), layers.Dense(256, "relu"), layers.Dense(10))
    return keras.Sequential([keras.Input((784,)), *dense])


def cnn():
    convolutions = (layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"))
    dense = (layers.Dense(128, "relu"), layers.Dense(10))
    return keras.Sequential(
        [keras.Input((28, 28, 1)), *convolutions, layers.MaxPool2D(), layers.Flatten(), *dense]
    )


def burncnn():
    def block():
        # The norm cancels a bias, so there is none.
        conv = layers.Conv2D(64, 3, use_bias=False)
        return conv, layers.BatchNormalization(), layers.ReLU(), layers.MaxPool2D()

    dense = (layers.Dense(128, "gelu"), layers.Dense(128, "gelu"), layers.Dense(10))
    return keras.Sequential(
        [keras.Input((28, 28, 1)), *block(), *block(), layers.Flatten(), *dense]
    )


def last_step(cell):
    return keras.Sequential([keras.Input((28, 28)), cell(128), layers.Dense(10)])


def charlm():
    cells = (layers.LSTM(256, return_sequences=True) for _ in range(2))
    return keras.Sequential(
        [keras.Input((64,), dtype="int32"), layers.Embedding(65, 256), *cells, layers.Dense(65)]
    )


def network():
    """The model of the row and a batch for it."""
    match NAME:
        case "mlp":
            model = mlp()
        case "burncnn":
            model = burncnn()
        case "lstm":
            model = last_step(layers.LSTM)
        case "gru":
            model = last_step(layers.GRU)
        case "charlm":
            return charlm(), tf.random.uniform((BATCH, 64), 0, 65, tf.int32)
        case _:
            model = cnn()
    return model, tf.random.uniform((BATCH, *model.input_shape[1:]))


def training_step():
    model, x = network()
    shape, num_classes = ((BATCH, 64), 65) if NAME == "charlm" else ((BATCH,), 10)
    targets = tf.random.uniform(shape, 0, num_classes, tf.int32)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @compiled
    def step():
        with tf.GradientTape() as tape:
            loss = loss_of(targets, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    return step


def inference_step():
    model, x = network()
    forward = compiled(lambda x: model(x, training=False))
    # As an argument, or the graph would compute the constant once and for all.
    return lambda: forward(x)


def contrastive_divergence_step():
    data = tf.random.uniform((BATCH, 784))
    shapes = ((784, 500), (784,), (500,))
    weight, visible_bias, hidden_bias = parameters = [
        tf.Variable(tf.random.normal(shape, stddev=0.01)) for shape in shapes
    ]
    velocities = [tf.Variable(tf.zeros(shape)) for shape in shapes]
    rate, momentum, decay = 0.1, 0.5, 2e-4

    @compiled
    def step():
        hidden = tf.sigmoid(data @ weight + hidden_bias)
        sample = tf.cast(tf.random.uniform(hidden.shape) < hidden, tf.float32)
        visible = tf.sigmoid(tf.matmul(sample, weight, transpose_b=True) + visible_bias)
        hidden_again = tf.sigmoid(visible @ weight + hidden_bias)
        pairs = tf.matmul(data, hidden, transpose_a=True)
        pairs -= tf.matmul(visible, hidden_again, transpose_a=True)
        directions = (
            pairs / BATCH - decay * weight,
            tf.reduce_mean(data - visible, 0),
            tf.reduce_mean(hidden - hidden_again, 0),
        )
        for parameter, velocity, direction in zip(parameters, velocities, directions):
            velocity.assign(momentum * velocity + rate * direction)
            parameter.assign_add(velocity)
        return hidden_bias[0]

    return step


def make_product():
    size = protocol.GEMM_SIZE
    a, b = (tf.random.uniform((size, size)) for _ in range(2))
    return lambda: tf.matmul(a, b).numpy()


if NAME == "rbm":
    step = contrastive_divergence_step()
elif "inference" in NAME:
    step = inference_step()
else:
    step = training_step()
result = None


def advance():
    global result
    result = step()


protocol.report(NAME, f"tensorflow-{MODE}", advance, make_product, wait=lambda: result.numpy())
