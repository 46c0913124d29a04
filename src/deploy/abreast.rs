//! Many hosts at a time, of which a slow one holds up no other.

use futures_util::stream::{self, StreamExt as _};

/// Carries these out, `most` at a time. Gives what came of each in the order in which they were given; `ended` is
/// called as each ends.
///
/// A stream that keeps the order ([`StreamExt::buffered`]) does not do: there what has ended takes one of
/// the `most` places until all before it have, so that one host which is silent for a minute holds up a thousand.
///
/// [`StreamExt::buffered`]: futures_util::StreamExt::buffered
pub async fn abreast<F: Future>(
    each: impl IntoIterator<Item = F>,
    most: usize,
    ended: impl Fn(),
) -> Vec<F::Output> {
    let each = each.into_iter().enumerate();
    let each = each.map(|(nth, one)| async move { (nth, one.await) });
    let all = stream::iter(each).buffer_unordered(most);
    let mut all: Vec<(usize, F::Output)> = all.inspect(|_| ended()).collect().await;
    all.sort_by_key(|(nth, _)| *nth);
    all.into_iter().map(|(_, output)| output).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn one_that_waits_holds_up_none_behind_it() {
        let (last, count) = (Notify::new(), Cell::new(0));
        let each = (0..6).map(|nth| {
            let last = &last;
            async move {
                match nth {
                    0 => last.notified().await,
                    5 => last.notify_one(),
                    _ => {}
                }
                nth
            }
        });
        let all = abreast(each, 2, || count.set(count.get() + 1));
        // It would never end if the first had to end before the last begins.
        let all = tokio::time::timeout(Duration::from_secs(60), all).await;
        assert_eq!(all.unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(count.get(), 6);
    }
}
