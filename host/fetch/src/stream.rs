//! A connection as the HTTP library takes it: in the open, or encrypted and of the version that both ends agreed on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::tls::HTTP_2;
use super::wire::{Counted, Strict};

/// What is dialled.
pub(super) type Wire = Counted<TcpStream>;

/// A connection, encrypted or not.
pub(super) enum Stream {
    /// And whether it leads to a proxy, which has to be told the whole URL.
    Plain(TokioIo<Strict<Wire>>, bool),
    Tls(Box<TokioIo<Strict<TlsStream<Wire>>>>),
    /// HTTP/2 has frames, and no lines whose ends could be read in two ways.
    Http2(Box<TokioIo<TlsStream<Wire>>>),
}

impl Stream {
    /// Without encryption; `proxied` where it leads to a proxy.
    pub(super) fn plain(wire: Wire, proxied: bool) -> Self {
        Self::Plain(TokioIo::new(Strict::new(wire)), proxied)
    }

    /// Of the version that was agreed on (RFC 7301); without a word of it, HTTP/1.
    pub(super) fn encrypted(stream: TlsStream<Wire>) -> Self {
        match stream.get_ref().1.alpn_protocol() {
            Some(HTTP_2) => Self::Http2(Box::new(TokioIo::new(stream))),
            _ => Self::Tls(Box::new(TokioIo::new(Strict::new(stream)))),
        }
    }

    /// Whether many requests share it.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Http2(_))
    }
}

macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Plain($inner, _) => {
                let $inner = Pin::new($inner);
                $call
            }
            Stream::Tls($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $call
            }
            Stream::Http2($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $call
            }
        }
    };
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_read(cx, buffer))
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, inner => inner.poll_write(cx, buffer))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_shutdown(cx))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(matches!(self, Self::Plain(_, true)));
        if self.is_shared() { connected.negotiated_h2() } else { connected }
    }
}
