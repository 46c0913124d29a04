//! The two streams of an attached program, and how much of what it prints is kept.

use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::errors::Error as BollardError;
use futures_util::{Stream, StreamExt as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::secret::Plain;

/// What is printed, a frame at a time.
type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, BollardError>> + Send>>;
/// What is read.
type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Gives a program its input while reading its output: it may print before it has read all.
pub(super) async fn converse(
    mut input: Input,
    output: Output,
    stdin: Option<&Plain>,
    tail: &mut Tail,
) -> Result<(), BollardError> {
    let bytes = stdin.map(|plain| plain.with(|bytes| Zeroizing::new(bytes.clone())));
    let write = async {
        if let Some(bytes) = &bytes {
            // A program that ends without reading its input closes it; that is no failure.
            let _written = input.write_all(bytes).await;
            let _ended = input.shutdown().await;
        }
        // The input stays open as long as the output is read.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = tail.read(output) => read,
        () = write => Ok(()),
    }
}

/// The last lines of a stream.
pub(super) struct Tail {
    bytes: Vec<u8>,
    cap: usize,
    cut: bool,
}

impl Tail {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            bytes: Vec::new(),
            cap,
            cut: false,
        }
    }

    pub(super) async fn read(&mut self, mut output: Output) -> Result<(), BollardError> {
        while let Some(chunk) = output.next().await {
            self.push(chunk?.as_ref());
        }
        Ok(())
    }

    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        // Twice the cap, so that not every chunk moves all of it.
        if self.bytes.len() > self.cap.saturating_mul(2) {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let over = self.bytes.len().saturating_sub(self.cap);
        self.cut |= over > 0;
        self.bytes.drain(..over);
    }

    /// What was kept, and whether there was more before it. Of the line at the seam nothing is kept: it may begin
    /// with the rest of a value, which nobody would know for one.
    pub(super) fn finish(mut self) -> (Vec<u8>, bool) {
        self.trim();
        if self.cut {
            let end = memchr::memchr(b'\n', &self.bytes);
            self.bytes
                .drain(..end.map_or(self.bytes.len(), |end| end + 1));
        }
        (self.bytes, self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_output_is_what_stays() {
        let tail_of = |chunks: &[&str]| {
            let mut tail = Tail::new(5);
            chunks.iter().for_each(|chunk| tail.push(chunk.as_bytes()));
            tail.finish()
        };
        let lines = ["abc", "defgh", "ijklmno\npq", "r"];
        assert_eq!(tail_of(&lines), (b"pqr".to_vec(), true));
        assert_eq!(tail_of(&["abc", "defghi"]), (Vec::new(), true));
        let mut short = Tail::new(5);
        short.push(b"abcde");
        assert_eq!(short.finish(), (b"abcde".to_vec(), false));
    }
}
