//! From an origin to a connection: resolve, filter, dial what was checked, then TLS. The only socket code.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use url::Host;

use super::lanes::Lanes;
use super::proxy;
use super::race;
use super::stream::{Stream, Wire};
use super::tls::{self, Authorities, ClientCertificate};
use super::wire::Counted;
use rules::budget::Budgets;
use rules::domain::FetchError;
use rules::policy::{Mapping, Origin, Policy, Refusal};
use rules::proxy::Proxy;

/// Most names that are looked up at once.
const MAX_LOOKUPS: usize = 8;

/// Names to addresses.
pub(super) trait Resolve: Send + Sync + 'static {
    fn resolve(&self, name: String, port: u16) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver. It blocks, and cannot be stopped, so it has threads of its own: what it waits for holds up
/// neither the disk nor the end of the run.
pub(super) struct System {
    turns: Arc<Semaphore>,
}

impl System {
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for System {
    fn resolve(&self, name: String, port: u16) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let turns = Arc::clone(&self.turns);
        Box::pin(async move {
            let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            let (answer, answered) = tokio::sync::oneshot::channel();
            let look_up = move || {
                // Held to the end of the lookup, also where nobody waits for it any more.
                let _turn = turn;
                let found = (name.as_str(), port).to_socket_addrs();
                let _ = answer.send(found.map(|found| found.map(|address| address.ip()).collect()));
            };
            std::thread::Builder::new().name("resolver".into()).spawn(look_up)?;
            answered.await.map_err(io::Error::other)?
        })
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub(super) struct ConnectError {
    /// What to report.
    pub(super) error: FetchError,
    /// Whether another attempt may do better.
    pub(super) transient: bool,
}

impl ConnectError {
    fn passing(reason: String) -> Self {
        Self { error: FetchError::Unreachable(reason), transient: true }
    }

    fn lasting(error: FetchError) -> Self {
        Self { error, transient: false }
    }
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        Self::lasting(refusal.into())
    }
}

/// Makes connections. TLS roots are loaded when https is first used, since reading them takes milliseconds.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    policy: Policy,
    /// Who answers in the place of others: the operator named them, whatever their addresses are.
    mapped: Vec<Mapping>,
    resolver: Box<dyn Resolve>,
    timeout: Duration,
    authorities: Authorities,
    proxy: Option<Proxy>,
    /// What is spent by receiving.
    budgets: Option<Arc<Budgets>>,
    /// Shown at their origins.
    certificates: Vec<ClientCertificate>,
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, ConnectError>>,
    lanes: Lanes,
}

impl Connector {
    pub(super) fn new(
        (policy, mapped): (Policy, Vec<Mapping>),
        resolver: impl Resolve,
        timeout: Duration,
        (authorities, certificates): (Authorities, Vec<ClientCertificate>),
        (proxy, budgets): (Option<Proxy>, Option<Arc<Budgets>>),
    ) -> Self {
        let resolver = Box::new(resolver);
        let (tls, lanes) = (OnceLock::new(), Lanes::default());
        Self(Arc::new(Inner {
            policy,
            mapped,
            resolver,
            timeout,
            authorities,
            proxy,
            budgets,
            certificates,
            tls,
            lanes,
        }))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Stream, ConnectError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let limit = inner.timeout;
            let timed_out = || ConnectError {
                error: FetchError::Timeout(format!("no connection to {} within {limit:?}", shown(&uri))),
                transient: true,
            };
            let connection = inner.connect(&uri);
            let connection = async {
                match uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
                    true => inner.lanes.connect(shown(&uri), connection, Stream::is_shared).await,
                    false => connection.await,
                }
            };
            tokio::time::timeout(limit, connection).await.map_err(|_| timed_out())?
        })
    }
}

