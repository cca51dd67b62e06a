//! A byte source that knows how far it has been read.

use std::io;
use std::io::{BufRead, Read};

/// Mark that some tools put in front of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes of a feed, counted as they are taken.
pub(super) struct Input<R> {
    inner: R,
    offset: u64,
}

impl<R: BufRead> Input<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, offset: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Passes over white space (and a byte order mark at the start); the byte that follows is left to be
    /// read. `None` at the end.
    pub(super) fn next_byte(&mut self) -> io::Result<Option<u8>> {
        loop {
            let Some(&next) = self.inner.fill_buf()?.first() else { return Ok(None) };
            let in_mark = usize::try_from(self.offset).ok().and_then(|offset| BYTE_ORDER_MARK.get(offset));
            if !next.is_ascii_whitespace() && in_mark != Some(&next) {
                return Ok(Some(next));
            }
            self.consume(1);
        }
    }
}

impl<R: BufRead> Read for Input<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = if let [byte] = target {
            // JSON is read byte by byte: this path keeps that cheap.
            match self.inner.fill_buf()?.first() {
                Some(&next) => {
                    *byte = next;
                    self.inner.consume(1);
                    1
                }
                None => 0,
            }
        } else {
            self.inner.read(target)?
        };
        self.offset += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.offset += amount as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_taken_and_passes_over_space() {
        let mut input = Input::new(&b"\xef\xbb\xbf \n{}x"[..]);
        assert_eq!(input.next_byte().unwrap(), Some(b'{'));
        assert_eq!(input.offset(), 5);
        let mut one = [0];
        assert_eq!((input.read(&mut one).unwrap(), one[0], input.offset()), (1, b'{', 6));
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), input.offset(), input.next_byte().unwrap()), ("}x", 8, None));
    }
}
