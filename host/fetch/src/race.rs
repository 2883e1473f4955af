//! Which of a name's addresses are dialled, in which order, and how they race: Happy Eyeballs (RFC 8305).
//!
//! Neither sockets nor the clock: who calls says how to dial and how to wait.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{self, Either};
use futures::stream::FuturesUnordered;

/// Most addresses of one name that are dialled.
const MAX_ADDRESSES: usize = 8;
/// From one attempt to the next (RFC 8305, 5: the Connection Attempt Delay).
pub(super) const DELAY: Duration = Duration::from_millis(250);

/// The order of RFC 8305, 4: the families take turns, so that one of them that leads nowhere costs one delay and not one
/// for each of its addresses. IPv6 is first. Within a family the resolver's order stands.
pub(super) fn order(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut distinct = Vec::new();
    for address in addresses {
        if !distinct.contains(address) {
            distinct.push(*address);
        }
    }
    let (six, four): (Vec<IpAddr>, Vec<IpAddr>) = distinct.into_iter().partition(IpAddr::is_ipv6);
    let turns = six.len().max(four.len());
    (0..turns).flat_map(|turn| [six.get(turn), four.get(turn)]).flatten().copied().take(MAX_ADDRESSES).collect()
}

/// Dial these one after the other without waiting for the one before: the next starts once `pause` is over or an attempt
/// has failed. The first connection wins, and the other attempts are dropped. The error is the last one; `None` is that
/// there was nothing to dial.
pub(super) async fn race<C, E, D, P>(
    addresses: Vec<SocketAddr>,
    dial: impl Fn(SocketAddr) -> D,
    pause: impl Fn() -> P,
) -> Result<C, Option<E>>
where
    D: Future<Output = Result<C, E>>,
    P: Future<Output = ()>,
{
    let mut waiting = addresses.into_iter();
    let mut dialling = FuturesUnordered::new();
    let mut last = None;
    loop {
        match waiting.next() {
            Some(address) => dialling.push(dial(address)),
            None if dialling.is_empty() => return Err(last),
            None => {}
        }
        let more = waiting.len() > 0;
        let until_next = pin!(async { if more { pause().await } else { future::pending().await } });
        match future::select(dialling.next(), until_next).await {
            Either::Left((Some(Ok(connection)), _)) => return Ok(connection),
            Either::Left((Some(Err(error)), _)) => last = Some(error),
            Either::Left((None, _)) | Either::Right(((), _)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::FutureExt as _;
    use futures::future::BoxFuture;

    use super::*;

    #[test]
    fn the_families_take_turns_and_ipv6_begins() {
        for (resolved, ordered) in [
            (&[][..], &[][..]),
            (&["1.0.0.1"], &["1.0.0.1"]),
            (&["2::1"], &["2::1"]),
            (&["1.0.0.1", "2::1"], &["2::1", "1.0.0.1"]),
            (&["1.0.0.1", "1.0.0.2", "1.0.0.3", "2::1"], &["2::1", "1.0.0.1", "1.0.0.2", "1.0.0.3"]),
            (&["2::1", "2::2", "2::3", "1.0.0.1", "1.0.0.2"], &["2::1", "1.0.0.1", "2::2", "1.0.0.2", "2::3"]),
            (&["1.0.0.1", "1.0.0.1", "2::1", "1.0.0.1"], &["2::1", "1.0.0.1"]),
        ] {
            let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().expect(text)).collect::<Vec<IpAddr>>();
            assert_eq!(order(&parse(resolved)), parse(ordered), "{resolved:?}");
        }
        let many: Vec<IpAddr> = (0..99).map(|number| IpAddr::from([1, 0, 0, number])).collect();
        assert_eq!(order(&many), many[..MAX_ADDRESSES]);
    }

    /// What an attempt comes to.
    #[derive(Clone, Copy)]
    enum Comes {
        Up,
        Down,
        Never,
    }

    /// Race attempts that come to this, with pauses that are over at once or never; the ports that were dialled, and
    /// what came of it, if anything did.
    fn raced(attempts: &[Comes], passes: bool) -> (Vec<u16>, Option<Result<u16, Option<u16>>>) {
        let dialled = RefCell::new(Vec::new());
        let addresses = (0..attempts.len()).map(|port| SocketAddr::from(([127, 0, 0, 1], port as u16))).collect();
        let dial = |address: SocketAddr| -> BoxFuture<'static, Result<u16, u16>> {
            let port = address.port();
            dialled.borrow_mut().push(port);
            match attempts[usize::from(port)] {
                Comes::Up => future::ready(Ok(port)).boxed(),
                Comes::Down => future::ready(Err(port)).boxed(),
                Comes::Never => future::pending().boxed(),
            }
        };
        let pause = || async move { if passes { tokio::task::yield_now().await } else { future::pending().await } };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let came = runtime.block_on(async {
            let long = pin!(async {
                for _ in 0..99 {
                    tokio::task::yield_now().await;
                }
            });
            match future::select(pin!(race(addresses, dial, pause)), long).await {
                Either::Left((came, _)) => Some(came),
                Either::Right(_) => None,
            }
        });
        (dialled.into_inner(), came)
    }

    #[test]
    fn the_next_address_is_dialled_when_the_pause_is_over_or_one_has_failed() {
        use Comes::{Down, Never, Up};
        for (attempts, passes, dialled, came) in [
            (&[Up, Up][..], true, &[0][..], Some(Ok(0))),
            // A first address where nobody answers does not hold up the second.
            (&[Never, Up], true, &[0, 1], Some(Ok(1))),
            (&[Never, Up], false, &[0], None),
            // One that fails makes room at once.
            (&[Down, Up], false, &[0, 1], Some(Ok(1))),
            (&[Never, Down, Up], true, &[0, 1, 2], Some(Ok(2))),
            (&[Down, Never, Up], false, &[0, 1], None),
            (&[Down, Down], true, &[0, 1], Some(Err(Some(1)))),
            (&[Never, Down], true, &[0, 1], None),
            (&[], true, &[], Some(Err(None))),
        ] {
            assert_eq!(raced(attempts, passes), (dialled.to_vec(), came), "{dialled:?}");
        }
    }
}
