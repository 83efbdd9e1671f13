//! Files of pictures, among others that are whole.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// A bitmap of 2x2 pixels.
const WHOLE: [u8; 70] = {
    let mut file = [0; 70];
    let head: [u8; 30] = [
        b'B', b'M', 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1,
        0, 24, 0,
    ];
    let mut place = 0;
    while place < head.len() {
        file[place] = head[place];
        place += 1;
    }
    file
};

fuzz_target!(|bytes: &[u8]| {
    fornax_fuzz::among_others(&WHOLE, "bmp", bytes);
});
