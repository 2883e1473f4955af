//! Bodies across the sandbox's edge: a response's body into the guest, and what a guest makes out of it.
//!
//! A body that the guest passes on unread comes back as itself, so that its bytes never enter the guest.

use std::any::{Any, TypeId};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures::channel::{mpsc, oneshot};
use futures::{Stream, StreamExt as _};
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Destination, FutureConsumer, Source, StreamConsumer, StreamProducer, StreamResult, VecBuffer,
};

use super::bindings::landing::extractor::http;
use super::limits;
use rules::budget::Held;
use rules::domain::{Body, FetchError};

/// Bytes taken from a guest at a time.
const CHUNK: usize = 64 * 1024;
/// Longest text of an error that a guest gives, in bytes: the host keeps it until the landing ends.
const MAX_REASON: usize = 8 * 1024;

/// Gives a body to the guest, and says at its end whether it arrived whole.
pub(super) struct BodyProducer {
    body: Body,
    left: Bytes,
    done: Option<oneshot::Sender<Result<(), FetchError>>>,
    /// What the body takes, for as long as it is open.
    _held: Held,
}

impl BodyProducer {
    pub(super) fn new(body: Body, held: Held) -> (Self, oneshot::Receiver<Result<(), FetchError>>) {
        let (done, verdict) = oneshot::channel();
        (Self { body, left: Bytes::new(), done: Some(done), _held: held }, verdict)
    }

    fn end(&mut self, verdict: Result<(), FetchError>) {
        if let Some(done) = self.done.take() {
            // Nobody listens where the guest dropped the future.
            let _ = done.send(verdict);
        }
    }
}

/// The rest of the body, host to host.
impl Stream for BodyProducer {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.left.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.left))));
        }
        let item = ready!(Pin::new(&mut self.body).poll_next(cx));
        match &item {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let error = error.clone();
                self.end(Err(error));
            }
            None => self.end(Ok(())),
        }
        Poll::Ready(item)
    }
}

impl<D: 'static> StreamProducer<D> for BodyProducer {
    type Item = u8;
    // Never filled: what is in it would be lost when the stream comes back to the host.
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        destination: Destination<'a, u8, VecBuffer<u8>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        while self.left.is_empty() {
            match self.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => self.left = chunk,
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Ok(StreamResult::Dropped)),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let mut direct = destination.as_direct(store, CHUNK);
        let room = direct.remaining();
        let count = room.len().min(self.left.len());
        room[..count].copy_from_slice(&self.left[..count]);
        direct.mark_written(count);
        self.left.advance(count);
        Poll::Ready(Ok(StreamResult::Completed))
    }

    fn try_into(me: Pin<Box<Self>>, wanted: TypeId) -> Result<Box<dyn Any>, Pin<Box<Self>>> {
        if wanted != TypeId::of::<Self>() {
            return Err(me);
        }
        let me: Box<Self> = Pin::into_inner(me);
        Ok(me)
    }
}

/// Takes what a guest writes, no faster than it is landed.
pub(super) struct GuestWrites(mpsc::Sender<Bytes>);

impl GuestWrites {
    /// The consumer, and what it takes.
    pub(super) fn new() -> (Self, impl Stream<Item = Result<Bytes, FetchError>> + Send + 'static) {
        let (writes, written) = mpsc::channel(0);
        (Self(writes), written.map(Ok))
    }
}

/// What a guest says at the end of content that it makes: nothing where that was all of it.
type Verdict = Result<(), FetchError>;

/// A guest that says more than is kept.
#[derive(Debug, thiserror::Error)]
#[error("it said in more than {MAX_REASON} bytes why its content is not whole")]
struct LongReason;

/// Takes what a guest says at the end: whether that was all of it.
pub(super) struct GuestVerdict(Option<oneshot::Sender<Verdict>>);

impl GuestVerdict {
    /// The consumer, and what it is told.
    pub(super) fn new() -> (Self, oneshot::Receiver<Verdict>) {
        let (verdict, said) = oneshot::channel();
        (Self(Some(verdict)), said)
    }
}

/// A body of what a stream gives, which ends only where the verdict says so: a guest that gives up, or is stopped,
/// closes its stream as well.
pub(super) fn ended_by(
    content: impl Stream<Item = Result<Bytes, FetchError>> + Send + 'static,
    said: oneshot::Receiver<Verdict>,
) -> Body {
    let end = async {
        match said.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(oneshot::Canceled) => Some(Err(FetchError::GivenUp("the content was never said to be whole".into()))),
        }
    };
    Body::new(content.chain(futures::stream::once(end).filter_map(std::future::ready)))
}

/// Its text goes back to the guest that wrote it, so it stays as it is.
fn given_up(error: http::Error) -> FetchError {
    let reason = if error.message.is_empty() { error.code } else { error.message };
    FetchError::GivenUp(format!("the content is not whole: {reason}"))
}

impl<D: 'static> FutureConsumer<D> for GuestVerdict {
    type Item = Result<(), http::Error>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        mut source: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        store.set_hostcall_fuel(MAX_REASON);
        let mut said = None;
        source.read(store, &mut said).map_err(|error| match limits::passed_too_much(&error) {
            true => LongReason.into(),
            false => error,
        })?;
        if let (Some(said), Some(verdict)) = (said, self.0.take()) {
            // Nobody listens where the landing failed already.
            let _ = verdict.send(said.map_err(given_up));
        }
        Poll::Ready(Ok(()))
    }
}

impl<D: 'static> StreamConsumer<D> for GuestWrites {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // What is taken cannot be put back, so there must be room for it first.
        match self.0.poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut direct = source.as_direct(store);
        let written = direct.remaining();
        let count = written.len().min(CHUNK);
        if count == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let chunk = Bytes::copy_from_slice(&written[..count]);
        direct.mark_read(count);
        let sent = self.0.start_send(chunk);
        Poll::Ready(Ok(if sent.is_ok() { StreamResult::Completed } else { StreamResult::Dropped }))
    }
}
