//! A proxy between the host and an object store that loses, repeats, cuts and makes up what goes through it, request by
//! request, and knows what was asked.
//!
//! One thread a connection, one connection of its own to the store for each request.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::origin::{Asked, Gate, SILENCE, lock, receive};

/// How long a careless store takes between looking and writing, so that others look meanwhile.
const BETWEEN_LOOK_AND_WRITE: Duration = Duration::from_millis(30);

/// What becomes of one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It does not arrive.
    Lost,
    /// Half of its body arrives, and then the connection ends.
    Torn,
    /// It arrives, and its answer does not.
    Unanswered,
    /// It arrives, and half of its answer does.
    HalfAnswered,
    /// It arrives twice; the second answer is given.
    Twice,
    /// It does not arrive, and this status is its answer.
    Before(u16),
    /// It arrives, and this status is its answer.
    After(u16),
    /// It does not arrive, and nobody answers.
    Hang,
    /// It waits until the second gate opens, and opens the first one before; then it is lost.
    HeldBefore(Gate, Gate),
    /// The same once it has arrived.
    HeldAfter(Gate, Gate),
    /// It waits until the first gate opens, arrives then, and opens the second one; whoever sent it may be gone.
    Late(Gate, Gate),
}

/// What the store does with conditions on writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// As the server behind the proxy does.
    Honest,
    /// It takes no notice of them.
    Careless,
    /// It gives a name once, and takes no notice of which version is to be replaced.
    CarelessOfVersions,
    /// It looks first and writes then, and does not mind who writes in between.
    Racy,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Field names in lower case, and values.
    pub fields: Vec<(String, String)>,
}

impl Sent {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// What a store says that refuses something.
#[derive(Debug, Clone)]
struct Refusal {
    /// The methods that are refused; all where there are none.
    methods: Vec<String>,
    status: u16,
    code: String,
    fields: Vec<(String, String)>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Vec<Sent>>,
    faults: Mutex<HashMap<usize, Fault>>,
    refusal: Mutex<Option<Refusal>>,
}

/// A proxy on a port of its own.
pub struct Between {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Request {
    sent: Sent,
    body: Vec<u8>,
}

impl Between {
    /// Stand before a server.
    pub fn before(server: SocketAddr) -> Self {
        Self::with_habit(server, Habit::Honest)
    }

    /// Stand before a server that treats conditions in its own way.
    pub fn with_habit(server: SocketAddr, habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that goes away is part of the tests.
                thread::spawn(move || serve(stream, server, habit, &shared).ok());
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forget what was asked, and have requests meet faults from now on, by their numbers from 0.
    pub fn script(&self, faults: impl IntoIterator<Item = (usize, Fault)>) {
        // In the order in which a request takes them.
        let (mut log, mut planned) = (lock(&self.shared.log), lock(&self.shared.faults));
        log.clear();
        *planned = faults.into_iter().collect();
    }

    /// Have one more request meet a fault.
    pub fn meet(&self, number: usize, fault: Fault) {
        lock(&self.shared.faults).insert(number, fault);
    }

    /// Answer requests of these methods, or all where none is named, with that from now on, as an object store does.
    pub fn refuse(&self, methods: &[&str], status: u16, code: &str, fields: &[(&str, &str)]) {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        *lock(&self.shared.refusal) = Some(Refusal { methods, status, code: code.to_owned(), fields });
    }

    /// Pass everything on again.
    pub fn relent(&self) {
        *lock(&self.shared.refusal) = None;
    }

    /// What was asked since the last script.
    pub fn asked(&self) -> Vec<Sent> {
        lock(&self.shared.log).clone()
    }
}

impl Request {
    fn receive(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let asked = receive(reader)?;
        Ok(asked.map(|Asked { method, target, headers, body }| Self {
            sent: Sent { method, target, fields: headers },
            body,
        }))
    }

    /// The first bytes of its content, sent to the server; `None` is all of it. The connection ends after the answer.
    fn send(&self, server: SocketAddr, first: Option<usize>) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut head = format!("{} {} HTTP/1.1\r\n", self.sent.method, self.sent.target);
        for (name, value) in self.sent.fields.iter().filter(|(name, _)| name != "connection") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
        stream.write_all(&self.body[..first.unwrap_or(self.body.len())])?;
        Ok(stream)
    }

