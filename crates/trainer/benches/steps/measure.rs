//! The clock: a warm-up, nine windows, and what the machine can do at best, in one line of JSON.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use burn::tensor::{Device, Distribution, Tensor};
use fornax_trainer::device::{self, Backend};
use serde_json::json;

use crate::work::Work;

const WARM_UP_S: f64 = 0.5;
/// Long enough for a clock, short enough that a disturbance spoils one of nine.
const WINDOW_S: f64 = 0.35;
const NUM_WINDOWS: usize = 9;
/// After this, three windows are enough: a convolution on `ndarray` takes 20 s a step.
const LONGEST_S: f64 = 30.0;
const GEMM_SIZE: usize = 1024;

/// The time just before the process started, in seconds since 1970: who started us notes it in
/// `BENCH_T0`, so that loading the program counts.
pub(crate) fn start_of_process() -> f64 {
    let noted = std::env::var("BENCH_T0").ok();
    noted
        .and_then(|noted| noted.parse().ok())
        .unwrap_or_else(now)
}

/// Runs the work and tells all about it.
pub(crate) fn report(work: Work, device: &Device, started: f64, row: &str, tag: &str) -> String {
    let Work {
        mut step,
        units_per_step,
        flops_per_step,
    } = work;
    step();
    let first_step_s = now() - started;

    let warm_up = Instant::now();
    let mut warm_up_steps = 0_u32;
    while warm_up.elapsed().as_secs_f64() < WARM_UP_S {
        step();
        warm_up_steps += 1;
    }
    let step_s = warm_up.elapsed().as_secs_f64() / f64::from(warm_up_steps);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 1 to a few millions
    let steps_per_window = (WINDOW_S / step_s).round().max(1.0) as u32;

    let measured = Instant::now();
    let in_time = |index| index < 3 || measured.elapsed().as_secs_f64() < LONGEST_S;
    let windows = (0..NUM_WINDOWS).take_while(|&index| in_time(index));
    let windows = sorted(windows.map(|_| seconds_each(steps_per_window, &mut step)));
    // Before the product, which has nothing to do with the model.
    let rss_mb = peak_rss_mb();
    let step_s = windows[windows.len() / 2];
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    let units = units_per_step as f64;
    json!({
        "model": row,
        "tag": tag,
        "samples_per_s": units / step_s,
        "best": units / windows[0],
        "us_per_step": step_s * 1e6,
        "first_step_s": first_step_s,
        "rss_mb": rss_mb,
        "gemm_gflops": gemm_gflops(device),
        "model_gflops": flops_per_step / step_s / 1e9,
    })
    .to_string()
}

/// The median speed of a product of two f32 matrices: by the crate `gemm`, through Burn's `flex`
/// where this program has it, else by the device.
fn gemm_gflops(device: &Device) -> f64 {
    let device = device::open(&Backend::Flex.into()).unwrap_or_else(|_| device.clone());
    let square = || {
        let shape = [GEMM_SIZE, GEMM_SIZE];
        Tensor::<2>::random(shape, Distribution::Uniform(0.0, 1.0), &device)
    };
    let (a, b) = (square(), square());
    let mut product = || {
        let _product = a.clone().matmul(b.clone());
        device.sync().expect("a product this small fits any device");
    };
    seconds_each(3, &mut product);
    let seconds = sorted((0..7).map(|_| seconds_each(4, &mut product)));
    #[allow(clippy::cast_precision_loss)] // 2^31
    let operations = (2 * GEMM_SIZE.pow(3)) as f64;
    operations / seconds[3] / 1e9
}

/// The mean time of `count` steps, at least one.
fn seconds_each(count: u32, step: &mut impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..count {
        step();
    }
    started.elapsed().as_secs_f64() / f64::from(count)
}

fn sorted(seconds: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut seconds: Vec<_> = seconds.collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

/// The most memory that this process has held, in MiB; 0 where the system does not tell.
fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    peak.and_then(|peak| peak.trim().parse::<f64>().ok())
        .map_or(0.0, |kib| kib / 1024.0)
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |now| now.as_secs_f64())
}
