//! The connection below: straight to a server, or to the proxy that leads there.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector as Tcp};
use hyper_util::rt::TokioIo;
use rules::proxy::{NoTunnel, Proxy, TunnelAnswer, tunnel_request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_service::Service;
use url::Host;

use crate::CONNECTING;
use crate::resolving::{Judge, Resolver};

type Failure = Box<dyn Error + Send + Sync>;

/// Connects: to addresses that the judge takes, or to the proxy, which knows addresses of its own.
#[derive(Clone)]
pub(crate) struct Way {
    straight: Tcp<Resolver>,
    proxied: Option<(Tcp<Resolver>, Arc<Proxy>)>,
}

impl Way {
    pub(crate) fn new(patience: Duration, judge: Judge, proxy: Option<Proxy>) -> Self {
        let tcp = |judge| {
            let mut tcp = Tcp::new_with_resolver(Resolver::new(judge));
            tcp.enforce_http(false);
            tcp.set_connect_timeout(Some(CONNECTING.min(patience)));
            tcp.set_nodelay(true);
            tcp
        };
        // The operator names the proxy, wherever it is. It says nothing of how near a server is.
        let proxied = proxy.map(|proxy| (tcp(Judge::any()), Arc::new(proxy)));
        Self { straight: tcp(judge), proxied }
    }
}

impl Service<Uri> for Way {
    type Response = Stream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // A connector has no queue.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { mut straight, proxied } = self.clone();
        Box::pin(async move {
            let host = Host::parse(uri.host().unwrap_or_default())?;
            let Some((mut tcp, proxy)) = proxied.filter(|_| Proxy::leads_to(&host)) else {
                return Ok(Stream { inner: straight.call(uri).await?, proxied: false });
            };
            let stream = tcp.call(proxy.to_string().parse()?).await.map_err(unreachable)?;
            if uri.scheme() != Some(&Scheme::HTTPS) {
                return Ok(Stream { inner: stream, proxied: true });
            }
            let mut stream = stream.into_inner();
            open_tunnel(&mut stream, &host, uri.port_u16().unwrap_or(443)).await?;
            Ok(Stream { inner: TokioIo::new(stream), proxied: false })
        })
    }
}

fn unreachable(error: impl Error) -> io::Error {
    io::Error::other(format!("no way to the proxy: {}", crate::innermost(&error)))
}

/// Ask a proxy for a tunnel to a host; once it is open, the stream is a connection to that host.
async fn open_tunnel(stream: &mut TcpStream, host: &Host<String>, port: u16) -> Result<(), Failure> {
    let broken = |error: io::Error| io::Error::new(error.kind(), format!("the proxy broke off: {error}"));
    stream.write_all(tunnel_request(host, port).as_bytes()).await.map_err(broken)?;
    let mut answer = TunnelAnswer::default();
    loop {
        if let Some(opened) = answer.take(stream.read_u8().await.map_err(broken)?) {
            return Ok(opened?);
        }
    }
}

/// Why a proxy gave no tunnel, where that is a cause of an error.
pub(crate) fn no_tunnel(error: &(dyn Error + 'static)) -> Option<NoTunnel> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(reason) = error.downcast_ref::<NoTunnel>() {
            return Some(reason.clone());
        }
        cause = error.source();
    }
    None
}

/// A connection, before TLS.
pub(crate) struct Stream {
    inner: TokioIo<TcpStream>,
    /// Whether it leads to a proxy that has to be told the whole URL.
    proxied: bool,
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.inner.connected().proxy(self.proxied)
    }
}
