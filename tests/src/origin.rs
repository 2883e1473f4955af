//! An HTTP server on loopback that answers as it is told, and keeps a log of what it was asked.
//!
//! One thread a connection, every byte written by hand, so that it can break every rule of HTTP. Asked for tunnels, it
//! is a proxy.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::ServerConfig;

use crate::certificate::{Authority, Identity};
use crate::reply::Reply;
use crate::wire::Wire;

/// How long a connection may stay silent before its thread gives up, so that no test leaves threads behind for ever.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the origin was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query; a URL or `host:port` where it is asked as a proxy.
    pub target: String,
    /// Field names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Asked {
    /// The first value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Something that happens once, and can be waited for.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Let everybody pass.
    pub fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Wait until it is open, for a minute at most; whether it opened.
    pub fn wait(&self) -> bool {
        let (opened, timeout) = self
            .0
            .1
            .wait_timeout_while(lock(&self.0.0), SILENCE, |open| !*open)
            .unwrap_or_else(PoisonError::into_inner);
        *opened && !timeout.timed_out()
    }
}

/// What answers, whatever the routes say.
type Answers = Box<dyn FnMut(&Asked) -> Reply + Send>;

#[derive(Default)]
struct Shared {
    answers: Mutex<Option<Answers>>,
    routes: Mutex<HashMap<String, VecDeque<Reply>>>,
    queries: Mutex<Vec<(String, String, Reply)>>,
    tunnels: Mutex<HashMap<String, SocketAddr>>,
    log: Mutex<Vec<Asked>>,
    /// How many connections came in.
    connections: AtomicUsize,
    /// What clients sent through tunnels.
    carried: Mutex<Vec<u8>>,
}

impl Shared {
    fn reply(&self, asked: &Asked) -> Option<Reply> {
        if let Some(answers) = &mut *lock(&self.answers) {
            return Some(answers(asked));
        }
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let query = decoded(query);
        let by_query = lock(&self.queries).iter().find(|(at, part, _)| at == path && query.contains(part)).cloned();
        if let Some((_, _, reply)) = by_query {
            return Some(reply);
        }
        let mut routes = lock(&self.routes);
        let replies = routes.get_mut(path)?;
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
    }
}

/// A query without its percent-encoding.
fn decoded(query: &str) -> String {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.bytes();
    while let Some(byte) = rest.next() {
        let digits: Option<String> = (byte == b'%').then(|| rest.by_ref().take(2).map(char::from).collect());
        bytes.push(digits.and_then(|digits| u8::from_str_radix(&digits, 16).ok()).unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A server on a port of its own.
pub struct Origin {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Origin {
    /// Start a server that answers every request with 404 until it is told better.
    pub fn start() -> Self {
        Self::serving("http", None)
    }

    /// Start one that answers what this says.
    pub fn answering(answers: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let origin = Self::start();
        *lock(&origin.shared.answers) = Some(Box::new(answers));
        origin
    }

    /// Start one that speaks TLS, and shows this certificate.
    pub fn secure(identity: Identity) -> Self {
        Self::serving("https", Some(identity.server()))
    }

    /// The same, for clients alone that show a certificate of that authority.
    pub fn secure_for(identity: Identity, clients: &Authority) -> Self {
        Self::serving("https", Some(identity.server_for(Some(clients))))
    }

    fn serving(scheme: &'static str, tls: Option<Arc<ServerConfig>>) -> Self {
        Self::listening(scheme, move |stream, shared| serve(Wire::new(stream, tls.clone()), shared))
    }

    /// Start one that should speak TLS, and says this to whoever comes, whatever it is told.
    pub fn babbling(bytes: &'static [u8]) -> Self {
        Self::listening("https", move |mut stream, _| {
            stream.set_read_timeout(Some(SILENCE))?;
            // Closing with something unread would reset the connection, and what was said with it.
            let _ = stream.read(&mut [0; 4096])?;
            stream.write_all(bytes)?;
            stream.shutdown(Shutdown::Write)?;
            io::copy(&mut stream, &mut io::sink()).map(drop)
        })
    }

    fn listening(
        scheme: &'static str,
        serve: impl Fn(TcpStream, &Shared) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, serve) = (Arc::clone(&serving), serve.clone());
                // A client that goes away is part of the tests.
                thread::spawn(move || serve(stream, &shared).ok());
            }
        });
        Self { scheme, address, shared }
    }

    /// What an operator grants to open this server: `http://127.0.0.1:PORT`.
    pub fn grant(&self) -> String {
        self.named(&self.address.ip().to_string())
    }

    /// The same under another name: `http://NAME:PORT`.
    pub fn named(&self, name: &str) -> String {
        format!("{}://{name}:{}", self.scheme, self.address.port())
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.grant())
    }

    /// Lead whoever asks for a tunnel to `target` (`host:port`) to this server, whatever is said there.
    pub fn tunnel(&self, target: &str, to: &Self) {
        self.tunnel_to(target, to.address);
    }

    /// Lead whoever asks for a tunnel to `target` to whatever listens at an address of this machine.
    pub fn tunnel_to(&self, target: &str, to: SocketAddr) {
        lock(&self.shared.tunnels).insert(target.to_owned(), to);
    }

    /// What clients sent through its tunnels so far.
    pub fn carried(&self) -> Vec<u8> {
        lock(&self.shared.carried).clone()
    }

    /// How many connections came in so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Answer a path with this from now on, whatever its query.
    pub fn route(&self, path: &str, reply: Reply) {
        self.script(path, [reply]);
    }

    /// Answer a path with these in turn, and with the last of them for ever.
    pub fn script(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.shared.routes).insert(path.to_owned(), replies.into_iter().collect());
    }

    /// Answer a path with this from now on where its decoded query contains `part`.
    pub fn route_query(&self, path: &str, part: &str, reply: Reply) {
        lock(&self.shared.queries).push((path.to_owned(), part.to_owned(), reply));
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.log).clone()
    }

    /// Forget what was asked so far.
    pub fn forget(&self) {
        lock(&self.shared.log).clear();
    }
}

fn serve(stream: Wire, shared: &Shared) -> io::Result<()> {
    stream.socket().set_read_timeout(Some(SILENCE))?;
    stream.socket().set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(asked) = receive(&mut reader)? {
        lock(&shared.log).push(asked.clone());
        let tunnel = lock(&shared.tunnels).get(&asked.target).copied().filter(|_| asked.method == "CONNECT");
        if let Some(to) = tunnel {
            reader.get_mut().write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
            return carry(reader.get_ref().socket(), to, shared);
        }
        let reply = shared.reply(&asked).unwrap_or_else(|| Reply::status(404));
        if !reply.send(&asked, reader.get_mut())? {
            return Ok(());
        }
    }
    Ok(())
}

/// Pass on all that comes, both ways, and keep what the client sent.
fn carry(client: &TcpStream, to: SocketAddr, shared: &Shared) -> io::Result<()> {
    let server = TcpStream::connect(to)?;
    let (mut back, mut from) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut back);
        back.shutdown(Shutdown::Write)
    });
    let (mut client, mut server) = (client, server);
    let mut buffer = [0; 4096];
    loop {
        match client.read(&mut buffer)? {
            0 => return server.shutdown(Shutdown::Write),
            read => {
                lock(&shared.carried).extend_from_slice(&buffer[..read]);
                server.write_all(&buffer[..read])?;
            }
        }
    }
}

/// The next request of a connection; `None` at its end.
pub(crate) fn receive(reader: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        match field.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some(Asked { method, target, headers, body }))
}
