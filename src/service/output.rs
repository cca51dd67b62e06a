//! Standard output that may be closed early, as by `| head`: the rest is not wanted then, and that is no error.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Writes to standard output; a closed pipe is taken as "enough".
pub(crate) fn write(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("headroom: cannot write to standard output: {error}");
    }
}

/// `print!` that does not panic when nobody reads.
macro_rules! out {
    ($($part:tt)*) => { $crate::output::write(format_args!($($part)*)) };
}

/// `println!` that does not panic when nobody reads.
macro_rules! outln {
    ($($part:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($part)*))) };
}
