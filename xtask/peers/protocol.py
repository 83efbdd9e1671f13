"""What all peers do alike: the rows, the arguments, the clock and the report.

A program of a peer is called as `steps_NAME.py ROW THREADS MODE` and ends with one line of JSON. The
files are not called `torch.py` and the like, since each would then import itself.
"""

import json
import os
import statistics
import sys
import time
from dataclasses import dataclass

# The driver notes the time just before it starts us, so that the imports count.
STARTED = float(os.environ.get("BENCH_T0", time.time()))

WARM_UP_S = 0.5
WINDOW_S = 0.35
NUM_WINDOWS = 9
GEMM_SIZE = 1024


@dataclass(frozen=True)
class Row:
    """One model in one use: its batch, and the multiplications of its forward pass."""

    batch_size: int
    # Of one sample, layer by layer.
    products: tuple
    trains: bool = True
    # Samples count one, tokens count by the length of a sequence.
    units_per_sample: int = 1

    @property
    def flops_per_unit(self):
        """Matrix work alone; a step backward costs twice the step forward, the gradient of the
        data aside, which nobody asks for."""
        if not self.trains:
            return 2 * sum(self.products)
        return 2 * (3 * sum(self.products) - self.products[0])

    @property
    def units_per_step(self):
        return self.batch_size * self.units_per_sample


CNN = (26 * 26 * 32 * 9, 24 * 24 * 64 * 32 * 9, 9216 * 128, 128 * 10)
ROWS = {
    "mlp": Row(128, (784 * 512, 512 * 256, 256 * 10)),
    "cnn": Row(128, CNN),
    "burncnn": Row(
        128, (26 * 26 * 64 * 9, 11 * 11 * 64 * 64 * 9, 1600 * 128, 128 * 128, 128 * 10)
    ),
    "lstm": Row(128, (28 * 28 * 512, 28 * 128 * 512, 128 * 10)),
    "gru": Row(128, (28 * 28 * 384, 28 * 128 * 384, 128 * 10)),
    # Of one token. The lookup that comes first multiplies nothing and takes a gradient.
    "charlm": Row(32, (0, 2 * 256 * 1024, 2 * 256 * 1024, 256 * 65), units_per_sample=64),
    # Contrastive divergence: up, down, up, and two products of visible and hidden units.
    "rbm": Row(128, (5 * 784 * 500,), trains=False),
    "cnn_inference_256": Row(256, CNN, trains=False),
    "cnn_inference_1": Row(1, CNN, trains=False),
}


def arguments():
    """The row's name, the row, the threads and the mode; sets the threads of the libraries."""
    if len(sys.argv) != 4 or sys.argv[1] not in ROWS:
        sys.exit(f"usage: {sys.argv[0]} ROW THREADS MODE\nrows: {', '.join(ROWS)}")
    name, threads, mode = sys.argv[1], sys.argv[2], sys.argv[3]
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = threads
    return name, ROWS[name], int(threads), mode


def stay_on(threads):
    """For libraries that size their thread pool by the processors they may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def report(name, tag, step, make_product, wait=lambda: None):
    """Takes steps, measures, prints.

    `step` takes one step; `wait` returns when all steps so far are done. `make_product` returns what
    multiplies two square matrices of GEMM_SIZE, and is done when it returns.
    """
    row = ROWS[name]
    step()
    wait()
    first_step_s = time.time() - STARTED

    started, warm_up_steps = time.perf_counter(), 0
    while time.perf_counter() - started < WARM_UP_S or warm_up_steps < 3:
        step()
        wait()
        warm_up_steps += 1
    step_s = (time.perf_counter() - started) / warm_up_steps
    steps_per_window = max(1, round(WINDOW_S / step_s))

    step_seconds = []
    for _ in range(NUM_WINDOWS):
        started = time.perf_counter()
        for _ in range(steps_per_window):
            step()
        wait()
        step_seconds.append((time.perf_counter() - started) / steps_per_window)

    # Before the product, which has nothing to do with the model.
    rss_mb = peak_rss_mb()
    step_s = statistics.median(step_seconds)
    units_per_s = row.units_per_step / step_s
    line = {
        "model": name,
        "tag": tag,
        "samples_per_s": round(units_per_s, 1),
        "best": round(row.units_per_step / min(step_seconds), 1),
        "us_per_step": round(step_s * 1e6, 1),
        "first_step_s": round(first_step_s, 3),
        "rss_mb": round(rss_mb, 1),
        "gemm_gflops": round(gemm_gflops(make_product()), 1),
        "model_gflops": round(row.flops_per_unit * units_per_s / 1e9, 1),
    }
    print(json.dumps(line), flush=True)


def gemm_gflops(product):
    """The median speed of `product`."""
    for _ in range(3):
        product()
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        for _ in range(4):
            product()
        seconds.append((time.perf_counter() - started) / 4)
    return 2 * GEMM_SIZE**3 / statistics.median(seconds) / 1e9


def peak_rss_mb():
    """The most memory that this process has held, in MiB."""
    try:
        with open("/proc/self/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024**2 if sys.platform == "darwin" else 1024)
