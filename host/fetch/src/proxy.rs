//! A tunnel through a proxy.

use rules::proxy::{NoTunnel, TunnelAnswer, tunnel_request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::Host;

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    #[error("the proxy broke off: {0}")]
    Broken(#[from] std::io::Error),
    #[error(transparent)]
    Refused(#[from] NoTunnel),
}

impl TunnelError {
    /// Whether another attempt may do better.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Refused(reason) => reason.is_transient(),
        }
    }
}

/// Ask a proxy for a tunnel to a host; once it is open, the stream is a connection to that host.
pub(super) async fn open_tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &Host<String>,
    port: u16,
) -> Result<(), TunnelError> {
    stream.write_all(tunnel_request(host, port).as_bytes()).await?;
    let mut answer = TunnelAnswer::default();
    loop {
        if let Some(opened) = answer.take(stream.read_u8().await?) {
            return Ok(opened?);
        }
    }
}