fn shown(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

impl Inner {
    async fn connect(&self, uri: &Uri) -> Result<Stream, ConnectError> {
        let https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let host = Host::parse(uri.host().unwrap_or_default())
            .map_err(|error| ConnectError::lasting(FetchError::Invalid(format!("{}: {error}", shown(uri)))))?;
        let proxy = self.proxy.as_ref().filter(|_| Proxy::leads_to(&host));
        let mut stream = match proxy {
            Some(proxy) => {
                self.dial(to_dial(&self.resolve(&proxy.host, proxy.port).await?, proxy.port), "the proxy").await?
            }
            None => self.dial(self.addresses(&host, port).await?, shown(uri)).await?,
        };
        if !https {
            return Ok(Stream::plain(stream, proxy.is_some()));
        }
        if proxy.is_some() {
            proxy::open_tunnel(&mut stream, &host, port).await.map_err(|reason| ConnectError {
                error: FetchError::Unreachable(format!("no way to {}: {reason}", shown(uri))),
                transient: reason.is_transient(),
            })?;
        }
        let name = tls::server_name(&host).map_err(|reason| ConnectError::lasting(FetchError::Invalid(reason)))?;
        let unusable = |reason| ConnectError::lasting(FetchError::Unreachable(reason));
        let client = || tls::client(&self.authorities).map(Arc::new).map_err(unusable);
        let mut client = self.tls.get_or_init(client).clone()?;
        let origin = url::Url::parse(&uri.to_string()).ok().and_then(|url| Origin::of(&url));
        if let Some(shown) = origin.and_then(|origin| self.certificates.iter().find(|one| one.is_for(&origin))) {
            client = Arc::new(shown.shown_by(&client));
        }
        let stream = tokio_rustls::TlsConnector::from(client).connect(name, stream).await.map_err(|error| {
            let (reason, transient) = tls::failure(&error);
            let error = FetchError::Unreachable(format!("TLS with {} failed: {reason}", shown(uri)));
            ConnectError { error, transient }
        })?;
        Ok(Stream::encrypted(stream))
    }

    /// What may be dialled: one forbidden address refuses the name as a whole, since a name that mixes them is an attack.
    async fn addresses(&self, host: &Host<String>, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let addresses = self.resolve(host, port).await?;
        if !self.mapped.iter().any(|mapping| mapping.leads_to(host, port)) {
            for address in &addresses {
                self.policy.address(host, port, *address)?;
            }
        }
        Ok(to_dial(&addresses, port))
    }

    /// What a host resolves to, unchecked.
    async fn resolve(&self, host: &Host<String>, port: u16) -> Result<Vec<IpAddr>, ConnectError> {
        Ok(match host {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => self
                .resolver
                .resolve(name.clone(), port)
                .await
                .map_err(|error| ConnectError::passing(format!("cannot resolve {name}: {error}")))?,
        })
    }

    async fn dial(&self, addresses: Vec<SocketAddr>, shown: &str) -> Result<Wire, ConnectError> {
        let stream = race::race(addresses, TcpStream::connect, || tokio::time::sleep(race::DELAY)).await;
        let stream = stream.map_err(|last| {
            let reason = last.map_or_else(|| "the name has no address".to_owned(), |error| error.to_string());
            ConnectError::passing(format!("cannot connect to {shown}: {reason}"))
        })?;
        // Requests are written whole; waiting to fill a segment would only add delay.
        let _ = stream.set_nodelay(true);
        Ok(Counted::new(stream, self.budgets.clone()))
    }
}

/// All of a name's addresses that are dialled, in order.
fn to_dial(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    race::order(addresses).into_iter().map(|address| SocketAddr::new(address, port)).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use harness::Deaf;
    use rules::policy::OriginGrant;
    use tower_service::Service as _;

    use super::*;

    struct Fake(Vec<IpAddr>);

    impl Resolve for Fake {
        fn resolve(&self, _name: String, _port: u16) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let addresses = self.0.clone();
            Box::pin(async move { Ok(addresses) })
        }
    }

    fn connect(uri: &str, grants: &[&str], resolves_to: &[&str]) -> Result<Stream, ConnectError> {
        connect_by(grants.iter().map(|grant| grant.parse().expect("a grant")).collect(), uri, resolves_to)
    }

    fn connect_by(grants: Vec<OriginGrant>, uri: &str, resolves_to: &[&str]) -> Result<Stream, ConnectError> {
        let policy = Policy::new(grants, None);
        let addresses = resolves_to.iter().map(|address| address.parse().expect("an address")).collect();
        let mut connector = Connector::new(
            (policy, Vec::new()),
            Fake(addresses),
            Duration::from_secs(5),
            Default::default(),
            Default::default(),
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(connector.call(uri.parse().expect("a URI")))
    }

    #[test]
    fn a_name_that_resolves_to_a_special_address_is_never_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let grant = format!("http://example.org:{port}");
        let uri = format!("http://example.org:{port}/");
        for addresses in [&["127.0.0.1"][..], &["::ffff:127.0.0.1"], &["93.184.216.34", "127.0.0.1"]] {
            let error = connect(&uri, &[&grant], addresses).err().expect("a refusal");
            assert!(matches!(error.error, FetchError::Denied { .. }), "{error}");
            assert!(!error.transient);
        }
        assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn one_address_that_private_does_not_open_closes_the_name() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let origin = format!("http://db.internal:{port}");
        let private = || origin.parse::<OriginGrant>().expect("a grant").also_private().expect("a name");
        for (addresses, at) in [
            (&["127.0.0.1"][..], "127.0.0.1"),
            (&["10.0.0.1", "127.0.0.1"], "127.0.0.1"),
            (&["127.0.0.1", "fd00::1"], "127.0.0.1"),
            (&["192.168.0.1", "169.254.169.254"], "169.254.169.254"),
            (&["fd00:ec2::254", "fd00::1"], "fd00:ec2::254"),
        ] {
            let error = connect_by(vec![private()], &origin, addresses).err().expect("a refusal");
            assert!(error.to_string().contains(&format!("resolves to {at}")), "{error}");
        }
        assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn a_literal_grant_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        assert!(connect(&origin, &[&origin], &[]).is_ok());
        assert!(listener.accept().is_ok());
    }

    #[test]
    fn a_first_address_where_nobody_answers_does_not_take_the_name_down() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let _deaf = Deaf::at(SocketAddr::from(([127, 0, 0, 2], port)));
        let origin = format!("http://localhost:{port}");
        assert!(connect(&origin, &[&origin], &["127.0.0.2", "127.0.0.1"]).is_ok());
        assert!(listener.accept().is_ok());
        // One where nobody listens does not either, and where it is the last one, it says so.
        assert!(connect(&origin, &[&origin], &["127.0.0.3", "127.0.0.1"]).is_ok());
        let error = connect(&origin, &[&origin], &["127.0.0.3"]).err().expect("a failure");
        assert!(error.to_string().contains("Connection refused") && error.transient, "{error}");
    }

    #[test]
    fn an_empty_answer_is_no_connection() {
        let error = connect("http://example.org/", &["http://example.org"], &[]).err().expect("a failure");
        assert!(matches!(error.error, FetchError::Unreachable(_)) && error.transient);
    }
}
