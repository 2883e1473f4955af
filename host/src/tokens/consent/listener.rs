//! Where a browser comes back to: as much of a server on loopback as that takes (RFC 8252, 7.3).
//!
//! Browsers connect without asking, and ask for icons. What counts is one GET with the right `state`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use url::Url;

/// Most bytes of a request's first line.
const MAX_LINE: u64 = 16 * 1024;
/// How long a browser may take to ask.
const SILENCE: Duration = Duration::from_secs(30);
/// Most connections at once; others are closed.
const MAX_CONNECTIONS: usize = 64;
/// The path that it comes back to.
const PATH: &str = "/callback";

const AGREED: (&str, &str) = ("200 OK", "That is all. You can close this page.");
const REFUSED: (&str, &str) = ("200 OK", "Nothing was agreed to. You can close this page.");
const UNKNOWN: (&str, &str) = ("404 Not Found", "There is nothing here.");

/// What came back.
type Answer = Result<String, String>;

pub(super) struct Listener {
    listener: TcpListener,
    port: u16,
}

impl Listener {
    /// One at that port of this machine; 0 is any that is free.
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The URL that a browser is sent back to.
    pub(super) fn redirect(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Wait for the code that comes with this state.
    pub(super) fn code(self, state: &str, patience: Duration) -> Result<String, String> {
        let (tell, told) = mpsc::channel();
        let (listener, state) = (self.listener, state.to_owned());
        // It ends with the process, which nothing else keeps from ending.
        thread::spawn(move || accept(&listener, &state, &tell));
        told.recv_timeout(patience).unwrap_or_else(|_| Err("nobody came back from the browser in time".into()))
    }
}

fn accept(listener: &TcpListener, state: &str, tell: &Sender<Answer>) {
    let open = Arc::new(());
    for connection in listener.incoming() {
        let Ok(connection) = connection else { continue };
        // Each has one of these as long as it goes on.
        if Arc::strong_count(&open) > MAX_CONNECTIONS {
            continue;
        }
        let (state, tell, open) = (state.to_owned(), tell.clone(), Arc::clone(&open));
        thread::spawn(move || {
            serve(connection, &state, &tell);
            drop(open);
        });
    }
}

/// Answer one connection. Whatever is wrong with it is the browser's affair.
fn serve(mut connection: TcpStream, state: &str, tell: &Sender<Answer>) {
    let _ = connection.set_read_timeout(Some(SILENCE));
    let _ = connection.set_write_timeout(Some(SILENCE));
    let Ok(Some(target)) = target(&connection) else { return };
    let answer = came_back(&target, state);
    let (status, words) = match &answer {
        Some(Ok(_)) => AGREED,
        Some(Err(_)) => REFUSED,
        None => UNKNOWN,
    };
    let page = format!("<!doctype html><meta charset=utf-8><title>host</title><p>{words}\n");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\nconnection: close\r\n\r\n",
        page.len()
    );
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(page.as_bytes()));
    if let Some(answer) = answer {
        // Where somebody came back twice, the first time counts.
        let _ = tell.send(answer);
    }
}

/// The target of a GET; the rest of its head is read, so that the browser hears the answer.
fn target(connection: &TcpStream) -> io::Result<Option<String>> {
    let mut reader = BufReader::new(connection.take(4 * MAX_LINE));
    let mut line = String::new();
    reader.by_ref().take(MAX_LINE).read_line(&mut line)?;
    let mut words = line.split(' ');
    let target = match (words.next(), words.next()) {
        (Some("GET"), Some(target)) => Some(target.to_owned()),
        (Some(_), Some(_)) => Some(String::new()),
        _ => None,
    };
    let mut field = String::new();
    while reader.read_line(&mut field)? > 2 {
        field.clear();
    }
    Ok(target)
}

/// What a target says, where it is the one that is waited for. An error is believed only with the right state.
fn came_back(target: &str, state: &str) -> Option<Answer> {
    let url = Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
    let of = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if url.path() != PATH || of("state").as_deref() != Some(state) {
        return None;
    }
    match (of("code"), of("error")) {
        (Some(code), None) if !code.is_empty() => Some(Ok(code)),
        (_, Some(error)) => {
            let why = of("error_description").map(|why| format!(" ({why})")).unwrap_or_default();
            Some(Err(rules::text::cut(&rules::text::line(&format!("it refuses: {error}{why}")), 300)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_with_the_right_state_counts() {
        for (target, expected) in [
            ("/callback?code=c%201&state=s", Some(Ok("c 1"))),
            ("/callback?state=s&code=c&iss=https%3A%2F%2Fa.example", Some(Ok("c"))),
            ("/callback?error=access_denied&state=s", Some(Err("it refuses: access_denied"))),
            ("/callback?error=x&error_description=no+way&state=s", Some(Err("it refuses: x (no way)"))),
            ("/callback?error=access_denied", None),
            ("/callback?code=c&state=other", None),
            ("/callback?code=&state=s", None),
            ("/other?code=c&state=s", None),
            ("/favicon.ico", None),
            ("", None),
            ("http://[", None),
        ] {
            let came = came_back(target, "s");
            let came = came.as_ref().map(|came| came.as_deref().map_err(String::as_str));
            assert_eq!(came, expected, "{target}");
        }
    }
}
