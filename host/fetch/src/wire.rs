//! A connection's bytes as they pass: counted, whatever a server sends, and where they are HTTP/1, held to its framing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use rules::budget::{Budget, Budgets};
use rules::framing::{Framing, Lax};

/// A connection that spends what it receives.
pub(super) struct Counted<S> {
    inner: S,
    budgets: Option<Arc<Budgets>>,
}

impl<S> Counted<S> {
    pub(super) fn new(inner: S, budgets: Option<Arc<Budgets>>) -> Self {
        Self { inner, budgets }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let received = buffer.filled().len() - before;
        let spent = self.budgets.as_ref().map_or(Ok(()), |budgets| budgets.spend(Budget::Received, received as u64));
        Poll::Ready(spent.map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A connection whose bytes are HTTP/1 as RFC 9112 has it; an error stands where they are not.
pub(super) struct Strict<S> {
    inner: S,
    framing: Box<Framing>,
    broken: Option<Lax>,
}

impl<S> Strict<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, framing: Box::default(), broken: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.broken.is_none() {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
            if let Err((good, lax)) = self.framing.received(&buffer.filled()[before..]) {
                buffer.set_filled(before + good);
                self.broken = Some(lax);
            }
        }
        match self.broken {
            // Nothing at all would be the end of the connection.
            Some(lax) if buffer.filled().len() == before => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, lax)))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.framing.sent(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
