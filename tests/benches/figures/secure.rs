//! A thousand small files over TLS, by HTTP/2 and by HTTP/1.1. The server offers one or the other; the host takes what
//! it can. How many connections it opened is counted by the server.

use anyhow::Result;
use harness::{Authority, Environment};

use crate::nginx::{Nginx, Speaks};
use crate::place::{empty, environment, mirror};
use crate::rounds::{Peer, in_turn, run};
use crate::small::write_many;
use crate::table;

const ROUNDS: usize = 5;
/// One request at a time, and so one connection.
const ONE: [&str; 2] = ["--max-concurrency", "1"];

/// A server, the URLs of its files, and a place for a host that trusts it.
struct Side {
    nginx: Nginx,
    urls: String,
    environment: Environment,
}

pub(crate) fn measure() -> Result<()> {
    let authority = Authority::new("figures");
    let identity = authority.identity(&["127.0.0.1"]);
    let newer = Side::new(&Speaks::Http2(&identity), &authority)?;
    let older = Side::new(&Speaks::Tls(&identity), &authority)?;
    let work = format!("1,000 small URLs by {}", newer.spoken(&[])?);
    let several = Peer::of(older.spoken(&[])?, |_| older.command(&[]));
    let one = Peer::of(older.spoken(&ONE)?, |_| older.command(&ONE));
    let measured = in_turn(ROUNDS, |_| newer.command(&[]), vec![several, one])?;
    table::compared(&work, &measured, 0, "");
    table::compared(&work, &measured, 1, "");
    Ok(())
}

impl Side {
    fn new(speaks: &Speaks<'_>, trusted: &Authority) -> Result<Self> {
        let nginx = Nginx::start(speaks)?;
        let urls = write_many(&nginx, "apart")?;
        let environment = environment();
        environment.write("ca.pem", trusted.pem());
        environment.write("host.toml", "[tls]\nca = [\"ca.pem\"]\n");
        Ok(Self { nginx, urls, environment })
    }

    /// A run that finds nothing there yet.
    fn command(&self, more: &[&str]) -> Result<std::process::Command> {
        empty(&self.environment.landing())?;
        let mut command = mirror(&self.environment, self.nginx.origin(), &self.urls);
        command.args(more);
        Ok(command)
    }

    /// What is spoken over how many connections, as the server saw it in a run of its own.
    fn spoken(&self, more: &[&str]) -> Result<String> {
        self.nginx.connections()?;
        run(&mut self.command(more)?)?;
        let (connections, version) = self.nginx.connections()?;
        let noun = if connections == 1 { "connection" } else { "connections" };
        Ok(format!("{version}, {connections} {noun}"))
    }
}
