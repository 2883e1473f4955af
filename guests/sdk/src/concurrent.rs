//! Several operations at once, in the one thread that a guest has.

use futures_util::StreamExt;
use futures_util::stream;

/// Do `operation` for every item, at most `limit` of them at the same time, and give what came of each, in the order
/// of the items. A limit of 0 counts as 1.
///
/// A failure stops nothing: pass results on to [`all`](crate::all()).
pub async fn concurrent<I, F, O>(limit: usize, items: I, operation: F) -> Vec<O>
where
    I: IntoIterator,
    F: AsyncFn(I::Item) -> O,
{
    let operation = &operation;
    let operations = items.into_iter().enumerate().map(|(index, item)| async move { (index, operation(item).await) });
    let mut running = stream::iter(operations).buffer_unordered(limit.max(1));
    let mut outputs = Vec::new();
    while let Some((index, output)) = running.next().await {
        if outputs.len() <= index {
            outputs.resize_with(index + 1, || None);
        }
        outputs[index] = Some(output);
    }
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Polls until the future is ready; nothing here waits for anything but its own turns.
    fn complete<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        }
    }

    /// Is pending for that many turns.
    async fn turns(mut count: usize) {
        poll_fn(|context| {
            if count == 0 {
                return Poll::Ready(());
            }
            count -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn keeps_the_limit_and_the_order() {
        for (limit, expected) in [(0, 1), (1, 1), (3, 3), (100, 9)] {
            let (running, most) = (Cell::new(0), Cell::new(0));
            let outputs = complete(concurrent(limit, 0..9, async |item| {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                turns(9 - item).await;
                running.set(running.get() - 1);
                item * 10
            }));
            assert_eq!(outputs, (0..9).map(|item| item * 10).collect::<Vec<_>>());
            assert_eq!(most.get(), expected, "limit {limit}");
        }
    }
}
