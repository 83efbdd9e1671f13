//! The program as its users meet it: on the command line, under `kill -9`, on each backend.

mod backends;
mod bad_input;
mod commands;
mod doctor;
mod kill;
mod new_items;
mod precision;
mod program;
mod reports;
mod signals;
mod slow;
