//! A server of HTTP/2 on loopback whose every frame is written by hand, so that it can break every rule of RFC 9113.
//!
//! It reads no more of a request than that there is one.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::ServerConfig;

use crate::certificate::Identity;
use crate::reply::Part;
use crate::wire::Wire;

/// What a client begins with (RFC 9113, 3.4).
const PREFACE: usize = 24;
/// How long a connection may stay silent before its thread gives up.
const SILENCE: Duration = Duration::from_secs(60);

/// Kinds of frames (RFC 9113, 6).
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0;
    /// HEADERS.
    pub const HEADERS: u8 = 1;
    /// PRIORITY.
    pub const PRIORITY: u8 = 2;
    /// RST_STREAM.
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// PUSH_PROMISE.
    pub const PUSH_PROMISE: u8 = 5;
    /// PING.
    pub const PING: u8 = 6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 9;
}

/// END_STREAM; of SETTINGS and PING, ACK.
pub const END: u8 = 0x1;
/// END_HEADERS.
pub const END_HEADERS: u8 = 0x4;
/// PADDED.
pub const PADDED: u8 = 0x8;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields in the plainest form of HPACK: neither indexed nor compressed (RFC 7541, 6.2.2).
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An integer of seven bits and more (RFC 7541, 5.1).
fn length(value: usize, block: &mut Vec<u8>) {
    if value < 127 {
        block.push(value as u8);
        return;
    }
    block.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// HEADERS in one frame, which do not end the stream.
pub fn headers(stream: u32, of: &[(&str, &str)]) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS, stream, fields(of))
}

/// DATA that ends the stream.
pub fn last_data(stream: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::DATA, END, stream, bytes)
}

/// SETTINGS as a server begins with.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload = values.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
    frame(kind::SETTINGS, 0, 0, payload.collect::<Vec<u8>>())
}

/// RST_STREAM.
pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, code.to_be_bytes())
}

/// GOAWAY.
pub fn go_away(last: u32, code: u32) -> Vec<u8> {
    frame(kind::GOAWAY, 0, 0, [last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// What is said to a request, given the number of its stream.
pub type Answer = Arc<dyn Fn(u32) -> Vec<Part> + Send + Sync>;

/// The same from bytes alone.
pub fn says(bytes: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Answer {
    Arc::new(move |stream| vec![Part::Bytes(bytes(stream))])
}

struct Shared {
    begin: Vec<u8>,
    answers: Mutex<VecDeque<Answer>>,
    /// Whether a connection ends with its first answer.
    closes: bool,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// A server on a port of its own.
pub struct Http2 {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Http2 {
    /// Start one that begins each connection with these bytes, and gives these answers in turn, and the last of them for
    /// ever.
    pub fn start(identity: Identity, begin: Vec<u8>, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::serving(identity, begin, answers, false)
    }

    /// The same, where a connection ends with its first answer.
    pub fn closing(identity: Identity, begin: Vec<u8>, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::serving(identity, begin, answers, true)
    }

    fn serving(identity: Identity, begin: Vec<u8>, answers: impl IntoIterator<Item = Answer>, closes: bool) -> Self {
        let mut config = identity.server();
        Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let answers = Mutex::new(answers.into_iter().collect());
        let (connections, requests) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { begin, answers, closes, connections, requests });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, config) = (Arc::clone(&serving), Arc::clone(&config));
                // A client that goes away is part of the tests.
                thread::spawn(move || serve(stream, config, &shared).ok());
            }
        });
        Self { address, shared }
    }

    /// What an operator grants to open this server.
    pub fn grant(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.grant())
    }

    /// How many connections came in so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many requests came in so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

fn serve(socket: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> io::Result<()> {
    socket.set_read_timeout(Some(SILENCE))?;
    socket.set_nodelay(true)?;
    let mut wire = Wire::new(socket, Some(config));
    wire.read_exact(&mut [0; PREFACE])?;
    wire.write_all(&shared.begin)?;
    wire.flush()?;
    loop {
        let mut head = [0; 9];
        wire.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        io::copy(&mut (&mut wire).take(length.into()), &mut io::sink())?;
        match head[3] {
            kind::SETTINGS if head[4] & END == 0 => wire.write_all(&frame(kind::SETTINGS, END, 0, ""))?,
            kind::HEADERS => {
                shared.requests.fetch_add(1, Ordering::SeqCst);
                let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                let mut answers = shared.answers.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
                drop(answers);
                let parts = answer.map(|answer| answer(stream)).unwrap_or_default();
                parts.iter().try_for_each(|part| part.send(&mut wire))?;
                if shared.closes {
                    wire.flush()?;
                    wire.say_the_end()?;
                    return wire.shut();
                }
            }
            _ => {}
        }
        wire.flush()?;
    }
}
