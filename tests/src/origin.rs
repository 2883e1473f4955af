//! An HTTP server on loopback that answers as it is told, and keeps a log of what it was asked.
//!
//! One thread a connection, every byte written by hand, so that it can break every rule of HTTP.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::reply::Reply;

/// How long a connection may stay silent before its thread gives up, so that no test leaves threads behind for ever.
const SILENCE: Duration = Duration::from_secs(60);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the origin was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query.
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

#[derive(Default)]
struct Shared {
    routes: Mutex<HashMap<String, VecDeque<Reply>>>,
    queries: Mutex<Vec<(String, String, Reply)>>,
    log: Mutex<Vec<Asked>>,
}

impl Shared {
    fn reply(&self, asked: &Asked) -> Option<Reply> {
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
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Origin {
    /// Start a server that answers every request with 404 until it is told better.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that goes away is part of the tests.
                thread::spawn(move || serve(stream, &shared).ok());
            }
        });
        Self { address, shared }
    }

    /// What an operator grants to open this server: `http://127.0.0.1:PORT`.
    pub fn grant(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.grant())
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

fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(asked) = receive(&mut reader)? {
        lock(&shared.log).push(asked.clone());
        let reply = shared.reply(&asked);
        if !reply.unwrap_or_else(|| Reply::status(404)).send(&asked, &mut writer)? {
            return Ok(());
        }
    }
    Ok(())
}

fn receive(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
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