    /// Send it; the whole answer.
    fn pass(&self, server: SocketAddr) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        self.send(server, None)?.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// The same with what such a store makes of conditions.
    fn pass_by(mut self, server: SocketAddr, habit: Habit) -> io::Result<Vec<u8>> {
        let wanted =
            [self.sent.field("if-none-match"), self.sent.field("if-match")].map(|field| field.map(str::to_owned));
        if habit == Habit::Honest || wanted == [None, None] {
            return self.pass(server);
        }
        if habit == Habit::CarelessOfVersions {
            self.sent.fields.retain(|(name, _)| name != "if-match");
            return self.pass(server);
        }
        if habit == Habit::Racy && !self.finds(server, &wanted)? {
            return Ok(self.answer(412, "PreconditionFailed", &[]));
        }
        thread::sleep(BETWEEN_LOOK_AND_WRITE);
        self.sent.fields.retain(|(name, _)| name != "if-none-match" && name != "if-match");
        self.pass(server)
    }

    /// Whether the conditions hold at the moment.
    fn finds(&self, server: SocketAddr, [none, is]: &[Option<String>; 2]) -> io::Result<bool> {
        let path = self.sent.target.split('?').next().unwrap_or_default();
        let fields = self.sent.fields.iter().filter(|(name, _)| name == "host").cloned().collect();
        let sent = Sent { method: "HEAD".into(), target: path.to_owned(), fields };
        let found = Self { sent, body: Vec::new() }.pass(server)?;
        let found = String::from_utf8_lossy(&found).to_ascii_lowercase();
        let is_there = found.starts_with("http/1.1 200");
        Ok(match (none, is) {
            (Some(_), _) => !is_there,
            (None, Some(tag)) => is_there && found.contains(&tag.to_ascii_lowercase()),
            (None, None) => true,
        })
    }

    /// An answer that says that something is wrong, as the three kinds of stores have it.
    fn answer(&self, status: u16, code: &str, fields: &[(String, String)]) -> Vec<u8> {
        let message = "made up by a test";
        let body = match self.sent.method.as_str() {
            "HEAD" => String::new(),
            _ => format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"),
        };
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 {status} Made Up\r\ncontent-type: application/xml\r\n{fields}");
        format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into_bytes()
    }
}

/// The code that a store gives with a status.
fn code(status: u16) -> &'static str {
    match status {
        409 => "ConditionalRequestConflict",
        412 => "PreconditionFailed",
        429 | 503 => "SlowDown",
        _ => "InternalError",
    }
}

/// Answer the requests of a connection.
fn serve(stream: TcpStream, server: SocketAddr, habit: Habit, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let Some(request) = Request::receive(&mut reader)? else { return Ok(()) };
    let fault = {
        let mut log = lock(&shared.log);
        log.push(request.sent.clone());
        lock(&shared.faults).remove(&(log.len() - 1))
    };
    let refusal = lock(&shared.refusal).clone();
    let refusal =
        refusal.filter(|Refusal { methods, .. }| methods.is_empty() || methods.contains(&request.sent.method));
    if let Some(Refusal { status, code, fields, .. }) = refusal {
        writer.write_all(&request.answer(status, &code, &fields))?;
        return writer.shutdown(Shutdown::Both);
    }
    if let Some(answer) = answer(request, server, habit, fault)? {
        writer.write_all(&answer)?;
    }
    writer.shutdown(Shutdown::Both)
}

/// What is answered to a request, or `None` where the connection ends without an answer.
fn answer(request: Request, server: SocketAddr, habit: Habit, fault: Option<Fault>) -> io::Result<Option<Vec<u8>>> {
    let Some(fault) = fault else { return request.pass_by(server, habit).map(Some) };
    Ok(match fault {
        Fault::Lost => None,
        Fault::Torn => {
            request.send(server, Some(request.body.len() / 2))?.shutdown(Shutdown::Both)?;
            None
        }
        Fault::Unanswered => {
            request.pass(server)?;
            None
        }
        Fault::HalfAnswered => {
            let mut answer = request.pass(server)?;
            answer.truncate(answer.len() / 2);
            Some(answer)
        }
        Fault::Twice => {
            request.pass(server)?;
            Some(request.pass(server)?)
        }
        Fault::Before(status) => Some(request.answer(status, code(status), &[])),
        Fault::After(status) => {
            request.pass(server)?;
            Some(request.answer(status, code(status), &[]))
        }
        Fault::Hang => {
            thread::sleep(SILENCE);
            None
        }
        Fault::HeldBefore(reached, hold) => {
            reached.open();
            hold.wait();
            None
        }
        Fault::HeldAfter(reached, hold) => {
            request.pass(server)?;
            reached.open();
            hold.wait();
            None
        }
        Fault::Late(hold, arrived) => {
            hold.wait();
            let answer = request.pass(server)?;
            arrived.open();
            Some(answer)
        }
    })
}
