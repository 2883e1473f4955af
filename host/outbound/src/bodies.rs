//! What goes out and what comes in, each piece of it within its time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use clock::Stopwatch;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::{Cut, innermost};

/// Most bytes of a request that are sent at once, so that it is seen how it advances.
const PIECE: usize = 256 * 1024;

/// When a request last advanced.
#[derive(Clone)]
pub(crate) struct Advance(Arc<Mutex<Stopwatch>>);

impl Default for Advance {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Stopwatch::start())))
    }
}

impl Advance {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
    }

    /// Wait until it has not advanced for so long.
    pub(crate) async fn stops(&self, patience: Duration) {
        loop {
            let still = self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match patience.checked_sub(still) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

/// The body of a request, in pieces.
pub(crate) struct Advancing<B> {
    body: B,
    rest: Bytes,
    advance: Advance,
}

impl<B> Advancing<B> {
    pub(crate) fn new(body: B, advance: Advance) -> Self {
        Self { body, rest: Bytes::new(), advance }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Advancing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.advance.note();
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                over => return Poll::Ready(over),
            }
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        match self.body.size_hint().exact() {
            Some(exact) => SizeHint::with_exact(exact + rest),
            None => SizeHint::default(),
        }
    }
}

/// The body of an answer, each piece of it within its time.
pub struct Arriving {
    body: Incoming,
    patience: Duration,
    silence: Option<Pin<Box<tokio::time::Sleep>>>,
    authority: String,
}

impl Arriving {
    pub(crate) fn new(body: Incoming, patience: Duration, authority: String) -> Self {
        Self { body, patience, silence: None, authority }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silence = None;
            let broken = |error: hyper::Error| Cut::Broken(self.authority.clone(), innermost(&error));
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        let patience = self.patience;
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(silence.as_mut().poll(context));
        Poll::Ready(Some(Err(Cut::silent(self.authority.clone(), patience))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
