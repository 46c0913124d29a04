//! How long a server is waited for, and how much of it is read.

use std::time::Duration;

/// The limits of one client. A server that keeps to none of them ends in a known time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect, TLS included. A node that is down does not answer at all; the next one is tried.
    pub connect: Duration,
    /// Between two bytes of an answer.
    pub silence: Duration,
    /// For one request with its answer. A leader that steps down holds requests for about 10 s.
    pub request: Duration,
    /// For a request with all its repetitions: an election takes up to 20 s.
    pub all: Duration,
    /// The longest that `Retry-After` is obeyed for.
    pub wait: Duration,
    /// The bytes of an answer. A secret has at most 1 MiB there, base64 and all.
    pub answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            request: Duration::from_secs(30),
            all: Duration::from_secs(60),
            wait: Duration::from_secs(10),
            answer: 4 * 1024 * 1024,
        }
    }
}
