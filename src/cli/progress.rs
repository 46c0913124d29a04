//! A bar for work that takes longer than a second.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// Work that is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two drawings.
const PAUSE: Duration = Duration::from_millis(100);
const WIDTH: usize = 24;

/// How far a piece of work is: a bar, a count and a rate, on one line of stderr.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    of: usize,
    done: usize,
    began: Instant,
    drawn: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, of: usize, shown: bool) -> Self {
        Self {
            what,
            of,
            done: 0,
            began: Instant::now(),
            drawn: None,
            shown,
        }
    }

    /// A bar of the same length for what comes after it.
    pub(crate) fn next(&self, what: &'static str) -> Self {
        Self::new(what, self.of, self.shown)
    }

    /// One more step begins.
    pub(crate) fn step(&mut self) {
        self.done = (self.done + 1).min(self.of);
        let waits = self.drawn.is_some_and(|drawn| drawn.elapsed() < PAUSE);
        let elapsed = self.began.elapsed();
        if self.shown && elapsed > PATIENCE && !waits {
            self.drawn = Some(Instant::now());
            draw(&format!("\r{}\x1b[K", self.line(elapsed)));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let full = (WIDTH * self.done).checked_div(self.of).unwrap_or(WIDTH);
        let rate = f64::from(u32::try_from(self.done).unwrap_or(u32::MAX)) / elapsed.as_secs_f64();
        format!(
            "{} [{}{}] {}/{} {rate:.0}/s",
            self.what,
            "#".repeat(full),
            " ".repeat(WIDTH - full),
            self.done,
            self.of
        )
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            draw("\r\x1b[K");
        }
    }
}

pub(super) fn draw(text: &str) {
    let mut err = std::io::stderr().lock();
    // With stderr gone there is nobody to tell.
    err.write_all(text.as_bytes())
        .and_then(|()| err.flush())
        .unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_tells_count_and_rate() {
        let mut progress = Progress::new("sealing", 4, false);
        let second = Duration::from_secs(1);
        assert_eq!(
            progress.line(second),
            format!("sealing [{}] 0/4 0/s", " ".repeat(24))
        );
        (0..9).for_each(|_| progress.step());
        assert_eq!(
            progress.line(second),
            format!("sealing [{}] 4/4 4/s", "#".repeat(24))
        );
        assert!(
            Progress::new("nothing", 0, false)
                .line(second)
                .contains("0/0")
        );
    }
}
