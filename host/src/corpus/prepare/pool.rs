//! Work on all cores, with results in the order of the items.

use crate::base::interrupt;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Items under way per thread: enough that none waits for another, few enough that memory stays bounded.
const AHEAD: usize = 4;

/// What one thread does with an item.
pub(crate) trait Work<T>: Send {
    /// What becomes of an item.
    type Output: Send;

    /// Does it.
    fn work(&mut self, item: T) -> Result<Self::Output>;
}

/// Gives each of `items` to one of the `workers` and passes the results to `take`, in the order of the items. The first
/// error, in that order, ends it.
///
/// # Errors
/// The first error of an item, a worker or `take`, in the order of the items; a worker that panicked.
pub(crate) fn in_order<T, W>(
    items: impl Iterator<Item = Result<T>> + Send,
    workers: &mut [W],
    mut take: impl FnMut(W::Output) -> Result<()>,
) -> Result<()>
where
    T: Send,
    W: Work<T>,
{
    let n_ahead = workers.len() * AHEAD;
    let (send_item, receive_item) = sync_channel::<(u64, T)>(n_ahead);
    let (send_result, receive_result) = sync_channel::<(u64, Result<W::Output>)>(n_ahead);
    // a permit per item under way: one slow item does not let the others pile up behind it
    let (send_permit, receive_permit) = sync_channel::<()>(n_ahead);
    let receive_item = Mutex::new(receive_item);
    thread::scope(|scope| {
        for _ in 0..n_ahead {
            let _ = send_permit.try_send(());
        }
        let send_read_result = send_result.clone();
        scope.spawn(move || feed(items, &receive_permit, &send_item, &send_read_result));
        for worker in workers {
            let (receive_item, send_result) = (&receive_item, send_result.clone());
            scope.spawn(move || serve(worker, receive_item, &send_result));
        }
        drop(send_result);
        let taken = collect(&receive_result, &send_permit, &mut take);
        // a thread that still sends or waits finds the other end gone
        drop((receive_result, send_permit));
        taken
    })
}

/// Reads items until the end, an error, or until no more are wanted.
fn feed<T, R>(
    items: impl Iterator<Item = Result<T>>,
    permits: &Receiver<()>,
    send_item: &SyncSender<(u64, T)>,
    send_result: &SyncSender<(u64, Result<R>)>,
) {
    for (number, item) in (0..).zip(items) {
        if permits.recv().is_err() {
            return;
        }
        let sent = match item {
            Ok(item) => send_item.send((number, item)).is_ok(),
            Err(error) => {
                let _ = send_result.send((number, Err(error)));
                false
            }
        };
        if !sent {
            return;
        }
    }
}

fn serve<T, W: Work<T>>(
    worker: &mut W,
    items: &Mutex<Receiver<(u64, T)>>,
    results: &SyncSender<(u64, Result<W::Output>)>,
) {
    loop {
        let next = match items.lock() {
            Ok(items) => items.recv(),
            Err(_) => return, // another worker panicked; the scope passes its panic on
        };
        let Ok((number, item)) = next else { return };
        // an error like any other, in its turn: the others' work is not lost with it
        let worked = catch_unwind(AssertUnwindSafe(|| worker.work(item)));
        let worked = worked.unwrap_or_else(|panic| Err(Error::panicked("a thread that prepares data", &*panic)));
        if results.send((number, worked)).is_err() {
            return;
        }
    }
}

fn collect<R>(
    results: &Receiver<(u64, Result<R>)>,
    permits: &SyncSender<()>,
    take: &mut impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let (mut early, mut next) = (BTreeMap::new(), 0);
    for (number, result) in results {
        interrupt::check()?;
        early.insert(number, result);
        while let Some(result) = early.remove(&next) {
            take(result?)?;
            next += 1;
            // the reader may be done already
            let _ = permits.try_send(());
        }
    }
    match early.is_empty() {
        true => Ok(()),
        false => Err(Error::run("a worker thread ended early")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Double;

    impl Work<u64> for Double {
        type Output = u64;

        fn work(&mut self, item: u64) -> Result<u64> {
            // later items overtake earlier ones
            thread::sleep(Duration::from_micros(item % 7 * 50));
            assert_ne!(item, 7000, "a defect");
            if item == 700 { Err(Error::run("item 700")) } else { Ok(item * 2) }
        }
    }

    fn run(items: impl Iterator<Item = Result<u64>> + Send, n_workers: usize) -> (Vec<u64>, Result<()>) {
        let mut taken = Vec::new();
        let mut workers: Vec<_> = (0..n_workers).map(|_| Double).collect();
        let result = in_order(items, &mut workers, |output| {
            taken.push(output);
            Ok(())
        });
        (taken, result)
    }

    #[test]
    fn results_come_in_order_and_the_first_error_ends_it() {
        for n_workers in [1, 3, 8] {
            let (taken, result) = run((0..500).map(Ok), n_workers);
            result.unwrap();
            assert_eq!(taken, (0..500).map(|item| item * 2).collect::<Vec<_>>());
            let (taken, result) = run((0..2000).map(Ok), n_workers);
            assert_eq!((taken.len(), result.unwrap_err().to_string().as_str()), (700, "item 700"));
            let (taken, result) = run((6990..7010).map(Ok), n_workers);
            let error = result.unwrap_err().to_string();
            assert_eq!(taken.len(), 10);
            assert!(
                error.starts_with("a thread that prepares data panicked: ") && error.contains("a defect"),
                "{error}"
            );
            let items = (0..300).map(|item| if item < 250 { Ok(item) } else { Err(Error::run("unreadable")) });
            let (taken, result) = run(items, n_workers);
            assert_eq!((taken.len(), result.unwrap_err().to_string().as_str()), (250, "unreadable"));
        }
    }
}
