#![doc = include_str!("../README.md")]

pub mod hierarchy;
pub mod neighbours;
pub mod probe;
pub mod separability;

pub mod cka;
pub mod condense;
pub mod units;

pub mod attribution;
pub mod maximise;
pub mod watch;

pub mod calibration;
pub mod interval;
pub mod labels;

mod minimise;
