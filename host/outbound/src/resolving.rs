//! Which addresses a name may lead to.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// A judgement.
type Rule = dyn Fn(&[IpAddr]) -> Result<(), String> + Send + Sync;

/// Judges all addresses of a name, before a packet is sent to any of them: why they are refused.
#[derive(Clone)]
pub struct Judge(Arc<Rule>);

impl Judge {
    /// Whatever the operator names.
    pub fn any() -> Self {
        Self::by(|_| Ok(()))
    }

    /// By a rule.
    pub fn by(rule: impl Fn(&[IpAddr]) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    pub(crate) fn judge(&self, addresses: &[IpAddr]) -> Result<(), String> {
        (self.0)(addresses)
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// The machine's resolver, and a judge of what it says.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    judge: Judge,
}

impl Resolver {
    pub(crate) fn new(judge: Judge) -> Self {
        Self { system: GaiResolver::new(), judge }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, judge) = (self.system.call(name), self.judge.clone());
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            judge.judge(&addresses).map_err(io::Error::other)?;
            Ok(found.into_iter())
        })
    }
}
