//! Files of recordings, among others that are whole.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// Eight samples of 16 bits at 8000 a second.
const WHOLE: [u8; 60] =
    *b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0\
data\x10\0\0\0\0\x01\0\x02\0\x03\0\x04\0\x05\0\x06\0\x07\0\x08";

fuzz_target!(|bytes: &[u8]| {
    fornax_fuzz::among_others(&WHOLE, "wav", bytes);
});
